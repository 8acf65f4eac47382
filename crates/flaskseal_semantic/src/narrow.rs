//! What a test says of a name that may be one of several values.
//!
//! A guard speaks of one text. Where a name is `request.args["q"]` or `""`, a test on the name says something else of
//! each of them, and joined the two say nothing: the test is asked of every alternative by itself.

use flaskseal_python::{Name, ast};

use crate::guard::Guard;
use crate::machine::Machine;
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Value};

/// More alternatives than this are left as they are.
const MAX_ALTERNATIVES: usize = 6;
/// Under which hidden attributes an object of a library keeps the text that it stands for.
const TEXT_OF_OBJECT: [&str; 3] = ["@path", "@str", "@url"];
/// A test that nests deeper is left alone.
const MAX_DEPTH: usize = 8;

impl<'a> Machine<'a> {
    /// Narrows what a test says of plain names, on the path where it had this outcome; says whether it chose among
    /// values.
    pub(crate) fn narrow(&mut self, test: &'a ast::Expr, outcome: bool) -> bool {
        match test {
            ast::Expr::UnaryOp(node) if node.op == ast::UnaryOp::Not => self.narrow(&node.operand, !outcome),
            // `a and b` true says both; `a or b` false denies both.
            ast::Expr::BoolOp(node) if (node.op == ast::BoolOp::And) == outcome => {
                let mut is_narrowed = false;
                for value in &node.values {
                    if is_narrowed {
                        self.ask_again(value, outcome);
                    }
                    is_narrowed |= self.narrow(value, outcome);
                }
                is_narrowed
            }
            ast::Expr::Name(name) => self.narrow_name(name, |machine, value| {
                let truth = machine.truth(value);
                if outcome { truth.yes.is_some() } else { truth.no.is_some() }
            }),
            ast::Expr::Compare(node) if node.ops.len() == 1 => {
                let is_narrowed = self.narrow_alternatives(test, outcome);
                let ast::Expr::Name(name) = &*node.left else { return is_narrowed };
                let (same, is_equality) = match node.ops[0] {
                    ast::CmpOp::Is | ast::CmpOp::Eq => (outcome, true),
                    ast::CmpOp::IsNot | ast::CmpOp::NotEq => (!outcome, true),
                    _ => (outcome, false),
                };
                let Some(expected) = constant_of(&node.comparators[0]) else { return is_narrowed };
                is_equality
                    && self.narrow_name(name, |_, value| match equal_constants(value, &expected) {
                        Some(equal) => equal == same,
                        None => true,
                    })
                    || is_narrowed
            }
            _ => self.narrow_alternatives(test, outcome),
        }
    }

    fn narrow_name(&mut self, name: &ast::ExprName, keep: impl Fn(&Self, &Value) -> bool) -> bool {
        let scope = self.frame().scope;
        let Some(value) = self.heap.attribute(scope, &name.id) else { return false };
        let Kind::Union(alternatives) = &value.kind else { return false };
        let alternatives = alternatives.clone();
        let kept: Vec<Alternative> =
            alternatives.iter().filter(|alternative| keep(self, &alternative.value)).cloned().collect();
        let is_narrowed = !kept.is_empty() && kept.len() < alternatives.len();
        if is_narrowed {
            self.heap.set_attribute(scope, name.id.clone(), Value::union(kept));
        }
        is_narrowed
    }

    /// Keeps of each name in a test the values for which it has this outcome, each as the test leaves it, and says
    /// whether there were some to choose from.
    pub(crate) fn narrow_alternatives(&mut self, test: &'a ast::Expr, outcome: bool) -> bool {
        let Some(names) = names_asked(test) else { return false };
        let mut is_narrowed = false;
        for name in names {
            is_narrowed |= self.narrow_alternatives_of(name, test, outcome);
        }
        is_narrowed
    }

    /// Asks a test again whose names were narrowed since: it now says more.
    pub(crate) fn ask_again(&mut self, test: &'a ast::Expr, outcome: bool) {
        if names_asked(test).is_none() {
            return;
        }
        let side = self.asked(test, outcome).and_then(|side| self.guard.and(&side));
        if let Some(guard) = side {
            self.guard = guard;
        }
    }

