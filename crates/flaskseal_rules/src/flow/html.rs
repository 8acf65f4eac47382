//! Where the holes of an HTML text stand, and which characters leave their places.
//!
//! The states of the HTML tokenizer (WHATWG 13.2.5) that matter for that, walked over the literal segments. A hole is
//! taken to stay in its place.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Change, Hole, Rope, Segment};

use super::answer::is_json_text;
use super::{Breach, not_a_number};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Text,
    /// In a tag, outside of attribute values.
    Tag,
    Attribute {
        name: String,
        /// `None` without quotes.
        quote: Option<char>,
        /// The hole is where the value begins.
        is_start: bool,
        /// For the attribute of an event: inside a string of its script with this quote.
        inner: Option<char>,
    },
    /// In a script; inside a string with this quote.
    Script(Option<char>),
    Style,
    /// In `title` or `textarea`: text that ends at the closing tag.
    RawText,
    Comment,
}

/// The place of each hole, in their order.
pub(crate) fn places(rope: &Rope) -> Vec<Place> {
    let mut lexer = Lexer::default();
    let mut places = Vec::new();
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) => lexer.read(text),
            Segment::Hole(_) => places.push(lexer.hole()),
        }
    }
    places
}

/// The holes whose text can leave its place, or run as it stands.
pub(crate) fn breaches(rope: &Rope) -> Vec<Breach<'static>> {
    rope.holes().zip(places(rope)).filter_map(|(hole, place)| breach(hole, &place)).collect()
}

fn breach(hole: &Hole, place: &Place) -> Option<Breach<'static>> {
    const ELEMENT: &[&str] = &["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<"];
    let high = Severity::High;
    match place {
        Place::Text => Breach::of(hole, "in HTML text", Alphabet::of("<"), ELEMENT, high),
        Place::RawText => {
            let payloads = ["</title><script>alert(1)</script>", "<"];
            Breach::of(hole, "in an element's raw text", Alphabet::of("<"), &payloads, high)
        }
        Place::Tag => {
            let breaks = Alphabet::of(" \t\n/>='\"");
            let payloads = ["x autofocus tabindex=1 onfocus=alert(1) ", "><script>alert(1)</script>", ">"];
            Breach::of(hole, "inside a tag", breaks, &payloads, high)
        }
        Place::Comment => Breach::of(
            hole,
            "inside an HTML comment",
            Alphabet::of(">"),
            &["--><script>alert(1)</script>"],
            high,
        ),
        Place::Style => Breach::of(
            hole,
            "inside a style sheet",
            Alphabet::of("<;}\\("),
            &["</style><script>alert(1)</script>"],
            Severity::Medium,
        ),
        Place::Script(quote) => script(hole, *quote, "inside a script"),
        Place::Attribute { name, quote, is_start, inner } => {
            if name.starts_with("on") {
                // Entities are decoded before the script is read: escaping for HTML takes nothing away here.
                return handler(hole, *inner);
            }
            let leaves = match quote {
                Some('"') => Breach::of(
                    hole,
                    "inside a quoted attribute",
                    Alphabet::of("\""),
                    &["\" autofocus tabindex=1 onfocus=alert(1) x=\"", "\"><script>alert(1)</script>", "\""],
                    high,
                ),
                Some(_) => Breach::of(
                    hole,
                    "inside a quoted attribute",
                    Alphabet::of("'"),
                    &["' autofocus tabindex=1 onfocus=alert(1) x='", "'><script>alert(1)</script>", "'"],
                    high,
                ),
                None => {
                    let breaks = Alphabet::of(" \t\n\x0c\r\"'=<>`");
                    Breach::of(
                        hole,
                        "inside an attribute without quotes",
                        breaks,
                        &["x autofocus tabindex=1 onfocus=alert(1) ", "x><script>alert(1)</script>", " "],
                        high,
                    )
                }
            };
            leaves.or_else(|| {
                let is_url = *is_start && is_url_attribute(name) && !hole.checks.scheme;
                is_url.then_some(())?;
                Breach::of(hole, "as a link's address", Alphabet::of(":"), &["javascript:alert(1)"], high)
            })
        }
    }
}

fn handler(hole: &Hole, quote: Option<char>) -> Option<Breach<'static>> {
    let is_escaped =
        hole.origin.iter().any(|origin| origin.changes().any(|one| *one == Change::EscapedForHtml));
    if !is_escaped {
        return script(hole, quote, "inside an event handler");
    }
    let escaped = Alphabet::of("<>&\"'");
    let before = hole.alphabet.union(escaped);
    let hole = Hole { alphabet: before, first: hole.first.union(escaped), ..hole.clone() };
    script(&hole, quote, "inside an event handler")
}

