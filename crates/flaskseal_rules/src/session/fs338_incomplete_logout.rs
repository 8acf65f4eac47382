//! FS338: somebody who logged out is still logged in.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact};

use super::AUTHENTICATION;
use crate::Rule;
use crate::identity;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(338),
    name: "incomplete-logout",
    summary: "A logout leaves something in the session that still identifies its user.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[AUTHENTICATION],
    layers: &[Layer::Source],
    cwe: &[613],
    owasp: Some("A07"),
    asvs: &["V7.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs338_incomplete_logout.md"),
};

pub(crate) struct IncompleteLogout;

impl Rule for IncompleteLogout {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let granted = granted_keys(cx);
        let uses_login_user = cx.has_call("login.user");
        if granted.is_empty() && !uses_login_user {
            return;
        }
        for function in &cx.evaluation.functions {
            let is_view = cx.routes_of(function.span).next().is_some();
            if !is_view || !identity::is_logout(cx, &function.qualified_name, function.span) {
                continue;
            }
            let calls = |role| cx.calls(role).filter(|call: &&Event| call.function == Some(function.span));
            if ["session.clear", "logout.user", "jwt.unset-cookies"]
                .iter()
                .any(|role| calls(role).next().is_some())
            {
                continue;
            }
            let emptied = identity::writes(cx).into_iter().filter(|write| {
                write.call.function == Some(function.span) && write.value.truth() == Some(false)
            });
            let removed: BTreeSet<&str> = calls("session.remove")
                .filter_map(|call| call.positional.first().and_then(Fact::as_str))
                .chain(emptied.filter_map(|write| write.key))
                .collect();
            let message = if removed.is_empty() {
                // `del session[...]`, or a helper of the program, may do it.
                let elsewhere = ["session.clear", "logout.user", "session.remove", "jwt.unset-cookies"];
                if elsewhere.iter().any(|role| cx.has_call(role))
                    || cx.text(function.span).contains("session")
                {
                    continue;
                }
                "the logout leaves the session as it is".to_owned()
            } else if uses_login_user {
                "the logout does not call `logout_user()`, so a remembered login comes back".to_owned()
            } else {
                let left: Vec<&str> = granted.iter().copied().filter(|key| !removed.contains(key)).collect();
                if left.is_empty() || cx.text(function.span).contains("del session") {
                    continue;
                }
                format!("the logout leaves `{}` in the session", left.join("`, `"))
            };
            let at =
                calls("session.remove").next().map_or_else(|| cx.headline(function.span), |call| call.span);
            let place = cx.evidence(at, "the session's other keys stay");
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, place, message)
                    .with_scope(&*function.qualified_name)
                    .with_fix(Fix::advice(
                        "call `session.clear()`; with Flask-Login, `logout_user()` before it",
                    )),
            );
        }
    }
}

/// Keys that a login writes and that say who somebody is.
fn granted_keys<'p>(cx: &Context<'p>) -> BTreeSet<&'p str> {
    identity::writes(cx)
        .into_iter()
        .filter(|write| {
            write.value.truth() != Some(false)
                && write
                    .call
                    .function
                    .is_some_and(|function| identity::is_login(cx, &write.call.scope, function))
        })
        .filter_map(|write| write.key.filter(|key| identity::is_identity_key(key)))
        .collect()
}
