//! FS415: an archive of a client's is unpacked without a check of its paths or its size.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::Alphabet;

use super::{NO_INJECTION, SAFE_UPLOADS};
use crate::Rule;
use crate::flow::{Breach, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(415),
    name: "unsafe-archive-extraction",
    summary: "An archive of a client is unpacked without a check of its paths or its size.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION, SAFE_UPLOADS],
    layers: &[Layer::Source],
    cwe: &[22, 409],
    owasp: Some("A01"),
    asvs: &["V5.3.3", "V5.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs415_unsafe_archive_extraction.md"),
};

pub(crate) struct UnsafeArchiveExtraction;

impl Rule for UnsafeArchiveExtraction {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["archive.tar", "archive.unpack", "archive.zip"]) {
            let rope = flow.value.to_rope();
            let Some(hole) = rope.holes().find(|hole| hole.origin.is_some()) else { continue };
            let filter = flow.event.keyword("filter").or_else(|| flow.event.positional.get(3));
            let is_filtered = filter.is_some_and(|filter| filter.as_str() != Some("fully_trusted"));
            let is_zip = &*flow.sink.context == "archive.zip";
            if is_filtered && !is_zip {
                continue;
            }
            let (place, severity) = if is_zip {
                ("as an archive of any size", Severity::Low)
            } else {
                ("as an archive whose paths lead anywhere", Severity::High)
            };
            if let Some(breach) = Breach::of(hole, place, Alphabet::ALL, &["evil.tar"], severity) {
                found.push(flow.found(breach).advise(if is_zip {
                    "add up `ZipInfo.file_size` before anything is unpacked"
                } else {
                    "let Python refuse them: `extractall(folder, filter=\"data\")`"
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
