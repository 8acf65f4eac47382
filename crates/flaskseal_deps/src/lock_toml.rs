//! The lock files that are TOML: `uv.lock`, `poetry.lock`, `pdm.lock` and `pylock.toml`.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::{Version, VersionSpecifiers};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{self, at, flag, items, range, table, tables, text, texts};
use crate::lock::{Dependency, Lock, LockTool, Locked, Source};
use crate::{Group, Marker, Requirement, normalize};

/// `uv.lock`, versions 1 of its format.
pub fn read_uv_lock(source: &str) -> Lock {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut lock = Lock { problems, ..Lock::new(LockTool::Uv) };
    lock.known_format = integer(root, "version").is_none_or(|version| version == 1);
    lock.requires_python =
        text(root, "requires-python").and_then(|text| VersionSpecifiers::from_str(text).ok());
    for (entry, place) in tables(root, "package") {
        let Some(mut package) = package(entry, place) else { continue };
        package.source = uv_source(table(entry, "source"));
        package.hashes = hashes_of(entry, &["sdist", "wheels"]);
        package.depends = uv_dependencies(items(entry, "dependencies"), None).collect();
        for (extra, list) in table(entry, "optional-dependencies").into_iter().flatten() {
            let extra = normalize(extra.get_ref());
            package.depends.extend(uv_dependencies(items_of(list), Some(&extra)));
            if package.source == Source::Project {
                let wanted = uv_dependencies(items_of(list), None);
                lock.roots.extend(wanted.map(|dependency| (Group::Extra(extra.clone()), dependency)));
            }
        }
        if package.source == Source::Project {
            let main = uv_dependencies(items(entry, "dependencies"), None);
            lock.roots.extend(main.map(|dependency| (Group::Main, dependency)));
            let groups = table(entry, "dev-dependencies").into_iter().flatten();
            for (group, list) in groups {
                let group = Group::Dev(normalize(group.get_ref()));
                let wanted = uv_dependencies(items_of(list), None);
                lock.roots.extend(wanted.map(|dependency| (group.clone(), dependency)));
            }
            lock.made_from = table(entry, "metadata").map(uv_requirements);
        }
        lock.packages.push(package);
    }
    if lock.packages.iter().filter(|package| package.source == Source::Project).count() > 1 {
        // Which member of a workspace the manifest beside the lock is, is not known.
        lock.made_from = None;
    }
    lock
}

fn uv_source(source: Option<&DeTable<'_>>) -> Source {
    let Some(source) = source else { return Source::Index(None) };
    let said = |key: &str| text(source, key).map(str::to_owned);
    if said("virtual").is_some() || said("editable").is_some() {
        return Source::Project;
    }
    if let Some(url) = said("git") {
        let commit = url.rsplit_once('#').map(|(_, commit)| commit.to_owned());
        return Source::Repository { url, commit };
    }
    if let Some(url) = said("url") {
        return Source::Url(url);
    }
    if let Some(path) = said("path").or_else(|| said("directory")) {
        return Source::Path(path);
    }
    Source::Index(said("registry"))
}

fn uv_dependencies<'a>(
    list: &'a [Spanned<DeValue<'_>>],
    only_with: Option<&'a str>,
) -> impl Iterator<Item = Dependency> + use<'a> {
    list.iter().filter_map(move |item| {
        let entry = item.get_ref().as_table()?;
        Some(Dependency {
            version: text(entry, "version").and_then(|version| Version::from_str(version).ok()),
            marker: text(entry, "marker").and_then(Marker::parse),
            extras: texts(entry, "extra").map(|(extra, _)| normalize(extra)).collect(),
            only_with: only_with.map(str::to_owned).into_iter().collect(),
            ..Dependency::new(text(entry, "name")?)
        })
    })
}

/// What the project's own metadata asked an index for, extras left out.
fn uv_requirements(metadata: &DeTable<'_>) -> Vec<Dependency> {
    const ELSEWHERE: [&str; 5] = ["git", "url", "path", "directory", "editable"];
    let wanted = tables(metadata, "requires-dist")
        .filter(|(entry, _)| !text(entry, "marker").is_some_and(|marker| marker.contains("extra")))
        .filter(|(entry, _)| ELSEWHERE.iter().all(|key| text(entry, key).is_none()));
    let wanted = wanted.filter_map(|(entry, _)| {
        let specifiers = text(entry, "specifier")
            .map_or(Some(VersionSpecifiers::empty()), |written| VersionSpecifiers::from_str(written).ok())?;
        Some(Dependency { specifiers, ..Dependency::new(text(entry, "name")?) })
    });
    wanted.collect()
}

