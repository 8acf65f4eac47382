//! Dockerfiles: every instruction with its range, grouped into stages (Dockerfile reference, frontend 1.x).

use flaskseal_core::TextRange;

use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range};
use crate::yaml;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dockerfile {
    /// `ARG` before the first `FROM`.
    pub global: Vec<Instruction>,
    pub stages: Vec<Stage>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The image or the earlier stage, variables not replaced.
    pub base: Spanned<String>,
    pub name: Option<String>,
    /// `FROM` first.
    pub instructions: Vec<Instruction>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// In capitals: `RUN`.
    pub keyword: Spanned<String>,
    /// `--name=value` before the arguments.
    pub flags: Vec<Spanned<Pair>>,
    pub arguments: Mapped,
    pub heredocs: Vec<Spanned<String>>,
    pub range: TextRange,
}

/// A name, and the value behind its `=`.
pub type Pair = (String, Option<String>);

/// A command in one of its two forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandForm {
    /// `["a", "b"]`: run as it is.
    Exec(Vec<Spanned<String>>),
    /// Given to `/bin/sh -c`.
    Shell(Mapped),
}

impl Instruction {
    /// What CMD, ENTRYPOINT, RUN and SHELL run. A JSON list that does not parse is a shell command, as Docker has it.
    pub fn command(&self) -> CommandForm {
        match json_list(&self.arguments) {
            Some(words) => CommandForm::Exec(words),
            None => CommandForm::Shell(self.arguments.clone()),
        }
    }

    /// The pairs of ENV, LABEL and ARG (where the value may be missing), quotes removed, variables not replaced.
    /// Single-quoted dollars come back escaped by a backslash.
    pub fn pairs(&self) -> Vec<Spanned<Pair>> {
        let words = words(&self.arguments);
        if self.keyword.value != "ARG" && words.first().is_some_and(|first| !first.value.contains('=')) {
            // The old form `ENV NAME the whole rest`.
            let text = &self.arguments.text;
            let name = text.split_ascii_whitespace().next().unwrap_or("");
            let start = text.find(name).unwrap_or(0) + name.len();
            let value = text.get(start..).unwrap_or("").trim();
            let range = self.arguments.range(start - name.len(), text.trim_end().len());
            return vec![Spanned::new((name.to_owned(), Some(value.to_owned())), range)];
        }
        words
            .into_iter()
            .map(|word| {
                let pair = match word.value.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (word.value, None),
                };
                Spanned::new(pair, word.range)
            })
            .collect()
    }

    /// The arguments of instructions that take a list in words or in JSON: COPY, ADD, VOLUME, EXPOSE.
    pub fn words(&self) -> Vec<Spanned<String>> {
        json_list(&self.arguments).unwrap_or_else(|| words(&self.arguments))
    }

    pub fn flag(&self, name: &str) -> Option<&str> {
        let flag = self.flags.iter().rev().find(|flag| flag.value.0 == name)?;
        Some(flag.value.1.as_deref().unwrap_or(""))
    }
}

