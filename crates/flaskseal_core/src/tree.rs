//! The tree that is checked, as it was read: the input of everything pure.

use std::sync::OnceLock;

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
    /// Answers of the running site, which is asked when the tree is known: their ids follow on those of `observed`.
    answers: OnceLock<Vec<SourceFile>>,
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
    pub fn new(files: Vec<SourceFile>, paths: Vec<TreePath>, ledger: Vec<LedgerEntry>) -> Self {
        Self { files, paths, ledger, ..Self::default() }
    }

    /// A tree from texts, for tests and for editors.
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files: Vec<SourceFile> =
            texts.into_iter().map(|(path, text)| SourceFile::new(path, text)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let paths = files
            .iter()
            .map(|file| TreePath { path: file.path.clone(), size: file.text.len() as u64, untracked: false })
            .collect();
        Self::new(files, paths, Vec::new())
    }

    /// # Panics
    /// Where the id is not one of this tree.
    pub fn file(&self, id: FileId) -> &SourceFile {
        self.get(id).expect("ids come from this tree")
    }

    /// A file of the tree, or an observed text.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        let index = id.0 as usize;
        let outside = || {
            let index = index.checked_sub(self.files.len())?;
            let answer = || self.answers.get()?.get(index.checked_sub(self.observed.len())?);
            self.observed.get(index).or_else(answer)
        };
        self.files.get(index).or_else(outside)
    }

    /// Whether the id is that of a text from outside the tree.
    pub fn is_observed(&self, id: FileId) -> bool {
        id.0 as usize >= self.files.len()
    }

    /// Adds texts from outside the tree. The id of the first; the others follow on it.
    pub fn observe(&mut self, texts: impl IntoIterator<Item = SourceFile>) -> FileId {
        let first = FileId((self.files.len() + self.observed.len()) as u32);
        self.observed.extend(texts);
        first
    }

    /// Adds the answers of the running site, once and after everything else that is observed. The id of the first.
    pub fn answered(&self, texts: Vec<SourceFile>) -> FileId {
        // A second site is none of this tree: its ids lead nowhere.
        let _ = self.answers.set(texts);
        FileId((self.files.len() + self.observed.len()) as u32)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_have_places_and_are_no_files() {
        let mut tree = Tree::from_texts([("a.py".to_owned(), "x".to_owned())]);
        let host = tree.observe([SourceFile::new("/etc/hosts", "y")]);
        let site = tree.answered(vec![SourceFile::new("https://shop.example/", "HTTP/1.1 200 OK")]);
        assert_eq!((&*tree.file(host).path, &*tree.file(site).path), ("/etc/hosts", "https://shop.example/"));
        assert!(tree.get(FileId(3)).is_none() && tree.is_observed(site) && !tree.is_observed(FileId(0)));
        assert_eq!((tree.ids().count(), tree.find("https://shop.example/")), (1, None));
    }
}