fn script(hole: &Hole, quote: Option<char>, place: &'static str) -> Option<Breach<'static>> {
    let high = Severity::High;
    match quote {
        // A literal of its own, in which nothing but the end of the script is read otherwise.
        None if is_json_text(hole) => {
            Breach::of(hole, place, Alphabet::of("<"), &["</script><script>alert(1)</script>"], high)
        }
        Some('`') => Breach::of(hole, place, Alphabet::of("`\\$<"), &["${alert(1)}", "`"], high),
        // Minus signs keep it an expression, in the argument of a call as well.
        Some('"') => {
            let payloads = ["\"-alert(1)-\"", "</script><script>alert(1)</script>"];
            Breach::of(hole, place, Alphabet::of("\"\\\n<"), &payloads, high)
        }
        Some(_) => {
            let payloads = ["'-alert(1)-'", "</script><script>alert(1)</script>"];
            Breach::of(hole, place, Alphabet::of("'\\\n<"), &payloads, high)
        }
        None => Breach::of(hole, place, not_a_number(), &["alert(1)", "0-alert(1)", "x"], high),
    }
}

fn is_url_attribute(name: &str) -> bool {
    matches!(name, "href" | "src" | "action" | "formaction" | "xlink:href" | "data" | "poster" | "srcdoc")
}

#[derive(Default)]
struct Lexer {
    state: State,
    tag: String,
    is_closing: bool,
    attribute: String,
    /// What was read of the thing at hand: a tag's name, an attribute's name, the end of a raw text.
    recent: String,
    value_is_empty: bool,
    /// The string of a script that is open in the attribute of an event.
    inner: Option<char>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    TagOpen,
    TagName,
    BeforeAttribute,
    AttributeName,
    BeforeValue,
    Value(Option<char>),
    Raw,
    Script(Option<char>),
    ScriptEscape(Option<char>),
    Comment,
}

impl Lexer {
    fn hole(&mut self) -> Place {
        let attribute = |lexer: &Self, quote, is_start| Place::Attribute {
            name: lexer.attribute.to_ascii_lowercase(),
            quote,
            is_start,
            inner: lexer.inner,
        };
        match self.state {
            State::Text => Place::Text,
            State::TagOpen | State::TagName | State::BeforeAttribute | State::AttributeName => {
                if self.state == State::TagOpen {
                    self.state = State::TagName;
                }
                Place::Tag
            }
            State::BeforeValue => {
                self.state = State::Value(None);
                self.value_is_empty = false;
                self.inner = None;
                attribute(self, None, true)
            }
            State::Value(quote) => {
                let place = attribute(self, quote, self.value_is_empty);
                self.value_is_empty = false;
                place
            }
            State::Raw if self.tag == "style" => Place::Style,
            State::Raw => Place::RawText,
            State::Script(quote) | State::ScriptEscape(quote) => {
                self.recent.clear();
                Place::Script(quote)
            }
            State::Comment => Place::Comment,
        }
    }

    fn read(&mut self, text: &str) {
        for character in text.chars() {
            self.step(character);
        }
    }

    fn step(&mut self, character: char) {
        match self.state {
            State::Text if character == '<' => self.enter(State::TagOpen),
            State::Text => {}
            State::TagOpen => match character {
                '/' if !self.is_closing => self.is_closing = true,
                '!' => {
                    self.recent.clear();
                    self.state = State::Comment;
                }
                c if c.is_ascii_alphabetic() => {
                    self.state = State::TagName;
                    self.tag.push(c.to_ascii_lowercase());
                }
                '<' => self.enter(State::TagOpen),
                _ => self.state = State::Text,
            },
            State::TagName => match character {
                '>' => self.end_tag(),
                c if c.is_whitespace() || c == '/' => self.state = State::BeforeAttribute,
                c => self.tag.push(c.to_ascii_lowercase()),
            },
            State::BeforeAttribute => match character {
                '>' => self.end_tag(),
                '=' => self.state = State::BeforeValue,
                c if c.is_whitespace() || c == '/' => {}
                c => {
                    self.attribute.clear();
                    self.attribute.push(c);
                    self.state = State::AttributeName;
                }
            },
            State::AttributeName => match character {
                '>' => self.end_tag(),
                '=' => self.state = State::BeforeValue,
                c if c.is_whitespace() || c == '/' => self.state = State::BeforeAttribute,
                c => self.attribute.push(c),
            },
            State::BeforeValue => match character {
                '>' => self.end_tag(),
                c if c.is_whitespace() => {}
                '"' | '\'' => {
                    self.value_is_empty = true;
                    self.inner = None;
                    self.state = State::Value(Some(character));
                }
                _ => {
                    self.value_is_empty = false;
                    self.inner = None;
                    self.state = State::Value(None);
                }
            },
            State::Value(Some(quote)) if character == quote => self.state = State::BeforeAttribute,
            State::Value(None) if character == '>' => self.end_tag(),
            State::Value(None) if character.is_whitespace() => self.state = State::BeforeAttribute,
            State::Value(_) => {
                self.value_is_empty = false;
                self.inner = match self.inner {
                    Some(open) if open == character => None,
                    None if matches!(character, '\'' | '"' | '`') => Some(character),
                    inner => inner,
                };
            }
            State::Raw => self.raw(character),
            State::Script(quote) => {
                self.raw(character);
                if matches!(self.state, State::Script(_)) {
                    self.state = match (quote, character) {
                        (Some(_), '\\') => State::ScriptEscape(quote),
                        (Some(open), c) if c == open => State::Script(None),
                        (Some('\'' | '"'), '\n') => State::Script(None),
                        (None, '\'' | '"' | '`') => State::Script(Some(character)),
                        (quote, _) => State::Script(quote),
                    };
                }
            }
            State::ScriptEscape(quote) => self.state = State::Script(quote),
            State::Comment => {
                self.recent.push(character);
                let is_declaration = !self.recent.starts_with("--");
                let is_ended = if is_declaration && self.recent.len() > 2 {
                    character == '>'
                } else {
                    self.recent.ends_with("-->") || self.recent == ">"
                };
                if is_ended {
                    self.state = State::Text;
                }
            }
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.tag.clear();
        self.is_closing = false;
        self.attribute.clear();
    }

    fn end_tag(&mut self) {
        self.recent.clear();
        self.state = match self.tag.as_str() {
            _ if self.is_closing => State::Text,
            "script" => State::Script(None),
            "style" | "title" | "textarea" | "noscript" | "xmp" | "iframe" => State::Raw,
            _ => State::Text,
        };
    }

    /// Raw text ends where its element's closing tag begins.
    fn raw(&mut self, character: char) {
        if character == '<' {
            self.recent.clear();
        }
        self.recent.push(character.to_ascii_lowercase());
        if let Some(name) = self.recent.strip_prefix("</")
            && name == self.tag
        {
            self.is_closing = true;
            self.state = State::TagName;
        }
        if self.recent.len() > 16 {
            self.recent.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::with_holes;
    use super::*;

    #[test]
    fn places_of_holes() {
        let attribute = |name: &str, quote, is_start| Place::Attribute {
            name: name.to_owned(),
            quote,
            is_start,
            inner: None,
        };
        for (text, expected) in [
            ("@", vec![Place::Text]),
            ("<p>@</p>", vec![Place::Text]),
            ("1 < 2 @", vec![Place::Text]),
            (
                "<a href=\"@\" title='x @'>@",
                vec![attribute("href", Some('"'), true), attribute("title", Some('\''), false), Place::Text],
            ),
            ("<input value=@ @>", vec![attribute("value", None, true), Place::Tag]),
            ("<@ x>", vec![Place::Tag]),
            (
                "<script>var a = '@'; @</script>@",
                vec![Place::Script(Some('\'')), Place::Script(None), Place::Text],
            ),
            ("<script>var a = 'it\\'s @';</script>", vec![Place::Script(Some('\''))]),
            ("<style>@</style><title>@</title>@", vec![Place::Style, Place::RawText, Place::Text]),
            ("<!-- @ --> @ <!DOCTYPE html>@", vec![Place::Comment, Place::Text, Place::Text]),
            ("<br/>@<img src='/x'>@", vec![Place::Text, Place::Text]),
        ] {
            assert_eq!(places(&with_holes(text)), expected, "{text}");
        }
        let inner = |text: &str| match places(&with_holes(text)).first() {
            Some(Place::Attribute { inner, .. }) => *inner,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(inner("<a onclick=\"go('@')\">"), Some('\''));
        assert_eq!(inner("<a onclick=\"go('x', @)\">"), None);
        assert_eq!(inner("<a onclick='go(\"@\")'>"), Some('"'));
    }
}
