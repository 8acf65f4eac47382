//! Files of `NAME=value` lines as python-dotenv 1.x reads them (`parser.py`, `variables.py`).

use flaskseal_core::TextRange;

use crate::syntax::{Parsed, Problem, Spanned, range};
use crate::value::{self, Dialect, Value};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dotenv {
    pub bindings: Vec<Binding>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    pub name: Spanned<String>,
    /// As it stands between the quotes, escapes decoded, variables not replaced. None: a name without `=`.
    pub value: Option<Spanned<String>>,
    /// Single quotes keep nothing from python-dotenv's replacement, but they do in shells and in systemd.
    pub single_quoted: bool,
    /// From the name to the end of the value.
    pub range: TextRange,
}

impl Dotenv {
    /// The values with `${X}` replaced: by earlier lines first, then by `outside`.
    pub fn values(&self, outside: &dyn Fn(&str) -> Option<Value>) -> Vec<(&Binding, Value)> {
        let mut known: std::collections::BTreeMap<&str, Value> = std::collections::BTreeMap::new();
        let mut values = Vec::new();
        for binding in &self.bindings {
            let Some(written) = &binding.value else { continue };
            let parts = value::parts(&written.value, Dialect::Dotenv);
            let value = value::evaluate(&parts, &|name| known.get(name).cloned().or_else(|| outside(name)));
            known.insert(&binding.name.value, value.clone());
            values.push((binding, value));
        }
        values
    }
}

pub fn parse(text: &str) -> Parsed<Dotenv> {
    let mut reader = Reader { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut parsed: Parsed<Dotenv> = Parsed::default();
    while reader.at < text.len() {
        reader.skip(|byte| byte.is_ascii_whitespace());
        let start = reader.at;
        if matches!(reader.byte(), None | Some(b'#')) {
            reader.skip(|byte| byte != b'\n');
            continue;
        }
        if let Some(binding) = reader.binding() {
            parsed.tree.bindings.push(binding);
        } else {
            reader.at = start;
            reader.skip(|byte| byte != b'\n' && byte != b'\r');
            if parsed.problems.len() < 100 {
                parsed.problems.push(Problem::new(range(start, reader.at), "not a `NAME=value` line"));
            }
        }
    }
    parsed
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, matches: impl Fn(u8) -> bool) {
        while self.byte().is_some_and(&matches) {
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        self.skip(|byte| byte == b' ' || byte == b'\t');
    }

    fn slice(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or("")
    }

    fn binding(&mut self) -> Option<Binding> {
        if self.text.get(self.at..)?.strip_prefix("export").is_some_and(|rest| rest.starts_with([' ', '\t']))
        {
            self.at += 6;
            self.blanks();
        }
        let start = self.at;
        let name = if self.byte() == Some(b'\'') {
            self.at += 1;
            let inner = self.at;
            self.skip(|byte| byte != b'\'' && byte != b'\n');
            let name = self.slice(inner).to_owned();
            (self.byte() == Some(b'\'')).then(|| self.at += 1)?;
            name
        } else {
            self.skip(|byte| !byte.is_ascii_whitespace() && byte != b'=' && byte != b'#');
            self.slice(start).to_owned()
        };
        if name.is_empty() {
            return None;
        }
        let name = Spanned::new(name, range(start, self.at));
        self.blanks();
        let (mut value, mut single_quoted) = (None, false);
        let mut end = name.range.end as usize;
        if self.byte() == Some(b'=') {
            self.at += 1;
            self.blanks();
            let value_start = self.at;
            let text = match self.byte() {
                Some(b'\'') => {
                    single_quoted = true;
                    self.quoted(b'\'')?
                }
                Some(b'"') => self.quoted(b'"')?,
                _ => self.unquoted(),
            };
            end = if self.text.as_bytes().get(value_start).is_some_and(|first| b"'\"".contains(first)) {
                self.at
            } else {
                value_start + text.len()
            };
            value = Some(Spanned::new(text, range(value_start, end)));
        }
        self.blanks();
        if self.byte() == Some(b'#') {
            self.skip(|byte| byte != b'\n' && byte != b'\r');
        }
        if !matches!(self.byte(), None | Some(b'\n' | b'\r')) {
            return None;
        }
        Some(Binding { range: range(name.range.start as usize, end), name, value, single_quoted })
    }

    /// Quoted values may hold line breaks; the quote must close.
    fn quoted(&mut self, quote: u8) -> Option<String> {
        self.at += 1;
        let mut decoded = String::new();
        let mut from = self.at;
        loop {
            match self.byte()? {
                byte if byte == quote => {
                    decoded.push_str(self.slice(from));
                    self.at += 1;
                    return Some(decoded);
                }
                b'\\' => {
                    decoded.push_str(self.slice(from));
                    let escaped = self.text.get(self.at + 1..)?.chars().next()?;
                    match escaped {
                        '\\' => decoded.push('\\'),
                        '\'' => decoded.push('\''),
                        '"' if quote == b'"' => decoded.push('"'),
                        'n' if quote == b'"' => decoded.push('\n'),
                        'r' if quote == b'"' => decoded.push('\r'),
                        't' if quote == b'"' => decoded.push('\t'),
                        other => decoded.extend(['\\', other]),
                    }
                    self.at += 1 + escaped.len_utf8();
                    from = self.at;
                }
                _ => self.at += 1,
            }
        }
    }

    fn unquoted(&mut self) -> String {
        let start = self.at;
        self.skip(|byte| byte != b'\n' && byte != b'\r');
        let line = self.slice(start);
        let comment = line
            .bytes()
            .enumerate()
            .find(|(at, byte)| {
                *byte == b'#'
                    && (*at == 0 || line.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace))
            })
            .map_or(line.len(), |(at, _)| at);
        line.get(..comment).unwrap_or(line).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        let tree = parse(text).tree;
        tree.bindings.into_iter().map(|b| (b.name.value, b.value.map(|v| v.value))).collect()
    }

    #[test]
    fn quotes_comments_and_export() {
        let text = "# c\nexport A=1 # one\nB='a # b' # c\nC=\"x\\ny\"\nD=a#b\nE=\nF\n G = spaced value  \r\nH=\"two\nlines\"\n";
        let expected = [
            ("A", Some("1")),
            ("B", Some("a # b")),
            ("C", Some("x\ny")),
            ("D", Some("a#b")),
            ("E", Some("")),
            ("F", None),
            ("G", Some("spaced value")),
            ("H", Some("two\nlines")),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_broken_line_does_not_swallow_the_next() {
        let parsed = parse("A='open\nB=2\n=3\nC=\"x\" y\nD=4\n");
        let names: Vec<_> = parsed.tree.bindings.iter().map(|b| b.name.value.as_str()).collect();
        assert_eq!(names, ["B", "D"]);
        assert_eq!(parsed.problems.len(), 3);
    }

    #[test]
    fn values_follow_each_other() {
        let tree = parse("A=1\nB=${A}2$A\nC=${NO:-x}\nD=${HOST}").tree;
        let values: Vec<_> =
            tree.values(&|_| None).into_iter().map(|(_, value)| value.text().to_owned()).collect();
        assert_eq!(values, ["1", "12$A", "x", "${HOST}"]);
    }

    #[test]
    fn ranges_cover_the_quotes() {
        let text = "KEY='s3' # c";
        let binding = parse(text).tree.bindings.remove(0);
        let at = |range: TextRange| &text[range.start as usize..range.end as usize];
        assert_eq!((at(binding.range), at(binding.value.unwrap().range)), ("KEY='s3'", "'s3'"));
    }
}
