//! What a test says of a name that may be one of several values.
//!
//! A guard speaks of one text. Where a name is `request.args["q"]` or `""`, a test on the name says something else of
//! each of them, and joined the two say nothing: the test is asked of every alternative by itself.

use flaskseal_python::{Name, ast};

use crate::guard::Guard;
use crate::limits::Identity;
use crate::machine::Machine;
use crate::rope::Rope;
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Value};

/// More alternatives than this are left as they are.
const MAX_ALTERNATIVES: usize = 6;
/// Under which hidden attributes an object of a library keeps the text that it stands for.
const TEXT_OF_OBJECT: [&str; 3] = ["@path", "@str", "@url"];
/// Names of a function among which those are sought that belong together.
const MAX_NAMES: usize = 64;
/// A test that nests deeper is left alone.
const MAX_DEPTH: usize = 8;

/// What asking a test again does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// Nothing.
    IsHarmless,
    /// It calls something: what that does has to be taken back.
    Calls,
}

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
        let Some((names, asking)) = names_asked(test) else { return false };
        let mut is_narrowed = false;
        let mut done: Vec<Name> = Vec::new();
        for name in names {
            if done.contains(name) {
                continue;
            }
            let partners = self.partners(name);
            is_narrowed |= self.narrow_alternatives_of(name, &partners, asking, |machine| {
                machine.asked(test, asking, outcome)
            });
            done.extend(partners);
        }
        is_narrowed
    }

    /// Names of the same function whose values were made of a name's, one of each: after `parts = urlparse(url)` each
    /// of the values that `parts` may have belongs to one of those of `url`.
    fn partners(&self, name: &Name) -> Vec<Name> {
        let scope = self.frame().scope;
        let Some(Kind::Union(own)) = self.heap.attribute(scope, name).map(|value| &value.kind) else {
            return Vec::new();
        };
        let belongs = |other: &Value| match &other.kind {
            Kind::Union(values) if values.len() == own.len() => own
                .iter()
                .zip(&**values)
                .all(|(a, b)| self.origin_text(&a.value) == self.origin_text(&b.value)),
            _ => false,
        };
        if !own.iter().any(|one| self.origin_text(&one.value).is_some()) {
            return Vec::new();
        }
        let known = self.heap.get(scope).attributes.iter().take(MAX_NAMES);
        known
            .filter(|(other, value)| *other != name && belongs(value))
            .map(|(other, _)| other.clone())
            .collect()
    }

    /// The text that a value was made of; `None` where a client sent none of it.
    fn origin_text(&self, value: &Value) -> Option<u64> {
        let hole = self.rope_of(value)?.holes().find(|hole| hole.origin.is_some())?;
        let mut identity: &Identity = hole.identity.as_deref()?;
        while let Some((whole, _)) = &identity.made_of {
            identity = whole;
        }
        Some(identity.id)
    }

    /// Keeps of each name that a call was given the values for which it returns: `validate(name)` raises for others.
    pub(crate) fn narrow_returning(&mut self, call: &'a ast::Expr) {
        let ast::Expr::Call(node) = call else { return };
        if !self.may_call() {
            return;
        }
        for argument in &node.arguments.args {
            let ast::Expr::Name(name) = argument else { continue };
            // What libraries refuse, they say by themselves.
            if self.is_choice(&name.id) && self.is_of_program(&node.func) {
                self.narrow_alternatives_of(&name.id, &[], Asking::Calls, |machine| machine.returning(call));
            }
        }
    }

    /// Whether a name may be one of several values, a client's among them.
    fn is_choice(&self, name: &Name) -> bool {
        let value = self.heap.attribute(self.frame().scope, name);
        value.is_some_and(|value| matches!(value.kind, Kind::Union(_)) && value.origin().is_some())
    }

    /// Whether an expression names code of the program.
    fn is_of_program(&mut self, callee: &'a ast::Expr) -> bool {
        let value = self.undone(|machine| machine.eval(callee));
        value.is_ok_and(|value| {
            value.alternatives().iter().any(|one| matches!(one.value.kind, Kind::Object(_) | Kind::Bound(_)))
        })
    }

    /// Asks a test again whose names were narrowed since: it now says more.
    pub(crate) fn ask_again(&mut self, test: &'a ast::Expr, outcome: bool) {
        let Some((_, asking)) = names_asked(test) else { return };
        if asking == Asking::Calls && !self.may_call() {
            return;
        }
        let side = self.asked(test, asking, outcome).and_then(|side| self.guard.and(&side));
        if let Some(guard) = side {
            self.guard = guard;
        }
    }

    /// Calls are made again only for what a client sent, and not while another test is being asked again.
    fn may_call(&self) -> bool {
        self.serving && !self.is_asking
    }

    fn narrow_alternatives_of(
        &mut self,
        name: &'a Name,
        partners: &[Name],
        asking: Asking,
        mut ask: impl FnMut(&mut Self) -> Option<Guard>,
    ) -> bool {
        let scope = self.frame().scope;
        let Some(value) = self.heap.attribute(scope, name).cloned() else { return false };
        let Kind::Union(alternatives) = &value.kind else { return false };
        if alternatives.len() > MAX_ALTERNATIVES || !alternatives.iter().any(|one| self.has_hole(&one.value))
        {
            return false;
        }
        if asking == Asking::Calls && (!self.may_call() || value.origin().is_none()) {
            return false;
        }
        let alternatives_of = |machine: &Self, name: &Name| match &machine.heap.attribute(scope, name)?.kind {
            Kind::Union(values) => Some(values.clone()),
            _ => None,
        };
        let of_partners: Vec<_> = partners.iter().map(|name| alternatives_of(self, name)).collect();
        let mut kept_of_partners = vec![Vec::new(); partners.len()];
        let mut kept = Vec::new();
        let mut sides = None;
        for (index, alternative) in alternatives.iter().enumerate() {
            self.heap.set_attribute(scope, name.clone(), alternative.value.clone());
            let of_partners = || {
                let values =
                    of_partners.iter().map(|values| values.as_ref().and_then(|values| values.get(index)));
                partners.iter().zip(values).enumerate()
            };
            for (_, (partner, value)) in of_partners() {
                if let Some(one) = value {
                    self.heap.set_attribute(scope, partner.clone(), one.value.clone());
                }
            }
            let Some(side) = ask(self) else { continue };
            let Some(guard) = alternative.guard.and(&side) else { continue };
            // What the test said when it was first asked holds as well.
            let whole = self.guard.and(&side).unwrap_or_else(|| side.clone());
            kept.push(Alternative { value: self.under(&alternative.value, &whole), guard });
            for (partner, (_, value)) in of_partners() {
                if let Some(one) = value {
                    let value = self.under(&one.value, &whole);
                    kept_of_partners[partner].push(Alternative { value, guard: one.guard.clone() });
                }
            }
            sides = Some(sides.map_or_else(|| side.clone(), |sides: Guard| sides.or(&side)));
        }
        // It is one of them, so that what is said of each holds.
        if let Some(guard) = sides.and_then(|sides| self.guard.and(&sides)) {
            self.guard = guard;
        }
        // A path on which no value is possible is not taken; which is wrong, the caller knows.
        let narrowed = if kept.is_empty() { value.clone() } else { Value::union(kept).at(value.at) };
        self.heap.set_attribute(scope, name.clone(), narrowed);
        for ((partner, before), kept) in partners.iter().zip(of_partners).zip(kept_of_partners) {
            let narrowed = if kept.is_empty() { before.map(|before| before.to_vec()) } else { Some(kept) };
            if let Some(narrowed) = narrowed {
                self.heap.set_attribute(scope, partner.clone(), Value::union(narrowed));
            }
        }
        true
    }

    fn has_hole(&self, value: &Value) -> bool {
        self.rope_of(value).is_some_and(|rope| rope.holes().next().is_some())
    }

    /// The text that a value is, or stands for.
    fn rope_of<'v>(&'v self, value: &'v Value) -> Option<&'v Rope> {
        match &value.kind {
            Kind::Str(rope) => Some(rope),
            Kind::Object(id) => {
                TEXT_OF_OBJECT.iter().find_map(|name| self.heap.attribute(*id, name)).and_then(Value::as_rope)
            }
            _ => None,
        }
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
    fn asked(&mut self, test: &'a ast::Expr, asking: Asking, outcome: bool) -> Option<Guard> {
        let truth = match asking {
            Asking::IsHarmless => self.unnoted(|machine| machine.condition(test)),
            Asking::Calls => self.undone(|machine| machine.condition(test)),
        };
        let truth = truth.unwrap_or(Truth::EITHER);
        if outcome { truth.yes } else { truth.no }
    }

    /// What holds where a call returns; `None` where it does not.
    fn returning(&mut self, call: &'a ast::Expr) -> Option<Guard> {
        self.undone(|machine| machine.eval(call).ok().map(|_| machine.guard.clone()))
    }

    /// Evaluates something that was evaluated before: what it does was noted then.
    fn unnoted<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let events = self.events.len();
        let (resolved, unresolved) = (self.calls_resolved, self.calls_unresolved);
        let result = run(self);
        self.events.truncate(events);
        (self.calls_resolved, self.calls_unresolved) = (resolved, unresolved);
        result
    }

    /// The same, where it may do something: that is taken back.
    fn undone<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let (guard, tried) = (self.guard.clone(), self.tried.clone());
        self.is_asking = true;
        let result = crate::evaluate::taken_back(self, |machine| machine.unnoted(run));
        self.is_asking = false;
        (self.guard, self.tried) = (guard, tried);
        result
    }
}

