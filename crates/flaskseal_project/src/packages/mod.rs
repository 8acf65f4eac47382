//! Which packages the project declares, locks and installs, for whom, and on which Python.
//!
//! `files` finds what speaks of packages, `install` what production's commands install, `resolve` puts both together.
//! Everything is read from the tree; nothing asks an index.

mod conda;
mod conda_lock;
mod files;
mod imports;
mod install;
mod python;
mod resolve;
mod setup_py;
mod upgrade;

use std::sync::Arc;

use flaskseal_core::{FileId, Tree};
use flaskseal_deploy::Deployment;
use flaskseal_deps::{Group, Lock, Target, import_names};
use rayon::prelude::*;
use rustc_hash::FxHashSet;

pub use files::{Audience, LockFile, ManifestFile};
pub use imports::Imports;
pub use install::{Install, InstallTool};
pub use python::{PythonChoice, of_image};
pub use resolve::{Listing, Package};
pub use upgrade::{Obstacle, Upgrade};

use crate::ParsedTree;

/// All that a tree says of packages.
#[derive(Debug, Default)]
pub struct Packages {
    /// In the order of their paths.
    pub manifests: Vec<ManifestFile>,
    /// In the order of their paths.
    pub locks: Vec<LockFile>,
    /// Bills of materials, in the order of their paths.
    pub bills: Vec<LockFile>,
    pub installs: Vec<Install>,
    /// Versions of Python that the tree names for production, the most binding first.
    pub pythons: Vec<PythonChoice>,
    /// What is known of the place that packages are installed for.
    pub target: Target,
    /// Where production's packages are listed.
    pub listings: Vec<Listing>,
    /// What production installs, developers' groups of its locks among it, by name.
    pub installed: Vec<Package>,
    /// What an environment that somebody named really holds, by name.
    pub environment: Option<Environment>,
    /// Every distribution that any manifest or lock names, normalised.
    names: FxHashSet<String>,
}

/// An installed environment.
#[derive(Debug)]
pub struct Environment {
    /// The observed text that lists it.
    pub file: FileId,
    pub packages: Vec<Package>,
}

impl Packages {
    /// Reads a tree, and the environment among its observed texts.
    pub(crate) fn read(
        tree: &Tree,
        parsed: &ParsedTree,
        deployment: &Deployment,
        environment: Option<&str>,
    ) -> Self {
        let files::Found { mut manifests, locks, bills } = files::read(tree);
        let scripts: Vec<FileId> =
            tree.ids().filter(|id| tree.file(*id).name() == "setup.py").take(files::MAX_FILES).collect();
        let read = scripts.par_iter().filter_map(|id| {
            let manifest = setup_py::read(tree, parsed, *id, scripts.len())?;
            let audience = files::audience_of(&tree.file(*id).path);
            Some(ManifestFile { file: *id, audience, manifest })
        });
        manifests.extend(read.collect::<Vec<_>>());
        manifests.sort_by_key(|manifest| manifest.file);
        let installs = install::read(tree, deployment);
        let pythons = python::choices(tree, deployment);
        let target = Target {
            pythons: python::versions(&pythons, &manifests, &locks),
            linux: !deployment.files.is_empty(),
            extras: wanted_extras(&installs),
            groups: Vec::new(),
        };
        let resolver = resolve::Resolver {
            tree,
            manifests: &manifests,
            locks: &locks,
            bills: &bills,
            installs: &installs,
            target: &target,
        };
        let listings = resolver.listings();
        let installed = resolver.packages(&listings);
        let environment = environment.and_then(|name| {
            let index = tree.observed.iter().position(|file| &*file.path == name)?;
            let file = FileId((tree.files.len() + index) as u32);
            let lock: Lock = flaskseal_deps::read_environment(&tree.file(file).text);
            Some(Environment { file, packages: resolver.environment(file, lock) })
        });
        let declared = manifests.iter().flat_map(|file| &file.manifest.requirements).map(|one| &one.name);
        let locked = locks.iter().chain(&bills).flat_map(|file| &file.lock.packages).map(|one| &one.name);
        let commanded = installs.iter().flat_map(|install| &install.requirements).map(|(one, _)| &one.name);
        let names =
            declared.chain(locked).chain(commanded).filter(|name| !name.is_empty()).cloned().collect();
        Self { manifests, locks, bills, installs, pythons, target, listings, installed, environment, names }
    }

    /// Whether any manifest or lock names this distribution (normalised).
    pub fn names(&self, distribution: &str) -> bool {
        self.names.contains(distribution)
    }

    /// Nothing in the tree speaks of packages.
    pub fn is_silent(&self) -> bool {
        self.names.is_empty()
    }

