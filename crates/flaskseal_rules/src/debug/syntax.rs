//! Questions to the syntax of the files that production loads, where the evaluator notes no event.

use flaskseal_core::{FileId, Span};
use flaskseal_project::semantic::Outcome;
use flaskseal_project::{Context, Role};
use flaskseal_python::ast::visitor::{Visitor, walk_expr, walk_stmt};
use flaskseal_python::ast::{ExceptHandler, Expr, ExprContext, Stmt};
use flaskseal_python::range_of;

use crate::vocabulary::files_with;

/// An environment variable that the code names: `os.environ["X"]`, `os.environ.get("X")`, `os.getenv("X")`.
pub(super) struct VariableUse {
    pub span: Span,
    /// The text that is assigned, where it is an assignment of one.
    pub assigned: Option<String>,
}

/// Where production's code names an environment variable.
pub(super) fn variable_uses(cx: &Context<'_>, name: &str) -> Vec<VariableUse> {
    let mut uses: Vec<(Span, Option<String>)> = Vec::new();
    walk(
        cx,
        &[name],
        &mut |file, expression| {
            if variable_name(expression).is_some_and(|found| found == name) {
                uses.push((span_of(file, expression), None));
            }
        },
        &mut |_, _| {},
    );
    let mut assigned = Vec::new();
    walk(cx, &[name], &mut |_, _| {}, &mut |file, statement| {
        if let Stmt::Assign(node) = statement
            && let [target] = &*node.targets
            && let Expr::Subscript(_) = target
            && variable_name(target).is_some_and(|found| found == name)
            && let Some(text) = literal(&node.value)
        {
            assigned.push((span_of(file, target), text.to_owned()));
        }
    });
    for (span, text) in &mut uses {
        *text = assigned.iter().find(|(at, _)| at == span).map(|(_, text)| text.clone());
    }
    uses.into_iter().map(|(span, assigned)| VariableUse { span, assigned }).collect()
}

/// Where production's code reads a key of `app.config`, with whether it is by `.get`, and the attribute of the
/// application that stood for it.
pub(super) fn config_reads(cx: &Context<'_>, key: &str, attribute: &str) -> Vec<(Span, bool)> {
    let mut reads = Vec::new();
    let mut note = |file: FileId, expression: &Expr| match expression {
        Expr::Subscript(node)
            if matches!(node.ctx, ExprContext::Load)
                && is_config(&node.value)
                && literal(&node.slice) == Some(key) =>
        {
            reads.push((span_of(file, expression), false));
        }
        Expr::Call(node) => {
            if let Expr::Attribute(callee) = &*node.func
                && callee.attr.id == "get"
                && is_config(&callee.value)
                && node.arguments.args.first().and_then(literal) == Some(key)
            {
                reads.push((span_of(file, expression), true));
            }
        }
        Expr::Attribute(node)
            if matches!(node.ctx, ExprContext::Load)
                && node.attr.id == attribute
                && is_application(&node.value) =>
        {
            reads.push((span_of(file, expression), false));
        }
        _ => {}
    };
    let spellings = [
        format!("{key}\""),
        format!("{key}'"),
        format!("app.{attribute}"),
        format!("application.{attribute}"),
    ];
    walk(cx, &spellings.each_ref().map(String::as_str), &mut note, &mut |_, _| {});
    reads
}

/// `try: from local_settings import *` that passes over a missing module.
pub(super) fn optional_star_imports(cx: &Context<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    walk(cx, &["ImportError", "ModuleNotFoundError"], &mut |_, _| {}, &mut |file, statement| {
        let Stmt::Try(node) = statement else { return };
        let is_star = |statement: &&Stmt| {
            matches!(statement, Stmt::ImportFrom(import) if import.names.iter().any(|name| &*name.name == "*")
                && import.module.as_ref().is_some_and(|module| is_settings(module)))
        };
        let passes = node.handlers.iter().any(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            handler.body.iter().all(|statement| matches!(statement, Stmt::Pass(_) | Stmt::Expr(_)))
        });
        if let Some(import) = node.body.iter().find(is_star).filter(|_| passes) {
            found.push(Span { file, range: range_of(import) });
        }
    });
    found
}

fn is_settings(module: &str) -> bool {
    ["settings", "config", "secret", "local", "instance", "prod"].iter().any(|word| module.contains(word))
}

/// `app.config`, `current_app.config`, `self.app.config`.
fn is_config(expression: &Expr) -> bool {
    matches!(expression, Expr::Attribute(node) if node.attr.id == "config" && is_application(&node.value))
}

fn is_application(expression: &Expr) -> bool {
    let name = match expression {
        Expr::Name(name) => &name.id,
        Expr::Attribute(node) => &node.attr.id,
        _ => return false,
    };
    matches!(name.as_str(), "app" | "current_app" | "application" | "flask_app")
}

fn variable_name(expression: &Expr) -> Option<&str> {
    let is_environ = |node: &Expr| match node {
        Expr::Name(name) => name.id == "environ",
        Expr::Attribute(node) => {
            node.attr.id == "environ" && matches!(&*node.value, Expr::Name(name) if name.id == "os")
        }
        _ => false,
    };
    match expression {
        Expr::Subscript(node) if is_environ(&node.value) => literal(&node.slice),
        Expr::Call(node) => {
            let is_read = match &*node.func {
                Expr::Name(name) => name.id == "getenv",
                Expr::Attribute(callee) => match callee.attr.id.as_str() {
                    "get" | "pop" | "setdefault" => is_environ(&callee.value),
                    "getenv" => matches!(&*callee.value, Expr::Name(name) if name.id == "os"),
                    _ => false,
                },
                _ => false,
            };
            is_read.then(|| node.arguments.args.first().and_then(literal)).flatten()
        }
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::StringLiteral(node) => Some(node.value.to_str()),
        _ => None,
    }
}

fn span_of(file: FileId, expression: &Expr) -> Span {
    Span { file, range: range_of(expression) }
}

/// Visits the files that production loads and that hold one of the words.
fn walk(
    cx: &Context<'_>,
    words: &[&str],
    expression: &mut dyn FnMut(FileId, &Expr),
    statement: &mut dyn FnMut(FileId, &Stmt),
) {
    // A start that ends early has not loaded all that it would.
    let ends_early = matches!(cx.evaluation.outcome, Outcome::Raised(_));
    let is_loaded = |file: &FileId| ends_early || cx.evaluation.loaded.binary_search(file).is_ok();
    let is_asked = |file: &FileId| is_loaded(file) && cx.project.role(*file) == Role::Source;
    for file in files_with(cx, words, cx.project.tree.ids().filter(is_asked)) {
        if let Some(Some(module)) = cx.project.parsed.modules.get(file.0 as usize) {
            let mut walker = Walker { file, expression, statement };
            for node in &module.syntax.body {
                walker.visit_stmt(node);
            }
        }
    }
}

struct Walker<'f> {
    file: FileId,
    expression: &'f mut dyn FnMut(FileId, &Expr),
    statement: &'f mut dyn FnMut(FileId, &Stmt),
}

impl<'a> Visitor<'a> for Walker<'_> {
    fn visit_expr(&mut self, node: &'a Expr) {
        (self.expression)(self.file, node);
        walk_expr(self, node);
    }

    fn visit_stmt(&mut self, node: &'a Stmt) {
        (self.statement)(self.file, node);
        walk_stmt(self, node);
    }
}
