//! What a view answers: the body as text, and the type under which it is sent.

use std::collections::BTreeMap;

use flaskseal_core::{FileId, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind, Hole, Rope, Source, StepKind};

use super::{alternatives, text};

/// The text of a body, of `body` as well as of `(body, status, headers)`. Dictionaries and lists are sent as JSON.
pub(crate) fn body(value: &Fact) -> Option<Rope> {
    let Some(parts) = parts(value) else { return plain(value) };
    let mut found: Option<Rope> = None;
    alternatives(parts.first()?, &mut |one| {
        let rope = plain(one);
        if rope.as_ref().is_some_and(|rope| found.is_none() || rope.origin().is_some()) {
            found = rope;
        }
    });
    found
}

/// The text of what a response is made of: `Response(value)`. What is iterated is sent piece by piece.
pub(crate) fn content(value: &Fact) -> Option<Rope> {
    match &value.kind {
        FactKind::Sequence { items, .. } => {
            let pieces: Vec<Rope> = items.iter().filter_map(plain).collect();
            (!pieces.is_empty()).then(|| Rope::concat(pieces))
        }
        _ => plain(value),
    }
}

/// Text, and data of a request as it is. What is not known at all may as well be a response or a dictionary.
fn plain(value: &Fact) -> Option<Rope> {
    match &value.kind {
        FactKind::Unknown => None,
        _ => text(value),
    }
}

/// `response.data = ...` and the like.
pub(crate) fn is_body_attribute(event: &Event) -> bool {
    event.positional.first().is_some_and(|name| matches!(name.as_str(), Some("data" | "response")))
}

/// Whether the answer is sent as something that a browser shows as a page.
pub(crate) fn is_html(cx: &Context<'_>, event: &Event, value: &Fact) -> bool {
    match content_type(cx, event, value) {
        Some(name) => ["html", "svg"].iter().any(|part| name.to_ascii_lowercase().contains(part)),
        None => true,
    }
}

/// Whether the answer says that it is XML.
pub(crate) fn is_xml(cx: &Context<'_>, event: &Event, value: &Fact) -> bool {
    content_type(cx, event, value).is_some_and(|name| name.to_ascii_lowercase().contains("xml"))
}

/// Whether the whole body was made by an encoder of JSON.
pub(crate) fn is_json(rope: &Rope) -> bool {
    rope.as_hole().is_some_and(is_json_text)
}

/// Whether a hole holds what an encoder of JSON wrote, all of it.
pub(crate) fn is_json_text(hole: &Hole) -> bool {
    let is_encoder = |path: &str| {
        [
            "jinja2.utils.htmlsafe_json_dumps",
            "json.dumps",
            "simplejson.dumps",
            "ujson.dumps",
            "orjson.dumps",
            "flask.json.dumps",
            "bson.json_util.dumps",
        ]
        .contains(&path.trim_end_matches("()"))
    };
    let by_source = matches!(&hole.source, Source::Path(path) if is_encoder(path));
    let last = hole.origin.as_ref().and_then(|origin| origin.last.clone());
    by_source || last.is_some_and(|step| matches!(&step.what, StepKind::Through(path) if is_encoder(path)))
}

/// What follows the body of an answer that a view returns as a tuple: its status, its headers.
pub(crate) fn headers(value: &Fact) -> &[Fact] {
    parts(value).and_then(|parts| parts.get(1..)).unwrap_or_default()
}

/// The parts of a tuple that a view returns.
fn parts(value: &Fact) -> Option<&[Fact]> {
    let FactKind::Sequence { items, .. } = &value.kind else { return None };
    let is_tuple = (2..=3).contains(&items.len())
        && !matches!(items[1].kind, FactKind::Str(_) | FactKind::Path(_) | FactKind::Unknown);
    is_tuple.then_some(items.as_slice())
}

/// The type that is written down; `None` where it is left at HTML.
fn content_type(cx: &Context<'_>, event: &Event, value: &Fact) -> Option<String> {
    let literal = |fact: &Fact| fact.as_str().map(str::to_owned);
    let given = ["content_type", "mimetype"].iter().find_map(|name| event.keyword(name)).and_then(literal);
    if given.is_some() {
        return given;
    }
    let headers = parts(value).into_iter().flatten().chain(event.keyword("headers")).chain(&event.positional);
    for headers in headers {
        let FactKind::Dict { entries, .. } = &headers.kind else { continue };
        let entry = entries.iter().find(|(name, _)| is_type_header(name));
        if let Some((_, name)) = entry {
            return literal(name).or_else(|| Some("unknown".to_owned()));
        }
    }
    // What the same function writes into the response afterwards.
    let writes = cx.once(|| ContentTypes::of(cx));
    let key = (event.function, event.span.file);
    let same = writes.0.get(&key).into_iter().flatten();
    same.filter_map(|index| cx.evaluation.events.get(*index))
        .find_map(|later| literal(later.positional.get(1)?))
}

/// The calls that write the type of a response into it, by function and file, each by its index.
struct ContentTypes(BTreeMap<(Option<Span>, FileId), Vec<usize>>);

impl ContentTypes {
    fn of(cx: &Context<'_>) -> Self {
        let mut found: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, event) in cx.evaluation.events.iter().enumerate() {
            if sets_type(event) {
                found.entry((event.function, event.span.file)).or_default().push(index);
            }
        }
        Self(found)
    }
}

fn sets_type(event: &Event) -> bool {
    event.positional.get(1).is_some()
        && event.positional.first().is_some_and(|name| {
            event.path.ends_with(".headers.__setitem__") && is_type_header(name)
                || event.path.ends_with("().__setattr__")
                    && matches!(name.as_str(), Some("mimetype" | "content_type"))
        })
}

fn is_type_header(name: &Fact) -> bool {
    name.as_str().is_some_and(|name| name.eq_ignore_ascii_case("content-type"))
}
