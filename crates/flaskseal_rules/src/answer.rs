//! What clients get to see: the values that views, error handlers and the functions they call hand out.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind, Guard, Rope, Source, States};
use flaskseal_python::ast::{self, statement_visitor};
use flaskseal_python::range_of;

use crate::access::function_at;

/// A value on its way to a client.
pub(crate) struct Answer<'p> {
    pub value: &'p Fact,
    /// Where to point: the call that makes the answer, or the function that returns it.
    pub span: Span,
    /// The function in which that is.
    pub function: Option<Span>,
    pub scope: &'p str,
    /// Its path, where a call hands the value out: `flask.jsonify`. Views return without one.
    pub call: Option<&'p str>,
}

/// Every answer of the application, as production runs with nothing set that the tree leaves open.
pub(crate) fn answers<'p>(cx: &Context<'p>) -> Vec<Answer<'p>> {
    let mut answers = Vec::new();
    for event in cx.calls("response.body").filter(|event| runs(&event.guard)) {
        let values = event.positional.iter().chain(event.keywords.iter().map(|(_, value)| value));
        answers.extend(values.map(|value| Answer {
            value,
            span: event.span,
            function: event.function,
            scope: &event.scope,
            call: Some(&event.path),
        }));
    }
    let views = views(cx);
    for function in cx.evaluation.functions.iter().filter(|function| views.contains(&function.span)) {
        answers.push(Answer {
            value: &function.returns,
            span: function.span,
            function: Some(function.span),
            scope: &function.qualified_name,
            call: None,
        });
    }
    answers
}

