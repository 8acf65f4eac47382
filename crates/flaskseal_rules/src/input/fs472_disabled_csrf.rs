//! FS472: protection against forged requests is there, and switched off.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::CSRF;
use super::csrf::{Csrf, Identity, Protection, form_class, is_without_token, meta_switch};
use crate::Rule;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(472),
    name: "disabled-csrf",
    summary: "Protection against forged requests is present, but switched off or weakened by configuration.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[CSRF],
    layers: &[Layer::Source],
    cwe: &[352],
    owasp: Some("A01"),
    asvs: &["V3.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs472_disabled_csrf.md"),
};

pub(crate) struct DisabledCsrf;

impl Rule for DisabledCsrf {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return;
        }
        if cx.has_call("csrf.protect") || cx.has_call("form.new") {
            settings(cx, out);
        }
        jwt_cookies(cx, out);
        if is(cx, "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS", true) {
            report(
                cx,
                "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS",
                Severity::Low,
                "the log-in form is not checked for a token",
                out,
            );
        }
        forms(cx, out);
    }
}

/// The settings of Flask-WTF.
fn settings(cx: &Context<'_>, out: &mut Assessment) {
    if is(cx, "WTF_CSRF_ENABLED", false) {
        report(cx, "WTF_CSRF_ENABLED", Severity::High, "`WTF_CSRF_ENABLED` is off in production", out);
        return;
    }
    if is(cx, "WTF_CSRF_CHECK_DEFAULT", false) && cx.has_call("csrf.protect") && !cx.has_call("csrf.check") {
        let message = "`WTF_CSRF_CHECK_DEFAULT` is off, and nothing calls `protect()`";
        report(cx, "WTF_CSRF_CHECK_DEFAULT", Severity::High, message, out);
    }
    let methods = cx.setting_by_default("WTF_CSRF_METHODS");
    if let FactKind::Sequence { items, open: false } = &methods.kind {
        let has = |method: &str| {
            items.iter().any(|item| item.as_str().is_some_and(|text| text.eq_ignore_ascii_case(method)))
        };
        let is_known = items.iter().all(|item| item.as_str().is_some());
        let missing: Vec<&str> =
            ["POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !has(method)).collect();
        if is_known && !missing.is_empty() {
            let message = format!("`WTF_CSRF_METHODS` leaves out {}", missing.join(", "));
            report(cx, "WTF_CSRF_METHODS", Severity::High, &message, out);
        }
    }
    if is(cx, "WTF_CSRF_SSL_STRICT", false) {
        let message = "`WTF_CSRF_SSL_STRICT` is off: the Referer of HTTPS requests is not checked";
        report(cx, "WTF_CSRF_SSL_STRICT", Severity::Low, message, out);
    }
    if matches!(cx.setting_by_default("WTF_CSRF_TIME_LIMIT").kind, FactKind::None) {
        let message = "`WTF_CSRF_TIME_LIMIT` is None: a token is valid as long as its session";
        report(cx, "WTF_CSRF_TIME_LIMIT", Severity::Low, message, out);
    }
}

/// Flask-JWT-Extended, where the token travels in a cookie.
fn jwt_cookies(cx: &Context<'_>, out: &mut Assessment) {
    let location = cx.setting_by_default("JWT_TOKEN_LOCATION");
    let in_cookies = match &location.kind {
        FactKind::Sequence { items, .. } => items.iter().any(|item| item.as_str() == Some("cookies")),
        _ => location.as_str() == Some("cookies"),
    };
    if in_cookies && is(cx, "JWT_COOKIE_CSRF_PROTECT", false) {
        let message = "`JWT_COOKIE_CSRF_PROTECT` is off, and the token travels in a cookie";
        report(cx, "JWT_COOKIE_CSRF_PROTECT", Severity::High, message, out);
    }
}

/// Forms made without their token, in views that nothing else protects.
fn forms(cx: &Context<'_>, out: &mut Assessment) {
    let bare: Vec<&Event> = cx.calls("form.new").filter(|call| is_without_token(cx, call)).collect();
    if bare.is_empty() {
        return;
    }
    let csrf = Csrf::of(cx);
    if !matches!(csrf.protection(), Protection::None | Protection::Unbound(_)) {
        return;
    }
    let mut seen = Vec::new();
    for call in bare {
        let Some(view) = csrf.views.iter().find(|view| Some(view.span) == call.function) else { continue };
        if !view.is_unsafe() || csrf.identity(view) != Identity::Ambient {
            continue;
        }
        let switch = form_class(call).and_then(|class| meta_switch(cx, class)).unwrap_or(call.span);
        if seen.contains(&switch) {
            continue;
        }
        seen.push(switch);
        let place = cx.evidence(switch, "the form is made without its token");
        let message = format!("the form of `{}` has no CSRF token", view.shown());
        out.fail(
            Finding::new(META.id, Severity::Medium, META.confidence, place, message)
                .with_trail((switch != call.span).then(|| cx.evidence(call.span, "used here")))
                .with_scope(view.name())
                .with_fix(Fix::advice("leave the token of the form on")),
        );
    }
}

fn is(cx: &Context<'_>, name: &str, wanted: bool) -> bool {
    let value: Fact = cx.setting_by_default(name);
    value.truth() == Some(wanted) && !matches!(value.kind, FactKind::Absent)
}

fn report(cx: &Context<'_>, name: &str, severity: Severity, message: &str, out: &mut Assessment) {
    let place = session_cookie::place(cx, name, cx.setting_by_default(name));
    out.fail(
        Finding::new(META.id, severity, META.confidence, place.primary, message)
            .with_trail(place.trail)
            .with_fix(Fix::advice(format!("remove `{name}` from the configuration that production loads"))),
    );
}
