//! Programs and their arguments, without a shell between.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Event, Fact, FactKind, Rope};

use super::{Breach, alternatives, shell, text};

/// What an element of an argument list is to the program that gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Program,
    /// A script for `sh -c` and its like.
    Script,
    /// Source for `python -c` and its like.
    Code,
    Argument,
    /// After `--`, or an option's own value: no option any more.
    Operand,
}

/// Programs that run what they are given.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash"];
const INTERPRETERS: &[&str] = &["python", "python2", "python3", "perl", "ruby", "node", "php"];
/// Programs that run the program that their arguments name.
const WRAPPERS: &[&str] = &["env", "xargs", "sudo", "nice", "nohup", "timeout", "setsid", "doas"];

/// Programs whose options execute, read or write.
const DANGEROUS: &[&str] = &[
    "git",
    "curl",
    "wget",
    "tar",
    "find",
    "rsync",
    "ssh",
    "scp",
    "sftp",
    "zip",
    "unzip",
    "ffmpeg",
    "convert",
    "magick",
    "wkhtmltopdf",
    "wkhtmltoimage",
    "gs",
    "mysql",
    "mysqldump",
    "psql",
    "pg_dump",
    "pip",
    "npm",
    "docker",
    "kubectl",
    "hg",
    "svn",
    "awk",
    "sed",
    "sort",
    "man",
    "tcpdump",
    "7z",
    "exiftool",
    "pandoc",
    "youtube-dl",
    "yt-dlp",
];

/// The element texts of an argument list; `None` for one of which the text is not known.
pub(crate) fn elements(fact: &Fact) -> Option<Vec<Option<Rope>>> {
    match &fact.kind {
        FactKind::Sequence { items, .. } => Some(items.iter().map(element).collect()),
        _ => None,
    }
}

/// The program and its arguments of a call that takes them one by one: `os.execlp`, `create_subprocess_exec`.
pub(crate) fn arguments(event: &Event, context: &str) -> Vec<Option<Rope>> {
    let mut given = event.positional.as_slice();
    if context == "process.spawn" {
        given = given.get(1..).unwrap_or_default();
    }
    if context == "process.args" {
        return given.iter().map(element).collect();
    }
    let Some((program, rest)) = given.split_first() else { return Vec::new() };
    // The first argument is the name that the program sees.
    let rest = match rest.first().map(|first| &first.kind) {
        Some(FactKind::Sequence { items, .. }) => items.get(1..).unwrap_or_default(),
        _ => rest.get(1..).unwrap_or_default(),
    };
    std::iter::once(program).chain(rest).map(element).collect()
}

/// An element's text: where it may be one of several, the one with request data.
fn element(fact: &Fact) -> Option<Rope> {
    let mut found: Option<Rope> = None;
    alternatives(fact, &mut |one| {
        let rope = text(one);
        let is_better = found.is_none() || rope.as_ref().is_some_and(|rope| rope.origin().is_some());
        if is_better && rope.is_some() {
            found = rope;
        }
    });
    found
}

/// What each element is.
pub(crate) fn parts(elements: &[Option<Rope>]) -> Vec<Part> {
    let literal = |index: usize| elements.get(index).and_then(Option::as_ref).and_then(Rope::as_literal);
    let mut parts = vec![Part::Argument; elements.len()];
    let mut program = 0;
    loop {
        if let Some(part) = parts.get_mut(program) {
            *part = Part::Program;
        }
        let Some(name) = literal(program).map(base_name) else { return parts };
        if !WRAPPERS.contains(&name) {
            break;
        }
        // `sudo -u user program`: options are skipped as far as they are plain.
        program += 1;
        while literal(program).is_some_and(|text| text.starts_with('-') || text.contains('=')) {
            program += 1;
        }
        if program >= elements.len() {
            return parts;
        }
    }
    let name = literal(program).map(base_name).unwrap_or_default();
    let is_shell = SHELLS.contains(&name);
    let is_interpreter = INTERPRETERS.contains(&name);
    let mut is_ended = false;
    for (index, part) in parts.iter_mut().enumerate().skip(program + 1) {
        *part = match literal(index - 1) {
            _ if is_ended => Part::Operand,
            Some("-c" | "-lc" | "-ec" | "-xc") if is_shell => Part::Script,
            Some("/c" | "/C" | "/k") if matches!(name, "cmd" | "cmd.exe") => Part::Script,
            Some("-c" | "-e" | "-r" | "--eval") if is_interpreter => Part::Code,
            Some("-Command" | "-c") if matches!(name, "powershell" | "pwsh" | "powershell.exe") => {
                Part::Script
            }
            _ => Part::Argument,
        };
        is_ended |= literal(index) == Some("--");
    }
    // `ssh host command...`: everything after the host is for the shell at the other end.
    if name == "ssh" {
        let host = (program + 1..elements.len())
            .find(|index| literal(*index).is_none_or(|text| !text.starts_with('-')));
        if let Some(host) = host {
            parts[host + 1..].fill(Part::Script);
        }
    }
    parts
}

