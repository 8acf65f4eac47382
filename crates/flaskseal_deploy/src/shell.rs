//! POSIX shell scripts, as a tree of commands. Enough of bash to pass over the rest; nothing is run here.

use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange};

use crate::syntax::{Mapped, Parsed, Problem};
use crate::value::{self, Dialect, MAX_UNCLOSED, Parameter, Part, Value};

/// A script: what it runs, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    pub statements: Vec<Statement>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub runs: Runs,
    /// Ends with `&`.
    pub background: bool,
    /// One side of a pipe.
    pub piped: bool,
}

/// What must have happened before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Runs {
    Always,
    /// Behind `&&`.
    AfterSuccess,
    /// Behind `||`.
    AfterFailure,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatementKind {
    Simple(Simple),
    If { branches: Vec<Branch>, otherwise: Vec<Statement> },
    Case { subject: Word, arms: Vec<Arm> },
    Loop { body: Vec<Statement> },
    Function { name: String, body: Vec<Statement> },
    Group(Vec<Statement>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    pub condition: Vec<Statement>,
    pub body: Vec<Statement>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arm {
    pub patterns: Vec<Word>,
    pub body: Vec<Statement>,
}

/// Assignments and words: `A=1 gunicorn app:app`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Simple {
    pub assignments: Vec<Assignment>,
    pub words: Vec<Word>,
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    pub name: String,
    pub value: Word,
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Word {
    pub parts: Vec<Part>,
    /// Some of it stood in quotes, so an empty word stays a word.
    pub quoted: bool,
    pub range: TextRange,
}

impl Word {
    /// The text of a word without variables.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether this is `"$@"` or `$@`.
    pub fn is_all_arguments(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Parameter(Parameter { name, .. })] if name == "@" || name == "*")
    }
}

/// An argument of a command, variables replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    pub value: Value,
    /// Where it was read; arguments of one command may come from several files.
    pub span: Span,
    /// The way back for each byte of an argument that is itself a command line.
    pub mapped: Option<Arc<Mapped>>,
}

impl Argument {
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span, mapped: None }
    }

    pub fn text(&self) -> &str {
        self.value.text()
    }
}

/// Compound commands nested deeper than this are skipped.
const MAX_DEPTH: usize = 32;

/// Words of one command: `set -- "$@" "$@"` doubles them.
const MAX_ARGUMENTS: usize = 500;

/// Reads a whole script.
pub fn parse(text: &str) -> Parsed<Script> {
    parse_mapped(&Mapped::verbatim(text, 0))
}

/// Reads a command line that stands inside another file; ranges are of that file.
pub fn parse_mapped(source: &Mapped) -> Parsed<Script> {
    let mut reader = Reader {
        source,
        text: &source.text,
        at: 0,
        depth: 0,
        unclosed: 0,
        heredocs: Vec::new(),
        problems: Vec::new(),
    };
    let mut statements = Vec::new();
    while reader.at < reader.text.len() {
        let before = reader.at;
        statements.extend(reader.list(&[]));
        if reader.at == before {
            reader.problem(before, before + 1, "unexpected character");
            reader.bump();
        }
    }
    Parsed { tree: Script { statements }, problems: reader.problems }
}

/// The words of a command line of `file`, variables replaced; assignments before it are kept apart.
pub fn words(
    simple: &Simple,
    file: FileId,
    lookup: &dyn Fn(&str) -> Option<Value>,
    all_arguments: &[Argument],
) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for word in &simple.words {
        if arguments.len() > MAX_ARGUMENTS {
            break;
        }
        if word.is_all_arguments() {
            arguments.extend_from_slice(all_arguments);
            continue;
        }
        let span = Span { file, range: word.range };
        let value = value::evaluate(&word.parts, lookup);
        let splits = !word.quoted && word.parts.iter().any(|part| matches!(part, Part::Parameter(_)));
        match &value {
            Value::Known(text) if splits => {
                arguments.extend(
                    text.split_ascii_whitespace().map(|field| Argument::new(Value::known(field), span)),
                );
            }
            Value::External { default: Some(text), .. }
                if splits && (text.is_empty() || text.contains(char::is_whitespace)) =>
            {
                arguments.extend(text.split_ascii_whitespace().map(|field| {
                    Argument::new(
                        Value::External { written: field.to_owned(), default: Some(field.to_owned()) },
                        span,
                    )
                }));
            }
            _ => arguments.push(Argument::new(value, span)),
        }
    }
    arguments
}

