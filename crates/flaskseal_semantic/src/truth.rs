//! Tri-state conditions: under which environment a value is true, and under which it is false.

use crate::alphabet::Alphabet;
use crate::guard::{Guard, States};
use crate::heap::Shape;
use crate::limits::{Checks, Limits, Relation};
use crate::machine::Machine;
use crate::rope::{Rope, Segment, Source};
use crate::value::{Alternative, Bytes, Kind, Type, Value};

/// Either side is `None` where it cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub yes: Option<Guard>,
    pub no: Option<Guard>,
}

impl Truth {
    pub(crate) const YES: Self = Self { yes: Some(Guard::ALWAYS), no: None };
    pub(crate) const NO: Self = Self { yes: None, no: Some(Guard::ALWAYS) };
    pub(crate) const EITHER: Self = Self { yes: Some(Guard::ALWAYS), no: Some(Guard::ALWAYS) };

    pub(crate) fn of_bool(value: bool) -> Self {
        if value { Self::YES } else { Self::NO }
    }

    pub(crate) fn not(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let no = self.no.zip(other.no).and_then(|(a, b)| a.and(&b));
        Self { yes: either(self.yes, other.yes), no }
    }

    /// `Some` where only one side can be.
    pub(crate) fn known(&self) -> Option<bool> {
        match (&self.yes, &self.no) {
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            _ => None,
        }
    }
}

fn either(a: Option<Guard>, b: Option<Guard>) -> Option<Guard> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.or(&b)),
        (a, b) => a.or(b),
    }
}

impl Machine<'_> {
    pub(crate) fn truth(&self, value: &Value) -> Truth {
        if let Kind::Union(alternatives) = &value.kind {
            let mut truth = Truth { yes: None, no: None };
            for alternative in &**alternatives {
                // What the path so far excludes, this condition need not consider.
                if !alternative.guard.agrees(&self.guard) {
                    continue;
                }
                let inner = self.truth(&alternative.value);
                let under = |side: Option<Guard>| side.and_then(|guard| guard.and(&alternative.guard));
                truth =
                    Truth { yes: either(truth.yes, under(inner.yes)), no: either(truth.no, under(inner.no)) };
            }
            return if truth.yes.is_none() && truth.no.is_none() { Truth::EITHER } else { truth };
        }
        match &value.kind {
            Kind::None => Truth::NO,
            Kind::Bool(value) => Truth::of_bool(*value),
            Kind::Int(value) => Truth::of_bool(*value != 0),
            Kind::Float(value) => Truth::of_bool(*value != 0.0),
            Kind::Str(rope) => text_truth(rope),
            Kind::Bytes(Bytes::Known(bytes)) => Truth::of_bool(!bytes.is_empty()),
            Kind::Bytes(Bytes::Encoded(rope)) => text_truth(rope),
            Kind::Tuple(values) => Truth::of_bool(!values.is_empty()),
            Kind::Bound(_) | Kind::Method(_) => Truth::YES,
            Kind::Object(id) => match &self.heap.get(*id).shape {
                Shape::List(list) => match (list.items.is_empty(), &list.rest) {
                    (false, _) => Truth::YES,
                    (true, None) => Truth::NO,
                    (true, Some(_)) => Truth::EITHER,
                },
                Shape::Dict(dict) if dict.class.is_none() => {
                    if dict.entries.values().any(|value| !value.may_be_absent()) {
                        Truth::YES
                    } else if dict.entries.is_empty() && dict.rest.is_none() {
                        Truth::NO
                    } else {
                        Truth::EITHER
                    }
                }
                Shape::Instance { .. } if self.class_attribute(*id, "__bool__").is_some() => Truth::EITHER,
                Shape::Instance { .. } if self.class_attribute(*id, "__len__").is_some() => Truth::EITHER,
                _ => Truth::YES,
            },
            // Classes and functions of libraries are true; what a call or a look-up gives may be anything.
            Kind::Path(path) if !path.ends_with([')', ']']) && path.starts_with("builtins.") => Truth::YES,
            _ => Truth::EITHER,
        }
    }
}

/// A test on a text, and what it says of it either way.
pub(crate) fn about(rope: &Rope, yes: Limits, no: Limits) -> Truth {
    let identity = rope.as_hole().and_then(|hole| hole.identity.as_ref());
    match identity {
        Some(identity) => {
            Truth { yes: Some(Guard::about(identity, yes)), no: Some(Guard::about(identity, no)) }
        }
        None => Truth::EITHER,
    }
}

/// Whether a text is one character of another.
pub(crate) fn is_character(rope: &Rope) -> bool {
    let identity = rope.as_hole().and_then(|hole| hole.identity.as_ref());
    identity
        .is_some_and(|identity| matches!(identity.made_of, Some((_, Relation::Character | Relation::First))))
}

/// Two texts are equal: each has the characters of both. `secure_filename(name) == name`.
pub(crate) fn same(a: &Rope, b: &Rope) -> Truth {
    let limits = |of: &Rope| {
        let first = of.as_hole().map_or(Alphabet::ALL, |hole| hole.first);
        Limits { first, ..Limits::alphabet(of.alphabet()) }
    };
    let about = |rope: &Rope, other: &Rope| match rope.as_hole().and_then(|hole| hole.identity.as_ref()) {
        Some(identity) => Guard::about(identity, limits(other)),
        None => Guard::ALWAYS,
    };
    let both = about(a, b).and(&about(b, a));
    let hosts = host_of_program(a, b).and(&host_of_program(b, a));
    let yes = both.map(|both| hosts.and_then(|hosts| both.and(&hosts)).unwrap_or(both));
    Truth { yes, no: Some(Guard::ALWAYS) }
}

