//! Where the holes of an SQL text stand.
//!
//! A lexer over the literal segments; a hole is taken to stay in its place, so that what follows it is read as it was
//! meant. That is enough to say which characters leave the place.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Change, Hole, Rope, Segment};

use super::{Breach, not_a_number};

/// Where a hole stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nothing is before it: it is the statement.
    Statement,
    /// Inside `'...'`.
    Quoted,
    /// Inside `"..."`: a name, for MySQL also a value.
    DoubleQuoted,
    /// Inside a name in backticks or brackets.
    QuotedName,
    /// A value without quotes.
    Value,
    /// A table, a column, a direction: no driver can bind it.
    Name,
    Comment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Single,
    Double,
    Backtick,
    Bracket,
    Line,
    Block,
}

/// Words after which names stand.
const NAME_WORDS: &[&str] = &[
    "asc", "by", "column", "database", "desc", "describe", "from", "group", "index", "into", "join", "order",
    "schema", "select", "table", "truncate", "update", "use", "view", "distinct",
];

/// The place of each hole, in their order. `escapes`: a backslash in a string escapes what follows.
pub(crate) fn places(rope: &Rope, escapes: bool) -> Vec<Place> {
    let mut places = Vec::new();
    let mut lexer = Lexer { state: State::Plain, escapes, words: Words::default(), seen: false };
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) => lexer.read(text),
            Segment::Hole(_) => {
                places.push(lexer.place());
                lexer.seen = true;
                lexer.words.hole();
            }
        }
    }
    places
}

/// The holes whose text can leave its place.
pub(crate) fn breaches(rope: &Rope, escapes: bool) -> Vec<Breach<'static>> {
    let places = places(rope, escapes);
    let holes: Vec<_> = rope.holes().collect();
    let mut found = Vec::new();
    for (index, (hole, place)) in holes.iter().zip(&places).enumerate() {
        let (quoted, double_quoted, value) = payloads(rope, index, escapes);
        // A backslash takes the closing quote away; it is of use where text of the client's follows.
        let is_followed = holes[index + 1..].iter().any(|later| later.origin.is_some());
        let backslash = if escapes && is_followed { "\\" } else { "" };
        let (at, breaks, payloads, severity): (_, Alphabet, &[&str], _) = match place {
            Place::Statement => (
                "as the statement itself",
                // A single word is no statement.
                not_a_name(),
                &["DROP TABLE users", "SELECT 1"],
                Severity::Critical,
            ),
            Place::Quoted => (
                "inside a quoted string",
                Alphabet::of("'").union(Alphabet::of(backslash)),
                &[&quoted, "' OR '1'='1", "'||'", "'"],
                if doubles_quotes(hole) { Severity::Low } else { Severity::Critical },
            ),
            Place::DoubleQuoted => (
                "inside double quotes",
                Alphabet::of("\"").union(Alphabet::of(backslash)),
                &[&double_quoted, "\" OR \"1\"=\"1", "\""],
                Severity::Critical,
            ),
            Place::QuotedName => ("inside a quoted name", Alphabet::of("`]"), &["`", "]"], Severity::High),
            Place::Value => (
                "as a value without quotes",
                // A list of numbers is no more than numbers.
                not_a_number().without(Alphabet::of("+-,")),
                &[&value, "0 OR 1=1", "0/**/OR/**/1=1", "x"],
                Severity::Critical,
            ),
            Place::Name => (
                "as a name or keyword",
                not_a_name(),
                &["(SELECT password FROM users)", "1;--"],
                Severity::High,
            ),
            Place::Comment => {
                ("inside a comment", Alphabet::of("\n*"), &["\nOR 1=1", "*/ OR 1=1 --"], Severity::Critical)
            }
        };
        found.extend(Breach::of(hole, at, breaks, payloads, severity));
    }
    found
}

/// Whether every quote was doubled, which keeps text in its string where nothing else escapes it.
fn doubles_quotes(hole: &Hole) -> bool {
    let doubles =
        |change: &Change| matches!(change, Change::Replaced { from, to } if &**from == "'" && &**to == "''");
    hole.origin.iter().any(|origin| origin.changes().any(doubles))
}

