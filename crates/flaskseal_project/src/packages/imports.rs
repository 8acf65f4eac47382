//! What Python files import, by top-level name.

use std::collections::BTreeMap;

use flaskseal_core::{FileId, Span};
use flaskseal_python::ast::statement_visitor::{StatementVisitor, walk_stmt};
use flaskseal_python::ast::{Stmt, StmtImport, StmtImportFrom};
use flaskseal_python::{Module, range_of};

/// Top-level names that files import, each with its first place.
pub type Imports = BTreeMap<String, Span>;

/// Adds the imports of a file, those inside functions too. A relative import names no distribution.
pub(super) fn collect(file: FileId, module: &Module, imports: &mut Imports) {
    let mut collector = Collector { file, imports };
    collector.visit_body(&module.syntax.body);
}

struct Collector<'i> {
    file: FileId,
    imports: &'i mut Imports,
}

impl Collector<'_> {
    fn add(&mut self, path: &str, span: Span) {
        let mut parts = path.split('.');
        if let Some(top) = parts.next() {
            self.imports.entry(top.to_owned()).or_insert(span);
        }
        // `google.cloud.storage`: a namespace says little, and more of the path says more.
        if let Some(second) = parts.next() {
            let top = path.split('.').next().unwrap_or("");
            self.imports.entry(format!("{top}.{second}")).or_insert(span);
        }
    }
}

impl<'a> StatementVisitor<'a> for Collector<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(StmtImport { names, .. }) => {
                let span = Span { file: self.file, range: range_of(statement) };
                for name in names {
                    self.add(&name.name, span);
                }
            }
            Stmt::ImportFrom(StmtImportFrom { module: Some(module), level: 0, .. }) => {
                let span = Span { file: self.file, range: range_of(statement) };
                self.add(module, span);
            }
            _ => walk_stmt(self, statement),
        }
    }
}
