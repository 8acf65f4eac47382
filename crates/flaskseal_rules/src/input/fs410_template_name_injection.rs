//! FS410: request data chooses the file of a template.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, path, report, template};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(410),
    name: "template-name-injection",
    summary: "Request data chooses the file of a template.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[73, 98],
    owasp: Some("A03"),
    asvs: &["V5.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs410_template_name_injection.md"),
};

pub(crate) struct TemplateNameInjection;

impl Rule for TemplateNameInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        let advice = "choose among constants: `PAGES[name]`";
        for flow in flows(cx, &["template.name"]) {
            let Some(rope) = flow.text() else { continue };
            for breach in template::names(&rope) {
                found.push(flow.found(breach).advise(advice));
            }
        }
        for flow in flows(cx, &["template.file"]) {
            let Some(rope) = flow.text() else { continue };
            if let Some((breach, _)) = path::breach(&rope, false) {
                found.push(flow.found(breach).advise(advice));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
