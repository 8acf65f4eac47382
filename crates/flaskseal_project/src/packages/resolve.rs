//! From manifests, locks and install commands to the packages that production installs.

use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::path::join_within;
use flaskseal_core::{FileId, Span, Tree};
use flaskseal_deps::{
    Dependency, Group, Lock, ManifestKind, Marker, Requirement, Selected, Source, Target, Version,
    VersionSpecifiers,
};

use super::files::{Audience, LockFile, ManifestFile, is_constraints};
use super::install::{Install, InstallTool};

/// A package that is installed.
#[derive(Clone, Debug)]
pub struct Package {
    /// Normalised.
    pub name: String,
    /// `None` where only a range is known.
    pub version: Option<Version>,
    /// What the manifest admits, where it says so.
    pub constraint: VersionSpecifiers,
    /// What the packages that want it admit, as far as a lock or their metadata says so.
    pub wanted: Vec<(String, VersionSpecifiers)>,
    /// Where it is named.
    pub span: Span,
    pub group: Group,
    /// The packages that want it, the direct dependency first.
    pub path: Vec<String>,
    /// Environment markers that it depends on and that are not known to hold; none: it is installed for certain.
    pub undecided: Vec<Marker>,
    pub hashes: usize,
    pub source: Source,
    /// A lock file, or a file that a resolver wrote, names it.
    pub locked: bool,
}

impl Package {
    /// Whether it is installed depends on nothing that is not known.
    pub fn is_certain(&self) -> bool {
        self.undecided.is_empty()
    }
}

/// Where production's packages are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Listing {
    /// In `Packages::locks`.
    Lock(usize),
    /// In `Packages::manifests`.
    Manifest(usize),
    /// In `Packages::bills`.
    Bill(usize),
    /// In `Packages::installs`: the command itself names packages.
    Command(usize),
}

/// Requirements files that include each other deeper than this are not followed.
const MAX_INCLUDES: usize = 200;

pub(super) struct Resolver<'a> {
    pub(super) tree: &'a Tree,
    pub(super) manifests: &'a [ManifestFile],
    pub(super) locks: &'a [LockFile],
    pub(super) bills: &'a [LockFile],
    pub(super) installs: &'a [Install],
    pub(super) target: &'a Target,
}