    /// What production installs, without the developers' groups.
    pub fn production(&self) -> impl Iterator<Item = &Package> {
        self.installed.iter().filter(|package| !matches!(package.group, Group::Dev(_)))
    }

    /// What advisories are looked up for: the environment where one was named, or else all that is listed.
    pub fn audited(&self) -> &[Package] {
        self.environment.as_ref().map_or(&self.installed, |environment| &environment.packages)
    }

    /// What of that is in production: all but the developers' groups.
    pub fn in_production(&self) -> impl Iterator<Item = &Package> {
        self.audited().iter().filter(|package| !matches!(package.group, Group::Dev(_)))
    }

    /// The version of Flask that production installs, where it is known: major and minor.
    pub(crate) fn flask(&self) -> Option<(u32, u32)> {
        let present = self.environment.iter().flat_map(|environment| &environment.packages);
        let version = present
            .chain(&self.installed)
            .filter(|package| package.name == "flask")
            .find_map(|package| package.version.as_ref());
        let any = || {
            let pins = self.manifests.iter().flat_map(|file| &file.manifest.requirements);
            pins.filter(|requirement| requirement.name == "flask")
                .find_map(|requirement| requirement.pinned())
        };
        let release = version.or_else(any)?.release();
        Some((*release.first()? as u32, release.get(1).copied().unwrap_or(0) as u32))
    }

    /// The top-level names that the packages are imported by.
    pub(crate) fn import_names(&self) -> FxHashSet<Arc<str>> {
        let mut sorted: Vec<&String> = self.names.iter().collect();
        sorted.sort();
        sorted.into_iter().flat_map(|name| import_names(name)).map(Arc::from).collect()
    }
}

/// The extras of the project that commands install: `pip install -e .[production]`.
fn wanted_extras(installs: &[Install]) -> Vec<String> {
    let mut all: Vec<String> = installs.iter().flat_map(|install| install.extras.iter().cloned()).collect();
    all.retain(|extra| !extra.is_empty());
    all.sort();
    all.dedup();
    all
}

