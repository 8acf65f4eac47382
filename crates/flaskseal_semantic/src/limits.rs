//! What a test says about a piece of unknown text, and how pieces of text are related.
//!
//! `if x.isalnum():` says which characters `x` can hold below it. Such knowledge is part of a path's guard, under
//! the identity of the text, so that it holds for every name and container that the same text is in, comes back
//! from helpers with their results, and is forgotten where paths meet.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::alphabet::Alphabet;

/// Names one unknown text of a run: a hash of how it came about. Texts with equal names are equal.
pub(crate) type TextId = u64;

/// Which text this is, and how it was made of another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    pub(crate) id: TextId,
    pub(crate) made_of: Option<(Arc<Identity>, Relation)>,
}

impl Identity {
    /// The text that an input or a call gives, under a name that no other text has.
    pub(crate) fn named(name: impl Hash) -> Arc<Self> {
        Arc::new(Self { id: id_of(name), made_of: None })
    }

    /// A text made of this one. `how` tells apart what the relation does not: which slice, which pieces.
    pub(crate) fn made(self: &Arc<Self>, relation: Relation, how: impl Hash) -> Arc<Self> {
        let id = id_of((self.id, relation, how));
        Arc::new(Self { id, made_of: self.may_have_descendants().then(|| (self.clone(), relation)) })
    }

    /// The text of which this is one character.
    pub(crate) fn character_of(&self) -> Option<&Self> {
        match &self.made_of {
            Some((whole, Relation::Character)) => Some(whole),
            _ => None,
        }
    }

    /// The text of which this is one of the elements that a loop goes through, and what stands between them.
    pub(crate) fn element_of(&self) -> Option<(&Self, Alphabet)> {
        match &self.made_of {
            Some((whole, Relation::Character)) => Some((whole, Alphabet::NONE)),
            Some((whole, Relation::Piece(between))) => Some((whole, *between)),
            _ => None,
        }
    }

    fn may_have_descendants(&self) -> bool {
        std::iter::successors(Some(self), |identity| identity.made_of.as_ref().map(|(whole, _)| &**whole))
            .count()
            < MAX_GENERATIONS
    }
}

/// Relations are followed this far.
const MAX_GENERATIONS: usize = 8;

fn id_of(name: impl Hash) -> TextId {
    // The same on every run and every machine of one kind: the order of output must not depend on it, and does not.
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// How a text was made of another, as far as tests on one say something about the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Relation {
    /// A part without gaps: a slice, some pieces of a split.
    Part,
    /// All of it but a beginning and an end that are known.
    Middle,
    /// One of the pieces of a split that takes out every one of these characters.
    Piece(Alphabet),
    /// All of it but characters of this set at the ends.
    Stripped(Alphabet),
    /// All of it but characters of this set, wherever they are.
    Without(Alphabet),
    /// One of its characters.
    Character,
    /// Its first character, or nothing where it has none.
    First,
    /// The same with letters in other case.
    Cased,
    /// Some of its characters, in any order.
    Characters,
    /// The network location of an URL, or the host in it.
    Host,
    /// The scheme of an URL.
    Scheme,
    /// The URL that an URL stands for, seen from another one.
    Joined,
    /// The absolute path that a path stands for, links and `..` followed.
    Resolved,
    /// The last component of a path.
    Name,
    /// What a path has in common with others, component by component.
    CommonPath,
    /// What a path has in common with others, character by character.
    CommonPrefix,
}

/// A necessary condition on a text: all of it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Characters that can occur.
    pub alphabet: Alphabet,
    /// Characters that it can begin with.
    pub first: Alphabet,
    pub prefix: Arc<str>,
    pub suffix: Arc<str>,
    pub not_prefixes: BTreeSet<Arc<str>>,
    /// Texts that do not occur in it.
    pub absent: BTreeSet<Arc<str>>,
    /// It is one of these; `None` where they cannot be listed.
    pub texts: Option<BTreeSet<Arc<str>>>,
    pub checks: Checks,
}

