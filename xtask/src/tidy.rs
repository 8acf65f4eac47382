//! `cargo xtask tidy`: architecture that is not tested drifts. Compares the crates' dependencies with the table in
//! ARCHITECTURE.md, and checks that every module says what it is and that every link between documents leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::step::{cargo, files, output, root};

/// Crates by name, with the crates of this workspace that each may use.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// Says everything that is wrong, and fails if anything is.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`tidy` takes no arguments");
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).context("no ARCHITECTURE.md")?;
    let mut complaints = compare(&table(&architecture), &edges()?);
    complaints.extend(unexplained(&architecture)?);
    complaints.extend(headers()?);
    complaints.extend(links()?);
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    ensure!(complaints.is_empty(), "{} untidy places", complaints.len());
    Ok(())
}

/// Reads the rows `| flaskseal_judge | flaskseal_core | ... |` of the table "Who may know whom".
fn table(architecture: &str) -> Edges {
    let section = architecture.split("## Who may know whom").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let names = |cell: &str| -> BTreeSet<String> {
        let words = cell.split(|character: char| !(character.is_alphanumeric() || character == '_'));
        words.filter(|word| word.starts_with("flaskseal")).map(str::to_owned).collect()
    };
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|');
        let name = names(cells.next()?).into_iter().next()?;
        Some((name, names(cells.next()?)))
    };
    section.lines().filter_map(row).collect()
}

/// The dependencies between the workspace's crates, without those of their tests.
fn edges() -> Result<Edges> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut edges = Edges::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let known = dependencies
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| dependency.starts_with("flaskseal"))
            .map(str::to_owned)
            .collect();
        edges.insert(name, known);
    }
    edges.remove("xtask");
    Ok(edges)
}

fn metadata() -> Result<Value> {
    let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    serde_json::from_str(&text).context("cargo metadata is not understood")
}

fn compare(allowed: &Edges, found: &Edges) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, dependencies) in found {
        let Some(allowed) = allowed.get(name) else {
            complaints.push(format!("ARCHITECTURE.md: the table has no row for {name}"));
            continue;
        };
        let more = dependencies.difference(allowed);
        complaints.extend(more.map(|other| format!("{name} may not know {other}: ARCHITECTURE.md")));
        let fewer = allowed.difference(dependencies);
        complaints.extend(fewer.map(|other| format!("ARCHITECTURE.md: {name} does not use {other}")));
    }
    let gone = allowed.keys().filter(|name| !found.contains_key(*name));
    complaints.extend(gone.map(|name| format!("ARCHITECTURE.md: there is no crate {name}")));
    complaints
}

/// Libraries that a crate uses and that ARCHITECTURE.md gives no reason for.
fn unexplained(architecture: &str) -> Result<Vec<String>> {
    let section = architecture.split("## Dependencies").nth(1).unwrap_or_default();
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names: BTreeSet<&str> = packages
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|name| !name.starts_with("flaskseal") && !section.contains(&format!("`{name}`")))
        .collect();
    let complaint = |name| format!("ARCHITECTURE.md: section Dependencies does not say why {name} is here");
    Ok(names.into_iter().map(complaint).collect())
}

/// Rust files that do not begin with `//!`.
fn headers() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        for file in files(folder, "rs")? {
            if !fs::read_to_string(&file)?.starts_with("//!") {
                complaints.push(format!("{}: does not begin with `//!`", shown(&file)));
            }
        }
    }
    Ok(complaints)
}

/// Links from one document of the repository to a file that is not there.
fn links() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let documents = files(".", "md")?;
    let own = documents
        .iter()
        .filter(|path| !shown(path).starts_with("crates/") && !shown(path).starts_with("examples/"));
    for document in own {
        let text = fs::read_to_string(document)?;
        let folder = document.parent().unwrap_or(root());
        for target in link_targets(&text) {
            if !folder.join(target).exists() {
                complaints.push(format!("{}: `{target}` is not there", shown(document)));
            }
        }
    }
    Ok(complaints)
}

/// The files that a Markdown text links to: `[text](file#section)`, without addresses on the web.
fn link_targets(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace)
        })
        .collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "## Who may know whom\n\n| crate | knows | is |\n|---|---|---|\n| `flaskseal_core` | | words |\n\
                         | `flaskseal_judge` | `flaskseal_core` | verdicts |\n\n## Next\n| `flaskseal_x` | |\n";

    #[test]
    fn the_table_is_read_to_its_section_s_end() {
        let edges = table(TABLE);
        assert_eq!(edges.len(), 2);
        assert_eq!(edges["flaskseal_judge"], BTreeSet::from(["flaskseal_core".to_owned()]));
    }

    #[test]
    fn every_difference_is_a_complaint() {
        let found = Edges::from([
            ("flaskseal_core".to_owned(), BTreeSet::from(["flaskseal_judge".to_owned()])),
            ("flaskseal_new".to_owned(), BTreeSet::new()),
        ]);
        let complaints = compare(&table(TABLE), &found);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
    }

    #[test]
    fn links_are_told_from_addresses() {
        assert_eq!(link_targets("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
    }
}
