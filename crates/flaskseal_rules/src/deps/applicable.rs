//! What every rule of the item asks first: whether there is anything to judge, and how to speak of it.

use flaskseal_core::{Assessment, ControlId, Evidence, Gap, Layer, Span};
use flaskseal_project::deps::StoreError;
use flaskseal_project::{Listing, Package, Project};

/// Whether the project declares any package; says that the control does not apply where it declares none.
pub(super) fn declares_packages(project: &Project<'_>, control: ControlId, out: &mut Assessment) -> bool {
    let declares = !project.packages.installed.is_empty() || project.packages.environment.is_some();
    // A tree that uses Flask and says nowhere what it installs has dependencies all the same.
    if !declares && !project.has_flask() {
        out.not_applicable(control, "no third-party package is declared");
    }
    declares
}

pub(super) fn at(span: Span, claim: impl Into<String>) -> Evidence {
    Evidence::at(Layer::Deps, span, claim)
}

/// `werkzeug 2.0.3`, or the name alone.
pub(super) fn display(package: &Package) -> String {
    match &package.version {
        Some(version) => format!("{} {version}", package.name),
        None => package.name.clone(),
    }
}

/// The file in which production's packages are listed, for evidence without a line of its own.
pub(super) fn listing_span(project: &Project<'_>, listing: Listing) -> Span {
    let packages = &project.packages;
    let file = match listing {
        Listing::Lock(index) => packages.locks[index].file,
        Listing::Manifest(index) => packages.manifests[index].file,
        Listing::Bill(index) => packages.bills[index].file,
        Listing::Command(index) => return packages.installs[index].span,
    };
    let first = project.tree.file(file).lines().line_range(&project.tree.file(file).text, 1);
    Span { file, range: first }
}

/// Where the packages of production stand, for people: `requirements.lock`, `Dockerfile`.
pub(super) fn listed_in(project: &Project<'_>) -> String {
    if let Some(environment) = &project.packages.environment {
        return format!("`{}`", project.tree.file(environment.file).path);
    }
    let mut names: Vec<String> = Vec::new();
    for listing in &project.packages.listings {
        let path = project.tree.file(listing_span(project, *listing).file).path.to_string();
        if !names.contains(&path) {
            names.push(path);
        }
    }
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let shown = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// The remedy where the data on advisories is old, covers little or cannot be read.
pub(super) const UPDATE: &str = "run `flaskseal db update`, or `flaskseal db import FILE`";

/// The database cannot be asked.
pub(super) fn unreadable(error: &StoreError) -> Gap {
    Gap::new(format!("the advisory database {error}"), UPDATE)
}
