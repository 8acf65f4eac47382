//! Lock files that uv, Poetry, PDM and Pipenv wrote, package by package beside what these tools themselves list from
//! them. `oracle/make_locks.py` made both.
#![allow(clippy::disallowed_methods, reason = "a test that reads its own files")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::Path;

use flaskseal_deps::{
    Group, Lock, Manifest, Source, Target, read_pdm_lock, read_pipfile, read_pipfile_lock, read_poetry_lock,
    read_pylock, read_pyproject, read_uv_lock,
};

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locks").join(name)).unwrap()
}

/// CPython 3.11 on Linux, as the lists are for.
fn target(extras: &[&str]) -> Target {
    Target {
        pythons: vec![(3, 11)],
        linux: true,
        extras: extras.iter().map(|extra| (*extra).to_owned()).collect(),
        groups: Vec::new(),
    }
}

/// `name==version` of what is installed, sorted; with developers' groups or without. The lists are for Python 3.11.7; of
/// 3.11 alone it is not known whether it has what only releases before 3.11.3 need.
fn installed(lock: &Lock, manifest: &Manifest, extras: &[&str], with_developers: bool) -> Vec<String> {
    let selected = lock.selected(Some(manifest), &target(extras));
    let wanted = selected.iter().filter(|one| with_developers || !matches!(one.group, Group::Dev(_)));
    let unknown = selected
        .iter()
        .filter(|one| !one.undecided.is_empty())
        .map(|one| lock.packages[one.index].name.as_str());
    assert!(unknown.clone().all(|name| name == "async-timeout"), "{:?}", unknown.collect::<Vec<_>>());
    let mut lines: Vec<String> = wanted
        .filter(|one| one.undecided.is_empty())
        .map(|one| &lock.packages[one.index])
        .map(|package| format!("{}=={}", package.name, package.version.as_ref().unwrap()))
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn listed(name: &str) -> Vec<String> {
    text(name).lines().map(str::to_owned).collect()
}

fn compare(tool: &str, lock: &Lock, manifest: &Manifest) {
    assert!(lock.known_format && lock.problems.is_empty(), "{tool}: {:?}", lock.problems);
    assert_eq!(installed(lock, manifest, &[], false), listed(&format!("{tool}/main.txt")), "{tool}");
    assert_eq!(
        installed(lock, manifest, &[], true),
        listed(&format!("{tool}/all.txt")),
        "{tool} for developers"
    );
    for package in lock.packages.iter().filter(|package| package.source != Source::Project) {
        assert!(package.hashes > 0, "{tool}: {} has hashes", package.name);
    }
}

#[test]
fn uv() {
    let (lock, manifest) = (read_uv_lock(&text("uv/uv.lock")), read_pyproject(&text("uv/pyproject.toml")));
    compare("uv", &lock, &manifest);
    assert_eq!(installed(&lock, &manifest, &["mail"], false), listed("uv/extra.txt"));
}

#[test]
fn poetry() {
    let (lock, manifest) =
        (read_poetry_lock(&text("poetry/poetry.lock")), read_pyproject(&text("poetry/pyproject.toml")));
    compare("poetry", &lock, &manifest);
    assert_eq!(installed(&lock, &manifest, &["mail"], false), listed("poetry/extra.txt"));
}

#[test]
fn pdm() {
    let (lock, manifest) =
        (read_pdm_lock(&text("pdm/pdm.lock")), read_pyproject(&text("pdm/pyproject.toml")));
    compare("pdm", &lock, &manifest);
    assert_eq!(installed(&lock, &manifest, &["mail"], false), listed("pdm/extra.txt"));
}

#[test]
fn pipenv() {
    let (lock, manifest) =
        (read_pipfile_lock(&text("pipenv/Pipfile.lock")), read_pipfile(&text("pipenv/Pipfile")));
    compare("pipenv", &lock, &manifest);
}

#[test]
fn the_standard_format_of_two_tools() {
    for tool in ["uv", "poetry"] {
        let lock = read_pylock(&text(&format!("{tool}/pylock.toml")));
        assert!(lock.known_format && lock.problems.is_empty(), "{tool}: {:?}", lock.problems);
        let manifest = read_pyproject(&text(&format!("{tool}/pyproject.toml")));
        assert_eq!(installed(&lock, &manifest, &[], false), listed(&format!("{tool}/main.txt")), "{tool}");
    }
}

#[test]
fn versions_that_dependents_admit_are_known() {
    for lock in [read_poetry_lock(&text("poetry/poetry.lock")), read_pdm_lock(&text("pdm/pdm.lock"))] {
        let flask = lock.packages.iter().find(|package| package.name == "flask").unwrap();
        let werkzeug = flask.depends.iter().find(|one| one.name == "werkzeug").unwrap();
        assert!(!werkzeug.specifiers.is_empty(), "{:?}", lock.tool);
    }
}

#[test]
fn what_uv_took_from_elsewhere_was_asked_for_without_a_version() {
    let text = "version = 1\n[[package]]\nname = \"shop\"\nsource = { virtual = \".\" }\n[package.metadata]\nrequires-dist = [\n{ name = \"lib\", marker = \"sys_platform == 'linux'\", git = \"https://x/lib\" },\n{ name = \"near\", directory = \"near\" },\n{ name = \"own\", editable = \"own\" },\n{ name = \"wheel\", path = \"w.whl\" },\n{ name = \"far\", url = \"https://x/far.zip\" },\n{ name = \"flask\", specifier = \">=3\" },\n]\n";
    let asked = read_uv_lock(text).made_from.unwrap();
    assert_eq!(asked.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["flask"]);
}
