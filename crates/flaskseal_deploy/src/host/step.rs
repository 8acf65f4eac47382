//! What image builds and set-up scripts run, as pipelines of commands.

use flaskseal_core::{FileId, Span, Tree};

use super::{Step, StepCommand};
use crate::command::base_name;
use crate::shell::{self, Argument, Script, Statement, StatementKind};
use crate::syntax::Mapped;

/// Commands of one file; the rest is passed over.
const MAX_STEPS: usize = 2_000;

/// Reads a script, or the part of a file that is one.
pub(crate) fn steps(
    tree: &Tree,
    file: FileId,
    text: &Mapped,
    in_image: bool,
    dev: bool,
    out: &mut Vec<Step>,
) {
    let script = shell::parse_mapped(text).tree;
    let part_of = Span { file, range: text.whole() };
    let mut reader = Reader { tree, file, part_of, in_image, dev, left: MAX_STEPS };
    reader.script(&script, out);
}

struct Reader<'a> {
    tree: &'a Tree,
    file: FileId,
    part_of: Span,
    in_image: bool,
    dev: bool,
    left: usize,
}

impl Reader<'_> {
    fn script(&mut self, script: &Script, out: &mut Vec<Step>) {
        self.list(&script.statements, out);
    }

    /// Nesting is bounded by the reader of shell scripts.
    fn list(&mut self, statements: &[Statement], out: &mut Vec<Step>) {
        let mut last_end = None;
        for statement in statements {
            match &statement.kind {
                StatementKind::Simple(simple) => {
                    if self.left == 0 {
                        return;
                    }
                    self.left -= 1;
                    let words = shell::words(simple, self.file, &|_| None, &[]);
                    let span = Span { file: self.file, range: simple.range };
                    let command = StepCommand { words, span };
                    let continues =
                        statement.piped && last_end.is_some_and(|end| self.is_pipe(end, simple.range.start));
                    last_end = Some(simple.range.end);
                    match out.last_mut().filter(|_| continues) {
                        Some(step) => step.commands.push(command),
                        None => out.push(Step {
                            commands: vec![command],
                            part_of: self.part_of,
                            in_image: self.in_image,
                            dev: self.dev,
                        }),
                    }
                    continue;
                }
                StatementKind::If { branches, otherwise } => {
                    for branch in branches {
                        self.list(&branch.condition, out);
                        self.list(&branch.body, out);
                    }
                    self.list(otherwise, out);
                }
                StatementKind::Case { arms, .. } => {
                    for arm in arms {
                        self.list(&arm.body, out);
                    }
                }
                StatementKind::Loop { body }
                | StatementKind::Function { body, .. }
                | StatementKind::Group(body) => self.list(body, out),
            }
            last_end = None;
        }
    }

    /// Whether one bar, and nothing else that ends a command, stands between two commands.
    fn is_pipe(&self, from: u32, to: u32) -> bool {
        let text = &self.tree.file(self.file).text;
        let between = text.get(from as usize..to as usize).unwrap_or("");
        between.contains('|') && !between.contains("||") && !between.contains(';')
    }
}

/// Without what starts other programs and changes nothing about what they do.
pub(crate) fn without_launchers(mut words: &[Argument]) -> &[Argument] {
    for _ in 0..8 {
        let Some((first, rest)) = words.split_first() else { return words };
        let valued: &[&str] = match base_name(first.text()) {
            "sudo" | "doas" => &["-u", "-g", "--user", "--group", "-C", "-p"],
            "env" => &["-u"],
            "nice" => &["-n"],
            "exec" | "command" | "time" | "nohup" | "eatmydata" => &[],
            _ => return words,
        };
        words = rest;
        while let Some((option, behind)) = words.split_first() {
            let text = option.text();
            let is_assignment = !text.starts_with('-') && text.contains('=') && !text.contains('/');
            if !text.starts_with('-') && !is_assignment {
                break;
            }
            words = if valued.contains(&text) { behind.get(1..).unwrap_or_default() } else { behind };
        }
    }
    words
}
