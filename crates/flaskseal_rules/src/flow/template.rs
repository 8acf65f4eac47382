//! Where the holes of a Jinja template's source stand, and those of the name of a template.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope, Segment};

use super::{Breach, not_a_number};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Data,
    /// In `{{ }}` or `{% %}`.
    Code,
    /// In a string there.
    Text(char),
    Comment,
}

/// The place of each hole, in their order.
pub(crate) fn places(rope: &Rope) -> Vec<Place> {
    let mut places = Vec::new();
    let mut place = Place::Data;
    for segment in rope.segments() {
        let Segment::Literal(text) = segment else {
            places.push(place);
            continue;
        };
        let mut before = ' ';
        for character in text.chars() {
            place = match (place, before, character) {
                (Place::Data, '{', '{' | '%') => Place::Code,
                (Place::Data, '{', '#') => Place::Comment,
                (Place::Comment, '#', '}') | (Place::Code, '}' | '%', '}') => Place::Data,
                (Place::Code, _, '\'' | '"') => Place::Text(character),
                (Place::Text(quote), before, _) if character == quote && before != '\\' => Place::Code,
                (place, ..) => place,
            };
            before = character;
        }
    }
    places
}

/// The holes whose text can become code of the template.
pub(crate) fn breaches(rope: &Rope) -> Vec<Breach<'static>> {
    rope.holes()
        .zip(places(rope))
        .filter_map(|(hole, place)| {
            let (at, breaks, payloads): (_, Alphabet, &[&str]) = match place {
                Place::Data => {
                    if hole.lacks("{{") && hole.lacks("{%") {
                        return None;
                    }
                    ("as template source", Alphabet::of("{"), &["{{7*7}}", "{% x %}", "{"])
                }
                Place::Code => ("inside an expression of a template", not_a_number(), &["config", "x"]),
                Place::Text(quote) => (
                    "inside a string of a template",
                    Alphabet::of_char(quote),
                    if quote == '"' { &["\"~config~\""] } else { &["'~config~'"] },
                ),
                Place::Comment => ("inside a comment of a template", Alphabet::of("#"), &["#}{{7*7}}"]),
            };
            Breach::of(hole, at, breaks, payloads, Severity::Critical)
        })
        .collect()
}

/// The holes of a template's name that let the client choose among files.
pub(crate) fn names(rope: &Rope) -> Vec<Breach<'static>> {
    let has_suffix = !rope.literal_suffix().is_empty();
    rope.holes()
        .filter_map(|hole| {
            let is_one_segment = !hole.alphabet.contains('/');
            let severity = if is_one_segment && has_suffix { Severity::Low } else { Severity::Medium };
            // Numbers and UUIDs name only what was made to be named so.
            let breaks = Alphabet::ascii_range(b'g', b'z').union(Alphabet::of("/"));
            Breach::of(hole, "as the name of a template", breaks, &["admin/index.html", "admin"], severity)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::with_holes;
    use super::*;

    #[test]
    fn places_of_holes() {
        let of = |text: &str| places(&with_holes(text));
        assert_eq!(of("<h1>@</h1>{{ @ }}@"), [Place::Data, Place::Code, Place::Data]);
        assert_eq!(of("{% extends '@' %}@"), [Place::Text('\''), Place::Data]);
        assert_eq!(of("{# @ #}{{ \"a'b\" }}@"), [Place::Comment, Place::Data]);
    }
}