/// Texts that make a condition true: for a hole in `'...'`, in `"..."` and without quotes. Where the statement goes on
/// behind the hole, they close what is open and comment out the rest.
fn payloads(rope: &Rope, index: usize, escapes: bool) -> (String, String, String) {
    let mut lexer = Lexer { state: State::Plain, escapes, words: Words::default(), seen: false };
    let mut seen = 0;
    let mut depth = 0;
    let mut goes_on = false;
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) if seen <= index => lexer.read(text),
            Segment::Literal(text) => {
                goes_on |= !text.trim_matches(['\'', '"', '%', ';', ' ', '\n']).is_empty();
            }
            Segment::Hole(_) => {
                goes_on |= seen > index;
                if seen == index {
                    depth = lexer.words.depth;
                }
                seen += 1;
                lexer.words.hole();
            }
        }
    }
    if !goes_on && depth == 0 {
        return ("' OR '1'='1".to_owned(), "\" OR \"1\"=\"1".to_owned(), "0 OR 1=1".to_owned());
    }
    let close = ")".repeat(depth.min(8));
    // MySQL wants a space behind the dashes.
    let comment = if escapes { "-- " } else { "--" };
    let with = |start: &str| format!("{start}{close} OR 1=1{comment}");
    (with("'"), with("\""), with("0"))
}

/// Whether a text begins as SQL statements do.
pub(crate) fn begins_as_sql(rope: &Rope) -> bool {
    const VERBS: &[&str] = &[
        "alter", "analyze", "begin", "call", "copy", "create", "delete", "drop", "exec", "execute",
        "explain", "grant", "insert", "merge", "pragma", "replace", "revoke", "select", "set", "show",
        "truncate", "update", "vacuum", "values", "with",
    ];
    let start = rope.literal_prefix().trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    let end = start.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(start.len());
    let (verb, rest) = start.split_at(end);
    let has_more = !rest.is_empty() || rope.segments().len() > 1;
    has_more && VERBS.contains(&verb.to_ascii_lowercase().as_str())
}

/// Characters that no bare name holds; letters beyond ASCII are letters.
fn not_a_name() -> Alphabet {
    Alphabet::ALL
        .without_wide()
        .without(Alphabet::ascii_range(b'a', b'z'))
        .without(Alphabet::ascii_range(b'A', b'Z'))
        .without(Alphabet::of("0123456789_"))
        .without(Alphabet::of("$"))
}

struct Lexer {
    state: State,
    escapes: bool,
    words: Words,
    /// Something stood before: the statement has begun.
    seen: bool,
}

/// What stands directly before a place, outside strings.
#[derive(Default)]
struct Words {
    /// The word that is being read, then the last one.
    current: String,
    last: String,
    /// The last character that is no space.
    before: Option<char>,
    /// The clause that the place is in: the last word that names one.
    clause: String,
    depth: usize,
}

impl Words {
    fn read(&mut self, character: char) {
        if character.is_alphanumeric() || character == '_' {
            self.current.push(character.to_ascii_lowercase());
        } else {
            self.end();
        }
        if !character.is_whitespace() {
            self.before = Some(character);
        }
        match character {
            '(' => self.depth += 1,
            ')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn end(&mut self) {
        if self.current.is_empty() {
            return;
        }
        self.last = std::mem::take(&mut self.current);
        if matches!(
            self.last.as_str(),
            "select"
                | "from"
                | "where"
                | "having"
                | "set"
                | "values"
                | "order"
                | "group"
                | "limit"
                | "offset"
                | "into"
                | "join"
                | "on"
                | "update"
                | "table"
                | "returning"
        ) {
            self.clause.clone_from(&self.last);
        }
    }

    fn hole(&mut self) {
        self.end();
        self.last.clear();
        self.before = Some('x');
    }
}

impl Lexer {
    fn read(&mut self, text: &str) {
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            match self.state {
                State::Plain => match (character, next) {
                    ('\'', _) => self.open(State::Single),
                    ('"', _) => self.open(State::Double),
                    ('`', _) => self.open(State::Backtick),
                    ('[', Some(next)) if next.is_alphabetic() => self.open(State::Bracket),
                    ('-', Some('-')) | ('#', _) if character == '-' || self.escapes => {
                        self.open(State::Line);
                    }
                    ('/', Some('*')) => {
                        characters.next();
                        self.open(State::Block);
                    }
                    _ => {
                        self.words.read(character);
                        self.seen |= !character.is_whitespace();
                    }
                },
                State::Single | State::Double if character == '\\' && self.escapes => {
                    characters.next();
                }
                State::Single if character == '\'' => self.close(),
                State::Double if character == '"' => self.close(),
                State::Backtick if character == '`' => self.close(),
                State::Bracket if character == ']' => self.close(),
                State::Line if character == '\n' => self.state = State::Plain,
                State::Block if character == '*' && next == Some('/') => {
                    characters.next();
                    self.state = State::Plain;
                }
                _ => {}
            }
        }
    }

