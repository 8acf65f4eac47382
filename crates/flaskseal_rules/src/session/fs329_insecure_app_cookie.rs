//! FS329: a cookie that the code sets lacks protection.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::{HTTP_ONLY_COOKIE, SAME_SITE_COOKIE, SECURE_COOKIE};
use crate::identity;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(329),
    name: "insecure-app-cookie",
    summary: "A cookie that application code sets lacks Secure, HttpOnly or SameSite.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SECURE_COOKIE, HTTP_ONLY_COOKIE, SAME_SITE_COOKIE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[614, 1004, 1275],
    owasp: Some("A05"),
    asvs: &["V3.3.1", "V3.3.2", "V3.3.4"],
    fix: FixAvailability::None,
    page: include_str!("fs329_insecure_app_cookie.md"),
};

pub(crate) struct InsecureAppCookie;

impl Rule for InsecureAppCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in cx.calls("cookie.set") {
            // The jar of an HTTP client has a method of this name too.
            let is_client = ["requests.", "http.cookiejar.", "httpx.", "werkzeug.test."]
                .iter()
                .any(|client| call.path.starts_with(client));
            if !is_client && !is_removal(call) {
                judge(cx, call, &Cookie::of_call(call), out);
            }
        }
        for call in cx.calls("cookie.header") {
            if let Some(cookie) = Cookie::of_header(call) {
                judge(cx, call, &cookie, out);
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.answer.is_https()) {
            let name = seen.bare_name().to_ascii_lowercase();
            let is_token =
                ["auth", "token", "jwt", "login", "remember", "user"].iter().any(|word| name.contains(word));
            let is_for_scripts = ["csrf", "xsrf"].iter().any(|word| name.contains(word));
            if seen.is_session(starts) || served::is_of_extension(&name) {
                continue;
            }
            let mut missing = Vec::new();
            if !seen.cookie.secure {
                missing.push("Secure");
            }
            if is_token && !is_for_scripts && !seen.cookie.http_only {
                missing.push("HttpOnly");
            }
            let is_serious = is_token && !is_for_scripts && !missing.is_empty();
            if is_token && seen.cookie.same_site.is_none() {
                missing.push("SameSite");
            }
            if missing.is_empty() {
                continue;
            }
            let severity = if is_serious { META.severity } else { Severity::Low };
            let message = format!("the cookie `{}` lacks {}", seen.cookie.name, missing.join(", "));
            let place = live.at(seen.answer, seen.header, "set so by the running site");
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(
                finding
                    .with_scope(&*seen.cookie.name)
                    .with_fix(Fix::advice("set it with `secure=True, httponly=True, samesite=\"Lax\"`")),
            );
        }
    }
}

/// A cookie, with what is known of its attributes: `None` where it is not.
struct Cookie<'p> {
    name: Option<&'p str>,
    secure: Option<bool>,
    http_only: Option<bool>,
    same_site: Option<bool>,
    carries_token: bool,
}

impl<'p> Cookie<'p> {
    /// `set_cookie(key, value, max_age, expires, path, domain, secure, httponly, samesite)`.
    fn of_call(call: &'p Event) -> Self {
        let flag = |index, name: &str| match call.argument(index, name) {
            Some(value) => match value.by_default().kind {
                FactKind::None => Some(false),
                _ => value.by_default().truth(),
            },
            // What is left out is off, unless it may be among arguments that are not known.
            None => (!call.open).then_some(false),
        };
        let carries_token = call.argument(1, "value").is_some_and(|value| {
            identity::paths(value).iter().any(|path| {
                path.starts_with("jwt.encode")
                    || path.starts_with("flask_jwt_extended.create_")
                    || path.starts_with("itsdangerous.")
            })
        });
        Self {
            name: call.argument(0, "key").and_then(Fact::as_str),
            secure: flag(6, "secure"),
            http_only: flag(7, "httponly"),
            same_site: flag(8, "samesite"),
            carries_token,
        }
    }

