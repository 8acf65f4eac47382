//! FS604: nothing fixes the versions of all packages that production installs.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::deps::{Source, brings};
use flaskseal_project::{Package, Project};

use super::FIXED;
use super::applicable::{at, declares_packages, listed_in};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(604),
    name: "missing-lock-file",
    summary: "Versions are not locked for the full set of packages.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[FIXED],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[1104, 1357],
    owasp: Some("A06"),
    asvs: &["V15.1.2"],
    fix: FixAvailability::None,
    page: include_str!("fs604_missing_lock_file.md"),
};

pub(crate) struct MissingLockFile;

impl Rule for MissingLockFile {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if !declares_packages(project, FIXED, out) {
            if project.has_flask() {
                out.gap(
                    FIXED,
                    Gap::new("the tree does not say which packages are installed", "add a lock file"),
                );
            }
            return;
        }
        let production: Vec<&Package> =
            project.packages.production().filter(|package| is_from_index(package)).collect();
        let open: Vec<&Package> = production
            .iter()
            .copied()
            .filter(|package| package.version.is_none() && !package.locked)
            .collect();
        let Some(first) = open.first() else {
            match incomplete(&production) {
                Some((package, missing)) => out.fail(direct_only(package, missing)),
                None => {
                    let claim = format!(
                        "{} packages have exact versions in {}",
                        production.len(),
                        listed_in(project)
                    );
                    out.support(FIXED, Evidence::general(Layer::Deps, claim));
                }
            }
            return;
        };
        let deployed = project.deployment.processes.iter().any(|process| !process.dev);
        let severity = if deployed { META.severity } else { Severity::Low };
        let message = match open.len() {
            1 => format!("no exact version is written down for `{}`", first.name),
            count => format!("no exact version is written down for {count} of {} packages", production.len()),
        };
        let place = at(first.span, "whatever is newest on the day of the build is installed");
        let finding =
            Finding::new(META.id, severity, META.confidence, place, message).with_scope(listed_in(project));
        out.fail(finding.with_fix(Fix::advice(LOCK)));
    }
}

const LOCK: &str =
    "lock all packages with their hashes: `uv lock`, `poetry lock` or `pip-compile --generate-hashes`";

fn is_from_index(package: &Package) -> bool {
    matches!(package.source, Source::Index(_)) && !package.name.is_empty()
}

/// A package that is pinned, and another that it is known to bring along and that no list names: the list holds direct
/// dependencies only.
fn incomplete<'p>(production: &[&'p Package]) -> Option<(&'p Package, &'static str)> {
    let unlocked = production.iter().filter(|package| !package.locked && package.hashes == 0);
    unlocked.copied().find_map(|package| {
        let names = |name: &String| production.iter().any(|other| other.name == *name);
        // What newer versions bring, blinker say, an older one may do without: half of it must be missing.
        let brought = brings(&package.name);
        let missing: Vec<&String> = brought.iter().filter(|name| !names(name)).collect();
        (missing.len() * 2 > brought.len())
            .then(|| (package, missing.first().map_or("", |name| name.as_str())))
    })
}

fn direct_only(package: &Package, missing: &str) -> Finding {
    let message = format!(
        "only direct dependencies have exact versions: `{missing}`, which `{}` brings, has none",
        package.name
    );
    let place = at(package.span, "what it brings along is not fixed");
    Finding::new(META.id, Severity::Low, META.confidence, place, message).with_fix(Fix::advice(LOCK))
}
