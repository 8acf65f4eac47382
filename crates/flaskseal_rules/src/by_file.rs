//! What is found in a file alone: looked for once, however many starts load the file.

use std::sync::OnceLock;

use flaskseal_core::FileId;
use flaskseal_project::Project;

/// For each file of a project, what was found in it; to be kept by `Project::once`.
pub(crate) struct ByFile<T>(Vec<OnceLock<T>>);

impl<T> ByFile<T> {
    pub(crate) fn new(project: &Project<'_>) -> Self {
        Self(project.tree.files.iter().map(|_| OnceLock::new()).collect())
    }

    /// What is in a file; `find` is asked if nobody has looked yet. `None` for a file of another project.
    pub(crate) fn of(&self, file: FileId, find: impl FnOnce() -> T) -> Option<&T> {
        Some(self.0.get(file.0 as usize)?.get_or_init(find))
    }
}
