//! `except Exception as e`, as written: such a handler sees every error, those among them that the evaluator knows
//! no reason for.

use std::collections::BTreeSet;

use flaskseal_core::{FileId, Span};
use flaskseal_project::{Context, Role};
use flaskseal_python::ast::{self, statement_visitor};

use crate::answer::views;

/// The places where a handler of every exception puts its exception's text into an answer.
pub(super) fn texts_in_answers(cx: &Context<'_>) -> Vec<Span> {
    let views = views(cx);
    let mut found = Vec::new();
    for file in &cx.evaluation.loaded {
        let Some(Some(module)) = cx.project.parsed.modules.get(file.0 as usize) else { continue };
        if cx.project.role(*file) == Role::Test {
            continue;
        }
        let mut search =
            Search { file: *file, views: &views, in_view: false, exceptions: Vec::new(), found: &mut found };
        statement_visitor::StatementVisitor::visit_body(&mut search, &module.syntax.body);
    }
    found
}

struct Search<'p, 's> {
    file: FileId,
    views: &'s BTreeSet<Span>,
    /// What the function returns is an answer, whatever it is.
    in_view: bool,
    /// The names of the exceptions of the handlers around.
    exceptions: Vec<&'p str>,
    found: &'s mut Vec<Span>,
}

impl<'p> statement_visitor::StatementVisitor<'p> for Search<'p, '_> {
    fn visit_stmt(&mut self, statement: &'p ast::Stmt) {
        match statement {
            ast::Stmt::FunctionDef(node) => {
                let span = Span { file: self.file, range: flaskseal_python::range_of(node) };
                let is_view = self.views.contains(&span);
                let (in_view, exceptions) =
                    (std::mem::replace(&mut self.in_view, is_view), std::mem::take(&mut self.exceptions));
                statement_visitor::walk_stmt(self, statement);
                (self.in_view, self.exceptions) = (in_view, exceptions);
            }
            // Production does not run what debugging asks for.
            ast::Stmt::If(node) if mentions_debug(&node.test) => {
                node.elif_else_clauses.iter().for_each(|clause| self.visit_body(&clause.body));
            }
            ast::Stmt::Return(node) => {
                if let Some(value) = &node.value {
                    self.look(value, self.in_view);
                }
            }
            ast::Stmt::Expr(node) => self.look(&node.value, false),
            ast::Stmt::Raise(node) => {
                if let Some(exception) = &node.exc {
                    self.look(exception, false);
                }
            }
            _ => statement_visitor::walk_stmt(self, statement),
        }
    }

    fn visit_except_handler(&mut self, handler: &'p ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(node) = handler;
        let is_broad = match node.type_.as_deref() {
            Some(ast::Expr::Name(class)) => matches!(class.id.as_str(), "Exception" | "BaseException"),
            _ => false,
        };
        let name = node.name.as_ref().filter(|_| is_broad).map(|name| name.id.as_str());
        self.exceptions.extend(name);
        self.visit_body(&node.body);
        if name.is_some() {
            self.exceptions.pop();
        }
    }
}

impl Search<'_, '_> {
    fn look(&mut self, expression: &ast::Expr, is_answer: bool) {
        if !self.exceptions.is_empty()
            && let Some(range) = self.text(expression, is_answer, 0)
        {
            self.found.push(Span { file: self.file, range });
        }
    }

    /// Where the expression has the text of an exception in it, as a part of an answer.
    fn text(
        &self,
        expression: &ast::Expr,
        is_answer: bool,
        depth: usize,
    ) -> Option<flaskseal_core::TextRange> {
        if depth > 32 {
            return None;
        }
        let inner = |expression: &ast::Expr| self.text(expression, is_answer, depth + 1);
        match expression {
            ast::Expr::Name(name) => (is_answer && self.exceptions.contains(&name.id.as_str()))
                .then(|| flaskseal_python::range_of(name)),
            ast::Expr::Subscript(node) => inner(&node.value),
            ast::Expr::Attribute(node) if matches!(node.attr.as_str(), "args" | "message") => {
                inner(&node.value)
            }
            ast::Expr::Call(node) => {
                let name = match &*node.func {
                    ast::Expr::Name(function) => function.id.as_str(),
                    ast::Expr::Attribute(method) => method.attr.as_str(),
                    _ => return None,
                };
                let makes_answer = matches!(
                    name,
                    "jsonify"
                        | "make_response"
                        | "Response"
                        | "abort"
                        | "flash"
                        | "render_template"
                        | "render_template_string"
                );
                let keeps_text = matches!(name, "str" | "repr" | "format" | "dumps" | "dict" | "replace");
                let mut arguments = node
                    .arguments
                    .args
                    .iter()
                    .chain(node.arguments.keywords.iter().map(|keyword| &keyword.value));
                if makes_answer || keeps_text {
                    arguments.find_map(|argument| self.text(argument, is_answer || makes_answer, depth + 1))
                } else {
                    None
                }
            }
            ast::Expr::FString(node) => node
                .value
                .elements()
                .filter_map(|element| element.as_interpolation())
                .find_map(|part| inner(&part.expression)),
            ast::Expr::BinOp(node) => inner(&node.left).or_else(|| inner(&node.right)),
            ast::Expr::Tuple(node) => node.elts.iter().find_map(inner),
            ast::Expr::List(node) => node.elts.iter().find_map(inner),
            ast::Expr::Dict(node) => node.items.iter().find_map(|item| inner(&item.value)),
            _ => None,
        }
    }
}

fn mentions_debug(test: &ast::Expr) -> bool {
    match test {
        ast::Expr::Name(name) => name.id.eq_ignore_ascii_case("debug"),
        ast::Expr::Attribute(node) => node.attr.eq_ignore_ascii_case("debug"),
        ast::Expr::Subscript(node) => {
            matches!(&*node.slice, ast::Expr::StringLiteral(key) if key.value.to_str().eq_ignore_ascii_case("debug"))
        }
        ast::Expr::Call(node) => node.arguments.args.first().is_some_and(
            |key| matches!(key, ast::Expr::StringLiteral(key) if key.value.to_str().eq_ignore_ascii_case("debug")),
        ),
        ast::Expr::BoolOp(node) => node.values.iter().any(mentions_debug),
        _ => false,
    }
}
