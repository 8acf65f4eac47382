//! Procfiles: `type: command` lines.

use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range, trimmed};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Procfile {
    pub entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub name: Spanned<String>,
    pub command: Mapped,
}

pub fn parse(text: &str) -> Parsed<Procfile> {
    let mut parsed: Parsed<Procfile> = Parsed::default();
    for (start, line) in lines(text) {
        let (at, content) = trimmed(line, start);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let name_length =
            content.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count();
        let behind = content.get(name_length..).unwrap_or("").trim_start();
        let Some(command) = behind.strip_prefix(':').filter(|_| name_length > 0) else {
            parsed.problems.push(Problem::new(range(at, at + content.len()), "not a `type: command` line"));
            continue;
        };
        let (command_at, command) = trimmed(command, at + content.len() - command.len());
        parsed.tree.entries.push(Entry {
            name: Spanned::new(
                content.get(..name_length).unwrap_or("").to_owned(),
                range(at, at + name_length),
            ),
            command: Mapped::verbatim(command, command_at as u32),
        });
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_commands() {
        let text = "# c\nweb: gunicorn app:app\r\n\nworker : celery -A app worker\nbroken line\n: x\n";
        let parsed = parse(text);
        let entries: Vec<_> =
            parsed.tree.entries.iter().map(|e| (e.name.value.as_str(), e.command.text.as_str())).collect();
        assert_eq!(entries, [("web", "gunicorn app:app"), ("worker", "celery -A app worker")]);
        assert_eq!(parsed.problems.len(), 2);
        let range = parsed.tree.entries[0].command.range(9, 16);
        assert_eq!(&text[range.start as usize..range.end as usize], "app:app");
    }
}
