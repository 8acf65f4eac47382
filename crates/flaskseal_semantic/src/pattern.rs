//! What a regular expression of Python's `re` says about the texts that it matches.
//!
//! `re.fullmatch(r"[a-z0-9-]{1,40}", x)` leaves letters, digits and hyphens in `x`. The answers over-approximate:
//! assertions about the surroundings are taken to hold, and a pattern that is not understood says nothing. This is
//! no matcher, and nothing here runs a pattern.
//!
//! Syntax and meaning: <https://docs.python.org/3.14/library/re.html#regular-expression-syntax>.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::alphabet::Alphabet;
use crate::pattern_parser::Parser;

/// A pattern that was understood wholly.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub(crate) root: Node,
    /// Names of groups with their numbers.
    names: Vec<(Box<str>, usize)>,
    groups: usize,
    /// What a whole match can be: asked for at every use.
    whole: OnceLock<Texts>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags {
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub verbose: bool,
    pub ascii: bool,
}

/// Which part of the subject has to match.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// A part at its beginning.
    Match,
    /// Any part.
    Search,
    /// All of it.
    FullMatch,
}

/// What is known of every text of a set of texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Texts {
    pub alphabet: Alphabet,
    /// What those that are not empty begin with.
    pub first: Alphabet,
    /// What all of them begin with.
    pub prefix: String,
    /// Lengths in characters.
    pub shortest: usize,
    pub longest: Option<usize>,
    /// A line break can only be the last character.
    pub newline_last: bool,
    /// All of them, where they are few.
    pub listed: Option<BTreeSet<String>>,
}

/// What a text cannot hold when a search in it fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excluded {
    /// None of these characters occurs; exact where it says so, for characters beyond ASCII as well.
    pub characters: Alphabet,
    pub texts: Vec<String>,
}

/// A set of characters, from both sides: what may be in it, and what is in it for certain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Class {
    pub(crate) may: Alphabet,
    pub(crate) must: Alphabet,
    /// The character, where it is only one.
    pub(crate) only: Option<char>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Matches without taking a character: an assertion of which only the place matters.
    Nothing,
    Class(Class),
    /// The beginning of the text.
    Start,
    /// The end of the text; `$` allows a newline after it.
    End {
        newline: bool,
    },
    /// `^` and `$` between lines, `\b` and `\B`, and what looks ahead or behind.
    Assertion,
    Group {
        index: Option<usize>,
        atomic: bool,
        inner: Box<Node>,
    },
    /// The text of an earlier group again.
    Reference(Box<Texts>),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat {
        inner: Box<Node>,
        least: usize,
        most: Option<usize>,
        possessive: bool,
    },
}

/// Longer patterns are generated tables; nobody validates with them.
const MAX_LENGTH: usize = 1 << 14;
/// Finite languages are listed up to this many texts, and this long.
const MAX_LISTED: usize = 32;
const MAX_LISTED_LENGTH: usize = 64;

impl Pattern {
    /// `None` for what is no valid pattern, and for what is not understood.
    pub fn parse(pattern: &str, flags: Flags) -> Option<Self> {
        if pattern.len() > MAX_LENGTH {
            return None;
        }
        let mut parser = Parser::new(pattern);
        let flags = parser.global_flags(flags)?;
        let root = parser.choice(flags, 0)?;
        if !parser.is_done() {
            return None;
        }
        Some(Self { root, names: parser.names, groups: parser.groups, whole: OnceLock::new() })
    }

    /// A pattern with flags as CPython numbers them: `re.I` is 2.
    pub fn of_python(pattern: &str, bits: i64) -> Option<Self> {
        let has = |bit: i64| bits & bit != 0;
        // Letters that the machine's locale decides are not understood.
        if has(4) {
            return None;
        }
        let flags = Flags {
            ignore_case: has(2),
            multi_line: has(8),
            dot_all: has(16),
            verbose: has(64),
            ascii: has(256),
        };
        Self::parse(pattern, flags)
    }

