//! CycloneDX as XML. Declarations of entities are refused, so nothing in it can grow; and what the parser compares with
//! each other, attributes of a tag and namespaces, is counted before it is parsed.

use flaskseal_core::TextRange;
use roxmltree::{Document, Node, ParsingOptions};

use crate::lock::Lock;
use crate::sbom::{Bill, MAX_DEPTH};
use crate::{Group, Problem};

/// Elements, texts and comments of one document.
const MAX_NODES: u32 = 2_000_000;
/// Declarations of namespaces in one document, and attributes of one tag. Bills have a handful of each; the parser's
/// time grows with the cube of the first and the square of the second.
const MAX_NAMESPACES: usize = 100;
const MAX_ATTRIBUTES: usize = 1_000;

/// `None` for XML that is no bill.
pub(crate) fn read(source: &str, mut bill: Bill<'_>) -> Option<Lock> {
    if let Err(message) = is_cheap(source) {
        bill.lock.problems.push(Problem { range: TextRange::default(), message });
        return Some(bill.lock);
    }
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(source.trim_start_matches('\u{feff}'), options) {
        Ok(document) => document,
        Err(error) => {
            let message = format!("is not XML: {error}");
            bill.lock.problems.push(Problem { range: TextRange::default(), message });
            return Some(bill.lock);
        }
    };
    let root = document.root_element();
    if root.tag_name().name() != "bom" {
        return None;
    }
    let namespace = root.tag_name().namespace().unwrap_or_default();
    bill.lock.known_format =
        namespace.rsplit('/').next().is_none_or(|version| version.is_empty() || version.starts_with("1."));
    // A byte order mark in front moves every place.
    let offset = (source.len() - source.trim_start_matches('\u{feff}').len()) as u32;
    if let Some(list) = child(root, "components") {
        components(list, offset, &mut bill, 0);
    }
    let application =
        child(root, "metadata").and_then(|metadata| child(metadata, "component")?.attribute("bom-ref"));
    for entry in child(root, "dependencies").into_iter().flat_map(|list| children(list, "dependency")) {
        let Some(from) = entry.attribute("ref") else { continue };
        for wanted in children(entry, "dependency").filter_map(|wanted| wanted.attribute("ref")) {
            bill.depends(from, wanted, application == Some(from));
        }
    }
    Some(bill.lock)
}

/// Whether parsing ends soon, by a look at the tags alone.
fn is_cheap(source: &str) -> Result<(), String> {
    let mut namespaces = 0;
    let mut rest = source;
    while let Some((_, after)) = rest.split_once('<') {
        let skipped = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")].iter().find_map(|(open, close)| {
            Some(after.strip_prefix(open)?.split_once(close).map_or("", |(_, behind)| behind))
        });
        if let Some(behind) = skipped {
            rest = behind;
            continue;
        }
        let (mut quote, mut attributes) = (None, 0);
        let end = after.bytes().position(|byte| {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => attributes += 1,
                _ => {}
            }
            quote.is_none() && byte == b'>'
        });
        let (tag, behind) = after.split_at(end.unwrap_or(after.len()));
        namespaces += tag.matches("xmlns").count();
        if attributes > MAX_ATTRIBUTES {
            return Err(format!("has more than {MAX_ATTRIBUTES} attributes in one tag, and was not read"));
        }
        if namespaces > MAX_NAMESPACES {
            return Err(format!("declares more than {MAX_NAMESPACES} namespaces, and was not read"));
        }
        rest = behind;
    }
    Ok(())
}

fn components(list: Node<'_, '_>, offset: u32, bill: &mut Bill<'_>, depth: u32) {
    if depth > MAX_DEPTH {
        return;
    }
    for component in children(list, "component") {
        let text = |name: &'static str| child(component, name)?.children().find(Node::is_text);
        if let Some(node) = text("purl")
            && let Some(written) = node.text()
        {
            let url = written.trim();
            let start = node.range().start + (written.len() - written.trim_start().len());
            let range = TextRange::new(start as u32 + offset, (start + url.len()) as u32 + offset);
            let is_excluded =
                text("scope").and_then(|scope| scope.text()).is_some_and(|scope| scope.trim() == "excluded");
            let group = if is_excluded { Group::Dev("excluded".to_owned()) } else { Group::Main };
            // Escapes make a text shorter than what is written: then the place ends early, and inside the file.
            bill.add(url, component.attribute("bom-ref"), group, range);
        }
        if let Some(list) = child(component, "components") {
            components(list, offset, bill, depth + 1);
        }
    }
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}
