//! FS558: rich text is rendered, and nothing takes scripts out of it.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_python::ast::AnyNodeRef;

use super::ESCAPED_OUTPUT;
use crate::Rule;
use crate::answer::runs;
use crate::code::enclosing;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(558),
    name: "unsanitized-rich-text",
    summary: "Markdown or user HTML is rendered without, or with an ineffective, sanitizer.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source],
    cwe: &[79, 116],
    owasp: Some("A03"),
    asvs: &["V1.3.1", "V1.3.5"],
    fix: FixAvailability::None,
    page: include_str!("fs558_unsanitized_rich_text.md"),
};

pub(crate) struct UnsanitizedRichText;

impl Rule for UnsanitizedRichText {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let is_live = |call: &&Event| call.context != When::MainOnly && runs(&call.guard);
        for call in cx.calls("richtext.render").filter(is_live) {
            let Some(text) = call.positional.first().or_else(|| call.keyword("text")) else { continue };
            if text.is_known() || escapes(call) || is_cleaned(cx, call) {
                continue;
            }
            let (severity, confidence) = match text.origin() {
                Some(_) => (Severity::Medium, Confidence::Firm),
                None => (Severity::Low, Confidence::Tentative),
            };
            let place = cx.evidence(call.span, "HTML inside the text stays HTML");
            out.fail(
                Finding::new(
                    META.id,
                    severity,
                    confidence,
                    place,
                    "rich text is rendered, and nothing cleans what comes out",
                )
                .with_scope(&*call.scope)
                .with_fix(Fix::advice("clean the result: `nh3.clean(markdown.markdown(text))`")),
            );
        }
        for call in cx.calls("richtext.clean").filter(is_live) {
            let Some(hole) = hole_in(call) else { continue };
            let place = cx.evidence(call.span, hole);
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    "the sanitizer lets scripts through",
                )
                .with_scope(&*call.scope)
                .with_fix(Fix::advice("leave these names out of the list")),
            );
        }
    }
}

/// Whether an option makes the library escape HTML.
fn escapes(call: &Event) -> bool {
    call.keyword("escape").and_then(Fact::as_bool) == Some(true)
        || call.keyword("safe_mode").and_then(Fact::as_str).is_some()
}

/// Whether what comes out is cleaned around the call or later in the same function.
fn is_cleaned(cx: &Context<'_>, call: &Event) -> bool {
    let cleans = |text: &str| {
        ["nh3.clean", "bleach.clean", "bleach.linkify", "sanitize", "Cleaner", "clean_html", "nh3_clean"]
            .iter()
            .any(|word| text.contains(word))
    };
    enclosing(cx, call.span).into_iter().any(|node| match node {
        AnyNodeRef::StmtFunctionDef(function) => {
            let range = flaskseal_python::range_of(function);
            let span = flaskseal_core::Span { file: call.span.file, range };
            cleans(cx.text(span))
        }
        _ => false,
    })
}

/// What in the lists of a sanitizer runs scripts.
fn hole_in(call: &Event) -> Option<&'static str> {
    let texts = |name: &str| -> Vec<String> { call.keyword(name).map(all_texts).unwrap_or_default() };
    let tags = texts("tags");
    if tags.iter().any(|tag| matches!(tag.as_str(), "script" | "style" | "iframe" | "object" | "embed")) {
        return Some("a tag in the list runs scripts");
    }
    let attributes = texts("attributes");
    if attributes.iter().any(|name| name.starts_with("on") && name.len() > 3 && !name.contains('-')) {
        return Some("an attribute in the list runs scripts");
    }
    let protocols = texts("protocols");
    if protocols.iter().any(|name| name == "javascript") {
        return Some("`javascript:` is in the list");
    }
    None
}

/// Every text in a list, a set or a dictionary of lists.
fn all_texts(fact: &Fact) -> Vec<String> {
    match &fact.kind {
        FactKind::Str(_) => fact.as_str().map(str::to_owned).into_iter().collect(),
        FactKind::Sequence { items, .. } => items.iter().flat_map(all_texts).collect(),
        FactKind::Dict { entries, .. } => entries.iter().flat_map(|(_, value)| all_texts(value)).collect(),
        _ => Vec::new(),
    }
}
