//! Comparisons, and what they say of texts.

use flaskseal_python::ast;

use crate::alphabet::Alphabet;
use crate::guard::{Guard, States};
use crate::heap::Shape;
use crate::limits::{Checks, Identity, Limits};
use crate::machine::{Evaluated, Machine};
use crate::rope::{Rope, Source};
use crate::truth::{Truth, truth_value};
use crate::value::{Alternative, Bytes, Key, Kind, Type, Value};

impl<'a> Machine<'a> {
    pub(crate) fn comparison(&mut self, node: &'a ast::ExprCompare) -> Evaluated {
        let mut left = self.eval(&node.left)?;
        let mut result: Option<Value> = None;
        for (op, right) in node.ops.iter().zip(&node.comparators) {
            let right = self.eval(right)?;
            let span = self.span(node);
            self.note_comparison(*op, &left, &right, span);
            let value = self.compare(&left, *op, &right);
            result = Some(match result {
                None => value,
                // A chain is true where every link is.
                Some(previous) => {
                    let (a, b) = (self.truth(&previous), self.truth(&value));
                    let yes = a.yes.zip(b.yes).and_then(|(a, b)| a.and(&b));
                    let no = match (a.no, b.no) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    truth_value(&Truth { yes, no })
                }
            });
            left = right;
        }
        Ok(result.unwrap_or(Value::UNKNOWN))
    }

    fn compare(&mut self, left: &Value, op: ast::CmpOp, right: &Value) -> Value {
        match op {
            ast::CmpOp::Eq => self.equals(left, right),
            ast::CmpOp::NotEq => {
                let equal = self.equals(left, right);
                truth_value(&self.truth(&equal).not())
            }
            ast::CmpOp::Is => self.identical(left, right),
            ast::CmpOp::IsNot => {
                let same = self.identical(left, right);
                truth_value(&self.truth(&same).not())
            }
            ast::CmpOp::In => self.contains(right, left),
            ast::CmpOp::NotIn => {
                let contained = self.contains(right, left);
                truth_value(&self.truth(&contained).not())
            }
            ast::CmpOp::LtE if let Some(truth) = self.is_subset(left, right) => truth_value(&truth),
            ast::CmpOp::GtE if let Some(truth) = self.is_subset(right, left) => truth_value(&truth),
            ast::CmpOp::Lt | ast::CmpOp::LtE | ast::CmpOp::Gt | ast::CmpOp::GtE => {
                pairwise(left, right, |a, b| match order(a, b) {
                    Some(ordering) => Value::bool(match op {
                        ast::CmpOp::Lt => ordering.is_lt(),
                        ast::CmpOp::LtE => ordering.is_le(),
                        ast::CmpOp::Gt => ordering.is_gt(),
                        _ => ordering.is_ge(),
                    }),
                    None => Value::new(Kind::Some(Type::Bool), None),
                })
            }
        }
    }

    /// `set(text) <= {...}`: what it says of the text. `None` for anything else.
    pub(crate) fn is_subset(&mut self, inner: &Value, outer: &Value) -> Option<Truth> {
        let (whole, inner) = self.characters_of(inner)?;
        let outer = self.elements(outer);
        if outer.rest.is_some() {
            return None;
        }
        let alphabet = outer.known.iter().try_fold(Alphabet::NONE, |set, member| {
            member.as_str().map(|text| set.union(Alphabet::of(text)))
        })?;
        let yes = Guard::about(&whole, Limits::alphabet(alphabet.intersection(inner)));
        Some(Truth { yes: Some(yes), no: Some(Guard::ALWAYS) })
    }

    /// `set(text).isdisjoint(...)`, either way round: what it says of the text.
    pub(crate) fn is_disjoint(&mut self, one: &Value, other: &Value) -> Option<Truth> {
        let ((whole, inner), other) = match self.characters_of(one) {
            Some(found) => (found, other),
            None => (self.characters_of(other)?, one),
        };
        let others = self.elements(other).known;
        let gone = others.iter().filter_map(Value::as_str).filter(|text| text.chars().count() == 1);
        let gone = gone.fold(Alphabet::NONE, |set, text| set.union(Alphabet::of(text)));
        let yes = Guard::about(&whole, Limits::alphabet(inner.without(gone)));
        Some(Truth { yes: Some(yes), no: Some(Guard::ALWAYS) })
    }

