//! Abstract strings: literal segments and holes.
//!
//! A constant is a rope of one literal. A hole stands for text that is not known; it says where the text comes
//! from and which characters can still be in it.

use std::fmt;
use std::sync::Arc;

use crate::alphabet::Alphabet;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rope {
    segments: Arc<[Segment]>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    Literal(Arc<str>),
    Hole(Hole),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    pub source: Source,
    pub alphabet: Alphabet,
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

impl Rope {
    pub fn literal(text: impl Into<Arc<str>>) -> Self {
        Self { segments: Arc::new([Segment::Literal(text.into())]) }
    }

    pub fn hole(source: Source) -> Self {
        Self::hole_of(source, Alphabet::ALL)
    }

    pub fn hole_of(source: Source, alphabet: Alphabet) -> Self {
        Self { segments: Arc::new([Segment::Hole(Hole { source, alphabet })]) }
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
            Segment::Hole(hole) => Some(hole),
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
        let mut joined: Vec<Segment> = Vec::new();
        let mut literal = String::new();
        for segment in parts.into_iter().flat_map(|part| part.segments.to_vec()) {
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
                return Self::hole(Source::Unknown);
            }
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
            Segment::Hole(hole) => Self::hole_of(hole.source.clone(), alphabet(hole.alphabet)),
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
        self.segments.iter().fold(Alphabet::NONE, |set, segment| {
            set.union(match segment {
                Segment::Literal(text) => Alphabet::of(text),
                Segment::Hole(hole) => hole.alphabet,
            })
        })
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
