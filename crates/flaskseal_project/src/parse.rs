//! Parses what is Python in a tree, on all cores.

use flaskseal_core::{FileId, Tree};
use flaskseal_python::Module;
use rayon::prelude::*;

/// The syntax trees of a tree's files.
#[derive(Debug)]
pub struct ParsedTree {
    /// By `FileId`; `None` for what is not Python.
    pub modules: Vec<Option<Module>>,
}

/// Parses every Python file, and files that `from_pyfile` may load under another ending.
pub fn parse(tree: &Tree) -> ParsedTree {
    let loads_files = tree.files.iter().any(|file| {
        file.path.ends_with(".py") && (file.text.contains("from_pyfile") || file.text.contains("from_envvar"))
    });
    let modules = tree
        .files
        .par_iter()
        .map(|file| {
            let is_python = file.path.ends_with(".py") || file.path.ends_with(".wsgi");
            let is_settings = loads_files
                && (file.path.ends_with(".cfg")
                    || file.path.ends_with(".conf")
                    || file.path.ends_with(".config"));
            (is_python || is_settings).then(|| flaskseal_python::parse(file))
        })
        .collect();
    ParsedTree { modules }
}

/// Syntax trees are many small pieces: given back by one core, they would take as long as a rule that walks them all.
impl Drop for ParsedTree {
    fn drop(&mut self) {
        self.modules.par_drain(..).for_each(drop);
    }
}

impl ParsedTree {
    /// Files that are Python by their ending and did not parse, with what is wrong.
    pub fn problems<'p>(
        &'p self,
        tree: &'p Tree,
    ) -> impl Iterator<Item = (FileId, &'p flaskseal_python::Problem)> {
        tree.ids().filter_map(|id| {
            let module = self.modules[id.0 as usize].as_ref()?;
            let problem = module.problems.first()?;
            tree.file(id).path.ends_with(".py").then_some((id, problem))
        })
    }
}
