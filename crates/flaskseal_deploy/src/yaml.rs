//! YAML (and JSON, which is YAML) as a tree with ranges, bounded against aliases and depth. Scalars stay text: what
//! they mean is up to the format.

use std::collections::BTreeMap;
use std::sync::Arc;

use flaskseal_core::TextRange;
use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, Tag as Written};

use crate::syntax::{Mapped, Parsed, Problem};

/// The documents of a stream.
pub type Documents = Vec<Arc<Node>>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub kind: Kind,
    pub range: TextRange,
    pub tag: Option<Tag>,
}

/// The tags that mean something in a format that is read here: how Compose lays files over each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Nothing is left of what other files say; the value itself is not looked at, and is null in the tree.
    Reset,
    /// The value alone counts.
    Override,
}

impl Tag {
    fn of(written: Option<&Written>) -> Option<Self> {
        let written = written.filter(|tag| tag.handle == "!")?;
        match written.suffix.as_str() {
            "reset" => Some(Self::Reset),
            "override" => Some(Self::Override),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Scalar {
        text: String,
        /// Without quotes, so `null`, `true` and numbers are what they look like.
        plain: bool,
    },
    Sequence(Vec<Arc<Node>>),
    /// In order; keys that are not scalars are left out, merge keys are merged in.
    Mapping(Vec<Entry>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub key: String,
    pub key_range: TextRange,
    pub value: Arc<Node>,
}

impl Node {
    fn new(kind: Kind, range: TextRange, tag: Option<Tag>) -> Self {
        let null = Self::null(range);
        if tag == Some(Tag::Reset) { Self { tag, ..null } } else { Self { kind, tag, ..null } }
    }

    fn null(range: TextRange) -> Self {
        Self { kind: Kind::Scalar { text: String::new(), plain: true }, range, tag: None }
    }

    /// What is left of this tree under another that is laid over it: keys that the other resets or replaces are gone.
    /// None: all of it.
    pub fn under(&self, upper: &Self) -> Option<Self> {
        let mut entries = self.entries().to_vec();
        let mut is_changed = false;
        for over in upper.entries() {
            let Some(at) = entries.iter().rposition(|entry| entry.key == over.key) else { continue };
            if over.value.tag.is_some() {
                entries.retain(|entry| entry.key != over.key);
                is_changed = true;
            } else if let Some(entry) = entries.get_mut(at)
                && let Some(left) = entry.value.under(&over.value)
            {
                entry.value = Arc::new(left);
                is_changed = true;
            }
        }
        is_changed.then_some(Self { kind: Kind::Mapping(entries), range: self.range, tag: self.tag })
    }

    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, plain } if !(*plain && is_null(text)) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if is_null(text))
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Arc<Self>] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The value of a key; the last one where a key repeats.
    pub fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entries().iter().rev().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The value below a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Arc<Self>> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.get(first)?, |node, key| node.get(key))
    }

    /// The scalar, with the way back to the file.
    pub fn mapped(&self, source: &str) -> Option<Mapped> {
        self.text().map(|text| Mapped::decoded(text, source, self.range))
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Deeper levels are cut off.
const MAX_DEPTH: usize = 64;
/// Nodes of one stream; deployment files stay far below.
const MAX_NODES: usize = 200_000;
/// Entries that merge keys may copy in one stream.
const MAX_MERGED: usize = 20_000;

/// Reads every document, up to the first mistake.
pub fn parse(text: &str) -> Parsed<Documents> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let offsets = Offsets::new(body, (text.len() - body.len()) as u32);
    let mut builder = Builder {
        text,
        offsets,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        merged: 0,
        documents: Vec::new(),
        problems: Vec::new(),
    };
    let mut parser = Parser::new_from_str(body);
    let mut nodes = 0;
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, marks)) => {
                nodes += 1;
                let range = builder.offsets.range(&marks);
                if nodes > MAX_NODES || builder.open.len() > MAX_DEPTH {
                    let what = if nodes > MAX_NODES { "too many nodes" } else { "nested too deeply" };
                    builder.problems.push(Problem::new(range, what));
                    break;
                }
                builder.event(event, range);
            }
            Err(error) => {
                let at = builder.offsets.byte(error.marker().index());
                builder.problems.push(Problem::new(TextRange::new(at, at), error.info()));
                break;
            }
        }
    }
    builder.finish()
}

