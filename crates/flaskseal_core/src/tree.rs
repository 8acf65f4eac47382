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
    /// Texts from outside the tree that findings have places in: files of the host, answers of the running site. Their
    /// ids follow on those of `files`; whoever walks the tree does not meet them.
    pub observed: Vec<SourceFile>,
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
        Self { files, paths, ..Self::default() }
    }

    /// # Panics
    /// Where the id is not one of this tree.
    pub fn file(&self, id: FileId) -> &SourceFile {
        self.get(id).expect("ids come from this tree")
    }

    /// A file of the tree, or an observed text.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        let index = id.0 as usize;
        self.files.get(index).or_else(|| self.observed.get(index.checked_sub(self.files.len())?))
    }

    /// Adds texts from outside the tree. The id of the first; the others follow on it.
    pub fn observe(&mut self, texts: impl IntoIterator<Item = SourceFile>) -> FileId {
        let first = FileId((self.files.len() + self.observed.len()) as u32);
        self.observed.extend(texts);
        first
    }

    /// The files of the tree, in the order of their paths; observed texts are none.
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
