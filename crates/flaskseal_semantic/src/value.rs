//! Abstract values: what the evaluator knows of a Python object.

use std::sync::Arc;

use flaskseal_core::Span;

use crate::alphabet::Alphabet;
use crate::guard::Guard;
use crate::heap::ObjectId;
use crate::limits::Relation;
use crate::origin::{Origin, StepKind, stronger};
use crate::rope::{Hole, Rope, Source};

/// A value and where it was written or made.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub kind: Kind,
    pub at: Option<Span>,
    /// The request data that it is, or was computed from. Text says so itself, for each of its holes; containers and
    /// instances say it of what is in them.
    pub taint: Option<Arc<Origin>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rope),
    Bytes(Bytes),
    Tuple(Arc<[Value]>),
    /// A list, dict, set, function, class, instance or module of the program.
    Object(ObjectId),
    /// A function bound to its receiver.
    Bound(Arc<(Value, ObjectId)>),
    /// A method of a built-in type, bound to its receiver: `"a".join`, `items.append`.
    Method(Arc<(Value, Arc<str>)>),
    /// Something that a library defines or returns, by its canonical access path: `flask.Flask`,
    /// `flask.request.args`, `secrets.token_hex()`.
    Path(Arc<str>),
    /// A value of a known type and unknown content.
    Some(Type),
    /// One of several values. Never nested, never fewer than two.
    Union(Arc<[Alternative]>),
    /// A name that is not bound on some path; only ever inside a union.
    Absent,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Bool,
    Int,
    Float,
}

/// Bytes: known, or text that was encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bytes {
    Known(Arc<[u8]>),
    Encoded(Rope),
}

#[derive(Clone, Debug)]
pub(crate) struct Alternative {
    pub value: Value,
    pub guard: Guard,
}

/// More alternatives than this are "unknown": configuration never has them, loops do.
const MAX_ALTERNATIVES: usize = 12;

impl Value {
    pub(crate) const UNKNOWN: Self = Self::new(Kind::Unknown, None);
    pub(crate) const NONE: Self = Self::new(Kind::None, None);
    pub(crate) const ABSENT: Self = Self::new(Kind::Absent, None);

    pub(crate) const fn new(kind: Kind, at: Option<Span>) -> Self {
        Self { kind, at, taint: None }
    }

    pub(crate) fn str(text: impl Into<Arc<str>>) -> Self {
        Self::from(Rope::literal(text))
    }

    pub(crate) fn path(path: impl Into<Arc<str>>) -> Self {
        Self::new(Kind::Path(path.into()), None)
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::new(Kind::Bool(value), None)
    }

    pub(crate) fn int(value: i64) -> Self {
        Self::new(Kind::Int(value), None)
    }

    pub(crate) fn object(id: ObjectId) -> Self {
        Self::new(Kind::Object(id), None)
    }

    pub(crate) fn tuple(values: impl Into<Arc<[Self]>>) -> Self {
        Self::new(Kind::Tuple(values.into()), None)
    }

    pub(crate) fn unknown_text() -> Self {
        Self::from(Rope::hole(Source::Unknown))
    }

    /// The same value, computed from request data.
    pub(crate) fn tainted(self, origin: Option<Arc<Origin>>) -> Self {
        match &self.kind {
            Kind::Unknown | Kind::Path(_) | Kind::Some(_) if origin.is_some() => {
                Self { taint: stronger(self.taint, origin), ..self }
            }
            _ => self,
        }
    }

    /// The request data in it, as far as it says so without a look at the heap.
    pub(crate) fn origin(&self) -> Option<Arc<Origin>> {
        match &self.kind {
            Kind::Str(rope) | Kind::Bytes(Bytes::Encoded(rope)) => rope.origin(),
            Kind::Tuple(values) => values
                .iter()
                .take(MAX_ALTERNATIVES)
                .fold(None, |found, value| stronger(found, value.origin())),
            Kind::Union(alternatives) => alternatives
                .iter()
                .fold(None, |found, alternative| stronger(found, alternative.value.origin())),
            Kind::Method(method) => method.0.origin(),
            Kind::Bound(bound) => bound.0.origin(),
            _ => self.taint.clone(),
        }
    }