/// Tests whose meaning no set of characters can say.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Checks {
    /// As an URL, its host is empty or one of some constants.
    pub host: bool,
    /// As an URL, its host is not empty.
    pub some_host: bool,
    /// As an URL, its scheme is one of some constants, or empty.
    pub scheme: bool,
    /// As a path, it lies below a folder that the program chose, links and `..` followed.
    pub below_folder: bool,
    /// It is an element of a container that no client fills: which ones there are need not be known.
    pub listed: bool,
    /// A line break can only be its last character: what `$` in a pattern lets through.
    pub newline_last: bool,
    /// Like `below_folder`, by comparing text without a separator at its end: a sibling may begin alike.
    pub below_prefix: bool,
}

/// More alternatives than this are not listed one by one.
const MAX_TEXTS: usize = 64;

impl Checks {
    pub const NONE: Self = Self {
        host: false,
        some_host: false,
        scheme: false,
        below_folder: false,
        listed: false,
        newline_last: false,
        below_prefix: false,
    };

    fn zip(self, other: Self, both: impl Fn(bool, bool) -> bool) -> Self {
        Self {
            host: both(self.host, other.host),
            some_host: both(self.some_host, other.some_host),
            scheme: both(self.scheme, other.scheme),
            below_folder: both(self.below_folder, other.below_folder),
            listed: both(self.listed, other.listed),
            newline_last: both(self.newline_last, other.newline_last),
            below_prefix: both(self.below_prefix, other.below_prefix),
        }
    }

    pub fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a || b)
    }

    pub fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a && b)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            alphabet: Alphabet::ALL,
            first: Alphabet::ALL,
            prefix: "".into(),
            suffix: "".into(),
            not_prefixes: BTreeSet::new(),
            absent: BTreeSet::new(),
            texts: None,
            checks: Checks::NONE,
        }
    }
}

impl Limits {
    pub fn alphabet(alphabet: Alphabet) -> Self {
        Self { alphabet, first: alphabet, ..Self::default() }
    }

    pub fn equals(text: impl Into<Arc<str>>) -> Self {
        Self::one_of([text.into()])
    }

    pub fn one_of(texts: impl IntoIterator<Item = Arc<str>>) -> Self {
        let texts: BTreeSet<Arc<str>> = texts.into_iter().collect();
        let alphabet = texts.iter().fold(Alphabet::NONE, |set, text| set.union(Alphabet::of(text)));
        let first = texts.iter().filter_map(|text| text.chars().next());
        let first = first.fold(Alphabet::NONE, |set, character| set.union(Alphabet::of_char(character)));
        let texts = (texts.len() <= MAX_TEXTS).then_some(texts);
        Self { alphabet, first, texts, ..Self::default() }
    }

    pub fn prefix(prefix: impl Into<Arc<str>>) -> Self {
        let prefix = prefix.into();
        let first = prefix.chars().next().map_or(Alphabet::ALL, Alphabet::of_char);
        Self { first, prefix, ..Self::default() }
    }

    pub fn suffix(suffix: impl Into<Arc<str>>) -> Self {
        Self { suffix: suffix.into(), ..Self::default() }
    }

    pub fn not_prefix(prefix: impl Into<Arc<str>>) -> Self {
        let prefix = prefix.into();
        let mut limits = Self::default();
        let mut characters = prefix.chars();
        if let (Some(only), None) = (characters.next(), characters.next()) {
            limits.first = limits.first.without(Alphabet::of_char(only));
        }
        limits.not_prefixes.insert(prefix);
        limits
    }

    pub fn absent(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let mut limits = Self::default();
        let mut characters = text.chars();
        if let (Some(only), None) = (characters.next(), characters.next()) {
            limits.alphabet = limits.alphabet.without(Alphabet::of_char(only));
            limits.first = limits.alphabet;
        }
        limits.absent.insert(text);
        limits
    }

