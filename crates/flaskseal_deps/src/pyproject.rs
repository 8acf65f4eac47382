//! `pyproject.toml`: PEP 621 and PEP 735, and what Poetry, PDM and uv add.

use std::str::FromStr as _;

use pep440_rs::VersionSpecifiers;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{self, at, flag, items, range, table, tables, text, texts};
use crate::{
    Group, Include, Index, IndexKind, Manifest, ManifestKind, Marker, Requirement, normalize,
    poetry_constraint,
};

/// Groups that one group includes, and those that they include.
const MAX_GROUPS: usize = 200;

pub fn read_pyproject(source: &str) -> Manifest {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut manifest = Manifest { problems, ..Manifest::new(ManifestKind::Pyproject) };
    if let Some(project) = table(root, "project") {
        standard(project, &mut manifest);
    }
    groups(root, &mut manifest);
    if let Some(poetry) = at(root, &["tool", "poetry"]) {
        manifest.tool = Some("poetry");
        read_poetry(poetry, &mut manifest);
    }
    if let Some(pdm) = at(root, &["tool", "pdm"]) {
        manifest.tool = manifest.tool.or(Some("pdm"));
        for (name, group) in table(pdm, "dev-dependencies").into_iter().flatten() {
            dependencies(items_of(group), &Group::Dev(normalize(name.get_ref())), &mut manifest);
        }
        for (source, _) in tables(pdm, "source") {
            let is_main = text(source, "name") == Some("pypi");
            index(source, if is_main { IndexKind::Main } else { IndexKind::Extra }, &mut manifest);
        }
    }
    if let Some(uv) = at(root, &["tool", "uv"]) {
        manifest.tool = manifest.tool.or(Some("uv"));
        read_uv(uv, &mut manifest);
    }
    if let Some(dynamic) = at(root, &["tool", "setuptools", "dynamic", "dependencies"]) {
        let one = dynamic.get("file").and_then(|file| Some((file.get_ref().as_str()?, range(file))));
        for (path, range) in one.into_iter().chain(texts(dynamic, "file")) {
            manifest.includes.push(Include { path: path.to_owned(), constraint: false, range });
        }
    }
    // The parser sorts keys; people read files from top to bottom.
    manifest.requirements.sort_by_key(|requirement| requirement.range.start);
    manifest
}

fn standard(project: &DeTable<'_>, manifest: &mut Manifest) {
    manifest.project = text(project, "name").map(normalize);
    if let Some(wanted) = project.get("requires-python") {
        requires_python(wanted, manifest);
    }
    dependencies(items(project, "dependencies"), &Group::Main, manifest);
    for (name, extra) in table(project, "optional-dependencies").into_iter().flatten() {
        dependencies(items_of(extra), &Group::Extra(normalize(name.get_ref())), manifest);
    }
}

fn requires_python(wanted: &Spanned<DeValue<'_>>, manifest: &mut Manifest) {
    let Some(written) = wanted.get_ref().as_str() else { return };
    let specifiers = VersionSpecifiers::from_str(written).ok().or_else(|| poetry_constraint::read(written));
    match specifiers {
        Some(specifiers) => manifest.requires_python = Some((specifiers, range(wanted))),
        None => manifest.problem(range(wanted), "is no constraint on Python"),
    }
}

fn items_of<'a, 't>(value: &'a Spanned<DeValue<'t>>) -> &'a [Spanned<DeValue<'t>>] {
    value.get_ref().as_array().map_or(&[], |array| array.as_ref())
}

