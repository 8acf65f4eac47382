//! FS613: what production installs holds tools for developers, or their whole groups.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::deps::{Group, is_development_tool};
use flaskseal_project::{Audience, Install, InstallTool, Project};

use super::UPKEEP;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(613),
    name: "development-package-in-production",
    summary: "Tools for developers are installed in production.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[UPKEEP],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[489, 1104],
    owasp: Some("A05~"),
    asvs: &["V15.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs613_development_package_in_production.md"),
};

pub(crate) struct DevelopmentPackageInProduction;

impl Rule for DevelopmentPackageInProduction {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for package in project.packages.production() {
            // What another package brings along is not a choice of the project.
            if !is_development_tool(&package.name) || !package.path.is_empty() {
                continue;
            }
            let message = format!("`{}`, a tool for developers, is installed in production", package.name);
            let place = at(package.span, "more code that can be attacked");
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(
                finding
                    .with_fix(Fix::advice("move it to a group or a file that production does not install")),
            );
        }
        for install in project.packages.installs.iter().filter(|install| install.in_image) {
            let of_developers = install.files.iter().find(|file| {
                let manifests = &project.packages.manifests;
                manifests.iter().any(|one| one.file == **file && one.audience == Audience::Development)
            });
            let message = match of_developers {
                Some(file) => format!("the image installs `{}`", project.tree.file(*file).path),
                None if install.with_development && has_developers_group(project, install) => {
                    "the image installs the developers' dependencies as well".to_owned()
                }
                None => continue,
            };
            let place = Evidence::at(Layer::Deploy, install.span, "installs what only developers need");
            let advice = match install.tool {
                InstallTool::Uv => "add `--no-dev`",
                InstallTool::Poetry => "add `--only main`",
                InstallTool::Pdm => "add `--prod`",
                InstallTool::Pipenv => "leave out `--dev`",
                InstallTool::Pip => "install the file for production",
            };
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice(advice)));
        }
    }
}

/// Whether the project that a command installs has dependencies for developers at all.
fn has_developers_group(project: &Project<'_>, install: &Install) -> bool {
    let Some(folder) = &install.project else { return false };
    let mut manifests = project
        .packages
        .manifests
        .iter()
        .filter(|manifest| project.tree.file(manifest.file).folder() == folder);
    manifests
        .any(|manifest| manifest.manifest.requirements.iter().any(|one| matches!(one.group, Group::Dev(_))))
}
