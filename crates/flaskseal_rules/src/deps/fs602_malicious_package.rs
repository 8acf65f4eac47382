//! FS602: a version that is installed was published to do harm.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deps::Kind;

use super::CLEAN;
use super::applicable::{at, display, unreadable};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(602),
    name: "malicious-package",
    summary: "A package version that production installs was published to do harm.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[CLEAN],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[506],
    owasp: Some("A08~"),
    asvs: &["V15.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs602_malicious_package.md"),
};

pub(crate) struct MaliciousPackage;

impl Rule for MaliciousPackage {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for package in project.packages.audited() {
            let advisories = match project.advisories.lookup(&package.name) {
                Ok(advisories) => advisories,
                Err(error) => return out.gap(CLEAN, unreadable(&error)),
            };
            let malicious = advisories.iter().find(|advisory| {
                advisory.kind == Kind::Malicious
                    && package.version.as_ref().is_none_or(|version| advisory.affects(version))
            });
            if let Some(advisory) = malicious {
                let message = format!("`{}` is recorded as malicious", display(package));
                let finding = Finding::new(
                    META.id,
                    META.severity,
                    // A range may be resolved to a version that is not recorded.
                    if package.version.is_some() { META.confidence } else { Confidence::Firm },
                    at(package.span, format!("recorded as {}", advisory.best_id())),
                    message,
                );
                out.fail(finding.with_fix(Fix::advice(
                    "remove it, and replace every credential that the machines that installed it could read",
                )));
            }
        }
    }
}
