//! FS603: a version that production installs was taken back by its authors.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deps::SECURITY;

use super::UPKEEP;
use super::applicable::{at, display, unreadable};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(603),
    name: "yanked-version",
    summary: "A package version that production installs was withdrawn by its authors.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[UPKEEP],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs603_yanked_version.md"),
};

pub(crate) struct YankedVersion;

impl Rule for YankedVersion {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for package in project.packages.in_production() {
            let Some(version) = &package.version else { continue };
            let yanked = match project.advisories.yanked(&package.name) {
                Ok(yanked) => yanked,
                Err(error) => return out.gap(UPKEEP, unreadable(&error)),
            };
            let Some(record) = yanked.iter().find(|record| record.affects(version)) else { continue };
            let bears_on_security = record.word.as_deref() == Some(SECURITY);
            let severity = if bears_on_security { Severity::Medium } else { META.severity };
            let why = if record.summary.is_empty() { "no reason is given" } else { &record.summary };
            let message = format!("`{}` was withdrawn by its authors", display(package));
            let place = at(package.span, format!("withdrawn: {why}"));
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice(format!("move to another release of `{}`", package.name))));
        }
    }
}