    /// The same value, whose request data has come one step further.
    pub(crate) fn step(&self, at: Span, what: &StepKind) -> Self {
        let kind = match &self.kind {
            Kind::Str(rope) => Kind::Str(rope.step(at, what)),
            Kind::Bytes(Bytes::Encoded(rope)) => Kind::Bytes(Bytes::Encoded(rope.step(at, what))),
            Kind::Union(alternatives) => {
                let step = |alternative: &Alternative| Alternative {
                    value: alternative.value.step(at, what),
                    guard: alternative.guard.clone(),
                };
                Kind::Union(alternatives.iter().map(step).collect())
            }
            kind => kind.clone(),
        };
        let taint = self.taint.as_ref().map(|origin| Arc::new(origin.step(at, what.clone())));
        Self { kind, at: self.at, taint }
    }

    /// One of several texts like this one, told from the others by its index.
    pub(crate) fn element(&self, index: Option<i64>) -> Self {
        let Some(index) = index else { return self.clone() };
        self.map(|value| match &value.kind {
            Kind::Str(rope) if rope.as_hole().is_some_and(|hole| hole.identity.is_some()) => {
                let part = rope.made(Relation::Part, rope.alphabet(), ("element", index));
                let first = rope.as_hole().map_or(rope.alphabet(), |hole| hole.first);
                let part = part.map_holes(|hole| Hole { first, ..hole.clone() });
                Self { kind: Kind::Str(part), ..value.clone() }
            }
            _ => value.clone(),
        })
    }

