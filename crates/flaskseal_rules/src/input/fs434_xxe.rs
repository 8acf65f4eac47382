//! FS434: an XML parser that follows external entities reads data of a client's.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Event, Fact};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, alternatives, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(434),
    name: "xxe",
    summary: "An XML parser that follows external entities reads data of a client.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[611, 776],
    owasp: Some("A05"),
    asvs: &["V1.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs434_xxe.md"),
};

pub(crate) struct Xxe;

impl Rule for Xxe {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["xml.dom", "xml.lxml", "xml.sax", "xml.xmltodict", "xml.xslt"]) {
            let Some(enabling) = enabling(cx, &flow) else { continue };
            let rope = flow.value.to_rope();
            for hole in rope.holes() {
                let payload = ["<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"];
                let breach = Breach::of(
                    hole,
                    "in a parser with external entities",
                    Alphabet::of("<"),
                    &payload,
                    Severity::High,
                );
                found.extend(breach.map(|breach| {
                    flow.found(breach).noting(enabling).advise(
                        "leave external entities off, which is the default, or parse with `defusedxml`",
                    )
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// What makes the parser follow entities.
fn enabling(cx: &Context<'_>, flow: &Flow<'_>) -> Option<&'static str> {
    match &*flow.sink.context {
        "xml.sax" | "xml.dom" => {
            let parser = flow.event.argument(1, "parser");
            let is_own = flow.event.path.starts_with("xml.sax.make_parser()");
            let is_given =
                parser.and_then(Fact::as_path).is_some_and(|path| path.starts_with("xml.sax.make_parser()"));
            (is_own || is_given).then(|| features(cx, flow.event)).flatten()
        }
        "xml.lxml" => {
            let mut found = None;
            // `iterparse` takes the options of a parser itself.
            if flow.event.path.ends_with(".iterparse") {
                return told(flow.event);
            }
            let parser = flow.event.argument(1, "parser")?;
            alternatives(parser, &mut |parser| found = found.or_else(|| options(cx, parser)));
            found
        }
        "xml.xmltodict" => {
            let is_off = flow.event.keyword("disable_entities")?.truth() == Some(false);
            is_off.then_some("`disable_entities` is off")
        }
        _ => Some("a style sheet reads other documents"),
    }
}

/// `parser.setFeature(feature_external_ges, True)` in the same function; the last word on a feature counts.
fn features(cx: &Context<'_>, parse: &Event) -> Option<&'static str> {
    let mut external = false;
    let before = cx.calls("xml.feature").filter(|event| {
        event.function == parse.function && event.span.file == parse.span.file && event.span < parse.span
    });
    for event in before {
        let name = event.argument(0, "name");
        let text = name.and_then(|name| name.as_str().or_else(|| name.as_path())).unwrap_or_default();
        if text.contains("external") {
            external = event.argument(1, "state").and_then(Fact::truth) != Some(false);
        }
    }
    external.then_some("the parser was told to follow external entities")
}

/// What an lxml parser was made with.
fn options(cx: &Context<'_>, parser: &Fact) -> Option<&'static str> {
    let at = parser.at?;
    told(cx.calls("xml.parser").find(|event| event.span == at)?)
}

/// What the options of a parser switch on.
fn told(made: &Event) -> Option<&'static str> {
    let truth = |name: &str| made.keyword(name).and_then(Fact::truth);
    let resolves = made.keyword("resolve_entities").map(|value| {
        // "internal" is the default since lxml 5.
        value.as_str() != Some("internal") && value.truth() != Some(false)
    });
    if resolves == Some(true) {
        return Some("`resolve_entities` is on");
    }
    if resolves == Some(false) {
        return None;
    }
    if truth("no_network") == Some(false) {
        return Some("`no_network` is off");
    }
    if truth("load_dtd") == Some(true) || truth("dtd_validation") == Some(true) {
        return Some("the parser loads the DTD that the document names");
    }
    None
}
