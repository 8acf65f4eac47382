//! Abstract strings: literal segments and holes.
//!
//! A constant is a rope of one literal. A hole stands for text that is not known; it says where the text comes
//! from and which characters can still be in it.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use flaskseal_core::Span;

use crate::alphabet::Alphabet;
use crate::guard::Guard;
use crate::limits::{Checks, Identity, Limits, Relation};
use crate::origin::{Change, Origin, StepKind, stronger};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rope {
    segments: Arc<[Segment]>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    Literal(Arc<str>),
    /// Behind a pointer: most segments are literals, and need not be as large as a hole.
    Hole(Arc<Hole>),
}

impl Segment {
    fn alphabet(&self) -> Alphabet {
        match self {
            Self::Literal(text) => Alphabet::of(text),
            Self::Hole(hole) => hole.alphabet,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    pub source: Source,
    /// Characters that can be in it.
    pub alphabet: Alphabet,
    /// Characters that it can begin with.
    pub first: Alphabet,
    /// Texts that cannot occur in it.
    pub absent: Option<Arc<BTreeSet<Arc<str>>>>,
    pub checks: Checks,
    /// The request data that it holds, if it does.
    pub origin: Option<Arc<Origin>>,
    pub identity: Option<Arc<Identity>>,
}

impl Hole {
    pub fn new(source: Source, alphabet: Alphabet) -> Self {
        Self {
            source,
            alphabet,
            first: alphabet,
            absent: None,
            checks: Checks::NONE,
            origin: None,
            identity: None,
        }
    }

    /// Text that was made of this text in a way that leaves nothing of what is known but where it comes from.
    pub fn changed(&self, alphabet: Alphabet) -> Self {
        Self { origin: self.origin.clone(), ..Self::new(self.source.clone(), alphabet) }
    }

    /// Text that was made of this text: `alphabet` has its characters, `how` tells it from others made alike.
    pub fn made(&self, relation: Relation, alphabet: Alphabet, how: impl Hash) -> Self {
        let keeps_gaps_closed = matches!(
            relation,
            Relation::Part
                | Relation::Middle
                | Relation::Piece(_)
                | Relation::Stripped(_)
                | Relation::Name
                | Relation::Character
        );
        Self {
            absent: self.absent.clone().filter(|_| keeps_gaps_closed),
            identity: self.identity.as_ref().map(|identity| identity.made(relation, how)),
            ..self.changed(alphabet)
        }
    }

    /// Whether the text is known not to occur in it.
    pub fn lacks(&self, text: &str) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.contains(text))
            || text.chars().any(|character| !self.alphabet.contains(character))
    }

    /// Notes what the program did to the text, for where it is a client's.
    pub(crate) fn change(&mut self, change: impl FnOnce() -> Change) {
        if let Some(origin) = &self.origin {
            self.origin = Some(Arc::new(origin.changed(change())));
        }
    }

    /// The hole under what is known of its text; where that parts it, its middle under what is known of the middle:
    /// `text[1:-1]` was asked about, too.
    fn narrowed(&self, limits: &Limits, guard: &Guard, depth: usize) -> Vec<Segment> {
        let middle = |part: Segment| match part {
            Segment::Hole(part) if part.identity != self.identity && depth < MAX_MIDDLES => {
                match part.identity.as_ref().and_then(|identity| guard.limits(identity)) {
                    Some(limits) => part.narrowed(&limits, guard, depth + 1),
                    None => vec![Segment::Hole(part)],
                }
            }
            part => vec![part],
        };
        self.clone().limited(limits).into_iter().flat_map(middle).collect()
    }

