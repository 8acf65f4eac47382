//! The tree that is checked, as it was read: the input of everything pure.

use crate::{FileId, LedgerEntry, SourceFile};

/// All that was read below the root, and all that was seen and not read.
#[derive(Debug, Default)]
pub struct Tree {
    /// Indexed by `FileId`, sorted by path.
    pub files: Vec<SourceFile>,
    /// Every path below the root, sorted, read or not; folders that were left out whole are absent.
    pub paths: Vec<TreePath>,
    /// What could not be read, and why.
    pub ledger: Vec<LedgerEntry>,
}

/// A file that exists.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TreePath {
    /// Relative to the root, with `/` on every system.
    pub path: Box<str>,
    /// Bytes.
    pub size: u64,
    pub untracked: bool,
}

impl Tree {
    /// A tree from texts, for tests and for editors.
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files: Vec<SourceFile> =
            texts.into_iter().map(|(path, text)| SourceFile::new(path, text)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let paths = files
            .iter()
            .map(|file| TreePath { path: file.path.clone(), size: file.text.len() as u64, untracked: false })
            .collect();
        Self { files, paths, ledger: Vec::new() }
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// The file that was read at exactly this path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files.binary_search_by(|file| (*file.path).cmp(path)).ok().map(|index| FileId(index as u32))
    }

    /// Whether a file exists at exactly this path, read or not.
    pub fn exists(&self, path: &str) -> bool {
        self.paths.binary_search_by(|known| (*known.path).cmp(path)).is_ok()
    }
}
