//! Whether the application uses a package: what production imports, and what it starts or loads without an import.

use flaskseal_core::{FileId, Span};
use flaskseal_deps::{brought_by, import_names, is_used_without_import};

use crate::packages::{Imports, imports_of};
use crate::{Package, Project, Role, role_of};

/// How far production reaches a package, the farthest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Code that production runs imports it, here.
    Imported(Span),
    /// Code that production runs imports this package, which brings it along.
    Through(String, Option<Span>),
    /// Production starts it, or another library loads it by itself.
    Started,
    /// Only code imports it that production does not load, as far as the analysis sees.
    Elsewhere(Span),
    /// Only tests import it.
    Tests(Span),
    /// Nothing in the tree imports it.
    Nowhere,
    /// No application could be followed, so nothing is known.
    Unknown,
}

impl Reach {
    /// Whether the application may well do without the package.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Elsewhere(_) | Self::Tests(_) | Self::Nowhere)
    }
}

/// What the files of a tree import, by who loads them.
#[derive(Debug, Default)]
pub(crate) struct ImportMap {
    production: Imports,
    elsewhere: Imports,
    tests: Imports,
    followed: bool,
}

impl ImportMap {
    pub(crate) fn of(project: &Project<'_>) -> Self {
        let starts = project.apps.iter().flat_map(|app| &app.starts);
        let mut loaded: Vec<FileId> =
            starts.clone().flat_map(|start| start.evaluation.loaded.iter().copied()).collect();
        loaded.sort_unstable();
        loaded.dedup();
        let rest = |wanted: fn(Role) -> bool| -> Vec<FileId> {
            let ids = project.tree.ids().filter(|id| loaded.binary_search(id).is_err());
            ids.filter(|id| wanted(role_of(&project.tree.file(*id).path))).collect()
        };
        let imports = |files: &[FileId]| imports_of(project.parsed, files);
        Self {
            elsewhere: imports(&rest(|role| role == Role::Source)),
            tests: imports(&rest(|role| role != Role::Source)),
            followed: !loaded.is_empty(),
            production: imports(&loaded),
        }
    }
}

impl Project<'_> {
    /// How far production reaches a package.
    pub fn reach(&self, package: &Package) -> Reach {
        let map = self.imports();
        if !map.followed {
            return Reach::Unknown;
        }
        if let Some(span) = imported(&map.production, &package.name) {
            return Reach::Imported(span);
        }
        // The way that the lock names, nearest first; then what is known of who brings what.
        let mut parents: Vec<&str> = package.path.iter().rev().map(String::as_str).collect();
        for parent in brought_by(&package.name) {
            parents.push(parent);
        }
        for parent in parents {
            if let Some(span) = imported(&map.production, parent) {
                return Reach::Through(parent.to_owned(), Some(span));
            }
            if is_used_without_import(parent) && self.packages.names(parent) {
                return Reach::Through(parent.to_owned(), None);
            }
            // Two steps: Flask-Login brings Flask, which brings Werkzeug.
            if let Some(above) = brought_by(parent).find_map(|above| imported(&map.production, above)) {
                return Reach::Through(parent.to_owned(), Some(above));
            }
        }
        if is_used_without_import(&package.name) {
            return Reach::Started;
        }
        if let Some(span) = imported(&map.elsewhere, &package.name) {
            return Reach::Elsewhere(span);
        }
        match imported(&map.tests, &package.name) {
            Some(span) => Reach::Tests(span),
            None => Reach::Nowhere,
        }
    }
}

fn imported(imports: &Imports, distribution: &str) -> Option<Span> {
    import_names(distribution).iter().find_map(|name| imports.get(name).copied())
}
