//! The developers' commands: `cargo xtask test`, `lint`, `docs`, `bench`, `fuzz` and their kin.
//!
//! One module a command; [`step`] runs the programs they need and says so on standard error. A new command is a
//! module and a row in [`COMMANDS`].

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a developer's command talks to its developer")]
#![allow(
    clippy::disallowed_methods,
    reason = "flaskseal_system is for the product; this only starts its tests"
)]

mod advisories;
mod bench;
mod bench_deps;
mod bench_probe;
mod browser;
mod debian;
mod difftest;
mod docs;
mod fuzz;
mod hostile;
mod lint;
mod python;
mod step;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A command: its name, what it does in a line, and the function that gets the arguments after the name.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command { name: "setup", about: "install what the tests need", run: test::setup },
    Command {
        name: "test",
        about: "setup, then run every test; arguments go to cargo nextest",
        run: test::run,
    },
    Command {
        name: "lint",
        about: "formatting, clippy, documentation, licences and sources",
        run: lint::run,
    },
    Command { name: "tidy", about: "crate edges, module headers, links", run: tidy::run },
    Command { name: "docs", about: "write the generated documents; --check compares", run: docs::run },
    Command {
        name: "bench",
        about: "time and memory beside ruff and bandit: [TREE...] [--rounds N] [--semgrep RULES] [--write]",
        run: bench::run,
    },
    Command {
        name: "bench-deps",
        about: "looking up advisories beside pip-audit: ALL.zip [--rounds N] [--program PATH] [--write]",
        run: bench_deps::run,
    },
    Command {
        name: "bench-probe",
        about: "trying keys beside flask-unsign, and probing a local site: [--rounds N] [--programs FOLDER] [--write]",
        run: bench_probe::run,
    },
    Command {
        name: "difftest",
        about: "the evaluator beside real Flask: PATH --entry ENTRY [--env NAME=VALUE]... [--python PYTHON]",
        run: difftest::run,
    },
    Command { name: "fuzz", about: "hostile input: [TARGET...] [--minutes N]", run: fuzz::run },
    Command {
        name: "advisories",
        about: "write the core table of advisories from an OSV dump: ALL.zip",
        run: advisories::run,
    },
    Command { name: "ci", about: "lint, then test", run: ci },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which command?\n{}", usage());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        eprintln!("{}", usage());
        return Ok(());
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(rest),
        None => bail!("there is no command `{name}`\n{}", usage()),
    }
}

fn usage() -> String {
    let rows = COMMANDS.iter().map(|command| format!("  cargo xtask {:<10} {}", command.name, command.about));
    rows.collect::<Vec<_>>().join("\n")
}

fn ci(arguments: &[String]) -> Result<()> {
    lint::run(&[])?;
    test::run(arguments)
}