    pub fn checked(checks: Checks) -> Self {
        Self { checks, ..Self::default() }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Both hold; `None` where they cannot.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let longer = |a: &Arc<str>, b: &Arc<str>, agree: fn(&str, &str) -> bool| {
            let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
            agree(long, short).then(|| long.clone())
        };
        let texts = match (&self.texts, &other.texts) {
            (Some(a), Some(b)) => {
                let both: BTreeSet<Arc<str>> = a.intersection(b).cloned().collect();
                if both.is_empty() {
                    return None;
                }
                Some(both)
            }
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        let limits = Self {
            alphabet: self.alphabet.intersection(other.alphabet),
            first: self.first.intersection(other.first),
            prefix: longer(&self.prefix, &other.prefix, |long, short| long.starts_with(short))?,
            suffix: longer(&self.suffix, &other.suffix, |long, short| long.ends_with(short))?,
            not_prefixes: self.not_prefixes.union(&other.not_prefixes).cloned().collect(),
            absent: self.absent.union(&other.absent).cloned().collect(),
            texts,
            checks: self.checks.and(other.checks),
        };
        let is_denied = !limits.prefix.is_empty()
            && limits.not_prefixes.iter().any(|no| limits.prefix.starts_with(&**no));
        (!is_denied).then_some(limits)
    }

    /// At least one holds.
    pub fn or(&self, other: &Self) -> Self {
        let texts = match (&self.texts, &other.texts) {
            (Some(a), Some(b)) if a.len() + b.len() <= MAX_TEXTS => Some(a.union(b).cloned().collect()),
            _ => None,
        };
        Self {
            alphabet: self.alphabet.union(other.alphabet),
            first: self.first.union(other.first),
            prefix: common_prefix(&self.prefix, &other.prefix).into(),
            suffix: common_suffix(&self.suffix, &other.suffix).into(),
            not_prefixes: self.not_prefixes.intersection(&other.not_prefixes).cloned().collect(),
            absent: self.absent.intersection(&other.absent).cloned().collect(),
            texts,
            checks: self.checks.or(other.checks),
        }
    }

    /// What a condition on a text says about another text that was made of it.
    pub(crate) fn of_made(&self, relation: Relation) -> Self {
        let nothing = Self::default();
        match relation {
            // What it is as a whole says where it leads.
            Relation::Middle => Self {
                alphabet: self.alphabet,
                first: self.alphabet,
                absent: self.absent.clone(),
                checks: self.checks,
                ..nothing
            },
            Relation::Part
            | Relation::Piece(_)
            | Relation::Stripped(_)
            | Relation::Name
            | Relation::Character => {
                Self { alphabet: self.alphabet, first: self.alphabet, absent: self.absent.clone(), ..nothing }
            }
            Relation::Characters | Relation::Without(_) => {
                Self { alphabet: self.alphabet, first: self.alphabet, ..nothing }
            }
            Relation::First => {
                let alphabet = self.alphabet.intersection(self.first);
                Self { alphabet, first: alphabet, ..nothing }
            }
            Relation::Cased => Self {
                alphabet: self.alphabet.any_case(),
                first: self.first.any_case(),
                checks: Checks { below_folder: false, below_prefix: false, ..self.checks },
                ..nothing
            },
            Relation::Host | Relation::Scheme => {
                Self { alphabet: self.alphabet.any_case(), first: self.alphabet.any_case(), ..nothing }
            }
            Relation::Joined => {
                let Checks { host, scheme, .. } = self.checks;
                Self { checks: Checks { host, scheme, ..Checks::NONE }, ..nothing }
            }
            Relation::Resolved | Relation::CommonPath | Relation::CommonPrefix => {
                Self { checks: self.checks, ..nothing }
            }
        }
    }

    /// What a condition on a text says about the text that it was made of.
    pub(crate) fn of_whole(&self, relation: Relation) -> Self {
        let nothing = Self::default();
        match relation {
            Relation::Stripped(gone) => Self {
                alphabet: self.alphabet.union(gone),
                first: self.first.union(gone),
                // A text across the border of what was taken off needs one of its characters.
                absent: self
                    .absent
                    .iter()
                    .filter(|text| !text.chars().any(|character| gone.contains(character)))
                    .cloned()
                    .collect(),
                ..nothing
            },
            Relation::Without(gone) => {
                let alphabet = self.alphabet.union(gone);
                Self { alphabet, first: self.first.union(gone), ..nothing }
            }
            Relation::First => Self { first: self.alphabet, ..nothing },
            Relation::Cased => Self {
                alphabet: before_case(self.alphabet),
                first: before_case(self.first),
                checks: Checks { host: self.checks.host, scheme: self.checks.scheme, ..Checks::NONE },
                ..nothing
            },
            Relation::Host => {
                // One of the program's hosts, or one below a domain of its own.
                let is_constant = self.texts.is_some() || self.checks.host || self.suffix.starts_with('.');
                let is_some = self.texts.as_ref().map_or(is_constant, |texts| !texts.contains(""));
                Self { checks: Checks { host: is_constant, some_host: is_some, ..Checks::NONE }, ..nothing }
            }
            // `////evil.example` has no host, and gets one when it is joined.
            Relation::Joined => {
                let Checks { host, scheme, .. } = self.checks;
                let checks = Checks { host, scheme, ..Checks::NONE };
                Self { checks, ..nothing }
            }
            Relation::Scheme => {
                Self { checks: Checks { scheme: self.texts.is_some(), ..Checks::NONE }, ..nothing }
            }
            Relation::Resolved | Relation::CommonPath | Relation::CommonPrefix => {
                Self { checks: self.checks, ..nothing }
            }
            Relation::Part
            | Relation::Middle
            | Relation::Piece(_)
            | Relation::Characters
            | Relation::Character
            | Relation::Name => nothing,
        }
    }
}

/// The characters that case mapping makes these of: the Kelvin sign becomes a `k`, the long s an `S`.
fn before_case(alphabet: Alphabet) -> Alphabet {
    let relatives =
        if alphabet.meets(Alphabet::LETTERS) { Alphabet::WIDE_ALPHANUMERIC } else { Alphabet::NONE };
    alphabet.any_case().union(relatives)
}

fn common_prefix<'t>(a: &'t str, b: &str) -> &'t str {
    let length = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    &a[..length]
}

