//! Whether the application sends pages at all: an interface that answers with JSON has nothing to frame.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use crate::answer::views;
use crate::code::words;

/// Whether some response is a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pages {
    Some,
    /// Every answer is JSON, a redirect or plain words.
    None,
    Unknown,
}

pub(super) fn pages(cx: &Context<'_>) -> Pages {
    *cx.once(|| find_pages(cx))
}

fn find_pages(cx: &Context<'_>) -> Pages {
    let views = views(cx);
    let bodies: Vec<&Event> = cx.calls("response.body").collect();
    let mut result = Pages::None;
    let mut answers = 0;
    for function in cx.evaluation.functions.iter().filter(|function| views.contains(&function.span)) {
        answers += 1;
        match kind_of(&function.returns, &bodies, 0) {
            Pages::Some => return Pages::Some,
            Pages::Unknown => result = Pages::Unknown,
            Pages::None => {}
        }
    }
    if result == Pages::None && answers > 0 {
        return Pages::None;
    }
    // What a view returns is not always followed; that a template is rendered for somebody is.
    let renders = bodies
        .iter()
        .any(|event| renders_template(&event.path) && event.function.is_some() && !is_mail(event));
    if renders { Pages::Some } else { Pages::Unknown }
}

fn renders_template(path: &str) -> bool {
    ["flask.render_template", "flask.stream_template"].iter().any(|name| path.starts_with(name))
}

/// Whether code sends mail, whose text is rendered too.
fn is_mail(event: &Event) -> bool {
    words(&event.scope)
        .iter()
        .any(|word| matches!(word.as_str(), "mail" | "email" | "message" | "notify" | "pdf" | "send"))
}

fn kind_of(answer: &Fact, bodies: &[&Event], depth: usize) -> Pages {
    if depth > 4 {
        return Pages::Unknown;
    }
    match &answer.kind {
        FactKind::Path(path) => of_path(path, answer.at, bodies, depth),
        FactKind::Str(rope) => {
            let shown = rope.to_string();
            if rope.as_literal().is_some() {
                if shown.contains('<') { Pages::Some } else { Pages::None }
            } else if shown.contains('<') {
                Pages::Some
            } else if shown.trim_start().starts_with(['{', '[']) && !shown.trim_start().starts_with("{…") {
                Pages::Unknown
            } else {
                // Text around data is HTML to the browser.
                Pages::Unknown
            }
        }
        // `return body, status, headers`; a list is JSON.
        FactKind::Sequence { items, .. } if (2..=3).contains(&items.len()) => {
            kind_of(&items[0], bodies, depth + 1)
        }
        FactKind::Sequence { .. } | FactKind::Dict { .. } => Pages::None,
        FactKind::OneOf(alternatives) => {
            let kinds: Vec<Pages> =
                alternatives.iter().map(|(fact, _)| kind_of(fact, bodies, depth + 1)).collect();
            if kinds.contains(&Pages::Some) {
                Pages::Some
            } else if kinds.contains(&Pages::Unknown) {
                Pages::Unknown
            } else {
                Pages::None
            }
        }
        FactKind::None | FactKind::Bytes(_) | FactKind::Int(_) | FactKind::Bool(_) => Pages::None,
        _ => Pages::Unknown,
    }
}

fn of_path(path: &str, at: Option<Span>, bodies: &[&Event], depth: usize) -> Pages {
    if renders_template(path) {
        return Pages::Some;
    }
    let last = path.trim_end_matches("()").rsplit('.').next().unwrap_or_default();
    let call = || bodies.iter().find(|event| Some(event.span) == at);
    match last {
        "jsonify" | "redirect" | "abort" | "json" => Pages::None,
        // The page of a single-page application.
        "send_static_file" => Pages::Some,
        "Response" | "make_response" => {
            let Some(call) = call() else { return Pages::Unknown };
            let kind =
                call.keyword("mimetype").or_else(|| call.keyword("content_type")).and_then(Fact::as_str);
            match (kind, call.positional.first()) {
                (Some(kind), _) if kind.contains("html") => Pages::Some,
                (Some(_), _) => Pages::None,
                (None, Some(body)) if last == "make_response" => kind_of(body, bodies, depth + 1),
                (None, Some(body)) => kind_of(body, bodies, depth + 1),
                (None, None) => Pages::None,
            }
        }
        _ => Pages::Unknown,
    }
}
