//! Fields that a request needs to get to a place: those that the code takes for granted on the way, and those that
//! conditions around the place compare with a text.

use std::collections::BTreeMap;

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_python::ast::{self, AnyNodeRef, CmpOp, Expr};

use crate::code::{enclosing, last_name, span_of, within};

/// Names and values, by where they stand in the request.
#[derive(Default)]
pub(super) struct Needs<'p> {
    pub(super) args: BTreeMap<&'p str, String>,
    pub(super) form: BTreeMap<&'p str, String>,
    pub(super) json: BTreeMap<&'p str, String>,
}

impl<'p> Needs<'p> {
    pub(super) fn of(cx: &Context<'p>, places: &[Span]) -> Self {
        let mut needs = Self::default();
        for place in places {
            let around = enclosing(cx, *place);
            for node in &around {
                match node {
                    AnyNodeRef::StmtFunctionDef(function) => needs.taken(cx, function, *place),
                    AnyNodeRef::StmtIf(statement) if holds(&statement.body, *place) => {
                        needs.compared(&statement.test);
                    }
                    _ => {}
                }
            }
        }
        needs
    }

    /// What a function takes for granted before a place: without `request.form["name"]` it ends there.
    fn taken(&mut self, cx: &Context<'p>, function: &'p ast::StmtFunctionDef, place: Span) {
        for node in function.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))) {
            let AnyNodeRef::ExprSubscript(subscript) = node else { continue };
            let Some((part, name)) = subscript_of(subscript) else { continue };
            let at = span_of(place.file, subscript);
            // What is read under a condition alone is not needed beside it.
            let is_on_the_way = at.range.start <= place.range.end
                && enclosing(cx, at).iter().all(|node| match node {
                    AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtTry(_) | AnyNodeRef::ExprIf(_) => {
                        span_of(place.file, node).range.encloses(place.range)
                    }
                    _ => true,
                });
            if is_on_the_way {
                self.add(part, name, "1", false);
            }
        }
    }

    /// `request.args.get("action") == "send"`, and several of these.
    fn compared(&mut self, test: &'p Expr) {
        match test {
            Expr::BoolOp(all) if all.op == ast::BoolOp::And => {
                for value in &all.values {
                    self.compared(value);
                }
            }
            Expr::Compare(compare) => {
                let field = match &*compare.left {
                    Expr::Subscript(subscript) => subscript_of(subscript),
                    Expr::Call(call) => call_of(call),
                    _ => None,
                };
                if let (Some((part, name)), [CmpOp::Eq], [Expr::StringLiteral(text)]) =
                    (field, &*compare.ops, &*compare.comparators)
                {
                    self.add(part, name, text.value.to_str(), true);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, part: &str, name: &'p str, value: &str, is_exact: bool) {
        let fields = match part {
            "form" => &mut self.form,
            "json" => &mut self.json,
            _ => &mut self.args,
        };
        if is_exact || !fields.contains_key(name) {
            fields.insert(name, value.to_owned());
        }
    }
}

fn holds(body: &[ast::Stmt], place: Span) -> bool {
    body.iter().any(|one| span_of(place.file, one).range.encloses(place.range))
}

/// The part of the request that an expression is.
fn part_of(expression: &Expr) -> Option<&str> {
    let (attribute, is_call) = match expression {
        Expr::Attribute(attribute) => (attribute, false),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(attribute) => (attribute, true),
            _ => return None,
        },
        _ => return None,
    };
    if last_name(&attribute.value) != Some("request") {
        return None;
    }
    match (attribute.attr.id.as_str(), is_call) {
        ("args" | "values", false) => Some("args"),
        ("form", false) => Some("form"),
        ("json", false) | ("get_json", true) => Some("json"),
        _ => None,
    }
}

/// `request.form["name"]`
fn subscript_of(subscript: &ast::ExprSubscript) -> Option<(&str, &str)> {
    match &*subscript.slice {
        Expr::StringLiteral(name) => Some((part_of(&subscript.value)?, name.value.to_str())),
        _ => None,
    }
}

/// `request.form.get("name")`
fn call_of(call: &ast::ExprCall) -> Option<(&str, &str)> {
    match (&*call.func, call.arguments.args.first()) {
        (Expr::Attribute(method), Some(Expr::StringLiteral(name))) if method.attr.id.as_str() == "get" => {
            Some((part_of(&method.value)?, name.value.to_str()))
        }
        _ => None,
    }
}