/// `poetry.lock`, versions 1 and 2 of its format.
pub fn read_poetry_lock(source: &str) -> Lock {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut lock = Lock { problems, ..Lock::new(LockTool::Poetry) };
    if let Some(metadata) = table(root, "metadata") {
        lock.content_hash = content_hash(metadata, "content-hash");
        lock.known_format = text(metadata, "lock-version")
            .is_none_or(|version| matches!(version.split('.').next(), Some("1" | "2")));
        lock.requires_python = text(metadata, "python-versions").and_then(crate::poetry_constraint::read);
    }
    // Until version 2.0 of Poetry's format, hashes stand together at the end.
    let files = at(root, &["metadata", "files"]);
    for (entry, place) in tables(root, "package") {
        let Some(mut package) = package(entry, place) else { continue };
        package.source = poetry_source(table(entry, "source"));
        package.hashes = items(entry, "files").len();
        if package.hashes == 0
            && let Some((_, list)) =
                files.into_iter().flatten().find(|(name, _)| normalize(name.get_ref()) == package.name)
        {
            package.hashes = items_of(list).len();
        }
        package.groups = texts(entry, "groups").map(|(group, _)| group_of(group, "main")).collect();
        if package.groups.is_empty() {
            package.groups =
                text(entry, "category").map(|group| group_of(group, "main")).into_iter().collect();
        }
        package.marker = text(entry, "markers").and_then(Marker::parse);
        // An optional package belongs to an extra of the project, which installing does not take by itself.
        if flag(entry, "optional") {
            package.groups.clear();
        }
        let extras: Vec<(String, Vec<String>)> = table(entry, "extras")
            .into_iter()
            .flatten()
            .map(|(extra, list)| {
                let names = items_of(list).iter().filter_map(|item| item.get_ref().as_str());
                let names =
                    names.filter_map(|name| Requirement::parse(name, 0).ok()).map(|wanted| wanted.name);
                (normalize(extra.get_ref()), names.collect())
            })
            .collect();
        for (name, constraint) in table(entry, "dependencies").into_iter().flatten() {
            let wanted = normalize(name.get_ref());
            let choices = match constraint.get_ref() {
                DeValue::Array(list) => list.iter().collect(),
                _ => vec![constraint],
            };
            for choice in choices {
                let options = choice.get_ref().as_table();
                let admitted = match options {
                    Some(options) => text(options, "version"),
                    None => choice.get_ref().as_str(),
                };
                let is_optional = options.is_some_and(|options| flag(options, "optional"));
                let with = extras.iter().filter(|(_, names)| is_optional && names.contains(&wanted));
                let mut only_with: Vec<String> = with.map(|(extra, _)| extra.clone()).collect();
                if is_optional && only_with.is_empty() {
                    // Of an extra that the lock does not list: nothing asks for it.
                    only_with.push(String::new());
                }
                package.depends.push(Dependency {
                    specifiers: admitted.and_then(crate::poetry_constraint::read).unwrap_or_default(),
                    marker: options.and_then(|options| text(options, "markers")).and_then(without_extra),
                    extras: options
                        .map(|options| texts(options, "extras").map(|(extra, _)| normalize(extra)).collect())
                        .unwrap_or_default(),
                    only_with,
                    ..Dependency::new(&wanted)
                });
            }
        }
        lock.packages.push(package);
    }
    lock
}

/// Poetry repeats the extra in the marker of an optional dependency; `only_with` says it already.
fn without_extra(marker: &str) -> Option<Marker> {
    if marker.contains("extra") { None } else { Marker::parse(marker) }
}

fn poetry_source(source: Option<&DeTable<'_>>) -> Source {
    let Some(source) = source else { return Source::Index(None) };
    let url = text(source, "url").unwrap_or_default().to_owned();
    match text(source, "type") {
        Some("git") => {
            Source::Repository { url, commit: text(source, "resolved_reference").map(str::to_owned) }
        }
        Some("url") => Source::Url(url),
        Some("directory" | "file") => Source::Path(url),
        _ => Source::Index(Some(url)),
    }
}

/// `pdm.lock`, version 4 of its format.
pub fn read_pdm_lock(source: &str) -> Lock {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut lock = Lock { problems, ..Lock::new(LockTool::Pdm) };
    if let Some(metadata) = table(root, "metadata") {
        lock.content_hash = content_hash(metadata, "content_hash");
        lock.known_format =
            text(metadata, "lock_version").is_none_or(|version| version.split('.').next() == Some("4"));
    }
    for (entry, place) in tables(root, "package") {
        let Some(mut package) = package(entry, place) else { continue };
        package.source = match (text(entry, "git"), text(entry, "url"), text(entry, "path")) {
            (Some(url), ..) => {
                Source::Repository { url: url.to_owned(), commit: text(entry, "revision").map(str::to_owned) }
            }
            (_, Some(url), _) => Source::Url(url.to_owned()),
            (_, _, Some(path)) => Source::Path(path.to_owned()),
            _ => Source::Index(None),
        };
        package.hashes = items(entry, "files").len();
        package.groups = texts(entry, "groups").map(|(group, _)| group_of(group, "default")).collect();
        package.marker = text(entry, "marker").and_then(Marker::parse);
        for (wanted, _) in texts(entry, "dependencies") {
            if let Ok(wanted) = Requirement::parse(wanted, 0) {
                package.depends.push(Dependency {
                    specifiers: wanted.specifiers,
                    marker: wanted.marker,
                    extras: wanted.extras,
                    ..Dependency::new(&wanted.name)
                });
            }
        }
        // `flask[async]` has an entry of its own, beside `flask`.
        lock.packages.push(package);
    }
    lock
}