/// Elements that a shell or an interpreter runs, or that name the program.
pub(crate) fn commands(elements: &[Option<Rope>]) -> Vec<Breach<'static>> {
    let mut found = Vec::new();
    for (element, part) in elements.iter().zip(parts(elements)) {
        let Some(rope) = element else { continue };
        match part {
            Part::Program => found.extend(program(rope)),
            Part::Script => found.extend(shell::breaches(rope)),
            Part::Code => found.extend(rope.holes().filter_map(|hole| {
                let breaks = Alphabet::ALL.without(Alphabet::DIGITS);
                Breach::of(hole, "as source of an interpreter", breaks, &["import os"], Severity::Critical)
            })),
            Part::Argument | Part::Operand => {}
        }
    }
    found
}

/// The name of a program, where the client chooses it.
pub(crate) fn program(rope: &Rope) -> Option<Breach<'static>> {
    if !rope.literal_prefix().is_empty() {
        return None;
    }
    let hole = rope.holes().next()?;
    Breach::of(hole, "as the program to run", Alphabet::ALL, &["/usr/bin/id", "id"], Severity::Critical)
}

/// Elements that can be taken for an option.
pub(crate) fn options(elements: &[Option<Rope>]) -> Vec<(Breach<'static>, String)> {
    let Some(name) = elements.first().and_then(Option::as_ref).and_then(Rope::as_literal) else {
        return Vec::new();
    };
    let name = base_name(name).to_owned();
    let severity = if DANGEROUS.contains(&name.as_str()) { Severity::Medium } else { Severity::Low };
    let mut found = Vec::new();
    for (element, part) in elements.iter().zip(parts(elements)) {
        let (Some(rope), Part::Argument) = (element, part) else { continue };
        if !rope.literal_prefix().is_empty() {
            continue;
        }
        let Some(hole) = rope.holes().next() else { continue };
        if !hole.first.contains('-') {
            continue;
        }
        let breach = Breach::of(
            hole,
            "as an argument that may be an option",
            Alphabet::of("-"),
            &["--help", "-h", "-"],
            severity,
        );
        found.extend(breach.map(|breach| (breach, name.clone())));
    }
    found
}

fn base_name(program: &str) -> &str {
    program.rsplit(['/', '\\']).next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use flaskseal_project::semantic::Source;

    use super::*;

    fn parts_of(arguments: &[&str]) -> Vec<Part> {
        let elements: Vec<Option<Rope>> = arguments
            .iter()
            .map(|text| Some(if *text == "@" { Rope::hole(Source::Unknown) } else { Rope::literal(*text) }))
            .collect();
        parts(&elements)
    }

    #[test]
    fn elements_have_parts() {
        use Part::*;
        assert_eq!(parts_of(&["@"]), [Program]);
        assert_eq!(parts_of(&["sh", "-c", "@", "@"]), [Program, Argument, Script, Argument]);
        assert_eq!(parts_of(&["/bin/bash", "-c", "@"]), [Program, Argument, Script]);
        assert_eq!(parts_of(&["git", "clone", "--", "@"]), [Program, Argument, Argument, Operand]);
        assert_eq!(parts_of(&["sudo", "-n", "@", "@"]), [Program, Argument, Program, Argument]);
        assert_eq!(parts_of(&["ssh", "-q", "@", "@"]), [Program, Argument, Argument, Script]);
        assert_eq!(parts_of(&["python3", "-c", "@"]), [Program, Argument, Code]);
        assert!(parts_of(&[]).is_empty());
        assert_eq!(parts_of(&["env"]), [Program]);
    }
}
