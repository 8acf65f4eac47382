//! Splits a template at its delimiters, and what stands between them into tokens.

use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::tree::Problem;

/// A stretch of text between delimiters, or with them. Chunks tile the text.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) range: TextRange,
    pub(crate) kind: ChunkKind,
    /// `{%-`: white space before it goes.
    pub(crate) trims_before: bool,
    /// `-%}`: white space after it goes.
    pub(crate) trims_after: bool,
}

#[derive(Debug)]
pub(crate) enum ChunkKind {
    Text,
    /// What stands between `{% raw %}` and `{% endraw %}`: text with a range of its own.
    Raw(TextRange),
    Comment,
    Output(Vec<Token>),
    Tag(Vec<Token>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TokenKind {
    Name(Arc<str>),
    Str(Arc<str>),
    Number,
    Operator(&'static str),
    /// A character that no token begins with, or a string without an end.
    Bad,
}

impl Token {
    pub(crate) fn is(&self, operator: &str) -> bool {
        matches!(self.kind, TokenKind::Operator(known) if known == operator)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// Longest first.
const OPERATORS: [&str; 24] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|",
];

/// A tag may be this long, in bytes: a table of data fits, and an unclosed tag cannot make us read a file over and over.
const MAX_TAG: usize = 1 << 16;

pub(crate) fn chunks(text: &str, problems: &mut Vec<Problem>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut splitter = Splitter { text, problems };
    let (mut at, mut text_start) = (0, 0);
    while let Some(found) = memchr::memchr(b'{', text.as_bytes().get(at..).unwrap_or_default()) {
        let start = at + found;
        let Some(mark @ (b'{' | b'%' | b'#')) = text.as_bytes().get(start + 1).copied() else {
            at = start + 1;
            continue;
        };
        if text_start < start {
            chunks.push(Chunk::plain(range(text_start, start), ChunkKind::Text));
        }
        let Some(chunk) = splitter.delimited(start, mark) else {
            // Jinja stops here, and what follows may be anything.
            text_start = start;
            break;
        };
        at = chunk.range.end as usize;
        text_start = at;
        chunks.push(chunk);
    }
    if text_start < text.len() {
        chunks.push(Chunk::plain(range(text_start, text.len()), ChunkKind::Text));
    }
    chunks
}

/// The tokens of text that stands by itself.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut problems = Vec::new();
    let mut splitter = Splitter { text, problems: &mut problems };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match splitter.token(at, &tokens) {
            Some(token) => {
                at = token.range.end as usize;
                tokens.push(token);
            }
            None => break,
        }
    }
    tokens
}

fn range(start: usize, end: usize) -> TextRange {
    TextRange::new(start as u32, end as u32)
}

impl Chunk {
    fn plain(range: TextRange, kind: ChunkKind) -> Self {
        Self { range, kind, trims_before: false, trims_after: false }
    }
}

struct Splitter<'t> {
    text: &'t str,
    problems: &'t mut Vec<Problem>,
}

impl Splitter<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn rest(&self, at: usize) -> &str {
        self.text.get(at..).unwrap_or_default()
    }

    fn problem(&mut self, start: usize, end: usize, message: &str) {
        self.problems.push(Problem { range: range(start, end), message: message.to_owned() });
    }

    /// What begins with `{{`, `{%` or `{#`; `None` where it has no end.
    fn delimited(&mut self, start: usize, mark: u8) -> Option<Chunk> {
        let sign = self.bytes().get(start + 2).copied();
        let trims_before = sign == Some(b'-');
        let inner = start + 2 + usize::from(trims_before || sign == Some(b'+'));
        if mark == b'#' {
            let Some(length) = self.rest(start + 2).find("#}") else {
                self.problem(start, start + 2, "a comment without an end");
                return None;
            };
            let close = start + 2 + length;
            let trims_after = length > 0 && self.bytes().get(close.wrapping_sub(1)) == Some(&b'-');
            return Some(Chunk {
                range: range(start, close + 2),
                kind: ChunkKind::Comment,
                trims_before,
                trims_after,
            });
        }
        let close = if mark == b'{' { "}}" } else { "%}" };
        let (tokens, end) = match self.inside(inner, close) {
            Some(found) => found,
            None => {
                let limit = self.rest(start + 2);
                let Some(length) = limit.find(close) else {
                    self.problem(start, start + 2, "a tag without an end");
                    return None;
                };
                let end = start + 2 + length;
                self.problem(start, end + 2, "a tag that cannot be read");
                let bad = Token { kind: TokenKind::Bad, range: range(start + 2, end) };
                (vec![bad], end)
            }
        };
        let trims_after = end > inner && self.bytes().get(end.wrapping_sub(1)) == Some(&b'-');
        let end = end + 2;
        if mark == b'{' {
            return Some(Chunk {
                range: range(start, end),
                kind: ChunkKind::Output(tokens),
                trims_before,
                trims_after,
            });
        }
        if let [only] = tokens.as_slice()
            && only.name() == Some("raw")
        {
            return Some(self.raw(start, end, trims_before, trims_after));
        }
        Some(Chunk { range: range(start, end), kind: ChunkKind::Tag(tokens), trims_before, trims_after })
    }

