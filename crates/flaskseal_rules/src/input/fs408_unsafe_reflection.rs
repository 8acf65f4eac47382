//! FS408: request data selects a module, an attribute or a function.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Rope};
use flaskseal_python::ast::{AnyNodeRef, Expr};

use super::NO_INJECTION;
use crate::Rule;
use crate::code::{enclosing, span_of};
use crate::flow::{Breach, Flow, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(408),
    name: "unsafe-reflection",
    summary: "Request data selects a module, an attribute or a function.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[470, 915],
    owasp: Some("A03"),
    asvs: &["V15.3.5"],
    fix: FixAvailability::None,
    page: include_str!("fs408_unsafe_reflection.md"),
};

pub(crate) struct UnsafeReflection;

impl Rule for UnsafeReflection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["reflect.attribute", "reflect.import", "reflect.name", "reflect.set"]) {
            let Some(rope) = flow.text() else { continue };
            let (place, severity) = match &*flow.sink.context {
                "reflect.import" => ("as the name of a module", Severity::High),
                "reflect.name" => ("as the name of something to look up", Severity::High),
                "reflect.set" => ("as the name of an attribute to change", Severity::Medium),
                _ if is_called(cx, &flow) => ("as the name of what is called", Severity::High),
                _ => ("as the name of an attribute", Severity::Medium),
            };
            let severity = if has_prefix(&rope) { Severity::Low } else { severity };
            let letters = Alphabet::ascii_range(b'g', b'z').union(Alphabet::of("_."));
            for hole in rope.holes() {
                if let Some(breach) = Breach::of(hole, place, letters, &["__class__", "delete"], severity) {
                    found
                        .push(flow.found(breach).advise(
                            "look the name up in a dictionary of what is allowed: `ACTIONS[name]()`",
                        ));
                }
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// `"do_" + name` names only what was made to be named so.
fn has_prefix(rope: &Rope) -> bool {
    rope.literal_prefix().chars().any(char::is_alphanumeric) && !rope.literal_prefix().contains("__")
}

/// `getattr(module, name)(...)`.
fn is_called(cx: &Context<'_>, flow: &Flow<'_>) -> bool {
    enclosing(cx, flow.event.span).into_iter().take(3).any(|node| match node {
        AnyNodeRef::ExprCall(call) => {
            matches!(&*call.func, Expr::Call(inner) if span_of(flow.event.span.file, inner) == flow.event.span)
        }
        _ => false,
    })
}