struct Reader<'a> {
    source: &'a Mapped,
    text: &'a str,
    at: usize,
    depth: usize,
    unclosed: usize,
    /// Delimiters of here-documents whose bodies begin on the next line.
    heredocs: Vec<(String, bool)>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(prefix.as_bytes()))
    }

    fn problem(&mut self, start: usize, end: usize, message: &str) {
        if self.problems.len() < 100 {
            self.problems.push(Problem::new(self.source.range(start, end.min(self.text.len())), message));
        }
    }

    /// Over one character.
    fn bump(&mut self) {
        self.at += 1;
        while !self.text.is_char_boundary(self.at) && self.at < self.text.len() {
            self.at += 1;
        }
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or("")
    }

    /// Blanks, continued lines and comments, not line breaks.
    fn blanks(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.slice(self.at + 1, self.at + 2) == "\n" => self.at += 2,
                Some(b'\\') if self.slice(self.at + 1, self.at + 3) == "\r\n" => self.at += 3,
                Some(b'#') => {
                    while self.byte().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Blanks, line breaks and empty commands.
    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.byte() {
                Some(b'\n') => {
                    self.at += 1;
                    self.skip_heredocs();
                }
                Some(b';') if !self.starts_with(";;") => self.at += 1,
                _ => return,
            }
        }
    }

    fn skip_heredocs(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.heredocs) {
            while self.at < self.text.len() {
                let end = self
                    .text
                    .get(self.at..)
                    .and_then(|rest| rest.find('\n'))
                    .map_or(self.text.len(), |n| self.at + n);
                let line = self.slice(self.at, end).trim_end_matches('\r');
                let line = if tabs { line.trim_start_matches('\t') } else { line };
                let done = line == delimiter;
                self.at = (end + 1).min(self.text.len());
                if done {
                    break;
                }
            }
        }
    }

    /// The bare word at this place, for reserved words.
    fn peek_word(&self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or("");
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || ";&|()<>\"'\\$`".contains(c))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or("")
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn list(&mut self, ends: &[&str]) -> Vec<Statement> {
        let mut statements: Vec<Statement> = Vec::new();
        let mut runs = Runs::Always;
        let mut piped = false;
        loop {
            self.separators();
            let Some(byte) = self.byte() else { break };
            let word = self.peek_word();
            let closes = matches!(word, "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}");
            if ends.contains(&word) || (byte == b')' && ends.contains(&")")) || (closes && !ends.is_empty()) {
                break;
            }
            if self.starts_with(";;") {
                break;
            }
            let before = self.at;
            if let Some(kind) = self.command() {
                statements.push(Statement { kind, runs, background: false, piped });
            }
            self.blanks();
            runs = Runs::Always;
            piped = false;
            if self.starts_with("&&") {
                self.at += 2;
                runs = Runs::AfterSuccess;
            } else if self.starts_with("||") {
                self.at += 2;
                runs = Runs::AfterFailure;
            } else if self.starts_with(";;") {
                break;
            } else if self.byte() == Some(b'|') {
                self.at += if self.starts_with("|&") { 2 } else { 1 };
                piped = true;
                if let Some(last) = statements.last_mut() {
                    last.piped = true;
                }
            } else if self.byte() == Some(b'&') {
                self.at += 1;
                if let Some(last) = statements.last_mut() {
                    last.background = true;
                }
            }
            if self.at == before {
                break;
            }
        }
        statements
    }

    fn nested(&mut self, ends: &[&str]) -> Vec<Statement> {
        self.depth += 1;
        let statements = self.list(ends);
        self.depth -= 1;
        statements
    }

    fn command(&mut self) -> Option<StatementKind> {
        if self.depth >= MAX_DEPTH {
            self.problem(self.at, self.at + 1, "commands are nested too deeply");
            self.at = self.text.len();
            return None;
        }
        let start = self.at;
        match self.peek_word() {
            "if" => {
                self.at += 2;
                return Some(self.if_command());
            }
            "case" => {
                self.at += 4;
                return Some(self.case_command());
            }
            "while" | "until" | "for" | "select" => {
                let word = self.peek_word().len();
                self.at += word;
                let condition = self.nested(&["do"]);
                self.separators();
                self.take_word("do");
                let body = self.nested(&["done"]);
                self.expect_word("done", start);
                self.redirects();
                let _ = condition;
                return Some(StatementKind::Loop { body });
            }
            "{" => {
                self.at += 1;
                let body = self.nested(&["}"]);
                self.expect_word("}", start);
                self.redirects();
                return Some(StatementKind::Group(body));
            }
            "!" => {
                self.at += 1;
                self.blanks();
                self.depth += 1;
                let command = self.command();
                self.depth -= 1;
                return command;
            }
            "function" => {
                self.at += 8;
                self.blanks();
                return Some(self.function());
            }
            word if !word.is_empty()
                && self
                    .text
                    .get(self.at + word.len()..)
                    .is_some_and(|rest| rest.trim_start_matches(' ').starts_with("()")) =>
            {
                return Some(self.function());
            }
            _ => {}
        }
        if self.byte() == Some(b'(') {
            self.at += 1;
            let body = self.nested(&[")"]);
            self.separators();
            if self.byte() == Some(b')') {
                self.at += 1;
            } else {
                self.problem(start, start + 1, "this parenthesis is not closed");
            }
            self.redirects();
            return Some(StatementKind::Group(body));
        }
        let simple = self.simple();
        (!simple.words.is_empty() || !simple.assignments.is_empty()).then_some(StatementKind::Simple(simple))
    }

    fn expect_word(&mut self, word: &str, start: usize) {
        self.separators();
        if !self.take_word(word) {
            self.problem(start, start + 1, &format!("`{word}` is missing"));
        }
    }

    fn if_command(&mut self) -> StatementKind {
        let start = self.at;
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.nested(&["then", "fi"]);
            self.separators();
            self.take_word("then");
            let body = self.nested(&["elif", "else", "fi"]);
            branches.push(Branch { condition, body });
            self.separators();
            if !self.take_word("elif") {
                break;
            }
        }
        if self.take_word("else") {
            otherwise = self.nested(&["fi"]);
        }
        self.expect_word("fi", start);
        self.redirects();
        StatementKind::If { branches, otherwise }
    }

    fn case_command(&mut self) -> StatementKind {
        let start = self.at;
        self.blanks();
        let subject = self.word();
        self.separators();
        self.take_word("in");
        let mut arms = Vec::new();
        loop {
            self.separators();
            if self.byte().is_none() || self.peek_word() == "esac" {
                break;
            }
            let before = self.at;
            if self.byte() == Some(b'(') {
                self.at += 1;
            }
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let at = self.at;
                let pattern = self.word();
                if self.at > at {
                    patterns.push(pattern);
                }
                self.blanks();
                match self.byte() {
                    Some(b'|') => self.at += 1,
                    Some(b')') => {
                        self.at += 1;
                        break;
                    }
                    _ => break,
                }
            }
            let body = self.nested(&["esac"]);
            self.separators_in_case();
            arms.push(Arm { patterns, body });
            if self.at == before {
                self.bump();
            }
        }
        self.expect_word("esac", start);
        StatementKind::Case { subject, arms }
    }

    fn separators_in_case(&mut self) {
        self.blanks();
        if self.starts_with(";;") {
            self.at += 2;
            if self.byte() == Some(b'&') {
                self.at += 1;
            }
        }
    }

    fn function(&mut self) -> StatementKind {
        let name = self.peek_word().to_owned();
        self.at += name.len();
        self.blanks();
        if self.starts_with("()") {
            self.at += 2;
        }
        self.separators();
        self.depth += 1;
        let body = self.command();
        self.depth -= 1;
        let body = match body {
            Some(StatementKind::Group(body)) => body,
            Some(kind) => vec![Statement { kind, runs: Runs::Always, background: false, piped: false }],
            None => Vec::new(),
        };
        StatementKind::Function { name, body }
    }

    fn redirects(&mut self) {
        loop {
            self.blanks();
            if !self.redirect() {
                return;
            }
        }
    }

    /// Passes over one redirection.
    fn redirect(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or("");
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest.get(digits..).unwrap_or("");
        let (digits, behind) = match behind.strip_prefix('&') {
            Some(operator) if digits == 0 && operator.starts_with('>') => (1, operator),
            _ => (digits, behind),
        };
        if !behind.starts_with(['<', '>']) {
            return false;
        }
        let length = behind.bytes().take_while(|byte| b"<>&|-".contains(byte)).count();
        let operator = behind.get(..length).unwrap_or("").to_owned();
        self.at += digits + length;
        if operator == ">&-" || operator == "<&-" {
            return true;
        }
        self.blanks();
        let word = self.word();
        if operator.starts_with("<<") && !operator.starts_with("<<<") && self.heredocs.len() < 16 {
            self.heredocs.push((word.literal().unwrap_or("").to_owned(), operator == "<<-"));
        }
        true
    }

    fn simple(&mut self) -> Simple {
        let mut simple = Simple::default();
        let start = self.at;
        let mut end = start;
        let mut bracketed = false;
        loop {
            self.blanks();
            match self.byte() {
                Some(b'\n' | b';' | b'|' | b')' | b'(' | b'&' | b'<' | b'>') if bracketed => {
                    // Inside `[[ ... ]]` these are operators of the test.
                    self.at += 1;
                    continue;
                }
                Some(b'&') if self.starts_with("&>") => {}
                None | Some(b'\n' | b';' | b'|' | b')' | b'&') => break,
                Some(b'(') => {
                    self.problem(self.at, self.at + 1, "a parenthesis is not expected here");
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            if self.redirect() {
                end = self.at;
                continue;
            }
            let before = self.at;
            if simple.words.is_empty()
                && let Some(assignment) = self.assignment()
            {
                simple.assignments.push(assignment);
            } else {
                let word = self.word();
                match word.literal() {
                    Some("[[") if simple.words.is_empty() => bracketed = true,
                    Some("]]") => bracketed = false,
                    _ => {}
                }
                if self.at > before {
                    simple.words.push(word);
                }
            }
            if self.at == before {
                break;
            }
            end = self.at;
        }
        simple.range = self.source.range(start, end);
        simple
    }

    fn assignment(&mut self) -> Option<Assignment> {
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
    fn word(&mut self) -> Word {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn simple(statement: &Statement) -> &Simple {
        match &statement.kind {
            StatementKind::Simple(simple) => simple,
            other => panic!("{other:?}"),
        }
    }

    fn texts(script: &str) -> Vec<Vec<String>> {
        parse(script)
            .tree
            .statements
            .iter()
            .map(|statement| {
                words(simple(statement), FileId(0), &|_| None, &[])
                    .iter()
                    .map(|word| word.text().to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(
            texts(r#"a 'b c' "d \"e" f\ g h'i'"j" '' # k"#),
            [["a", "b c", "d \"e", "f g", "hij", ""]]
        );
        assert_eq!(texts("a b#c \\\n  d"), [["a", "b#c", "d"]]);
        assert_eq!(texts("a >log 2>&1 b &>x c"), [["a", "b", "c"]]);
        assert_eq!(texts("a 'create_app(\"x\")'"), [["a", "create_app(\"x\")"]]);
    }

    #[test]
    fn words_keep_their_bytes() {
        let text = "cd /app && FLASK_DEBUG=1 gunicorn \"app:app\"";
        let parsed = parse(text);
        let second = simple(&parsed.tree.statements[1]);
        assert_eq!(parsed.tree.statements[1].runs, Runs::AfterSuccess);
        let slice = |range: TextRange| &text[range.start as usize..range.end as usize];
        assert_eq!(slice(second.assignments[0].range), "FLASK_DEBUG=1");
        assert_eq!(slice(second.words[1].range), "\"app:app\"");
        assert_eq!(slice(second.range), "FLASK_DEBUG=1 gunicorn \"app:app\"");
    }

    #[test]
    fn compound_commands_keep_their_branches() {
        let script = "if [ \"$E\" = dev ]; then\n  flask run --debug\nelif [[ $E == ci && -n $X ]]; then :; else\n  exec gunicorn app:app\nfi\ncase $1 in\n  web|www) a ;;\n  *)\n  shift\n  b\n  ;;\n  # c\n  x) ;;\nesac\nwhile true; do c; done\nf() { d; }\n";
        let parsed = parse(script);
        assert_eq!(parsed.problems, []);
        let kinds = &parsed.tree.statements;
        assert_eq!(kinds.len(), 4);
        assert!(
            matches!(&kinds[0].kind, StatementKind::If { branches, otherwise } if branches.len() == 2 && otherwise.len() == 1)
        );
        assert!(
            matches!(&kinds[1].kind, StatementKind::Case { arms, .. } if arms.len() == 3 && arms[0].patterns.len() == 2 && arms[1].body.len() == 2)
        );
        assert!(matches!(&kinds[2].kind, StatementKind::Loop { body } if body.len() == 1));
        assert!(
            matches!(&kinds[3].kind, StatementKind::Function { name, body } if name == "f" && body.len() == 1)
        );
    }

    #[test]
    fn here_documents_are_not_commands() {
        assert_eq!(
            texts("cat <<EOF >x\ngunicorn no:no\nEOF\ngunicorn app:app"),
            [vec!["cat"], vec!["gunicorn", "app:app"]]
        );
    }

    #[test]
    fn variables_split_only_outside_quotes() {
        let parsed = parse("gunicorn $OPTS \"$OPTS\" \"$@\" ${PORT:-8000}");
        let lookup = |name: &str| (name == "OPTS").then(|| Value::known("-w 4"));
        let all = [Argument::new(Value::known("app:app"), Span::new(FileId(0), 0, 0))];
        let words = words(simple(&parsed.tree.statements[0]), FileId(0), &lookup, &all);
        let words: Vec<_> = words.iter().map(Argument::text).collect();
        assert_eq!(words, ["gunicorn", "-w", "4", "-w 4", "app:app", "8000"]);
    }

    #[test]
    fn depth_is_bounded() {
        for nest in ["(", "{ ", "if ", "! ", "f() ", "$(", "${A:-"] {
            let _ = parse(&nest.repeat(20_000));
        }
    }
}
