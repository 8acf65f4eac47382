//! What a lock file says: the shape that every reader of one fills in, and which of its packages are installed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use flaskseal_core::TextRange;
use pep440_rs::{Version, VersionSpecifiers};

use crate::{Group, Manifest, Marker, Problem, Target};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LockTool {
    Uv,
    Poetry,
    Pdm,
    Pipenv,
    /// `pylock.toml`, PEP 751.
    Standard,
    /// `conda-lock.yml` and Conda's explicit lists.
    Conda,
    /// No lock, and as exact as one: a bill of materials.
    CycloneDx,
    Spdx,
    /// The metadata of an installed environment.
    Installed,
}

/// One lock file, read.
#[derive(Clone, PartialEq, Debug)]
pub struct Lock {
    pub tool: LockTool,
    pub packages: Vec<Locked>,
    /// What the project itself depends on, where the lock says so.
    pub roots: Vec<(Group, Dependency)>,
    /// The digest of the manifest that it was made from, as written, and where.
    pub content_hash: Option<(String, TextRange)>,
    /// What the project asked for when the lock was made, where the lock repeats it.
    pub made_from: Option<Vec<Dependency>>,
    pub requires_python: Option<VersionSpecifiers>,
    /// Dependency groups that are installed unless somebody says otherwise, normalised.
    pub default_groups: Vec<String>,
    /// The format's version is one that this reader was made for.
    pub known_format: bool,
    pub problems: Vec<Problem>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Locked {
    /// Normalised.
    pub name: String,
    pub version: Option<Version>,
    pub source: Source,
    pub depends: Vec<Dependency>,
    /// Empty where the lock does not say.
    pub groups: Vec<Group>,
    pub marker: Option<Marker>,
    /// How many hashes stand behind it.
    pub hashes: usize,
    /// Name and version.
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The URL, where it is said.
    Index(Option<String>),
    /// A URL, and the full commit where it is known.
    Repository {
        url: String,
        commit: Option<String>,
    },
    Url(String),
    Path(String),
    /// The project itself, or another member of its workspace.
    Project,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Dependency {
    /// Normalised.
    pub name: String,
    /// Which of several locked versions.
    pub version: Option<Version>,
    /// The versions that the dependent package admits, where the lock says so.
    pub specifiers: VersionSpecifiers,
    pub marker: Option<Marker>,
    /// The extras of it that are wanted, normalised.
    pub extras: Vec<String>,
    /// It is wanted only with these extras of the dependent package, normalised; empty: always.
    pub only_with: Vec<String>,
}

impl Dependency {
    pub fn new(name: &str) -> Self {
        Self {
            name: crate::normalize(name),
            version: None,
            specifiers: VersionSpecifiers::empty(),
            marker: None,
            extras: Vec::new(),
            only_with: Vec::new(),
        }
    }
}

/// A package of a lock that is installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selected {
    /// In `Lock::packages`.
    pub index: usize,
    pub group: Group,
    /// Direct dependency first; without the package itself. Of a long way the middle is left out.
    pub path: Vec<String>,
    /// Markers on the way that depend on what is not known; none: it is installed for certain.
    pub undecided: Vec<Marker>,
}

impl Lock {
    /// An empty one.
    pub fn new(tool: LockTool) -> Self {
        Self {
            tool,
            packages: Vec::new(),
            roots: Vec::new(),
            content_hash: None,
            made_from: None,
            requires_python: None,
            default_groups: Vec::new(),
            known_format: true,
            problems: Vec::new(),
        }
    }

