//! FS337: the session from before the login goes on after it.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::Event;

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::identity;
use crate::session_cookie::{self, Store};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(337),
    name: "session-fixation",
    summary: "A login keeps the session that the browser had before.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[384],
    owasp: Some("A07"),
    asvs: &["V7.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs337_session_fixation.md"),
};

pub(crate) struct SessionFixation;

impl Rule for SessionFixation {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        check_chosen_identifier(cx, out);
        let store = session_cookie::store(cx);
        if store == Store::Unknown {
            return;
        }
        // A renewal in any function but logout may be what a login calls.
        let is_renewed = cx.calls("session.clear").any(|call| match call.function {
            Some(function) => !identity::is_logout(cx, &call.scope, function),
            None => true,
        });
        if is_renewed {
            return;
        }
        let mut seen: BTreeSet<Option<Span>> = BTreeSet::new();
        for call in logins(cx) {
            if !seen.insert(call.function) {
                continue;
            }
            let (severity, message) = if store == Store::Server {
                (
                    Severity::Medium,
                    "the login keeps the session's identifier, which somebody else may have chosen",
                )
            } else {
                (Severity::Low, "the login keeps what the session held before")
            };
            let place = cx.evidence(call.span, "no `session.clear()` before");
            out.fail(
                Finding::new(META.id, severity, META.confidence, place, message)
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice(
                        "call `session.clear()` first; with Flask-Session, `app.session_interface.regenerate(session)`",
                    )),
            );
        }
    }
}

/// Calls and writes that log somebody in; `login_user` before writes of the same function.
fn logins<'p>(cx: &Context<'p>) -> Vec<&'p Event> {
    let mut found: Vec<&Event> = cx.calls("login.user").filter(|call| call.function.is_some()).collect();
    found.extend(identity::writes(cx).into_iter().filter_map(|write| {
        let function = write.call.function?;
        let is_identity =
            write.key.is_some_and(identity::is_identity_key) && write.value.truth() != Some(false);
        (is_identity && identity::is_login(cx, &write.call.scope, function)).then_some(write.call)
    }));
    found
}

/// `session.sid = request.args["sid"]`.
fn check_chosen_identifier(cx: &Context<'_>, out: &mut Assessment) {
    for call in cx.calls("session.set-attribute") {
        let [name, value] = call.positional.as_slice() else { continue };
        let is_identifier =
            name.as_str().is_some_and(|name| matches!(name, "sid" | "id" | "_id" | "session_id"));
        if is_identifier && identity::request_source(value).is_some() {
            let place = cx.evidence(call.span, "the sender of the request chooses it");
            let message = "the session's identifier is taken from the request";
            out.fail(
                Finding::new(META.id, Severity::Medium, META.confidence, place, message)
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice("let the session interface make the identifier")),
            );
        }
    }
}