    /// The hole under what is known of its text.
    fn limited(self, limits: &Limits) -> Vec<Segment> {
        // Whoever picks characters one by one may spell anything with them.
        let is_character = self.identity.as_ref().is_some_and(|identity| identity.character_of().is_some());
        if let Some(texts) = limits.texts.as_ref().filter(|texts| texts.len() == 1 || !is_character) {
            return match texts.iter().next() {
                Some(only) if texts.len() == 1 => vec![Segment::Literal(only.clone())],
                // The program chose every one of these texts.
                _ => {
                    let hole = Self::new(Source::Unknown, self.alphabet.intersection(limits.alphabet));
                    vec![Self { identity: self.identity, ..hole }.into()]
                }
            };
        }
        if limits.checks.listed {
            let hole = Self::new(Source::Unknown, self.alphabet.intersection(limits.alphabet));
            return vec![Self { identity: self.identity, ..hole }.into()];
        }
        let mut hole = self;
        hole.alphabet = hole.alphabet.intersection(limits.alphabet);
        hole.first = hole.first.intersection(limits.first).intersection(hole.alphabet);
        hole.checks = hole.checks.and(limits.checks);
        if !limits.absent.is_empty() {
            let known = hole.absent.iter().flat_map(|absent| absent.iter()).chain(&limits.absent);
            hole.absent = Some(Arc::new(known.cloned().collect()));
        }
        if limits.prefix.is_empty() && limits.suffix.is_empty() {
            return vec![hole.into()];
        }
        // A text in which beginning and end overlap, such as a lone quote, is left out: a known gap.
        let how = (&limits.prefix, &limits.suffix);
        let mut rest = hole.made(Relation::Middle, hole.alphabet, how);
        rest.checks = hole.checks;
        rest.change(|| Change::Between { prefix: limits.prefix.clone(), suffix: limits.suffix.clone() });
        for denied in &limits.not_prefixes {
            let mut beyond = denied.strip_prefix(&*limits.prefix).unwrap_or_default().chars();
            if let (Some(only), None) = (beyond.next(), beyond.next()) {
                rest.first = rest.first.without(Alphabet::of_char(only));
            }
        }
        let literal = |text: &Arc<str>| (!text.is_empty()).then(|| Segment::Literal(text.clone()));
        literal(&limits.prefix).into_iter().chain([rest.into()]).chain(literal(&limits.suffix)).collect()
    }

    /// The same text, whichever of two paths was taken; `None` where it is not the same text on both.
    fn either(&self, other: &Self) -> Option<Self> {
        let is_same_text = match (&self.identity, &other.identity) {
            (Some(a), Some(b)) => a.id == b.id,
            (None, None) => self.source == other.source && self.origin.is_some(),
            _ => false,
        };
        if !is_same_text {
            return None;
        }
        let absent = match (&self.absent, &other.absent) {
            (Some(a), Some(b)) => Some(Arc::new(a.intersection(b).cloned().collect::<BTreeSet<_>>())),
            _ => None,
        };
        Some(Self {
            source: if self.source == other.source { self.source.clone() } else { Source::Unknown },
            alphabet: self.alphabet.union(other.alphabet),
            first: self.first.union(other.first),
            absent: absent.filter(|absent| !absent.is_empty()),
            checks: self.checks.or(other.checks),
            origin: stronger(self.origin.clone(), other.origin.clone()),
            identity: self.identity.clone(),
        })
    }
}

/// Where unknown text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// An environment variable whose value the tree does not say.
    Env(Arc<str>),
    /// The absolute path of the folder that is checked, which depends on the machine.
    Root,
    /// A value that a library gives, by its access path: `flask.request.args["q"]`, `secrets.token_hex()`.
    Path(Arc<str>),
    /// Anything else.
    Unknown,
}

/// Longer constants are not folded any further; no setting needs them and a loop could double them forever.
const MAX_LITERAL: usize = 1 << 16;
const MAX_SEGMENTS: usize = 64;
/// Tests on the middle of a middle of a text are followed this far.
const MAX_MIDDLES: usize = 3;

impl Rope {
    pub fn literal(text: impl Into<Arc<str>>) -> Self {
        Self { segments: Arc::new([Segment::Literal(text.into())]) }
    }

    pub fn hole(source: Source) -> Self {
        Self::hole_of(source, Alphabet::ALL)
    }

    pub fn hole_of(source: Source, alphabet: Alphabet) -> Self {
        Self::from(Hole::new(source, alphabet))
    }

    /// Text of which nothing is known but its characters and where its parts come from.
    pub fn blurred(&self, alphabet: Alphabet) -> Self {
        let source = self.as_hole().map_or(Source::Unknown, |hole| hole.source.clone());
        Self::from(Hole { origin: self.origin(), ..Hole::new(source, alphabet) })
    }

    /// Text made of this text, as `Hole::made` has it.
    pub fn made(&self, relation: Relation, alphabet: Alphabet, how: impl Hash) -> Self {
        match self.as_hole() {
            Some(hole) => hole.made(relation, alphabet, how).into(),
            None => self.blurred(alphabet),
        }
    }

    /// Text that this text alone determines, in whatever way `how` says: a name of its own, and no relation.
    pub fn computed(&self, alphabet: Alphabet, how: impl Hash) -> Self {
        let blurred = self.blurred(alphabet);
        let Some(name) = self.name() else { return blurred };
        let identity = Identity::named((name, how));
        blurred.map_holes(|hole| Hole { identity: Some(identity.clone()), ..hole.clone() })
    }

