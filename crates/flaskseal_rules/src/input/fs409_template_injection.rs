//! FS409: request data is compiled as a template.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, report, template};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(409),
    name: "template-injection",
    summary: "Request data is compiled as a template.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[1336, 94],
    owasp: Some("A03~"),
    asvs: &["V1.3.7"],
    fix: FixAvailability::None,
    page: include_str!("fs409_template_injection.md"),
};

pub(crate) struct TemplateInjection;

impl Rule for TemplateInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["template.source", "template.sandboxed"]) {
            let Some(rope) = flow.text() else { continue };
            for breach in template::breaches(&rope) {
                let mut one = flow
                    .found(breach)
                    .advise("keep the template constant and pass the value: `render_template_string(\"... {{ value }}\", value=value)`");
                if &*flow.sink.context == "template.sandboxed" {
                    one = one.weighing(Severity::Medium).noting("a sandbox limits what it can do");
                }
                found.push(one);
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
