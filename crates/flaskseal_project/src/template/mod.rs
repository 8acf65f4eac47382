//! Templates: which files they are, and what each of their expressions prints where.
//!
//! Every template is read once. Each `render_template` is followed through inheritance, includes and macros with the
//! values that it hands over; what no call reaches is read with values of which nothing is known. The result is a
//! list of *prints*, one for each expression: its place in HTML, and the pieces of text that can arrive there.

use std::collections::BTreeMap;
use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange, Tree};
use flaskseal_jinja::{Expr, Markup, NodeKind, Position, Start, Template};
use flaskseal_models::Models;
use rayon::prelude::*;

mod builtin;
mod evaluate;
mod find;
mod member;
mod piece;

pub use piece::{Coding, Nature, Piece};

use crate::Start as Entry;
use crate::role::{Role, role_of};

/// All templates of a tree, understood.
#[derive(Debug, Default)]
pub struct Templates {
    pub files: Vec<TemplateFile>,
    /// By file and place.
    pub prints: Vec<Print>,
}

/// A template in a file, or a text that Python renders.
#[derive(Debug)]
pub struct TemplateFile {
    pub file: FileId,
    /// The path below the folder of templates, as `render_template` names it; `None` for a text in Python.
    pub name: Option<Box<str>>,
    text: Arc<str>,
    place: Place,
    pub template: Template,
    pub markup: Markup,
    /// Flask escapes what this file prints, by its name.
    pub is_escaped: bool,
}

/// Where a template's text stands in its file.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It begins at this byte.
    From(u32),
    /// It is written with escapes, somewhere in this range.
    Within(TextRange),
}

/// What one expression prints, over all ways on which it is reached.
#[derive(Clone, Debug)]
pub struct Print {
    /// Index of the template.
    pub template: usize,
    /// The whole tag, `{{ … }}`.
    pub tag: TextRange,
    pub position: Position,
    /// The block or macro that it stands in.
    pub scope: Arc<str>,
    /// The values on each way that tells something new.
    pub ways: Vec<Way>,
}

/// What an expression prints when a template is rendered by one call.
#[derive(Clone, Debug)]
pub struct Way {
    pub pieces: Vec<Piece>,
    /// The call; `None` where nothing is known to render the template.
    pub call: Option<Span>,
}

impl TemplateFile {
    fn new(file: FileId, name: Option<Box<str>>, text: Arc<str>, place: Place, is_escaped: bool) -> Self {
        let template = flaskseal_jinja::parse(&text);
        let markup = Markup::of(&text, &template, &|_| None);
        Self { file, name, text, place, template, markup, is_escaped }
    }

    /// A range of the template's text as a place in the tree.
    pub fn span(&self, range: TextRange) -> Span {
        match self.place {
            Place::From(start) => Span::new(self.file, start + range.start, start + range.end),
            Place::Within(range) => Span { file: self.file, range },
        }
    }

    pub fn text(&self, range: TextRange) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    pub fn source(&self) -> &str {
        &self.text
    }

    /// Whether there is anything of Jinja in it.
    pub fn has_tags(&self) -> bool {
        self.template.body.iter().any(|node| !matches!(node.kind, NodeKind::Text(_)))
    }

    /// Whether a finding can be placed in it to the byte, and fixed there.
    pub fn is_exact(&self) -> bool {
        matches!(self.place, Place::From(_))
    }
}

impl Templates {
    pub(crate) fn read(tree: &Tree, starts: &[&Entry], flask_version: Option<(u32, u32)>) -> Self {
        let found = find::files(tree);
        let is_chosen = chooses_escaping(tree, starts);
        let mut files: Vec<TemplateFile> = found
            .into_par_iter()
            .map(|(file, name)| {
                let text: Arc<str> = (&*tree.file(file).text).into();
                let is_escaped = escapes(&name, flask_version) || is_chosen && !name.ends_with(".txt");
                TemplateFile::new(file, Some(name), text, Place::From(0), is_escaped)
            })
            .collect();
        find::texts(tree, starts, &mut files);
        let mut templates = Self { files, prints: Vec::new() };
        if templates.files.is_empty() {
            return templates;
        }
        templates.place_blocks();
        templates.prints = evaluate::prints(tree, &templates, starts);
        templates
    }

    /// The template that a name means to this file: the one below the nearest folder.
    pub fn named(&self, name: &str, from: &str, tree: &Tree) -> Option<usize> {
        let common = |path: &str| path.bytes().zip(from.bytes()).take_while(|(a, b)| a == b).count();
        (0..self.files.len())
            .filter(|&index| {
                let path = &*tree.file(self.files[index].file).path;
                self.files[index].name.is_some()
                    && path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            })
            .max_by_key(|&index| {
                let path = &*tree.file(self.files[index].file).path;
                (common(path), std::cmp::Reverse(path.len()), std::cmp::Reverse(index))
            })
    }

    /// Blocks begin where the template that is extended puts them.
    fn place_blocks(&mut self) {
        // Parents first: a chain of templates is as deep as people can follow it.
        for _ in 0..4 {
            let starts: Vec<Option<BTreeMap<Arc<str>, Start>>> = (0..self.files.len())
                .map(|index| {
                    let parent = self.files[index].template.parent()?.as_str()?;
                    let parent = self.by_name(parent, index)?;
                    let blocks = &self.files[parent].markup.blocks;
                    blocks.values().any(|start| !start.is_text()).then(|| blocks.clone())
                })
                .collect();
            let mut changed = false;
            for (file, starts) in self.files.iter_mut().zip(starts) {
                let Some(starts) = starts else { continue };
                let markup = Markup::of(&file.text, &file.template, &|name| starts.get(name).cloned());
                changed |= markup.blocks != file.markup.blocks;
                file.markup = markup;
            }
            if !changed {
                break;
            }
        }
    }

    /// The template that another one names.
    fn by_name(&self, name: &str, from: usize) -> Option<usize> {
        let own = self.files[from].name.as_deref();
        // The same folder of templates has it in most projects, and the order of files is that of paths.
        let candidates =
            (0..self.files.len()).filter(|&index| self.files[index].name.as_deref() == Some(name));
        candidates.min_by_key(|&index| (index == from && own == Some(name), index.abs_diff(from)))
    }
}

/// Whether the program, or a library that it calls, decides for itself which files are escaped. How it decides is
/// judged where it is written.
fn chooses_escaping(tree: &Tree, starts: &[&Entry]) -> bool {
    let by_library = starts
        .iter()
        .flat_map(|start| &start.evaluation.events)
        .any(|event| Models::bundled().has_role(&event.path, "template.escaping"));
    by_library
        || tree.files.iter().any(|file| {
            let says = |words: &[&str]| words.iter().all(|word| file.text.contains(word));
            file.path.ends_with(".py")
                && role_of(&file.path) == Role::Source
                && (says(&["select_jinja_autoescape"])
                    || says(&["jinja_env.autoescape"])
                    || says(&["jinja_options", "autoescape"]))
        })
}

/// Whether Flask escapes what a file prints (`Flask.select_jinja_autoescape`). The suffix is compared as it is.
pub fn escapes(name: &str, flask_version: Option<(u32, u32)>) -> bool {
    let has_svg = flask_version.is_none_or(|version| version >= (2, 2));
    [".html", ".htm", ".xml", ".xhtml"].iter().any(|suffix| name.ends_with(suffix))
        || has_svg && name.ends_with(".svg")
}

/// The expressions of an output.
fn outputs(kind: &NodeKind) -> &[Expr] {
    match kind {
        NodeKind::Output(values) => values,
        _ => &[],
    }
}
