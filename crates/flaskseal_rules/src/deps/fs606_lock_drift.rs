//! FS606: the lock and the manifest that it is for, or two locks of one folder, contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::{
    Assessment, Confidence, Evidence, FileId, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::deps::{
    Group, LockTool, ManifestKind, Requirement, Version, VersionSpecifiers, admits, have_common_version,
    is_made_from,
};
use flaskseal_project::{Audience, LockFile, ManifestFile, Project};

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
            let versions = versions_of(lock);
            for manifest in beside().filter(|manifest| !manifest.is_requirements()) {
                let is_conda = lock.lock.tool == LockTool::Conda;
                // Conda's packages have names of their own.
                if is_conda != (manifest.manifest.kind == ManifestKind::Conda) {
                    continue;
                }
                if !compare(project, manifest, &versions, lock.file, out) {
                    age(project, manifest, lock, out);
                }
            }
            // A requirements file that a resolver wrote is another lock of the same packages.
            let exported = beside().filter(|manifest| manifest.manifest.resolved);
            for exported in exported.filter(|_| lock.lock.tool != LockTool::Conda) {
                disagree(project, &pins_of(exported), &versions, out);
            }
            let others = project.packages.locks.iter().filter(|other| {
                other.file > lock.file
                    && other.lock.tool != LockTool::Conda
                    && lock.lock.tool != LockTool::Conda
                    && other.audience == Audience::Production
                    && project.tree.file(other.file).folder() == folder
            });
            for other in others {
                disagree(project, &versions_of(other), &versions, out);
            }
        }
        for compiled in project.packages.manifests.iter().filter(|manifest| is_compiled(project, manifest)) {
            let path = &project.tree.file(compiled.file).path;
            let versions = pins_of(compiled);
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

/// Pairs of manifests that are compared.
const MAX_PAIRS: usize = 10_000;

/// Manifests that are used together and that no set of versions satisfies: of one folder, where one is what the project
/// declares, and of requirements files that include each other.
fn contradictions(project: &Project<'_>, out: &mut Assessment) {
    let folder_of = |manifest: &ManifestFile| project.tree.file(manifest.file).folder();
    let production: Vec<&ManifestFile> = project
        .packages
        .manifests
        .iter()
        .filter(|manifest| manifest.audience == Audience::Production && !is_compiled(project, manifest))
        .collect();
    let pairs = production
        .iter()
        .enumerate()
        .flat_map(|(index, first)| production.iter().skip(index + 1).map(move |second| (*first, *second)));
    for (first, second) in pairs.take(MAX_PAIRS) {
        let includes = |list: &ManifestFile, file| list.included(project.tree).any(|(one, _)| one == file);
        // What is found stands in the list that includes the other, in a requirements file rather than in what the
        // project declares, and else in the first file.
        let (list, declared) = match (first.is_requirements(), second.is_requirements()) {
            (true, true) if includes(second, first.file) => (second, first),
            (true, true) if includes(first, second.file) => (first, second),
            (true, true) => {
                let are_included =
                    |third: &&ManifestFile| includes(third, first.file) && includes(third, second.file);
                if !production.iter().any(are_included) {
                    continue;
                }
                (first, second)
            }
            (_, is_list) => {
                let is_conda = |one: &ManifestFile| one.manifest.kind == ManifestKind::Conda;
                // Conda's packages have names of their own.
                if folder_of(first) != folder_of(second) || is_conda(first) != is_conda(second) {
                    continue;
                }
                if is_list { (second, first) } else { (first, second) }
            }
        };
        contradict(project, list, declared, out);
    }
}

fn contradict(project: &Project<'_>, list: &ManifestFile, other: &ManifestFile, out: &mut Assessment) {
    let counts = |one: &&Requirement| {
        one.group == Group::Main && one.marker.is_none() && one.url.is_none() && !one.chosen
    };
    let mut by_name: BTreeMap<&str, Vec<&Requirement>> = BTreeMap::new();
    for requirement in list.manifest.requirements.iter().filter(counts) {
        by_name.entry(&requirement.name).or_default().push(requirement);
    }
    for declared in other.manifest.requirements.iter().filter(counts) {
        for requirement in by_name.get(declared.name.as_str()).into_iter().flatten() {
            let path = &project.tree.file(other.file).path;
            let name = &declared.name;
            let message = match requirement.pinned() {
                Some(pin) if admits(&declared.specifiers, pin) => continue,
                Some(pin) => {
                    format!("`{name}` is pinned to {pin} here, and `{path}` wants `{}`", declared.specifiers)
                }
                None if have_common_version(&requirement.specifiers, &declared.specifiers) => continue,
                None => format!(
                    "`{name}` is wanted as `{}` here and as `{}` in `{path}`, and no version is both",
                    requirement.specifiers, declared.specifiers
                ),
            };
            let place = at(Span { file: list.file, range: requirement.range }, "declared here");
            let trail = at(Span { file: other.file, range: declared.range }, "declared otherwise here");
            out.fail(finding(place, message).with_trail([trail]));
            by_name.remove(declared.name.as_str());
            break;
        }
    }
}

/// Whether the lock is of another state of its manifest, though all versions still fit.
fn age(project: &Project<'_>, manifest: &ManifestFile, lock: &LockFile, out: &mut Assessment) {
    let wanted_kind = match lock.lock.tool {
        LockTool::Pipenv => ManifestKind::Pipfile,
        LockTool::Uv | LockTool::Poetry | LockTool::Pdm => ManifestKind::Pyproject,
        _ => return,
    };
    if manifest.manifest.kind != wanted_kind {
        return;
    }
    let lock_path = &project.tree.file(lock.file).path;
    let file = project.tree.file(manifest.file);
    let path = &file.path;
    if let Some((_, range)) = &lock.lock.content_hash
        && is_made_from(&lock.lock, &file.text) == Some(false)
    {
        let place = at(Span { file: lock.file, range: *range }, "the digest of what it was made from");
        let message = format!("`{lock_path}` was made from another state of `{path}`");
        out.fail(finding(place, message));
    }
    let Some(made_from) = &lock.lock.made_from else { return };
    for requirement in &manifest.manifest.requirements {
        if requirement.group != Group::Main || requirement.url.is_some() {
            continue;
        }
        let mut known = made_from.iter().filter(|known| known.name == requirement.name);
        if known.clone().next().is_some()
            && !known.any(|known| are_equal(&known.specifiers, &requirement.specifiers))
        {
            let place = at(Span { file: manifest.file, range: requirement.range }, "declared here");
            let message =
                format!("`{lock_path}` was made when `{path}` wanted `{}` otherwise", requirement.name);
            out.fail(finding(place, message));
        }
    }
}

fn are_equal(a: &VersionSpecifiers, b: &VersionSpecifiers) -> bool {
    let sorted = |all: &VersionSpecifiers| {
        let mut all: Vec<String> = all.iter().map(ToString::to_string).collect();
        all.sort();
        all
    };
    sorted(a) == sorted(b)
}

/// Name, version and place of everything that is locked.
type Versions<'a> = Vec<(&'a str, Option<&'a Version>, Span)>;

fn versions_of(lock: &LockFile) -> Versions<'_> {
    let packages = lock.lock.packages.iter();
    let place = |range| Span { file: lock.file, range };
    packages.map(|one| (one.name.as_str(), one.version.as_ref(), place(one.range))).collect()
}

