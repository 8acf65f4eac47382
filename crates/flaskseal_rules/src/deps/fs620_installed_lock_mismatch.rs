//! FS620: what an environment holds is not what the tree's lists say.

use std::collections::BTreeMap;

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::deps::{Group, Version};
use flaskseal_project::{Environment, Package, Project};

use super::UPKEEP;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(620),
    name: "installed-lock-mismatch",
    summary: "The packages that are installed are not those that the lock file lists.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[UPKEEP],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &["V15.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs620_installed_lock_mismatch.md"),
};

pub(crate) struct InstalledLockMismatch;

impl Rule for InstalledLockMismatch {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let Some(environment) = &project.packages.environment else { return };
        // Only what fixes every version says what has to be there.
        let locked: Vec<&Package> = project
            .packages
            .installed
            .iter()
            .filter(|package| package.locked && !package.name.is_empty())
            .collect();
        if locked.is_empty() {
            return;
        }
        let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in &locked {
            by_name.entry(&package.name).or_default().push(package);
        }
        let mut equal = 0;
        for package in environment.packages.iter().filter(|package| !is_left_out(project, &package.name)) {
            let Some(version) = &package.version else { continue };
            let Some(known) = by_name.get(package.name.as_str()) else {
                out.fail(extra(package, version));
                continue;
            };
            let versions: Vec<&Version> = known.iter().filter_map(|one| one.version.as_ref()).collect();
            if versions.is_empty() || versions.contains(&version) {
                equal += 1;
            } else if let (Some(wanted), Some(first)) = (versions.first(), known.first()) {
                let message = format!("`{}` {version} is installed, and {wanted} is locked", package.name);
                out.fail(finding(META.severity, package.span, "installed", message, Some(first.span)));
            }
        }
        for (name, known) in &by_name {
            out_of(environment, name, known, out);
        }
        if equal > 0 {
            let claim = format!("{equal} installed packages have the locked version");
            out.support(UPKEEP, Evidence::general(Layer::Deps, claim));
        }
    }
}

/// Installers are there whether they are locked or not, and the project itself is in no lock of its own.
fn is_left_out(project: &Project<'_>, name: &str) -> bool {
    let mut own = project.packages.manifests.iter().filter_map(|file| file.manifest.project.as_deref());
    matches!(name, "pip" | "setuptools" | "wheel" | "pkg-resources") || own.any(|own| own == name)
}

fn extra(package: &Package, version: &Version) -> Finding {
    let message = format!("`{}` {version} is installed, and nothing locks it", package.name);
    finding(Severity::Low, package.span, "installed", message, None)
}

/// A package that production has to have and that is not there.
fn out_of(environment: &Environment, name: &str, known: &[&Package], out: &mut Assessment) {
    let Some(first) = known.iter().find(|package| package.group == Group::Main && package.is_certain())
    else {
        return;
    };
    if !environment.packages.iter().any(|package| package.name == name) {
        let message = format!("`{name}` is locked, and it is not installed");
        out.fail(finding(META.severity, first.span, "locked here", message, None));
    }
}

fn finding(severity: Severity, span: Span, claim: &str, message: String, locked: Option<Span>) -> Finding {
    let trail = locked.map(|span| at(span, "locked here"));
    Finding::new(META.id, severity, META.confidence, at(span, claim), message)
        .with_trail(trail)
        .with_fix(Fix::advice("install from the lock: `uv sync --locked`, `poetry sync`, `pip-sync`"))
}
