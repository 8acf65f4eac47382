//! systemd unit files (systemd.syntax(7), systemd.exec(5), systemd.service(5)).

use flaskseal_core::TextRange;

use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range, trimmed};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unit {
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
    /// Continued lines joined by a space.
    pub value: Mapped,
}

/// An `ExecStart=` line: its prefixes and what stands behind them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exec {
    /// Of `-`, `@`, `:`, `+`, `!`, `|`.
    pub prefixes: String,
    pub words: Vec<Spanned<String>>,
    pub range: TextRange,
}

/// An `EnvironmentFile=`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvironmentFile {
    pub path: Spanned<String>,
    /// Without the `-` that makes it optional.
    pub required: bool,
}

impl Unit {
    /// Every value of a key in a section, in order, as lists are kept: an empty value forgets those before it.
    pub fn list(&self, section: &str, key: &str) -> Vec<&Entry> {
        let mut found = Vec::new();
        let sections = self.sections.iter().filter(|candidate| candidate.name.value == section);
        for entry in sections.flat_map(|section| &section.entries).filter(|entry| entry.key.value == key) {
            if entry.value.text.is_empty() {
                found.clear();
            } else {
                found.push(entry);
            }
        }
        found
    }

    /// The value that counts for a key that holds one.
    pub fn get(&self, section: &str, key: &str) -> Option<&Entry> {
        self.list(section, key).pop()
    }

    pub fn exec_start(&self) -> Vec<Exec> {
        self.list("Service", "ExecStart").into_iter().map(exec).collect()
    }

    /// The assignments of `Environment=`, several to a line.
    pub fn environment(&self) -> Vec<Spanned<(String, String)>> {
        let entries = self.list("Service", "Environment").into_iter();
        let words = entries.flat_map(|entry| words(&entry.value, 0));
        words
            .filter_map(|word| {
                let (name, value) = word.value.split_once('=')?;
                Some(Spanned::new((name.to_owned(), value.to_owned()), word.range))
            })
            .collect()
    }

    pub fn environment_files(&self) -> Vec<EnvironmentFile> {
        let entries = self.list("Service", "EnvironmentFile").into_iter();
        entries
            .map(|entry| {
                let text = entry.value.text.as_str();
                let path = text.strip_prefix('-').unwrap_or(text);
                let range = entry.value.range(text.len() - path.len(), text.len());
                EnvironmentFile {
                    path: Spanned::new(path.to_owned(), range),
                    required: path.len() == text.len(),
                }
            })
            .collect()
    }
}

pub fn parse(text: &str) -> Parsed<Unit> {
    let mut parsed: Parsed<Unit> = Parsed::default();
    let mut continued = false;
    for (start, line) in lines(text) {
        let (at, content) = trimmed(line, start);
        // A comment between continued lines is passed over; an empty line ends them.
        if content.starts_with(['#', ';']) {
            continue;
        }
        if continued {
            let last = parsed.tree.sections.last_mut().and_then(|section| section.entries.last_mut());
            let more = content.strip_suffix('\\');
            if let Some(entry) = last {
                let text = more.unwrap_or(content).trim_end();
                if !text.is_empty() {
                    let end = entry.value.whole().end;
                    entry.value.push(" ", TextRange::new(end, end));
                    entry.value.push(text, range(at, at + text.len()));
                }
            }
            continued = more.is_some();
            continue;
        }
        if content.is_empty() {
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            let length = name.find(']').unwrap_or_else(|| {
                parsed.problems.push(Problem::new(range(at, at + content.len()), "`]` is missing"));
                name.len()
            });
            let name = name.get(..length).unwrap_or("").to_owned();
            let name = Spanned::new(name, range(at + 1, at + 1 + length));
            parsed.tree.sections.push(Section { name, entries: Vec::new() });
            continue;
        }
        let (Some(split), Some(section)) = (content.find('='), parsed.tree.sections.last_mut()) else {
            parsed
                .problems
                .push(Problem::new(range(at, at + content.len()), "not a `Key=value` line of a section"));
            continue;
        };
        let key = content.get(..split).unwrap_or("").trim_end();
        let (value_at, value) = trimmed(content.get(split + 1..).unwrap_or(""), at + split + 1);
        continued = value.ends_with('\\');
        let value = value.strip_suffix('\\').unwrap_or(value).trim_end();
        section.entries.push(Entry {
            key: Spanned::new(key.to_owned(), range(at, at + key.len())),
            value: Mapped::verbatim(value, value_at as u32),
        });
    }
    parsed
}

fn exec(entry: &Entry) -> Exec {
    let text = &entry.value.text;
    let behind = text.trim_start_matches(['-', '@', ':', '+', '!', '|']);
    let skipped = text.len() - behind.len();
    let prefixes = text.get(..skipped).unwrap_or("").to_owned();
    let mut words = words(&entry.value, skipped);
    if prefixes.contains('@') && words.len() > 1 {
        // `@`: the second word is what the program is told its own name is.
        words.remove(1);
    }
    Exec { prefixes, words, range: entry.value.whole() }
}

/// Words as systemd splits them: either quote, at the start of a word, and C escapes.
fn words(value: &Mapped, from: usize) -> Vec<Spanned<String>> {
    let text = &value.text;
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    let mut characters = text.char_indices().skip_while(|(at, _)| *at < from).peekable();
    while let Some((at, character)) = characters.next() {
        let (_, current) = match (&mut word, character) {
            (None, ' ' | '\t') => continue,
            (slot, _) => slot.get_or_insert_with(|| (at, String::new())),
        };
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('\\', _) => match characters.next() {
                Some((_, 'n')) => current.push('\n'),
                Some((_, 't')) => current.push('\t'),
                Some((_, 's')) => current.push(' '),
                Some((_, other)) => current.push(other),
                None => current.push('\\'),
            },
            (' ' | '\t', None) => {
                if let Some((start, text)) = word.take() {
                    found.push(Spanned::new(text, value.range(start, at)));
                }
            }
            _ => current.push(character),
        }
    }
    if let Some((start, rest)) = word {
        found.push(Spanned::new(rest, value.range(start, text.len())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_reset_and_lines_continue() {
        let text = "[Service]\nEnvironment=A=old\nEnvironment=\nEnvironment=\"B=two words\" 'C=3' D=\n# c\nExecStart=-@/srv/venv/bin/gunicorn name \\\n  # note\n  --bind 127.0.0.1:8000 \\\n  wsgi:app\nEnvironmentFile=-/etc/shop.env\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems, []);
        let environment: Vec<_> = parsed.tree.environment().into_iter().map(|pair| pair.value).collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(environment, [pair("B", "two words"), pair("C", "3"), pair("D", "")]);
        let exec = parsed.tree.exec_start().remove(0);
        let words: Vec<_> = exec.words.iter().map(|word| word.value.as_str()).collect();
        assert_eq!(words, ["/srv/venv/bin/gunicorn", "--bind", "127.0.0.1:8000", "wsgi:app"]);
        let last = exec.words[3].range;
        assert_eq!(&text[last.start as usize..last.end as usize], "wsgi:app");
        let file = parsed.tree.environment_files().remove(0);
        assert_eq!((file.path.value.as_str(), file.required), ("/etc/shop.env", false));
    }

    #[test]
    fn a_key_of_another_section_is_not_the_services() {
        let parsed = parse("User=no\n[Unit]\nUser=root\n[Service]\nUser=www\n");
        assert_eq!(parsed.tree.get("Service", "User").unwrap().value.text, "www");
        assert_eq!(parsed.problems.len(), 1);
    }
}
