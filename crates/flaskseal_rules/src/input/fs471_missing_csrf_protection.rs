//! FS471: another site can act in the name of whoever is logged in.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::{Context, Role, role_of};

use super::csrf::{Csrf, Guarding, Identity, Protection, general};
use super::{CSRF, state_change};
use crate::access::name_span;
use crate::code::words;
use crate::flow::example::forged;
use crate::session::coverage;
use crate::session_cookie::{self, Attribute};
use crate::view::View;
use crate::{Rule, identity};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(471),
    name: "missing-csrf-protection",
    summary: "Views that change something for a logged-in user do not check that the user asked for it.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[CSRF],
    layers: &[Layer::Source],
    cwe: &[352],
    owasp: Some("A01"),
    asvs: &["V3.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs471_missing_csrf_protection.md"),
};

/// So many views are listed beside the finding.
const LISTED: usize = 8;

pub(crate) struct MissingCsrfProtection;

impl Rule for MissingCsrfProtection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return out.gap(
                CSRF,
                Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`"),
            );
        }
        let csrf = Csrf::of(cx);
        if csrf.views.is_empty() {
            return out.gap(CSRF, Gap::new("no view of the application was seen", ""));
        }
        if !csrf.views.iter().any(View::is_unsafe) {
            return nothing_to_protect(cx, "no route takes a request that changes something", out);
        }
        let protection = csrf.protection();
        match &protection {
            Protection::Active(evidence) => return out.support(CSRF, evidence.clone()),
            Protection::Unknown(gap) => return out.gap(CSRF, gap.clone()),
            Protection::Unbound(_) | Protection::None => {}
        }
        let at_risk: Vec<(&View<'_>, Guarding)> = csrf
            .views
            .iter()
            .filter(|view| view.is_unsafe() && csrf.changes(view) && csrf.identity(view) == Identity::Ambient)
            .map(|view| (view, csrf.guarding(view)))
            .collect();
        if at_risk.is_empty() {
            let reason = "no view that changes something knows its visitor by a cookie";
            return nothing_to_protect(cx, reason, out);
        }
        let with = |wanted: Guarding| -> Vec<&View<'_>> {
            at_risk.iter().filter(|(_, guarding)| *guarding == wanted).map(|(view, _)| *view).collect()
        };
        let (open, preflighted, checked) =
            (with(Guarding::Open), with(Guarding::Preflighted), with(Guarding::Checked));
        if open.is_empty() && preflighted.is_empty() {
            let claim = format!("each of the {} views that change something checks a token", checked.len());
            return out.support(CSRF, general(claim));
        }
        if csrf.may_be_missed()
            && let Some(file) = speaks_of_csrf(cx)
        {
            let reason = format!("the start was not followed to its end, and `{file}` speaks of CSRF");
            return out.gap(CSRF, Gap::new(reason, ""));
        }
        // That WTF_CSRF_ENABLED is off is FS472's to say.
        if cx.setting_by_default("WTF_CSRF_ENABLED").truth() == Some(false) && cx.has_call("csrf.protect") {
            return;
        }
        out.fail(finding(cx, &protection, &open, &preflighted, !checked.is_empty(), &csrf));
    }
}

fn finding(
    cx: &Context<'_>,
    protection: &Protection<'_>,
    open: &[&View<'_>],
    preflighted: &[&View<'_>],
    some_are_checked: bool,
    csrf: &Csrf<'_>,
) -> Finding {
    let exposed = if open.is_empty() { preflighted } else { open };
    let count = exposed.len();
    let views = if count == 1 { "view" } else { "views" };
    let first = exposed
        .first()
        .map(|view| cx.evidence(name_span(view.span.file, view.node), "checks neither token nor origin"));
    let only_log_in = open.iter().all(|view| is_about_login(cx, view));
    let (severity, message, primary) = match protection {
        Protection::Unbound(call) if !open.is_empty() => (
            Severity::High,
            "CSRF protection is made, but never bound to the application that is served".to_owned(),
            Some(cx.evidence(call.span, "nothing calls `init_app(app)` on it")),
        ),
        _ if open.is_empty() => (
            Severity::Low,
            format!("{count} {views} that change something rely on browsers to ask before they send JSON"),
            first,
        ),
        _ if only_log_in => {
            (Severity::Low, "another site can log its visitors in to an account of its own".to_owned(), first)
        }
        _ if some_are_checked => (
            Severity::Medium,
            format!("{count} {views} that change something do not check where the request comes from"),
            first,
        ),
        _ => {
            let lax = matches!(session_cookie::same_site(cx), Attribute::Good(_))
                && !csrf.views.iter().any(|view| state_change::on_get(view).is_some());
            let severity = if lax { Severity::Medium } else { Severity::High };
            let claim = format!("nothing protects its {count} {views} that change something");
            let primary = session_cookie::of_application(cx, claim);
            (severity, "another site can act in the name of whoever is logged in".to_owned(), Some(primary))
        }
    };
    let primary = primary.unwrap_or_else(|| session_cookie::of_application(cx, String::new()));
    let trail: Vec<Evidence> = exposed
        .iter()
        .map(|view| {
            cx.evidence(name_span(view.span.file, view.node), format!("`{}` checks nothing", view.shown()))
        })
        .filter(|evidence| evidence.span != primary.span)
        .take(LISTED)
        .collect();
    let example = exposed.first().and_then(|view| forged(cx, view.span, view.node));
    Finding::new(META.id, severity, META.confidence, primary, message)
        .with_trail(trail)
        .with_example(example)
        .with_fix(Fix::advice(
            "bind `CSRFProtect` of Flask-WTF to the application that is served, and give every form its token",
        ))
}

/// Whether a view is about logging in, where a forged request gains little.
fn is_about_login(cx: &Context<'_>, view: &View<'_>) -> bool {
    let words = words(view.name());
    identity::is_login(cx, view.name(), view.span)
        || identity::is_logout(cx, view.name(), view.span)
        || ["register", "signup", "registration", "auth", "token"]
            .iter()
            .any(|name| words.iter().any(|word| word == name))
}

/// Says that the question does not arise, where all was seen.
fn nothing_to_protect(cx: &Context<'_>, reason: &str, out: &mut Assessment) {
    if let Some(file) = unfollowed_resources(cx) {
        let reason = format!("`{file}` adds resources of a REST extension, whose methods are not followed");
        return out.gap(CSRF, Gap::new(reason, ""));
    }
    match coverage::examined(cx) {
        Err(gap) if !cx.entry.guessed => out.gap(CSRF, gap),
        _ => out.not_applicable(CSRF, reason),
    }
}

/// A file of the program that has to do with forged requests.
fn speaks_of_csrf<'p>(cx: &Context<'p>) -> Option<&'p str> {
    let tree = cx.project.tree;
    let mut files = tree.ids().map(|id| tree.file(id));
    let file = files.find(|file| {
        file.path.ends_with(".py")
            && role_of(&file.path) == Role::Source
            && ["csrf", "CSRF", "Csrf", "SeaSurf"].iter().any(|mark| file.text.contains(mark))
    })?;
    Some(&file.path)
}

/// A file that registers resources in ways that give no route.
fn unfollowed_resources<'p>(cx: &Context<'p>) -> Option<&'p str> {
    let files = cx.evaluation.loaded.iter().map(|file| cx.project.tree.file(*file));
    files
        .filter(|file| file.text.contains(".add_resource(") || file.text.contains(".add_namespace("))
        .map(|file| &*file.path)
        .next()
}
