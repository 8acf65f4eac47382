//! Which files are templates, and which texts in Python are.

use std::sync::Arc;

use flaskseal_core::{FileId, Tree};
use flaskseal_semantic::{Event, Fact, FactKind};

use super::{Place, TemplateFile};
use crate::Start;
use crate::role::{Role, role_of};

/// Every file that is a template, with its name below the folder of templates.
pub(super) fn files(tree: &Tree) -> Vec<(FileId, Box<str>)> {
    tree.ids()
        .filter_map(|id| {
            let file = tree.file(id);
            let path = &*file.path;
            if role_of(path) != Role::Source {
                return None;
            }
            let name = name_of(path);
            let (_, extension) = path.rsplit_once('.')?;
            let is_jinja = matches!(extension, "jinja" | "jinja2" | "j2");
            let is_markup = matches!(
                extension.to_ascii_lowercase().as_str(),
                "html" | "htm" | "xhtml" | "xml" | "svg" | "tpl" | "tmpl" | "txt"
            );
            let has_tags = || file.text.contains("{{") || file.text.contains("{%");
            let is_template = match name {
                Some(_) => is_jinja || is_markup,
                None => {
                    (is_jinja || is_markup && extension.starts_with(['h', 'H', 'x']) && has_tags())
                        && !is_foreign(path, &file.text)
                }
            };
            // Templates of Django are none of Flask's.
            let is_django = file.text.contains("{% load ") || file.text.contains("{% csrf_token %}");
            (is_template && !is_django).then(|| (id, name.unwrap_or(path).into()))
        })
        .collect()
}

/// The path below a folder called `templates`.
fn name_of(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("templates/") {
        return Some(rest);
    }
    path.split_once("/templates/").map(|(_, rest)| rest)
}

/// Pages that a browser fills in, and what is shown as it is.
fn is_foreign(path: &str, text: &str) -> bool {
    let is_asset = path.split('/').any(|part| {
        matches!(
            part,
            "static" | "assets" | "public" | "dist" | "build" | "frontend" | "htmlcov" | "roles" | "charts"
        )
    });
    is_asset
        || ["ng-app", "ng-controller", "v-if=", "v-for=", "*ngIf", "*ngFor"]
            .iter()
            .any(|mark| text.contains(mark))
}

/// Texts that Python renders and that are known: each becomes a template of its own.
pub(super) fn texts(tree: &Tree, starts: &[&Start], files: &mut Vec<TemplateFile>) {
    for event in starts.iter().flat_map(|start| &start.evaluation.events) {
        if !is_text_call(event) || role_of(&tree.file(event.span.file).path) == Role::Test {
            continue;
        }
        let Some(source) = event.argument(0, "source") else { continue };
        for (source, _) in source.alternatives() {
            let (Some(text), Some(at)) = (source.as_str(), source.at) else { continue };
            let is_known =
                files.iter().any(|file| file.name.is_none() && file.file == at.file && &*file.text == text);
            if is_known || !text.contains('{') {
                continue;
            }
            let written = tree.file(at.file).slice(at.range);
            let place = match written.find(text) {
                Some(offset) => Place::From(at.range.start + offset as u32),
                None => Place::Within(at.range),
            };
            files.push(TemplateFile::new(at.file, None, Arc::from(text), place, true));
        }
    }
}

/// Whether a call renders a text.
pub(super) fn is_text_call(event: &Event) -> bool {
    matches!(&*event.path, "flask.render_template_string" | "flask.stream_template_string")
}

/// Whether a call renders a template that it names.
pub(super) fn is_name_call(event: &Event) -> bool {
    matches!(&*event.path, "flask.render_template" | "flask.stream_template")
}

/// The names that a call may render.
pub(super) fn names(event: &Event) -> Vec<&str> {
    let Some(name) = event.argument(0, "template_name_or_list") else { return Vec::new() };
    let mut names = Vec::new();
    for (fact, _) in name.alternatives() {
        match &fact.kind {
            FactKind::Sequence { items, .. } => names.extend(items.iter().filter_map(Fact::as_str)),
            _ => names.extend(fact.as_str()),
        }
    }
    names
}
