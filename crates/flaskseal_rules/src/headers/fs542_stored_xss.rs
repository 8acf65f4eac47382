//! FS542: what an earlier request stored is printed without escaping.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::{Nature, Project};

use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(542),
    name: "stored-xss",
    summary: "Text from a store is printed without escaping.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source, Layer::Template],
    cwe: &[79],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs542_stored_xss.md"),
};

pub(crate) struct StoredXss;

impl Rule for StoredXss {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        printed::report_unescaped(project, &META, Nature::Stored, out);
    }
}
