//! `flaskseal deps`: every package that is installed, what is known against it, and who uses it.

use flaskseal_core::Tree;
use flaskseal_project::deps::{Advisory, Group, Version, admits, affecting, smallest_upgrade};
use flaskseal_project::{Package, Project, Reach};

mod cyclonedx;
mod json;
mod table;

pub(crate) use cyclonedx::cyclonedx;
pub(crate) use json::json;
pub(crate) use table::table;

use crate::check::Request;

/// One package, judged.
pub(crate) struct Row<'p> {
    pub(crate) package: &'p Package,
    pub(crate) reach: Reach,
    /// Empty where no exact version is known.
    pub(crate) advisories: Vec<Advisory>,
    /// The database knows packages of this name.
    pub(crate) covered: bool,
    /// The smallest version that closes all advisories and that the constraints admit.
    pub(crate) upgrade: Option<Version>,
    /// The smallest version that would close them, where a constraint stands in its way.
    pub(crate) blocked: Option<Version>,
}

/// Reads the tree of a request and hands its packages to a renderer.
pub(crate) fn run(
    request: &Request,
    render: &dyn Fn(&Project<'_>, &[Row<'_>]) -> String,
) -> anyhow::Result<String> {
    let tree: Tree = flaskseal_system::discover(&request.root, &request.discover)?;
    let parsed = flaskseal_project::parse(&tree);
    let project = Project::build(&tree, &parsed, &request.build);
    let rows = rows(&project)?;
    Ok(render(&project, &rows))
}

fn rows<'p>(project: &'p Project<'_>) -> anyhow::Result<Vec<Row<'p>>> {
    let mut rows = Vec::new();
    for package in project.packages.installed.iter().filter(|package| !package.name.is_empty()) {
        let mut row = Row {
            package,
            reach: project.reach(package),
            advisories: Vec::new(),
            covered: project.advisories.covers(&package.name),
            upgrade: None,
            blocked: None,
        };
        if let Some(version) = &package.version {
            let all = project.advisories.lookup(&package.name);
            let all = all.map_err(|error| anyhow::anyhow!("the advisory database {error}"))?;
            row.advisories = affecting(all, version);
            // A pin is what an upgrade changes; a range may stand in its way.
            let is_pin = package.constraint.iter().any(|one| one.operator().to_string().starts_with("=="));
            let fits = |candidate: &Version| is_pin || admits(&package.constraint, candidate);
            row.upgrade = smallest_upgrade(&row.advisories, version, &fits);
            if row.upgrade.is_none() {
                row.blocked = smallest_upgrade(&row.advisories, version, &|_| true);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// For whom a package is installed: `main`, `extra async`, `dev`.
pub(crate) fn group_of(package: &Package) -> String {
    match &package.group {
        Group::Main => "main".to_owned(),
        Group::Extra(name) => format!("extra {name}"),
        Group::Dev(name) => name.clone(),
    }
}