struct Builder<'a> {
    text: &'a str,
    offsets: Offsets,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Arc<Node>>,
    merged: usize,
    documents: Documents,
    problems: Vec<Problem>,
}

/// A collection that has not ended.
struct Open {
    anchor: usize,
    tag: Option<Tag>,
    start: u32,
    end: u32,
    items: Items,
}

enum Items {
    Sequence(Vec<Arc<Node>>),
    Mapping { entries: Vec<Entry>, key: Option<Arc<Node>>, merges: Vec<Arc<Node>> },
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: TextRange) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let range = self.without_trailing(range);
                let kind = Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.add(Arc::new(Node::new(kind, range, Tag::of(tag.as_deref()))), anchor);
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.unwrap_or_else(|| Arc::new(Node::null(range)));
                self.add(node, 0);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, Tag::of(tag.as_deref()), range, Items::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                let items = Items::Mapping { entries: Vec::new(), key: None, merges: Vec::new() };
                self.open(anchor, Tag::of(tag.as_deref()), range, items);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => {}
        }
    }

    /// The library's ranges of scalars reach over blanks and comments behind them.
    fn without_trailing(&self, range: TextRange) -> TextRange {
        let slice = self.text.get(range.start as usize..range.end as usize).unwrap_or("");
        let length = match slice.bytes().next() {
            Some(quote @ (b'"' | b'\'')) => quoted_length(slice, quote),
            _ => slice.trim_end().len(),
        };
        TextRange::new(range.start, range.start + length as u32)
    }

    fn open(&mut self, anchor: usize, tag: Option<Tag>, range: TextRange, items: Items) {
        self.open.push(Open { anchor, tag, start: range.start, end: range.end, items });
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let kind = match open.items {
            Items::Sequence(items) => Kind::Sequence(items),
            Items::Mapping { mut entries, merges, .. } => {
                self.merge(&mut entries, &merges);
                Kind::Mapping(entries)
            }
        };
        let range = TextRange::new(open.start, open.end.max(open.start));
        self.add(Arc::new(Node::new(kind, range, open.tag)), open.anchor);
    }

    /// YAML 1.1 merge keys: what the mapping itself says wins, then the earlier of the merged mappings.
    fn merge(&mut self, entries: &mut Vec<Entry>, merges: &[Arc<Node>]) {
        if merges.is_empty() {
            return;
        }
        let mut known: std::collections::BTreeSet<String> =
            entries.iter().map(|entry| entry.key.clone()).collect();
        let sources = merges.iter().flat_map(|node| match &node.kind {
            Kind::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        });
        let mut copied = Vec::new();
        for entry in sources.flat_map(|node| node.entries()) {
            self.merged += 1;
            if self.merged > MAX_MERGED {
                break;
            }
            if known.insert(entry.key.clone()) {
                copied.push(entry.clone());
            }
        }
        entries.splice(0..0, copied);
    }

    fn add(&mut self, node: Arc<Node>, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return;
        };
        if node.range.start >= open.start {
            open.end = open.end.max(node.range.end);
        }
        match &mut open.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping { entries, key, merges } => match key.take() {
                None => *key = Some(node),
                Some(name) => match &name.kind {
                    Kind::Scalar { text, plain: true } if text == "<<" => merges.push(node),
                    Kind::Scalar { text, .. } => {
                        entries.push(Entry { key: text.clone(), key_range: name.range, value: node });
                    }
                    _ => {}
                },
            },
        }
    }

    fn finish(mut self) -> Parsed<Documents> {
        // What was open at a mistake is kept as far as it came.
        while let Some(open) = self.open.last_mut() {
            if let Items::Mapping { entries, key, .. } = &mut open.items
                && let Some(name) = key.take()
                && let Kind::Scalar { text, .. } = &name.kind
            {
                let range = TextRange::new(name.range.end, name.range.end);
                let value = Arc::new(Node::null(range));
                entries.push(Entry { key: text.clone(), key_range: name.range, value });
            }
            self.close();
        }
        Parsed { tree: self.documents, problems: self.problems }
    }
}

