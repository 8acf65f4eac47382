//! Taking texts apart: stripping, splitting, slicing.
//!
//! Where literals decide, the parts are exact; elsewhere a part is a hole that knows what it is a part of.

use std::sync::Arc;

use crate::alphabet::Alphabet;
use crate::limits::Relation;
use crate::rope::{Hole, Rope, Segment, Source};

/// An end of a text, or both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Side {
    Left,
    Right,
    Both,
}

/// The parts of a text: all of them, or any number of parts like this one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Parts {
    Known(Vec<Rope>),
    Any(Rope),
}

/// What `str.isspace` calls white space.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// `str.strip` and its relatives; without `set`, white space goes.
pub(crate) fn strip(rope: &Rope, side: Side, set: Option<&str>) -> Rope {
    let goes = |character: char| match set {
        Some(set) => set.contains(character),
        None => is_space(character),
    };
    let gone = match set {
        Some(set) => Alphabet::of(set).without_wide(),
        None => Alphabet::WHITE_SPACE.without_wide(),
    };
    if let Some(text) = rope.as_literal() {
        return Rope::literal(match side {
            Side::Left => text.trim_start_matches(goes),
            Side::Right => text.trim_end_matches(goes),
            Side::Both => text.trim_matches(goes),
        });
    }
    if let Some(hole) = rope.as_hole() {
        let relation = match set {
            None => Relation::Stripped(Alphabet::WHITE_SPACE),
            Some(set) => Relation::Stripped(Alphabet::of(set)),
        };
        // What nobody can test by name keeps the name it has: variables of the environment.
        let stripped = match hole.identity {
            Some(_) => hole.made(relation, hole.alphabet, (side, set)),
            None => Hole { first: hole.alphabet, ..hole.clone() },
        };
        let first = if side == Side::Right { hole.first } else { hole.alphabet.without(gone) };
        return Hole { first, ..stripped }.into();
    }
    let mut segments = rope.segments().to_vec();
    let sides: &[bool] = match side {
        Side::Left => &[true],
        Side::Right => &[false],
        Side::Both => &[true, false],
    };
    for from_left in sides {
        if !*from_left {
            segments.reverse();
        }
        for (index, segment) in segments.iter_mut().enumerate() {
            match segment {
                Segment::Literal(text) => {
                    let left =
                        if *from_left { text.trim_start_matches(goes) } else { text.trim_end_matches(goes) };
                    if index > 0 && left.len() < text.len() {
                        // Whether this goes depends on what is in front of it.
                        return rope.made(Relation::Part, rope.alphabet(), (side, set));
                    }
                    let is_empty = left.is_empty();
                    *text = left.into();
                    if !is_empty {
                        break;
                    }
                }
                Segment::Hole(hole) => {
                    *hole = Arc::new(hole.made(Relation::Part, hole.alphabet, ("strip", from_left, set)));
                }
            }
        }
        if !*from_left {
            segments.reverse();
        }
    }
    Rope::of_segments(segments)
}

/// `str.split` and `str.rsplit` at a separator, `limit` times at most.
pub(crate) fn split(rope: &Rope, separator: &str, limit: Option<usize>, from_right: bool) -> Parts {
    if let Some(text) = rope.as_literal() {
        let mut parts: Vec<&str> = match (limit, from_right) {
            (None, _) => text.split(separator).collect(),
            (Some(limit), false) => text.splitn(limit.saturating_add(1), separator).collect(),
            (Some(limit), true) => text.rsplitn(limit.saturating_add(1), separator).collect(),
        };
        if from_right && limit.is_some() {
            parts.reverse();
        }
        return Parts::Known(parts.into_iter().map(Rope::literal).collect());
    }
    let set = Alphabet::of(separator);
    if limit.is_none() && rope.holes().all(|hole| !hole.alphabet.meets(set)) {
        let mut parts: Vec<Vec<Segment>> = vec![Vec::new()];
        for segment in rope.segments() {
            match segment {
                Segment::Literal(text) => {
                    for (index, piece) in text.split(separator).enumerate() {
                        if index > 0 {
                            parts.push(Vec::new());
                        }
                        parts
                            .last_mut()
                            .expect("there is one from the start")
                            .push(Segment::Literal(piece.into()));
                    }
                }
                hole @ Segment::Hole(_) => {
                    parts.last_mut().expect("there is one from the start").push(hole.clone());
                }
            }
        }
        // A separator of several characters can lie across literals with nothing between them.
        if separator.chars().count() == 1 {
            return Parts::Known(parts.into_iter().map(Rope::of_segments).collect());
        }
    }
    let is_character = separator.chars().count() == 1;
    let alphabet =
        if is_character && limit.is_none() { rope.alphabet().without(set) } else { rope.alphabet() };
    let relation = if is_character && limit.is_none() { Relation::Piece(set) } else { Relation::Part };
    Parts::Any(rope.made(relation, alphabet, ("split", separator, limit, from_right)))
}

