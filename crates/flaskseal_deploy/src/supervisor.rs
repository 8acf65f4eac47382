//! supervisord configuration: the programs (<http://supervisord.org/configuration.html>).

use crate::ini;
use crate::syntax::{Mapped, Parsed, Spanned};
use crate::variable::{Variable, comma_separated};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Supervisor {
    pub programs: Vec<Program>,
    pub ini: ini::Ini,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    pub name: String,
    /// Split into words, not run by a shell.
    pub command: Option<Mapped>,
    /// `[supervisord]`'s first, then the program's own.
    pub environment: Vec<Variable>,
    pub directory: Option<Spanned<String>>,
    pub user: Option<Spanned<String>>,
}

pub fn parse(text: &str) -> Parsed<Supervisor> {
    let Parsed { tree: ini, problems } = ini::parse(text);
    let shared = ini.sections.iter().filter(|section| section.name.value == "supervisord");
    let shared: Vec<_> = shared.flat_map(environment).collect();
    let programs = ini
        .sections
        .iter()
        .filter_map(|section| {
            let name = section.name.value.strip_prefix("program:")?.trim().to_owned();
            let scalar = |key: &str| {
                section.get(key).map(|entry| Spanned::new(entry.text().to_owned(), entry.value.whole()))
            };
            let mut variables = shared.clone();
            variables.extend(environment(section));
            Some(Program {
                name,
                command: section.get("command").map(|entry| entry.value.clone()),
                environment: variables,
                directory: scalar("directory"),
                user: scalar("user"),
            })
        })
        .collect();
    Parsed { tree: Supervisor { programs, ini }, problems }
}

fn environment(section: &ini::Section) -> Vec<Variable> {
    let Some(entry) = section.get("environment") else { return Vec::new() };
    comma_separated(entry.text())
        .into_iter()
        .map(|(start, end, name, value)| {
            let range = entry.value.range(start, end);
            Variable { name: Spanned::new(name, range), value: Some(Spanned::new(value, range)), range }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_with_environment() {
        let text = "[supervisord]\nenvironment=A=1\n[program:web]\ncommand=gunicorn app:app ; c\ndirectory=/srv/app\nuser=www\nenvironment=FLASK_DEBUG=\"1\",B='x,y',\n  C=%(ENV_HOME)s\n[inet_http_server]\nport=1\n";
        let parsed = parse(text);
        let [web] = parsed.tree.programs.as_slice() else { panic!() };
        let pairs: Vec<_> = web
            .environment
            .iter()
            .map(|v| (v.name.value.as_str(), v.value.as_ref().unwrap().value.as_str()))
            .collect();
        assert_eq!(pairs, [("A", "1"), ("FLASK_DEBUG", "1"), ("B", "x,y"), ("C", "%(ENV_HOME)s")]);
        let range = web.environment[1].range;
        assert_eq!(&text[range.start as usize..range.end as usize], "FLASK_DEBUG=\"1\"");
    }
}
