//! FS447: clients name the fields that are written.

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;

use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::NO_INJECTION;
use super::requested::{Requested, tests_membership};
use crate::Rule;
use crate::access::function_at;
use crate::code::{last_name, nodes_near, span_of, within, words};
use crate::flow::example;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(447),
    name: "mass-assignment",
    summary: "Every field of the request is copied into a model, a configuration or an object.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[915],
    owasp: Some("A08"),
    asvs: &["V15.3.3"],
    fix: FixAvailability::None,
    page: include_str!("fs447_mass_assignment.md"),
};

pub(crate) struct MassAssignment;

impl Rule for MassAssignment {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for function in &cx.evaluation.functions {
            let text = cx.text(function.span);
            // Nothing of the request is spread without one of these.
            if !["request", "populate_obj"].iter().any(|mark| text.contains(mark)) {
                continue;
            }
            let Some(node) = function_at(cx, function.span) else { continue };
            let requested = Requested::of(node);
            for node in node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))) {
                let Some((at, severity, message, field)) = flaw(cx, function.span.file, node, &requested)
                else {
                    continue;
                };
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        cx.evidence(at, "clients choose the names"),
                        message,
                    )
                    .with_scope(&*function.qualified_name)
                    .with_example(example::field(cx, function.span, field))
                    .with_fix(Fix::advice("take the fields that the form has, each by its name")),
                );
            }
        }
    }
}

/// Where a field of the client's is taken over, how bad that is, in words, and the name of a field that shows it.
fn flaw<'p>(
    cx: &Context<'p>,
    file: FileId,
    node: AnyNodeRef<'_>,
    requested: &Requested<'_>,
) -> Option<(Span, Severity, String, &'p str)> {
    match node {
        AnyNodeRef::ExprCall(call) => {
            let spread = call
                .arguments
                .keywords
                .iter()
                .any(|keyword| keyword.arg.is_none() && requested.has(&keyword.value));
            if spread {
                let name = last_name(&call.func)?;
                if is_statement_values(call) {
                    let message = "every field of the request becomes a column of a table".to_owned();
                    return Some((span_of(file, call), META.severity, message, "is_admin"));
                }
                let class = model(cx, name)?;
                let privileged = privileged(class);
                let severity = if privileged.is_some() { Severity::High } else { META.severity };
                return Some((
                    span_of(file, call),
                    severity,
                    format!("every field of the request becomes a column of `{name}`"),
                    privileged.unwrap_or("id"),
                ));
            }
            let Expr::Attribute(callee) = &*call.func else { return None };
            let first = call.arguments.args.first().filter(|first| requested.has(first))?;
            let is_config =
                |node: &Expr| matches!(node, Expr::Attribute(inner) if inner.attr.id.as_str() == "config");
            match callee.attr.id.as_str() {
                "update" => {}
                "from_mapping" if is_config(&callee.value) => {}
                "values" if is_statement_values(call) => {
                    let message = "every field of the request becomes a column of a table".to_owned();
                    return Some((span_of(file, first), META.severity, message, "is_admin"));
                }
                _ => return None,
            }
            let (severity, what) = match &*callee.value {
                Expr::Attribute(inner) if inner.attr.id.as_str() == "__dict__" => {
                    (Severity::High, "attributes of an object")
                }
                node if is_config(node) => (Severity::Critical, "the application's configuration"),
                Expr::Call(vars) if last_name(&vars.func) == Some("vars") && !vars.arguments.is_empty() => {
                    (Severity::High, "attributes of an object")
                }
                Expr::Call(query) if is_query(query) => (Severity::Medium, "columns of a table"),
                _ => return None,
            };
            let field = if severity == Severity::Critical { "TESTING" } else { "is_admin" };
            let message = format!("every field of the request is written to {what}");
            Some((span_of(file, first), severity, message, field))
        }
        AnyNodeRef::StmtFor(node) => {
            let is_items = match &*node.iter {
                Expr::Call(call) => {
                    matches!(&*call.func, Expr::Attribute(callee) if callee.attr.id.as_str() == "items" && requested.has(&callee.value))
                }
                other => requested.has(other),
            };
            if !is_items || tests_membership(&node.body) {
                return None;
            }
            let set = node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).find_map(
                |node| match node {
                    AnyNodeRef::ExprCall(call) if last_name(&call.func) == Some("setattr") => Some(call),
                    _ => None,
                },
            )?;
            // `setattr(user, name, value)`: the name is the loop's.
            let is_name =
                matches!(set.arguments.args.get(1), Some(Expr::Name(_) | Expr::Call(_) | Expr::Attribute(_)));
            is_name.then(|| {
                (
                    span_of(file, set),
                    Severity::Medium,
                    "every field of the request becomes an attribute".to_owned(),
                    "is_admin",
                )
            })
        }
        _ => None,
    }
}

/// The class of a table that the program defines; `None` for a schema, which has its own list of fields.
fn model<'p>(cx: &Context<'p>, name: &str) -> Option<&'p ast::StmtClassDef> {
    let class = nodes_near(cx, &["class "]).find_map(|(_, node)| match node {
        AnyNodeRef::StmtClassDef(class) if class.name.as_str() == name => Some(class),
        _ => None,
    })?;
    let bases: Vec<&str> = class.bases().iter().filter_map(last_name).collect();
    let is_model = bases.iter().any(|base| {
        matches!(
            *base,
            "Model" | "Base" | "Document" | "DynamicDocument" | "DeclarativeBase" | "EmbeddedDocument"
        ) || base.ends_with("Mixin")
    });
    is_model.then_some(class)
}

/// A column of the table that says who somebody is or what they own.
fn privileged(class: &ast::StmtClassDef) -> Option<&str> {
    const PRIVILEGED: &[&str] = &[
        "admin",
        "balance",
        "credit",
        "owner",
        "password",
        "permission",
        "permissions",
        "role",
        "roles",
        "staff",
        "superuser",
        "verified",
    ];
    let mut fields = class.body.iter().flat_map(|statement| match statement {
        ast::Stmt::Assign(assign) => assign.targets.iter().filter_map(last_name).collect::<Vec<_>>(),
        ast::Stmt::AnnAssign(assign) => last_name(&assign.target).into_iter().collect(),
        _ => Vec::new(),
    });
    fields.find(|field| words(field).iter().any(|word| PRIVILEGED.contains(&word.as_str())))
}

/// `insert(User).values(...)`, `update(User).where(...).values(...)`.
fn is_statement_values(call: &ast::ExprCall) -> bool {
    let Expr::Attribute(callee) = &*call.func else { return false };
    callee.attr.id.as_str() == "values"
        && within(AnyNodeRef::from(&*callee.value)).into_iter().any(|node| match node {
            AnyNodeRef::ExprCall(inner) => matches!(last_name(&inner.func), Some("insert" | "update")),
            _ => false,
        })
}

/// `User.query.filter_by(...)`, `db.session.query(User).filter(...)`.
fn is_query(call: &ast::ExprCall) -> bool {
    within(AnyNodeRef::from(call)).into_iter().any(|node| match node {
        AnyNodeRef::ExprAttribute(attribute) => {
            matches!(attribute.attr.id.as_str(), "query" | "filter_by" | "filter")
        }
        _ => false,
    })
}