pub fn parse(text: &str) -> Parsed<Dockerfile> {
    let mut reader = Reader { lines: lines(text).collect(), next: 0, escape: '\\', problems: Vec::new() };
    reader.directives();
    let mut tree = Dockerfile::default();
    while let Some(instruction) = reader.instruction() {
        if instruction.keyword.value == "FROM" {
            let words = words(&instruction.arguments);
            let base =
                words.first().cloned().unwrap_or_else(|| Spanned::new(String::new(), instruction.range));
            if base.value.is_empty() {
                reader.problems.push(Problem::new(instruction.range, "FROM names no image"));
            }
            let name = match words.as_slice() {
                [_, word, name, ..] if word.value.eq_ignore_ascii_case("as") => {
                    Some(name.value.to_ascii_lowercase())
                }
                _ => None,
            };
            tree.stages.push(Stage { base, name, instructions: vec![instruction] });
        } else if let Some(stage) = tree.stages.last_mut() {
            stage.instructions.push(instruction);
        } else {
            if instruction.keyword.value != "ARG" {
                reader
                    .problems
                    .push(Problem::new(instruction.range, "only ARG may stand before the first FROM"));
            }
            tree.global.push(instruction);
        }
    }
    Parsed { tree, problems: reader.problems }
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

struct Reader<'a> {
    lines: Vec<(usize, &'a str)>,
    next: usize,
    escape: char,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// `# escape=` and `# syntax=`, on the first lines only.
    fn directives(&mut self) {
        for (_, line) in self.lines.iter().take(8) {
            let Some(directive) = line.trim().trim_start_matches('\u{feff}').strip_prefix('#') else {
                return;
            };
            let Some((name, value)) = directive.split_once('=') else { return };
            match name.trim().to_ascii_lowercase().as_str() {
                "escape" if value.trim() == "`" => self.escape = '`',
                "escape" | "syntax" | "check" => {}
                _ => return,
            }
        }
    }

    fn take(&mut self) -> Option<(usize, &'a str)> {
        let line = self.lines.get(self.next).copied();
        self.next += usize::from(line.is_some());
        line
    }

    fn instruction(&mut self) -> Option<Instruction> {
        loop {
            let (start, line) = self.take()?;
            let line_start = line.trim_start_matches('\u{feff}').trim_start();
            if line_start.is_empty() || line_start.starts_with('#') {
                continue;
            }
            return Some(self.instruction_at(start + line.len() - line_start.len(), line_start));
        }
    }

    fn instruction_at(&mut self, at: usize, first: &'a str) -> Instruction {
        let length = first.find(|c: char| c.is_ascii_whitespace()).unwrap_or(first.len());
        let keyword = first.get(..length).unwrap_or("").to_ascii_uppercase();
        let keyword = keyword.strip_suffix(self.escape).unwrap_or(&keyword).to_owned();
        let keyword_range = range(at, at + keyword.len());
        if !KEYWORDS.contains(&keyword.as_str()) {
            self.problems.push(Problem::new(keyword_range, "not an instruction of a Dockerfile"));
        }
        let mut joined = Mapped::default();
        let (mut piece_at, mut piece) = (at + keyword.len(), first.get(keyword.len()..).unwrap_or(""));
        loop {
            let trimmed = piece.trim_end();
            let Some(before) = trimmed.strip_suffix(self.escape) else {
                joined.push(trimmed, range(piece_at, piece_at + trimmed.len()));
                break;
            };
            joined.push(before, range(piece_at, piece_at + before.len()));
            // Comments and empty lines between continued lines are passed over.
            let next = loop {
                match self.take() {
                    Some((_, line)) if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                    other => break other,
                }
            };
            let Some(next) = next else { break };
            (piece_at, piece) = next;
        }
        let heredocs = if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            self.heredocs(&joined.text)
        } else {
            Vec::new()
        };
        let (flags, skipped) = flags(&joined);
        let end = heredocs.last().map_or(joined.whole().end, |last| last.range.end).max(keyword_range.end);
        let mut arguments = Mapped::default();
        let rest = joined.text.get(skipped..).unwrap_or("");
        // Piece by piece, so that every byte keeps its place.
        let mut from = skipped;
        for part in rest.split_inclusive(char::is_whitespace) {
            arguments.push(part, joined.range(from, from + part.len()));
            from += part.len();
        }
        Instruction {
            keyword: Spanned::new(keyword, keyword_range),
            flags,
            arguments,
            heredocs,
            range: TextRange::new(keyword_range.start, end),
        }
    }

    /// The bodies of `<<EOF` in the instruction that was just read.
    fn heredocs(&mut self, text: &str) -> Vec<Spanned<String>> {
        let mut bodies = Vec::new();
        for word in text.split_ascii_whitespace() {
            // `3<<-"EOF"`: a word of its own, as BuildKit has it, and no shift of bits.
            let Some(rest) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else {
                continue;
            };
            let tabs = rest.starts_with('-');
            let name = rest.strip_prefix('-').unwrap_or(rest);
            let name =
                name.split(['<', '>', '|', ';', '&', ')']).next().unwrap_or("").trim_matches(['"', '\'']);
            if name.is_empty() || bodies.len() == 16 {
                continue;
            }
            let start = self.lines.get(self.next).map(|(start, _)| *start);
            let Some(start) = start else { break };
            let mut body = String::new();
            let mut end = start;
            let mut closed = false;
            while let Some((at, line)) = self.take() {
                let compared = if tabs { line.trim_start_matches('\t') } else { line };
                if compared == name {
                    closed = true;
                    break;
                }
                body.push_str(line);
                body.push('\n');
                end = at + line.len();
            }
            if !closed {
                self.problems.push(Problem::new(
                    range(start, end),
                    format!("the here-document `{name}` does not end"),
                ));
            }
            bodies.push(Spanned::new(body, range(start, end)));
        }
        bodies
    }
}

/// Flags in front, and the byte where the arguments begin.
fn flags(joined: &Mapped) -> (Vec<Spanned<Pair>>, usize) {
    let text = &joined.text;
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let word_at = at + rest.len() - rest.trim_start().len();
        let word = rest.split_ascii_whitespace().next().unwrap_or("");
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else {
            return (found, word_at);
        };
        let pair = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), None),
        };
        at = word_at + word.len();
        found.push(Spanned::new(pair, joined.range(word_at, at)));
    }
}

fn json_list(arguments: &Mapped) -> Option<Vec<Spanned<String>>> {
    let text = arguments.text.trim_end();
    if !text.starts_with('[') || !text.ends_with(']') {
        return None;
    }
    // JSON is YAML, but Docker wants double quotes.
    let parsed = yaml::parse(text);
    let list = parsed.tree.first().filter(|_| parsed.problems.is_empty())?;
    list.items()
        .iter()
        .map(|item| match &item.kind {
            yaml::Kind::Scalar { text: word, plain: false } => {
                let (start, end) = (item.range.start as usize, item.range.end as usize);
                text.get(start..end)?
                    .starts_with('"')
                    .then(|| Spanned::new(word.clone(), arguments.range(start, end)))
            }
            _ => None,
        })
        .collect()
}

