//! Under which environment and which input a value arises.
//!
//! A guard is a necessary condition over environment variables that the tree leaves open, each in one of the listed
//! states, and over texts that are not known, each within limits. The empty guard is always true. Guards over-approximate: what has several
//! conditions that do not fit this form keeps the part that does.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::limits::{Identity, Limits, TextId};

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Guard {
    /// Sorted by name, each name once.
    conditions: Vec<(Arc<str>, States)>,
    /// Sorted by text, each text once.
    texts: Vec<(TextId, Arc<Limits>)>,
}

/// The states in which a variable can be: not set, or set to one of some texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct States {
    pub unset: bool,
    pub texts: Texts,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Texts {
    Only(BTreeSet<Arc<str>>),
    Except(BTreeSet<Arc<str>>),
}

impl States {
    pub const UNSET: Self = Self { unset: true, texts: Texts::Only(BTreeSet::new()) };
    pub const SET: Self = Self { unset: false, texts: Texts::Except(BTreeSet::new()) };
    const ANY: Self = Self { unset: true, texts: Texts::Except(BTreeSet::new()) };

    pub fn equals(text: impl Into<Arc<str>>) -> Self {
        Self { unset: false, texts: Texts::Only(BTreeSet::from([text.into()])) }
    }

    /// Set, to anything but this text.
    pub fn differs(text: impl Into<Arc<str>>) -> Self {
        Self { unset: false, texts: Texts::Except(BTreeSet::from([text.into()])) }
    }

    fn and(&self, other: &Self) -> Self {
        use Texts::{Except, Only};
        let texts = match (&self.texts, &other.texts) {
            (Only(a), Only(b)) => Only(a.intersection(b).cloned().collect()),
            (Only(a), Except(b)) | (Except(b), Only(a)) => Only(a.difference(b).cloned().collect()),
            (Except(a), Except(b)) => Except(a.union(b).cloned().collect()),
        };
        Self { unset: self.unset && other.unset, texts }
    }

    fn or(&self, other: &Self) -> Self {
        use Texts::{Except, Only};
        let texts = match (&self.texts, &other.texts) {
            (Only(a), Only(b)) => Only(a.union(b).cloned().collect()),
            (Only(a), Except(b)) | (Except(b), Only(a)) => Except(b.difference(a).cloned().collect()),
            (Except(a), Except(b)) => Except(a.intersection(b).cloned().collect()),
        };
        Self { unset: self.unset || other.unset, texts }
    }

    fn is_impossible(&self) -> bool {
        !self.unset && matches!(&self.texts, Texts::Only(texts) if texts.is_empty())
    }
}

/// A path that learns more than this forgets the rest: tests in the thousands are a table, and no validation.
const MAX_TEXTS: usize = 256;

impl Guard {
    pub const ALWAYS: Self = Self { conditions: Vec::new(), texts: Vec::new() };

    pub fn when(variable: impl Into<Arc<str>>, states: States) -> Self {
        Self { conditions: vec![(variable.into(), states)], ..Self::ALWAYS }
    }

    /// What a test on a text says, about it and about the texts that it was made of.
    pub(crate) fn about(identity: &Identity, limits: Limits) -> Self {
        let mut guard = Self::ALWAYS;
        let mut current = (identity, limits);
        loop {
            let (identity, limits) = current;
            if !limits.is_nothing()
                && let Err(index) = guard.texts.binary_search_by_key(&identity.id, |(id, _)| *id)
            {
                guard.texts.insert(index, (identity.id, Arc::new(limits.clone())));
            }
            let Some((whole, relation)) = &identity.made_of else { return guard };
            current = (whole, limits.of_whole(*relation));
        }
    }

    /// This guard, and what another one says of texts.
    pub(crate) fn with_texts_of(&self, other: &Self) -> Self {
        if other.texts.is_empty() || self.texts.len() + other.texts.len() > MAX_TEXTS {
            return self.clone();
        }
        let texts = Self { conditions: Vec::new(), texts: other.texts.clone() };
        self.and(&texts).unwrap_or_else(|| self.clone())
    }

    pub(crate) fn without_texts(&self) -> Self {
        Self { conditions: self.conditions.clone(), texts: Vec::new() }
    }

    pub(crate) fn says_of_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// What holds of a text: what tests on it said, and what tests on the texts that it was made of say of it.
    pub(crate) fn limits(&self, identity: &Identity) -> Option<Limits> {
        let own = |identity: &Identity| {
            let index = self.texts.binary_search_by_key(&identity.id, |(id, _)| *id).ok()?;
            Some(&*self.texts[index].1)
        };
        let inherited = identity.made_of.as_ref().and_then(|(whole, relation)| {
            let limits = self.limits(whole)?.of_made(*relation);
            (!limits.is_nothing()).then_some(limits)
        });
        match (own(identity), inherited) {
            (Some(own), Some(inherited)) => own.and(&inherited).or_else(|| Some(own.clone())),
            (own, inherited) => own.cloned().or(inherited),
        }
    }

    pub fn is_always(&self) -> bool {
        self.conditions.is_empty() && self.texts.is_empty()
    }

