//! FS606: the lock and the manifest that it is for, or two locks of one folder, contradict each other.

use flaskseal_core::{
    Assessment, Confidence, Evidence, FileId, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::deps::{Group, Version, admits};
use flaskseal_project::{Audience, ManifestFile, Project};

use super::FIXED;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(606),
    name: "lock-drift",
    summary: "The lock file does not match what the project declares.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[FIXED],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs606_lock_drift.md"),
};

pub(crate) struct LockDrift;

impl Rule for LockDrift {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for lock in project.packages.locks.iter().filter(|lock| lock.audience == Audience::Production) {
            if !lock.lock.known_format {
                let name = &project.tree.file(lock.file).path;
                out.gap(
                    FIXED,
                    Gap::new(
                        format!("`{name}` has a format that is newer than this flaskseal"),
                        "update flaskseal",
                    ),
                );
                continue;
            }
            let folder = project.tree.file(lock.file).folder();
            let beside = || {
                project.packages.manifests.iter().filter(|manifest| {
                    manifest.audience == Audience::Production
                        && project.tree.file(manifest.file).folder() == folder
                })
            };
            let versions: Versions<'_> = lock
                .lock
                .packages
                .iter()
                .map(|package| {
                    (
                        package.name.as_str(),
                        package.version.as_ref(),
                        Span { file: lock.file, range: package.range },
                    )
                })
                .collect();
            for manifest in beside().filter(|manifest| !manifest.is_requirements()) {
                compare(project, manifest, &versions, lock.file, out);
            }
            // A requirements file that a resolver wrote is another lock of the same packages.
            for exported in beside().filter(|manifest| manifest.manifest.resolved) {
                disagree(project, exported, &versions, lock.file, out);
            }
        }
        for compiled in project.packages.manifests.iter().filter(|manifest| is_compiled(project, manifest)) {
            let path = &project.tree.file(compiled.file).path;
            let versions: Versions<'_> = compiled
                .manifest
                .requirements
                .iter()
                .map(|one| (one.name.as_str(), one.pinned(), Span { file: compiled.file, range: one.range }))
                .collect();
            // `requirements.txt` is compiled from `requirements.in`, `requirements.lock` from `requirements.txt`.
            let stem = path.rsplit_once('.').map_or(&**path, |(stem, _)| stem);
            for source in project.packages.manifests.iter().filter(|manifest| !manifest.manifest.resolved) {
                let other = &project.tree.file(source.file).path;
                if other.rsplit_once('.').is_some_and(|(known, _)| known == stem) {
                    compare(project, source, &versions, compiled.file, out);
                }
            }
        }
        contradictions(project, out);
    }
}

/// Versions that a requirements file pins and that the project beside it does not admit.
fn contradictions(project: &Project<'_>, out: &mut Assessment) {
    let folder_of = |manifest: &ManifestFile| project.tree.file(manifest.file).folder();
    let production =
        || project.packages.manifests.iter().filter(|manifest| manifest.audience == Audience::Production);
    for list in production().filter(|list| list.is_requirements() && !is_compiled(project, list)) {
        let beside =
            production().filter(|other| !other.is_requirements() && folder_of(other) == folder_of(list));
        for declared in
            beside.flat_map(|other| other.manifest.requirements.iter().map(move |one| (other, one)))
        {
            let (other, declared) = declared;
            if declared.group != Group::Main || declared.marker.is_some() {
                continue;
            }
            let pins = list.manifest.requirements.iter().filter(|one| one.name == declared.name);
            for (requirement, pin) in pins.filter_map(|one| Some((one, one.pinned()?))) {
                if requirement.marker.is_some() || admits(&declared.specifiers, pin) {
                    continue;
                }
                let path = &project.tree.file(other.file).path;
                let message = format!(
                    "`{}` is pinned to {pin} here, and `{path}` wants `{}`",
                    declared.name, declared.specifiers
                );
                let place = at(Span { file: list.file, range: requirement.range }, "pinned here");
                let trail = at(Span { file: other.file, range: declared.range }, "declared otherwise here");
                out.fail(finding(place, message).with_trail([trail]));
            }
        }
    }
}

/// Name, version and place of everything that is locked.
type Versions<'a> = Vec<(&'a str, Option<&'a Version>, Span)>;

fn is_compiled(project: &Project<'_>, manifest: &ManifestFile) -> bool {
    manifest.audience == Audience::Production
        && (manifest.manifest.resolved || project.tree.file(manifest.file).name().ends_with(".lock"))
}

/// What is declared, and locked not at all or at a version that is not admitted.
fn compare(
    project: &Project<'_>,
    manifest: &ManifestFile,
    locked: &Versions<'_>,
    lock: FileId,
    out: &mut Assessment,
) {
    let lock_path = &project.tree.file(lock).path;
    if locked.is_empty() {
        return;
    }
    for requirement in &manifest.manifest.requirements {
        let holds =
            requirement.marker.as_ref().map_or(Some(true), |marker| marker.holds(&project.packages.target));
        if requirement.group != Group::Main || requirement.url.is_some() || holds != Some(true) {
            continue;
        }
        let same: Vec<_> = locked.iter().filter(|(name, ..)| *name == requirement.name).collect();
        let span = Span { file: manifest.file, range: requirement.range };
        if same.is_empty() {
            let message = format!("`{}` is declared and not in `{lock_path}`", requirement.name);
            out.fail(finding(at(span, "declared here"), message));
            continue;
        }
        let known: Vec<_> = same.iter().filter_map(|(_, version, span)| Some(((*version)?, *span))).collect();
        let admits = |version: &Version| admits(&requirement.specifiers, version);
        if let Some((version, place)) = known.first()
            && !known.iter().any(|(version, _)| admits(version))
        {
            let message = format!(
                "`{lock_path}` locks `{}` {version}, which `{}` does not admit",
                requirement.name, requirement.specifiers
            );
            let finding = finding(at(span, "declared here"), message);
            out.fail(finding.with_trail([at(*place, "locked here")]));
        }
    }
}

/// What two lock files of one folder fix at different versions.
fn disagree(
    project: &Project<'_>,
    exported: &ManifestFile,
    locked: &Versions<'_>,
    lock: FileId,
    out: &mut Assessment,
) {
    for requirement in &exported.manifest.requirements {
        let Some(pin) = requirement.pinned() else { continue };
        let same = locked.iter().filter(|(name, ..)| *name == requirement.name);
        let known: Vec<_> = same.filter_map(|(_, version, span)| Some(((*version)?, *span))).collect();
        let Some((version, place)) = known.first() else { continue };
        if known.iter().any(|(version, _)| *version == pin) {
            continue;
        }
        let message = format!(
            "two lock files disagree on `{}`: {pin} here, {version} in `{}`",
            requirement.name,
            project.tree.file(lock).path
        );
        let span = Span { file: exported.file, range: requirement.range };
        out.fail(finding(at(span, "locked here"), message).with_trail([at(*place, "and otherwise here")]));
    }
}

fn finding(primary: Evidence, message: String) -> Finding {
    Finding::new(META.id, META.severity, META.confidence, primary, message)
        .with_fix(Fix::advice("lock again, and commit the lock file together with what it is made from"))
}
