//! FS436: request data becomes part of an XPath expression.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, report, xpath};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(436),
    name: "xpath-injection",
    summary: "Request data becomes part of an XPath expression.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[643],
    owasp: Some("A03"),
    asvs: &["V1.2.7"],
    fix: FixAvailability::None,
    page: include_str!("fs436_xpath_injection.md"),
};

pub(crate) struct XpathInjection;

impl Rule for XpathInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["xpath", "xpath.path"]) {
            let Some(rope) = flow.text() else { continue };
            // ElementTree knows a small part of the language.
            let severity = if &*flow.sink.context == "xpath" { Severity::High } else { Severity::Medium };
            for breach in xpath::breaches(&rope, severity) {
                found.push(
                    flow.found(breach)
                        .advise("pass it as a variable: `tree.xpath(\"//a[@id=$id]\", id=value)`"),
                );
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
