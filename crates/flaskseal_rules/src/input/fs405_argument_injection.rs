//! FS405: request data becomes an option of a program that is run without a shell.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, process, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(405),
    name: "argument-injection",
    summary: "Request data becomes an option of a program that is run without a shell.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[88],
    owasp: Some("A03"),
    asvs: &["V1.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs405_argument_injection.md"),
};

pub(crate) struct ArgumentInjection;

impl Rule for ArgumentInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["process", "process.args", "process.exec", "process.spawn"]) {
            let elements = match &*flow.sink.context {
                "process"
                    if flow.event.keyword("shell").is_some_and(|shell| shell.truth() != Some(false)) =>
                {
                    continue;
                }
                "process" => process::elements(flow.value).unwrap_or_default(),
                context => process::arguments(flow.event, context),
            };
            for (breach, program) in process::options(&elements) {
                let advice = format!("end the options before it: `[\"{program}\", ..., \"--\", value]`");
                found.push(flow.found(breach).advise(advice));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