/// `str.split` at white space.
pub(crate) fn split_space(rope: &Rope, limit: Option<usize>, from_right: bool) -> Parts {
    if let Some(text) = rope.as_literal() {
        let mut parts: Vec<&str> = Vec::new();
        let mut rest = text.trim_matches(is_space);
        if !from_right {
            rest = text.trim_start_matches(is_space);
        }
        while !rest.is_empty() {
            if limit.is_some_and(|limit| parts.len() >= limit) {
                parts.push(if from_right { rest.trim_end_matches(is_space) } else { rest });
                break;
            }
            if from_right {
                let cut = rest.rfind(is_space);
                let (head, part) = match cut {
                    Some(at) => {
                        let width = rest[at..].chars().next().map_or(0, char::len_utf8);
                        (&rest[..at], &rest[at + width..])
                    }
                    None => ("", rest),
                };
                parts.push(part);
                rest = head.trim_end_matches(is_space);
            } else {
                let (part, tail) = rest.split_at(rest.find(is_space).unwrap_or(rest.len()));
                parts.push(part);
                rest = tail.trim_start_matches(is_space);
            }
        }
        if from_right {
            parts.reverse();
            // The text's own beginning stays as it is.
            if let (Some(limit), Some(first)) = (limit, parts.first_mut())
                && text.split(is_space).filter(|part| !part.is_empty()).count() > limit
                && let Some(at) = text.find(&**first)
            {
                *first = &text[..at + first.len()];
            }
        }
        return Parts::Known(parts.into_iter().map(Rope::literal).collect());
    }
    let alphabet = match limit {
        None => rope.alphabet().without(Alphabet::WHITE_SPACE),
        Some(_) => rope.alphabet(),
    };
    Parts::Any(rope.made(Relation::Part, alphabet, ("split", limit, from_right)))
}

/// `str.splitlines`.
pub(crate) fn split_lines(rope: &Rope, keeps_ends: bool) -> Parts {
    const ENDS: &str = "\n\r\x0b\x0c\x1c\x1d\x1e\u{85}\u{2028}\u{2029}";
    match rope.as_literal() {
        Some(text) if !keeps_ends => {
            let mut parts: Vec<Rope> = Vec::new();
            let mut rest = text;
            while !rest.is_empty() {
                let end = rest.find(|c| ENDS.contains(c)).unwrap_or(rest.len());
                parts.push(Rope::literal(&rest[..end]));
                let after = &rest[end..];
                let width = after.chars().next().map_or(0, char::len_utf8);
                rest = after.strip_prefix("\r\n").unwrap_or(&after[width..]);
            }
            Parts::Known(parts)
        }
        _ => {
            let gone = if keeps_ends { Alphabet::NONE } else { Alphabet::of(ENDS) };
            let alphabet = rope.alphabet().without(gone);
            Parts::Any(rope.made(Relation::Part, alphabet, ("splitlines", keeps_ends)))
        }
    }
}

/// `str.partition` and `str.rpartition`: what is before the separator, whether it was found, and what is after it.
pub(crate) fn partition(rope: &Rope, separator: &str, from_right: bool) -> (Rope, Option<bool>, Rope) {
    if let Some(text) = rope.as_literal() {
        let found = if from_right { text.rsplit_once(separator) } else { text.split_once(separator) };
        return match (found, from_right) {
            (Some((before, after)), _) => (Rope::literal(before), Some(true), Rope::literal(after)),
            (None, false) => (rope.clone(), Some(false), Rope::literal("")),
            (None, true) => (Rope::literal(""), Some(false), rope.clone()),
        };
    }
    let set = Alphabet::of(separator);
    let is_character = separator.chars().count() == 1;
    if is_character {
        if from_right && let Some((before, after)) = rope.rsplit_once(separator.chars().next().unwrap_or(' '))
        {
            return (before, Some(true), after);
        }
        if !from_right && let Some((before, after)) = split_once(rope, separator) {
            return (before, Some(true), after);
        }
    }
    let part = |lacks: bool, what: &str| {
        let alphabet = if lacks && is_character { rope.alphabet().without(set) } else { rope.alphabet() };
        rope.made(Relation::Part, alphabet, ("partition", separator, from_right, what))
    };
    (part(!from_right, "before"), None, part(from_right, "after"))
}