/// Requirements as texts in a list.
fn dependencies(items: &[Spanned<DeValue<'_>>], group: &Group, manifest: &mut Manifest) {
    for item in items {
        let Some(written) = item.get_ref().as_str() else { continue };
        match Requirement::parse(written, 0) {
            Ok(requirement) => manifest.requirements.push(Requirement {
                group: group.clone(),
                range: range(item),
                ..requirement
            }),
            // PDM's development dependencies may be editable: `-e file:///...`.
            Err(_) if written.trim_start().starts_with("-e") => {}
            Err(error) => manifest.problem(range(item), error.message),
        }
    }
}

/// `[dependency-groups]`, with what each includes.
fn groups(root: &DeTable<'_>, manifest: &mut Manifest) {
    let Some(all) = table(root, "dependency-groups") else { return };
    for (name, group) in all {
        let group_name = Group::Dev(normalize(name.get_ref()));
        include(all, items_of(group), &group_name, manifest, &mut Vec::new());
    }
}

fn include(
    all: &DeTable<'_>,
    list: &[Spanned<DeValue<'_>>],
    group: &Group,
    manifest: &mut Manifest,
    included: &mut Vec<String>,
) {
    dependencies(list, group, manifest);
    for item in list {
        let Some(wanted) = item.get_ref().as_table().and_then(|item| text(item, "include-group")) else {
            continue;
        };
        let wanted = normalize(wanted);
        // Each group once: two groups that include each other twice would double with each step.
        if included.contains(&wanted) || included.len() >= MAX_GROUPS {
            continue;
        }
        if let Some((_, list)) = all.iter().find(|(name, _)| normalize(name.get_ref()) == wanted) {
            included.push(wanted);
            include(all, items_of(list), group, manifest, included);
        }
    }
}

fn read_poetry(poetry: &DeTable<'_>, manifest: &mut Manifest) {
    if manifest.project.is_none() {
        manifest.project = text(poetry, "name").map(normalize);
    }
    poetry_table(table(poetry, "dependencies"), &Group::Main, manifest);
    poetry_table(table(poetry, "dev-dependencies"), &Group::Dev("dev".to_owned()), manifest);
    for (name, group) in table(poetry, "group").into_iter().flatten() {
        let Some(group) = group.get_ref().as_table() else { continue };
        let name = normalize(name.get_ref());
        // `main` is what stands in `dependencies` under another name.
        let kind = if name == "main" { Group::Main } else { Group::Dev(name) };
        poetry_table(table(group, "dependencies"), &kind, manifest);
    }
    for (source, _) in tables(poetry, "source") {
        let kind = match text(source, "priority") {
            Some("explicit") => IndexKind::Explicit,
            Some("supplemental" | "secondary") => IndexKind::Extra,
            _ if flag(source, "secondary") => IndexKind::Extra,
            _ => IndexKind::Main,
        };
        index(source, kind, manifest);
    }
}

fn index(source: &DeTable<'_>, kind: IndexKind, manifest: &mut Manifest) {
    if let Some(url) = source.get("url")
        && let Some(written) = url.get_ref().as_str()
    {
        manifest.indexes.push(Index { kind, url: written.to_owned(), range: range(url) });
    }
}

fn poetry_table(entries: Option<&DeTable<'_>>, group: &Group, manifest: &mut Manifest) {
    for (name, value) in entries.into_iter().flatten() {
        let place = document::pair(name, value);
        if name.get_ref().as_ref() == "python" {
            if manifest.requires_python.is_none() {
                requires_python(value, manifest);
            }
            continue;
        }
        let constraints = match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![value],
        };
        for constraint in constraints {
            let mut requirement = Requirement::new(name.get_ref(), place);
            requirement.group = group.clone();
            match constraint.get_ref() {
                DeValue::String(written) => poetry_version(written, &mut requirement, manifest),
                DeValue::Table(table) => poetry_options(table, &mut requirement, manifest),
                _ => {}
            }
            manifest.requirements.push(requirement);
        }
    }
}

fn poetry_version(written: &str, requirement: &mut Requirement, manifest: &mut Manifest) {
    match poetry_constraint::read(written) {
        Some(specifiers) => requirement.specifiers = specifiers,
        None if written.contains('|') => {}
        None => manifest.problem(requirement.range, "is no version constraint"),
    }
}

fn poetry_options(options: &DeTable<'_>, requirement: &mut Requirement, manifest: &mut Manifest) {
    if let Some(version) = text(options, "version") {
        poetry_version(version, requirement, manifest);
    }
    requirement.extras = texts(options, "extras").map(|(extra, _)| normalize(extra)).collect();
    requirement.editable = flag(options, "develop");
    requirement.marker = text(options, "markers").and_then(Marker::parse);
    requirement.url = direct(options);
    if flag(options, "optional") && requirement.group == Group::Main {
        requirement.group = Group::Extra(requirement.name.clone());
    }
}

/// A repository, a URL or a path, written as one URL.
fn direct(options: &DeTable<'_>) -> Option<String> {
    if let Some(git) = text(options, "git") {
        let commit = ["rev", "tag", "branch"].iter().find_map(|key| text(options, key));
        return Some(format!("git+{git}{}", commit.map(|commit| format!("@{commit}")).unwrap_or_default()));
    }
    text(options, "url").or_else(|| text(options, "path")).map(str::to_owned)
}

fn read_uv(uv: &DeTable<'_>, manifest: &mut Manifest) {
    dependencies(items(uv, "dev-dependencies"), &Group::Dev("dev".to_owned()), manifest);
    for (source, _) in tables(uv, "index") {
        let kind = match (flag(source, "explicit"), flag(source, "default")) {
            (true, _) => IndexKind::Explicit,
            (_, true) => IndexKind::Main,
            _ => IndexKind::Extra,
        };
        index(source, kind, manifest);
    }
    let options = [uv].into_iter().chain(table(uv, "pip"));
    for options in options {
        for (key, kind) in [("index-url", IndexKind::Main), ("extra-index-url", IndexKind::Extra)] {
            let one = options.get(key).and_then(|value| Some((value.get_ref().as_str()?, range(value))));
            for (url, range) in one.into_iter().chain(texts(options, key)) {
                manifest.indexes.push(Index { kind, url: url.to_owned(), range });
            }
        }
        if let Some(strategy) = options.get("index-strategy")
            && let Some(written) = strategy.get_ref().as_str()
            && written.starts_with("unsafe-")
        {
            let (kind, range) = (IndexKind::UnsafeStrategy, range(strategy));
            manifest.indexes.push(Index { kind, url: written.to_owned(), range });
        }
    }
    let Some(sources) = table(uv, "sources") else { return };
    for (name, source) in sources {
        // One source, or a list of which markers choose: then the package is not only the index's.
        let choices = match source.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => vec![source],
        };
        let mut tables = choices.into_iter().filter_map(|choice| choice.get_ref().as_table());
        let Some(url) = tables.find_map(direct) else { continue };
        let name = normalize(name.get_ref());
        for requirement in manifest.requirements.iter_mut().filter(|requirement| requirement.name == name) {
            requirement.url = Some(url.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(manifest: &Manifest) -> Vec<String> {
        let show = |requirement: &Requirement| {
            let url = requirement.url.as_ref().map(|url| format!(" @ {url}")).unwrap_or_default();
            format!("{:?} {}{}{url}", requirement.group, requirement.name, requirement.specifiers)
        };
        manifest.requirements.iter().map(show).collect()
    }

    #[test]
    fn the_standard_tables() {
        let text = "[project]\nname = \"Shop.API\"\nrequires-python = \">=3.11\"\ndependencies = [\"Flask>=3\", \"a @ https://x/a.zip\", \"wrong =\"]\n[project.optional-dependencies]\nasync = [\"asgiref\"]\n[dependency-groups]\ndev = [\"pytest\", {include-group = \"lint\"}]\nlint = [\"ruff==0.4\", {include-group = \"dev\"}]\n[tool.uv.sources]\nflask = { git = \"https://x/flask\", branch = \"main\" }\n[[tool.uv.index]]\nurl = \"https://a/\"\nexplicit = true\n";
        let manifest = read_pyproject(text);
        let shown = shown(&manifest);
        assert_eq!(
            shown[..3],
            [
                "Main flask>=3 @ git+https://x/flask@main",
                "Main a @ https://x/a.zip",
                "Extra(\"async\") asgiref"
            ]
        );
        assert!(shown.contains(&"Dev(\"dev\") ruff==0.4".to_owned()), "{shown:?}");
        assert_eq!((manifest.project.as_deref(), manifest.problems.len()), (Some("shop-api"), 1));
        assert_eq!(manifest.indexes[0].kind, IndexKind::Explicit);
        assert!(manifest.requires_python.is_some());
    }

    #[test]
    fn sources_of_uv_by_marker() {
        let text = "[project]\ndependencies = [\"lib>=1\", \"other\"]\n[tool.uv.sources]\nlib = [{ git = \"https://x/lib\", tag = \"v1\", marker = \"sys_platform == 'linux'\" }, { index = \"own\" }]\nother = [{ index = \"own\" }]\n";
        assert_eq!(shown(&read_pyproject(text)), ["Main lib>=1 @ git+https://x/lib@v1", "Main other"]);
    }

    #[test]
    fn poetry() {
        let text = "[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\nFlask = \"^3.0\"\nboto = { version = \"*\", optional = true }\nx = { git = \"https://x/x.git\", rev = \"abc\" }\nmany = [{ version = \"<2\", markers = \"python_version < '3.8'\" }, { version = \">=2\" }]\n[tool.poetry.group.dev.dependencies]\npytest = \"8.0\"\n[[tool.poetry.source]]\nname = \"own\"\nurl = \"http://own/\"\npriority = \"supplemental\"\n";
        let manifest = read_pyproject(text);
        assert_eq!(
            shown(&manifest),
            [
                "Main flask>=3.0, <4",
                "Extra(\"boto\") boto",
                "Main x @ git+https://x/x.git@abc",
                "Main many<2",
                "Main many>=2",
                "Dev(\"dev\") pytest==8.0",
            ]
        );
        assert_eq!(
            manifest.indexes,
            [Index {
                kind: IndexKind::Extra,
                url: "http://own/".to_owned(),
                range: manifest.indexes[0].range
            }]
        );
    }

    #[test]
    fn what_is_no_toml_keeps_what_can_be_read() {
        let manifest = read_pyproject("[project]\ndependencies = [\"flask\"]\nwrong = \n[x");
        assert_eq!(shown(&manifest), ["Main flask"]);
        assert!(!manifest.problems.is_empty());
    }
}
