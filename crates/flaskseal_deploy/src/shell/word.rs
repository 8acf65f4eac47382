//! Words: quotes, variables, substitutions, assignments.

use super::{Assignment, Reader, Word};
use crate::syntax::Problem;
use crate::value;
use crate::value::{Dialect, MAX_UNCLOSED, Part};

impl Reader<'_> {
    pub(super) fn assignment(&mut self) -> Option<Assignment> {
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = rest.get(..length)?;
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let behind = rest.get(length..)?;
        let sign = if behind.starts_with("+=") { 2 } else { usize::from(behind.starts_with('=')) };
        if sign == 0 {
            return None;
        }
        let name = name.to_owned();
        let start = self.at;
        self.at += length + sign;
        let mut value = if self.byte() == Some(b'(') { self.array() } else { self.word() };
        if sign == 2 {
            // What stood there before is not followed.
            value.parts.insert(0, Part::Command(format!("${name}")));
        }
        Some(Assignment { name, value, range: self.source.range(start, self.at) })
    }

    fn array(&mut self) -> Word {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte != b')') {
            self.at += 1;
        }
        self.at = (self.at + 1).min(self.text.len());
        let written = self.slice(start, self.at).to_owned();
        Word { parts: vec![Part::Command(written)], quoted: false, range: self.source.range(start, self.at) }
    }

    /// One word; nothing is consumed where none begins.
    pub(super) fn word(&mut self) -> Word {
        let start = self.at;
        let mut word = Word::default();
        let mut literal = String::new();
        while let Some(byte) = self.byte() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\\' => {
                    self.at += 1;
                    match self.byte() {
                        Some(b'\n') => self.at += 1,
                        Some(_) => self.literal_character(&mut literal),
                        None => literal.push('\\'),
                    }
                }
                b'\'' => {
                    word.quoted = true;
                    let open = self.at;
                    self.at += 1;
                    let rest = self.text.get(self.at..).unwrap_or("");
                    let length = rest.find('\'').unwrap_or_else(|| {
                        self.problems.push(Problem::new(
                            self.source.range(open, open + 1),
                            "this quote is not closed",
                        ));
                        rest.len()
                    });
                    literal.push_str(self.slice(self.at, self.at + length));
                    self.at = (self.at + length + 1).min(self.text.len());
                }
                b'"' => {
                    word.quoted = true;
                    self.double_quoted(&mut word.parts, &mut literal);
                }
                b'$' | b'`' => self.dollar(&mut word.parts, &mut literal, false),
                _ => self.literal_character(&mut literal),
            }
        }
        flush(&mut word.parts, &mut literal);
        word.range = self.source.range(start, self.at);
        word
    }

    fn literal_character(&mut self, literal: &mut String) {
        let start = self.at;
        self.bump();
        literal.push_str(self.slice(start, self.at));
    }

    fn double_quoted(&mut self, parts: &mut Vec<Part>, literal: &mut String) {
        let open = self.at;
        self.at += 1;
        loop {
            match self.byte() {
                None => {
                    self.problem(open, open + 1, "this quote is not closed");
                    return;
                }
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.byte() {
                        Some(b'\n') => self.at += 1,
                        Some(b'"' | b'\\' | b'$' | b'`') => self.literal_character(literal),
                        _ => literal.push('\\'),
                    }
                }
                Some(b'$' | b'`') => self.dollar(parts, literal, true),
                Some(_) => self.literal_character(literal),
            }
        }
    }

    fn dollar(&mut self, parts: &mut Vec<Part>, literal: &mut String, quoted: bool) {
        let start = self.at;
        if self.byte() == Some(b'`') || self.starts_with("$(") {
            self.command_substitution();
            flush(parts, literal);
            parts.push(Part::Command(self.slice(start, self.at).to_owned()));
            return;
        }
        let rest = self.text.get(self.at..).unwrap_or("");
        if self.unclosed < MAX_UNCLOSED {
            if let Some((mut parameter, length)) = value::parameter(rest, Dialect::Shell) {
                parameter.quoted = quoted;
                unquote(&mut parameter.word);
                self.at += length;
                flush(parts, literal);
                parts.push(Part::Parameter(parameter));
                return;
            }
            self.unclosed += usize::from(rest.starts_with("${"));
        }
        self.literal_character(literal);
    }

    fn command_substitution(&mut self) {
        let start = self.at;
        if self.byte() == Some(b'`') {
            self.at += 1;
            while self.byte().is_some_and(|byte| byte != b'`') {
                self.bump();
            }
            self.at = (self.at + 1).min(self.text.len());
            return;
        }
        self.at += 2;
        let mut depth = 1_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
        self.problem(start, start + 2, "this command substitution is not closed");
    }
}

fn flush(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

/// Quotes inside `${X:-"d"}` are not part of the default.
fn unquote(parts: &mut [Part]) {
    for part in parts {
        match part {
            Part::Literal(text) => text.retain(|character| character != '"' && character != '\''),
            Part::Parameter(parameter) => unquote(&mut parameter.word),
            Part::Command(_) => {}
        }
    }
}