impl Resolver<'_> {
    /// What production installs from: what its commands name, or else what usually is installed.
    pub(super) fn listings(&self) -> Vec<Listing> {
        let mut found = Vec::new();
        // The commands of images say more than scripts beside them.
        for in_image in [true, false] {
            for (index, install) in
                self.installs.iter().enumerate().filter(|(_, one)| one.in_image == in_image)
            {
                found.extend(self.of_command(index, install));
            }
            if !found.is_empty() {
                break;
            }
        }
        let names_packages = |listing: &Listing| !matches!(listing, Listing::Command(_));
        if !found.iter().any(names_packages) {
            found.extend(self.usual());
        }
        found.sort();
        found.dedup();
        found
    }

    fn of_command(&self, index: usize, install: &Install) -> Vec<Listing> {
        let mut found: Vec<Listing> =
            install.files.iter().filter_map(|file| self.manifest_of(*file)).map(Listing::Manifest).collect();
        if install.requirements.iter().any(|(requirement, _)| !is_installer(&requirement.name)) {
            found.push(Listing::Command(index));
        }
        if let Some(folder) = &install.project {
            let of_tool = self.locks.iter().position(|lock| {
                let name = self.tree.file(lock.file).name();
                let is_tools = match install.tool {
                    InstallTool::Uv => name == "uv.lock",
                    InstallTool::Poetry => name == "poetry.lock",
                    InstallTool::Pdm => name == "pdm.lock",
                    InstallTool::Pipenv => name == "Pipfile.lock",
                    InstallTool::Pip => false,
                };
                is_tools && self.tree.file(lock.file).folder() == folder
            });
            match of_tool {
                Some(lock) => found.push(Listing::Lock(lock)),
                // `pip install .` takes what the project declares, on top of what was installed before it.
                None => found.extend(self.project_manifest(folder).map(Listing::Manifest)),
            }
        }
        found
    }

    fn manifest_of(&self, file: FileId) -> Option<usize> {
        self.manifests.iter().position(|manifest| manifest.file == file)
    }

    /// What a project declares in a folder.
    pub(super) fn project_manifest(&self, folder: &str) -> Option<usize> {
        self.manifests.iter().position(|manifest| {
            self.tree.file(manifest.file).folder() == folder
                && !manifest.is_requirements()
                && manifest.manifest.kind != ManifestKind::Conda
                && manifest.declares()
        })
    }

    /// Folder by folder, the most exact list that is there: a lock, a file that a resolver wrote, requirements, what
    /// the project declares.
    fn usual(&self) -> Vec<Listing> {
        let mut folders: BTreeMap<&str, Vec<Listing>> = BTreeMap::new();
        let is_for_production = |audience| audience == Audience::Production;
        for (index, lock) in
            self.locks.iter().enumerate().filter(|(_, lock)| is_for_production(lock.audience))
        {
            folders.entry(self.tree.file(lock.file).folder()).or_default().push(Listing::Lock(index));
        }
        for (index, bill) in
            self.bills.iter().enumerate().filter(|(_, bill)| is_for_production(bill.audience))
        {
            folders.entry(self.tree.file(bill.file).folder()).or_default().push(Listing::Bill(index));
        }
        for (index, manifest) in self.manifests.iter().enumerate() {
            let file = self.tree.file(manifest.file);
            if is_for_production(manifest.audience) && manifest.declares() && !is_constraints(&file.path) {
                // The files of `requirements/` belong to the folder that holds it.
                let folder = file.folder();
                let last = folder.rsplit('/').next().unwrap_or("");
                let is_list_folder = manifest.is_requirements() && last.contains("requirement");
                let folder = if is_list_folder {
                    folder.rsplit_once('/').map_or("", |(above, _)| above)
                } else {
                    folder
                };
                folders.entry(folder).or_default().push(Listing::Manifest(index));
            }
        }
        folders.into_values().flat_map(|listings| self.best(listings)).collect()
    }

    fn best(&self, listings: Vec<Listing>) -> Vec<Listing> {
        let rank = |listing: &Listing| match listing {
            Listing::Lock(_) => 0,
            Listing::Manifest(index) => {
                let manifest = &self.manifests[*index];
                let name = self.tree.file(manifest.file).name();
                match manifest.manifest.kind {
                    ManifestKind::Requirements if manifest.manifest.resolved || name.ends_with(".lock") => 1,
                    ManifestKind::Requirements if is_named_for_production(name) => 3,
                    ManifestKind::Requirements => 4,
                    _ => 5,
                }
            }
            // As exact as a lock, but nothing installs from it.
            Listing::Bill(_) => 2,
            Listing::Command(_) => 6,
        };
        let Some(best) = listings.iter().map(rank).min() else { return Vec::new() };
        let chosen: Vec<Listing> = listings.into_iter().filter(|listing| rank(listing) == best).collect();
        // Two lock files of one folder are two ways to install the same: the first is enough, and FS606 compares them.
        if best == 0 || best == 2 { chosen.into_iter().take(1).collect() } else { chosen }
    }

    /// The packages of all listings; a package that several name stands once for each version.
    pub(super) fn packages(&self, listings: &[Listing]) -> Vec<Package> {
        let mut found: Vec<Package> = Vec::new();
        for listing in listings {
            match listing {
                Listing::Lock(index) => self.of_lock(&self.locks[*index], &mut found),
                Listing::Bill(index) => self.of_lock(&self.bills[*index], &mut found),
                Listing::Manifest(index) => {
                    let extras = &self.target.extras;
                    let mut seen = BTreeSet::new();
                    let mut requirements = Vec::new();
                    let mut constraints = Vec::new();
                    self.flatten(*index, extras, &mut seen, &mut requirements, &mut constraints);
                    for install in
                        self.installs.iter().filter(|one| one.files.contains(&self.manifests[*index].file))
                    {
                        for file in &install.constraints {
                            if let Some(index) = self.manifest_of(*file) {
                                self.flatten(index, extras, &mut seen, &mut constraints, &mut Vec::new());
                            }
                        }
                    }
                    let resolved = self.manifests[*index].manifest.resolved;
                    self.of_requirements(&requirements, &constraints, resolved, &mut found);
                }
                Listing::Command(index) => {
                    let install = &self.installs[*index];
                    let requirements: Vec<(FileId, &Requirement)> = install
                        .requirements
                        .iter()
                        .filter(|(requirement, _)| !is_installer(&requirement.name))
                        .map(|(requirement, span)| (span.file, requirement))
                        .collect();
                    self.of_requirements(&requirements, &[], false, &mut found);
                }
            }
        }
        // What a later command asks for without a version is there already.
        let pinned: BTreeSet<String> = found
            .iter()
            .filter(|package| package.version.is_some())
            .map(|package| package.name.clone())
            .collect();
        found.retain(|package| package.version.is_some() || !pinned.contains(&package.name));
        found.sort_by(|a, b| (&a.name, rank_of(&a.group), a.span).cmp(&(&b.name, rank_of(&b.group), b.span)));
        found.dedup_by(|later, first| {
            !later.name.is_empty() && later.name == first.name && later.version == first.version
        });
        found
    }

    /// The requirements of a file, with the extras that are wanted of it, and of those files that it includes.
    fn flatten<'m>(
        &'m self,
        index: usize,
        extras: &[String],
        seen: &mut BTreeSet<usize>,
        requirements: &mut Vec<(FileId, &'m Requirement)>,
        constraints: &mut Vec<(FileId, &'m Requirement)>,
    ) {
        if !seen.insert(index) || seen.len() > MAX_INCLUDES {
            return;
        }
        let file = &self.manifests[index];
        let is_wanted = |requirement: &&Requirement| match &requirement.group {
            Group::Extra(extra) => extras.contains(extra),
            Group::Main | Group::Dev(_) => true,
        };
        let wanted = file.manifest.requirements.iter().filter(is_wanted);
        requirements.extend(wanted.clone().map(|requirement| (file.file, requirement)));
        for requirement in wanted {
            let Some((folder, extras)) = local_folder(requirement) else { continue };
            let extras: Vec<String> = extras.split(',').map(flaskseal_deps::normalize).collect();
            for project in self.project_in(&join_within(self.tree.file(file.file).folder(), folder)) {
                self.flatten(project, &extras, seen, requirements, constraints);
            }
        }
        for (other, is_constraint) in file.included(self.tree) {
            let Some(other) = self.manifest_of(other) else { continue };
            if is_constraint {
                self.flatten(other, extras, seen, constraints, &mut Vec::new());
            } else {
                self.flatten(other, extras, seen, requirements, constraints);
            }
        }
    }

    /// The manifests of the project in a folder.
    fn project_in(&self, folder: &str) -> impl Iterator<Item = usize> {
        let declared = self.manifests.iter().enumerate().filter(move |(_, manifest)| {
            !manifest.is_requirements()
                && manifest.manifest.kind != ManifestKind::Conda
                && manifest.declares()
                && folder == self.tree.file(manifest.file).folder()
        });
        declared.map(|(index, _)| index)
    }

    /// Whether the project itself asks for it, by the comments of a resolver: `uv export` names the project as it names
    /// any other package.
    fn is_asked(&self, requirement: &Requirement) -> bool {
        let is_own = |parent: &String| {
            self.manifests.iter().any(|file| file.manifest.project.as_ref() == Some(parent))
        };
        requirement.asked || requirement.via.iter().any(is_own)
    }

    /// The way from a direct dependency, by the comments of a resolver.
    fn path_to(&self, requirement: &Requirement, all: &BTreeMap<&str, &Requirement>) -> Vec<String> {
        let mut path: Vec<String> = Vec::new();
        let mut at = requirement;
        // A resolver's comments cannot form a ring, but a hostile file's can.
        while !self.is_asked(at)
            && let Some(parent) = at.via.first()
        {
            if path.len() >= 20 || path.contains(parent) || *parent == requirement.name {
                break;
            }
            path.push(parent.clone());
            match all.get(parent.as_str()) {
                Some(next) => at = next,
                None => break,
            }
        }
        path.reverse();
        path
    }

    fn of_requirements(
        &self,
        requirements: &[(FileId, &Requirement)],
        constraints: &[(FileId, &Requirement)],
        resolved: bool,
        found: &mut Vec<Package>,
    ) {
        let by_name: BTreeMap<&str, &Requirement> =
            requirements.iter().map(|(_, requirement)| (requirement.name.as_str(), *requirement)).collect();
        for (file, requirement) in requirements {
            let holds = requirement.marker.as_ref().map_or(Some(true), |marker| marker.holds(self.target));
            if holds == Some(false) || requirement.name.is_empty() && requirement.url.is_none() {
                continue;
            }
            let pin = requirement.pinned().or_else(|| {
                let mut same =
                    constraints.iter().filter(|(_, constraint)| constraint.name == requirement.name);
                same.find_map(|(_, constraint)| constraint.pinned())
            });
            found.push(Package {
                name: requirement.name.clone(),
                version: pin.cloned(),
                constraint: requirement.specifiers.clone(),
                wanted: Vec::new(),
                span: Span { file: *file, range: requirement.range },
                group: requirement.group.clone(),
                path: self.path_to(requirement, &by_name),
                undecided: requirement.marker.iter().filter(|_| holds.is_none()).cloned().collect(),
                hashes: requirement.hashes,
                source: source_of(requirement),
                locked: resolved,
            });
        }
    }

    fn of_lock(&self, file: &LockFile, found: &mut Vec<Package>) {
        let folder = self.tree.file(file.file).folder();
        let manifest = self.project_manifest(folder).map(|index| &self.manifests[index].manifest);
        let mut target = self.target.clone();
        target.groups.extend(file.lock.default_groups.iter().cloned());
        let declared = |name: &str| {
            let requirements = manifest.into_iter().flat_map(|manifest| &manifest.requirements);
            requirements.clone().find(|requirement| requirement.name == name)
        };
        self.of_selected(file.file, &file.lock, &file.lock.selected(manifest, &target), &declared, found);
    }

    /// The packages of an installed environment. All of them are there, whoever wanted them; the way to each begins at
    /// what the tree's own lists name.
    pub(super) fn environment(&self, file: FileId, mut lock: Lock) -> Vec<Package> {
        let production = self.manifests.iter().filter(|file| file.audience == Audience::Production);
        let requirements: Vec<&Requirement> = production
            .flat_map(|file| &file.manifest.requirements)
            .filter(|requirement| requirement.group == Group::Main && !requirement.name.is_empty())
            .collect();
        // A compiled list names everything; what its comments call asked for is direct.
        let direct = requirements
            .iter()
            .filter(|requirement| requirement.via.is_empty() || self.is_asked(requirement));
        lock.roots = direct.map(|one| (Group::Main, Dependency::new(&one.name))).collect();
        let declared = |name: &str| requirements.iter().copied().find(|requirement| requirement.name == name);
        let mut found = Vec::new();
        self.of_selected(file, &lock, &lock.selected(None, self.target), &declared, &mut found);
        for package in &mut found {
            package.undecided.clear();
            package.locked = false;
        }
        found.sort_by(|a, b| (&a.name, a.span).cmp(&(&b.name, b.span)));
        found
    }

    fn of_selected<'r>(
        &self,
        file: FileId,
        lock: &Lock,
        selected: &[Selected],
        declared: &dyn Fn(&str) -> Option<&'r Requirement>,
        found: &mut Vec<Package>,
    ) {
        let mut wanted: BTreeMap<&str, Vec<(String, VersionSpecifiers)>> = BTreeMap::new();
        for parent in selected.iter().map(|one| &lock.packages[one.index]) {
            for dependency in parent.depends.iter().filter(|one| !one.specifiers.is_empty()) {
                let admitted = (parent.name.clone(), dependency.specifiers.clone());
                wanted.entry(&dependency.name).or_default().push(admitted);
            }
        }
        for one in selected {
            let package = &lock.packages[one.index];
            let declared = declared(&package.name);
            found.push(Package {
                name: package.name.clone(),
                version: package.version.clone(),
                constraint: declared.map(|requirement| requirement.specifiers.clone()).unwrap_or_default(),
                wanted: wanted.get(package.name.as_str()).cloned().unwrap_or_default(),
                span: Span { file, range: package.range },
                group: one.group.clone(),
                path: one.path.clone(),
                undecided: one.undecided.clone(),
                hashes: package.hashes,
                source: package.source.clone(),
                locked: true,
            });
        }
    }
}

