//! What a view changes when it is merely looked at: deletions and commits that a GET request reaches.

use flaskseal_core::Span;
use flaskseal_python::ast::{AnyNodeRef, CmpOp, Expr, Stmt};

use crate::code::{last_name, span_of, within, words};
use crate::view::View;

/// A change that a GET request makes.
#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) span: Span,
    pub(super) kind: ChangeKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChangeKind {
    /// Rows or files are deleted.
    Deletion,
    /// What was written is committed.
    Commit,
}

/// The first change that a GET request of the view makes, where it is one that matters: a deletion, or a commit in a
/// view whose name says that it changes something. Confirmations, log-outs and counters are none.
pub(super) fn on_get(view: &View<'_>) -> Option<Change> {
    if !view.has_any(&["GET"]) || is_harmless(view) {
        return None;
    }
    let mut search = Search { view, changes: Vec::new(), post_only: false };
    search.body(&view.node.body);
    let changes = search.changes;
    changes
        .iter()
        .find(|change| change.kind == ChangeKind::Deletion)
        .or_else(|| changes.first().filter(|_| says_change(view)))
        .copied()
}

/// Whether the names around a view say that it changes something.
fn says_change(view: &View<'_>) -> bool {
    const VERBS: &[&str] = &[
        "add",
        "approve",
        "archive",
        "ban",
        "buy",
        "cancel",
        "change",
        "close",
        "create",
        "deactivate",
        "delete",
        "demote",
        "disable",
        "edit",
        "enable",
        "follow",
        "grant",
        "kick",
        "like",
        "move",
        "pay",
        "promote",
        "publish",
        "purge",
        "reject",
        "remove",
        "rename",
        "revoke",
        "save",
        "set",
        "suspend",
        "toggle",
        "transfer",
        "unban",
        "unfollow",
        "unlike",
        "unpublish",
        "update",
        "vote",
        "withdraw",
    ];
    names(view).iter().any(|word| VERBS.contains(&word.as_str()))
}

/// What is done by GET for good reasons, or does no harm.
fn is_harmless(view: &View<'_>) -> bool {
    const HARMLESS: &[&str] = &[
        "activate",
        "authorize",
        "authorized",
        "callback",
        "confirm",
        "confirmation",
        "login",
        "logout",
        "oauth",
        "saml",
        "signin",
        "signout",
        "sso",
        "unsubscribe",
        "verify",
    ];
    names(view).iter().any(|word| HARMLESS.contains(&word.as_str()))
        || view.routes.iter().any(|route| route.rule.as_str().is_some_and(|rule| rule.contains("token>")))
}

/// The words of the view's name and of the fixed parts of its routes.
fn names(view: &View<'_>) -> Vec<String> {
    let rules = view.routes.iter().filter_map(|route| route.rule.as_str());
    let parts = rules.flat_map(|rule| rule.split('/')).filter(|part| !part.contains('<'));
    let mut found: Vec<String> = parts.flat_map(words).collect();
    found.extend(words(view.name()));
    found
}

struct Search<'v, 'p> {
    view: &'v View<'p>,
    changes: Vec<Change>,
    /// Only requests with a body come here.
    post_only: bool,
}

impl Search<'_, '_> {
    fn body(&mut self, body: &[Stmt]) {
        let before = self.post_only;
        for statement in body {
            self.statement(statement);
        }
        self.post_only = before;
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(node) => {
                let test = Test::of(&node.test);
                self.look(AnyNodeRef::from(&*node.test));
                self.under(test == Test::Post, &node.body);
                let mut else_is_post = test == Test::Get;
                for clause in &node.elif_else_clauses {
                    let inner = clause.test.as_ref().map_or(Test::Other, Test::of);
                    self.under(else_is_post || inner == Test::Post, &clause.body);
                    else_is_post |= inner == Test::Get;
                }
                // `if request.method == "GET": return ...`: the rest is for the others.
                if test == Test::Get && leaves(&node.body) {
                    self.post_only = true;
                }
            }
            Stmt::For(node) => {
                self.look(AnyNodeRef::from(&*node.iter));
                self.body(&node.body);
                self.body(&node.orelse);
            }
            Stmt::While(node) => self.body(&node.body),
            Stmt::With(node) => self.body(&node.body),
            Stmt::Try(node) => {
                self.body(&node.body);
                self.body(&node.orelse);
                self.body(&node.finalbody);
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            other => {
                self.look(AnyNodeRef::from(other));
                self.post_only |= needs_body(AnyNodeRef::from(other));
            }
        }
    }

    fn under(&mut self, is_post: bool, body: &[Stmt]) {
        let before = self.post_only;
        self.post_only |= is_post;
        self.body(body);
        self.post_only = before;
    }