/// The bytes of a quoted scalar, quotes included.
fn quoted_length(slice: &str, quote: u8) -> usize {
    let bytes = slice.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' && quote == b'"' {
            at += 1;
        } else if byte == quote {
            if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                at += 1;
            } else {
                return at + 1;
            }
        }
        at += 1;
    }
    slice.len()
}

/// From characters, which the YAML library counts, to bytes.
struct Offsets {
    base: u32,
    /// The byte of every character; empty when every character is one byte.
    starts: Vec<u32>,
    length: u32,
}

impl Offsets {
    fn new(text: &str, base: u32) -> Self {
        let starts =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at as u32).collect() };
        Self { base, starts, length: text.len() as u32 }
    }

    fn byte(&self, character: usize) -> u32 {
        let byte = if self.starts.is_empty() {
            (character as u32).min(self.length)
        } else {
            self.starts.get(character).copied().unwrap_or(self.length)
        };
        self.base + byte
    }

    fn range(&self, marks: &Marks) -> TextRange {
        let (start, end) = (self.byte(marks.start.index()), self.byte(marks.end.index()));
        TextRange::new(start, end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_bytes_also_behind_wide_characters() {
        let text = "한: 글\nkey: \"value\" # c\n";
        let parsed = parse(text);
        let node = parsed.tree[0].get("key").unwrap();
        assert_eq!(&text[node.range.start as usize..node.range.end as usize], "\"value\"");
        let mapped = node.mapped(text).unwrap();
        let inner = mapped.range(0, 5);
        assert_eq!(&text[inner.start as usize..inner.end as usize], "value");
    }

    #[test]
    fn merge_keys_yield_to_what_is_written() {
        let parsed = parse("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n");
        let c = parsed.tree[0].get("c").unwrap();
        let value = |key: &str| c.get(key).and_then(|node| node.text());
        assert_eq!((value("x"), value("y"), value("z")), (Some("9"), Some("2"), Some("4")));
    }

    #[test]
    fn a_mistake_keeps_what_came_before() {
        let parsed = parse("services:\n  web:\n    command: x\n  bad: [1,\n");
        assert_eq!(parsed.problems.len(), 1);
        assert_eq!(parsed.tree[0].at(&["services", "web", "command"]).and_then(|n| n.text()), Some("x"));
    }

    #[test]
    fn aliases_share_instead_of_growing() {
        let level = |level: u32| {
            let below = level - 1;
            format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n")
        };
        let text = format!("a0: &a0 [x, x]\n{}", (1..60).map(level).collect::<String>());
        assert_eq!(parse(&text).tree[0].entries().len(), 60);
        assert_eq!(parse(&"[".repeat(100_000)).problems.len(), 1);
        assert_eq!(parse(&"- ".repeat(10_000)).problems.len(), 1);
    }

    #[test]
    fn tags_of_compose_take_away_what_lies_below() {
        let lower = parse("a: [1]\nb: {c: 1, d: 2}\ne: 3\n").tree.remove(0);
        let upper = parse("a: !override [2]\nb: {c: !reset null}\ne: !Ref x\nf: !reset 1\n").tree.remove(0);
        let left = lower.under(&upper).unwrap();
        assert!(left.get("a").is_none());
        assert_eq!(left.get("b").unwrap().entries().len(), 1);
        assert_eq!(left.get("e").and_then(|node| node.text()), Some("3"));
        assert!(upper.get("f").unwrap().is_null());
        assert_eq!(upper.get("a").unwrap().items().len(), 1);
        assert_eq!(lower.under(&lower), None);
    }

    #[test]
    fn documents_are_told_apart_and_null_is_no_text() {
        let parsed = parse("---\na: null\n---\nb: 'null'\n...\n");
        assert_eq!(parsed.tree.len(), 2);
        assert_eq!(parsed.tree[0].get("a").unwrap().text(), None);
        assert_eq!(parsed.tree[1].get("b").unwrap().text(), Some("null"));
    }
}
