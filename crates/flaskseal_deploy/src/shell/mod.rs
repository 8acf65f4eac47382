//! POSIX shell scripts, as a tree of commands. Enough of bash to pass over the rest; nothing is run here.

use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange};

use crate::syntax::{Mapped, Parsed, Problem};
use crate::value;
use crate::value::{Parameter, Part, Value};

mod commands;
mod word;

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