/// What comes before the first separator of one character, and what after it, where a literal tells.
fn split_once(rope: &Rope, separator: &str) -> Option<(Rope, Rope)> {
    let set = Alphabet::of(separator);
    for (index, segment) in rope.segments().iter().enumerate() {
        match segment {
            Segment::Hole(hole) if hole.alphabet.meets(set) => return None,
            Segment::Hole(_) => {}
            Segment::Literal(text) => {
                if let Some((before, after)) = text.split_once(separator) {
                    let (head, tail) = rope.segments().split_at(index);
                    let head = head.iter().cloned().chain([Segment::Literal(before.into())]);
                    let tail = tail.iter().skip(1).cloned();
                    let tail = [Segment::Literal(after.into())].into_iter().chain(tail);
                    return Some((Rope::of_segments(head), Rope::of_segments(tail)));
                }
            }
        }
    }
    None
}

/// `str.removeprefix` and `str.removesuffix`.
pub(crate) fn remove_affix(rope: &Rope, affix: &str, is_prefix: bool) -> Rope {
    let known = if is_prefix { rope.literal_prefix() } else { rope.literal_suffix() };
    let rest = if is_prefix { known.strip_prefix(affix) } else { known.strip_suffix(affix) };
    let mut segments = rope.segments().to_vec();
    let at = if is_prefix { 0 } else { segments.len().saturating_sub(1) };
    match (rest, rope.as_literal()) {
        (Some(rest), _) if !segments.is_empty() && !affix.is_empty() => {
            segments[at] = Segment::Literal(rest.into());
            Rope::of_segments(segments)
        }
        (None, Some(_)) | (Some(_), _) => rope.clone(),
        _ => {
            // It is not there at all where what is known differs from it.
            let differs = match is_prefix {
                true => known.chars().zip(affix.chars()).any(|(a, b)| a != b),
                false => known.chars().rev().zip(affix.chars().rev()).any(|(a, b)| a != b),
            };
            if differs || affix.chars().any(|character| !rope.alphabet().contains(character)) {
                return rope.clone();
            }
            rope.made(Relation::Part, rope.alphabet(), ("affix", affix, is_prefix))
        }
    }
}

/// `text[lower:upper]`.
pub(crate) fn slice(rope: &Rope, lower: Option<i64>, upper: Option<i64>) -> Rope {
    if let Some(text) = rope.as_literal() {
        let characters: Vec<char> = text.chars().collect();
        let length = characters.len() as i64;
        let clamp = |index: i64| if index < 0 { (index + length).max(0) } else { index.min(length) };
        let start = lower.map_or(0, clamp);
        let end = upper.map_or(length, clamp).max(start);
        return Rope::literal(characters[start as usize..end as usize].iter().collect::<String>());
    }
    let part = || {
        let relation = match (lower, upper) {
            (None | Some(0), Some(1)) => Relation::First,
            _ => Relation::Part,
        };
        let part = rope.made(relation, rope.alphabet(), ("slice", lower, upper));
        // A part of the root is no root.
        let is_root = |hole: &Hole| matches!(hole.source, Source::Root);
        if part.holes().any(is_root) { Rope::hole_of(Source::Unknown, rope.alphabet()) } else { part }
    };
    let mut segments = rope.segments().to_vec();
    let prefix = rope.literal_prefix().chars().count() as i64;
    let suffix = rope.literal_suffix().chars().count() as i64;
    // From the literals at both ends, as many characters go as the bounds say.
    let skip = match lower {
        None | Some(0) => 0,
        Some(lower) if lower > 0 && lower <= prefix => lower,
        // The beginning that is known goes, and what is left of the number goes from the hole after it.
        Some(lower) if lower > 0 && prefix > 0 && segments.len() == 2 && upper.is_none() => {
            return slice(&Rope::of_segments(segments.drain(1..)), Some(lower - prefix), None);
        }
        // The end of a known ending.
        Some(lower) if lower < 0 && -lower <= suffix && upper.is_none() => {
            let text: Vec<char> = rope.literal_suffix().chars().collect();
            return Rope::literal(text[(suffix + lower) as usize..].iter().collect::<String>());
        }
        Some(_) => return part(),
    };
    let drop = match upper {
        None => 0,
        Some(upper) if upper < 0 && -upper <= suffix && prefix >= skip => -upper,
        // The same at the end, where nothing is left to shorten before the hole.
        Some(upper) if upper < 0 && suffix > 0 && skip == prefix => match inner(&segments) {
            Some(hole) => return slice(&hole.into(), None, Some(upper + suffix)),
            None => return part(),
        },
        Some(upper) if upper >= 0 && upper <= prefix => {
            let text = rope.literal_prefix().chars();
            let length = (upper - skip).max(0) as usize;
            return Rope::literal(text.skip(skip as usize).take(length).collect::<String>());
        }
        Some(_) => return part(),
    };
    // Where less is left than goes, the ends meet: nothing stays.
    if let Some(Segment::Literal(text)) = segments.first_mut() {
        *text = text.chars().skip(skip as usize).collect::<String>().into();
    }
    if let Some(Segment::Literal(text)) = segments.last_mut() {
        let keep = text.chars().count().saturating_sub(drop as usize);
        *text = text.chars().take(keep).collect::<String>().into();
    }
    Rope::of_segments(segments)
}

