//! FS556: JSON or JavaScript with data of a client's is sent as HTML.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Rope, Segment};

use super::ESCAPED_OUTPUT;
use crate::Rule;
use crate::flow::{Breach, answer, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(556),
    name: "mismatched-response-type",
    summary: "JSON or JavaScript with data of a client is sent as HTML.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[79, 430, 352],
    owasp: Some("A03"),
    asvs: &["V4.1.1", "V3.5.6"],
    fix: FixAvailability::None,
    page: include_str!("fs556_mismatched_response_type.md"),
};

pub(crate) struct MismatchedResponseType;

impl Rule for MismatchedResponseType {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["html.answer", "html.body"]) {
            let Some(rope) = answer::body(flow.value) else { continue };
            let is_html = answer::is_html(cx, flow.event, flow.value);
            if is_html && answer::is_json(&rope) {
                let breaches = rope.holes().filter_map(|hole| {
                    let payload = ["<script>alert(1)</script>", "<"];
                    Breach::of(
                        hole,
                        "as JSON that is sent as HTML",
                        Alphabet::of("<"),
                        &payload,
                        Severity::Medium,
                    )
                });
                for breach in breaches.take(1) {
                    found.push(
                        flow.found(breach)
                            .advise("return the dictionary itself, or `jsonify(...)`, which set the type"),
                    );
                }
            } else if let Some(breach) = callback(&rope) {
                found
                    .push(flow.found(breach).advise(
                        "let other origins in with CORS instead, or allow only identifiers as names",
                    ));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, ESCAPED_OUTPUT, out);
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let answers = live.ordinary().filter(|answer| answer.is_html() && !answer.truncated);
        for answer in answers.filter(|answer| is_json(&answer.page())) {
            let Some(header) = answer.header("content-type") else { continue };
            let place = live.at(answer, header, "browsers read it as a page");
            let message = format!("`{}` answers with JSON that is called HTML", answer.url.path());
            let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, place, message);
            out.fail(finding.with_scope(answer.url.path()).with_fix(Fix::advice("answer with `jsonify`")));
        }
    }
}

/// An object or a list, as far as its ends tell.
fn is_json(text: &str) -> bool {
    let text = text.trim();
    let is_object = text.starts_with("{\"") && text.ends_with('}') || text == "{}";
    let is_list =
        text.starts_with("[{\"") && text.ends_with("}]") || text.starts_with("[\"") && text.ends_with("\"]");
    is_object || is_list
}

/// `callback(...)`: a function of the client's choice gets the data.
fn callback(rope: &Rope) -> Option<Breach<'static>> {
    let [Segment::Hole(hole), Segment::Literal(text), ..] = rope.segments() else { return None };
    if !text.starts_with('(') {
        return None;
    }
    let is_identifier = !hole.alphabet.contains('(') && !hole.alphabet.contains('<');
    let severity = if is_identifier { Severity::Low } else { Severity::Medium };
    let letters = Alphabet::ascii_range(b'g', b'z');
    Breach::of(hole, "as the name of a function to call", letters, &["alert(1)//", "alert"], severity)
}
