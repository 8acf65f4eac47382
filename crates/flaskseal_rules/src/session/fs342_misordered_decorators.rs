//! FS342: a check above the route decorator guards a function that nobody calls.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::AUTHENTICATION;
use crate::Rule;
use crate::access::{decorator_name, is_access_check};
use crate::code::words;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(342),
    name: "misordered-decorators",
    summary: "A protection decorator stands outside the route decorator and never runs.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[AUTHENTICATION],
    layers: &[Layer::Source],
    cwe: &[862, 306],
    owasp: Some("A01"),
    asvs: &["V8.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs342_misordered_decorators.md"),
};

pub(crate) struct MisorderedDecorators;

impl Rule for MisorderedDecorators {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for decorated in &cx.evaluation.decorated {
            let is_route =
                |fact: &Fact| matches!(&fact.kind, FactKind::Instance(class, _) if class.is("flask.route()"));
            let decorators = &decorated.decorators;
            // The innermost route registers what stands below it; decorators above it wrap something that is not served.
            let Some(last_route) = decorators.iter().rposition(|(fact, _)| is_route(fact)) else { continue };
            let (above, below) = decorators.split_at(last_route);
            for (fact, span) in above.iter().filter(|(fact, _)| !is_route(fact)) {
                let name = decorator_name(cx, *span);
                if below.iter().any(|(_, other)| decorator_name(cx, *other) == name) {
                    continue;
                }
                let severity = if is_access_check(cx, fact, *span) {
                    Severity::High
                } else if is_limit(&name) {
                    Severity::Medium
                } else {
                    continue;
                };
                let route = decorators.get(last_route).map_or(*span, |(_, route)| *route);
                let message =
                    format!("`{}` is above the route of `{}` and never runs", name, decorated.qualified_name);
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        cx.evidence(route, "registers the function below it, unprotected"),
                        message,
                    )
                    .with_trail([cx.evidence(*span, "wraps the function after it was registered")])
                    .with_scope(&*decorated.qualified_name)
                    .with_fix(Fix::advice(format!("move `@{name}` below the route decorators"))),
                );
            }
        }
    }
}

/// Decorators that limit or remember what a view does, and that are lost in the same way.
fn is_limit(name: &str) -> bool {
    let words = words(name);
    words
        .iter()
        .any(|word| matches!(word.as_str(), "limit" | "limiter" | "ratelimit" | "throttle" | "cached"))
        && !words.iter().any(|word| word == "exempt")
}