    fn narrow_alternatives_of(&mut self, name: &'a Name, test: &'a ast::Expr, outcome: bool) -> bool {
        let scope = self.frame().scope;
        let Some(value) = self.heap.attribute(scope, name).cloned() else { return false };
        let Kind::Union(alternatives) = &value.kind else { return false };
        if alternatives.len() > MAX_ALTERNATIVES || !alternatives.iter().any(|one| self.has_hole(&one.value))
        {
            return false;
        }
        let mut kept = Vec::new();
        let mut sides = None;
        for alternative in &**alternatives {
            self.heap.set_attribute(scope, name.clone(), alternative.value.clone());
            let Some(side) = self.asked(test, outcome) else { continue };
            let Some(guard) = alternative.guard.and(&side) else { continue };
            kept.push(Alternative { value: self.under(&alternative.value, &side), guard });
            sides = Some(sides.map_or_else(|| side.clone(), |sides: Guard| sides.or(&side)));
        }
        // It is one of them, so that what is said of each holds.
        if let Some(guard) = sides.and_then(|sides| self.guard.and(&sides)) {
            self.guard = guard;
        }
        // A path on which no value is possible is not taken; which is wrong, the caller knows.
        let narrowed = if kept.is_empty() { value.clone() } else { Value::union(kept).at(value.at) };
        self.heap.set_attribute(scope, name.clone(), narrowed);
        true
    }

    fn has_hole(&self, value: &Value) -> bool {
        let rope = match &value.kind {
            Kind::Str(rope) => Some(rope),
            Kind::Object(id) => {
                TEXT_OF_OBJECT.iter().find_map(|name| self.heap.attribute(*id, name)).and_then(Value::as_rope)
            }
            _ => None,
        };
        rope.is_some_and(|rope| rope.holes().next().is_some())
    }

    /// The value under a guard; a path that is an object is made anew of its narrowed text, which changes nothing for
    /// who holds the old one: it is immutable.
    fn under(&mut self, value: &Value, guard: &Guard) -> Value {
        let Kind::Object(id) = &value.kind else { return value.under(guard) };
        let path = self.heap.attribute(*id, "@path").and_then(Value::as_rope);
        match path.and_then(|path| path.under(guard)) {
            Some(path) => crate::paths::pure_path(self, path).at(value.at),
            None => value.clone(),
        }
    }

    /// What has to hold for a test to have this outcome; `None` where it cannot have it. The test ran already: what it
    /// does was noted then.
    fn asked(&mut self, test: &'a ast::Expr, outcome: bool) -> Option<Guard> {
        let events = self.events.len();
        let (resolved, unresolved) = (self.calls_resolved, self.calls_unresolved);
        let truth = self.condition(test).unwrap_or(Truth::EITHER);
        self.events.truncate(events);
        (self.calls_resolved, self.calls_unresolved) = (resolved, unresolved);
        if outcome { truth.yes } else { truth.no }
    }
}

/// The names in a test that can be asked again.
fn names_asked(test: &ast::Expr) -> Option<Vec<&Name>> {
    let mut names = Vec::new();
    if !collect_names(test, &mut names, 0) {
        return None;
    }
    names.sort_unstable();
    names.dedup();
    Some(names)
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
                ast::Expr::Name(name)
                    if matches!(
                        name.id.as_str(),
                        "len" | "str" | "isinstance" | "ord" | "urlparse" | "urlsplit"
                    ) =>
                {
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

/// The value of a literal that narrowing compares with.
fn constant_of(node: &ast::Expr) -> Option<Value> {
    Some(match node {
        ast::Expr::NoneLiteral(_) => Value::NONE,
        ast::Expr::BooleanLiteral(node) => Value::bool(node.value),
        ast::Expr::StringLiteral(node) => Value::str(node.value.to_str()),
        ast::Expr::NumberLiteral(node) => match &node.value {
            ast::Number::Int(value) => Value::int(value.as_i64()?),
            _ => return None,
        },
        _ => return None,
    })
}

/// `None` where they may be equal or not.
fn equal_constants(value: &Value, constant: &Value) -> Option<bool> {
    match (&value.kind, &constant.kind) {
        (Kind::None, Kind::None) => Some(true),
        (Kind::None, _) => Some(false),
        (Kind::Str(a), Kind::Str(b)) => Some(a.as_literal()? == b.as_literal()?),
        (Kind::Int(_) | Kind::Bool(_), Kind::Int(_) | Kind::Bool(_)) => {
            Some(value.as_int() == constant.as_int())
        }
        (Kind::Str(_) | Kind::Int(_) | Kind::Bool(_) | Kind::Object(_) | Kind::Tuple(_), Kind::None) => {
            Some(false)
        }
        _ => None,
    }
}
