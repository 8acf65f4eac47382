//! The syntax of what production loads, for rules that ask what code is written around a place.

use std::collections::BTreeSet;

use flaskseal_core::{FileId, Span, TextRange};
use flaskseal_project::{Context, Role};
use flaskseal_python::ast::visitor::source_order::{SourceOrderVisitor, TraversalSignal};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};
use flaskseal_python::{Ranged, range_of};

use crate::vocabulary::files_with;

/// The nodes around a place, from the one that covers it most closely to the module.
pub(crate) fn enclosing<'p>(cx: &Context<'p>, span: Span) -> Vec<AnyNodeRef<'p>> {
    struct Finder<'p> {
        range: TextRange,
        nodes: Vec<AnyNodeRef<'p>>,
    }
    impl<'p> SourceOrderVisitor<'p> for Finder<'p> {
        fn enter_node(&mut self, node: AnyNodeRef<'p>) -> TraversalSignal {
            if !range_of(&node).encloses(self.range) {
                return TraversalSignal::Skip;
            }
            self.nodes.push(node);
            TraversalSignal::Traverse
        }

        /// Statements stand in the order of the source: one at most is around the place.
        fn visit_body(&mut self, body: &'p [ast::Stmt]) {
            let index = body.partition_point(|statement| range_of(statement).end < self.range.end);
            if let Some(statement) = body.get(index) {
                self.visit_stmt(statement);
            }
        }
    }
    let Some(module) = module(cx, span.file) else { return Vec::new() };
    let mut finder = Finder { range: span.range, nodes: Vec::new() };
    AnyNodeRef::from(module).visit_source_order(&mut finder);
    finder.nodes.reverse();
    finder.nodes
}

/// The innermost function around a place.
pub(crate) fn function_around<'p>(cx: &Context<'p>, span: Span) -> Option<&'p ast::StmtFunctionDef> {
    enclosing(cx, span).into_iter().find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(function) => Some(function),
        _ => None,
    })
}

/// Every node of every file that production loads, with its file; tests are left out.
pub(crate) fn nodes<'p>(cx: &Context<'p>) -> impl Iterator<Item = (FileId, AnyNodeRef<'p>)> + use<'p> {
    nodes_of(*cx, cx.evaluation.loaded.iter().copied())
}

/// Every node of the files that production loads and that hold one of the texts, as `vocabulary` finds them: what is
/// asked for cannot be elsewhere.
pub(crate) fn nodes_near<'p>(
    cx: &Context<'p>,
    texts: &[&str],
) -> impl Iterator<Item = (FileId, AnyNodeRef<'p>)> + use<'p> {
    let cx = *cx;
    nodes_of(cx, files_with(&cx, texts, cx.evaluation.loaded.iter().copied()))
}

fn nodes_of<'p>(
    cx: Context<'p>,
    files: impl IntoIterator<Item = FileId>,
) -> impl Iterator<Item = (FileId, AnyNodeRef<'p>)> {
    files
        .into_iter()
        .filter(move |file| cx.project.role(*file) != Role::Test)
        .filter_map(move |file| Some((file, module(&cx, file)?)))
        .flat_map(|(file, module)| {
            let nodes: Vec<AnyNodeRef<'p>> =
                module.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).collect();
            nodes.into_iter().map(move |node| (file, node))
        })
}

/// A node and everything in it, in the order of the source.
pub(crate) fn within(node: AnyNodeRef<'_>) -> Vec<AnyNodeRef<'_>> {
    struct Collector<'p>(Vec<AnyNodeRef<'p>>);
    impl<'p> SourceOrderVisitor<'p> for Collector<'p> {
        fn enter_node(&mut self, node: AnyNodeRef<'p>) -> TraversalSignal {
            self.0.push(node);
            TraversalSignal::Traverse
        }
    }
    let mut collector = Collector(vec![node]);
    node.visit_source_order(&mut collector);
    collector.0
}

/// The names, attributes and keywords that a node mentions.
pub(crate) fn identifiers(node: AnyNodeRef<'_>) -> BTreeSet<String> {
    within(node)
        .into_iter()
        .filter_map(|node| match node {
            AnyNodeRef::ExprName(name) => Some(name.id.to_string()),
            AnyNodeRef::ExprAttribute(attribute) => Some(attribute.attr.id.to_string()),
            AnyNodeRef::Keyword(keyword) => keyword.arg.as_ref().map(|name| name.id.to_string()),
            _ => None,
        })
        .collect()
}

/// The last name of a name, an attribute or what is called: `digest` of `h.digest()`; the key of `data["token"]`.
pub(crate) fn last_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => Some(&attribute.attr.id),
        Expr::Call(call) => last_name(&call.func),
        Expr::Subscript(subscript) => match &*subscript.slice {
            Expr::StringLiteral(key) => Some(key.value.to_str()),
            _ => last_name(&subscript.value),
        },
        Expr::Await(node) => last_name(&node.value),
        _ => None,
    }
}

/// The words of an identifier: `resetToken`, `reset_token` and `RESET-TOKEN` have the same two.
pub(crate) fn words(identifier: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    let mut open = false;
    for character in identifier.chars() {
        if character.is_alphanumeric() {
            if !open || (was_lower && character.is_uppercase()) {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(character.to_lowercase());
            }
        }
        open = character.is_alphanumeric();
        was_lower = character.is_lowercase() || character.is_ascii_digit();
    }
    words
}

pub(crate) fn span_of(file: FileId, node: &impl Ranged) -> Span {
    Span { file, range: range_of(node) }
}

fn module<'p>(cx: &Context<'p>, file: FileId) -> Option<&'p ast::ModModule> {
    cx.project.parsed.modules.get(file.0 as usize)?.as_ref().map(|module| &module.syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_words_in_every_spelling() {
        for spelling in ["reset_token", "resetToken", "RESET-TOKEN", "ResetToken", "_reset__token"] {
            assert_eq!(words(spelling), ["reset", "token"], "{spelling}");
        }
        assert!(words("").is_empty());
    }
}