/// The only hole.
fn inner(segments: &[Segment]) -> Option<Arc<Hole>> {
    let mut holes = segments.iter().filter_map(|segment| match segment {
        Segment::Hole(hole) => Some(hole),
        Segment::Literal(_) => None,
    });
    holes.next().filter(|_| holes.next().is_none()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(alphabet: Alphabet) -> Rope {
        Rope::hole_of(Source::Unknown, alphabet)
    }

    fn text(parts: impl IntoIterator<Item = Rope>) -> Rope {
        Rope::concat(parts)
    }

    #[test]
    fn stripping_stops_at_what_stays() {
        let rope = text([Rope::literal("  a"), hole(Alphabet::ALL), Rope::literal("b ")]);
        assert_eq!(strip(&rope, Side::Both, None).to_string(), "a{…}b");
        let rope = text([hole(Alphabet::ALL), Rope::literal(" b")]);
        assert_eq!(strip(&rope, Side::Left, None).to_string(), "{…}");
        assert_eq!(strip(&rope, Side::Right, None).to_string(), "{…} b");
        assert_eq!(strip(&Rope::literal("\x1c a\u{a0}"), Side::Both, None).as_literal(), Some("a"));
        let stripped = strip(&hole(Alphabet::ALL), Side::Left, Some("/"));
        assert!(!stripped.as_hole().unwrap().first.contains('/'));
    }

    #[test]
    fn splitting_is_exact_where_holes_cannot_hold_the_separator() {
        let rope = text([Rope::literal("a,"), hole(Alphabet::DIGITS), Rope::literal(",b")]);
        let Parts::Known(parts) = split(&rope, ",", None, false) else { panic!() };
        assert_eq!(parts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "{…}", "b"]);
        let Parts::Any(part) = split(&hole(Alphabet::ALL), "'", None, false) else { panic!() };
        assert!(!part.alphabet().contains('\''));
        let known = |parts: Parts| match parts {
            Parts::Known(parts) => parts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            Parts::Any(_) => panic!(),
        };
        assert_eq!(known(split_space(&Rope::literal(" a  b c "), Some(1), false)), ["a", "b c "]);
        assert_eq!(known(split_space(&Rope::literal(" a  b c "), Some(1), true)), [" a  b", "c"]);
        assert_eq!(known(split_lines(&Rope::literal("a\r\nb\x0bc\n"), false)), ["a", "b", "c"]);
    }

    #[test]
    fn slices_take_from_known_ends() {
        let rope = text([Rope::literal("/x/"), hole(Alphabet::ALL), Rope::literal(".txt")]);
        assert_eq!(slice(&rope, Some(1), None).to_string(), "x/{…}.txt");
        assert_eq!(slice(&rope, None, Some(-4)).to_string(), "/x/{…}");
        assert_eq!(slice(&rope, Some(-3), None).as_literal(), Some("txt"));
        assert_eq!(slice(&rope, None, Some(2)).as_literal(), Some("/x"));
        assert_eq!(slice(&rope, Some(9), None).to_string(), "{…}");
    }
}