    /// The text of which a set has all characters, and which they can be.
    pub(crate) fn characters_of(&self, set: &Value) -> Option<(Identity, Alphabet)> {
        let list = self.heap.list(set.as_object()?)?;
        let rest = list.rest.as_ref().filter(|_| list.is_set && list.items.is_empty())?;
        let hole = rest.as_rope()?.as_hole()?;
        Some((hole.identity.as_ref()?.character_of()?.clone(), hole.alphabet))
    }

    /// `==`, with the environment under which it holds.
    pub(crate) fn equals(&self, left: &Value, right: &Value) -> Value {
        pairwise(left, right, |a, b| self.equals_one(a, b))
    }

    fn equals_one(&self, a: &Value, b: &Value) -> Value {
        let unknown = Value::new(Kind::Some(Type::Bool), None);
        match (&a.kind, &b.kind) {
            (Kind::Path(x), Kind::Path(y)) if is_builtin(x) && is_builtin(y) => Value::bool(x == y),
            (Kind::Unknown | Kind::Path(_), _) | (_, Kind::Unknown) => unknown,
            (Kind::Str(x), Kind::Str(y))
                if let Some(truth) =
                    crate::paths::common_equals(x, y).or_else(|| crate::paths::common_equals(y, x)) =>
            {
                truth_value(&truth)
            }
            (Kind::Str(x), Kind::Str(y)) => match (x.as_literal(), y.as_literal()) {
                (Some(x), Some(y)) => Value::bool(x == y),
                (None, Some(text)) => equals_hole(x, text),
                (Some(text), None) => equals_hole(y, text),
                (None, None) => truth_value(&crate::truth::same(x, y)),
            },
            (Kind::Bytes(Bytes::Known(x)), Kind::Bytes(Bytes::Known(y))) => Value::bool(x == y),
            (Kind::None, Kind::None) => Value::bool(true),
            (Kind::Float(x), Kind::Float(y)) => Value::bool((x - y).abs() < f64::EPSILON),
            (Kind::Int(_) | Kind::Bool(_), Kind::Int(_) | Kind::Bool(_)) => {
                Value::bool(a.as_int() == b.as_int())
            }
            (Kind::Tuple(x), Kind::Tuple(y)) if x.len() != y.len() => Value::bool(false),
            (Kind::Tuple(x), Kind::Tuple(y)) => {
                let mut all = Truth::YES;
                for (a, b) in x.iter().zip(y.iter()) {
                    match self.truth(&self.equals(a, b)).known() {
                        Some(true) => {}
                        Some(false) => return Value::bool(false),
                        None => all = Truth::EITHER,
                    }
                }
                truth_value(&all)
            }
            (Kind::Object(x), Kind::Object(y)) if x == y => Value::bool(true),
            (Kind::Object(_), Kind::None) | (Kind::None, Kind::Object(_)) => Value::bool(false),
            (Kind::Object(x), Kind::Object(y)) => {
                match (&self.heap.get(*x).shape, &self.heap.get(*y).shape) {
                    (Shape::Function(_) | Shape::Class(_) | Shape::Module { .. }, _) => Value::bool(false),
                    _ => unknown,
                }
            }
            (Kind::Object(_) | Kind::Some(_) | Kind::Bound(_) | Kind::Method(_), _)
            | (_, Kind::Object(_) | Kind::Some(_) | Kind::Path(_)) => unknown,
            (Kind::Bytes(_), Kind::Bytes(_)) => unknown,
            (Kind::Int(_) | Kind::Bool(_), Kind::Float(y))
            | (Kind::Float(y), Kind::Int(_) | Kind::Bool(_)) => {
                let whole = a.as_int().or(b.as_int()).unwrap_or_default();
                Value::bool((whole as f64 - y).abs() < f64::EPSILON)
            }
            // Values of different built-in types are never equal.
            _ => Value::bool(false),
        }
    }

