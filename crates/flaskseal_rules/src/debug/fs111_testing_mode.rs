//! FS111: test mode, or a switch that shows more than production should.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::NO_DIAGNOSTICS;
use super::serving::place_of;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(111),
    name: "testing-mode",
    summary: "Test mode or exception propagation is on in production.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[489, 209],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs111_testing_mode.md"),
};

pub(crate) struct TestingMode;

/// Settings, what being on is worth, and what it does.
#[rustfmt::skip]
static SWITCHES: &[(&str, Severity, &str)] = &[
    ("EXPLAIN_TEMPLATE_LOADING", Severity::Low, "every template's search is logged"),
    ("PROPAGATE_EXCEPTIONS", Severity::Low, "errors pass by the error handlers"),
    ("TEMPLATES_AUTO_RELOAD", Severity::Low, "templates are read again when they change"),
    ("TESTING", Severity::Medium, "errors pass by the error handlers, and extensions relax their checks"),
    ("TRAP_HTTP_EXCEPTIONS", Severity::Low, "`abort` passes by the error handlers"),
];

impl Rule for TestingMode {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for (name, severity, label) in SWITCHES {
            let Some(setting) = cx.setting(name) else { continue };
            let value = setting.value.by_default();
            let Some(written) = setting.written.first() else { continue };
            if value.truth() != Some(true) {
                continue;
            }
            let at = place_of(&value).unwrap_or(*written);
            let trail = (*written != at).then(|| cx.evidence(*written, "loaded here"));
            let message = format!("the production configuration sets `{name}`");
            out.fail(
                Finding::new(META.id, *severity, META.confidence, cx.evidence(at, *label), message)
                    .with_trail(trail)
                    .with_fix(Fix::advice(format!(
                        "remove `{name}` from the configuration that production loads"
                    ))),
            );
        }
    }
}
