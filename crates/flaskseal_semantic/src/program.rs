//! The program under analysis: its files, how imports find them, and what is known about libraries.

use std::sync::Arc;

use flaskseal_core::{FileId, Tree};
use flaskseal_models::Models;
use flaskseal_python::Module;
use rustc_hash::FxHashSet;

use crate::connexion::Operation;

/// The parsed Python files of a tree, by `FileId`; `None` for files that are not Python.
pub type Parsed = [Option<Module>];

/// Everything that evaluation reads and never changes.
pub struct Program<'a> {
    pub tree: &'a Tree,
    pub parsed: &'a Parsed,
    pub models: &'a Models,
    /// Folders of the tree that imports are looked up in, in order; `""` is the root. The first is the working
    /// directory of the process.
    pub roots: Vec<String>,
    /// Top-level import names that the project's manifests install.
    pub installed: FxHashSet<Arc<str>>,
    /// Reads a `.env` file: names, values and the range of each assignment, as python-dotenv does.
    pub read_dotenv: fn(&str) -> Vec<(String, String, flaskseal_core::TextRange)>,
    /// Reads the operations of an OpenAPI document; none from any other text.
    pub read_operations: fn(&str) -> Vec<Operation>,
    /// The version of Flask that is installed, where a manifest pins it: major and minor.
    pub flask_version: Option<(u32, u32)>,
}

/// What a dotted name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Located {
    File(FileId),
    /// A folder without `__init__.py`.
    Namespace,
    /// Not in the tree.
    Elsewhere,
}

impl Program<'_> {
    pub(crate) fn locate(&self, dotted: &str) -> Located {
        let relative = dotted.replace('.', "/");
        for root in &self.roots {
            let base = if root.is_empty() { relative.clone() } else { format!("{root}/{relative}") };
            let package = format!("{base}/__init__.py");
            if let Some(file) = self.python_file(&package) {
                return Located::File(file);
            }
            if let Some(file) = self.python_file(&format!("{base}.py")) {
                return Located::File(file);
            }
        }
        let is_folder = |root: &String| {
            let base = if root.is_empty() { format!("{relative}/") } else { format!("{root}/{relative}/") };
            let from = self.tree.files.partition_point(|file| *file.path < *base);
            // A namespace package holds Python somewhere below; a folder of templates is no package.
            self.tree.files[from..]
                .iter()
                .take_while(|file| file.path.starts_with(&base))
                .any(|file| file.path.ends_with(".py"))
        };
        if self.roots.iter().any(is_folder) { Located::Namespace } else { Located::Elsewhere }
    }

    fn python_file(&self, path: &str) -> Option<FileId> {
        self.tree.find(path).filter(|file| self.parsed[file.0 as usize].is_some())
    }

    pub(crate) fn module(&self, file: FileId) -> Option<&Module> {
        self.parsed.get(file.0 as usize)?.as_ref()
    }

    /// The dotted name under which a file is imported, from the innermost root that holds it.
    pub fn dotted_name(&self, file: FileId) -> String {
        let path = &*self.tree.file(file).path;
        let best = self
            .roots
            .iter()
            .filter_map(|root| {
                if root.is_empty() { Some(path) } else { path.strip_prefix(root.as_str())?.strip_prefix('/') }
            })
            .min_by_key(|rest| rest.len())
            .unwrap_or(path);
        let stem = best.strip_suffix(".py").unwrap_or(best);
        stem.strip_suffix("/__init__").unwrap_or(stem).replace('/', ".")
    }
}
