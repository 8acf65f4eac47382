//! Which files of a tree speak of packages, and for whom, by their names.

use flaskseal_core::path::join_within;
use flaskseal_core::{FileId, Tree};
use flaskseal_deps::{Include, Lock, Manifest, ManifestKind};

use super::{conda, conda_lock};
use crate::{Role, role_of};

/// A manifest of the tree.
#[derive(Debug)]
pub struct ManifestFile {
    pub file: FileId,
    pub audience: Audience,
    pub manifest: Manifest,
}

/// A lock file of the tree.
#[derive(Debug)]
pub struct LockFile {
    pub file: FileId,
    pub audience: Audience,
    pub lock: Lock,
}

/// All files of a tree that speak of packages, in the order of their paths.
pub(super) struct Found {
    pub(super) manifests: Vec<ManifestFile>,
    pub(super) locks: Vec<LockFile>,
    pub(super) bills: Vec<LockFile>,
}

/// For whom a file is, by its name and folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Audience {
    /// Nothing speaks against production.
    Production,
    /// `requirements-dev.txt` and its kin.
    Development,
    /// Tests, documentation, examples.
    Aside,
}

/// More files of a kind than this are not read.
pub(super) const MAX_FILES: usize = 2_000;

/// Reads every manifest and lock file, in the order of their paths. `setup.py` is read elsewhere: it is Python.
pub(super) fn read(tree: &Tree) -> Found {
    let mut manifests = Vec::new();
    let mut locks = Vec::new();
    let mut bills = Vec::new();
    for id in tree.ids() {
        let file = tree.file(id);
        let name = file.name();
        let audience = audience_of(&file.path);
        let lock = match name {
            "uv.lock" => Some(flaskseal_deps::read_uv_lock(&file.text)),
            "poetry.lock" => Some(flaskseal_deps::read_poetry_lock(&file.text)),
            "pdm.lock" => Some(flaskseal_deps::read_pdm_lock(&file.text)),
            "Pipfile.lock" => Some(flaskseal_deps::read_pipfile_lock(&file.text)),
            _ if name == "pylock.toml" || (name.starts_with("pylock.") && name.ends_with(".toml")) => {
                Some(flaskseal_deps::read_pylock(&file.text))
            }
            _ if conda_lock::is_lock(name) => conda_lock::read(name, &file.text),
            _ => None,
        };
        if let Some(lock) = lock {
            if locks.len() < MAX_FILES {
                locks.push(LockFile { file: id, audience, lock });
            }
            continue;
        }
        if flaskseal_deps::is_bill_of_materials(name) {
            if let Some(lock) = flaskseal_deps::read_bill_of_materials(&file.text)
                && bills.len() < MAX_FILES
            {
                bills.push(LockFile { file: id, audience, lock });
            }
            continue;
        }
        let manifest = match name {
            "pyproject.toml" => Some(flaskseal_deps::read_pyproject(&file.text)),
            "pip.conf" | "pip.ini" => Some(flaskseal_deps::read_pip_conf(&file.text)),
            "setup.cfg" => Some(flaskseal_deps::read_setup_cfg(&file.text)),
            "Pipfile" => Some(flaskseal_deps::read_pipfile(&file.text)),
            _ if conda::is_environment(name) => conda::read(&file.text),
            _ if is_requirements(&file.path) => Some(flaskseal_deps::read_requirements(&file.text)),
            _ => None,
        };
        if let Some(manifest) = manifest
            && manifests.len() < MAX_FILES
        {
            manifests.push(ManifestFile { file: id, audience, manifest });
        }
    }
    Found { manifests, locks, bills }
}

/// `requirements.txt`, `dev-requirements.in`, `requirements/base.txt`, `requirements.lock`, `constraints.txt`.
pub(super) fn is_requirements(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = name.to_ascii_lowercase();
    let Some((stem, ending)) = lower.rsplit_once('.') else { return false };
    let speaks = |text: &str| {
        text.contains("requirement")
            || text.contains("constraint")
            || text == "reqs"
            || text.starts_with("reqs-")
    };
    let parent = folder.rsplit('/').next().unwrap_or("").to_ascii_lowercase();
    matches!(ending, "txt" | "in" | "lock" | "pip") && (speaks(stem) || speaks(&parent))
}

pub(super) fn is_constraints(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.to_ascii_lowercase().contains("constraint"))
}

pub(super) fn audience_of(path: &str) -> Audience {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // `setup.py` and the like stand at the root of what they build; what counts is where that is.
    let place = if folder.is_empty() { "x.txt".to_owned() } else { format!("{folder}/x.txt") };
    if role_of(&place) != Role::Source || folder.split('/').any(|part| part.starts_with('.')) {
        return Audience::Aside;
    }
    let lower = name.to_ascii_lowercase();
    let is_development = |word: &str| {
        matches!(
            word,
            "dev"
                | "devel"
                | "develop"
                | "development"
                | "test"
                | "tests"
                | "testing"
                | "lint"
                | "linting"
                | "ci"
                | "local"
                | "doc"
                | "docs"
                | "documentation"
                | "build"
                | "typing"
                | "types"
                | "mypy"
                | "style"
                | "format"
                | "coverage"
                | "bench"
                | "benchmark"
                | "debug"
                | "tox"
                | "nox"
                | "example"
                | "sample"
                | "optional"
        )
    };
    if lower.split(['-', '_', '.', '+']).any(is_development) {
        return Audience::Development;
    }
    let last_folder = folder.rsplit('/').next().unwrap_or("");
    if is_requirements(path) && last_folder.split(['-', '_', '.']).any(is_development) {
        return Audience::Development;
    }
    Audience::Production
}

impl ManifestFile {
    /// Whether it names anything to install.
    pub fn declares(&self) -> bool {
        !self.manifest.requirements.is_empty() || !self.manifest.includes.is_empty()
    }

    pub fn is_requirements(&self) -> bool {
        self.manifest.kind == ManifestKind::Requirements
    }

    /// The files of the tree that it includes, and whether only for their versions.
    pub fn included<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = (FileId, bool)> + 'a {
        let folder = tree.file(self.file).folder();
        let found =
            |include: &Include| Some((tree.find(&join_within(folder, &include.path))?, include.constraint));
        self.manifest.includes.iter().filter_map(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_whom_a_file_is() {
        for (path, audience) in [
            ("requirements.txt", Audience::Production),
            ("requirements/production.txt", Audience::Production),
            ("requirements-dev.txt", Audience::Development),
            ("dev-requirements.in", Audience::Development),
            ("requirements/test.txt", Audience::Development),
            ("test_requirements.txt", Audience::Development),
            ("docs/requirements.txt", Audience::Aside),
            ("tests/app/requirements.txt", Audience::Aside),
            ("examples/a/pyproject.toml", Audience::Aside),
            (".github/requirements.txt", Audience::Aside),
            ("devices/requirements.txt", Audience::Production),
            ("uv.lock", Audience::Production),
        ] {
            assert_eq!(audience_of(path), audience, "{path}");
        }
        assert!(is_requirements("requirements/base.txt") && is_requirements("requirements.lock"));
        assert!(!is_requirements("uv.lock") && !is_requirements("notes.txt") && !is_requirements("Makefile"));
    }
}