    /// Texts with equal names are equal; `None` where a part has no name.
    fn name(&self) -> Option<u64> {
        let mut hasher = rustc_hash::FxHasher::default();
        for segment in &*self.segments {
            match segment {
                Segment::Literal(text) => text.hash(&mut hasher),
                Segment::Hole(hole) => hole.identity.as_ref()?.id.hash(&mut hasher),
            }
        }
        Some(hasher.finish())
    }

    /// The request data in it; where there are several, the one that says most.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        self.holes().fold(None, |found, hole| stronger(found, hole.origin.clone()))
    }

    /// The same text, whose request data has come one step further.
    pub(crate) fn step(&self, at: Span, what: &StepKind) -> Self {
        self.map_holes(|hole| Hole {
            origin: hole.origin.as_ref().map(|origin| Arc::new(origin.step(at, what.clone()))),
            ..hole.clone()
        })
    }

    pub fn map_holes(&self, change: impl Fn(&Hole) -> Hole) -> Self {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => Segment::Literal(text.clone()),
            Segment::Hole(hole) => change(hole).into(),
        });
        Self { segments: segments.collect() }
    }

    /// The text on a path under a guard; `None` where the guard says nothing new of it.
    pub(crate) fn under(&self, guard: &Guard) -> Option<Self> {
        if !guard.says_of_texts() {
            return None;
        }
        let limits: Vec<Option<Limits>> = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Hole(hole) => guard.limits(hole.identity.as_ref()?),
                Segment::Literal(_) => None,
            })
            .collect();
        if limits.iter().all(Option::is_none) {
            return None;
        }
        let narrowed =
            self.segments.iter().zip(limits).flat_map(|(segment, limits)| match (segment, limits) {
                (Segment::Hole(hole), Some(limits)) => hole.narrowed(&limits, guard, 0),
                _ => vec![segment.clone()],
            });
        Some(Self::of_segments(narrowed))
    }

    /// One rope for the same text on two paths, where it is the same text: what either path knows of it.
    pub(crate) fn either(&self, other: &Self) -> Option<Self> {
        if self.segments.len() != other.segments.len() {
            return None;
        }
        let mut segments = Vec::with_capacity(self.segments.len());
        for pair in self.segments.iter().zip(&*other.segments) {
            segments.push(match pair {
                (Segment::Literal(a), Segment::Literal(b)) if a == b => Segment::Literal(a.clone()),
                (Segment::Hole(a), Segment::Hole(b)) => a.either(b)?.into(),
                _ => return None,
            });
        }
        Some(Self { segments: segments.into() })
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The text, where all of it is known.
    pub fn as_literal(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The hole, where the rope is nothing but one.
    pub fn as_hole(&self) -> Option<&Hole> {
        match &*self.segments {
            [Segment::Hole(hole)] => Some(hole),
            _ => None,
        }
    }

    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Hole(hole) => Some(&**hole),
            Segment::Literal(_) => None,
        })
    }

    /// `None` where it may be empty or not.
    pub fn is_empty(&self) -> Option<bool> {
        if self.segments.iter().any(|segment| matches!(segment, Segment::Literal(text) if !text.is_empty())) {
            return Some(false);
        }
        self.holes().next().is_none().then_some(true)
    }

    /// The rope's segments one after the other; neighbours that are literals become one.
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::of_segments(parts.into_iter().flat_map(|part| part.segments.to_vec()))
    }

    /// Segments one after the other; neighbours that are literals become one.
    pub(crate) fn of_segments(segments: impl IntoIterator<Item = Segment>) -> Self {
        let mut joined: Vec<Segment> = Vec::new();
        let mut literal = String::new();
        // Of a text that is too long, its characters and where they come from remain.
        let mut too_long: Option<Hole> = None;
        for segment in segments {
            if let Some(all) = &mut too_long {
                all.alphabet = all.alphabet.union(segment.alphabet());
                if let Segment::Hole(hole) = segment {
                    all.origin = stronger(all.origin.take(), hole.origin.clone());
                }
                continue;
            }
            match segment {
                Segment::Literal(text) => literal.push_str(&text),
                Segment::Hole(hole) => {
                    if !literal.is_empty() {
                        joined.push(Segment::Literal(std::mem::take(&mut literal).into()));
                    }
                    joined.push(Segment::Hole(hole));
                }
            }
            if literal.len() > MAX_LITERAL || joined.len() > MAX_SEGMENTS {
                joined.push(Segment::Literal(std::mem::take(&mut literal).into()));
                let start = Self { segments: std::mem::take(&mut joined).into() };
                too_long =
                    Some(Hole { origin: start.origin(), ..Hole::new(Source::Unknown, start.alphabet()) });
            }
        }
        if let Some(all) = too_long {
            return Self::from(Hole { first: all.alphabet, ..all });
        }
        if !literal.is_empty() || joined.is_empty() {
            joined.push(Segment::Literal(literal.into()));
        }
        Self { segments: joined.into() }
    }

    /// Applies a function to literals and narrows the alphabet of holes: for what works character by character.
    pub fn map(&self, text: impl Fn(&str) -> String, alphabet: impl Fn(Alphabet) -> Alphabet) -> Self {
        Self::concat(self.segments.iter().map(|segment| match segment {
            Segment::Literal(literal) => Self::literal(text(literal)),
            Segment::Hole(hole) => hole.changed(alphabet(hole.alphabet)).into(),
        }))
    }

    /// What comes before the last `separator`, and what after it, where a literal tells.
    pub fn rsplit_once(&self, separator: char) -> Option<(Self, Self)> {
        let (index, literal) =
            self.segments.iter().enumerate().rev().find_map(|(i, segment)| match segment {
                Segment::Literal(text) if text.contains(separator) => Some((i, text)),
                _ => None,
            })?;
        // A hole further right could hold a separator of its own.
        let after_may_split = self.segments[index + 1..]
            .iter()
            .any(|s| matches!(s, Segment::Hole(h) if h.alphabet.contains(separator)));
        if after_may_split {
            return None;
        }
        let (before, after) = literal.rsplit_once(separator)?;
        let head = self.segments[..index].iter().cloned().chain([Segment::Literal(before.into())]);
        let tail =
            [Segment::Literal(after.into())].into_iter().chain(self.segments[index + 1..].iter().cloned());
        Some((
            Self::concat([Self { segments: head.collect() }]),
            Self::concat([Self { segments: tail.collect() }]),
        ))
    }

    /// Every character that can occur.
    pub fn alphabet(&self) -> Alphabet {
        self.segments.iter().fold(Alphabet::NONE, |set, segment| set.union(segment.alphabet()))
    }

    /// The literal that the rope begins with; empty where it begins with a hole.
    pub fn literal_prefix(&self) -> &str {
        match self.segments.first() {
            Some(Segment::Literal(text)) => text,
            _ => "",
        }
    }

    /// The literal that the rope ends with; empty where it ends with a hole.
    pub fn literal_suffix(&self) -> &str {
        match self.segments.last() {
            Some(Segment::Literal(text)) => text,
            _ => "",
        }
    }
}

