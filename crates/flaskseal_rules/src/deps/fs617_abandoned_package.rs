//! FS617: a package is no longer maintained, or lives on under another name.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deps::{Source, abandoned};

use super::UPKEEP;
use super::applicable::{at, display};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(617),
    name: "abandoned-package",
    summary: "A package that production installs is no longer maintained, or was renamed.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[UPKEEP],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &["V15.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs617_abandoned_package.md"),
};

pub(crate) struct AbandonedPackage;

impl Rule for AbandonedPackage {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for package in project.packages.in_production() {
            // Whoever pins a fork by its commit knows what is installed.
            if matches!(package.source, Source::Repository { commit: Some(_), .. }) {
                continue;
            }
            let Some(row) = abandoned(&package.name, package.version.as_ref()) else { continue };
            let severity = if row.security { Severity::Medium } else { META.severity };
            let message = format!("`{}` is no longer maintained", display(package));
            let place = at(package.span, "flaws that are found in it stay");
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice(format!("move to {}", row.instead))));
        }
    }
}