    /// The packages that are installed on the target, each once, by the most important group that wants it, along a
    /// shortest path. Packages for other systems, and for extras that nobody asked for, are left out.
    pub fn selected(&self, manifest: Option<&Manifest>, target: &Target) -> Vec<Selected> {
        let roots = self.roots(manifest);
        let mut selected: BTreeMap<usize, Selected> = BTreeMap::new();
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, package) in self.packages.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(index);
        }
        // What is wanted for sure first, so that it is not hidden by an uncertain way to the same package.
        for rank in 0..3 {
            for certain in [true, false] {
                let wanted: Vec<&(Group, Dependency)> =
                    roots.iter().filter(|(group, _)| rank_of(group) == rank).collect();
                self.follow(&wanted, &by_name, target, certain, &mut selected);
            }
        }
        // PDM's lock does not tell extras from groups for developers; the manifest does.
        let requirements = manifest.map_or(&[][..], |manifest| &manifest.requirements);
        let is_extra = |name: &String| {
            requirements.iter().any(|one| matches!(&one.group, Group::Extra(extra) if extra == name))
        };
        let told_apart = |group: &Group| match group {
            Group::Dev(name) if is_extra(name) => Group::Extra(name.clone()),
            group => group.clone(),
        };
        let is_installed =
            |group: &Group| !matches!(group, Group::Extra(extra) if !target.extras.contains(extra));
        for (index, package) in self.packages.iter().enumerate() {
            let groups: Vec<Group> = package.groups.iter().map(told_apart).filter(is_installed).collect();
            let says = !groups.is_empty() || (roots.is_empty() && package.groups.is_empty());
            if selected.contains_key(&index) || !says || package.source == Source::Project {
                continue;
            }
            let holds = package.marker.as_ref().map_or(Some(true), |marker| marker.holds(target));
            if holds == Some(false) {
                continue;
            }
            let group = groups.iter().min_by_key(|group| rank_of(group)).cloned().unwrap_or(Group::Main);
            let undecided = package.marker.iter().filter(|_| holds.is_none()).cloned().collect();
            selected.insert(index, Selected { index, group, path: Vec::new(), undecided });
        }
        selected.into_values().collect()
    }

    /// What the project depends on: as the lock says, or else as its manifest does.
    fn roots(&self, manifest: Option<&Manifest>) -> Vec<(Group, Dependency)> {
        if !self.roots.is_empty() {
            return self.roots.clone();
        }
        let requirements = manifest.map_or(&[][..], |manifest| &manifest.requirements);
        let dependency = |requirement: &crate::Requirement| Dependency {
            marker: requirement.marker.clone(),
            extras: requirement.extras.clone(),
            ..Dependency::new(&requirement.name)
        };
        requirements.iter().map(|requirement| (requirement.group.clone(), dependency(requirement))).collect()
    }

    fn follow(
        &self,
        roots: &[&(Group, Dependency)],
        by_name: &BTreeMap<&str, Vec<usize>>,
        target: &Target,
        certain: bool,
        selected: &mut BTreeMap<usize, Selected>,
    ) {
        let mut walk = Walk { packages: &self.packages, target, seen: BTreeSet::new(), steps: Vec::new() };
        let admits = |dependency: &Dependency| {
            let holds = dependency.marker.as_ref().map_or(Some(true), |marker| marker.holds(target));
            holds == Some(true) || (!certain && holds.is_none())
        };
        let candidates = |dependency: &Dependency| -> Vec<usize> {
            let known = by_name.get(dependency.name.as_str()).map_or(&[][..], Vec::as_slice);
            let fits = |index: &&usize| {
                let package = &self.packages[**index];
                let is_version = dependency.version.is_none() || dependency.version == package.version;
                let holds = package.marker.as_ref().map_or(Some(true), |marker| marker.holds(target));
                is_version && (holds == Some(true) || (!certain && holds.is_none()))
            };
            known.iter().filter(fits).copied().collect()
        };
        for (group, dependency) in roots.iter().copied() {
            if let Group::Extra(extra) = group
                && !target.extras.contains(extra)
            {
                continue;
            }
            if admits(dependency) {
                for index in candidates(dependency) {
                    walk.go(None, index, dependency, group);
                }
            }
        }
        let mut at = 0;
        while let Some(step) = walk.steps.get(at) {
            let (index, extras, group) = (step.index, step.extras.clone(), step.group.clone());
            let package = &self.packages[index];
            if package.source != Source::Project {
                selected.entry(index).or_insert_with(|| walk.selected(at));
            }
            for dependency in &package.depends {
                let wanted = dependency.only_with.is_empty()
                    || dependency.only_with.iter().any(|extra| extras.contains(extra));
                if wanted && admits(dependency) {
                    for next in candidates(dependency) {
                        walk.go(Some(at), next, dependency, &group);
                    }
                }
            }
            at += 1;
        }
    }
}

/// Packages with the extras that are wanted of them; more are not followed.
const MAX_STEPS: usize = 100_000;
/// Packages of a way that are named, and markers of one that are kept.
const MAX_WAY: usize = 20;

/// Every package that was reached, in the order of distance.
struct Walk<'l> {
    packages: &'l [Locked],
    target: &'l Target,
    seen: BTreeSet<(usize, Vec<String>)>,
    steps: Vec<Step<'l>>,
}

/// A package on the way.
struct Step<'l> {
    index: usize,
    extras: Vec<String>,
    group: Group,
    /// The step before it, and the first one of its way.
    parent: Option<usize>,
    first: usize,
    /// Those of the whole way, shared until there is another.
    undecided: Rc<[&'l Marker]>,
}