    /// The same value, made at this place unless it already has one.
    pub(crate) fn at(mut self, span: Option<Span>) -> Self {
        if self.at.is_none() {
            self.at = span;
        }
        self
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    pub(crate) fn as_object(&self) -> Option<ObjectId> {
        match self.kind {
            Kind::Object(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn as_rope(&self) -> Option<&Rope> {
        match &self.kind {
            Kind::Str(rope) => Some(rope),
            _ => None,
        }
    }

    /// The text of a known string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_rope().and_then(Rope::as_literal)
    }

    pub(crate) fn as_path(&self) -> Option<&str> {
        match &self.kind {
            Kind::Path(path) => Some(path),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(value) => Some(value),
            Kind::Bool(value) => Some(i64::from(value)),
            _ => None,
        }
    }

    /// The values that this one can be, each with its guard; itself, where it is no union.
    pub(crate) fn alternatives(&self) -> Vec<Alternative> {
        match &self.kind {
            Kind::Union(alternatives) => alternatives.to_vec(),
            _ => vec![Alternative { value: self.clone(), guard: Guard::ALWAYS }],
        }
    }

    /// One of these, pruned of what cannot be and merged where equal.
    pub(crate) fn union(alternatives: impl IntoIterator<Item = Alternative>) -> Self {
        let mut merged: Vec<Alternative> = Vec::new();
        let mut were_too_many = false;
        let mut add = |value: Self, guard: Guard| {
            if let Some(known) = merged.iter_mut().find(|known| known.value.same(&value)) {
                known.guard = known.guard.or(&guard);
            } else if let Some((known, either)) = merged.iter_mut().find_map(|known| {
                let either = known.value.as_rope()?.either(value.as_rope()?)?;
                Some((known, either))
            }) {
                known.guard = known.guard.or(&guard);
                known.value.kind = Kind::Str(either);
            } else {
                merged.push(Alternative { value, guard });
            }
            if merged.len() > MAX_ALTERNATIVES {
                merged = fewer(std::mem::take(&mut merged));
                were_too_many = true;
            }
        };
        for Alternative { value, guard } in alternatives {
            if let Kind::Union(inner) = &value.kind {
                for alternative in inner.iter() {
                    if let Some(guard) = alternative.guard.and(&guard) {
                        add(alternative.value.clone(), guard);
                    }
                }
            } else {
                add(value, guard);
            }
        }
        let texts = merged.iter().filter(|alternative| alternative.value.as_rope().is_some());
        if were_too_many && texts.count() > 1 {
            // Those that came last are no better than the others, and would grow from union to union.
            merged = fewer(merged);
        }
        match merged.len() {
            0 => Self::UNKNOWN,
            1 => merged.swap_remove(0).value,
            _ => Self::new(Kind::Union(merged.into()), None),
        }
    }

    /// Either value, without a condition that tells which.
    pub(crate) fn either(a: Self, b: Self) -> Self {
        Self::union([
            Alternative { value: a, guard: Guard::ALWAYS },
            Alternative { value: b, guard: Guard::ALWAYS },
        ])
    }

    /// Applies a function to every alternative.
    pub(crate) fn map(&self, mut function: impl FnMut(&Self) -> Self) -> Self {
        match &self.kind {
            Kind::Union(alternatives) => Self::union(
                alternatives
                    .iter()
                    .map(|alt| Alternative { value: function(&alt.value), guard: alt.guard.clone() }),
            ),
            _ => function(self),
        }
    }

    /// The value on the paths where it exists.
    pub(crate) fn without_absent(&self) -> Self {
        match &self.kind {
            Kind::Union(alternatives)
                if alternatives.iter().any(|alt| matches!(alt.value.kind, Kind::Absent)) =>
            {
                Self::union(
                    alternatives.iter().filter(|alt| !matches!(alt.value.kind, Kind::Absent)).cloned(),
                )
            }
            Kind::Absent => Self::UNKNOWN,
            _ => self.clone(),
        }
    }

    /// What a loop that changes this value in every round can make of it.
    pub(crate) fn widened(&self) -> Self {
        let kind = match &self.kind {
            Kind::Int(_) | Kind::Some(Type::Int) => Kind::Some(Type::Int),
            Kind::Float(_) | Kind::Some(Type::Float) => Kind::Some(Type::Float),
            Kind::Str(rope) => {
                let origin = rope.origin();
                Kind::Str(Hole { origin, ..Hole::new(Source::Unknown, rope.alphabet()) }.into())
            }
            Kind::Union(alternatives) => {
                let widened = alternatives
                    .iter()
                    .map(|alt| Alternative { value: alt.value.widened(), guard: Guard::ALWAYS });
                return Self::union(widened);
            }
            Kind::Tuple(_) | Kind::Bytes(_) => {
                return Self { kind: Kind::Unknown, at: self.at, taint: self.origin() };
            }
            _ => return self.clone(),
        };
        Self { kind, ..self.clone() }
    }

    pub(crate) fn may_be_absent(&self) -> bool {
        match &self.kind {
            Kind::Union(alternatives) => {
                alternatives.iter().any(|alt| matches!(alt.value.kind, Kind::Absent))
            }
            Kind::Absent => true,
            _ => false,
        }
    }

    /// The value under a guard: alternatives that cannot be then are gone.
    pub(crate) fn under(&self, guard: &Guard) -> Self {
        match &self.kind {
            Kind::Union(alternatives) if !guard.is_always() => {
                let possible: Vec<_> = alternatives.iter().filter(|alt| alt.guard.agrees(guard)).collect();
                let is_said = guard.says_of_texts()
                    && possible
                        .iter()
                        .any(|alt| alt.value.as_rope().is_some_and(|rope| rope.under(guard).is_some()));
                if possible.is_empty() || possible.len() == alternatives.len() && !is_said {
                    return self.clone();
                }
                Self::union(
                    possible
                        .into_iter()
                        .map(|alt| Alternative { value: alt.value.under(guard), guard: alt.guard.clone() }),
                )
            }
            Kind::Str(rope) => match rope.under(guard) {
                Some(rope) => Self { kind: Kind::Str(rope), ..self.clone() },
                None => self.clone(),
            },
            _ => self.clone(),
        }
    }

    /// Indistinguishable, so that a join need not keep both. Two unknowns are the same unknown.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::None, Kind::None) | (Kind::Absent, Kind::Absent) => true,
            (Kind::Unknown, Kind::Unknown) => self.taint.is_some() == other.taint.is_some(),
            (Kind::Bool(a), Kind::Bool(b)) => a == b && self.at == other.at,
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Float(a), Kind::Float(b)) => a.to_bits() == b.to_bits(),
            (Kind::Str(a), Kind::Str(b)) => a == b && self.at == other.at,
            (Kind::Bytes(a), Kind::Bytes(b)) => a == b,
            (Kind::Tuple(a), Kind::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(&**b).all(|(a, b)| a.same(b))
            }
            (Kind::Object(a), Kind::Object(b)) => a == b,
            (Kind::Bound(a), Kind::Bound(b)) => a.1 == b.1 && a.0.same(&b.0),
            (Kind::Method(a), Kind::Method(b)) => a.1 == b.1 && a.0.same(&b.0),
            (Kind::Path(a), Kind::Path(b)) => a == b && self.taint == other.taint,
            (Kind::Some(a), Kind::Some(b)) => a == b && self.taint.is_some() == other.taint.is_some(),
            (Kind::Union(a), Kind::Union(b)) => {
                a.len() == b.len()
                    && a.iter().zip(&**b).all(|(a, b)| a.guard == b.guard && a.value.same(&b.value))
            }
            _ => false,
        }
    }
}