    pub fn conditions(&self) -> impl Iterator<Item = (&str, &States)> {
        self.conditions.iter().map(|(name, states)| (&**name, states))
    }

    /// Both hold. `None` where they cannot.
    pub fn and(&self, other: &Self) -> Option<Self> {
        if self.is_always() {
            return Some(other.clone());
        }
        if other.is_always() {
            return Some(self.clone());
        }
        let mut conditions = self.conditions.clone();
        for (name, states) in &other.conditions {
            match conditions.binary_search_by(|(known, _)| known.cmp(name)) {
                Ok(index) => {
                    let both = conditions[index].1.and(states);
                    if both.is_impossible() {
                        return None;
                    }
                    conditions[index].1 = both;
                }
                Err(index) => conditions.insert(index, (name.clone(), states.clone())),
            }
        }
        let mut texts = self.texts.clone();
        for (id, limits) in &other.texts {
            match texts.binary_search_by_key(id, |(known, _)| *known) {
                Ok(index) if Arc::ptr_eq(&texts[index].1, limits) => {}
                Ok(index) => texts[index].1 = Arc::new(texts[index].1.and(limits)?),
                Err(index) => texts.insert(index, (*id, limits.clone())),
            }
        }
        Some(Self { conditions, texts })
    }

    /// Whether both can hold at once: like `and`, without putting them together.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let (short, long) =
            if self.conditions.len() <= other.conditions.len() { (self, other) } else { (other, self) };
        let conditions_agree = short.conditions.iter().all(|(name, states)| {
            let known = long.conditions.binary_search_by(|(known, _)| known.cmp(name));
            known.map_or(true, |index| !long.conditions[index].1.and(states).is_impossible())
        });
        let (short, long) = if self.texts.len() <= other.texts.len() { (self, other) } else { (other, self) };
        conditions_agree
            && short.texts.iter().all(|(id, limits)| {
                let known = long.texts.binary_search_by_key(id, |(known, _)| *known);
                known.map_or(true, |index| {
                    let theirs = &long.texts[index].1;
                    Arc::ptr_eq(limits, theirs) || limits.and(theirs).is_some()
                })
            })
    }

    /// At least one holds, as far as this form can say.
    pub fn or(&self, other: &Self) -> Self {
        if self.is_always() || other.is_always() {
            return Self::ALWAYS;
        }
        let mut conditions = Vec::new();
        // Two guards that differ in more than one variable describe a corner each; the box around them is what
        // remains.
        for (name, states) in &self.conditions {
            if let Ok(index) = other.conditions.binary_search_by(|(known, _)| known.cmp(name)) {
                let either = states.or(&other.conditions[index].1);
                if either != States::ANY {
                    conditions.push((name.clone(), either));
                }
            }
        }
        let mut texts = Vec::new();
        for (id, limits) in &self.texts {
            if let Ok(index) = other.texts.binary_search_by_key(id, |(known, _)| *known) {
                let theirs = &other.texts[index].1;
                if Arc::ptr_eq(limits, theirs) {
                    texts.push((*id, limits.clone()));
                    continue;
                }
                let either = limits.or(theirs);
                if !either.is_nothing() {
                    texts.push((*id, Arc::new(either)));
                }
            }
        }
        Self { conditions, texts }
    }

    /// Whether the guard can hold while none of its variables is set: what runs "by default".
    pub fn holds_by_default(&self) -> bool {
        self.conditions.iter().all(|(_, states)| states.unset)
    }

    /// "when `FLASK_CONFIG` is `production`", for messages; empty for the guard that always holds.
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self
            .conditions
            .iter()
            .map(|(name, states)| match (states.unset, &states.texts) {
                (true, Texts::Only(texts)) if texts.is_empty() => format!("`{name}` is not set"),
                (false, Texts::Except(texts)) if texts.is_empty() => format!("`{name}` is set"),
                (unset, Texts::Only(texts)) => {
                    let mut options: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                    if unset {
                        options.push("not set".to_owned());
                    }
                    format!("`{name}` is {}", options.join(" or "))
                }
                (_, Texts::Except(texts)) => {
                    let options: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                    format!("`{name}` is not {}", options.join(" or "))
                }
            })
            .collect();
        parts.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> Guard {
        Guard::when("ENV", States::equals(text))
    }

    #[test]
    fn contradictions_are_seen() {
        assert_eq!(is("a").and(&is("b")), None);
        assert_eq!(is("a").and(&Guard::when("ENV", States::UNSET)), None);
        assert_eq!(is("a").and(&Guard::when("ENV", States::differs("b"))), Some(is("a")));
        assert!(is("a").and(&Guard::when("OTHER", States::UNSET)).is_some());
    }

    #[test]
    fn either_of_all_states_is_always() {
        let differs = Guard::when("ENV", States::differs("a"));
        let unset = Guard::when("ENV", States::UNSET);
        assert!(is("a").or(&differs).or(&unset).is_always());
        assert!(!differs.holds_by_default());
        assert!(differs.or(&unset).holds_by_default());
        assert_eq!(is("a").or(&is("b")).describe(), "`ENV` is `a` or `b`");
        assert!(is("a").or(&Guard::when("OTHER", States::UNSET)).is_always());
    }
}
