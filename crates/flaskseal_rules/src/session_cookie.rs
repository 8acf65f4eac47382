//! The session cookie as production sends it, and whether there is one.
//!
//! Flask's settings decide, unless Talisman writes over them: it sets SameSite and HttpOnly when it is initialised,
//! and Secure with each request while debug is off.

use flaskseal_core::{Assessment, ControlId, Evidence, Gap, Layer, Span};
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_project::{Context, Role, role_of};

use crate::session::coverage;

/// What is known of an attribute of the session cookie.
pub(crate) enum Attribute {
    Good(Evidence),
    Bad(Place),
    Unknown(Gap),
}

/// Where a bad value stands: the value's own place, or the application's where nothing sets it.
pub(crate) struct Place {
    pub(crate) value: Fact,
    pub(crate) primary: Evidence,
    pub(crate) trail: Vec<Evidence>,
}

const ENV_REMEDY: &str = "give production's variables with `--env-file FILE`";

/// Whether the application uses a session cookie. Where it does not, says what follows for the control.
pub(crate) fn is_used(cx: &Context<'_>, control: ControlId, out: &mut Assessment) -> bool {
    if cx.app.is_none() {
        out.gap(
            control,
            Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`"),
        );
        return false;
    }
    if uses_session(cx) {
        return true;
    }
    let sends_header = cx.calls("cookie.header").any(|call| {
        let name = call.positional.first().and_then(Fact::as_str);
        name.is_none_or(|name| name.eq_ignore_ascii_case("set-cookie"))
    });
    if sends_header || cx.has_call("cookie.set") || cx.has_call("jwt.set-cookies") {
        let claim = "no session is used; the cookies that the code sets are judged one by one";
        out.support(control, Evidence::general(Layer::Source, claim));
        return false;
    }
    match coverage::examined(cx) {
        Err(gap) if !cx.entry.guessed || other_code_uses_cookies(cx) => out.gap(control, gap),
        _ => out.not_applicable(control, "nothing in the application sets a cookie"),
    }
    false
}

/// Whether code that the guessed start does not load speaks of cookies: then another start may be the right one.
fn other_code_uses_cookies(cx: &Context<'_>) -> bool {
    const MARKS: &[&str] = &[
        "set_cookie(",
        "session[",
        "import session",
        ", session",
        "flask_login",
        "flask_wtf",
        "flask_session",
        "flash(",
    ];
    let tree = cx.project.tree;
    tree.ids().filter(|id| cx.evaluation.loaded.binary_search(id).is_err()).map(|id| tree.file(id)).any(
        |file| {
            let is_code = file.path.ends_with(".py") && role_of(&file.path) == Role::Source;
            is_code && MARKS.iter().any(|mark| file.text.contains(mark))
        },
    )
}

/// Whether anything reads or writes the session, itself or through an extension.
pub(crate) fn uses_session(cx: &Context<'_>) -> bool {
    [
        "session.use",
        "session.write",
        "session.read",
        "session.remove",
        "session.set-attribute",
        "session.store",
    ]
    .iter()
    .any(|role| cx.has_call(role))
}

/// The Secure attribute.
pub(crate) fn secure(cx: &Context<'_>) -> Attribute {
    for name in ["SESSION_COOKIE_SECURE", "SESSION_COOKIE_PARTITIONED"] {
        if cx.setting_by_default(name).truth() == Some(true) {
            return Attribute::Good(written(cx, name, format!("`{name}` is true")));
        }
    }
    if let Some(talisman) = Talisman::of(cx)
        && talisman.option("session_cookie_secure").is_none_or(|secure| secure.truth() != Some(false))
    {
        match (cx.setting_by_default("DEBUG").truth(), talisman.is_certain()) {
            (Some(false), true) => {
                return Attribute::Good(
                    cx.evidence(talisman.call.span, "Talisman makes the session cookie Secure"),
                );
            }
            (Some(true), _) => {}
            _ => {
                let reason = "whether Talisman makes the session cookie Secure depends on the environment";
                return Attribute::Unknown(Gap::at(talisman.call.span, reason, ENV_REMEDY));
            }
        }
    }
    judged(cx, "SESSION_COOKIE_SECURE", Fact::truth)
}

/// The HttpOnly attribute; on unless something turns it off.
pub(crate) fn http_only(cx: &Context<'_>) -> Attribute {
    let name = "SESSION_COOKIE_HTTPONLY";
    if let Some(talisman) = Talisman::of(cx)
        && talisman.is_certain()
        && talisman.option("session_cookie_http_only").is_none_or(|forced| forced.truth() == Some(true))
        && !talisman.is_overwritten(name)
    {
        return Attribute::Good(
            cx.evidence(talisman.call.span, "Talisman makes the session cookie HttpOnly"),
        );
    }
    judged(cx, name, Fact::truth)
}

/// The SameSite attribute: Lax or Strict, in any case.
pub(crate) fn same_site(cx: &Context<'_>) -> Attribute {
    let name = "SESSION_COOKIE_SAMESITE";
    if let Some(talisman) = Talisman::of(cx)
        && !talisman.is_overwritten(name)
    {
        if !talisman.is_certain() && restricts_sites(&cx.setting_by_default(name)) != Some(true) {
            let reason = "whether Talisman sets SameSite depends on the environment";
            return Attribute::Unknown(Gap::at(talisman.call.span, reason, ENV_REMEDY));
        }
        let value = talisman.option("session_cookie_samesite");
        match value.map_or(Some(true), restricts_sites) {
            Some(true) => return Attribute::Good(cx.evidence(talisman.call.span, "Talisman sets SameSite")),
            Some(false) => {
                let value = value.cloned().unwrap_or(Fact::UNKNOWN);
                let at = value.at.unwrap_or(talisman.call.span);
                return Attribute::Bad(Place {
                    value,
                    primary: cx.evidence(at, "set here"),
                    trail: Vec::new(),
                });
            }
            None => {}
        }
    }
    judged(cx, name, restricts_sites)
}

/// Whether a value of SameSite is Lax or Strict.
fn restricts_sites(value: &Fact) -> Option<bool> {
    match &value.kind {
        FactKind::Str(_) => {
            value.as_str().map(|text| matches!(text.to_ascii_lowercase().as_str(), "lax" | "strict"))
        }
        FactKind::Unknown | FactKind::Path(_) | FactKind::OneOf(_) => None,
        _ => Some(false),
    }
}

/// What a setting alone says.
fn judged(cx: &Context<'_>, name: &'static str, is_good: impl Fn(&Fact) -> Option<bool>) -> Attribute {
    let value = cx.setting_by_default(name);
    let verdict = match &value.kind {
        FactKind::OneOf(alternatives) => {
            let mut verdicts = alternatives.iter().map(|(value, _)| is_good(value));
            let first = verdicts.next().flatten();
            first.filter(|_| verdicts.all(|verdict| verdict == first))
        }
        FactKind::Absent => Some(false),
        _ => is_good(&value),
    };
    match verdict {
        Some(true) => Attribute::Good(written(cx, name, format!("`{name}` is {}", shown(&value)))),
        Some(false) if custom_interface(cx).is_some() => {
            Attribute::Unknown(Gap::new("a session interface of the application's own sends the cookie", ""))
        }
        Some(false) => {
            if cx.entry.guessed
                && let Some(file) = set_elsewhere(cx, name, value.at)
            {
                let reason = format!("`{file}` sets `{name}`, but nothing says whether production loads it");
                return Attribute::Unknown(Gap::new(reason, "name the start with `--entry MODULE:CALLABLE`"));
            }
            Attribute::Bad(place(cx, name, value))
        }
        None => {
            let at = cx.setting(name).and_then(|setting| setting.written.first().copied());
            let gap = Gap::new(format!("the value of `{name}` is not known"), ENV_REMEDY);
            Attribute::Unknown(Gap { span: at, ..gap })
        }
    }
}

/// The place of a setting's value, or the application's where nothing sets it.
pub(crate) fn place(cx: &Context<'_>, name: &str, value: Fact) -> Place {
    let places = cx.setting(name).map(|setting| setting.written.as_slice()).unwrap_or_default();
    let at = places.first().map(|first| value.at.unwrap_or(*first));
    let (primary, trail) = match at {
        Some(at) => {
            let trail =
                places.iter().filter(|place| **place != at).map(|place| cx.evidence(*place, "loaded here"));
            (cx.evidence(at, condition(cx, name, &value)), trail.collect())
        }
        None => (of_application(cx, format!("nothing sets `{name}` for this application")), Vec::new()),
    };
    Place { value, primary, trail }
}

/// What to say at a setting's place: under which environment it is set, where the default runs without.
fn condition(cx: &Context<'_>, name: &str, value: &Fact) -> String {
    let alternatives = cx.setting(name).map(|setting| setting.value.alternatives()).unwrap_or_default();
    let other = alternatives.iter().find(|(_, guard)| !guard.holds_by_default());
    match other {
        Some((_, guard)) if value.at.is_none() => format!("set only where {}", guard.describe()),
        _ => "set here".to_owned(),
    }
}

/// Evidence at the place where the application is made.
pub(crate) fn of_application(cx: &Context<'_>, claim: String) -> Evidence {
    match cx.app.and_then(|app| app.span).or(cx.entry.span) {
        Some(span) => cx.evidence(span, claim),
        None => Evidence::general(Layer::Source, claim),
    }
}

/// Evidence at the place where a setting is written; general for a default.
pub(crate) fn written(cx: &Context<'_>, name: &str, claim: String) -> Evidence {
    match cx.setting(name).and_then(|setting| setting.written.first()) {
        Some(at) => cx.evidence(*at, claim),
        None => Evidence::general(Layer::Source, format!("{claim}: nothing changes the default")),
    }
}

fn shown(value: &Fact) -> String {
    match &value.kind {
        FactKind::Str(rope) => format!("`{rope}`"),
        FactKind::Bool(true) => "true".to_owned(),
        _ => "set".to_owned(),
    }
}

/// A file of the application that sets a setting to something other than its default, in a configuration that the
/// guessed start does not load.
fn set_elsewhere<'p>(cx: &Context<'p>, name: &str, value: Option<Span>) -> Option<&'p str> {
    let tree = cx.project.tree;
    let written = cx.setting(name).map(|setting| setting.written.as_slice()).unwrap_or_default();
    let counted: Vec<Span> = written.iter().copied().chain(value).collect();
    tree.ids().find_map(|id| {
        let file = tree.file(id);
        let line = |offset: u32| file.place(offset).line;
        let counts = |at: usize| {
            counted.iter().any(|span| span.file == id && line(span.range.start) == line(at as u32))
        };
        let is_code = file.path.ends_with(".py") && role_of(&file.path) == Role::Source;
        let sets = |at: usize| {
            let rest = file.text.get(at + name.len()..).unwrap_or_default();
            let value =
                rest.trim_start_matches(['"', '\'', ']', ' ']).strip_prefix(['=', ':']).unwrap_or("=");
            !value.starts_with('=')
                && !["False", "None"].iter().any(|off| value.trim_start().starts_with(off))
        };
        let found = is_code && file.text.match_indices(name).any(|(at, _)| sets(at) && !counts(at));
        found.then_some(&*file.path)
    })
}

/// The class of the application's own session interface, where one replaces Flask's.
pub(crate) fn custom_interface<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    cx.calls("app.set-attribute")
        .filter(|call| call.context == When::Start)
        .find(|call| call.positional.first().and_then(Fact::as_str) == Some("session_interface"))
}

/// Where the session's content lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    /// In the cookie, signed and readable.
    Cookie,
    /// On the server; the cookie names it.
    Server,
    Unknown,
}

pub(crate) fn store(cx: &Context<'_>) -> Store {
    if cx.calls("session.store").any(|call| call.context == When::Start) {
        return Store::Server;
    }
    match custom_interface(cx).and_then(|call| call.positional.get(1)).map(|value| &value.kind) {
        None => Store::Cookie,
        Some(FactKind::Instance(class, _)) if class.is("flask.sessions.SecureCookieSessionInterface") => {
            Store::Cookie
        }
        Some(FactKind::Instance(class, _)) if class.span.is_some() => Store::Server,
        Some(_) => Store::Unknown,
    }
}

/// Talisman, initialised while production starts.
struct Talisman<'p> {
    call: &'p Event,
    cx: Context<'p>,
}

impl<'p> Talisman<'p> {
    fn of(cx: &Context<'p>) -> Option<Self> {
        // Made without an application it waits for `init_app`.
        let call = cx
            .calls("headers.talisman")
            .filter(|call| call.context == When::Start)
            .find(|call| call.argument(0, "app").is_some_and(|app| !matches!(app.kind, FactKind::None)))?;
        Some(Self { call, cx: *cx })
    }

    fn option(&self, name: &str) -> Option<&'p Fact> {
        self.call.keyword(name)
    }

    fn is_certain(&self) -> bool {
        self.call.guard.holds_by_default() && !self.call.open
    }

    /// Whether a setting is written further down in the same file, after Talisman wrote it.
    fn is_overwritten(&self, setting: &str) -> bool {
        let written = self.cx.setting(setting).map(|setting| setting.written.as_slice()).unwrap_or_default();
        let call = self.call.span;
        written.iter().any(|at| at.file == call.file && at.range.start > call.range.end)
    }
}