    /// Doubled quotes close and open again: `''` inside a string ends up inside it.
    fn open(&mut self, state: State) {
        self.words.end();
        self.state = state;
        self.seen = true;
    }

    fn close(&mut self) {
        self.state = State::Plain;
        self.words.hole();
    }

    fn place(&mut self) -> Place {
        match self.state {
            State::Single => Place::Quoted,
            State::Double => Place::DoubleQuoted,
            State::Backtick | State::Bracket => Place::QuotedName,
            State::Line | State::Block => Place::Comment,
            State::Plain if !self.seen => Place::Statement,
            State::Plain => self.plain_place(),
        }
    }

    fn plain_place(&mut self) -> Place {
        let words = &mut self.words;
        // `tab{x}` and `t.{x}`: part of a name.
        if !words.current.is_empty() {
            let is_number = words.current.chars().all(|c| c.is_ascii_digit());
            return if is_number { Place::Value } else { Place::Name };
        }
        if words.before == Some('.') {
            return Place::Name;
        }
        if NAME_WORDS.contains(&words.last.as_str()) && words.before.is_some_and(char::is_alphanumeric) {
            return Place::Name;
        }
        let is_list = matches!(words.before, Some(',' | '('));
        match words.clause.as_str() {
            "select" | "from" | "order" | "group" | "join" | "table" | "update" if is_list => Place::Name,
            "into" if words.depth > 0 => Place::Name,
            // `ORDER BY name {direction}`.
            "order" => Place::Name,
            _ => Place::Value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::with_holes as rope;
    use super::*;

    #[test]
    fn places_of_holes() {
        use Place::*;
        for (text, expected) in [
            ("@", &[Statement][..]),
            ("SELECT * FROM t WHERE a = '@'", &[Quoted]),
            ("SELECT * FROM t WHERE a LIKE '%@%' AND b = @", &[Quoted, Value]),
            ("SELECT 'it''s @'", &[Quoted]),
            ("SELECT * FROM @ WHERE id = @", &[Name, Value]),
            ("SELECT * FROM t ORDER BY @ @", &[Name, Name]),
            ("SELECT @ FROM t", &[Name]),
            ("SELECT a, @ FROM t LIMIT @", &[Name, Value]),
            ("INSERT INTO t (a, @) VALUES (@, '@')", &[Name, Value, Quoted]),
            ("UPDATE t SET a = @, b = \"@\" WHERE `@` IN (@)", &[Value, DoubleQuoted, QuotedName, Value]),
            ("SELECT 1 -- @\nFROM t WHERE x > @", &[Comment, Value]),
            ("SELECT /* @ */ t.@ FROM log_@", &[Comment, Name, Name]),
            ("DROP TABLE @", &[Name]),
            ("  @", &[Statement]),
        ] {
            assert_eq!(places(&rope(text), false), expected, "{text}");
        }
        assert_eq!(places(&rope(r"SELECT 'it\'s @'"), true), [Quoted]);
    }

    #[test]
    fn statements_begin_with_verbs() {
        assert!(begins_as_sql(&rope("\n  SELECT * FROM t WHERE a = '@'")));
        assert!(begins_as_sql(&rope("(select @)")));
        assert!(!begins_as_sql(&rope("selection of @")));
        assert!(!begins_as_sql(&rope("@")));
        assert!(!begins_as_sql(&rope("Show")));
    }
}
