//! Where the holes of Python source stand.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope, Segment};

use super::{Breach, not_a_number};

/// Where a hole stands: in the code itself, or in a string with this quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Code,
    Text(char),
    /// In `'''...'''`.
    LongText(char),
    Comment,
}

/// The place of each hole, in their order.
pub(crate) fn places(rope: &Rope) -> Vec<Place> {
    let mut places = Vec::new();
    let mut place = Place::Code;
    for segment in rope.segments() {
        let Segment::Literal(text) = segment else {
            places.push(place);
            continue;
        };
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let follows = |quote: char| {
                let mut ahead = rest.clone();
                ahead.next() == Some(quote) && ahead.next() == Some(quote)
            };
            match place {
                Place::Code if matches!(character, '\'' | '"') => {
                    if follows(character) {
                        rest.next();
                        rest.next();
                        place = Place::LongText(character);
                    } else {
                        place = Place::Text(character);
                    }
                }
                Place::Code if character == '#' => place = Place::Comment,
                Place::Text(_) | Place::LongText(_) if character == '\\' => {
                    rest.next();
                }
                Place::Text(quote) if character == quote || character == '\n' => place = Place::Code,
                Place::LongText(quote) if character == quote && follows(quote) => {
                    rest.next();
                    rest.next();
                    place = Place::Code;
                }
                Place::Comment if character == '\n' => place = Place::Code,
                _ => {}
            }
        }
    }
    places
}

/// The holes whose text can leave its place.
pub(crate) fn breaches(rope: &Rope) -> Vec<Breach<'static>> {
    let holes: Vec<_> = rope.holes().collect();
    let mut found = Vec::new();
    for (index, (hole, place)) in holes.iter().zip(places(rope)).enumerate() {
        // A backslash takes the closing quote away; it is of use where text of the client's follows. A line break
        // in a string is an error and nothing else.
        let is_followed = holes[index + 1..].iter().any(|later| later.origin.is_some());
        let (at, breaks, payloads): (_, Alphabet, &[&str]) = match place {
            Place::Code => (
                "as source code",
                not_a_number(),
                &[
                    "__import__('os').system('id')",
                    "0+__import__('os').system('id')",
                    "__import__(\"os\").system(\"id\")",
                    "exit",
                ],
            ),
            Place::Text(quote) | Place::LongText(quote) => {
                let backslash = if is_followed { "\\" } else { "" };
                let breaks = Alphabet::of_char(quote).union(Alphabet::of(backslash));
                let payloads: &[&str] = if quote == '"' {
                    &["\"+__import__('os').popen('id').read()+\"", "\""]
                } else {
                    &["'+__import__('os').popen('id').read()+'", "'"]
                };
                ("inside a string of source code", breaks, payloads)
            }
            Place::Comment => ("inside a comment of source code", Alphabet::of("\n\r"), &["\nimport os"]),
        };
        found.extend(Breach::of(hole, at, breaks, payloads, Severity::Critical));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::with_holes;
    use super::*;

    #[test]
    fn places_of_holes() {
        let of = |text: &str| places(&with_holes(text));
        assert_eq!(of("f(@, '@', \"@\")"), [Place::Code, Place::Text('\''), Place::Text('"')]);
        assert_eq!(of(r"'it\'s @' + @"), [Place::Text('\''), Place::Code]);
        assert_eq!(
            of("'''a 'b' @''' @ # @\n@"),
            [Place::LongText('\''), Place::Code, Place::Comment, Place::Code]
        );
        assert_eq!(of("'' + @"), [Place::Code]);
    }
}