/// The names in a test that can be asked again.
fn names_asked(test: &ast::Expr) -> Option<(Vec<&Name>, Asking)> {
    let mut asked = Asked { names: Vec::new(), asking: Asking::IsHarmless };
    if !collect_names(test, &mut asked, 0) {
        return None;
    }
    asked.names.sort_unstable();
    asked.names.dedup();
    Some((asked.names, asked.asking))
}

struct Asked<'a> {
    names: Vec<&'a Name>,
    asking: Asking,
}

/// The names in a test; `false` where it cannot be asked again.
fn collect_names<'a>(test: &'a ast::Expr, asked: &mut Asked<'a>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    let parts: Vec<&'a ast::Expr> = match test {
        ast::Expr::Name(name) => {
            asked.names.push(&name.id);
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
            let (receiver, is_harmless) = match &*node.func {
                ast::Expr::Name(name) => {
                    const HARMLESS: [&str; 6] = ["len", "str", "isinstance", "ord", "urlparse", "urlsplit"];
                    (None, HARMLESS.contains(&name.id.as_str()))
                }
                ast::Expr::Attribute(method) => (Some(&*method.value), is_test_method(&method.attr.id)),
                _ => return false,
            };
            let keywords = node.arguments.keywords.iter().map(|keyword| &keyword.value);
            if !is_harmless || !node.arguments.keywords.is_empty() {
                asked.asking = Asking::Calls;
            }
            receiver.into_iter().chain(&node.arguments.args).chain(keywords).collect()
        }
        // Names that it has of its own are none of the function's: it is asked as a whole.
        ast::Expr::ListComp(node) => {
            asked.asking = Asking::Calls;
            node.generators.iter().map(|generator| &generator.iter).collect()
        }
        ast::Expr::Generator(node) => {
            asked.asking = Asking::Calls;
            node.generators.iter().map(|generator| &generator.iter).collect()
        }
        ast::Expr::Starred(node) => vec![&node.value],
        ast::Expr::StringLiteral(_)
        | ast::Expr::BytesLiteral(_)
        | ast::Expr::NumberLiteral(_)
        | ast::Expr::BooleanLiteral(_)
        | ast::Expr::NoneLiteral(_) => return true,
        _ => return false,
    };
    parts.into_iter().all(|part| collect_names(part, asked, depth + 1))
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
