//! FS408: request data selects a module, an attribute or a function.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Rope};
use flaskseal_python::ast::{AnyNodeRef, CmpOp, Expr};

use super::NO_INJECTION;
use crate::Rule;
use crate::code::{enclosing, last_name, span_of, within};
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
            let is_limited = has_prefix(&rope) || is_asked_about(cx, &flow) || is_part_of_query(cx, &flow);
            let severity = if is_limited { Severity::Low } else { severity };
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

/// Whether a condition around the call asks something that is not known about the same name: `if has_property(name):`,
/// `if name in model.columns:`.
fn is_asked_about(cx: &Context<'_>, flow: &Flow<'_>) -> bool {
    let around = enclosing(cx, flow.event.span);
    let call = around.iter().find_map(|node| match node {
        AnyNodeRef::ExprCall(call) if span_of(flow.event.span.file, *call) == flow.event.span => Some(*call),
        _ => None,
    });
    let Some(Expr::Name(name)) = call.and_then(|call| call.arguments.args.get(1)) else { return false };
    let asks = |test: &Expr| {
        within(test.into()).into_iter().any(|node| match node {
            AnyNodeRef::ExprCall(call) => call
                .arguments
                .args
                .iter()
                .any(|argument| matches!(argument, Expr::Name(given) if given.id == name.id)),
            AnyNodeRef::ExprCompare(compare) => {
                matches!(&*compare.left, Expr::Name(given) if given.id == name.id)
                    && matches!(compare.ops.first(), Some(CmpOp::In))
            }
            _ => false,
        })
    };
    around.iter().any(|node| match node {
        AnyNodeRef::StmtIf(statement) => asks(&statement.test),
        AnyNodeRef::ExprIf(choice) => asks(&choice.test),
        _ => false,
    })
}

/// Whether the attribute only becomes part of a query, `query.order_by(getattr(User, name))`, or nothing at all.
fn is_part_of_query(cx: &Context<'_>, flow: &Flow<'_>) -> bool {
    const PARTS: &[&str] = &[
        "asc",
        "between",
        "cast",
        "desc",
        "distinct",
        "filter",
        "filter_by",
        "group_by",
        "having",
        "ilike",
        "in_",
        "is_",
        "isnot",
        "like",
        "nulls_first",
        "nulls_last",
        "order_by",
        "where",
        "with_entities",
    ];
    if &*flow.sink.context != "reflect.attribute" {
        return false;
    }
    for node in enclosing(cx, flow.event.span).into_iter().skip(1) {
        match node {
            AnyNodeRef::ExprCall(call) if last_name(&call.func).is_some_and(|name| PARTS.contains(&name)) => {
                return true;
            }
            AnyNodeRef::StmtExpr(statement) => {
                return span_of(flow.event.span.file, &*statement.value) == flow.event.span;
            }
            node if node.is_statement() => return false,
            _ => {}
        }
    }
    false
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