/// A piece of an answer that is not a constant of the program.
pub(crate) enum Piece<'p> {
    /// What a library gives, by its access path.
    Path(&'p str),
    /// An environment variable.
    Env(&'p str),
    /// A value as it is: text that is known, a dictionary.
    Value(&'p Fact),
}

impl<'p> Answer<'p> {
    /// Calls `see` with every piece, and the best place for it.
    pub(crate) fn pieces(&self, see: &mut dyn FnMut(Piece<'p>, Span)) {
        pieces(self.value, self.span, see);
    }
}

/// Calls `see` with everything in a value that matters, and the best place for it inside `around`.
pub(crate) fn pieces<'p>(fact: &'p Fact, around: Span, see: &mut dyn FnMut(Piece<'p>, Span)) {
    let inside = |at: &Span| at.file == around.file && around.range.encloses(at.range);
    let at = fact.at.filter(inside).unwrap_or(around);
    match &fact.kind {
        FactKind::Path(path) => see(Piece::Path(path), at),
        FactKind::Str(rope) | FactKind::EncodedText(rope) => walk_text(fact, rope, at, see),
        FactKind::Sequence { items, .. } => {
            for item in items {
                pieces(item, around, see);
            }
        }
        FactKind::Dict { entries, .. } => {
            see(Piece::Value(fact), at);
            for (_, value) in entries {
                pieces(value, around, see);
            }
        }
        FactKind::OneOf(alternatives) => {
            for (alternative, _) in alternatives.iter().filter(|(_, guard)| runs(guard)) {
                pieces(alternative, around, see);
            }
        }
        _ => {}
    }
}

fn walk_text<'p>(fact: &'p Fact, rope: &'p Rope, at: Span, see: &mut dyn FnMut(Piece<'p>, Span)) {
    if rope.as_literal().is_some() {
        see(Piece::Value(fact), at);
    }
    for hole in rope.holes() {
        match &hole.source {
            Source::Path(path) => see(Piece::Path(path), at),
            Source::Env(name) => see(Piece::Env(name), at),
            Source::Root | Source::Unknown => {}
        }
    }
}

/// The functions whose return value is an answer.
pub(crate) struct Views(BTreeSet<Span>);

impl Deref for Views {
    type Target = BTreeSet<Span>;

    fn deref(&self) -> &BTreeSet<Span> {
        &self.0
    }
}

pub(crate) fn views(cx: &Context<'_>) -> Arc<Views> {
    cx.once(|| Views(find_views(cx)))
}

fn find_views(cx: &Context<'_>) -> BTreeSet<Span> {
    let mut views = BTreeSet::new();
    let mut classes: Vec<&str> = Vec::new();
    let routes = cx.app.map(|app| app.routes.as_slice()).unwrap_or_default();
    for (view, _) in routes.iter().flat_map(|route| route.view.alternatives()) {
        match &view.kind {
            FactKind::Function(function) => {
                views.insert(function.span);
            }
            FactKind::Instance(_, attributes) => {
                classes.extend(attributes.iter().filter_map(|(name, value)| match &value.kind {
                    FactKind::Class(class) if &**name == "@class" => Some(&*class.name),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    let hooks = cx.app.map(|app| app.hooks.as_slice()).unwrap_or_default();
    for hook in hooks {
        if let ("errorhandler" | "before_request" | "before_app_request", FactKind::Function(function)) =
            (hook.name.as_str(), &hook.function.kind)
        {
            views.insert(function.span);
        }
    }
    for decorated in &cx.evaluation.decorated {
        let is_route = decorated.decorators.iter().any(|(decorator, span)| {
            matches!(&decorator.kind, FactKind::Instance(class, _) if &*class.name == "flask.route()")
                || cx.text(*span).contains(".route(")
        });
        if is_route {
            views.insert(decorated.function);
        }
    }
    for function in &cx.evaluation.functions {
        let Some((class, method)) = function.qualified_name.rsplit_once('.') else { continue };
        let is_verb = matches!(method, "get" | "post" | "put" | "patch" | "delete" | "dispatch_request");
        let is_view = || {
            let ends = |name: &str| {
                name == class || name.strip_suffix(class).is_some_and(|rest| rest.ends_with('.'))
            };
            // Resources of the REST extensions are registered in ways that are not followed.
            let file = &cx.project.tree.file(function.span.file).text;
            classes.iter().any(|name| ends(name))
                || file.contains("(Resource)")
                || file.contains("(MethodView)")
        };
        if is_verb && is_view() {
            views.insert(function.span);
        }
    }
    views
}

/// What an error handler is registered for: the argument of `errorhandler` or `register_error_handler`.
pub(crate) fn handled_by<'p>(cx: &Context<'p>, function: Span) -> impl Iterator<Item = &'p Fact> + use<'p> {
    let decorators: Vec<Span> = cx
        .decorated(function)
        .iter()
        .flat_map(|decorated| decorated.decorators.iter().map(|(_, span)| *span))
        .collect();
    let registers = move |event: &&Event| {
        decorators.contains(&event.span)
            || event.argument(1, "f").is_some_and(
                |handler| matches!(&handler.kind, FactKind::Function(handler) if handler.span == function),
            )
    };
    cx.calls("error.handler").filter(registers).filter_map(|event| event.argument(0, "code_or_exception"))
}

/// Whether a decorator of the function asks who is there.
pub(crate) fn is_guarded(cx: &Context<'_>, function: Option<Span>) -> bool {
    const WORDS: &[&str] =
        &["login", "auth", "admin", "role", "permission", "jwt", "token", "require", "staff", "protect"];
    let Some(function) = function else { return false };
    let decorated = cx.decorated(function);
    decorated.iter().flat_map(|known| &known.decorators).any(|(_, span)| {
        let text = cx.text(*span).to_lowercase();
        // The path of a route says nothing: `@admin.route("/auth")`.
        !text.contains("route(") && WORDS.iter().any(|word| text.contains(word))
    })
}

/// Whether something runs when nobody sets an open variable, but for those that the program cannot start without:
/// what follows `os.environ["KEY"]` runs where `KEY` is set.
pub(crate) fn runs(guard: &Guard) -> bool {
    guard.conditions().all(|(_, states)| states.unset || *states == States::SET)
}

/// The expressions that a function returns, with their places.
pub(crate) fn returned<'p>(cx: &Context<'p>, function: Span) -> Vec<(&'p ast::Expr, Span)> {
    let Some(node) = function_at(cx, function).filter(|node| range_of(*node) == function.range) else {
        return Vec::new();
    };
    let mut search = Returns { file: function.file, found: Vec::new() };
    statement_visitor::StatementVisitor::visit_body(&mut search, &node.body);
    search.found
}

struct Returns<'p> {
    file: FileId,
    found: Vec<(&'p ast::Expr, Span)>,
}

impl<'p> statement_visitor::StatementVisitor<'p> for Returns<'p> {
    fn visit_stmt(&mut self, statement: &'p ast::Stmt) {
        match statement {
            // What an inner function returns is its own.
            ast::Stmt::FunctionDef(_) => {}
            ast::Stmt::Return(node) => {
                if let Some(value) = &node.value {
                    let span = Span { file: self.file, range: range_of(&**value) };
                    self.found.push((value, span));
                }
            }
            _ => statement_visitor::walk_stmt(self, statement),
        }
    }
}

/// Configuration that production's start runs, with nothing set that the tree leaves open. What stands in functions
/// that nobody was seen to call does not count.
pub(crate) fn start_calls<'p>(
    cx: &Context<'p>,
    role: &'static str,
) -> impl Iterator<Item = &'p Event> + use<'p> {
    cx.calls(role).filter(|event| event.context == When::Start && runs(&event.guard))
}
