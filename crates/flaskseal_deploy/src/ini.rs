//! Files of sections and `key = value` lines: supervisor, uWSGI, and what Python's configparser reads.

use flaskseal_core::TextRange;

use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range, trimmed};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ini {
    pub sections: Vec<Section>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    pub name: Spanned<String>,
    pub entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub key: Spanned<String>,
    pub value: Mapped,
}

impl Entry {
    pub fn text(&self) -> &str {
        &self.value.text
    }

    pub fn range(&self) -> TextRange {
        let value = self.value.whole();
        TextRange::new(self.key.range.start, value.end.max(self.key.range.end))
    }
}

impl Section {
    /// The last entry of this name.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key.value.eq_ignore_ascii_case(key))
    }

    /// Every entry of this name, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.key.value.eq_ignore_ascii_case(key))
    }
}

/// Reads the lines; an indented line continues the value above it, ` ;` and (at the start of a line) `#` open comments.
pub fn parse(text: &str) -> Parsed<Ini> {
    let mut parsed: Parsed<Ini> = Parsed::default();
    let mut may_continue = false;
    let mut last_indent = 0;
    for (start, line) in lines(text) {
        let (at, content) = trimmed(line, start);
        // A file may indent all its lines alike; only a deeper one continues.
        let indented = at - start > last_indent;
        if content.is_empty() {
            may_continue = false;
            continue;
        }
        if content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = content.strip_prefix('[').filter(|_| !indented || !may_continue) {
            may_continue = false;
            let length = rest.find(']').unwrap_or_else(|| {
                parsed.problems.push(Problem::new(range(at, at + content.len()), "`]` is missing"));
                rest.len()
            });
            let name = rest.get(..length).unwrap_or("");
            let name = Spanned::new(name.to_owned(), range(at + 1, at + 1 + length));
            parsed.tree.sections.push(Section { name, entries: Vec::new() });
            continue;
        }
        let section = parsed.tree.sections.last_mut();
        if indented && may_continue {
            if let Some(entry) = section.and_then(|section| section.entries.last_mut()) {
                let value = without_comment(content);
                let end = entry.value.whole().end;
                entry.value.push("\n", TextRange::new(end, end));
                entry.value.push(value, range(at, at + value.len()));
            }
            continue;
        }
        let Some(section) = section else {
            parsed
                .problems
                .push(Problem::new(range(at, at + content.len()), "this line stands before every section"));
            continue;
        };
        let split = content.find(['=', ':']);
        if split.is_none() {
            parsed.problems.push(Problem::new(range(at, at + content.len()), "`=` is missing"));
        }
        let split = split.unwrap_or(content.len());
        let key = content.get(..split).unwrap_or("").trim_end();
        let value = content.get(split + 1..).unwrap_or("");
        let (value_at, value) = trimmed(value, (at + split + 1).min(at + content.len()));
        let value = without_comment(value);
        section.entries.push(Entry {
            key: Spanned::new(key.to_owned(), range(at, at + key.len())),
            value: Mapped::verbatim(value, value_at as u32),
        });
        may_continue = true;
        last_indent = at - start;
    }
    parsed
}

fn without_comment(value: &str) -> &str {
    let end = [" ;", "\t;"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_continue_and_keep_their_bytes() {
        let text =
            "; c\n[program:web]\ncommand = gunicorn ; note\n  app:app\nenvironment=A=\"1;2\",B=%(ENV_X)s\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems, []);
        let section = &parsed.tree.sections[0];
        assert_eq!(section.name.value, "program:web");
        let command = section.get("command").unwrap();
        assert_eq!(command.text(), "gunicorn\napp:app");
        let range = command.value.range(9, 16);
        assert_eq!(&text[range.start as usize..range.end as usize], "app:app");
        assert_eq!(section.get("environment").unwrap().text(), "A=\"1;2\",B=%(ENV_X)s");
    }

    #[test]
    fn near_misses_are_problems() {
        assert_eq!(parse("a = b\n[x\nnothing\n").problems.len(), 3);
    }
}
