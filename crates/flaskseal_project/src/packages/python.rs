//! Which Python production runs, where the tree says so.

use flaskseal_core::{Layer, Span, Tree};
use flaskseal_deploy::Deployment;
use flaskseal_deps::{Target, read_python_version, read_runtime};

use super::files::{Audience, LockFile, ManifestFile};
use super::install;
use crate::{Role, role_of};

/// A minor version of Python, and who says so.
#[derive(Clone, Debug)]
pub struct PythonChoice {
    pub version: (u64, u64),
    pub span: Span,
    /// Deployment files bind more than a developer's `.python-version`.
    pub layer: Layer,
}

/// The versions that are named, the most binding first: the images of production, the platform's file, the
/// developers' file.
pub(super) fn choices(tree: &Tree, deployment: &Deployment) -> Vec<PythonChoice> {
    let mut found = Vec::new();
    for (file, dockerfile) in install::dockerfiles(tree, deployment) {
        if let Some(base) = flaskseal_deploy::base_image(&dockerfile)
            && let Some(version) = base.name.as_deref().and_then(of_image)
        {
            found.push(PythonChoice {
                version,
                span: Span { file, range: base.range },
                layer: Layer::Deploy,
            });
        }
    }
    for (name, read) in
        [("runtime.txt", read_runtime as fn(&str) -> _), (".python-version", read_python_version)]
    {
        for id in tree.ids() {
            let file = tree.file(id);
            if file.name() != name || role_of(&file.path) != Role::Source {
                continue;
            }
            if let Some(version) = read(&file.text) {
                // The line that names it: comments may hold digits too.
                let line = file
                    .text
                    .lines()
                    .find(|line| !line.trim_start().starts_with('#') && read(line).is_some());
                let start = line.and_then(|line| file.text.find(line)).unwrap_or(0) as u32;
                let end = start + line.map_or(0, |line| line.trim_end().len()) as u32;
                let layer = if name == "runtime.txt" { Layer::Deploy } else { Layer::Deps };
                found.push(PythonChoice { version, span: Span::new(id, start, end), layer });
            }
        }
    }
    found
}

/// The version of `python:3.12-slim`, `docker.io/library/python:3.12`, `ghcr.io/astral-sh/uv:python3.12-alpine`.
pub fn of_image(image: &str) -> Option<(u64, u64)> {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next()?;
    let (name, tag) = last.split_once(':')?;
    let tag = match name {
        "python" => tag,
        _ => tag.split('-').find_map(|part| part.strip_prefix("python"))?,
    };
    let mut parts = tag.split(['.', '-']);
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next()?.parse().ok()?))
}

/// The versions that packages may be installed for: the one that production names, or else those that the project
/// admits.
pub(super) fn versions(
    choices: &[PythonChoice],
    manifests: &[ManifestFile],
    locks: &[LockFile],
) -> Vec<(u64, u64)> {
    if let Some(choice) = choices.first() {
        return vec![choice.version];
    }
    let of_manifests = manifests
        .iter()
        .filter(|file| file.audience == Audience::Production)
        .filter_map(|file| Some(&file.manifest.requires_python.as_ref()?.0));
    let of_locks = locks
        .iter()
        .filter(|file| file.audience == Audience::Production)
        .filter_map(|file| file.lock.requires_python.as_ref());
    let all: Vec<_> = of_manifests.chain(of_locks).map(Target::pythons_admitted).collect();
    // What every one of them admits.
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    first.iter().copied().filter(|version| others.iter().all(|other| other.contains(version))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_python() {
        for (image, version) in [
            ("python:3.9-slim", Some((3, 9))),
            ("docker.io/library/python:3.12.4-bookworm", Some((3, 12))),
            ("python:3.13@sha256:ab", Some((3, 13))),
            ("ghcr.io/astral-sh/uv:python3.12-alpine", Some((3, 12))),
            ("tiangolo/uwsgi-nginx-flask:python3.8", Some((3, 8))),
            ("python:3", None),
            ("python:latest", None),
            ("python", None),
            ("localhost:5000/python", None),
            ("ubuntu:22.04", None),
        ] {
            assert_eq!(of_image(image), version, "{image}");
        }
    }
}
