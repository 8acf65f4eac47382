//! FS455: a form is used, and nothing runs its validators.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use flaskseal_python::ast::{AnyNodeRef, Expr, Stmt};

use super::VALIDATION;
use crate::Rule;
use crate::code::{last_name, span_of, within};
use crate::reach::Reach;
use crate::view::views;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(455),
    name: "unvalidated-input",
    summary: "A form is used without running its validators, or their answer is ignored.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[VALIDATION],
    layers: &[Layer::Source],
    cwe: &[20],
    owasp: Some("A03"),
    asvs: &["V2.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs455_unvalidated_input.md"),
};

pub(crate) struct UnvalidatedInput;

impl Rule for UnvalidatedInput {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !cx.has_call("form.new") {
            return;
        }
        let reach = Reach::new(cx);
        for view in views(cx).iter().filter(|view| view.is_unsafe()) {
            let made = cx.calls("form.new").find(|call| call.function == Some(view.span));
            let Some(made) = made else { continue };
            let functions = reach.of(view.span);
            let code: Vec<AnyNodeRef<'_>> = functions
                .iter()
                .flat_map(|function| &function.node.body)
                .flat_map(|statement| within(AnyNodeRef::from(statement)))
                .collect();
            let is_validated = code.iter().any(|node| match node {
                AnyNodeRef::ExprAttribute(attribute) => {
                    matches!(
                        attribute.attr.id.as_str(),
                        "validate_on_submit" | "validate" | "is_valid" | "errors"
                    )
                }
                _ => false,
            });
            let ignored = view
                .node
                .body
                .iter()
                .flat_map(|statement| within(AnyNodeRef::from(statement)))
                .find_map(|node| match node {
                    AnyNodeRef::StmtExpr(statement) => match &*statement.value {
                        Expr::Call(call)
                            if matches!(last_name(&call.func), Some("validate_on_submit" | "validate")) =>
                        {
                            Some(statement)
                        }
                        _ => None,
                    },
                    _ => None,
                });
            let used = used_data(&view.node.body);
            let (at, message) = match (ignored, used) {
                (Some(statement), Some(_)) if !asks_for_errors(&code) => (
                    span_of(view.span.file, statement),
                    "the form's validators run, and nobody heeds what they say",
                ),
                (_, Some(used)) if !is_validated => (
                    span_of(view.span.file, used),
                    "the form's data is used, and nothing runs its validators",
                ),
                _ => continue,
            };
            out.fail(
                Finding::new(
                    META.id,
                    Severity::Medium,
                    META.confidence,
                    cx.evidence(at, "used unchecked"),
                    message,
                )
                .with_trail((made.span != at).then(|| cx.evidence(made.span, "the form")))
                .with_scope(view.name())
                .with_fix(Fix::advice("use the data under `if form.validate_on_submit():`")),
            );
        }
    }
}

/// The first `form.field.data` that is read.
fn used_data(body: &[Stmt]) -> Option<&flaskseal_python::ast::ExprAttribute> {
    body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).find_map(|node| match node {
        AnyNodeRef::ExprAttribute(attribute)
            if attribute.attr.id.as_str() == "data" && attribute.ctx.is_load() =>
        {
            match &*attribute.value {
                Expr::Attribute(field) => match &*field.value {
                    Expr::Name(name) if name.id.to_ascii_lowercase().ends_with("form") => Some(attribute),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    })
}

fn asks_for_errors(code: &[AnyNodeRef<'_>]) -> bool {
    code.iter().any(
        |node| matches!(node, AnyNodeRef::ExprAttribute(attribute) if attribute.attr.id.as_str() == "errors"),
    )
}
