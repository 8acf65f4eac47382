//! What can be wrong with something that the user named. What is wrong inside the tree is no error: it stands in
//! the tree's ledger, and the rest goes on.

use std::io;
use std::path::{Path, PathBuf};

/// A named input that cannot be used. Every message names the path and, where there is one, the remedy.
#[derive(thiserror::Error, Debug)]
pub enum InputError {
    #[error("{path} does not exist", path = .0.display())]
    Missing(PathBuf),
    #[error(
        "{path} is a file: name the folder of the application, and its entry with `--entry MODULE:CALLABLE` if needed",
        path = .0.display()
    )]
    NotAFolder(PathBuf),
    #[error("{path} is a file: name the root folder of a machine", path = .0.display())]
    NotAHost(PathBuf),
    #[error(
        "{path} holds no installed packages: name a virtual environment, or the folder that its *.dist-info are in",
        path = .0.display()
    )]
    NoPackages(PathBuf),
    #[error("{path} is a folder: name a file", path = .0.display())]
    NotAFile(PathBuf),
    #[error("{path} is not a regular file, and only regular files are read", path = .0.display())]
    Special(PathBuf),
    #[error("{path} may not be read: permission denied", path = .0.display())]
    Denied(PathBuf),
    #[error("{path} is larger than {limit} MiB", path = .path.display())]
    TooLarge {
        path: PathBuf,
        /// Mebibytes.
        limit: u64,
    },
    #[error("{path} {reason}", path = .path.display())]
    NotText { path: PathBuf, reason: String },
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the exclusion `{glob}` is not a valid pattern: {reason}")]
    Exclude { glob: String, reason: String },
}

impl InputError {
    /// The error for a failed attempt to look at or open `path`.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            _ => Self::Read { path, source },
        }
    }
}