    /// The number of a named group.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| **known == *name).map(|(_, index)| *index)
    }

    pub fn group_names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, index)| (&**name, *index))
    }

    /// How many groups there are, the whole match not counted.
    pub fn group_count(&self) -> usize {
        self.groups
    }

    /// What a group can hold when it took part in a match; the whole match is group 0.
    pub fn group(&self, index: usize) -> Texts {
        if index == 0 {
            return self.whole.get_or_init(|| texts_of(&self.root)).clone();
        }
        find_group(&self.root, index).map_or_else(Texts::any, texts_of)
    }

    /// Whether a group takes part in every match.
    pub fn group_is_certain(&self, index: usize) -> bool {
        fn certain(node: &Node, wanted: usize) -> bool {
            match node {
                Node::Group { index, inner, .. } => *index == Some(wanted) || certain(inner, wanted),
                Node::Sequence(parts) => parts.iter().any(|part| certain(part, wanted)),
                Node::Choice(parts) => parts.iter().all(|part| certain(part, wanted)),
                Node::Repeat { inner, least, .. } => *least > 0 && certain(inner, wanted),
                _ => false,
            }
        }
        index == 0 || certain(&self.root, index)
    }

    /// What a success says of the whole subject.
    pub fn subject(&self, mode: Mode) -> Texts {
        let starts = mode != Mode::Search || begins_at_start(&self.root);
        if !starts {
            return Texts::any();
        }
        let matched = self.group(0);
        let end = if mode == Mode::FullMatch { End::Strict } else { end_of(&self.root) };
        match end {
            End::Strict => matched,
            End::BeforeNewline => Texts {
                newline_last: !matched.alphabet.contains('\n'),
                ..matched.then(&Texts {
                    shortest: 0,
                    longest: Some(1),
                    prefix: String::new(),
                    listed: Some(BTreeSet::from([String::new(), "\n".to_owned()])),
                    ..Texts::of_class(Alphabet::of("\n"))
                })
            },
            End::Open => matched.then(&Texts::any()),
        }
    }

    /// What a failed search says of the whole subject: `if re.search(r"[<>]|\.\.", x): abort(400)`.
    pub fn excluded(&self) -> Excluded {
        let mut excluded = Excluded { characters: Alphabet::NONE, texts: Vec::new() };
        self.exclude(&self.root, &mut excluded);
        excluded
    }

    /// What the subject cannot begin with when a match at its beginning fails.
    pub fn excluded_at_start(&self) -> Excluded {
        let mut excluded = Excluded { characters: Alphabet::NONE, texts: Vec::new() };
        match &self.root {
            Node::Sequence(parts) if matches!(parts.first(), Some(Node::Start)) => match &parts[1..] {
                [only] => self.exclude(only, &mut excluded),
                rest => self.exclude(&Node::Sequence(rest.to_vec()), &mut excluded),
            },
            root => self.exclude(root, &mut excluded),
        }
        excluded
    }

    /// Whether every match consists of characters, each of which any match may be: `[^a-z]+`.
    pub(crate) fn is_of_characters(&self) -> bool {
        fn consists(node: &Node) -> bool {
            match node {
                Node::Class(_) => true,
                Node::Group { inner, .. } => consists(inner),
                Node::Repeat { inner, .. } => consists(inner),
                Node::Choice(parts) => parts.iter().all(consists),
                _ => false,
            }
        }
        consists(&self.root)
    }

    fn exclude(&self, node: &Node, excluded: &mut Excluded) {
        match node {
            Node::Class(class) => {
                excluded.characters = excluded.characters.union(class.must);
            }
            Node::Group { inner, .. } => self.exclude(inner, excluded),
            Node::Repeat { inner, least: 1, .. } => self.exclude(inner, excluded),
            Node::Choice(parts) => parts.iter().for_each(|part| self.exclude(part, excluded)),
            Node::Sequence(_) => {
                if let Some(listed) = self.plain(node) {
                    excluded.texts.extend(listed);
                }
            }
            _ => {}
        }
    }

    /// The texts of a node that has no assertions, where they are few.
    fn plain(&self, node: &Node) -> Option<BTreeSet<String>> {
        fn is_plain(node: &Node) -> bool {
            match node {
                Node::Class(class) => class.must == class.may || class.only.is_some(),
                Node::Group { inner, .. } => is_plain(inner),
                Node::Sequence(parts) | Node::Choice(parts) => parts.iter().all(is_plain),
                _ => false,
            }
        }
        if !is_plain(node) {
            return None;
        }
        texts_of(node).listed.filter(|listed| !listed.contains(""))
    }
}

