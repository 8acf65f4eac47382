//! What a manifest says: the shape that every reader of one fills in.

use flaskseal_core::TextRange;
use pep440_rs::VersionSpecifiers;

use crate::Requirement;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ManifestKind {
    Requirements,
    Pyproject,
    SetupCfg,
    SetupPy,
    Pipfile,
    Conda,
    /// `pip.conf`: indexes, and nothing to install.
    PipConf,
}

/// One manifest, read.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    pub kind: ManifestKind,
    pub requirements: Vec<Requirement>,
    pub indexes: Vec<Index>,
    /// Other requirements files that this one names.
    pub includes: Vec<Include>,
    pub requires_python: Option<(VersionSpecifiers, TextRange)>,
    /// The project's own name, normalised.
    pub project: Option<String>,
    /// A resolver wrote the file: every package that is needed stands in it.
    pub resolved: bool,
    /// `--require-hashes` stands in it.
    pub requires_hashes: bool,
    /// The tool that the project's groups and sources are for: `poetry`, `pdm` or `uv`.
    pub tool: Option<&'static str>,
    pub problems: Vec<Problem>,
}

impl Manifest {
    pub(crate) fn new(kind: ManifestKind) -> Self {
        Self {
            kind,
            requirements: Vec::new(),
            indexes: Vec::new(),
            includes: Vec::new(),
            requires_python: None,
            project: None,
            resolved: false,
            requires_hashes: false,
            tool: None,
            problems: Vec::new(),
        }
    }

    pub(crate) fn problem(&mut self, range: TextRange, message: impl Into<String>) {
        // A hostile file must not make this grow without bound.
        if self.problems.len() < 100 {
            self.problems.push(Problem { range, message: message.into() });
        }
    }
}

/// Where packages are taken from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    pub kind: IndexKind,
    /// The URL, path or host as written.
    pub url: String,
    pub range: TextRange,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IndexKind {
    /// Instead of the public index.
    Main,
    /// Beside another index, for any package.
    Extra,
    /// Only for packages that are assigned to it.
    Explicit,
    /// `--find-links`: a page or folder of archives.
    Links,
    /// `--trusted-host`: certificates of this host are not verified.
    TrustedHost,
    /// The resolver may take any index's version: `unsafe-best-match` and its kin.
    UnsafeStrategy,
}

/// `-r FILE` or `-c FILE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Include {
    /// As written, relative to the file that names it.
    pub path: String,
    /// `-c`: versions only, and nothing to install.
    pub constraint: bool,
    pub range: TextRange,
}

/// Where a file does not fit its format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub range: TextRange,
    pub message: String,
}
