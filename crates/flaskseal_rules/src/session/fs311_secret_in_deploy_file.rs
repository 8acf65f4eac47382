//! FS311: a deployment file holds a secret.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity,
};
use flaskseal_project::deploy::{EnvFact, Mechanism, is_dev, is_example};
use flaskseal_project::{Context, Role, role_of};

use super::{KEY_FROM_OUTSIDE, NO_CREDENTIALS};
use crate::Rule;
use crate::credential::{Promise, is_placeholder, is_reference, is_trivial, promise, userinfo};
use crate::secret::is_public;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(311),
    name: "secret-in-deploy-file",
    summary: "A secret value is written in a deployment or CI file in the tree.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[KEY_FROM_OUTSIDE, NO_CREDENTIALS],
    layers: &[Layer::Deploy],
    cwe: &[798, 526],
    owasp: Some("A07"),
    asvs: &["V13.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs311_secret_in_deploy_file.md"),
};

pub(crate) struct SecretInDeployFile;

impl Rule for SecretInDeployFile {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !super::scan::is_first_start(cx) {
            return;
        }
        let loaded = loaded_files(cx);
        for fact in &cx.project.deployment.env_facts {
            // A file of variables that nothing loads is a file in the repository like others: FS312's.
            if fact.mechanism == Mechanism::DotenvFile && !loaded.contains(&fact.span.file) {
                continue;
            }
            if super::scan::concerns(cx, cx.path(fact.span.file))
                && let Some(finding) = finding(cx, fact)
            {
                out.fail(finding);
            }
        }
    }
}

/// Files of variables that a process is given.
pub(super) fn loaded_files(cx: &Context<'_>) -> BTreeSet<FileId> {
    cx.project
        .deployment
        .processes
        .iter()
        .flat_map(|process| &process.env_files)
        .filter_map(|file| file.file)
        .collect()
}

fn finding(cx: &Context<'_>, fact: &EnvFact) -> Option<Finding> {
    let file = cx.project.tree.file(fact.span.file);
    if file.untracked || is_example(&file.path) || role_of(&file.path) != Role::Source {
        return None;
    }
    let value = fact.value.as_known()?.trim();
    let severity = severity_of(&fact.name, value, is_dev(&file.path))?;
    let shown = userinfo(value).map_or(value, |(_, password)| password);
    let span = super::scan::secret_span(cx, fact, shown);
    let place = cx.evidence(span, format!("the secret: {}", Redacted::new(shown)));
    let message = match fact.mechanism {
        Mechanism::DockerfileEnv | Mechanism::DockerfileArg | Mechanism::ComposeBuildArg => {
            format!("`{}` stays in the image for everybody who has it", fact.name)
        }
        _ => format!("`{}` stands in a deployment file", fact.name),
    };
    let advice =
        "give it to the process from a secret store, or a file that is not in the repository; then change it";
    Some(
        Finding::new(META.id, severity, META.confidence, place, message)
            .with_redacted([span])
            .with_fix(Fix::advice(advice)),
    )
}

/// How bad it is that a file says this of a variable; `None` where it is no secret.
pub(super) fn severity_of(name: &str, value: &str, is_dev: bool) -> Option<Severity> {
    if let Some((user, password)) = userinfo(value) {
        return Some(if is_dev || is_trivial(user, password) { Severity::Low } else { Severity::High });
    }
    let promise = promise(name)?;
    // The accounts of bundled services under a password that everybody tries first are FS316's.
    let is_service = super::fs316_default_account::is_service_password(name);
    let is_number =
        value.bytes().all(|byte| byte.is_ascii_digit()) && promise == Promise::Token && value.len() < 16;
    if is_reference(value) || value.contains("://") || is_number || is_service && is_trivial("", value) {
        return None;
    }
    if is_public(value) || is_placeholder(name, value) || is_trivial("", value) {
        return Some(if is_dev { Severity::Low } else { Severity::High });
    }
    // A word is no token.
    if promise == Promise::Token && value.len() < 8 {
        return None;
    }
    Some(if is_dev { Severity::Low } else { Severity::High })
}
