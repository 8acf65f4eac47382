//! FS438: XML is put together as text from request data.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{answer, flows, report, xml};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(438),
    name: "xml-injection",
    summary: "XML is put together as text from request data.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[91],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs438_xml_injection.md"),
};

pub(crate) struct XmlInjection;

impl Rule for XmlInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in
            flows(cx, &["html.answer", "html.body", "xml.dom", "xml.lxml", "xml.sax", "xml.xmltodict"])
        {
            let Some(rope) = answer::body(flow.value) else { continue };
            let is_xml =
                || flow.sink.context.starts_with("html.") && answer::is_xml(cx, flow.event, flow.value);
            if !xml::is_document(&rope) && !is_xml() {
                continue;
            }
            let prefix = rope.literal_prefix().to_ascii_lowercase();
            let is_protocol = prefix.contains("envelope") || prefix.contains("saml");
            let severity = if is_protocol { Severity::Medium } else { Severity::Low };
            for breach in xml::breaches(&rope, severity) {
                found.push(
                    flow.found(breach).advise(
                        "build it with `xml.etree.ElementTree`, or `xml.sax.saxutils.escape` the value",
                    ),
                );
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