/// The host of an URL equals the one that the request was sent to.
fn host_of_program(host: &Rope, own: &Rope) -> Guard {
    const OWN: [&str; 4] =
        ["flask.request.host", "flask.request.host_url", "flask.request.url_root", "flask.request.root_url"];
    let is_own = own.origin().is_some_and(|origin| OWN.contains(&&*origin.input));
    match host.as_hole().and_then(|hole| hole.identity.as_ref()) {
        Some(identity) if is_own && matches!(identity.made_of, Some((_, Relation::Host))) => {
            Guard::about(identity, Limits::checked(Checks { host: true, ..Checks::NONE }))
        }
        _ => Guard::ALWAYS,
    }
}

/// A test that says the same of every part of a text as of the whole: which characters it has.
pub(crate) fn about_parts(rope: &Rope, yes: Limits, no: Limits) -> Truth {
    if rope.as_hole().is_some() {
        return about(rope, yes, no);
    }
    let of_all = |limits: Limits| {
        let limits = Limits { first: limits.alphabet, ..limits };
        rope.holes()
            .filter_map(|hole| hole.identity.as_ref())
            .try_fold(Guard::ALWAYS, |guard, identity| guard.and(&Guard::about(identity, limits.clone())))
    };
    Truth { yes: of_all(yes), no: of_all(no) }
}

/// `part in text`: where it does not occur in the whole, it occurs in no part of it.
pub(crate) fn occurs(text: &Rope, part: &str) -> Truth {
    let absent = text
        .holes()
        .filter_map(|hole| hole.identity.as_ref())
        .try_fold(Guard::ALWAYS, |guard, identity| guard.and(&Guard::about(identity, Limits::absent(part))));
    Truth { yes: Some(Guard::ALWAYS), no: absent }
}

/// `text.startswith(prefix)`, where the text's own beginning does not decide it.
pub(crate) fn begins(text: &Rope, prefix: &str) -> Truth {
    let known = text.literal_prefix();
    let below = crate::paths::lies_below(text, &Rope::literal(prefix), prefix.ends_with('/'));
    if below != Truth::EITHER {
        return below;
    }
    if known.is_empty() {
        let first = text.as_hole().zip(prefix.chars().next());
        if first.is_some_and(|(hole, first)| !hole.first.contains(first)) {
            return Truth::NO;
        }
        return about(text, Limits::prefix(prefix), Limits::not_prefix(prefix));
    }
    // The rest of the prefix is asked of the hole after what is known.
    match (prefix.strip_prefix(known), text.segments().get(1)) {
        (Some(rest), Some(Segment::Hole(hole))) => {
            about(&hole.clone().into(), Limits::prefix(rest), Limits::not_prefix(rest))
        }
        _ => Truth::EITHER,
    }
}

/// `text.endswith(suffix)`, where the text's own end does not decide it. After a known beginning the end is asked of
/// what follows it; that one quote can be both, as in `'`, is left out of account.
pub(crate) fn ends(text: &Rope, suffix: &str) -> Truth {
    let [before @ .., Segment::Hole(last)] = text.segments() else { return Truth::EITHER };
    let may_overlap = match before.last() {
        None => false,
        Some(Segment::Hole(_)) => true,
        Some(Segment::Literal(literal)) => {
            let beginnings = suffix.char_indices().skip(1).map(|(end, _)| &suffix[..end]);
            let is_one = suffix.chars().count() == 1;
            beginnings.chain((!is_one).then_some(suffix)).any(|part| literal.ends_with(part))
        }
    };
    if may_overlap {
        return Truth::EITHER;
    }
    about(&last.clone().into(), Limits::suffix(suffix), Limits::default())
}

fn text_truth(rope: &Rope) -> Truth {
    match rope.is_empty() {
        Some(empty) => Truth::of_bool(!empty),
        None => match rope.as_hole().map(|hole| &hole.source) {
            Some(Source::Env(name)) => Truth {
                yes: Some(Guard::when(name.clone(), States::differs(""))),
                no: Some(Guard::when(name.clone(), States::equals(""))),
            },
            Some(Source::Root) => Truth::YES,
            // An URL without a host is one that stays where it is.
            _ if is_part_of_url(rope) => about(rope, Limits::default(), Limits::equals("")),
            _ => Truth::EITHER,
        },
    }
}

fn is_part_of_url(rope: &Rope) -> bool {
    let identity = rope.as_hole().and_then(|hole| hole.identity.as_ref());
    identity.is_some_and(|identity| matches!(identity.made_of, Some((_, Relation::Host | Relation::Scheme))))
}

/// A condition as a value: `True` under one guard, `False` under the other.
pub(crate) fn truth_value(truth: &Truth) -> Value {
    let side = |guard: &Option<Guard>, value: bool| {
        guard.as_ref().map(|guard| Alternative { value: Value::bool(value), guard: guard.clone() })
    };
    match (side(&truth.yes, true), side(&truth.no, false)) {
        (Some(yes), Some(no)) if yes.guard.is_always() && no.guard.is_always() => {
            Value::new(Kind::Some(Type::Bool), None)
        }
        (yes, no) => Value::union(yes.into_iter().chain(no)),
    }
}