/// `pylock.toml`, PEP 751, version 1 of the format.
pub fn read_pylock(source: &str) -> Lock {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut lock = Lock { problems, ..Lock::new(LockTool::Standard) };
    lock.known_format =
        text(root, "lock-version").is_none_or(|version| version.split('.').next() == Some("1"));
    lock.requires_python =
        text(root, "requires-python").and_then(|text| VersionSpecifiers::from_str(text).ok());
    lock.default_groups = texts(root, "default-groups").map(|(group, _)| normalize(group)).collect();
    for (entry, place) in tables(root, "packages") {
        let Some(mut package) = package(entry, place) else { continue };
        package.source = if let Some(repository) = table(entry, "vcs") {
            Source::Repository {
                url: text(repository, "url").unwrap_or_default().to_owned(),
                commit: text(repository, "commit-id").map(str::to_owned),
            }
        } else if let Some(archive) = table(entry, "archive") {
            Source::Url(text(archive, "url").unwrap_or_default().to_owned())
        } else if let Some(folder) = table(entry, "directory") {
            Source::Path(text(folder, "path").unwrap_or_default().to_owned())
        } else {
            Source::Index(text(entry, "index").map(str::to_owned))
        };
        package.hashes = hashes_of(entry, &["wheels", "sdist", "archive"]);
        package.marker = text(entry, "marker").and_then(Marker::parse);
        for (wanted, _) in tables(entry, "dependencies") {
            if let Some(name) = text(wanted, "name") {
                let version = text(wanted, "version").and_then(|version| Version::from_str(version).ok());
                package.depends.push(Dependency { version, ..Dependency::new(name) });
            }
        }
        package.groups = vec![Group::Main];
        lock.packages.push(package);
    }
    lock
}

fn content_hash(metadata: &DeTable<'_>, key: &str) -> Option<(String, TextRange)> {
    let written = metadata.get(key)?;
    Some((written.get_ref().as_str()?.to_owned(), range(written)))
}

/// Name and version, and where they stand.
fn package(entry: &DeTable<'_>, place: TextRange) -> Option<Locked> {
    let name = entry.get("name")?;
    let version = entry.get("version");
    let written = version.and_then(|version| version.get_ref().as_str());
    let (start, end) = match version {
        Some(version) if version.span().start > name.span().start => (name.span().start, version.span().end),
        _ => (name.span().start, name.span().end),
    };
    // From `name` to the version, unless something long stands between.
    let range = if end - start < 200 { document::range_of(start..end) } else { range(name) };
    let range = if range.end == 0 { place } else { range };
    Some(Locked {
        name: normalize(name.get_ref().as_str()?),
        version: written.and_then(|version| Version::from_str(version).ok()),
        source: Source::Index(None),
        depends: Vec::new(),
        groups: Vec::new(),
        marker: None,
        hashes: 0,
        range,
    })
}

fn hashes_of(entry: &DeTable<'_>, keys: &[&str]) -> usize {
    let has_hash = |table: &DeTable<'_>| text(table, "hash").is_some() || table_is_filled(table, "hashes");
    keys.iter()
        .map(|key| {
            let single = usize::from(table(entry, key).is_some_and(has_hash));
            single + tables(entry, key).filter(|(file, _)| has_hash(file)).count()
        })
        .sum()
}

fn table_is_filled(parent: &DeTable<'_>, key: &str) -> bool {
    table(parent, key).is_some_and(|table| !table.is_empty())
}

fn group_of(name: &str, main: &str) -> Group {
    if name == main { Group::Main } else { Group::Dev(normalize(name)) }
}

fn items_of<'a, 't>(value: &'a Spanned<DeValue<'t>>) -> &'a [Spanned<DeValue<'t>>] {
    value.get_ref().as_array().map_or(&[], |array| array.as_ref())
}

fn integer(parent: &DeTable<'_>, key: &str) -> Option<i64> {
    let value = parent.get(key)?.get_ref().as_integer()?;
    i64::from_str_radix(value.as_str(), value.radix()).ok()
}