impl From<Rope> for Value {
    fn from(rope: Rope) -> Self {
        Self::new(Kind::Str(rope), None)
    }
}

/// A hashable constant: the key of a dict item or a set member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    None,
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    Tuple(Arc<[Key]>),
    Object(ObjectId),
    Path(Arc<str>),
}

impl Key {
    /// `None` where the value is not one known constant.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match &value.kind {
            Kind::None => Self::None,
            // `True == 1` and both hash alike in Python; a dict with both as keys is not worth a bug here.
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Int(value) => Self::Int(*value),
            Kind::Float(value) => Self::Float(value.to_bits()),
            Kind::Str(rope) => Self::Str(rope.as_literal()?.into()),
            Kind::Bytes(Bytes::Known(bytes)) => Self::Bytes(bytes.clone()),
            Kind::Tuple(values) => Self::Tuple(values.iter().map(Self::of).collect::<Option<_>>()?),
            Kind::Object(id) => Self::Object(*id),
            Kind::Path(path) => Self::Path(path.clone()),
            _ => return None,
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        let kind = match self {
            Self::None => Kind::None,
            Self::Bool(value) => Kind::Bool(*value),
            Self::Int(value) => Kind::Int(*value),
            Self::Float(bits) => Kind::Float(f64::from_bits(*bits)),
            Self::Str(text) => Kind::Str(Rope::literal(text.clone())),
            Self::Bytes(bytes) => Kind::Bytes(Bytes::Known(bytes.clone())),
            Self::Tuple(keys) => Kind::Tuple(keys.iter().map(Self::to_value).collect()),
            Self::Object(id) => Kind::Object(*id),
            Self::Path(path) => Kind::Path(path.clone()),
        };
        Value::new(kind, None)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
}

/// Too many alternatives as fewer: all texts as one of which the characters are known, or else one unknown value. What
/// a request gives stays known as such.
fn fewer(alternatives: Vec<Alternative>) -> Vec<Alternative> {
    let place = |all: &[Alternative]| all.iter().find_map(|alternative| alternative.value.at);
    let origin = |all: &[Alternative]| {
        all.iter().fold(None, |found, alternative| stronger(found, alternative.value.origin()))
    };
    if alternatives.iter().filter(|alternative| alternative.value.as_rope().is_some()).count() < 2 {
        let unknown = Value::UNKNOWN.at(place(&alternatives)).tainted(origin(&alternatives));
        return vec![Alternative { value: unknown, guard: Guard::ALWAYS }];
    }
    let (texts, mut others): (Vec<_>, Vec<_>) =
        alternatives.into_iter().partition(|alternative| alternative.value.as_rope().is_some());
    let alphabet = texts
        .iter()
        .filter_map(|alternative| alternative.value.as_rope())
        .fold(Alphabet::NONE, |set, rope| set.union(rope.alphabet()));
    let hole = Hole { origin: origin(&texts), ..Hole::new(Source::Unknown, alphabet) };
    let value = Value::from(Rope::from(hole)).at(place(&texts));
    let guard = texts.into_iter().map(|alternative| alternative.guard).reduce(|a, b| a.or(&b));
    others.push(Alternative { value, guard: guard.unwrap_or_default() });
    others
}