impl Texts {
    /// All texts.
    pub fn any() -> Self {
        Self {
            alphabet: Alphabet::ALL,
            first: Alphabet::ALL,
            prefix: String::new(),
            shortest: 0,
            longest: None,
            newline_last: false,
            listed: None,
        }
    }

    fn empty() -> Self {
        Self {
            alphabet: Alphabet::NONE,
            first: Alphabet::NONE,
            prefix: String::new(),
            shortest: 0,
            longest: Some(0),
            newline_last: false,
            listed: Some(BTreeSet::from([String::new()])),
        }
    }

    fn of_class(alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            first: alphabet,
            prefix: String::new(),
            shortest: 1,
            longest: Some(1),
            newline_last: false,
            listed: None,
        }
    }

    fn then(&self, next: &Self) -> Self {
        let prefix = match &self.listed {
            Some(listed) if listed.len() == 1 && self.prefix.len() < MAX_LISTED_LENGTH => {
                format!("{}{}", self.prefix, next.prefix)
            }
            _ => self.prefix.clone(),
        };
        let listed = match (&self.listed, &next.listed) {
            (Some(a), Some(b)) if a.len().saturating_mul(b.len()) <= MAX_LISTED => {
                Some(a.iter().flat_map(|a| b.iter().map(move |b| format!("{a}{b}"))).collect::<BTreeSet<_>>())
                    .filter(|texts| texts.iter().all(|text| text.len() <= MAX_LISTED_LENGTH))
            }
            _ => None,
        };
        Self {
            alphabet: self.alphabet.union(next.alphabet),
            first: if self.shortest == 0 { self.first.union(next.first) } else { self.first },
            prefix,
            shortest: self.shortest.saturating_add(next.shortest),
            longest: self.longest.zip(next.longest).map(|(a, b)| a.saturating_add(b)),
            newline_last: false,
            listed,
        }
    }

    fn or(&self, other: &Self) -> Self {
        let shared =
            self.prefix.chars().zip(other.prefix.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a);
        let listed = match (&self.listed, &other.listed) {
            (Some(a), Some(b)) if a.len() + b.len() <= MAX_LISTED => Some(a.union(b).cloned().collect()),
            _ => None,
        };
        Self {
            alphabet: self.alphabet.union(other.alphabet),
            first: self.first.union(other.first),
            prefix: shared.collect(),
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.zip(other.longest).map(|(a, b)| a.max(b)),
            newline_last: false,
            listed,
        }
    }

    fn repeated(&self, least: usize, most: Option<usize>) -> Self {
        match (least, most) {
            (_, Some(0)) => return Self::empty(),
            (1, Some(1)) => return self.clone(),
            (0, Some(1)) => return self.or(&Self::empty()),
            (2..=4, Some(most)) if most == least => {
                return (1..least).fold(self.clone(), |texts, _| texts.then(self));
            }
            _ => {}
        }
        Self {
            alphabet: self.alphabet,
            first: self.first,
            prefix: if least > 0 { self.prefix.clone() } else { String::new() },
            shortest: self.shortest.saturating_mul(least),
            longest: match (self.longest, most) {
                (Some(0), _) => Some(0),
                (Some(longest), Some(most)) => Some(longest.saturating_mul(most)),
                _ => None,
            },
            newline_last: false,
            listed: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Open,
    BeforeNewline,
    Strict,
}

pub(crate) fn texts_of(node: &Node) -> Texts {
    match node {
        Node::Nothing | Node::Start | Node::End { .. } | Node::Assertion => Texts::empty(),
        Node::Class(class) => {
            let mut texts = Texts::of_class(class.may);
            if let Some(only) = class.only {
                texts.prefix = only.to_string();
                texts.listed = Some(BTreeSet::from([only.to_string()]));
            } else if class.may == class.must && !class.may.meets(Alphabet::ALL_WIDE) {
                let listed: BTreeSet<String> =
                    class.may.ascii().take(MAX_LISTED + 1).map(String::from).collect();
                texts.listed = (listed.len() <= MAX_LISTED).then_some(listed);
            }
            texts
        }
        Node::Group { inner, .. } => texts_of(inner),
        Node::Reference(texts) => (**texts).clone(),
        Node::Sequence(parts) => parts.iter().fold(Texts::empty(), |texts, part| texts.then(&texts_of(part))),
        Node::Choice(parts) => {
            parts.iter().map(texts_of).reduce(|a, b| a.or(&b)).unwrap_or_else(Texts::empty)
        }
        Node::Repeat { inner, least, most, .. } => texts_of(inner).repeated(*least, *most),
    }
}

/// Whether every match begins at the beginning of the subject.
pub(crate) fn begins_at_start(node: &Node) -> bool {
    match node {
        Node::Start => true,
        Node::Group { inner, .. } => begins_at_start(inner),
        Node::Repeat { inner, least, .. } => *least > 0 && begins_at_start(inner),
        Node::Choice(parts) => parts.iter().all(begins_at_start),
        Node::Sequence(parts) => {
            for part in parts {
                if begins_at_start(part) {
                    return true;
                }
                if !takes_nothing(part) {
                    return false;
                }
            }
            false
        }
        _ => false,
    }
}

/// Where every match ends.
fn end_of(node: &Node) -> End {
    match node {
        Node::End { newline: true } => End::BeforeNewline,
        Node::End { newline: false } => End::Strict,
        Node::Group { inner, .. } => end_of(inner),
        Node::Repeat { inner, least, .. } if *least > 0 => end_of(inner),
        Node::Choice(parts) => parts.iter().map(end_of).min().unwrap_or(End::Open),
        Node::Sequence(parts) => {
            let mut strongest = End::Open;
            for part in parts.iter().rev() {
                strongest = strongest.max(end_of(part));
                if !takes_nothing(part) {
                    break;
                }
            }
            strongest
        }
        _ => End::Open,
    }
}

fn takes_nothing(node: &Node) -> bool {
    match node {
        Node::Nothing | Node::Start | Node::End { .. } | Node::Assertion => true,
        Node::Group { inner, .. } | Node::Repeat { inner, .. } => takes_nothing(inner),
        Node::Sequence(parts) | Node::Choice(parts) => parts.iter().all(takes_nothing),
        Node::Class(_) | Node::Reference(_) => false,
    }
}

fn find_group(node: &Node, wanted: usize) -> Option<&Node> {
    match node {
        Node::Group { index: Some(index), inner, .. } if *index == wanted => Some(inner),
        Node::Group { inner, .. } | Node::Repeat { inner, .. } => find_group(inner, wanted),
        Node::Sequence(parts) | Node::Choice(parts) => parts.iter().find_map(|part| find_group(part, wanted)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(pattern: &str, mode: Mode) -> Texts {
        Pattern::parse(pattern, Flags::default()).unwrap().subject(mode)
    }

    #[test]
    fn anchors_decide_what_a_success_says() {
        let word = "[a-z0-9-]{1,40}";
        assert!(!subject(word, Mode::FullMatch).alphabet.contains('\''));
        assert!(subject(word, Mode::Match).alphabet.contains('\''));
        assert!(!subject(word, Mode::Match).first.contains('\''));
        assert!(subject(word, Mode::Search).first.contains('\''));
        let dollar = subject(&format!("^{word}$"), Mode::Search);
        assert!(dollar.alphabet.contains('\n') && !dollar.alphabet.contains('\''));
        assert_eq!((dollar.shortest, dollar.longest), (1, Some(41)));
        assert!(!subject(&format!(r"\A{word}\Z"), Mode::Search).alphabet.contains('\n'));
        assert!(subject(&format!("(?m)^{word}$"), Mode::Search).alphabet.contains('\''));
        assert!(subject("^a|b$", Mode::Search).alphabet.contains('\''));
        assert!(!subject("^(?:a|b)$", Mode::Search).alphabet.contains('\''));
        assert!(!subject("(^a$|^b$)", Mode::Search).alphabet.contains('\''));
    }

    #[test]
    fn few_texts_are_listed() {
        let listed = subject("(asc|desc)", Mode::FullMatch).listed.unwrap();
        assert_eq!(listed.into_iter().collect::<Vec<_>>(), ["asc", "desc"]);
        assert!(subject("^(asc|desc)$", Mode::Match).listed.unwrap().contains("asc\n"));
        assert_eq!(subject("https://example\\.org/.*", Mode::Match).prefix, "https://example.org/");
        assert_eq!(subject("[ab]c?", Mode::FullMatch).listed.unwrap().len(), 4);
    }

    #[test]
    fn classes_know_both_sides() {
        let parse = |pattern| Pattern::parse(pattern, Flags::default()).unwrap();
        assert!(parse(r"\w+").group(0).alphabet.contains('é'));
        assert!(!parse(r"(?a)\w+").group(0).alphabet.contains('é'));
        assert!(parse("(?i)[k]").group(0).alphabet.contains('\u{212a}'));
        assert!(parse("[^'\"]*").group(0).alphabet.contains('\n'));
        assert!(!parse("[^'\"]*").group(0).alphabet.contains('"'));
        assert!(parse(r"[]\-x]").group(0).alphabet.contains(']'));
        // No character but these is left when a search for any other fails.
        let left = parse("[^a-z0-9]").excluded().characters.complement();
        assert!(left.contains('q') && !left.contains('\'') && !left.contains('é'));
        let left = parse(r"\W").excluded().characters.complement();
        assert!(left.contains('é') && !left.contains('\''));
        let excluded = parse(r"[<>]+|\.\.|\$\(").excluded();
        assert_eq!(excluded.characters, Alphabet::of("<>"));
        assert_eq!(excluded.texts, ["..", "$("]);
        assert!(parse("^[<>]").excluded().characters.is_empty());
        assert!(parse("^[-]").excluded_at_start().characters.contains('-'));
        assert!(parse("a*").excluded().characters.is_empty());
    }

    #[test]
    fn groups_have_texts_of_their_own() {
        let pattern = Pattern::parse(r"(?P<id>\d{1,3})-(x(y)?)\2", Flags::default()).unwrap();
        assert_eq!(pattern.group_named("id"), Some(1));
        assert_eq!(pattern.group(1).longest, Some(3));
        assert!(!pattern.group(2).alphabet.contains('1'));
        assert!(pattern.group_is_certain(2) && !pattern.group_is_certain(3));
        assert!(pattern.group(7).alphabet.contains('!'));
    }

    #[test]
    fn python_syntax_is_known() {
        let valid = [
            r"(?x) a \  b # comment (",
            r"(?i:a)(?-i:b)(?s-x:.)",
            r"(?<=a)b(?<!c)(?=d)(?!e)f",
            r"(?>a+)b++c*+d?+e{1,2}+",
            r"(a)?(?(1)b|c)",
            r"a{,3}{x}{",
            r"[\d\-\]]\u00e9\x41\012\0",
            r"(?P<n>a)(?P=n)",
            "(?#note)a",
        ];
        for pattern in valid {
            assert!(Pattern::parse(pattern, Flags::default()).is_some(), "{pattern}");
        }
        for pattern in
            ["(", ")", "a**", "[", "[z-a]", "\\", "(?P<n>a", "*a", "(?L)a", r"\N{DIGIT ONE}", "a{3,2}"]
        {
            assert!(Pattern::parse(pattern, Flags::default()).is_none(), "{pattern}");
        }
        let deep = format!("{}a{}", "(".repeat(5000), ")".repeat(5000));
        assert!(Pattern::parse(&deep, Flags::default()).is_none());
    }

    #[test]
    fn any_text_ends_in_an_answer_or_in_none() {
        const PIECES: [&str; 24] = [
            "a", "b", "(", ")", "(?:", "(?P<n>", "(?=", "(?i:", "[", "]", "^", "$", "|", "*", "+", "?",
            "{2,3}", "\\1", "\\w", "\\W", ".", "-", "(?>", "\\",
        ];
        let mut state = 1_u64;
        let mut read = 0;
        for _ in 0..4_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(PIECES[(state >> 33) as usize % PIECES.len()]);
            }
            let Some(pattern) = Pattern::parse(&text, Flags::default()) else { continue };
            read += 1;
            for mode in [Mode::Match, Mode::Search, Mode::FullMatch] {
                let texts = pattern.subject(mode);
                assert!(texts.longest.is_none_or(|longest| longest >= texts.shortest), "{text}");
                assert!(texts.prefix.chars().all(|c| texts.alphabet.contains(c)), "{text}");
                let _ = pattern.blowup(mode);
            }
            let excluded = pattern.excluded().characters;
            assert_eq!(excluded.intersection(pattern.group(0).alphabet), excluded, "{text}");
        }
        assert!(read > 50, "only {read} patterns were read");
    }
}