    fn look(&mut self, node: AnyNodeRef<'_>) {
        if self.post_only {
            return;
        }
        for node in within(node) {
            let AnyNodeRef::ExprCall(call) = node else { continue };
            let Expr::Attribute(attribute) = &*call.func else { continue };
            let receiver = last_name(&attribute.value).unwrap_or_default();
            let no_arguments = call.arguments.args.is_empty() && call.arguments.keywords.is_empty();
            let kind = match attribute.attr.id.as_str() {
                "delete" if receiver == "session" && !no_arguments => ChangeKind::Deletion,
                "delete" | "delete_instance" if no_arguments && !is_client(receiver) => ChangeKind::Deletion,
                "remove" | "unlink" | "rmtree" | "rmdir" if matches!(receiver, "os" | "shutil") => {
                    ChangeKind::Deletion
                }
                "commit" if no_arguments => ChangeKind::Commit,
                _ => continue,
            };
            self.changes.push(Change { span: span_of(self.view.span.file, call), kind });
        }
    }
}

fn is_client(receiver: &str) -> bool {
    ["client", "cache", "redis", "requests", "response", "http"]
        .iter()
        .any(|word| receiver.to_lowercase().contains(word))
}

/// What a test says of the method of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Test {
    /// It holds only for requests with a body.
    Post,
    /// It holds for GET, and for nothing that is valid with a body.
    Get,
    Other,
}

impl Test {
    fn of(test: &Expr) -> Self {
        match test {
            Expr::UnaryOp(node) => match Self::of(&node.operand) {
                Self::Post => Self::Get,
                Self::Get => Self::Post,
                Self::Other => Self::Other,
            },
            Expr::BoolOp(node) => {
                let mut parts = node.values.iter().map(Self::of);
                parts.find(|part| *part != Self::Other).unwrap_or(Self::Other)
            }
            Expr::Compare(node) => {
                let sides: Vec<&Expr> = std::iter::once(&*node.left).chain(&*node.comparators).collect();
                if !sides.iter().any(|side| last_name(side) == Some("method")) {
                    return if is_form_data(test) { Self::Post } else { Self::Other };
                }
                let texts: Vec<&str> = within(AnyNodeRef::from(test))
                    .into_iter()
                    .filter_map(|node| match node {
                        AnyNodeRef::ExprStringLiteral(text) => Some(text.value.to_str()),
                        _ => None,
                    })
                    .collect();
                let names_get = texts.iter().any(|text| matches!(*text, "GET" | "HEAD"));
                let is_negative = node.ops.iter().any(|op| matches!(op, CmpOp::NotEq | CmpOp::NotIn));
                match (names_get, is_negative) {
                    (true, false) | (false, true) => Self::Get,
                    (true, true) | (false, false) => Self::Post,
                }
            }
            Expr::Call(call) => match last_name(&call.func) {
                Some("validate_on_submit" | "is_submitted" | "validate") => Self::Post,
                _ if is_form_data(test) => Self::Post,
                _ => Self::Other,
            },
            Expr::Name(name) if name.id.contains("submitted") => Self::Post,
            _ if is_form_data(test) => Self::Post,
            _ => Self::Other,
        }
    }
}

/// Whether an expression reads what only a body brings.
fn is_form_data(expression: &Expr) -> bool {
    within(AnyNodeRef::from(expression)).into_iter().any(|node| {
        matches!(node, AnyNodeRef::ExprAttribute(attribute)
            if matches!(attribute.attr.id.as_str(), "form" | "files" | "json" | "get_json")
                && last_name(&attribute.value) == Some("request"))
    })
}

/// Whether a statement fails for a request without a body: `request.form["name"]`, `request.get_json()`.
fn needs_body(node: AnyNodeRef<'_>) -> bool {
    within(node).into_iter().any(|node| match node {
        AnyNodeRef::ExprSubscript(subscript) => {
            matches!(&*subscript.value, Expr::Attribute(attribute)
                if matches!(attribute.attr.id.as_str(), "form" | "files" | "json")
                    && last_name(&attribute.value) == Some("request"))
        }
        AnyNodeRef::ExprCall(call) => {
            matches!(&*call.func, Expr::Attribute(attribute) if attribute.attr.id.as_str() == "get_json")
        }
        _ => false,
    })
}

fn leaves(body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Return(_) | Stmt::Raise(_)) => true,
        Some(Stmt::Expr(node)) => {
            matches!(&*node.value, Expr::Call(call) if last_name(&call.func) == Some("abort"))
        }
        _ => false,
    }
}
