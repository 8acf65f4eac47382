//! Which expressions of a function are data of the request as it came: `request.json`, `request.form.to_dict()`, and
//! the names that hold such.

use std::collections::BTreeSet;

use flaskseal_python::ast::{self, AnyNodeRef, Expr, Stmt};

use crate::code::{last_name, within};

/// The names of a function that hold the whole of the request's fields.
#[derive(Default)]
pub(super) struct Requested<'p> {
    names: BTreeSet<&'p str>,
}

impl<'p> Requested<'p> {
    pub(super) fn of(function: &'p ast::StmtFunctionDef) -> Self {
        let mut requested = Self::default();
        for node in function.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))) {
            let (targets, value): (&'p [Expr], &'p Expr) = match node {
                AnyNodeRef::StmtAssign(assign) => (&assign.targets, &assign.value),
                _ => continue,
            };
            for target in targets {
                if let Expr::Name(name) = target {
                    if requested.has(value) {
                        requested.names.insert(&name.id);
                    } else {
                        requested.names.remove(name.id.as_str());
                    }
                }
            }
        }
        requested
    }

    /// Whether an expression is all fields of the request, as the client named them.
    pub(super) fn has(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Name(name) => self.names.contains(name.id.as_str()),
            Expr::Attribute(attribute) => {
                matches!(attribute.attr.id.as_str(), "json" | "form" | "args" | "values")
                    && last_name(&attribute.value) == Some("request")
            }
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(callee) => match callee.attr.id.as_str() {
                    "get_json" => last_name(&callee.value) == Some("request"),
                    "to_dict" | "copy" | "items" | "lists" => self.has(&callee.value),
                    _ => false,
                },
                Expr::Name(name) if name.id.as_str() == "dict" => {
                    call.arguments.args.first().is_some_and(|first| self.has(first))
                }
                _ => false,
            },
            Expr::BoolOp(node) => node.values.iter().any(|value| self.has(value)),
            _ => false,
        }
    }
}

/// Whether a test of membership stands in a statement: only some names get through.
pub(super) fn tests_membership(body: &[Stmt]) -> bool {
    body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).any(|node| match node {
        AnyNodeRef::ExprCompare(compare) => {
            compare.ops.iter().any(|op| matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn | ast::CmpOp::Eq))
        }
        _ => false,
    })
}
