//! `cargo xtask docs`: the documents that the program itself can write best. `--check` fails when one is out of date.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anstyle_svg::{Term, WIN10_CONSOLE};
use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step::{cargo, command, files, output, root, run as run_step};

/// A document and what writes it.
struct Document {
    path: &'static str,
    write: fn() -> Result<String>,
}

const DOCUMENTS: &[Document] = &[
    Document { path: "docs/rules.md", write: rules },
    Document { path: "docs/cli.md", write: command_line },
    Document { path: "docs/check-shop.svg", write: picture },
];

/// Writes every generated document, or with `--check` only compares.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [word] if word == "--check" => true,
        _ => bail!("`docs` takes `--check` and nothing else"),
    };
    run_step(cargo().args(["build", "--quiet", "--package", "flaskseal"]))?;
    let mut stale = Vec::new();
    for document in DOCUMENTS {
        let text = (document.write)()?;
        let path = root().join(document.path);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if check {
            stale.push(document.path);
        } else {
            fs::create_dir_all(root().join("docs")).context("cannot create docs")?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", document.path))?;
            eprintln!("xtask: wrote {}", document.path);
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        stale => bail!("out of date: {}; `cargo xtask docs` writes them", stale.join(", ")),
    }
}

/// The command, with nothing of the developer's environment.
fn flaskseal() -> Command {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let mut flaskseal = command(target.join("debug").join("flaskseal"));
    flaskseal.env_clear();
    flaskseal
}

/// The table of rules, from their metadata.
fn rules() -> Result<String> {
    let list: Value = serde_json::from_str(&output(flaskseal().args(["rules", "--format", "json"]))?)?;
    let rules = list["rules"].as_array().context("the list of rules has no rules")?;
    let pages = files("crates/flaskseal_rules/src", "md")?;
    let mut text = "# Rules\n\nWritten by `cargo xtask docs` from the rules' own metadata. `flaskseal explain FS301` \
                    shows a rule's page in the terminal. The severity is the usual one: each finding carries the \
                    severity that production gives it.\n"
        .to_owned();
    let mut item = "";
    for rule in rules {
        let word = |key: &str| rule[key].as_str().unwrap_or_default();
        let id = word("id");
        if word("item") != item {
            item = word("item");
            let hundred = id.get(..3).unwrap_or_default();
            let _ = write!(
                text,
                "\n## {hundred}xx {item}\n\n| rule | name | severity | what is wrong | CWE |\n|---|---|---|---|---|\n"
            );
        }
        let stem = format!("{}_", id.to_lowercase());
        let page = pages
            .iter()
            .find(|page| page.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&stem)));
        let page = page.with_context(|| format!("{id} has no page"))?;
        let page = page.strip_prefix(root()).unwrap_or(page).display().to_string();
        let cwe: Vec<String> =
            rule["cwe"].as_array().into_iter().flatten().map(ToString::to_string).collect();
        let summary = word("summary").replace('|', "\\|");
        let (name, severity, cwe) = (word("name"), word("severity"), cwe.join(", "));
        let _ = writeln!(text, "| [{id}](../{page}) | `{name}` | {severity} | {summary} | {cwe} |");
    }
    Ok(text)
}

/// Every command's own help.
fn command_line() -> Result<String> {
    const COMMANDS: &[&[&str]] = &[
        &[],
        &["check"],
        &["explain"],
        &["rules"],
        &["baseline", "write"],
        &["baseline", "prune"],
        &["config", "show"],
        &["completions"],
    ];
    let mut text =
        "# Command line\n\nWritten by `cargo xtask docs` from the program's own help.\n".to_owned();
    for words in COMMANDS {
        let help = output(flaskseal().args(*words).arg("--help"))?;
        let title = std::iter::once("flaskseal").chain(words.iter().copied()).collect::<Vec<_>>().join(" ");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let _ = write!(text, "\n## {title}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    }
    Ok(text)
}

/// Lines of the report that the picture shows: the checklist and the first findings.
const PICTURE_LINES: usize = 56;

/// The report on `examples/shop` as a terminal shows it.
fn picture() -> Result<String> {
    let mut check = flaskseal();
    check.args(["check", "examples/shop", "--color", "always", "--exit-zero", "--now", "2026-09-01"]);
    let report = output(&mut check)?;
    let mut lines: Vec<&str> = report.lines().collect();
    if lines.len() > PICTURE_LINES {
        // Cut between findings, never in one.
        let cut = lines.iter().take(PICTURE_LINES).rposition(|line| line.trim().is_empty());
        lines.truncate(cut.unwrap_or(PICTURE_LINES));
        lines.extend(["", "..."]);
    }
    let shown = format!("$ flaskseal check examples/shop\n\n{}\n", lines.join("\n"));
    let picture = Term::new().palette(WIN10_CONSOLE).min_width_px(880).render_svg(&shown);
    // Dimmed text has to stay readable on black.
    Ok(picture.replace("opacity: 0.4;", "opacity: 0.7;"))
}
