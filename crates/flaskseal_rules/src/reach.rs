//! What code a function runs: its own, and that of the functions that it calls, as far as their names tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use crate::access::function_at;
use crate::code::within;

/// Calls are followed this far, to this many functions. A name that more functions have says nothing.
const MAX_DEPTH: usize = 3;
const MAX_FUNCTIONS: usize = 24;
const MAX_NAMESAKES: usize = 3;

/// The functions of the program, by name.
pub(crate) struct Reach<'p> {
    cx: Context<'p>,
    by_name: Arc<ByName>,
}

struct ByName(BTreeMap<Box<str>, Vec<Span>>);

/// A function's code.
#[derive(Clone, Copy)]
pub(crate) struct Function<'p> {
    pub(crate) span: Span,
    pub(crate) node: &'p ast::StmtFunctionDef,
}

impl<'p> Reach<'p> {
    pub(crate) fn new(cx: &Context<'p>) -> Self {
        let by_name = cx.once(|| {
            let mut by_name: BTreeMap<Box<str>, Vec<Span>> = BTreeMap::new();
            for function in &cx.evaluation.functions {
                let name = function.qualified_name.rsplit('.').next().unwrap_or_default();
                by_name.entry(name.into()).or_default().push(function.span);
            }
            ByName(by_name)
        });
        Self { cx: *cx, by_name }
    }

    /// The function and what it calls, itself first.
    pub(crate) fn of(&self, function: Span) -> Vec<Function<'p>> {
        let mut found: Vec<Function<'p>> = Vec::new();
        let mut queue = vec![(function, 0)];
        let mut seen = BTreeSet::from([function]);
        while let Some((span, depth)) = queue.pop() {
            let Some(node) = function_at(&self.cx, span) else { continue };
            found.push(Function { span, node });
            if found.len() == MAX_FUNCTIONS {
                break;
            }
            if depth == MAX_DEPTH {
                continue;
            }
            for callee in called(node) {
                let namesakes = self.by_name.0.get(callee).map(Vec::as_slice).unwrap_or_default();
                if namesakes.len() <= MAX_NAMESAKES {
                    queue.extend(
                        namesakes.iter().filter(|span| seen.insert(**span)).map(|span| (*span, depth + 1)),
                    );
                }
            }
        }
        found
    }

    /// What the function and those that it calls mention.
    pub(crate) fn mentions(&self, function: Span) -> Mentions<'p> {
        let mut mentions = Mentions::default();
        for function in self.of(function) {
            mentions.add_body(function.node);
        }
        mentions
    }
}

/// The names and texts in a piece of code.
#[derive(Default)]
pub(crate) struct Mentions<'p> {
    /// Names, attributes and keywords.
    pub(crate) names: BTreeSet<&'p str>,
    /// String literals in lower case.
    pub(crate) texts: BTreeSet<String>,
    /// Number literals.
    pub(crate) numbers: BTreeSet<i64>,
    /// `session["key"]`, `session.get("key")`, `"key" in session`: Flask's session, and not a database's.
    pub(crate) session: bool,
}

impl<'p> Mentions<'p> {
    /// A function's code, without its decorators.
    pub(crate) fn add_body(&mut self, function: &'p ast::StmtFunctionDef) {
        for statement in &function.body {
            self.add(AnyNodeRef::from(statement));
        }
    }

    pub(crate) fn add(&mut self, node: AnyNodeRef<'p>) {
        for node in within(node) {
            self.session |= reads_session(node);
            match node {
                AnyNodeRef::ExprName(name) => {
                    self.names.insert(&name.id);
                }
                AnyNodeRef::ExprAttribute(attribute) => {
                    self.names.insert(&attribute.attr.id);
                }
                AnyNodeRef::Keyword(keyword) => {
                    self.names.extend(keyword.arg.as_ref().map(|name| name.id.as_str()));
                }
                AnyNodeRef::ExprStringLiteral(text) => {
                    self.texts.insert(text.value.to_str().to_ascii_lowercase());
                }
                AnyNodeRef::ExprNumberLiteral(number) => {
                    if let ast::Number::Int(value) = &number.value {
                        self.numbers.extend(value.as_i64());
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn any_name(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.names.contains(name))
    }

    /// Whether a text has one of the words in it; they are given in lower case.
    pub(crate) fn any_text(&self, words: &[&str]) -> bool {
        self.texts.iter().any(|text| words.iter().any(|word| text.contains(word)))
    }

    /// Whether the code can turn a request away.
    pub(crate) fn refuses(&self) -> bool {
        const REFUSALS: &[&str] = &[
            "abort",
            "redirect",
            "Unauthorized",
            "Forbidden",
            "PermissionDenied",
            "unauthorized",
            "HTTPException",
            "BadRequest",
            "jsonify",
            "make_response",
        ];
        self.any_name(REFUSALS)
            || [400, 401, 403, 419].iter().any(|status| self.numbers.contains(status))
            || self.names.iter().any(|name| name.ends_with("Error"))
    }
}

/// Whether a node reads or writes a key of Flask's session.
fn reads_session(node: AnyNodeRef<'_>) -> bool {
    let is_session = |expression: &Expr| match expression {
        Expr::Name(name) => name.id.as_str() == "session",
        Expr::Attribute(attribute) => {
            attribute.attr.id.as_str() == "session"
                && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "flask")
        }
        _ => false,
    };
    match node {
        AnyNodeRef::ExprSubscript(subscript) => is_session(&subscript.value),
        AnyNodeRef::ExprCompare(compare) => compare.comparators.iter().any(is_session),
        AnyNodeRef::ExprCall(call) => match &*call.func {
            Expr::Attribute(attribute) => {
                matches!(attribute.attr.id.as_str(), "get" | "pop" | "setdefault")
                    && is_session(&attribute.value)
                    && call.arguments.args.first().is_some_and(Expr::is_string_literal_expr)
            }
            _ => false,
        },
        _ => false,
    }
}

/// The names of what a function calls. Methods that every container and every client has are left out.
fn called(function: &ast::StmtFunctionDef) -> BTreeSet<&str> {
    const COMMON: &[&str] = &[
        "add", "all", "append", "close", "commit", "copy", "create", "delete", "execute", "extend", "filter",
        "first", "format", "get", "index", "insert", "items", "join", "keys", "load", "open", "patch", "pop",
        "post", "put", "query", "read", "remove", "run", "save", "send", "set", "start", "stop", "update",
        "values", "write",
    ];
    function
        .body
        .iter()
        .flat_map(|statement| within(AnyNodeRef::from(statement)))
        .filter_map(|node| match node {
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Name(name) => Some(name.id.as_str()),
                Expr::Attribute(attribute) => {
                    Some(attribute.attr.id.as_str()).filter(|name| !COMMON.contains(name))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}
