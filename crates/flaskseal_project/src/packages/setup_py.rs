//! `setup.py`, without running it: the arguments of `setup(...)` where they are written down, or are module-level
//! names bound to what is written down.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use flaskseal_deps::{
    Group, Manifest, ManifestKind, Problem, Requirement, VersionSpecifiers, normalize, read_requirements,
};
use flaskseal_python::ast::statement_visitor::{StatementVisitor, walk_stmt};
use flaskseal_python::ast::{Expr, ExprCall, Operator, Stmt};
use flaskseal_python::{Module, range_of};

/// Names that stand for names that stand for names.
const MAX_DEPTH: u32 = 16;

/// What `setup(...)` says; `None` where the file does not call it.
pub(super) fn read(module: &Module) -> Option<Manifest> {
    let mut finder = Finder { call: None };
    finder.visit_body(&module.syntax.body);
    let call = finder.call?;
    let mut manifest = Manifest { kind: ManifestKind::SetupPy, ..read_requirements("") };
    let reader = Reader { body: &module.syntax.body };
    for keyword in &call.arguments.keywords {
        match keyword.arg.as_deref() {
            Some("name") => manifest.project = text(&keyword.value).map(normalize),
            Some("python_requires") => {
                let specifiers = text(&keyword.value).and_then(|text| VersionSpecifiers::from_str(text).ok());
                manifest.requires_python =
                    specifiers.map(|specifiers| (specifiers, range_of(&keyword.value)));
            }
            Some("install_requires") => reader.add(&keyword.value, &Group::Main, &mut manifest),
            Some("extras_require") => {
                let Some(Expr::Dict(extras)) = reader.value(&keyword.value, 0) else { continue };
                for item in &extras.items {
                    let Some(extra) = item.key.as_ref().and_then(text) else { continue };
                    reader.add(&item.value, &Group::Extra(normalize(extra)), &mut manifest);
                }
            }
            _ => {}
        }
    }
    Some(manifest)
}

struct Finder<'a> {
    call: Option<&'a ExprCall>,
}

impl<'a> StatementVisitor<'a> for Finder<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Expr(expression) = statement
            && let Expr::Call(call) = &*expression.value
        {
            let is_setup = match &*call.func {
                Expr::Name(name) => name.id.as_str() == "setup",
                Expr::Attribute(attribute) => attribute.attr.as_str() == "setup",
                _ => false,
            };
            if is_setup {
                self.call = Some(call);
            }
        }
        walk_stmt(self, statement);
    }
}

struct Reader<'a> {
    body: &'a [Stmt],
}

impl<'a> Reader<'a> {
    fn add(&self, list: &'a Expr, group: &Group, manifest: &mut Manifest) {
        let mut items: Vec<(&str, TextRange)> = Vec::new();
        if !self.texts(list, &mut items, 0) {
            manifest.problems.push(Problem {
                range: range_of(list),
                message: "computes its requirements, which are not seen".to_owned(),
            });
        }
        for (written, range) in items {
            for line in written.lines().filter(|line| !line.trim().is_empty()) {
                if let Ok(requirement) = Requirement::parse(line, 0) {
                    manifest.requirements.push(Requirement { group: group.clone(), range, ..requirement });
                }
            }
        }
    }

    /// The texts of a list; false where some of it is not written down.
    fn texts(&self, list: &'a Expr, found: &mut Vec<(&'a str, TextRange)>, depth: u32) -> bool {
        if depth > MAX_DEPTH || found.len() > 10_000 {
            return false;
        }
        match self.value(list, depth) {
            Some(Expr::List(list)) => self.items(&list.elts, found),
            Some(Expr::Tuple(list)) => self.items(&list.elts, found),
            Some(Expr::BinOp(sum)) if sum.op == Operator::Add => {
                let left = self.texts(&sum.left, found, depth + 1);
                self.texts(&sum.right, found, depth + 1) && left
            }
            Some(expression @ Expr::StringLiteral(_)) => self.item(expression, found),
            _ => false,
        }
    }

    /// Every item is looked at, whatever became of the ones before it.
    fn items(&self, items: &'a [Expr], found: &mut Vec<(&'a str, TextRange)>) -> bool {
        let mut all = true;
        for item in items {
            all &= self.item(item, found);
        }
        all
    }

    fn item(&self, item: &'a Expr, found: &mut Vec<(&'a str, TextRange)>) -> bool {
        let text = text(item);
        found.extend(text.map(|text| (text, range_of(item))));
        text.is_some()
    }

    /// What a name stands for: its last assignment at the level of the module.
    fn value(&self, expression: &'a Expr, depth: u32) -> Option<&'a Expr> {
        let Expr::Name(name) = expression else { return Some(expression) };
        if depth > MAX_DEPTH {
            return None;
        }
        let bound = self.body.iter().rev().find_map(|statement| match statement {
            Stmt::Assign(assign) => {
                let is_it = |target: &Expr| matches!(target, Expr::Name(known) if known.id == name.id);
                assign.targets.iter().any(is_it).then_some(&*assign.value)
            }
            Stmt::AnnAssign(assign) => {
                let is_it = matches!(&*assign.target, Expr::Name(known) if known.id == name.id);
                if is_it { assign.value.as_deref() } else { None }
            }
            _ => None,
        })?;
        self.value(bound, depth + 1)
    }
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flaskseal_core::SourceFile;

    use super::*;

    fn manifest(text: &str) -> Option<Manifest> {
        read(&flaskseal_python::parse(&SourceFile::new("setup.py", text)))
    }

    #[test]
    fn what_is_written_down_is_read() {
        let manifest = manifest(
            "from setuptools import setup\nbase = ['flask>=2', 'redis']\nif True:\n    setup(name='Shop', python_requires='>=3.9', install_requires=base + ['gunicorn'], extras_require={'x': ['y']})\n",
        )
        .unwrap();
        let names: Vec<_> =
            manifest.requirements.iter().map(|r| (r.name.as_str(), r.group.clone())).collect();
        assert_eq!(
            names,
            [
                ("flask", Group::Main),
                ("redis", Group::Main),
                ("gunicorn", Group::Main),
                ("y", Group::Extra("x".to_owned()))
            ]
        );
        assert_eq!(manifest.project.as_deref(), Some("shop"));
    }

    #[test]
    fn what_is_computed_is_a_problem() {
        let manifest = manifest("setup(install_requires=open('r.txt').read().splitlines())").unwrap();
        assert_eq!((manifest.requirements.len(), manifest.problems.len()), (0, 1));
        assert!(manifest_of_nothing().is_none());
    }

    fn manifest_of_nothing() -> Option<Manifest> {
        manifest("x = x\nsetup")
    }
}
