//! `Pipfile`, Pipenv's manifest.

use std::str::FromStr as _;

use pep440_rs::VersionSpecifiers;
use toml::de::DeValue;

use crate::document::{self, flag, range, table, tables, text, texts};
use crate::{Group, Index, IndexKind, Manifest, ManifestKind, Marker, Requirement, normalize};

pub fn read_pipfile(source: &str) -> Manifest {
    let (parsed, problems) = document::parse(source);
    let root = parsed.get_ref();
    let mut manifest = Manifest { problems, tool: Some("pipenv"), ..Manifest::new(ManifestKind::Pipfile) };
    for (place, (index, _)) in tables(root, "source").enumerate() {
        let Some(url) = index.get("url") else { continue };
        let Some(written) = url.get_ref().as_str() else { continue };
        // Pipenv binds a package to the source that it names; the first source is for all others.
        let kind = if place == 0 { IndexKind::Main } else { IndexKind::Explicit };
        manifest.indexes.push(Index { kind, url: written.to_owned(), range: range(url) });
        if index.get("verify_ssl").is_some_and(|value| value.get_ref().as_bool() == Some(false)) {
            let kind = IndexKind::TrustedHost;
            manifest.indexes.push(Index { kind, url: written.to_owned(), range: range(url) });
        }
    }
    if let Some(requires) = table(root, "requires") {
        for key in ["python_full_version", "python_version"] {
            if let Some(value) = requires.get(key)
                && let Some(version) = value.get_ref().as_str()
                && let Ok(specifiers) = VersionSpecifiers::from_str(&format!("=={version}.*"))
            {
                manifest.requires_python = Some((specifiers, range(value)));
            }
        }
    }
    for (section, group) in [("packages", Group::Main), ("dev-packages", Group::Dev("dev".to_owned()))] {
        for (name, value) in table(root, section).into_iter().flatten() {
            let place = document::pair(name, value);
            let mut requirement = Requirement::new(name.get_ref(), place);
            requirement.group = group.clone();
            let version = match value.get_ref() {
                DeValue::String(version) => Some(version.as_ref()),
                DeValue::Table(options) => {
                    requirement.extras =
                        texts(options, "extras").map(|(extra, _)| normalize(extra)).collect();
                    requirement.editable = flag(options, "editable");
                    requirement.marker = text(options, "markers").and_then(Marker::parse);
                    let git = text(options, "git").map(|git| {
                        let commit = text(options, "ref").map(|commit| format!("@{commit}"));
                        format!("git+{git}{}", commit.unwrap_or_default())
                    });
                    let other =
                        || ["file", "path"].iter().find_map(|key| text(options, key)).map(str::to_owned);
                    requirement.url = git.or_else(other);
                    text(options, "version")
                }
                _ => None,
            };
            if let Some(version) = version.filter(|version| !matches!(version.trim(), "*" | "")) {
                match VersionSpecifiers::from_str(version) {
                    Ok(specifiers) => requirement.specifiers = specifiers,
                    Err(_) => manifest.problem(place, "is no version constraint"),
                }
            }
            manifest.requirements.push(requirement);
        }
    }
    // The parser sorts keys; people read files from top to bottom.
    manifest.requirements.sort_by_key(|requirement| requirement.range.start);
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_sources() {
        let manifest = read_pipfile(
            "[[source]]\nurl = \"https://pypi.org/simple\"\nverify_ssl = true\n[packages]\nFlask = \"~=3.0\"\nx = {git = \"https://x\", ref = \"main\"}\n[dev-packages]\npytest = \"*\"\n[requires]\npython_version = \"3.12\"\n",
        );
        let shown: Vec<_> =
            manifest.requirements.iter().map(|r| (r.name.as_str(), r.group == Group::Main)).collect();
        assert_eq!(shown, [("flask", true), ("x", true), ("pytest", false)]);
        assert_eq!(manifest.requirements[1].url.as_deref(), Some("git+https://x@main"));
        assert_eq!((manifest.indexes.len(), manifest.problems.len()), (1, 0));
    }
}
