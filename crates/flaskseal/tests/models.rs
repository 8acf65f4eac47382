//! Models of the user's: the example of the page that tells how.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test, with its own files")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The files of a page: each block under a line that names it in backticks.
fn files(page: &str) -> Vec<(&str, String)> {
    let mut files = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")) else { continue };
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let text: Vec<&str> = block.take_while(|line| !line.starts_with("```")).collect();
        files.push((name, text.join("\n") + "\n"));
    }
    files
}

fn check(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
    command.args(["check", ".", "--only", "FS401"]).args(words);
    command.current_dir(folder).env_clear().output().unwrap()
}

fn lines_of(report: &Output) -> Vec<usize> {
    let text = String::from_utf8(report.stdout.clone()).unwrap();
    let of_app = text.lines().filter_map(|line| line.strip_prefix("app.py:"));
    of_app.map(|line| line.split(':').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn the_example_of_the_page_holds() {
    let page = include_str!("../../../docs/models.md");
    let folder = tempfile::tempdir().unwrap();
    let files = files(page);
    for (name, text) in &files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let app = &files.iter().find(|(name, _)| *name == "app.py").unwrap().1;
    let announced = app.lines().enumerate().filter(|(_, line)| line.ends_with("# FS401"));
    let announced: Vec<usize> = announced.map(|(index, _)| index + 1).collect();
    assert_eq!(announced.len(), 2);
    assert_eq!(lines_of(&check(folder.path(), &["--format", "concise"])), announced);

    // Without them nobody knows what `run` does.
    assert_eq!(lines_of(&check(folder.path(), &["--format", "concise", "--isolated"])), [0_usize; 0]);

    // A policy forbids what could make findings go away.
    fs::write(folder.path().join("policy.toml"), "forbid = ['models']").unwrap();
    let told = check(folder.path(), &["--format", "concise", "--policy", "policy.toml"]);
    assert_eq!(lines_of(&told), [0_usize; 0], "{told:?}");

    let models = folder.path().join("flaskseal-models.toml");
    let wrong = fs::read_to_string(&models).unwrap().replace("arg[0|sql]", "first");
    fs::write(&models, wrong).unwrap();
    let told = check(folder.path(), &[]);
    assert_eq!(told.status.code(), Some(2));
    let trouble = String::from_utf8(told.stderr).unwrap();
    assert!(trouble.contains("flaskseal-models.toml") && trouble.contains("`first`"), "{trouble}");
}
