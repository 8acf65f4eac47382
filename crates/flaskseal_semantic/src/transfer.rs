//! What functions of libraries do to text, as the models' `transfer` rows say it.

use std::sync::Arc;

use flaskseal_models::{Passes, Port, Transfer};

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::limits::Identity;
use crate::machine::Machine;
use crate::object::extend_path;
use crate::origin::{Change, Origin};
use crate::rope::{Hole, Rope, Segment, Source};
use crate::value::{Bytes, Kind, Value};

/// The result of a call that a row describes.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    path: &str,
    receiver: Option<&Arc<Origin>>,
    arguments: &Arguments,
) -> Option<Value> {
    let row = machine.program.models.transfer(path)?;
    let span = Some(arguments.span);
    let value = arguments.at(&row.from);
    let named = |machine: &Machine<'_>| {
        let origin = match row.from {
            Port::Receiver => receiver.cloned(),
            _ => value.and_then(|value| machine.taint_of(value)),
        };
        extend_path(path, format_args!("()")).at(span).tainted(origin)
    };
    match row.gives {
        Passes::Nothing => Some(extend_path(path, format_args!("()")).at(span)),
        Passes::Structure => Some(named(machine)),
        Passes::Text | Passes::Bytes => {
            let value = value?;
            let extra = match row.safe.as_ref().map(|port| arguments.at(port)) {
                Some(Some(safe)) => safe.as_str().map_or(Alphabet::ALL, Alphabet::of),
                _ => Alphabet::of(&row.adds),
            };
            let keeps = row.keeps.as_deref().map(|set| alphabet(set).union(extra));
            let leaves_quotes = row.quotes.as_ref().is_some_and(|port| {
                arguments.at(port).is_some_and(|value| machine.truth(value).known() != Some(true))
            });
            let kept = if leaves_quotes { Alphabet::of("\"'") } else { Alphabet::NONE };
            let is_alone = arguments.positional.len() == 1 && arguments.keywords.is_empty();
            Some(value.map(|value| {
                let constant = value.as_str().filter(|_| is_alone);
                if let Some(text) = constant.and_then(|text| crate::url::of_constant(path, text)) {
                    return Value::str(text).at(span);
                }
                let rope = machine.text_of(value);
                let rope = match machine.taint_of(value) {
                    // What is no text was written out as one.
                    Some(origin) if rope.origin().is_none() => {
                        Hole { origin: Some(origin), ..Hole::new(Source::Unknown, Alphabet::ALL) }.into()
                    }
                    _ => rope,
                };
                let result = apply(row, path, &rope, keeps, kept).map_holes(|hole| noted(row, hole));
                let result = match result {
                    rope if rope.as_hole().is_some_and(|hole| hole.identity.is_none()) => {
                        let identity = machine.fresh_text();
                        rope.map_holes(|hole| Hole { identity: Some(identity.clone()), ..hole.clone() })
                    }
                    rope => rope,
                };
                match row.gives {
                    Passes::Bytes => Value::new(Kind::Bytes(Bytes::Encoded(result)), span),
                    _ => Value::from(result).at(span),
                }
            }))
        }
    }
}

/// The hole with what the function did to its text.
fn noted(row: &Transfer, hole: &Hole) -> Hole {
    let mut hole = hole.clone();
    if let Some(coding) = row.reads {
        hole.change(|| Change::Decoded(coding));
    } else if row.escapes_html {
        hole.change(|| Change::EscapedForHtml);
    }
    hole
}

fn apply(row: &Transfer, path: &str, rope: &Rope, keeps: Option<Alphabet>, kept: Alphabet) -> Rope {
    let drops = Alphabet::of(&row.drops).without(kept);
    let adds = Alphabet::of(&row.adds);
    let of = |set: Alphabet| match keeps {
        Some(keeps) => keeps,
        None => set.without(drops).union(adds),
    };
    let changed = |hole: &Hole| Hole {
        identity: hole.identity.as_ref().map(|identity| Identity::named((&**identity, path))),
        ..hole.changed(of(hole.alphabet))
    };
    if row.whole {
        let source = Source::Path(format!("{path}()").into());
        let hole = Hole::new(source, keeps.unwrap_or(Alphabet::ALL));
        return Hole { origin: rope.origin(), ..hole }.into();
    }
    let quote = Rope::literal(row.wraps.clone());
    let inner = rope.segments().iter().map(|segment| match segment {
        Segment::Hole(hole) => Rope::from(changed(hole)),
        Segment::Literal(text) => {
            let stays = |character: char| match keeps {
                Some(keeps) => character.is_ascii_alphanumeric() && keeps.contains(character),
                None => !row.drops.contains(character) && !row.adds.starts_with(character),
            };
            match text.chars().all(stays) {
                true => Rope::literal(text.clone()),
                false => Rope::hole_of(Source::Unknown, of(Alphabet::of(text))),
            }
        }
    });
    let inner = inner.collect::<Vec<_>>();
    match row.wraps.is_empty() {
        true => Rope::concat(inner),
        false => Rope::concat(std::iter::once(quote.clone()).chain(inner).chain([quote])),
    }
}

/// A set of characters as in a regular expression's brackets: `A-Za-z0-9_.-`.
fn alphabet(set: &str) -> Alphabet {
    let characters: Vec<char> = set.chars().collect();
    let mut found = Alphabet::NONE;
    let mut index = 0;
    while let Some(first) = characters.get(index) {
        match (characters.get(index + 1), characters.get(index + 2)) {
            (Some('-'), Some(last)) if first.is_ascii() && last.is_ascii() => {
                found = found.union(Alphabet::ascii_range(*first as u8, *last as u8));
                index += 3;
            }
            _ => {
                found = found.union(Alphabet::of_char(*first));
                index += 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_like_brackets() {
        let set = alphabet("a-c_.-");
        assert!(set.contains('b') && set.contains('-') && set.contains('.'));
        assert!(!set.contains('d'));
    }
}