    fn raw(&mut self, start: usize, inner: usize, trims_before: bool, trims_left: bool) -> Chunk {
        let mut at = inner;
        while let Some(found) = self.rest(at).find("{%") {
            let open = at + found;
            let rest = self.rest(open + 2);
            let word = rest.trim_start_matches(['-', '+']).trim_start();
            if let Some(after) = word.strip_prefix("endraw") {
                let after = after.trim_start();
                let closing = after.trim_start_matches(['-', '+']);
                if closing.starts_with("%}") {
                    let end = self.text.len() - closing.len() + 2;
                    let trims_right = rest.starts_with('-');
                    let text = self.text.get(inner..open).unwrap_or_default();
                    let lead = if trims_left { text.len() - text.trim_start().len() } else { 0 };
                    let tail = if trims_right { text.len() - text.trim_end().len() } else { 0 };
                    let text_start = inner + lead;
                    let text_end = (open - tail).max(text_start);
                    return Chunk {
                        range: range(start, end),
                        kind: ChunkKind::Raw(range(text_start, text_end)),
                        trims_before,
                        trims_after: after.starts_with('-'),
                    };
                }
            }
            at = open + 2;
        }
        self.problem(start, inner, "`raw` without `endraw`");
        let end = self.text.len();
        Chunk {
            range: range(start, end),
            kind: ChunkKind::Raw(range(inner, end)),
            trims_before,
            trims_after: false,
        }
    }

    /// The tokens up to the closing delimiter, and where that begins. `None` where they cannot be told.
    fn inside(&mut self, start: usize, close: &str) -> Option<(Vec<Token>, usize)> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut open: Vec<&'static str> = Vec::new();
        let mut at = start;
        loop {
            let rest = self.rest(at);
            at += rest.len() - rest.trim_start().len();
            let rest = self.rest(at);
            if rest.is_empty() || at - start > MAX_TAG {
                return None;
            }
            let unsigned = rest.strip_prefix(['-', '+']).unwrap_or(rest);
            let closes_brace = close == "}}" && open.last() == Some(&"{");
            if rest.starts_with(close) && !closes_brace {
                return Some((tokens, at));
            }
            if unsigned.starts_with(close) && !closes_brace {
                // The sign belongs to the delimiter.
                return Some((tokens, at + 1));
            }
            let token = self.token(at, &tokens)?;
            match token.kind {
                TokenKind::Bad => return None,
                TokenKind::Operator(bracket @ ("(" | "[" | "{")) => open.push(bracket),
                TokenKind::Operator(bracket @ (")" | "]" | "}")) => {
                    let opening = match bracket {
                        ")" => "(",
                        "]" => "[",
                        _ => "{",
                    };
                    if open.last() == Some(&opening) {
                        open.pop();
                    }
                }
                _ => {}
            }
            at = token.range.end as usize;
            tokens.push(token);
        }
    }

    /// The token at a place, white space passed over; `None` at the end.
    fn token(&mut self, at: usize, before: &[Token]) -> Option<Token> {
        let rest = self.rest(at);
        let at = at + rest.len() - rest.trim_start().len();
        let rest = self.rest(at);
        let first = rest.chars().next()?;
        let make = |kind, length: usize| Some(Token { kind, range: range(at, at + length) });
        if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            return make(TokenKind::Name(rest.get(..length).unwrap_or_default().into()), length);
        }
        if first.is_ascii_digit() {
            let follows_dot =
                before.last().is_some_and(|token| token.is(".") && token.range.end as usize == at);
            return make(TokenKind::Number, number_length(rest, follows_dot));
        }
        if first == '"' || first == '\'' {
            return match string(rest, first) {
                Some((value, length)) => make(TokenKind::Str(value.into()), length),
                None => make(TokenKind::Bad, rest.len()),
            };
        }
        if first == ',' {
            return make(TokenKind::Operator(","), 1);
        }
        match OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            Some(operator) => make(TokenKind::Operator(operator), operator.len()),
            None => make(TokenKind::Bad, first.len_utf8()),
        }
    }
}

fn number_length(rest: &str, is_index: bool) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| {
        bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count()
    };
    let decimal = |from: usize| {
        bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
    };
    if is_index {
        return decimal(0);
    }
    if matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]) {
        return digits(0);
    }
    let mut length = decimal(0);
    if bytes.get(length) == Some(&b'.') && bytes.get(length + 1).is_some_and(u8::is_ascii_digit) {
        length += 1 + decimal(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        if bytes.get(length + 1 + sign).is_some_and(u8::is_ascii_digit) {
            length += 1 + sign + decimal(length + 1 + sign);
        }
    }
    length
}

/// A string literal's value, and its length with the quotes.
fn string(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((value, at + 1));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let (_, escaped) = characters.next()?;
        match escaped {
            'n' => value.push('\n'),
            't' => value.push('\t'),
            'r' => value.push('\r'),
            '\\' | '\'' | '"' => value.push(escaped),
            'x' | 'u' => {
                let wanted = if escaped == 'x' { 2 } else { 4 };
                let hex: String = characters
                    .clone()
                    .map(|(_, c)| c)
                    .take(wanted)
                    .take_while(char::is_ascii_hexdigit)
                    .collect();
                match u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32) {
                    Some(decoded) if hex.len() == wanted => {
                        value.push(decoded);
                        characters.nth(wanted - 1);
                    }
                    _ => value.extend(['\\', escaped]),
                }
            }
            '\n' => {}
            other => value.extend(['\\', other]),
        }
    }
    None
}