    fn identical(&mut self, left: &Value, right: &Value) -> Value {
        pairwise(left, right, |a, b| match (&a.kind, &b.kind) {
            (Kind::Path(x), Kind::Path(y)) if is_builtin(x) && is_builtin(y) => Value::bool(x == y),
            (Kind::Unknown | Kind::Path(_), Kind::Path(_))
                if a.same(b) && !matches!(a.kind, Kind::Unknown) =>
            {
                Value::bool(true)
            }
            (Kind::Unknown | Kind::Path(_), _) | (_, Kind::Unknown | Kind::Path(_)) => {
                Value::new(Kind::Some(Type::Bool), None)
            }
            (Kind::None, Kind::None) => Value::bool(true),
            (Kind::Bool(x), Kind::Bool(y)) => Value::bool(x == y),
            (Kind::Object(x), Kind::Object(y)) => Value::bool(x == y),
            (Kind::None, _) | (_, Kind::None) => Value::bool(false),
            (Kind::Bool(_), Kind::Some(Type::Bool)) | (Kind::Some(Type::Bool), Kind::Bool(_)) => {
                Value::new(Kind::Some(Type::Bool), None)
            }
            (Kind::Bool(_), _) | (_, Kind::Bool(_)) => Value::bool(false),
            _ => Value::new(Kind::Some(Type::Bool), None),
        })
    }

    /// `item in container`.
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Value {
        let unknown = || Value::new(Kind::Some(Type::Bool), None);
        if let Kind::Union(containers) = &container.kind {
            let containers = containers.clone();
            // `in None` would have ended the path.
            let possible = containers.iter().filter(|container| !matches!(container.value.kind, Kind::None));
            let results = possible.map(|container| Alternative {
                value: self.contains(&container.value, item),
                guard: container.guard.clone(),
            });
            return Value::union(results.collect::<Vec<_>>());
        }
        if let (Kind::Str(text), Some(part)) = (&container.kind, item.as_str()) {
            return match text.as_literal() {
                Some(text) => Value::bool(text.contains(part)),
                None if !part.chars().all(|c| text.alphabet().contains(c)) => Value::bool(false),
                None => truth_value(&crate::truth::occurs(text, part)),
            };
        }
        if let (Some(text), Kind::Str(part)) = (container.as_str(), &item.kind) {
            // What occurs in a constant has no other characters.
            let alphabet = Alphabet::of(text);
            let no = match crate::truth::is_character(part) {
                true => Limits::alphabet(alphabet.without_wide().complement()),
                false => Limits::default(),
            };
            return truth_value(&crate::truth::about(part, Limits::alphabet(alphabet), no));
        }
        if let Some(id) = container.as_object()
            && id == self.environ
            && let Some(name) = item.as_str()
        {
            let value = self.environment_variable(name);
            let is_set = value.map(|value| match value.kind {
                Kind::Absent => Value::bool(false),
                _ => Value::bool(true),
            });
            return is_set;
        }
        if let Some(id) = container.as_object()
            && let Some(dict) = self.heap.dict(id)
        {
            // What a library gives may equal any key.
            let Some(key) = Key::of(item).filter(|_| item.as_path().is_none()) else {
                let keys: Vec<Value> = dict.entries.keys().map(Key::to_value).collect();
                let open = dict.rest.is_some();
                return match self.taint_of(container) {
                    None if open => listed(item),
                    _ => self.any_equal(item, &keys, open),
                };
            };
            return match (dict.entries.get(&key), &dict.rest) {
                (Some(value), _) => value.map(|value| Value::bool(!matches!(value.kind, Kind::Absent))),
                (None, None) => Value::bool(false),
                (None, Some(_)) => unknown(),
            };
        }
        if let Some(truth) =
            container.as_object().and_then(|id| crate::paths::parents_contain(self, id, item))
        {
            return truth_value(&truth);
        }
        match &container.kind {
            Kind::Tuple(_) | Kind::Object(_) => {
                let taint = self.taint_of(container);
                let elements = self.elements(container);
                match elements.rest {
                    Some(_) if taint.is_none() => listed(item),
                    rest => self.any_equal(item, &elements.known, rest.is_some()),
                }
            }
            // A setting, a table of a library: no client fills it.
            // `in None` ends the path, whatever is asked.
            Kind::None => listed(item),
            Kind::Path(_) | Kind::Unknown if container.taint.is_none() => listed(item),
            _ => unknown(),
        }
    }

