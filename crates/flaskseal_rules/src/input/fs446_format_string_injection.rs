//! FS446: the request supplies the format string.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Event, FactKind};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(446),
    name: "format-string-injection",
    summary: "The request supplies the format string.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[134],
    owasp: Some("A03~"),
    asvs: &["V1.3.10"],
    fix: FixAvailability::None,
    page: include_str!("fs446_format_string_injection.md"),
};

pub(crate) struct FormatStringInjection;

impl Rule for FormatStringInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["format", "format.template"]) {
            let Some(rope) = flow.text() else { continue };
            let is_percent = flow.event.path.ends_with("__mod__");
            let (breaks, payloads): (_, &[&str]) = match (&*flow.sink.context, is_percent) {
                ("format.template", _) => ("$", &["$x", "$"]),
                (_, true) => ("%", &["%1000000000s", "%s%s%s", "%"]),
                _ => ("{", &["{0.__class__.__init__.__globals__}", "{"]),
            };
            let severity =
                if is_percent || !takes_objects(flow.event) { Severity::Low } else { Severity::Medium };
            for hole in rope.holes() {
                let breach = Breach::of(hole, "as a format", Alphabet::of(breaks), payloads, severity);
                found.extend(breach.map(|breach| {
                    flow.found(breach)
                        .advise("keep the format constant and pass the value: `\"{}\".format(value)`")
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// Whether anything but text and numbers is formatted: attributes of objects lead to modules and keys.
fn takes_objects(event: &Event) -> bool {
    let plain = |kind: &FactKind| {
        matches!(
            kind,
            FactKind::Str(_)
                | FactKind::Int(_)
                | FactKind::SomeInt
                | FactKind::Float(_)
                | FactKind::SomeFloat
                | FactKind::Bool(_)
                | FactKind::SomeBool
        )
    };
    let values = event.positional.iter().chain(event.keywords.iter().map(|(_, value)| value));
    values.flat_map(|value| value.alternatives()).any(|(value, _)| !plain(&value.kind))
}
