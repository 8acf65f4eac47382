//! FS605: single requirements without an exact version, or without the hash that their neighbours have.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::deps::{Source, is_security_relevant};
use flaskseal_project::{Package, Project};

use super::FIXED;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(605),
    name: "unpinned-requirement",
    summary: "A requirement that production installs from has no exact version, or no hash where others have one.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[FIXED],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[1104, 494],
    owasp: Some("A06"),
    asvs: &["V15.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs605_unpinned_requirement.md"),
};

pub(crate) struct UnpinnedRequirement;

impl Rule for UnpinnedRequirement {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut others: Vec<&Package> = Vec::new();
        let production = || project.packages.production().filter(|package| is_from_index(package));
        for package in production().filter(|package| package.version.is_none() && !package.locked) {
            if is_security_relevant(&package.name) && !is_bounded(package) {
                let message = format!("`{}` has no upper bound and no lock", package.name);
                let place = at(package.span, "any later version is installed, a breaking one too");
                let finding = Finding::new(META.id, Severity::Medium, META.confidence, place, message);
                out.fail(finding.with_fix(Fix::advice("pin it to the version that was tested, with `==`")));
            } else {
                others.push(package);
            }
        }
        others.sort_by_key(|package| package.span);
        if let Some(first) = others.first() {
            let message = match others.len() {
                1 => format!("`{}` has no exact version", first.name),
                count => format!("`{}` and {} other packages have no exact version", first.name, count - 1),
            };
            let place = at(first.span, "a build tomorrow may install another version");
            let trail = others.iter().skip(1).take(20).map(|package| at(package.span, "nor has this"));
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(
                finding
                    .with_trail(trail)
                    .with_fix(Fix::advice("pin the versions that were tested, with `==`")),
            );
        }
        let hashed = production().filter(|package| package.hashes > 0).count();
        let bare: Vec<&Package> = production().filter(|package| package.hashes == 0).collect();
        // A file with one hash makes pip demand all of them; a lock of several files may lack some.
        if hashed > 0
            && let Some(first) = bare.first()
        {
            let message = format!("{} of {} packages have no hash", bare.len(), hashed + bare.len());
            let place = at(first.span, "the archive is not compared with what was locked");
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(
                finding
                    .with_fix(Fix::advice("write the hashes: `pip-compile --generate-hashes` or `uv lock`")),
            );
        }
        for install in
            project.packages.installs.iter().filter(|install| install.upgrades && !install.in_image)
        {
            let message = "a script of the deployment upgrades packages when it runs";
            let place = Evidence::at(Layer::Deploy, install.span, "installs what is newest at that moment");
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice("install what is locked when the release is built")));
        }
    }
}

fn is_from_index(package: &Package) -> bool {
    matches!(package.source, Source::Index(_)) && !package.name.is_empty()
}

fn is_bounded(package: &Package) -> bool {
    package
        .constraint
        .iter()
        .any(|one| matches!(one.operator().to_string().as_str(), "==" | "~=" | "<" | "<=" | "==="))
}
