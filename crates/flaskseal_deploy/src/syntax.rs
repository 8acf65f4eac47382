//! What every reader of this crate gives back: a tree, ranges, and the places that did not fit the grammar.

use flaskseal_core::TextRange;

/// Something in a file that its grammar does not allow. Reading goes on behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub range: TextRange,
    pub message: String,
}

impl Problem {
    pub fn new(range: TextRange, message: impl Into<String>) -> Self {
        Self { range, message: message.into() }
    }
}

/// A tree, as far as the text could be read, and what could not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parsed<T> {
    pub tree: T,
    pub problems: Vec<Problem>,
}

/// A value and the bytes it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    pub value: T,
    pub range: TextRange,
}

impl<T> Spanned<T> {
    pub const fn new(value: T, range: TextRange) -> Self {
        Self { value, range }
    }
}

/// The range from byte `start` to byte `end`.
pub(crate) const fn range(start: usize, end: usize) -> TextRange {
    TextRange::new(start as u32, end as u32)
}

/// Text that was put together from pieces of a file (continued lines, decoded quotes), with the way back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mapped {
    pub text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    /// Where the piece begins in the text.
    at: u32,
    source: TextRange,
    /// The piece is its source, byte for byte.
    verbatim: bool,
}

impl Mapped {
    /// Text that stands in the file as it is, from this byte on.
    pub fn verbatim(text: &str, start: u32) -> Self {
        let mut mapped = Self::default();
        mapped.push(text, TextRange::new(start, start + text.len() as u32));
        mapped
    }

    /// Decoded text: every part of it points to the whole range, unless the decoding changed nothing.
    pub fn decoded(decoded: &str, source: &str, range: TextRange) -> Self {
        let slice = source.get(range.start as usize..range.end as usize).unwrap_or("");
        let inset = usize::from(slice.starts_with(['"', '\'']));
        if slice.get(inset..inset + decoded.len()) == Some(decoded) {
            return Self::verbatim(decoded, range.start + inset as u32);
        }
        let mut mapped = Self::default();
        mapped.push(decoded, range);
        mapped
    }

    /// Appends text that was read from `source`.
    pub fn push(&mut self, text: &str, source: TextRange) {
        let verbatim = text.len() as u32 == source.end.saturating_sub(source.start);
        self.pieces.push(Piece { at: self.text.len() as u32, source, verbatim });
        self.text.push_str(text);
    }

    /// The byte of the file that a byte of the text was read from.
    pub fn source(&self, offset: usize) -> u32 {
        let offset = offset as u32;
        let next = self.pieces.partition_point(|piece| piece.at <= offset);
        let Some(piece) = next.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return 0 };
        if piece.verbatim {
            (piece.source.start + offset - piece.at).min(piece.source.end)
        } else {
            piece.source.start
        }
    }

    /// The bytes of the file that a range of the text was read from.
    pub fn range(&self, start: usize, end: usize) -> TextRange {
        let from = self.source(start);
        let last = end.saturating_sub(1).max(start) as u32;
        let next = self.pieces.partition_point(|piece| piece.at <= last);
        let to = match next.checked_sub(1).and_then(|index| self.pieces.get(index)) {
            Some(piece) if piece.verbatim => {
                (piece.source.start + (end as u32).saturating_sub(piece.at)).min(piece.source.end)
            }
            Some(piece) => piece.source.end,
            None => from,
        };
        TextRange::new(from, to.max(from))
    }

    /// Everything the text was read from.
    pub fn whole(&self) -> TextRange {
        self.range(0, self.text.len())
    }
}

/// The lines of a text with the byte they start at, without their line breaks.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        (start, line.strip_suffix('\r').unwrap_or(line))
    })
}

/// The text without blanks around it, and the byte it starts at.
pub(crate) fn trimmed(text: &str, start: usize) -> (usize, &str) {
    let front = text.trim_start();
    (start + text.len() - front.len(), front.trim_end())
}

/// Words between blanks, quotes and backslashes resolved as Python's `shlex` does.
pub(crate) fn split_words(line: &Mapped) -> Vec<Spanned<String>> {
    let text = &line.text;
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if word.is_none() && character.is_ascii_whitespace() {
            continue;
        }
        let (_, current) = word.get_or_insert_with(|| (at, String::new()));
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('\\', None) => current.extend(characters.next().map(|(_, escaped)| escaped)),
            ('\\', Some('"')) => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => current.push(escaped),
                Some((_, other)) => current.extend(['\\', other]),
                None => current.push('\\'),
            },
            (blank, None) if blank.is_ascii_whitespace() => {
                if let Some((start, done)) = word.take() {
                    found.push(Spanned::new(done, line.range(start, at)));
                }
            }
            _ => current.push(character),
        }
    }
    if let Some((start, rest)) = word {
        found.push(Spanned::new(rest, line.range(start, text.len())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_text_finds_its_way_back_over_a_continued_line() {
        let mut mapped = Mapped::default();
        mapped.push("gunicorn ", TextRange::new(4, 13));
        mapped.push("app:app", TextRange::new(20, 27));
        assert_eq!(mapped.range(0, 8), TextRange::new(4, 12));
        assert_eq!(mapped.range(9, 16), TextRange::new(20, 27));
        assert_eq!(mapped.range(0, 16), TextRange::new(4, 27));
    }

    #[test]
    fn decoded_text_that_was_changed_points_to_the_whole_scalar() {
        let source = r#"a: "x\ty z""#;
        let mapped = Mapped::decoded("x\ty z", source, TextRange::new(3, 11));
        assert_eq!(mapped.range(4, 5), TextRange::new(3, 11));
        let plain = Mapped::decoded("y z", r#"a: "y z""#, TextRange::new(3, 8));
        assert_eq!(plain.range(2, 3), TextRange::new(6, 7));
    }
}
