//! FS609: Flask or Werkzeug is on a line that gets no fixes any more: only the newest feature line does.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;

use super::SUPPORTED;
use super::applicable::{at, display};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(609),
    name: "unsupported-framework",
    summary: "Flask or Werkzeug is on a line that gets no fixes any more.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[SUPPORTED],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &["V15.1.1"],
    fix: FixAvailability::None,
    page: include_str!("fs609_unsupported_framework.md"),
};

pub(crate) struct UnsupportedFramework;

impl Rule for UnsupportedFramework {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen = false;
        for package in
            project.packages.in_production().filter(|one| matches!(one.name.as_str(), "flask" | "werkzeug"))
        {
            let Some(version) = &package.version else { continue };
            let line = (
                version.release().first().copied().unwrap_or(0),
                version.release().get(1).copied().unwrap_or(0),
            );
            seen |= package.name == "flask";
            let severity = match package.name.as_str() {
                _ if line < (2, 2) => META.severity,
                "flask" if line < (3, 1) => Severity::Low,
                _ => {
                    let claim = format!("`{}` is on a maintained line", display(package));
                    out.support(SUPPORTED, at(package.span, claim));
                    continue;
                }
            };
            let message = format!("`{}` is on a line that gets no fixes any more", display(package));
            let place = at(package.span, "only the newest feature line is maintained");
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice("move to Flask 3.1 and Werkzeug 3.1, or newer")));
        }
        if !seen && project.has_flask() {
            let remedy = "lock the versions, so that the version of Flask is known";
            out.gap(SUPPORTED, Gap::new("the version of Flask is not known", remedy));
        }
    }
}