fn common_suffix<'t>(a: &'t str, b: &str) -> &'t str {
    let length: usize =
        a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    &a[a.len() - length..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_meet_and_join() {
        let digits = Limits::alphabet(Alphabet::DIGITS);
        let no_dots = Limits::absent("..");
        let both = digits.and(&no_dots).unwrap();
        assert_eq!(both.alphabet, Alphabet::DIGITS);
        assert!(both.absent.contains(".."));
        assert!(digits.or(&no_dots).is_nothing());
        assert!(Limits::equals("a").and(&Limits::equals("b")).is_none());
        assert!(Limits::prefix("/x").and(&Limits::not_prefix("/")).is_none());
        let ab = Limits::equals("a").or(&Limits::equals("b"));
        assert_eq!(ab.texts.unwrap().len(), 2);
    }

    #[test]
    fn knowledge_travels_between_related_texts() {
        let letters = Limits::alphabet(Alphabet::ascii_range(b'a', b'z'));
        assert!(letters.of_whole(Relation::Cased).alphabet.contains('Z'));
        assert!(letters.of_whole(Relation::Stripped(Alphabet::WHITE_SPACE)).alphabet.contains('\n'));
        assert!(letters.of_whole(Relation::Part).is_nothing());
        let without = letters.of_whole(Relation::Without(Alphabet::of("-")));
        assert!(without.alphabet.contains('-') && !without.alphabet.contains('\''));
        assert!(!letters.of_whole(Relation::First).first.contains('/'));
        assert!(Limits::one_of(["a.example".into()]).of_whole(Relation::Host).checks.host);
        assert!(Limits::absent("..").of_made(Relation::Part).absent.contains(".."));
    }
}