    fn any_equal(&mut self, item: &Value, candidates: &[Value], open: bool) -> Value {
        let mut total = if open { Truth::EITHER } else { Truth::NO };
        for candidate in candidates {
            let equal = self.equals(item, candidate);
            let truth = self.truth(&equal);
            let yes = match (total.yes, truth.yes) {
                (Some(a), Some(b)) => Some(a.or(&b)),
                (a, b) => a.or(b),
            };
            let no = total.no.zip(truth.no).and_then(|(a, b)| a.and(&b));
            total = Truth { yes, no };
        }
        truth_value(&total)
    }
}

/// `item in container`, where the container's elements are not known but none of a client's making.
fn listed(item: &Value) -> Value {
    let checks = Checks { listed: true, ..Checks::NONE };
    match &item.kind {
        Kind::Str(rope) => {
            truth_value(&crate::truth::about(rope, Limits::checked(checks), Limits::default()))
        }
        _ => Value::new(Kind::Some(Type::Bool), None),
    }
}

/// Whether unknown text equals a literal: where the text is an environment variable, the answer is a guard.
fn equals_hole(rope: &Rope, text: &str) -> Value {
    if let Some(hole) = rope.as_hole()
        && let Source::Env(name) = &hole.source
        && hole.alphabet == Alphabet::ALL
    {
        return truth_value(&Truth {
            yes: Some(Guard::when(name.clone(), States::equals(text))),
            no: Some(Guard::when(name.clone(), States::differs(text))),
        });
    }
    let possible = text.chars().all(|character| rope.alphabet().contains(character))
        && text.starts_with(rope.literal_prefix())
        && text.ends_with(rope.literal_suffix());
    if possible {
        let mut characters = text.chars();
        let no = match (characters.next(), characters.next()) {
            (Some(only), None) if only.is_ascii() && crate::truth::is_character(rope) => {
                Limits::alphabet(Alphabet::of_char(only).complement())
            }
            _ => Limits::default(),
        };
        truth_value(&crate::truth::about(rope, Limits::equals(text), no))
    } else {
        Value::bool(false)
    }
}

/// Whether a path is a built-in type or function, which are what their names say: `type(value) is bool`.
fn is_builtin(path: &str) -> bool {
    path.strip_prefix("builtins.").or_else(|| path.strip_prefix("types.")).is_some_and(|name| {
        name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}

/// Applies a function to every pair of alternatives that can occur together.
fn pairwise(left: &Value, right: &Value, function: impl Fn(&Value, &Value) -> Value) -> Value {
    if !matches!(left.kind, Kind::Union(_)) && !matches!(right.kind, Kind::Union(_)) {
        return function(left, right);
    }
    let rights = right.alternatives();
    let mut results = Vec::new();
    for a in left.alternatives() {
        for b in &rights {
            if let Some(guard) = a.guard.and(&b.guard) {
                results.push(Alternative { value: function(&a.value, &b.value), guard });
            }
        }
    }
    Value::union(results)
}

#[allow(clippy::cast_precision_loss, reason = "comparison with a float is what Python does, too")]
fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (&a.kind, &b.kind) {
        (Kind::Str(a), Kind::Str(b)) => Some(a.as_literal()?.cmp(b.as_literal()?)),
        (Kind::Float(a), Kind::Float(b)) => a.partial_cmp(b),
        (Kind::Float(a), _) => a.partial_cmp(&(b.as_int()? as f64)),
        (_, Kind::Float(b)) => (a.as_int()? as f64).partial_cmp(b),
        (Kind::Tuple(x), Kind::Tuple(y)) => {
            for (a, b) in x.iter().zip(y.iter()) {
                match order(a, b)? {
                    std::cmp::Ordering::Equal => {}
                    other => return Some(other),
                }
            }
            Some(x.len().cmp(&y.len()))
        }
        _ => Some(a.as_int()?.cmp(&b.as_int()?)),
    }
}
