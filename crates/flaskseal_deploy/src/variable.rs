//! A variable as a deployment file writes it, before anything is replaced.

use flaskseal_core::TextRange;

use crate::syntax::Spanned;
use crate::yaml::{Node, Tag};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    pub name: Spanned<String>,
    /// None: the name alone, which passes on what the outside holds.
    pub value: Option<Spanned<String>>,
    pub range: TextRange,
}

impl Variable {
    /// `NAME=value` or `NAME` in one text.
    pub(crate) fn from_pair(text: &str, range: TextRange) -> Self {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(Spanned::new(value.to_owned(), range))),
            None => (text, None),
        };
        Self { name: Spanned::new(name.trim().to_owned(), range), value, range }
    }

    /// The entries of a mapping, or the `NAME=value` items of a list.
    pub(crate) fn list(node: &Node) -> Vec<Self> {
        let kept = node.entries().iter().filter(|entry| entry.value.tag != Some(Tag::Reset));
        let entries = kept.map(|entry| {
            let end = entry.value.range.end.max(entry.key_range.end);
            Self {
                name: Spanned::new(entry.key.clone(), entry.key_range),
                value: entry.value.text().map(|text| Spanned::new(text.to_owned(), entry.value.range)),
                range: TextRange::new(entry.key_range.start.min(end), end),
            }
        });
        let items = node.items().iter().filter_map(|item| Some(Self::from_pair(item.text()?, item.range)));
        // Aliases make lists larger than their file.
        entries.chain(items).take(1_000).collect()
    }
}

/// Splits `A=1,B="two, three"` as supervisor does.
pub(crate) fn comma_separated(text: &str) -> Vec<(usize, usize, String, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = text.get(at..).unwrap_or("");
        let skipped = rest.len() - rest.trim_start_matches([',', ' ', '\t', '\n']).len();
        at += skipped;
        let rest = text.get(at..).unwrap_or("");
        let Some(sign) = rest.find('=') else { break };
        let name = rest.get(..sign).unwrap_or("").trim();
        let behind = rest.get(sign + 1..).unwrap_or("");
        let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
        let behind = behind.get(blanks..).unwrap_or("");
        let quote = behind.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (value, length) = if let Some(quote) = quote {
            let inner = behind.get(1..).unwrap_or("");
            let close = inner.find(quote).unwrap_or(inner.len());
            (inner.get(..close).unwrap_or(""), (close + 2).min(behind.len()))
        } else {
            let close = behind.find([',', '\n']).unwrap_or(behind.len());
            (behind.get(..close).unwrap_or("").trim_end(), close)
        };
        let end = at + sign + 1 + blanks + length;
        found.push((at, end, name.to_owned(), value.to_owned()));
        at = end.max(at + 1);
    }
    found
}
