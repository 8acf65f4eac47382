//! The syntax of regular expressions as Python's `re` reads it.
//!
//! No crate fits: `regex-syntax` knows neither assertions nor references, and the parsers of other dialects read `$`,
//! `\Z`, flags and escapes in their own way. Syntax: <https://docs.python.org/3.14/library/re.html>.

use crate::alphabet::Alphabet;
use crate::pattern::{Class, Flags, Node, Texts, texts_of};

/// Groups in groups are read this deep.
const MAX_DEPTH: usize = 48;

/// Recursive descent, as deep as `MAX_DEPTH`. Every `None` ends the whole parse.
pub(crate) struct Parser {
    text: Vec<char>,
    position: usize,
    pub(crate) groups: usize,
    pub(crate) names: Vec<(Box<str>, usize)>,
    /// Groups that are complete, with their texts.
    closed: Vec<(usize, Texts)>,
}

impl Parser {
    pub(crate) fn new(pattern: &str) -> Self {
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

    /// Whether all of the text was read.
    pub(crate) fn is_done(&self) -> bool {
        self.position >= self.text.len()
    }

    /// `(?im)` at the very beginning. Elsewhere Python refuses it since 3.11.
    pub(crate) fn global_flags(&mut self, flags: Flags) -> Option<Flags> {
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

    pub(crate) fn choice(&mut self, flags: Flags, depth: usize) -> Option<Node> {
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
