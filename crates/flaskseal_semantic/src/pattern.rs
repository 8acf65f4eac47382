//! What a regular expression of Python's `re` says about the texts that it matches.
//!
//! `re.fullmatch(r"[a-z0-9-]{1,40}", x)` leaves letters, digits and hyphens in `x`. The answers over-approximate:
//! assertions about the surroundings are taken to hold, and a pattern that is not understood says nothing. This is
//! no matcher, and nothing here runs a pattern.
//!
//! Syntax and meaning: <https://docs.python.org/3.14/library/re.html#regular-expression-syntax>.

use std::collections::BTreeSet;

use crate::alphabet::Alphabet;

/// A pattern that was understood wholly.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub(crate) root: Node,
    /// Names of groups with their numbers.
    names: Vec<(Box<str>, usize)>,
    groups: usize,
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
    only: Option<char>,
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
const MAX_DEPTH: usize = 48;
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
        if parser.position < parser.text.len() {
            return None;
        }
        Some(Self { root, names: parser.names, groups: parser.groups })
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
            return texts_of(&self.root);
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
            End::BeforeNewline => matched.then(&Texts {
                shortest: 0,
                longest: Some(1),
                prefix: String::new(),
                listed: Some(BTreeSet::from([String::new(), "\n".to_owned()])),
                ..Texts::of_class(Alphabet::of("\n"))
            }),
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
            listed: Some(BTreeSet::from([String::new()])),
        }
    }

    fn of_class(alphabet: Alphabet) -> Self {
        Self { alphabet, first: alphabet, prefix: String::new(), shortest: 1, longest: Some(1), listed: None }
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

fn texts_of(node: &Node) -> Texts {
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

impl Class {
    const DIGIT: Self =
        Self { may: Alphabet::DIGITS.union(Alphabet::WIDE_ALPHANUMERIC), must: Alphabet::DIGITS, only: None };
    const SPACE: Self =
        Self { may: Alphabet::WHITE_SPACE, must: Alphabet::WHITE_SPACE.without_wide(), only: None };
    /// Python's letters and digits are fewer than ours: marks are none.
    const WORD: Self =
        Self { may: Alphabet::WORD.union(Alphabet::WIDE_ALPHANUMERIC), must: Alphabet::WORD, only: None };

    const fn exactly(alphabet: Alphabet) -> Self {
        Self { may: alphabet, must: alphabet, only: None }
    }

    fn of_char(character: char, flags: Flags) -> Self {
        let may = Alphabet::of_char(character);
        let must = if character.is_ascii() { may } else { Alphabet::NONE };
        let class = Self { may, must, only: Some(character) };
        let is_one = character.is_ascii() && !character.is_ascii_alphabetic();
        if flags.ignore_case && !is_one { class.in_any_case(flags) } else { class }
    }

    fn of_range(first: char, last: char, flags: Flags) -> Self {
        let (low, high) = (first as u32, last as u32);
        let ascii =
            if low < 128 { Alphabet::ascii_range(low as u8, high.min(127) as u8) } else { Alphabet::NONE };
        let may = if high >= 128 { ascii.union(Alphabet::ALL_WIDE) } else { ascii };
        let covers_wide = low <= 128 && high == char::MAX as u32;
        let must = if covers_wide { ascii.union(Alphabet::ALL_WIDE) } else { ascii };
        let class = Self { may, must, only: None };
        if flags.ignore_case { class.in_any_case(flags) } else { class }
    }

    fn in_any_case(self, flags: Flags) -> Self {
        let wide = self.must.intersection(Alphabet::ALL_WIDE);
        let must = self.must.without_wide().any_case().union(wide);
        let may = if flags.ascii && !self.may.meets(Alphabet::ALL_WIDE) {
            self.may.any_case()
        } else {
            self.may.in_any_case()
        };
        Self { may, must, only: None }
    }

    fn union(self, other: Self) -> Self {
        Self { may: self.may.union(other.may), must: self.must.union(other.must), only: None }
    }

    fn not(self) -> Self {
        Self { may: self.must.complement(), must: self.may.complement(), only: None }
    }

    /// `\d`, `\S` and their like.
    fn of_letter(letter: char, ascii: bool) -> Option<Self> {
        let class = match letter.to_ascii_lowercase() {
            'd' => Self::DIGIT,
            's' => Self::SPACE,
            'w' => Self::WORD,
            _ => return None,
        };
        // With re.A, white space is what C says: not U+001C to U+001F.
        let class = match (ascii, letter.to_ascii_lowercase()) {
            (true, 's') => Self::exactly(Alphabet::ascii_range(b'\t', b'\r').union(Alphabet::of(" "))),
            (true, _) => Self::exactly(class.must),
            _ => class,
        };
        Some(if letter.is_ascii_uppercase() { class.not() } else { class })
    }
}

/// Recursive descent, as deep as `MAX_DEPTH`. Every `None` ends the whole parse.
struct Parser {
    text: Vec<char>,
    position: usize,
    groups: usize,
    names: Vec<(Box<str>, usize)>,
    /// Groups that are complete, with their texts.
    closed: Vec<(usize, Texts)>,
}

impl Parser {
    fn new(pattern: &str) -> Self {
        Self {
            text: pattern.chars().collect(),
            position: 0,
            groups: 0,
            names: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.position).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += 1;
        Some(character)
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let fits = wanted
            .chars()
            .enumerate()
            .all(|(i, c)| self.text.get(self.position + i).is_some_and(|t| *t == c));
        if fits {
            self.position += wanted.chars().count();
        }
        fits
    }

    fn until(&mut self, end: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == end => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// `(?im)` at the very beginning. Elsewhere Python refuses it since 3.11.
    fn global_flags(&mut self, flags: Flags) -> Option<Flags> {
        let mut flags = flags;
        loop {
            let before = self.position;
            // In a verbose pattern blanks may stand before them.
            while flags.verbose && self.peek().is_some_and(char::is_whitespace) {
                self.position += 1;
            }
            if !self.eat("(?") || !self.peek().is_some_and(|c| "aiLmsux".contains(c)) {
                self.position = before;
                return Some(flags);
            }
            let mut changed = flags;
            loop {
                match self.next()? {
                    ')' => break,
                    ':' | '-' => {
                        self.position = before;
                        return Some(flags);
                    }
                    letter => set_flag(&mut changed, letter, true)?,
                }
            }
            flags = changed;
        }
    }

    fn choice(&mut self, flags: Flags, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut parts = vec![self.sequence(flags, depth)?];
        while self.eat("|") {
            parts.push(self.sequence(flags, depth)?);
        }
        Some(if parts.len() == 1 { parts.swap_remove(0) } else { Node::Choice(parts) })
    }

    fn sequence(&mut self, flags: Flags, depth: usize) -> Option<Node> {
        let mut parts: Vec<Node> = Vec::new();
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            self.position += 1;
            if flags.verbose {
                if " \t\n\r\x0b\x0c".contains(character) {
                    continue;
                }
                if character == '#' {
                    while self.next().is_some_and(|c| c != '\n') {}
                    continue;
                }
            }
            if let Some((least, most)) = self.quantifier(character) {
                if most.is_some_and(|most| most < least) {
                    return None;
                }
                let inner = Box::new(parts.pop()?);
                if matches!(*inner, Node::Repeat { .. } | Node::Start | Node::End { .. }) {
                    return None;
                }
                let possessive = self.eat("+");
                if !possessive {
                    self.eat("?");
                }
                parts.push(Node::Repeat { inner, least, most, possessive });
                continue;
            }
            parts.push(self.atom(character, flags, depth)?);
        }
        Some(match parts.len() {
            0 => Node::Nothing,
            1 => parts.swap_remove(0),
            _ => Node::Sequence(parts),
        })
    }

    /// `*`, `+`, `?`, `{2,3}`: least and most. A brace that begins no quantifier is a character.
    fn quantifier(&mut self, character: char) -> Option<(usize, Option<usize>)> {
        match character {
            '*' => Some((0, None)),
            '+' => Some((1, None)),
            '?' => Some((0, Some(1))),
            '{' => {
                let before = self.position;
                let least = self.number();
                let is_open = self.eat(",");
                let most = if is_open { self.number() } else { least };
                if !self.eat("}") || (least.is_none() && !is_open) {
                    self.position = before;
                    return None;
                }
                Some((least.unwrap_or(0), most))
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.position += 1;
            value = Some(value.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize));
        }
        value
    }

    fn atom(&mut self, character: char, flags: Flags, depth: usize) -> Option<Node> {
        Some(match character {
            '.' if flags.dot_all => Node::Class(Class::exactly(Alphabet::ALL)),
            '.' => Node::Class(Class::exactly(Alphabet::of("\n")).not()),
            '^' if flags.multi_line => Node::Assertion,
            '^' => Node::Start,
            '$' if flags.multi_line => Node::Assertion,
            '$' => Node::End { newline: true },
            '(' => self.group(flags, depth)?,
            '[' => Node::Class(self.class(flags)?),
            '\\' => self.escape(flags)?,
            _ => Node::Class(Class::of_char(character, flags)),
        })
    }

    fn group(&mut self, flags: Flags, depth: usize) -> Option<Node> {
        let plain = |inner, atomic| Node::Group { index: None, atomic, inner: Box::new(inner) };
        if !self.eat("?") {
            self.groups += 1;
            return self.numbered(self.groups, flags, depth);
        }
        let node = match self.next()? {
            ':' => plain(self.choice(flags, depth + 1)?, false),
            '>' => plain(self.choice(flags, depth + 1)?, true),
            '#' => {
                self.until(')')?;
                return Some(Node::Nothing);
            }
            '=' | '!' => {
                self.choice(flags, depth + 1)?;
                Node::Assertion
            }
            '<' => {
                if !self.eat("=") && !self.eat("!") {
                    return None;
                }
                self.choice(flags, depth + 1)?;
                Node::Assertion
            }
            'P' if self.eat("<") => {
                let name = self.until('>')?;
                self.groups += 1;
                self.names.push((name.into(), self.groups));
                return self.numbered(self.groups, flags, depth);
            }
            'P' if self.eat("=") => {
                let name = self.until(')')?;
                let (_, index) = self.names.iter().find(|(known, _)| **known == *name)?;
                return self.reference(*index);
            }
            '(' => {
                self.until(')')?;
                // `(?(1)a|b)`: either, whatever the condition.
                plain(self.choice(flags, depth + 1)?.or_nothing(), false)
            }
            letter => {
                let mut scoped = flags;
                let mut on = true;
                let mut letter = letter;
                loop {
                    match letter {
                        '-' if on => on = false,
                        ':' => break,
                        letter => set_flag(&mut scoped, letter, on)?,
                    }
                    letter = self.next()?;
                }
                plain(self.choice(scoped, depth + 1)?, false)
            }
        };
        self.eat(")").then_some(node)
    }

    fn numbered(&mut self, index: usize, flags: Flags, depth: usize) -> Option<Node> {
        let inner = Box::new(self.choice(flags, depth + 1)?);
        self.closed.push((index, texts_of(&inner)));
        self.eat(")").then_some(Node::Group { index: Some(index), atomic: false, inner })
    }

    /// A reference to a group that is closed; Python refuses others.
    fn reference(&self, index: usize) -> Option<Node> {
        let (_, texts) = self.closed.iter().find(|(known, _)| *known == index)?;
        // Case may be ignored here, and need not have been there.
        let alphabet = texts.alphabet.in_any_case();
        let first = texts.first.in_any_case();
        let texts = Texts { alphabet, first, prefix: String::new(), listed: None, ..texts.clone() };
        Some(Node::Reference(Box::new(texts)))
    }

    fn escape(&mut self, flags: Flags) -> Option<Node> {
        let letter = self.next()?;
        Some(match letter {
            'A' => Node::Start,
            'Z' | 'z' => Node::End { newline: false },
            'b' | 'B' => Node::Assertion,
            '1'..='9' => {
                self.position -= 1;
                let start = self.position;
                let digits: Vec<u32> = self
                    .text
                    .get(start..)
                    .unwrap_or_default()
                    .iter()
                    .take(3)
                    .map_while(|c| c.to_digit(10))
                    .collect();
                // Three octal digits are a character, anything else a group.
                if let [a @ 0..=3, b @ 0..=7, c @ 0..=7] = digits[..] {
                    self.position += 3;
                    return Some(Node::Class(Class::of_char(char::from_u32(a * 64 + b * 8 + c)?, flags)));
                }
                let length = digits.len().min(2);
                self.position += length;
                let index = digits.iter().take(length).fold(0, |sum, digit| sum * 10 + digit);
                self.reference(index as usize)?
            }
            _ => match Class::of_letter(letter, flags.ascii) {
                Some(class) => Node::Class(class),
                None => Node::Class(Class::of_char(self.escaped(letter)?, flags)),
            },
        })
    }

    /// The character that an escape stands for.
    fn escaped(&mut self, letter: char) -> Option<char> {
        Some(match letter {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.position += 1;
                    code = code * 8 + digit;
                }
                char::from_u32(code)?
            }
            // A named character, and letters that Python keeps for later.
            letter if letter.is_ascii_alphanumeric() => return None,
            other => other,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<char> {
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(16)?.checked_add(self.next()?.to_digit(16)?)?;
        }
        char::from_u32(code)
    }

    fn class(&mut self, flags: Flags) -> Option<Class> {
        let negated = self.eat("^");
        let mut class = Class::exactly(Alphabet::NONE);
        let mut members = 0;
        let mut only = None;
        loop {
            let character = self.next()?;
            if character == ']' && members > 0 {
                break;
            }
            members += 1;
            let first = match self.member(character, flags)? {
                Member::Class(member) => {
                    class = class.union(member);
                    only = None;
                    continue;
                }
                Member::Char(first) => first,
            };
            // A hyphen before the closing bracket is a hyphen.
            let is_range =
                self.peek() == Some('-') && self.text.get(self.position + 1).is_some_and(|c| *c != ']');
            if is_range {
                self.position += 1;
                let last = self.next()?;
                let Member::Char(last) = self.member(last, flags)? else { return None };
                if last < first {
                    return None;
                }
                class = class.union(Class::of_range(first, last, flags));
                only = None;
            } else {
                let member = Class::of_char(first, flags);
                class = class.union(member);
                only = member.only.filter(|_| members == 1);
            }
        }
        Some(if negated { class.not() } else { Class { only, ..class } })
    }

    fn member(&mut self, character: char, flags: Flags) -> Option<Member> {
        if character != '\\' {
            return Some(Member::Char(character));
        }
        let letter = self.next()?;
        if let Some(class) = Class::of_letter(letter, flags.ascii) {
            return Some(Member::Class(class));
        }
        Some(Member::Char(match letter {
            'b' => '\x08',
            '1'..='7' => {
                let mut code = letter.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.position += 1;
                    code = code * 8 + digit;
                }
                char::from_u32(code)?
            }
            _ => self.escaped(letter)?,
        }))
    }
}

enum Member {
    Char(char),
    Class(Class),
}

impl Node {
    fn or_nothing(self) -> Self {
        match self {
            Self::Choice(mut parts) => {
                parts.push(Self::Nothing);
                Self::Choice(parts)
            }
            other => Self::Choice(vec![other, Self::Nothing]),
        }
    }
}

fn set_flag(flags: &mut Flags, letter: char, on: bool) -> Option<()> {
    match letter {
        'a' => flags.ascii = on,
        'u' => flags.ascii = !on,
        'i' => flags.ignore_case = on,
        'm' => flags.multi_line = on,
        's' => flags.dot_all = on,
        'x' => flags.verbose = on,
        // What a letter is depends on the machine: not understood.
        _ => return None,
    }
    Some(())
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
}
