//! Where the holes of a POSIX shell command stand.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope, Segment};

use super::Breach;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nothing is before it: it is the command.
    Command,
    Word,
    Single,
    Double,
}

/// The place of each hole, in their order.
pub(crate) fn places(rope: &Rope) -> Vec<Place> {
    let mut places = Vec::new();
    let mut place = Place::Word;
    let mut is_start = true;
    let mut is_comment = false;
    for segment in rope.segments() {
        let Segment::Literal(text) = segment else {
            places.push(if is_start { Place::Command } else { place });
            is_start = false;
            continue;
        };
        let mut characters = text.chars();
        let mut before = ' ';
        while let Some(character) = characters.next() {
            is_start &= character.is_whitespace();
            match (place, character) {
                (_, '\n') if is_comment => is_comment = false,
                _ if is_comment => {}
                (Place::Single, '\'') | (Place::Double, '"') => place = Place::Word,
                (Place::Word | Place::Double, '\\') => {
                    characters.next();
                }
                (Place::Word, '\'') => place = Place::Single,
                (Place::Word, '"') => place = Place::Double,
                (Place::Word, '#') if before.is_whitespace() => is_comment = true,
                _ => {}
            }
            before = character;
        }
    }
    places
}

/// The holes whose text can leave its place.
pub(crate) fn breaches(rope: &Rope) -> Vec<Breach<'static>> {
    rope.holes()
        .zip(places(rope))
        .filter_map(|(hole, place)| {
            let (at, breaks, payloads): (_, Alphabet, &[&str]) = match place {
                Place::Command => ("as the command itself", Alphabet::ALL, &["id"]),
                Place::Word => (
                    "as a word without quotes",
                    no_word(),
                    &["; id", ";id", "$(id)", "|id", "&id", "`id`", "x; id", "x;id", "x|id", "x y"],
                ),
                Place::Single => ("inside single quotes", Alphabet::of("'"), &["'; id; '", "'"]),
                Place::Double => {
                    ("inside double quotes", Alphabet::of("\"$`\\"), &["$(id)", "`id`", "\"; id; \"", "\""])
                }
            };
            Breach::of(hole, at, breaks, payloads, Severity::Critical)
        })
        .collect()
}

/// What means something to a shell in a word without quotes. Letters beyond ASCII, `^`, `~` behind other text
/// and control characters do not.
fn no_word() -> Alphabet {
    Alphabet::of(";&|<>()$`\\\"'*?[]# \t\n")
}

#[cfg(test)]
mod tests {
    use super::super::with_holes as rope;
    use super::*;

    #[test]
    fn places_of_holes() {
        use Place::*;
        for (text, expected) in [
            ("@", &[Command][..]),
            ("ping -c 1 @", &[Word]),
            ("echo '@' \"@\" @", &[Single, Double, Word]),
            (r#"echo "a \" @""#, &[Double]),
            (r"echo it\'s @", &[Word]),
            ("echo 'it'\"'\"'s @'", &[Single]),
            ("ls # it's\necho @", &[Word]),
            ("ls a#'@'", &[Single]),
        ] {
            assert_eq!(places(&rope(text)), expected, "{text}");
        }
    }
}
