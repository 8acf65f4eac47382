//! FS449: clients say how much work is done.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use std::collections::BTreeSet;

use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::VALIDATION;
use crate::Rule;
use crate::code::{last_name, span_of, within};
use crate::view::views;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(449),
    name: "resource-exhaustion",
    summary: "A value of the request sets how much work is done or how much memory is taken.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[VALIDATION],
    layers: &[Layer::Source],
    cwe: &[400, 770],
    owasp: None,
    asvs: &["V15.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs449_resource_exhaustion.md"),
};

pub(crate) struct ResourceExhaustion;

impl Rule for ResourceExhaustion {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for view in views(cx) {
            let code: Vec<AnyNodeRef<'_>> =
                view.node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).collect();
            let free = unbounded(&code);
            for node in &code {
                let AnyNodeRef::ExprCall(call) = node else { continue };
                let Some(first) = call.arguments.args.first() else { continue };
                let what = match last_name(&call.func) {
                    Some("range") => "how often a loop runs",
                    Some("sleep") => "how long a worker sleeps",
                    Some("limit") if matches!(&*call.func, Expr::Attribute(_)) => "how many rows are read",
                    Some("zeros" | "ones" | "urandom" | "token_bytes" | "token_hex") => {
                        "how much memory is taken"
                    }
                    _ => continue,
                };
                if !is_number_of_request(first)
                    && !matches!(first, Expr::Name(name) if free.contains(name.id.as_str()))
                {
                    continue;
                }
                let place = cx.evidence(span_of(view.span.file, *call), "without an upper bound");
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        place,
                        format!("the request says {what}"),
                    )
                    .with_scope(view.name())
                    .with_fix(Fix::advice("bound it: `min(number, 100)`")),
                );
            }
        }
    }
}

/// The names that hold a number of the request that nothing compares or bounds.
fn unbounded<'p>(code: &[AnyNodeRef<'p>]) -> BTreeSet<&'p str> {
    let mut names = BTreeSet::new();
    for node in code {
        if let AnyNodeRef::StmtAssign(assign) = node
            && let [Expr::Name(name)] = assign.targets.as_slice()
            && is_number_of_request(&assign.value)
        {
            names.insert(name.id.as_str());
        }
    }
    for node in code {
        let bounded: Vec<&Expr> = match node {
            AnyNodeRef::ExprCompare(compare) => {
                std::iter::once(&*compare.left).chain(&*compare.comparators).collect()
            }
            AnyNodeRef::ExprCall(call)
                if matches!(last_name(&call.func), Some("min" | "clamp" | "validate")) =>
            {
                call.arguments.args.iter().collect()
            }
            _ => continue,
        };
        for name in bounded.iter().flat_map(|expression| within(AnyNodeRef::from(*expression))) {
            if let AnyNodeRef::ExprName(name) = name {
                names.remove(name.id.as_str());
            }
        }
    }
    names
}

/// `int(request.args["n"])`, `request.args.get("n", type=int)`.
fn is_number_of_request(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else { return false };
    let reads_request = |expression: &Expr| {
        within(AnyNodeRef::from(expression)).into_iter().any(|node| match node {
            AnyNodeRef::ExprAttribute(attribute) => {
                matches!(attribute.attr.id.as_str(), "args" | "form" | "values" | "json" | "headers")
                    && last_name(&attribute.value) == Some("request")
            }
            _ => false,
        })
    };
    match last_name(&call.func) {
        Some("int" | "float") => call.arguments.args.first().is_some_and(reads_request),
        Some("get") => {
            let is_int = |keyword: &ast::Keyword| {
                keyword.arg.as_ref().is_some_and(|name| name.as_str() == "type")
                    && matches!(last_name(&keyword.value), Some("int" | "float"))
            };
            reads_request(&call.func) && call.arguments.keywords.iter().any(is_int)
        }
        _ => false,
    }
}