impl From<Hole> for Segment {
    fn from(hole: Hole) -> Self {
        Self::Hole(Arc::new(hole))
    }
}

impl From<Hole> for Rope {
    fn from(hole: Hole) -> Self {
        Self::from(Arc::new(hole))
    }
}

impl From<Arc<Hole>> for Rope {
    fn from(hole: Arc<Hole>) -> Self {
        Self { segments: Arc::new([Segment::Hole(hole)]) }
    }
}

/// For people and for test output: holes as `{…}`.
impl fmt::Display for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &*self.segments {
            match segment {
                Segment::Literal(text) => f.write_str(text)?,
                Segment::Hole(hole) => match &hole.source {
                    Source::Env(name) => write!(f, "{{${name}}}")?,
                    Source::Root => f.write_str("{root}")?,
                    Source::Path(path) => write!(f, "{{{path}}}")?,
                    Source::Unknown => f.write_str("{…}")?,
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_join_and_holes_stay() {
        let rope = Rope::concat([
            Rope::literal("a"),
            Rope::literal("b"),
            Rope::hole(Source::Root),
            Rope::literal("/c/d"),
        ]);
        assert_eq!(rope.segments().len(), 3);
        assert_eq!(rope.to_string(), "ab{root}/c/d");
        let (before, after) = rope.rsplit_once('/').unwrap();
        assert_eq!((before.to_string(), after.to_string()), ("ab{root}/c".to_owned(), "d".to_owned()));
        assert_eq!(Rope::concat([]).as_literal(), Some(""));
    }

    #[test]
    fn a_doubling_string_stays_small() {
        let mut rope = Rope::literal("ab");
        for _ in 0..40 {
            rope = Rope::concat([rope.clone(), rope]);
        }
        assert_eq!(rope.as_literal(), None);
    }
}