/// The folder that a requirement is, and the extras of it in brackets; `None` for what comes from elsewhere.
fn local_folder(requirement: &Requirement) -> Option<(&str, &str)> {
    let url = requirement.url.as_deref()?;
    let path = url.strip_prefix("file:").unwrap_or(url);
    // Pip's name for what is there.
    let path = path.split('#').next().unwrap_or(path);
    let (path, extras) = path.split_once('[').unwrap_or((path, ""));
    let is_archive = [".whl", ".zip", ".gz"].iter().any(|ending| path.ends_with(ending));
    (!path.contains(':') && !path.starts_with('/') && !is_archive)
        .then(|| (path.trim(), extras.trim_end_matches(']')))
}

fn source_of(requirement: &Requirement) -> Source {
    let Some(url) = &requirement.url else { return Source::Index(None) };
    if url.starts_with("git+") || url.starts_with("hg+") || url.starts_with("svn+") || url.starts_with("bzr+")
    {
        let path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let path = path.split('#').next().unwrap_or(path);
        let revision = path.rsplit_once('@').filter(|(_, revision)| !revision.contains('/'));
        let revision = revision.map(|(_, revision)| revision.to_owned());
        let is_commit = |text: &String| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return Source::Repository { url: url.clone(), commit: revision.filter(is_commit) };
    }
    if url.contains("://") && !url.starts_with("file:") {
        return Source::Url(url.clone());
    }
    Source::Path(url.clone())
}

/// What installs packages is not part of the application.
fn is_installer(name: &str) -> bool {
    matches!(
        name,
        "pip"
            | "setuptools"
            | "wheel"
            | "uv"
            | "poetry"
            | "pdm"
            | "pipenv"
            | "pip-tools"
            | "virtualenv"
            | "build"
            | "poetry-core"
    )
}

fn is_named_for_production(name: &str) -> bool {
    name.to_ascii_lowercase()
        .split(['-', '_', '.'])
        .any(|part| matches!(part, "prod" | "production" | "deploy" | "live"))
}

fn rank_of(group: &Group) -> u8 {
    match group {
        Group::Main => 0,
        Group::Extra(_) => 1,
        Group::Dev(_) => 2,
    }
}
