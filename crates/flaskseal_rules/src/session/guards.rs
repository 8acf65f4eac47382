//! Whether a statement runs only after a check: an enclosing `if`, or an earlier one that leaves.
//!
//! A check compares with something that the requester does not choose. That a field is there, that the method is
//! POST or that a form is filled in is none.

use flaskseal_core::{Span, TextRange};
use flaskseal_project::Context;
use flaskseal_python::ast::{self, Expr, Stmt};
use flaskseal_python::range_of;

/// Whether the statement at a place is reached only through a check of its function.
pub(super) fn is_checked(cx: &Context<'_>, at: Span) -> bool {
    let Some(module) = cx.project.parsed.modules.get(at.file.0 as usize).and_then(Option::as_ref) else {
        return false;
    };
    let mut search = Search { target: at.range, requested: Vec::new(), checked: false };
    search.body(&module.syntax.body);
    search.checked
}

struct Search {
    target: TextRange,
    /// Names of the function that hold what the requester sent.
    requested: Vec<String>,
    checked: bool,
}

impl Search {
    /// Reads statements up to the target. Answers whether it is in them.
    fn body(&mut self, body: &[Stmt]) -> bool {
        for statement in body {
            let range = range_of(statement);
            if range.encloses(self.target) {
                self.inside(statement);
                return true;
            }
            if range.start > self.target.start {
                return false;
            }
            self.before(statement);
        }
        false
    }

