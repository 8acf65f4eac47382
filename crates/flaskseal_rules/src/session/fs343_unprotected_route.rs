//! FS343: the one route of its neighbourhood that anybody may call.

use std::collections::BTreeMap;

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::Route;

use super::AUTHENTICATION;
use crate::Rule;
use crate::access::{checks_caller, checks_on, function_at, function_of, name_span, view_span};
use crate::code::words;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(343),
    name: "unprotected-route",
    summary: "A state-changing or administrative route has no access check although its neighbours have one.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[AUTHENTICATION],
    layers: &[Layer::Source],
    cwe: &[862],
    owasp: Some("A01"),
    asvs: &["V8.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs343_unprotected_route.md"),
};

pub(crate) struct UnprotectedRoute;

impl Rule for UnprotectedRoute {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(app) = cx.app else { return };
        // A hook that checks callers protects routes whatever their decorators say.
        if app.hooks.iter().any(|hook| function_of(cx, &hook.function).is_some_and(checks_caller)) {
            return;
        }
        let mut neighbourhoods: BTreeMap<FileId, Vec<(Span, bool, bool)>> = BTreeMap::new();
        for route in app.routes.iter().filter(|route| matters(route)) {
            let Some(view) = view_span(cx, route) else { continue };
            let Some(function) = function_at(cx, view) else { continue };
            let is_checked = checks_on(cx, view) || checks_caller(function);
            let is_public = is_public(&function.name.id) || route.rule.as_str().is_some_and(is_public);
            let routes = neighbourhoods.entry(view.file).or_default();
            if !routes.iter().any(|(known, ..)| *known == view) {
                routes.push((view, is_checked, is_public));
            }
        }
        for routes in neighbourhoods.values() {
            let checked = routes.iter().filter(|(_, is_checked, _)| *is_checked).count();
            let judged = routes.iter().filter(|(_, is_checked, is_public)| *is_checked || !is_public).count();
            // Three of four, and more than two: with fewer, the exception may be meant.
            if checked < 3 || checked * 4 < judged * 3 {
                continue;
            }
            for (span, is_checked, is_public) in routes {
                let Some(function) = function_at(cx, *span) else { continue };
                if *is_checked || *is_public {
                    continue;
                }
                let name = &function.name.id;
                let place = cx.evidence(
                    name_span(span.file, function),
                    format!("{checked} of its neighbours check who asks"),
                );
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        place,
                        format!("`{name}` has no access check"),
                    )
                    .with_scope(name.as_str())
                    .with_fix(Fix::advice(
                        "add the check that its neighbours have, or say in a comment why everybody may",
                    )),
                );
            }
        }
    }
}

/// Whether a route changes something or belongs to administration.
fn matters(route: &Route) -> bool {
    let changes = route.methods.as_ref().is_some_and(|methods| {
        methods.iter().any(|method| matches!(method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE"))
    });
    changes || route.rule.as_str().is_some_and(|rule| rule.split('/').any(|part| part == "admin"))
}

/// Whether a name or a path says that everybody may come here.
fn is_public(name: &str) -> bool {
    const PUBLIC: &[&str] = &[
        "activate",
        "auth",
        "callback",
        "confirm",
        "contact",
        "csp",
        "feedback",
        "forgot",
        "forgotten",
        "health",
        "healthz",
        "hook",
        "index",
        "join",
        "login",
        "logout",
        "newsletter",
        "oauth",
        "password",
        "ping",
        "public",
        "register",
        "registration",
        "report",
        "reset",
        "saml",
        "search",
        "session",
        "setup",
        "signin",
        "signup",
        "sso",
        "status",
        "subscribe",
        "token",
        "unsubscribe",
        "verify",
        "webhook",
        "webhooks",
    ];
    let words = words(name);
    words.iter().any(|word| PUBLIC.contains(&word.as_str()))
        || words.windows(2).any(|pair| {
            matches!(
                (pair[0].as_str(), pair[1].as_str()),
                ("log", "in" | "out") | ("sign", "in" | "up" | "out")
            )
        })
}
