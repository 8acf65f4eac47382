//! Where the holes of an XPath expression stand.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope, Segment};

use super::{Breach, not_a_number};

/// The quote around each hole; `None` outside of quotes. XPath 1.0 has no escapes.
pub(crate) fn quotes(rope: &Rope) -> Vec<Option<char>> {
    let mut quotes = Vec::new();
    let mut open: Option<char> = None;
    for segment in rope.segments() {
        match segment {
            Segment::Hole(_) => quotes.push(open),
            Segment::Literal(text) => {
                for character in text.chars().filter(|character| matches!(character, '\'' | '"')) {
                    match open {
                        None => open = Some(character),
                        Some(quote) if quote == character => open = None,
                        Some(_) => {}
                    }
                }
            }
        }
    }
    quotes
}

/// The holes whose text can leave its place.
pub(crate) fn breaches(rope: &Rope, severity: Severity) -> Vec<Breach<'static>> {
    rope.holes()
        .zip(quotes(rope))
        .filter_map(|(hole, quote)| {
            let (at, breaks, payloads): (_, Alphabet, &[&str]) = match quote {
                Some('\'') => {
                    ("inside a quoted string of an expression", Alphabet::of("'"), &["' or '1'='1", "'"])
                }
                Some(_) => (
                    "inside a quoted string of an expression",
                    Alphabet::of("\""),
                    &["\" or \"1\"=\"1", "\""],
                ),
                None => ("outside of quotes in an expression", not_a_number(), &["1 or 1=1", "//*", "*"]),
            };
            Breach::of(hole, at, breaks, payloads, severity)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::with_holes;
    use super::*;

    #[test]
    fn quotes_around_holes() {
        let of = |text: &str| quotes(&with_holes(text));
        assert_eq!(of("//a[@]/b['it']"), [None]);
        assert_eq!(of("//a[x='@' and y=\"@'s\"]@"), [Some('\''), Some('"'), None]);
        assert_eq!(of("@"), [None]);
    }
}
