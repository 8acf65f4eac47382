//! FS407: request data is evaluated as Python or as an expression language.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, python, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(407),
    name: "code-injection",
    summary: "Request data is evaluated as Python or as an expression language.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[95, 94],
    owasp: Some("A03"),
    asvs: &["V1.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs407_code_injection.md"),
};

pub(crate) struct CodeInjection;

impl Rule for CodeInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["code.python"]) {
            let Some(rope) = flow.text() else { continue };
            for breach in python::breaches(&rope) {
                found.push(flow.found(breach).advise(
                    "read data as data: `ast.literal_eval` or `json.loads`; choose code by a name: `ACTIONS[name]()`",
                ));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