fn pins_of(manifest: &ManifestFile) -> Versions<'_> {
    let requirements = manifest.manifest.requirements.iter();
    let place = |range| Span { file: manifest.file, range };
    requirements.map(|one| (one.name.as_str(), one.pinned(), place(one.range))).collect()
}

fn is_compiled(project: &Project<'_>, manifest: &ManifestFile) -> bool {
    manifest.audience == Audience::Production
        && (manifest.manifest.resolved || project.tree.file(manifest.file).name().ends_with(".lock"))
}

/// What is declared, and locked not at all or at a version that is not admitted; whether anything was found.
fn compare(
    project: &Project<'_>,
    manifest: &ManifestFile,
    locked: &Versions<'_>,
    lock: FileId,
    out: &mut Assessment,
) -> bool {
    let lock_path = &project.tree.file(lock).path;
    if locked.is_empty() {
        return false;
    }
    let by_name = by_name(locked);
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let is_conda = manifest.manifest.kind == ManifestKind::Conda;
    for requirement in manifest.manifest.requirements.iter().filter(|one| !one.chosen) {
        let holds =
            requirement.marker.as_ref().map_or(Some(true), |marker| marker.holds(&project.packages.target));
        if requirement.group != Group::Main || requirement.url.is_some() || holds != Some(true) {
            continue;
        }
        if told.contains(requirement.name.as_str()) {
            continue;
        }
        let span = Span { file: manifest.file, range: requirement.range };
        let Some(same) = by_name.get(requirement.name.as_str()) else {
            if !is_conda {
                let message = format!("`{}` is declared and not in `{lock_path}`", requirement.name);
                out.fail(finding(at(span, "declared here"), message));
                told.insert(&requirement.name);
            }
            continue;
        };
        let known: Vec<_> = same.iter().filter_map(|(version, span)| Some(((*version)?, *span))).collect();
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
            told.insert(&requirement.name);
        }
    }
    !told.is_empty()
}

/// What is locked, by name.
fn by_name<'v>(versions: &Versions<'v>) -> BTreeMap<&'v str, Vec<(Option<&'v Version>, Span)>> {
    let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (name, version, span) in versions {
        found.entry(name).or_default().push((*version, *span));
    }
    found
}

/// What two lock files of one folder fix at different versions.
fn disagree(project: &Project<'_>, here: &Versions<'_>, there: &Versions<'_>, out: &mut Assessment) {
    let there = by_name(there);
    for (name, here) in by_name(here) {
        let Some(there) = there.get(name) else { continue };
        let known: BTreeSet<&Version> = there.iter().filter_map(|(version, _)| *version).collect();
        let first = |all: &[(Option<&Version>, Span)]| {
            all.iter().find_map(|(version, span)| Some(((*version)?.clone(), *span)))
        };
        let (Some((pin, span)), Some((version, place))) = (first(&here), first(there)) else { continue };
        // A package can stand in a lock once for each platform.
        if here.iter().any(|(version, _)| version.is_some_and(|version| known.contains(version))) {
            continue;
        }
        let message = format!(
            "two lock files disagree on `{name}`: {pin} here, {version} in `{}`",
            project.tree.file(place.file).path
        );
        out.fail(finding(at(span, "locked here"), message).with_trail([at(place, "and otherwise here")]));
    }
}

fn finding(primary: Evidence, message: String) -> Finding {
    Finding::new(META.id, META.severity, META.confidence, primary, message)
        .with_fix(Fix::advice("lock again, and commit the lock file together with what it is made from"))
}
