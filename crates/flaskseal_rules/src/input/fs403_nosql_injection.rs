//! FS403: request data controls the structure or the code of a NoSQL or graph query.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, FactKind};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, Found, alternatives, flows, report, text, xpath};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(403),
    name: "nosql-injection",
    summary: "Request data controls the structure or the code of a NoSQL or graph query.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[943],
    owasp: Some("A03~"),
    asvs: &["V1.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs403_nosql_injection.md"),
};

pub(crate) struct NosqlInjection;

impl Rule for NosqlInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["nosql.cypher", "redis.script"]) {
            let Some(rope) = flow.text() else { continue };
            for breach in xpath::breaches(&rope, Severity::Critical) {
                found.push(flow.found(breach).advise("pass the value as a parameter of the query"));
            }
        }
        for flow in flows(cx, &["nosql.filter"]) {
            found.extend(structure(&flow, flow.value, "as the whole filter"));
            walk(&flow, flow.value, 0, &mut found);
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// Operators whose value is code.
const CODE: &[&str] =
    &["$where", "$function", "$accumulator", "body", "init", "accumulate", "merge", "finalize"];
/// Operators that compare with a value as it is.
const PLAIN: &[&str] = &["$eq"];

fn walk<'p>(flow: &Flow<'p>, fact: &'p Fact, depth: usize, found: &mut Vec<Found<'p>>) {
    if depth > 4 {
        return;
    }
    match &fact.kind {
        FactKind::Dict { entries, .. } => {
            for (key, value) in entries {
                let name = key.as_str().unwrap_or_default();
                alternatives(value, &mut |value| {
                    if CODE.contains(&name) {
                        code(flow, value, found);
                    } else if !PLAIN.contains(&name) {
                        found.extend(structure(flow, value, "as a value of the filter"));
                        walk(flow, value, depth + 1, found);
                    }
                });
            }
        }
        FactKind::Sequence { items, .. } => {
            for item in items {
                walk(flow, item, depth + 1, found);
            }
        }
        _ => {}
    }
}

fn code<'p>(flow: &Flow<'p>, value: &'p Fact, found: &mut Vec<Found<'p>>) {
    let Some(rope) = text(value) else { return };
    for mut breach in xpath::breaches(&rope, Severity::Critical) {
        breach.place = "as code of the query";
        found.push(flow.found(breach).advise("compare fields with values: `{\"name\": value}`"));
    }
}

/// JSON that takes the place of a value: it may be an object with operators in it. What comes from a form or a query
/// string is always text.
fn structure<'p>(flow: &Flow<'p>, value: &'p Fact, place: &'static str) -> Option<Found<'p>> {
    let path = value.as_path()?;
    let is_json = ["flask.request.json", "flask.request.get_json()", "json.loads()"]
        .iter()
        .any(|start| path.starts_with(start));
    if !is_json {
        return None;
    }
    let rope = value.to_rope();
    let hole = rope.as_hole()?;
    let breach = Breach::of(hole, place, Alphabet::of("{$"), &["{\"$ne\": null}"], Severity::High)?;
    Some(
        flow.found(breach)
            .noting("an object with operators is a condition, not a value")
            .advise("make it text first, `str(value)`, or compare with `{\"$eq\": value}`"),
    )
}
