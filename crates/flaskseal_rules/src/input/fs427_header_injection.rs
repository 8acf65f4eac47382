//! FS427: request data is written into headers or the names of cookies.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, FactKind};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, Found, alternatives, flows, line, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(427),
    name: "header-injection",
    summary: "Request data is written into headers or the names of cookies.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[113, 93, 20],
    owasp: Some("A03"),
    asvs: &["V4.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs427_header_injection.md"),
};

pub(crate) struct HeaderInjection;

impl Rule for HeaderInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for (flow, name) in headers(cx) {
            // Other rules judge what these do.
            if matches!(
                name.as_str(),
                "access-control-allow-origin"
                    | "location"
                    | "refresh"
                    | "content-type"
                    | "x-accel-redirect"
                    | "x-sendfile"
            ) {
                if name == "content-type" {
                    found.extend(whole(&flow, "as the type of the response", Severity::Medium));
                }
                continue;
            }
            let Some(rope) = flow.text() else { continue };
            let advice = "choose the value among constants, or encode it with `urllib.parse.quote`";
            for breach in line::breaches(&rope, "in a header", "x\r\nSet-Cookie: a=b", Severity::Low) {
                found.push(
                    flow.found(breach).advise(advice).noting("Werkzeug refuses line breaks with an error"),
                );
            }
        }
        for flow in flows(cx, &["response.attribute"]) {
            let name = flow.event.positional.first().and_then(Fact::as_str);
            if matches!(name, Some("content_type" | "mimetype")) {
                found.extend(whole(&flow, "as the type of the response", Severity::Medium));
            }
        }
        for (context, place) in [
            ("cookie.name", "as the name of a cookie"),
            ("cookie.scope", "as the scope of a cookie"),
            ("header.type", "as the type of the response"),
        ] {
            for flow in flows(cx, &[context]) {
                found.extend(whole(&flow, place, Severity::Medium));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// Every value of a header, with the header's name in small letters.
fn headers<'p>(cx: &Context<'p>) -> Vec<(Flow<'p>, String)> {
    let mut found = Vec::new();
    for flow in flows(cx, &["header", "header.map"]) {
        if &*flow.sink.context == "header" {
            let name = flow.event.positional.first().and_then(Fact::as_str).unwrap_or_default();
            found.push((flow, name.to_ascii_lowercase()));
            continue;
        }
        let FactKind::Dict { entries, .. } = &flow.value.kind else { continue };
        for (name, value) in entries {
            let name = name.as_str().unwrap_or_default().to_ascii_lowercase();
            alternatives(value, &mut |value| {
                found.push((Flow { event: flow.event, sink: flow.sink, value }, name.clone()));
            });
        }
    }
    found
}

fn whole<'p>(flow: &Flow<'p>, place: &'static str, severity: Severity) -> Option<Found<'p>> {
    let rope = flow.text()?;
    let letters = Alphabet::ascii_range(b'g', b'z');
    let mut breaches =
        rope.holes().filter_map(|hole| Breach::of(hole, place, letters, &["text/html", "session"], severity));
    let breach = breaches.next()?;
    Some(flow.found(breach).advise("choose it among constants"))
}
