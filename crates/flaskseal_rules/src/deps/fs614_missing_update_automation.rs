//! FS614: nothing keeps the dependencies current, and nothing looks for advisories on them.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, SourceFile,
    Span,
};
use flaskseal_project::Project;

use super::UPKEEP;
use super::applicable::{at, declares_packages};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(614),
    name: "missing-update-automation",
    summary: "Neither a bot nor a scheduled check keeps the dependencies current.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[UPKEEP],
    layers: &[Layer::Deps],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &["V15.1.1"],
    fix: FixAvailability::None,
    page: include_str!("fs614_missing_update_automation.md"),
};

pub(crate) struct MissingUpdateAutomation;

/// Configurations of bots that propose newer versions.
const BOTS: &[&str] = &[
    ".github/dependabot.yml",
    ".github/dependabot.yaml",
    "renovate.json",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.json5",
    ".gitlab/renovate.json",
    ".gitlab/renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
    ".pyup.yml",
];

/// Words of a pipeline that looks for advisories.
const AUDITS: &[&str] = &[
    "pip-audit",
    "safety check",
    "safety scan",
    "osv-scanner",
    "uv audit",
    "flaskseal",
    "dependency-review-action",
    "trivy",
    "grype",
    "snyk",
];

impl Rule for MissingUpdateAutomation {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if !declares_packages(project, UPKEEP, out) {
            return;
        }
        let tree = project.tree;
        let start = |file| Span { file, range: tree.file(file).lines().line_range(&tree.file(file).text, 1) };
        if let Some(bot) = BOTS.iter().find(|path| tree.exists(path)) {
            let claim = format!("`{bot}` has newer versions proposed");
            match tree.find(bot) {
                Some(file) => out.support(UPKEEP, at(start(file), claim)),
                None => out.support(UPKEEP, flaskseal_core::Evidence::general(Layer::Deps, claim)),
            }
            return;
        }
        let pipelines: Vec<_> = tree.ids().filter(|id| is_pipeline(&tree.file(*id).path)).collect();
        if let Some((file, audit)) =
            pipelines.iter().find_map(|file| Some((*file, audit_in(tree.file(*file))?)))
        {
            out.support(UPKEEP, at(start(file), format!("the pipeline runs `{audit}`")));
            return;
        }
        // A project without a pipeline may be kept current by hand, or from elsewhere.
        if let Some(first) = pipelines.first() {
            let message =
                "no pipeline looks for advisories on the dependencies, and no bot proposes newer versions";
            let place = at(start(*first), "the first pipeline of the project");
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message.to_owned());
            out.fail(finding.with_fix(Fix::advice(
                "run `flaskseal check` on a schedule, or switch on Dependabot or Renovate",
            )));
        }
    }
}

fn is_pipeline(path: &str) -> bool {
    let is_yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    (path.starts_with(".github/workflows/") && is_yaml)
        || matches!(
            path,
            ".gitlab-ci.yml"
                | ".circleci/config.yml"
                | ".travis.yml"
                | "azure-pipelines.yml"
                | "bitbucket-pipelines.yml"
                | "Jenkinsfile"
                | ".woodpecker.yml"
                | ".drone.yml"
        )
}

fn audit_in(file: &SourceFile) -> Option<&'static str> {
    let lines = file.text.lines().map(|line| line.split('#').next().unwrap_or(line));
    lines.into_iter().find_map(|line| AUDITS.iter().copied().find(|audit| line.contains(audit)))
}
