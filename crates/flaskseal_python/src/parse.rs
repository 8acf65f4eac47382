//! From text to tree.

use flaskseal_core::{SourceFile, TextRange};
use ruff_python_ast::{Expr, ModModule, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

use crate::nesting;

/// A parsed file. The tree covers what could be parsed, even next to errors.
#[derive(Debug)]
pub struct Module {
    pub syntax: ModModule,
    pub problems: Vec<Problem>,
}

impl Module {
    /// A file without statements, for text that is not handed to the parser at all.
    fn empty() -> Self {
        let parsed = parse_unchecked("", ParseOptions::from(Mode::Module));
        Self {
            syntax: parsed.try_into_module().expect("module mode gives a module").into_syntax(),
            problems: Vec::new(),
        }
    }
}

/// Why a file, or a part of it, has no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub range: TextRange,
    pub kind: ProblemKind,
    /// What is wrong, as a clause.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not Python 3.
    Syntax,
    /// Python 2, by the look of its first error.
    PythonTwo,
    /// Nested deeper than Python itself accepts.
    TooDeep,
}

/// Parses a file. Never fails; what has no tree stands in `problems`.
pub fn parse(file: &SourceFile) -> Module {
    if let Some(offset) = nesting::too_deep(&file.text) {
        let problem = Problem {
            range: TextRange::new(offset, offset),
            kind: ProblemKind::TooDeep,
            message: "nested deeper than Python itself accepts".to_owned(),
        };
        return Module { problems: vec![problem], ..Module::empty() };
    }
    // The newest grammar: syntax that the deployed Python lacks would stop it from starting at all.
    let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::latest());
    let Some(parsed) = parse_unchecked(&file.text, options).try_into_module() else {
        return Module::empty();
    };
    let python_two = !parsed.errors().is_empty() && looks_like_python_two(&file.text);
    let kind = if python_two { ProblemKind::PythonTwo } else { ProblemKind::Syntax };
    // One error is what a person needs; the parser's recovery makes several of one mistake.
    let problems = parsed
        .errors()
        .iter()
        .take(1)
        .map(|error| Problem { range: convert(error.location), kind, message: error.error.to_string() })
        .collect();
    Module { syntax: parsed.into_syntax(), problems }
}

/// Parses one expression, such as the callable of `gunicorn 'shop:create_app("production")'`.
pub fn parse_expression(text: &str) -> Option<Expr> {
    if nesting::too_deep(text).is_some() {
        return None;
    }
    let parsed = ruff_python_parser::parse_expression(text).ok()?;
    Some(*parsed.into_syntax().body)
}

/// The bytes of every comment of a file, in order.
pub fn comment_ranges(text: &str) -> Vec<TextRange> {
    if nesting::too_deep(text).is_some() {
        return Vec::new();
    }
    parse_unchecked(text, ParseOptions::from(Mode::Module))
        .tokens()
        .iter()
        .filter(|token| token.kind().is_comment())
        .map(|token| convert(token.range()))
        .collect()
}

/// The bytes of a node.
pub fn range_of(node: &impl Ranged) -> TextRange {
    convert(node.range())
}

fn convert(range: ruff_text_size::TextRange) -> TextRange {
    TextRange::new(range.start().to_u32(), range.end().to_u32())
}

/// Statement forms that only Python 2 has, at the start of a line.
fn looks_like_python_two(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let print = line
            .strip_prefix("print ")
            .is_some_and(|rest| !rest.trim_start().starts_with(['(', '=', '.', ',', ')', '[']));
        let raise = line
            .strip_prefix("raise ")
            .and_then(|rest| rest.split_once(','))
            .is_some_and(|(class, _)| is_dotted_name(class.trim()));
        let exec =
            line.strip_prefix("exec ").is_some_and(|rest| !rest.trim_start().starts_with(['=', '.', '(']));
        print || raise || exec
    })
}

fn is_dotted_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Module {
        parse(&SourceFile::new("a.py", text))
    }

    #[test]
    fn a_syntax_error_leaves_the_rest_of_the_file() {
        let module = parse_text("a = 1\nb = = 2\nc = 3\n");
        assert_eq!(module.problems.len(), 1);
        assert_eq!(module.problems[0].kind, ProblemKind::Syntax);
        assert!(module.syntax.body.len() >= 2);
    }

    #[test]
    fn python_two_is_named() {
        assert_eq!(parse_text("print 'hello'\n").problems[0].kind, ProblemKind::PythonTwo);
        assert_eq!(parse_text("raise ValueError, 'no'\n").problems[0].kind, ProblemKind::PythonTwo);
        assert_eq!(parse_text("print('x'\nb = = 2\n").problems[0].kind, ProblemKind::Syntax);
    }

    #[test]
    fn new_syntax_is_known() {
        for text in [
            "match x:\n    case {'a': [1, *_]}:\n        pass\n",
            "type A[T] = list[T]\n",
            "f'{x!r:>{w}} {f\"{y}\"}'\n",
            "if (n := 3) > 2: pass\n",
            "try:\n    pass\nexcept* ValueError:\n    pass\n",
            "def f(a, /, b, *, c): ...\n",
            "t = t'{x}'\n",
        ] {
            assert_eq!(parse_text(text).problems, [], "{text}");
        }
    }

    #[test]
    fn comments_are_not_strings() {
        let text = "x = '# no'  # yes\n# alone\n";
        let found: Vec<_> =
            comment_ranges(text).iter().map(|r| &text[r.start as usize..r.end as usize]).collect();
        assert_eq!(found, ["# yes", "# alone"]);
    }
}
