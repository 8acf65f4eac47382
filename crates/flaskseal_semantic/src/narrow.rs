//! What a test says of a name that may be one of several values.
//!
//! A guard speaks of one text. Where a name is `request.args["q"]` or `""`, a test on the name says something else of
//! each of them, and joined the two say nothing: the test is asked of every alternative by itself.

use flaskseal_python::{Name, ast};

use crate::machine::Machine;
use crate::rope::Segment;
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Value};

/// More alternatives than this are left as they are.
const MAX_ALTERNATIVES: usize = 6;
/// A test that nests deeper is left alone.
const MAX_DEPTH: usize = 8;

impl<'a> Machine<'a> {
    /// Keeps of each name in a test the values for which it has this outcome, each as the test leaves it.
    pub(crate) fn narrow_alternatives(&mut self, test: &'a ast::Expr, outcome: bool) {
        let mut names = Vec::new();
        if !collect_names(test, &mut names, 0) {
            return;
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.narrow_alternatives_of(name, test, outcome);
        }
    }

    fn narrow_alternatives_of(&mut self, name: &'a Name, test: &'a ast::Expr, outcome: bool) {
        let scope = self.frame().scope;
        let Some(value) = self.heap.attribute(scope, name).cloned() else { return };
        let Kind::Union(alternatives) = &value.kind else { return };
        if alternatives.len() > MAX_ALTERNATIVES || !alternatives.iter().any(|one| has_hole(&one.value)) {
            return;
        }
        // The test ran already: what it does was noted then.
        let events = self.events.len();
        let (resolved, unresolved) = (self.calls_resolved, self.calls_unresolved);
        let mut kept = Vec::new();
        for alternative in &**alternatives {
            self.heap.set_attribute(scope, name.clone(), alternative.value.clone());
            let truth = self.condition(test).unwrap_or(Truth::EITHER);
            let side = if outcome { truth.yes } else { truth.no };
            let Some(side) = side else { continue };
            let Some(guard) = alternative.guard.and(&side) else { continue };
            kept.push(Alternative { value: alternative.value.under(&side), guard });
        }
        self.events.truncate(events);
        (self.calls_resolved, self.calls_unresolved) = (resolved, unresolved);
        // A path on which no value is possible is not taken; which is wrong, the caller knows.
        let narrowed = if kept.is_empty() { value.clone() } else { Value::union(kept).at(value.at) };
        self.heap.set_attribute(scope, name.clone(), narrowed);
    }
}

fn has_hole(value: &Value) -> bool {
    match &value.kind {
        Kind::Str(rope) => rope.segments().iter().any(|segment| matches!(segment, Segment::Hole(_))),
        _ => false,
    }
}

/// The names in a test that can be asked again, because asking does nothing; `false` where it may do something.
fn collect_names<'a>(test: &'a ast::Expr, names: &mut Vec<&'a Name>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    let parts: Vec<&'a ast::Expr> = match test {
        ast::Expr::Name(name) => {
            names.push(&name.id);
            return true;
        }
        ast::Expr::Compare(node) => std::iter::once(&*node.left).chain(&node.comparators).collect(),
        ast::Expr::UnaryOp(node) => vec![&node.operand],
        ast::Expr::BoolOp(node) => node.values.iter().collect(),
        ast::Expr::Subscript(node) => vec![&node.value, &node.slice],
        ast::Expr::Slice(node) => {
            [&node.lower, &node.upper, &node.step].into_iter().flatten().map(|bound| &**bound).collect()
        }
        ast::Expr::Attribute(node) => vec![&node.value],
        ast::Expr::Tuple(node) => node.elts.iter().collect(),
        ast::Expr::List(node) => node.elts.iter().collect(),
        ast::Expr::Set(node) => node.elts.iter().collect(),
        ast::Expr::Call(node) => {
            let receiver = match &*node.func {
                ast::Expr::Name(name) if matches!(name.id.as_str(), "len" | "str" | "isinstance" | "ord") => {
                    None
                }
                ast::Expr::Attribute(method) if is_test_method(&method.attr.id) => Some(&*method.value),
                _ => return false,
            };
            if !node.arguments.keywords.is_empty() {
                return false;
            }
            receiver.into_iter().chain(&node.arguments.args).collect()
        }
        ast::Expr::StringLiteral(_)
        | ast::Expr::BytesLiteral(_)
        | ast::Expr::NumberLiteral(_)
        | ast::Expr::BooleanLiteral(_)
        | ast::Expr::NoneLiteral(_) => return true,
        _ => return false,
    };
    parts.into_iter().all(|part| collect_names(part, names, depth + 1))
}

/// Methods of text and of patterns that change nothing.
fn is_test_method(name: &str) -> bool {
    matches!(
        name,
        "startswith"
            | "endswith"
            | "find"
            | "count"
            | "index"
            | "isalnum"
            | "isalpha"
            | "isascii"
            | "isdecimal"
            | "isdigit"
            | "isidentifier"
            | "islower"
            | "isnumeric"
            | "isprintable"
            | "isspace"
            | "isupper"
            | "lower"
            | "upper"
            | "strip"
            | "lstrip"
            | "rstrip"
            | "casefold"
            | "fullmatch"
            | "match"
            | "search"
    )
}
