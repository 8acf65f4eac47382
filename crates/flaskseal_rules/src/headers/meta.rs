//! `<meta>` elements of the templates that stand for a header.

use flaskseal_core::{Layer, Span};
use flaskseal_live::meta::{attribute_value, element};
use flaskseal_project::Context;

use super::effective::{Header, Scope, Value};

/// What the element of a kind says, in the template that the others extend: `http-equiv="Content-Security-Policy"`,
/// `name="referrer"`. A template that none extends speaks for its own page.
pub(super) fn header(cx: &Context<'_>, attribute: &str, name: &str) -> Option<Header> {
    let tree = cx.project.tree;
    let templates = tree.ids().filter(|id| {
        let path = &tree.file(*id).path;
        ["html", "htm", "xhtml", "jinja", "jinja2", "j2"]
            .iter()
            .any(|end| path.rsplit('.').next() == Some(end))
    });
    for id in templates {
        let file = tree.file(id);
        let Some((start, element)) = element(&file.text, attribute, name) else { continue };
        let own = file.name();
        let is_base = tree.ids().any(|other| {
            let text = &tree.file(other).text;
            text.contains("extends")
                && (text.contains(&format!("{own}\"")) || text.contains(&format!("{own}'")))
        });
        if !is_base {
            continue;
        }
        let content = attribute_value(element, "content").unwrap_or_default();
        let value = if content.contains("{{") || content.contains("{%") {
            Value::Partial(content.to_owned())
        } else {
            Value::Exact(content.to_owned())
        };
        let span = Span::new(id, start as u32, (start + element.len()) as u32);
        return Some(Header {
            name: name.to_owned(),
            value,
            input: None,
            scope: Scope::All,
            layer: Layer::Template,
            span,
            by: format!("`{own}`"),
        });
    }
    None
}
