//! FS345: a login that can be tried as often as anybody likes.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_python::ast::AnyNodeRef;

use super::AUTHENTICATION;
use crate::Rule;
use crate::access::{function_at, name_span, view_span};
use crate::code::{identifiers, nodes, words};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(345),
    name: "missing-login-throttling",
    summary: "Nothing limits login attempts.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[AUTHENTICATION],
    layers: &[Layer::Source],
    cwe: &[307],
    owasp: Some("A07"),
    asvs: &["V6.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs345_missing_login_throttling.md"),
};

pub(crate) struct MissingLoginThrottling;

impl Rule for MissingLoginThrottling {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(app) = cx.app else { return };
        if is_limited(cx) {
            return;
        }
        let mut seen = Vec::new();
        for route in &app.routes {
            let Some(view) = view_span(cx, route) else { continue };
            let takes_forms =
                route.methods.as_ref().is_none_or(|methods| methods.iter().any(|method| method == "POST"));
            if !takes_forms || seen.contains(&view) {
                continue;
            }
            let Some(function) = function_at(cx, view) else { continue };
            let mentioned = identifiers(function.into());
            if !mentioned.iter().any(|name| checks_password(name))
                || !names_login(&function.name.id) && !mentioned.contains("login_user")
            {
                continue;
            }
            seen.push(view);
            let place =
                cx.evidence(name_span(view.file, function), "passwords can be tried here without end");
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, place, "nothing limits login attempts")
                    .with_scope(function.name.id.as_str())
                    .with_fix(Fix::advice("limit the route with Flask-Limiter, `@limiter.limit(\"5/minute\")`, or with nginx's `limit_req`")),
            );
        }
    }
}

/// Whether anything in the program or in front of it counts attempts.
fn is_limited(cx: &Context<'_>) -> bool {
    const WORDS: &[&str] = &[
        "attempt",
        "attempts",
        "captcha",
        "failures",
        "hcaptcha",
        "limiter",
        "lockout",
        "ratelimit",
        "ratelimiter",
        "recaptcha",
        "throttle",
        "throttled",
        "turnstile",
    ];
    let in_program = nodes(cx).any(|(_, node)| {
        let name = match node {
            AnyNodeRef::ExprName(name) => name.id.as_str(),
            AnyNodeRef::ExprAttribute(attribute) => attribute.attr.id.as_str(),
            AnyNodeRef::Alias(alias) => alias.name.id.as_str(),
            _ => return false,
        };
        let words = words(name);
        words.iter().any(|word| WORDS.contains(&word.as_str()))
            || words.windows(2).any(|pair| {
                matches!(
                    (pair[0].as_str(), pair[1].as_str()),
                    ("rate", "limit" | "limiter" | "limited") | ("failed", _)
                )
            })
    });
    in_program
        || cx
            .project
            .deployment
            .files
            .iter()
            .any(|(file, _)| cx.project.tree.file(*file).text.contains("limit_req "))
        || cx
            .project
            .tree
            .files
            .iter()
            .any(|file| file.path.ends_with(".conf") && file.text.contains("limit_req "))
}

fn checks_password(name: &str) -> bool {
    let words = words(name);
    let has = |candidates: &[&str]| words.iter().any(|word| candidates.contains(&word.as_str()));
    name == "checkpw" || has(&["check", "verify", "validate", "hash"]) && has(&["password", "passwd", "pw"])
}

fn names_login(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| matches!(word.as_str(), "login" | "signin" | "authenticate" | "auth" | "token"))
        || words.windows(2).any(|pair| matches!((pair[0].as_str(), pair[1].as_str()), ("log" | "sign", "in")))
}