    fn inside(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(node) => {
                // What counts begins anew in every function.
                self.checked = false;
                self.requested.clear();
                self.body(&node.body);
            }
            Stmt::ClassDef(node) => {
                self.body(&node.body);
            }
            Stmt::If(node) => {
                self.checked |= self.is_check(&node.test);
                if self.body(&node.body) {
                    return;
                }
                for clause in &node.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.checked |= self.is_check(test);
                    }
                    if self.body(&clause.body) {
                        return;
                    }
                }
            }
            Stmt::While(node) => {
                self.checked |= self.is_check(&node.test);
                let _ = self.body(&node.body) || self.body(&node.orelse);
            }
            Stmt::For(node) => {
                let _ = self.body(&node.body) || self.body(&node.orelse);
            }
            Stmt::With(node) => {
                self.body(&node.body);
            }
            Stmt::Try(node) => {
                let _ = self.body(&node.body) || self.body(&node.orelse) || self.body(&node.finalbody);
            }
            Stmt::Match(_) => self.checked = true,
            Stmt::Assign(node) => self.checked |= self.chooses(&node.value),
            _ => {}
        }
    }

    /// An earlier statement: one that leaves unless a check holds, or one that calls a check.
    fn before(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(node) if leaves(&node.body) => self.checked |= self.is_check(&node.test),
            Stmt::Assert(node) => self.checked |= self.is_check(&node.test),
            Stmt::Expr(node) => {
                if let Expr::Call(call) = &*node.value {
                    self.checked |= is_checking_name(name_of(&call.func));
                }
            }
            Stmt::Try(node) => {
                let handlers_leave = !node.handlers.is_empty()
                    && node
                        .handlers
                        .iter()
                        .all(|ast::ExceptHandler::ExceptHandler(handler)| leaves(&handler.body));
                for statement in &node.body {
                    self.before(statement);
                }
                // What raises for a wrong answer is a check where the handler leaves.
                self.checked |= handlers_leave
                    && node.body.iter().any(|statement| match statement {
                        Stmt::Assign(assign) => {
                            !self.is_requested(&assign.value) && matches!(&*assign.value, Expr::Call(_))
                        }
                        _ => false,
                    });
            }
            Stmt::With(node) => {
                for statement in &node.body {
                    self.before(statement);
                }
            }
            Stmt::Assign(node) => {
                let requested = self.is_requested(&node.value) || is_form(&node.value);
                for target in &node.targets {
                    if let Expr::Name(name) = target {
                        self.requested.retain(|known| *known != *name.id);
                        if requested {
                            self.requested.push(name.id.to_string());
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a test is a check.
    fn is_check(&self, test: &Expr) -> bool {
        match test {
            Expr::BoolOp(node) => node.values.iter().any(|value| self.is_check(value)),
            Expr::UnaryOp(node) => self.is_check(&node.operand),
            Expr::Named(node) => self.is_check(&node.value),
            Expr::Compare(node) => {
                let sides: Vec<&Expr> = std::iter::once(&*node.left).chain(&*node.comparators).collect();
                if sides.iter().any(|side| is_method(side)) {
                    return false;
                }
                if sides.iter().any(|side| !is_constant(side) && !self.is_requested(side)) {
                    return true;
                }
                // Only what was sent, and constants: a check where it has to be one of them.
                let is_equality = node.ops.iter().all(|op| {
                    matches!(op, ast::CmpOp::Eq | ast::CmpOp::NotEq | ast::CmpOp::In | ast::CmpOp::NotIn)
                });
                is_equality
                    && self.is_requested(&node.left)
                    && !is_choice(&node.left)
                    && node.comparators.iter().any(|side| is_constant(side) && !is_empty(side))
            }
            Expr::Call(call) => {
                let name = name_of(&call.func);
                if matches!(name, "validate_on_submit" | "validate" | "is_submitted") {
                    return false;
                }
                is_checking_name(name) || !self.is_requested(test)
            }
            _ => !self.is_requested(test) && !is_constant(test) && !is_method(test),
        }
    }

    /// Whether every name of an expression holds what the requester sent, and there is one.
    fn is_requested(&self, expression: &Expr) -> bool {
        let mut names = Vec::new();
        collect_names(expression, &mut names, 0)
            && !names.is_empty()
            && names.iter().all(|name| {
                matches!(
                    *name,
                    "request"
                        | "form"
                        | "len"
                        | "str"
                        | "int"
                        | "bool"
                        | "all"
                        | "any"
                        | "isinstance"
                        | "dict"
                        | "list"
                ) || self.requested.iter().any(|known| known == name)
            })
            && names.iter().any(|name| {
                matches!(*name, "request" | "form") || self.requested.iter().any(|known| known == name)
            })
    }

    /// `x if x in LANGUAGES else "en"`.
    fn chooses(&self, value: &Expr) -> bool {
        matches!(value, Expr::If(node) if self.is_check(&node.test))
    }
}

/// The names that an expression reads; `false` where it has parts that are not looked into.
fn collect_names<'e>(expression: &'e Expr, names: &mut Vec<&'e str>, depth: usize) -> bool {
    if depth > 32 {
        return false;
    }
    let mut parts: Vec<&Expr> = Vec::new();
    match expression {
        Expr::Name(name) => names.push(name.id.as_str()),
        Expr::Attribute(node) => parts.push(&node.value),
        Expr::Subscript(node) => parts.extend([&*node.value, &*node.slice]),
        Expr::Call(node) => {
            parts.push(&node.func);
            parts.extend(&node.arguments.args);
            parts.extend(node.arguments.keywords.iter().map(|keyword| &keyword.value));
        }
        Expr::BoolOp(node) => parts.extend(&node.values),
        Expr::UnaryOp(node) => parts.push(&node.operand),
        Expr::BinOp(node) => parts.extend([&*node.left, &*node.right]),
        Expr::Compare(node) => {
            parts.push(&node.left);
            parts.extend(&node.comparators);
        }
        Expr::Tuple(node) => parts.extend(&node.elts),
        Expr::List(node) => parts.extend(&node.elts),
        Expr::If(node) => parts.extend([&*node.test, &*node.body, &*node.orelse]),
        _ => return is_constant(expression),
    }
    parts.into_iter().all(|part| collect_names(part, names, depth + 1))
}

fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::Tuple(node) => node.elts.iter().all(is_constant),
        Expr::List(node) => node.elts.iter().all(is_constant),
        Expr::Set(node) => node.elts.iter().all(is_constant),
        _ => false,
    }
}

fn is_empty(expression: &Expr) -> bool {
    match expression {
        Expr::StringLiteral(node) => node.value.to_str().is_empty(),
        Expr::NoneLiteral(_) | Expr::BooleanLiteral(_) | Expr::NumberLiteral(_) => true,
        // `in ("", None)`.
        Expr::Tuple(node) => node.elts.iter().all(is_empty),
        Expr::List(node) => node.elts.iter().all(is_empty),
        _ => false,
    }
}

/// A field that says what to do, not who does it: `request.form["action"] == "login"`.
fn is_choice(side: &Expr) -> bool {
    const CHOICES: &[&str] = &[
        "accept", "action", "agree", "agreed", "button", "btn", "consent", "form", "mode", "next", "step",
        "submit", "terms", "type",
    ];
    let field = match side {
        Expr::Name(name) => name.id.as_str(),
        Expr::Subscript(node) => match &*node.slice {
            Expr::StringLiteral(field) => field.value.to_str(),
            _ => return false,
        },
        Expr::Call(call) => match call.arguments.args.first() {
            Some(Expr::StringLiteral(field)) => field.value.to_str(),
            _ => return false,
        },
        _ => return false,
    };
    crate::identity::words(field).iter().any(|word| CHOICES.contains(&word.as_str()))
}

fn is_method(expression: &Expr) -> bool {
    matches!(expression, Expr::Attribute(node) if node.attr.as_str() == "method")
}

/// `LoginForm()`: what it holds is what the requester sent.
fn is_form(value: &Expr) -> bool {
    matches!(value, Expr::Call(call) if name_of(&call.func).ends_with("Form"))
}

fn name_of(function: &Expr) -> &str {
    match function {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(node) => node.attr.as_str(),
        _ => "",
    }
}

fn is_checking_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["check", "verify", "auth", "require", "ensure", "valid", "compare"]
        .iter()
        .any(|part| lower.contains(part))
        && !matches!(lower.as_str(), "validate_on_submit" | "validate")
}

/// Whether control never comes out at the end.
fn leaves(body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_)) => true,
        Some(Stmt::Expr(node)) => {
            matches!(&*node.value, Expr::Call(call) if matches!(name_of(&call.func), "abort" | "exit"))
        }
        Some(Stmt::If(node)) => {
            leaves(&node.body)
                && node.elif_else_clauses.iter().any(|clause| clause.test.is_none())
                && node.elif_else_clauses.iter().all(|clause| leaves(&clause.body))
        }
        _ => false,
    }
}
