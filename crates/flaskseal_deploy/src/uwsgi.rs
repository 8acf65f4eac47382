//! uWSGI configuration: ini, YAML, JSON, and the flat form of XML. One list of options in order.

use flaskseal_core::TextRange;

use crate::ini;
use crate::syntax::{Parsed, Problem, Spanned, range};
use crate::yaml::{self, Node};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Uwsgi {
    pub options: Vec<UwsgiOption>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UwsgiOption {
    pub key: Spanned<String>,
    pub value: Spanned<String>,
}

impl UwsgiOption {
    pub fn range(&self) -> TextRange {
        let end = self.value.range.end.max(self.key.range.end);
        TextRange::new(self.key.range.start.min(end), end)
    }
}

impl Uwsgi {
    pub fn get(&self, key: &str) -> Option<&UwsgiOption> {
        self.options.iter().rev().find(|option| option.key.value == key)
    }
}

/// Reads whichever of the formats the text is in.
pub fn parse(text: &str) -> Parsed<Uwsgi> {
    let first = text.trim_start().chars().next();
    match first {
        Some('<') => xml(text),
        Some('{') => tree(text),
        _ if text.lines().any(|line| line.trim() == "[uwsgi]") => sections(text),
        _ => tree(text),
    }
}

fn sections(text: &str) -> Parsed<Uwsgi> {
    let Parsed { tree, problems } = ini::parse(text);
    let sections = tree.sections.iter().filter(|section| section.name.value == "uwsgi");
    let options = sections.flat_map(|section| &section.entries).map(|entry| UwsgiOption {
        key: Spanned::new(normal(&entry.key.value), entry.key.range),
        value: Spanned::new(entry.text().to_owned(), entry.value.whole()),
    });
    Parsed { tree: Uwsgi { options: options.collect() }, problems }
}

fn tree(text: &str) -> Parsed<Uwsgi> {
    let Parsed { tree, problems } = yaml::parse(text);
    let mut options = Vec::new();
    for entry in tree.iter().filter_map(|document| document.get("uwsgi")).flat_map(|node| node.entries()) {
        let mut add = |node: &Node| {
            if let Some(value) = node.text() {
                options.push(UwsgiOption {
                    key: Spanned::new(normal(&entry.key), entry.key_range),
                    value: Spanned::new(value.to_owned(), node.range),
                });
            }
        };
        add(&entry.value);
        entry.value.items().iter().for_each(|item| add(item));
    }
    Parsed { tree: Uwsgi { options }, problems }
}

fn xml(text: &str) -> Parsed<Uwsgi> {
    let mut parsed: Parsed<Uwsgi> = Parsed::default();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + open;
        let rest = text.get(start..).unwrap_or("");
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(text.len(), |end| start + end + 3);
            continue;
        }
        let Some(close) = rest.find('>') else {
            parsed.problems.push(Problem::new(range(start, text.len()), "this tag does not end"));
            break;
        };
        let tag = rest.get(1..close).unwrap_or("");
        at = start + close + 1;
        let name = tag.trim_end_matches('/').split_ascii_whitespace().next().unwrap_or("");
        if name.is_empty() || name.starts_with(['/', '?', '!']) || name == "uwsgi" {
            continue;
        }
        let behind = text.get(at..).unwrap_or("");
        let value = if tag.ends_with('/') {
            ""
        } else {
            behind.get(..behind.find('<').unwrap_or(behind.len())).unwrap_or("")
        };
        let key = Spanned::new(normal(name), range(start + 1, start + 1 + name.len()));
        let value_range = if value.is_empty() { key.range } else { range(at, at + value.len()) };
        let value = if value.is_empty() { "true" } else { value.trim() };
        parsed.tree.options.push(UwsgiOption { key, value: Spanned::new(value.to_owned(), value_range) });
    }
    parsed
}

fn normal(key: &str) -> String {
    key.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_say_the_same() {
        let keys = |text: &str| {
            let options = parse(text).tree.options;
            options.into_iter().map(|o| (o.key.value, o.value.value)).collect::<Vec<_>>()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = [pair("module", "wsgi:app"), pair("env", "A=1"), pair("env", "B=2")];
        assert_eq!(keys("; c\n[uwsgi]\nmodule = wsgi:app\nenv = A=1\nenv=B=2\n[other]\nx=y\n"), expected);
        assert_eq!(keys("uwsgi:\n  module: wsgi:app\n  env: [A=1, B=2]\n"), expected);
        assert_eq!(keys("{\"uwsgi\": {\"module\": \"wsgi:app\", \"env\": [\"A=1\", \"B=2\"]}}"), expected);
        assert_eq!(
            keys(
                "<?xml?><uwsgi><!-- <x>1</x> --><module>wsgi:app</module><env>A=1</env><env>B=2</env></uwsgi>"
            ),
            expected
        );
        assert_eq!(keys("<uwsgi><master/></uwsgi>"), [pair("master", "true")]);
    }
}