/// Words split at blanks outside quotes, quotes removed.
fn words(arguments: &Mapped) -> Vec<Spanned<String>> {
    let text = &arguments.text;
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if word.is_none() && character.is_ascii_whitespace() {
            continue;
        }
        let (_, current) = word.get_or_insert_with(|| (at, String::new()));
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => match characters.next() {
                // Left escaped, so that the replacement of variables sees it.
                Some((_, '$')) => current.push_str("\\$"),
                Some((_, '\\')) => current.push_str("\\\\"),
                Some((_, escaped)) => current.push(escaped),
                None => current.push('\\'),
            },
            ('$' | '\\', Some('\'')) => current.extend(['\\', character]),
            (blank, None) if blank.is_ascii_whitespace() => {
                if let Some((start, done)) = word.take() {
                    found.push(Spanned::new(done, arguments.range(start, at)));
                }
            }
            _ => current.push(character),
        }
    }
    if let Some((start, rest)) = word {
        found.push(Spanned::new(rest, arguments.range(start, text.trim_end().len())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# syntax=docker/dockerfile:1
ARG PY=3.12
FROM python:${PY}-slim AS Build
RUN --mount=type=secret,id=x pip install \
    # a comment between
    flask \

    gunicorn
FROM build
ENV A=1 B="two words" \
    C='$not'
ENV OLD the whole rest
COPY <<EOF /entry.sh
CMD nothing
EOF
CMD ["gunicorn", "-b", "0.0.0.0:8000", "app:app"]
"#;

    #[test]
    fn stages_and_instructions() {
        let parsed = parse(TEXT);
        assert_eq!(parsed.problems, []);
        let [build, last] = parsed.tree.stages.as_slice() else { panic!() };
        assert_eq!((build.base.value.as_str(), build.name.as_deref()), ("python:${PY}-slim", Some("build")));
        assert_eq!(
            build.instructions[1].arguments.text.split_whitespace().collect::<Vec<_>>(),
            ["pip", "install", "flask", "gunicorn"]
        );
        assert_eq!(build.instructions[1].flag("mount"), Some("type=secret,id=x"));
        let keywords: Vec<_> = last.instructions.iter().map(|i| i.keyword.value.as_str()).collect();
        assert_eq!(keywords, ["FROM", "ENV", "ENV", "COPY", "CMD"]);
        let pairs: Vec<_> =
            last.instructions[1].pairs().into_iter().map(|p| (p.value.0, p.value.1.unwrap())).collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("A", "1"), pair("B", "two words"), pair("C", "\\$not")]);
        assert_eq!(
            last.instructions[2].pairs()[0].value,
            ("OLD".to_owned(), Some("the whole rest".to_owned()))
        );
        let CommandForm::Exec(words) = last.instructions[4].command() else { panic!() };
        let range = words[3].range;
        assert_eq!(&TEXT[range.start as usize..range.end as usize], "\"app:app\"");
    }

    #[test]
    fn ranges_hold_across_continued_lines() {
        let text = "FROM x\nCMD gunicorn \\\n  --bind :80 \\\n  app:app\n";
        let parsed = parse(text);
        let CommandForm::Shell(shell) = parsed.tree.stages[0].instructions[1].command() else { panic!() };
        let at = shell.text.find("app:app").unwrap();
        let range = shell.range(at, at + 7);
        assert_eq!(&text[range.start as usize..range.end as usize], "app:app");
    }

    #[test]
    fn here_documents_end_where_they_say() {
        let text = "FROM x\nRUN echo $((1<<2)) && cat <<-'END-OF' >/a && cat 3<<B<C <<<d\n\tone\n\tEND-OF\ntwo\nB\nUSER app\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems, []);
        let [_, run, user] = parsed.tree.stages[0].instructions.as_slice() else { panic!() };
        let bodies: Vec<_> = run.heredocs.iter().map(|body| body.value.as_str()).collect();
        assert_eq!(bodies, ["\tone\n", "two\n"]);
        assert_eq!(user.keyword.value, "USER");
    }

    #[test]
    fn near_misses() {
        let shell = |text: &str| {
            let parsed = parse(text);
            matches!(parsed.tree.stages[0].instructions[1].command(), CommandForm::Shell(_))
        };
        assert!(shell("FROM x\nCMD ['gunicorn', 'app:app']\n"), "single quotes are no JSON");
        assert!(shell("FROM x\nCMD [ -f x ] && gunicorn app:app\n"), "a test is no list");
        assert!(!shell("FROM x\nCMD [ \"a\" , \"b\" ]  \n"));
        let windows = parse("# escape=`\nFROM x\nCMD a `\n b\\\nRUN c\n");
        assert_eq!(windows.tree.stages[0].instructions.len(), 3);
        assert_eq!(parse("CMD a\nfrom\nBOGUS b\n").problems.len(), 3);
    }
}
