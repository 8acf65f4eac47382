//! Conda's `environment.yml`: the packages of its own channels, and those of its `pip` section.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use flaskseal_deploy::yaml::{self, Node};
use flaskseal_deps::{
    Include, Index, Manifest, ManifestKind, Problem, Requirement, VersionSpecifiers, is_name, normalize,
    read_requirements,
};

/// `environment.yml`, `environment-prod.yaml`, `conda.yml`.
pub(super) fn is_environment(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some(stem) = lower.strip_suffix(".yml").or_else(|| lower.strip_suffix(".yaml")) else { return false };
    stem.split(['-', '_', '.']).any(|part| matches!(part, "environment" | "conda"))
}

/// Reads a list of dependencies; `None` for YAML that has none, which other programs have files of this name for.
pub(super) fn read(text: &str) -> Option<Manifest> {
    let parsed = yaml::parse(text);
    let root = parsed.tree.first()?;
    let dependencies = root.get("dependencies")?;
    let mut manifest = Manifest { kind: ManifestKind::Conda, ..read_requirements("") };
    let problems = parsed.problems.iter().take(20);
    manifest.problems =
        problems.map(|problem| Problem { range: problem.range, message: problem.message.clone() }).collect();
    for item in dependencies.items() {
        if let Some(written) = item.text() {
            own(written, item.range, &mut manifest);
        }
        for line in item.get("pip").into_iter().flat_map(|list| list.items()) {
            pip(line, &mut manifest);
        }
    }
    Some(manifest)
}

/// `python=3.9`, `flask=2.0.1=pyhd8ed1ab_0`, `conda-forge::flask>=2`, `numpy 1.21.*`.
fn own(written: &str, range: TextRange, manifest: &mut Manifest) {
    let written = written.rsplit("::").next().unwrap_or(written).trim();
    let end = written.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let (name, rest) = written.split_at(end.unwrap_or(written.len()));
    if !is_name(name) || name.starts_with('_') {
        return;
    }
    let rest = rest.split('[').next().unwrap_or(rest).trim();
    let (version, build) = match rest.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
        // One sign is a prefix, unless a build follows, which only one version has.
        Some(rest) => match rest.split_once('=') {
            Some((version, build)) => (format!("=={version}"), Some(build)),
            None => (format!("=={}.*", rest.trim_end_matches(".*")), None),
        },
        None if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            let mut words = rest.split_whitespace();
            (format!("=={}", words.next().unwrap_or_default()), words.next())
        }
        None => (rest.to_owned(), None),
    };
    let specifiers = VersionSpecifiers::from_str(&version).unwrap_or_default();
    if name == "python" {
        manifest.requires_python = Some((specifiers, range));
        return;
    }
    // An export lists libraries of C as well; the builds of what is for Python say so.
    let is_python = build.is_none_or(|build| build.starts_with("py"));
    let is_library = name.starts_with("lib") || matches!(name, "openssl" | "pip" | "setuptools" | "wheel");
    if is_python && !is_library {
        manifest.requirements.push(Requirement { specifiers, ..Requirement::new(&normalize(name), range) });
    }
}

/// A line of a requirements file.
fn pip(line: &Node, manifest: &mut Manifest) {
    let Some(written) = line.text() else { return };
    let read = read_requirements(written);
    let range = line.range;
    manifest.requirements.extend(read.requirements.into_iter().map(|one| Requirement { range, ..one }));
    manifest.includes.extend(read.includes.into_iter().map(|one| Include { range, ..one }));
    manifest.problems.extend(read.problems.into_iter().map(|one| Problem { range, ..one }));
    manifest.indexes.extend(read.indexes.into_iter().map(|one| Index { range, ..one }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_pip() {
        let text = "name: shop\nchannels: [conda-forge]\ndependencies:\n  - python=3.9\n  - flask=2.0.1\n  - conda-forge::redis-py>=4\n  - jinja2=3.0.0=pyhd8ed1ab_0\n  - libgcc-ng=11.2.0=h1d223b6_16\n  - click 8.0.1\n  - pip\n  - pip:\n    - -r requirements.txt\n    - werkzeug==2.0.1\n    - --extra-index-url http://own/simple\n";
        let manifest = read(text).unwrap();
        let shown: Vec<String> =
            manifest.requirements.iter().map(|one| format!("{}{}", one.name, one.specifiers)).collect();
        assert_eq!(
            shown,
            ["flask==2.0.1.*", "redis-py>=4", "jinja2==3.0.0", "click==8.0.1", "werkzeug==2.0.1"]
        );
        assert_eq!((manifest.includes.len(), manifest.indexes.len()), (1, 1));
        assert_eq!(manifest.requires_python.unwrap().0.to_string(), "==3.9.*");
        let place = manifest.requirements[4].range;
        assert_eq!(&text[place.start as usize..place.end as usize], "werkzeug==2.0.1");
        assert!(read("on: push\n").is_none() && read("- [").is_none());
        assert!(is_environment("environment.yml") && !is_environment("compose.yml"));
    }
}
