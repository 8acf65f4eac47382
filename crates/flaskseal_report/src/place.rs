//! Places for people: path, line and column.

use flaskseal_core::{LineColumn, SourceFile, Span, Tree};

/// A span as people and other programs name it. Lines and columns count from 1, columns count Unicode scalar values;
/// the end is the place just behind the last character.
pub(crate) struct Place<'t> {
    pub(crate) path: &'t str,
    pub(crate) start: LineColumn,
    pub(crate) end: LineColumn,
}

impl<'t> Place<'t> {
    pub(crate) fn of(tree: &'t Tree, span: Span) -> Option<Self> {
        let file = file(tree, span)?;
        let start = file.place(span.range.start);
        let end = file.place(span.range.end.max(span.range.start));
        Some(Self { path: &file.path, start, end })
    }
}

pub(crate) fn file(tree: &Tree, span: Span) -> Option<&SourceFile> {
    tree.get(span.file)
}

/// `path:line:column`, or nothing for what has no place.
pub(crate) fn short(tree: &Tree, span: Option<Span>) -> Option<String> {
    let place = Place::of(tree, span?)?;
    Some(format!("{}:{}:{}", place.path, place.start.line, place.start.column))
}

/// Text that may come from the tree, without characters that steer a terminal or reorder its line.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}
