//! `<meta>` elements of the templates that stand for a header.

use flaskseal_core::{Layer, Span};
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

/// The first `<meta>` element whose attribute has the value, with its place.
fn element<'t>(text: &'t str, attribute: &str, value: &str) -> Option<(usize, &'t str)> {
    text.match_indices('<').find_map(|(start, _)| {
        let rest = text.get(start..)?;
        if !rest.get(..5)?.eq_ignore_ascii_case("<meta") {
            return None;
        }
        // A value may hold the sign that ends the element.
        let mut quote = None;
        let end = rest.char_indices().take(4096).find_map(|(at, character)| match (quote, character) {
            (None, '>') => Some(at + 1),
            (None, '"' | '\'') => {
                quote = Some(character);
                None
            }
            (Some(open), _) if open == character => {
                quote = None;
                None
            }
            _ => None,
        })?;
        let element = rest.get(..end)?;
        attribute_value(element, attribute)?.eq_ignore_ascii_case(value).then_some((start, element))
    })
}

fn attribute_value<'t>(element: &'t str, name: &str) -> Option<&'t str> {
    let lower = element.to_ascii_lowercase();
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let rest = element.get(at..)?;
    let quote = rest.chars().next()?;
    if matches!(quote, '"' | '\'') {
        rest.get(1..)?.split(quote).next()
    } else {
        rest.split([' ', '>', '/']).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_any_spelling() {
        let text = "<head><META charset=utf-8><meta content=\"default-src 'self'; img-src >\" HTTP-EQUIV='content-security-policy'>";
        let (start, found) = element(text, "http-equiv", "content-security-policy").expect("it is there");
        assert!(text[start..].starts_with("<meta content"));
        assert_eq!(attribute_value(found, "content"), Some("default-src 'self'; img-src >"));
        assert!(element("<meta", "http-equiv", "x").is_none());
        assert!(element("<metà http-equiv=x>", "http-equiv", "x").is_none());
    }
}