impl<'l> Walk<'l> {
    fn go(&mut self, parent: Option<usize>, index: usize, by: &'l Dependency, group: &Group) {
        if self.steps.len() >= MAX_STEPS || !self.seen.insert((index, by.extras.clone())) {
            return;
        }
        let before = parent.and_then(|parent| self.steps.get(parent));
        let first = before.map_or(self.steps.len(), |step| step.first);
        let mut undecided = before.map_or_else(|| Rc::from([]), |step| Rc::clone(&step.undecided));
        for marker in by.marker.iter().chain(&self.packages[index].marker) {
            let is_new = undecided.len() < MAX_WAY && !undecided.contains(&marker);
            if is_new && marker.holds(self.target).is_none() {
                undecided = undecided.iter().copied().chain([marker]).collect();
            }
        }
        self.steps.push(Step {
            index,
            extras: by.extras.clone(),
            group: group.clone(),
            parent,
            first,
            undecided,
        });
    }

    /// The package of a step, and the way to it: where that is long, its first package and the nearest ones.
    fn selected(&self, at: usize) -> Selected {
        let step = &self.steps[at];
        let name = |at: usize| self.packages[self.steps[at].index].name.clone();
        let above = std::iter::successors(step.parent, |at| self.steps[*at].parent);
        let mut path: Vec<String> =
            above.filter(|at| *at != step.first).take(MAX_WAY - 1).map(name).collect();
        path.extend((at != step.first).then(|| name(step.first)));
        path.reverse();
        let undecided = step.undecided.iter().map(|marker| (*marker).clone()).collect();
        Selected { index: step.index, group: step.group.clone(), path, undecided }
    }
}

fn rank_of(group: &Group) -> u8 {
    match group {
        Group::Main => 0,
        Group::Extra(_) => 1,
        Group::Dev(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, depends: &[&str]) -> Locked {
        Locked {
            name: name.to_owned(),
            version: None,
            source: Source::Index(None),
            depends: depends
                .iter()
                .map(|text| {
                    let (name, marker) = text.split_once(';').unwrap_or((text, ""));
                    Dependency { marker: Marker::parse(marker), ..Dependency::new(name) }
                })
                .collect(),
            groups: Vec::new(),
            marker: None,
            hashes: 0,
            range: TextRange::default(),
        }
    }

    #[test]
    fn groups_paths_and_markers() {
        let mut lock = Lock::new(LockTool::Uv);
        lock.packages = vec![
            package("flask", &["click", "werkzeug", "asgiref"]),
            package("click", &["colorama;sys_platform == 'win32'", "flask"]),
            package("colorama", &[]),
            package("werkzeug", &["markupsafe;platform_machine == 'x86_64'"]),
            package("markupsafe", &[]),
            package("pytest", &["click", "pluggy"]),
            package("pluggy", &[]),
            package("asgiref", &[]),
        ];
        lock.packages[0].depends[2].only_with = vec!["async".to_owned()];
        lock.roots = vec![
            (Group::Dev("dev".to_owned()), Dependency::new("pytest")),
            (Group::Main, Dependency::new("Flask")),
        ];
        let target = Target { linux: true, ..Target::default() };
        let shown: Vec<String> = lock
            .selected(None, &target)
            .iter()
            .map(|one| {
                let name = &lock.packages[one.index].name;
                format!("{name} {:?} {} {}", one.group, one.path.join(">"), one.undecided.is_empty())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "flask Main  true",
                "click Main flask true",
                "werkzeug Main flask true",
                "markupsafe Main flask>werkzeug false",
                "pytest Dev(\"dev\")  true",
                "pluggy Dev(\"dev\") pytest true",
            ]
        );
        lock.roots[1].1.extras = vec!["async".to_owned()];
        assert!(lock.selected(None, &target).iter().any(|one| lock.packages[one.index].name == "asgiref"));
    }

    #[test]
    fn a_long_way_is_cut_and_stays_uncertain() {
        let mut lock = Lock::new(LockTool::Uv);
        let marker = "platform_machine == 'arm64'";
        lock.packages = (0..2_000)
            .map(|n| {
                package(&format!("p{n}"), &[&format!("p{};{}", n + 1, if n == 3 { marker } else { "" })])
            })
            .collect();
        lock.roots = vec![(Group::Main, Dependency::new("p0"))];
        let selected = lock.selected(None, &Target::default());
        assert_eq!((selected.len(), selected[3].undecided.len()), (2_000, 0));
        let last = &selected[1_999];
        let nearest: Vec<String> = (1_980..1_999).map(|n| format!("p{n}")).collect();
        assert_eq!(last.path, [vec!["p0".to_owned()], nearest].concat());
        assert_eq!(last.undecided, [Marker::parse(marker).unwrap()]);
    }
}
