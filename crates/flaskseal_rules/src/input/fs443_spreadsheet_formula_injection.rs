//! FS443: request data is exported to a spreadsheet without neutralising formulas.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, FactKind, Rope};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, flows, report, text};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(443),
    name: "spreadsheet-formula-injection",
    summary: "Request data is exported to a spreadsheet without neutralising formulas.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[1236],
    owasp: Some("A03~"),
    asvs: &["V1.2.10"],
    fix: FixAvailability::None,
    page: include_str!("fs443_spreadsheet_formula_injection.md"),
};

pub(crate) struct SpreadsheetFormulaInjection;

impl Rule for SpreadsheetFormulaInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["csv", "csv.attribute"]) {
            let attribute = || flow.event.positional.first().and_then(Fact::as_str);
            if &*flow.sink.context == "csv.attribute" && attribute() != Some("value") {
                continue;
            }
            let mut cells = Vec::new();
            collect(flow.value, 0, &mut cells);
            for rope in &cells {
                let Some(hole) = rope.holes().next().filter(|_| rope.literal_prefix().is_empty()) else {
                    continue;
                };
                let starts = Alphabet::of("=+-@\t\r");
                if !hole.first.meets(starts) {
                    continue;
                }
                let breach = Breach::of(
                    hole,
                    "as a cell of a spreadsheet",
                    starts,
                    &["=HYPERLINK(\"http://evil.example\")"],
                    Severity::Low,
                );
                found.extend(breach.map(|breach| {
                    flow.found(breach)
                        .advise("put a single quote before cells that begin with `=`, `+`, `-` or `@`")
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

fn collect(value: &Fact, depth: usize, cells: &mut Vec<Rope>) {
    match &value.kind {
        FactKind::Sequence { items, .. } if depth < 3 => {
            for item in items {
                collect(item, depth + 1, cells);
            }
        }
        FactKind::Dict { entries, .. } if depth < 3 => {
            for (_, item) in entries {
                collect(item, depth + 1, cells);
            }
        }
        _ => cells.extend(text(value)),
    }
}