    /// `headers["Set-Cookie"] = "name=value; Secure"`, as far as the header's beginning and attributes are known.
    fn of_header(call: &'p Event) -> Option<Self> {
        let [name, value] = call.positional.get(..2)? else { return None };
        if !name.as_str()?.eq_ignore_ascii_case("set-cookie") {
            return None;
        }
        let FactKind::Str(rope) = &value.kind else { return None };
        let shown = rope.to_string().to_ascii_lowercase();
        let has =
            |attribute: &str| Some(shown.split(';').skip(1).any(|part| part.trim().starts_with(attribute)));
        if has("max-age=0") == Some(true) || has("expires=thu, 01") == Some(true) {
            return None;
        }
        Some(Self {
            name: value.as_str().and_then(|text| text.split('=').next()),
            secure: has("secure"),
            http_only: has("httponly"),
            same_site: has("samesite"),
            carries_token: false,
        })
    }
}

fn judge(cx: &Context<'_>, call: &Event, cookie: &Cookie<'_>, out: &mut Assessment) {
    let kind = cookie.name.map_or(Purpose::Other, purpose_of);
    let kind = if cookie.carries_token && kind == Purpose::Other { Purpose::Credential } else { kind };
    let is_credential = kind == Purpose::Credential;
    let is_insecure = cookie.secure == Some(false);
    // A script of the application itself reads a CSRF token or a preference.
    let is_readable =
        cookie.http_only == Some(false) && !matches!(kind, Purpose::CsrfToken | Purpose::Preference);
    // Browsers take Lax for a missing SameSite; that is not left to them where the cookie matters.
    let is_cross_site = cookie.same_site == Some(false) && (is_credential || is_insecure || is_readable);
    let severity =
        if is_credential && (is_insecure || is_readable) { Severity::Medium } else { Severity::Low };
    let missing: Vec<&str> =
        [(is_insecure, "Secure"), (is_readable, "HttpOnly"), (is_cross_site, "SameSite")]
            .into_iter()
            .filter_map(|(is_missing, name)| is_missing.then_some(name))
            .collect();
    if missing.is_empty() {
        return;
    }
    let what = cookie.name.map_or("a cookie".to_owned(), |name| format!("the cookie `{name}`"));
    let message = format!("{what} is set without {}", listed(&missing));
    let claim = if is_insecure { "browsers also send it over plain HTTP" } else { "set here" };
    out.fail(
        Finding::new(META.id, severity, META.confidence, cx.evidence(call.span, claim), message)
            .with_scope(&*call.scope)
            .with_fix(Fix::advice("pass `secure=True, httponly=True, samesite=\"Lax\"`")),
    );
}

/// A call that takes the cookie away again.
fn is_removal(call: &Event) -> bool {
    let is_zero =
        |index, name: &str| call.argument(index, name).is_some_and(|value| value.as_int() == Some(0));
    is_zero(2, "max_age") || is_zero(3, "expires")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Whoever has it is somebody.
    Credential,
    CsrfToken,
    Preference,
    Other,
}

fn purpose_of(name: &str) -> Purpose {
    const PREFERENCES: &[&str] = &[
        "theme",
        "lang",
        "language",
        "locale",
        "timezone",
        "tz",
        "color",
        "colour",
        "consent",
        "currency",
        "sidebar",
        "layout",
        "mode",
        "visited",
        "visits",
        "seen",
        "banner",
        "dark",
        "font",
        "sort",
        "view",
        "count",
        "tutorial",
        "dismissed",
    ];
    const CREDENTIALS: &[&str] = &[
        "session",
        "sess",
        "sid",
        "token",
        "jwt",
        "auth",
        "authorization",
        "remember",
        "user",
        "uid",
        "login",
        "secret",
        "password",
        "role",
        "admin",
        "account",
        "credential",
        "credentials",
        "email",
        "apikey",
    ];
    const PARTS: &[&str] = &["session", "token", "jwt", "passw", "remember", "userid", "username"];
    let words = identity::words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if words.iter().any(|word| word.contains("csrf") || word.contains("xsrf")) {
        Purpose::CsrfToken
    } else if has(PREFERENCES) {
        Purpose::Preference
    } else if has(CREDENTIALS) || words.iter().any(|word| PARTS.iter().any(|part| word.contains(part))) {
        Purpose::Credential
    } else {
        Purpose::Other
    }
}

pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
