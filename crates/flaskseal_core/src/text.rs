//! Text, byte ranges and places. Everything inside counts bytes; lines and columns exist only for people.

use std::fmt;
use std::sync::OnceLock;

/// Index of a file in the tree that is being checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// A half-open range of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TextRange {
    pub start: u32,
    pub end: u32,
}

impl TextRange {
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    pub const fn contains(self, offset: u32) -> bool {
        self.start <= offset && offset < self.end
    }

    /// Whether `other` lies wholly inside this range.
    pub const fn encloses(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A file and bytes in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    pub file: FileId,
    pub range: TextRange,
}

impl Span {
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, range: TextRange::new(start, end) }
    }
}

/// A place for people: both count from 1, columns count characters (Unicode scalar values).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}

/// Where lines start.
#[derive(Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i as u32 + 1));
        Self { starts }
    }

    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The line (from 1) that holds this byte; offsets past the end belong to the last line.
    pub fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&start| start <= offset) as u32
    }

    /// The place of a byte. `text` must be the text that the index was made from.
    pub fn place(&self, text: &str, offset: u32) -> LineColumn {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1] as usize;
        let mut end = (offset as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let column = text.get(start..end).map_or(0, |before| before.chars().count()) as u32 + 1;
        LineColumn { line, column }
    }

    /// The bytes of a line (from 1), without its line break.
    pub fn line_range(&self, text: &str, line: u32) -> TextRange {
        let index = (line.max(1) as usize - 1).min(self.starts.len() - 1);
        let start = self.starts[index];
        let mut end = self.starts.get(index + 1).map_or(text.len() as u32, |next| next - 1);
        if end > start && text.as_bytes().get(end as usize - 1) == Some(&b'\r') {
            end -= 1;
        }
        TextRange::new(start, end.max(start))
    }
}

/// A file of the tree, read and decoded.
pub struct SourceFile {
    /// Relative to the root of the check, with `/` on every system.
    pub path: Box<str>,
    pub text: Box<str>,
    /// Version control ignores this file, so it is part of this machine and not of the repository.
    pub untracked: bool,
    lines: OnceLock<LineIndex>,
}

impl SourceFile {
    pub fn new(path: impl Into<Box<str>>, text: impl Into<Box<str>>) -> Self {
        Self { path: path.into(), text: text.into(), untracked: false, lines: OnceLock::new() }
    }

    pub fn untracked(mut self, untracked: bool) -> Self {
        self.untracked = untracked;
        self
    }

    /// The file's name without its folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The file's folder, empty for the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }

    pub fn place(&self, offset: u32) -> LineColumn {
        self.lines().place(&self.text, offset)
    }

    /// The text of a range; empty where the range does not fit the text.
    pub fn slice(&self, range: TextRange) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or("")
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({:?}, {} bytes)", self.path, self.text.len())
    }
}

/// Text without line ends and other control characters, which are written as Python and JavaScript do: nothing of it
/// takes over a terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let file = SourceFile::new("a.py", "x = 1\r\n키 = 'é'\n");
        assert_eq!(file.place(0), LineColumn { line: 1, column: 1 });
        let quote = file.text.find('\'').unwrap() as u32;
        assert_eq!(file.place(quote), LineColumn { line: 2, column: 5 });
        assert_eq!(file.lines().line_range(&file.text, 1), TextRange::new(0, 5));
        assert_eq!(file.slice(file.lines().line_range(&file.text, 2)), "키 = 'é'");
    }

    #[test]
    fn an_offset_inside_a_character_or_past_the_end_has_a_place() {
        let file = SourceFile::new("a.py", "é");
        assert_eq!(file.place(1), LineColumn { line: 1, column: 1 });
        assert_eq!(file.place(99), LineColumn { line: 1, column: 2 });
    }
}
