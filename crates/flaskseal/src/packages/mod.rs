//! `flaskseal deps`: every package that is installed, what is known against it, and who uses it.

use flaskseal_core::Tree;
use flaskseal_project::deps::{Advisory, Group, affecting};
use flaskseal_project::{Package, Project, Reach, Upgrade};

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
    /// The version to move to, where there are advisories and one is known.
    pub(crate) upgrade: Option<Upgrade>,
}

/// Reads the tree of a request and hands its packages to a renderer.
pub(crate) fn run(
    request: &Request,
    render: &dyn Fn(&Project<'_>, &[Row<'_>]) -> String,
) -> anyhow::Result<String> {
    let tree: Tree = crate::check::read(request)?;
    let parsed = flaskseal_project::parse(&tree);
    let project = Project::build(&tree, &parsed, &request.build);
    let rows = rows(&project)?;
    Ok(render(&project, &rows))
}

fn rows<'p>(project: &'p Project<'_>) -> anyhow::Result<Vec<Row<'p>>> {
    let mut rows = Vec::new();
    for package in project.packages.audited().iter().filter(|package| !package.name.is_empty()) {
        let mut row = Row {
            package,
            reach: project.reach(package),
            advisories: Vec::new(),
            covered: project.advisories.covers(&package.name),
            upgrade: None,
        };
        if let Some(version) = &package.version {
            let all = project.advisories.lookup(&package.name);
            let all = all.map_err(|error| anyhow::anyhow!("the advisory database {error}"))?;
            let yanked = project.advisories.yanked(&package.name);
            let yanked = yanked.map_err(|error| anyhow::anyhow!("the advisory database {error}"))?;
            row.upgrade = package.upgrade(&all, &yanked);
            row.advisories = affecting(all, version);
            // The worst names the row.
            row.advisories.sort_by_key(|advisory| std::cmp::Reverse(advisory.severity()));
            if row.advisories.is_empty() {
                row.upgrade = None;
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
