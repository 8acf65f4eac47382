//! Compares the evaluator with real Flask on an application of any size: `cargo xtask difftest PATH --entry ENTRY`.
//! Its requirements have to be installed in the Python that boots it. This executes the application.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer's command talks to its developer")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use flaskseal_oracle::{Comparison, Oracle, compare};
use flaskseal_project::{BuildOptions, Project};
use flaskseal_system::DiscoverOptions;

const USAGE: &str = "usage: cargo xtask difftest PATH --entry ENTRY [--env NAME=VALUE]... [--python PYTHON]";

/// What the command line asks for.
struct Request {
    path: PathBuf,
    entry: String,
    /// The whole environment that the application sees, besides `PATH`, `HOME` and `LANG`.
    env: BTreeMap<String, String>,
    /// A Python with the application's requirements; the tests' own unless it is named.
    python: Option<PathBuf>,
}

fn main() -> ExitCode {
    match Request::read(std::env::args().skip(1)).and_then(|request| run(&request)) {
        Ok(comparison) => {
            print!("{comparison}");
            // What Flask has and the evaluator does not list is shown, and no error: nothing false was claimed.
            for (what, names) in [
                ("setting not listed", &comparison.not_listed),
                ("route not listed", &comparison.routes_not_listed),
            ] {
                for name in names {
                    println!("  {what}: {name}");
                }
            }
            ExitCode::from(u8::from(!comparison.wrong.is_empty()))
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

impl Request {
    fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut path, mut entry, mut python, mut env) = (None, None, None, BTreeMap::new());
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value\n{USAGE}"));
            match word.as_str() {
                "--entry" => entry = Some(value()?),
                "--python" => python = Some(PathBuf::from(value()?)),
                "--env" => {
                    let pair = value()?;
                    let (name, value) =
                        pair.split_once('=').ok_or_else(|| format!("`{pair}` is not NAME=VALUE\n{USAGE}"))?;
                    env.insert(name.to_owned(), value.to_owned());
                }
                _ if word.starts_with("--") || path.is_some() => {
                    return Err(format!("unexpected `{word}`\n{USAGE}"));
                }
                _ => path = Some(PathBuf::from(word)),
            }
        }
        match (path, entry) {
            (Some(path), Some(entry)) => Ok(Self { path, entry, env, python }),
            _ => Err(USAGE.to_owned()),
        }
    }
}

fn run(request: &Request) -> Result<Comparison, String> {
    let tree = flaskseal_system::discover(&request.path, &DiscoverOptions::default())
        .map_err(|error| error.to_string())?;
    let parsed = flaskseal_project::parse(&tree);
    let mut variables = String::new();
    for (name, value) in &request.env {
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        // Writing to a string cannot fail.
        let _ = writeln!(variables, "{name}='{value}'");
    }
    let options = BuildOptions {
        entries: vec![request.entry.clone()],
        env_files: vec![(variables, "--env".to_owned())],
        env_complete: true,
        ..BuildOptions::default()
    };
    let project = Project::build(&tree, &parsed, &options);
    let start = project.apps.iter().flat_map(|app| &app.starts).next();
    let start = start.ok_or_else(|| format!("the evaluator finds no start in `{}`", request.entry))?;
    for incomplete in &start.evaluation.incomplete {
        println!("  incomplete: `{}`: {}", incomplete.scope, incomplete.reason);
    }
    let app = start.evaluation.apps.first();
    let app = app.ok_or_else(|| format!("no application was found: {:?}", start.evaluation.outcome))?;
    let oracle = request.python.as_ref().map_or_else(Oracle::of_workspace, Oracle::new);
    let dump = oracle.boot(&request.path, &request.entry, &request.env).map_err(|error| error.to_string())?;
    Ok(compare(app, &dump))
}