/// What files import.
pub(crate) fn imports_of(parsed: &ParsedTree, files: &[FileId]) -> Imports {
    let mut found = Imports::new();
    for id in files {
        if let Some(module) = parsed.modules.get(id.0 as usize).and_then(Option::as_ref) {
            imports::collect(*id, module, &mut found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(files: &[(&str, &str)]) -> Packages {
        let tree =
            Tree::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let deployment = flaskseal_deploy::read(&tree);
        Packages::read(&tree, &crate::parse(&tree), &deployment, None)
    }

    fn shown(packages: &Packages) -> Vec<String> {
        let show = |package: &Package| {
            let version = package.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {version}{}", package.name, if package.group == Group::Main { "" } else { " (dev)" })
        };
        packages.installed.iter().map(show).collect()
    }

    #[test]
    fn the_version_of_flask_is_the_pinned_one() {
        let flask = |path: &str, text: &str| packages(&[(path, text)]).flask();
        assert_eq!(flask("requirements.txt", "Flask[async]==2.0.1  # old\nflask-login\n"), Some((2, 0)));
        assert_eq!(flask("requirements.txt", "Flask>=2.0\nFlask-WTF==1.0\n"), None);
        assert_eq!(
            flask("pylock.toml", "[[packages]]\nname = \"flask\"\nversion = \"3.1.0\"\n"),
            Some((3, 1))
        );
        let loose = packages(&[("pyproject.toml", "[project]\ndependencies = [\"Flask>=3\", 'PyYAML']\n")]);
        assert!(loose.import_names().contains("yaml"));
    }

    #[test]
    fn the_image_says_what_is_installed() {
        let all = packages(&[
            ("requirements.txt", "flask==1.0\n"),
            ("requirements-dev.txt", "pytest==1.0\n"),
            ("requirements/web.txt", "-r base.txt\n-c constraints.txt\ngunicorn\n"),
            ("requirements/base.txt", "flask==3.0.0\n-r web.txt\n"),
            ("requirements/constraints.txt", "gunicorn==22.0\nunused==1\n"),
            (
                "Dockerfile",
                "FROM python:3.12\nRUN pip install -U pip && pip install -r requirements/web.txt redis==5.0\n",
            ),
        ]);
        assert_eq!(shown(&all), ["flask 3.0.0", "gunicorn 22.0", "redis 5.0"]);
        assert_eq!(all.target.pythons, [(3, 12)]);
    }

    #[test]
    fn without_commands_the_most_exact_list_counts() {
        let lock = "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"shop\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"flask\" }]\n[package.dev-dependencies]\ndev = [{ name = \"pytest\" }]\n[[package]]\nname = \"flask\"\nversion = \"3.0.0\"\n[[package]]\nname = \"pytest\"\nversion = \"8.0.0\"\n[[package]]\nname = \"orphan\"\nversion = \"1.0.0\"\n";
        let all = packages(&[
            ("uv.lock", lock),
            ("pyproject.toml", "[project]\nname = \"shop\"\ndependencies = [\"flask>=2\"]\n"),
            ("requirements.txt", "flask==1.0\n"),
            ("docs/requirements.txt", "sphinx==1.0\n"),
        ]);
        assert_eq!(shown(&all), ["flask 3.0.0", "pytest 8.0.0 (dev)"]);
        assert_eq!(all.production().count(), 1);
        assert_eq!(all.installed[0].constraint.to_string(), ">=2");
        let compiled = packages(&[
            ("requirements.in", "flask\n"),
            (
                "requirements.txt",
                "# This file is autogenerated by pip-compile\nflask==3.0.0\n    # via -r requirements.in\nclick==8.0\n    # via flask\n",
            ),
        ]);
        assert_eq!(shown(&compiled), ["click 8.0", "flask 3.0.0"]);
        assert_eq!(compiled.installed[0].path, ["flask"]);
        let exported = packages(&[
            ("pyproject.toml", "[project]\nname = \"Shop\"\ndependencies = [\"flask\"]\n"),
            (
                "requirements.txt",
                "# This file was autogenerated by uv via the following command:\nflask==3.0.0\n    # via\n    #   flask-login\n    #   shop\nclick==8.0\n    # via flask\n",
            ),
        ]);
        let paths: Vec<_> = exported.installed.iter().map(|package| package.path.clone()).collect();
        assert_eq!(paths, [vec!["flask".to_owned()], vec![]], "the project is no package on the way");
    }

    #[test]
    fn a_list_that_names_the_project_is_what_the_project_declares() {
        let setup = "from setuptools import setup\nbase = ['flask==1.1.2']\nsetup(name='shop', install_requires=base + ['redis>=4'], extras_require={'prod': ['gunicorn==20.0'], 'dev': ['pytest']})\n";
        let all = packages(&[("requirements.txt", "-e .[prod]\nclick==8.0\n"), ("setup.py", setup)]);
        let named: Vec<String> = shown(&all).into_iter().filter(|line| line.trim() != "").collect();
        // An extra is not the main group, and installed all the same.
        assert_eq!(named, ["click 8.0", "flask 1.1.2", "gunicorn 20.0 (dev)", "redis "]);
        // Pip takes the name behind `#` for the folder's.
        let named = packages(&[("requirements.txt", "-e .[prod]#egg=shop\n"), ("setup.py", setup)]);
        assert!(shown(&named).contains(&"gunicorn 20.0 (dev)".to_owned()), "{:?}", shown(&named));
        // An extra is wanted of the project that is named with it.
        let of = |name: &str| format!("[options.extras_require]\nprod = {name}==1.0\n");
        let (a, b) = (of("mine"), of("other"));
        let each = [("requirements.txt", "./a[prod]\n./b\n"), ("a/setup.cfg", &a), ("b/setup.cfg", &b)];
        let each = shown(&packages(&each));
        assert!(each.contains(&"mine 1.0 (dev)".to_owned()), "{each:?}");
        assert!(!each.contains(&"other 1.0 (dev)".to_owned()), "{each:?}");
        // A folder of developers is no listing of its own, and counts where a list names it.
        let files = [
            ("requirements.txt", "./tests/lib\n-e ..\nhttps://x/setup.zip\n"),
            ("tests/lib/setup.cfg", "[options]\ninstall_requires = flask==2.0\n"),
            ("tests/other/setup.cfg", "[options]\ninstall_requires = no==2.0\n"),
        ];
        let below = shown(&packages(&files));
        assert!(
            below.contains(&"flask 2.0".to_owned()) && !below.contains(&"no 2.0".to_owned()),
            "{below:?}"
        );
    }

    #[test]
    fn markers_and_extras_choose() {
        let all = packages(&[
            (
                "requirements.txt",
                "a==1 ; python_version < '3.8'\nb==1 ; sys_platform == 'win32'\nc==1 ; platform_machine == 'x86_64'\nd==1\n",
            ),
            ("Dockerfile", "FROM python:3.12\nCOPY . .\n"),
        ]);
        assert_eq!(shown(&all), ["c 1", "d 1"]);
        assert_eq!(all.installed.iter().map(Package::is_certain).collect::<Vec<_>>(), [false, true]);
    }
}
