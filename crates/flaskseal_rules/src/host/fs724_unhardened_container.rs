//! FS724: the usual limits of a container are not set.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Platform};

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence, is_powerful};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(724),
    name: "unhardened-container",
    summary: "Standard limits of a container are not set.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy],
    cwe: &[250, 770],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::Safe,
    page: include_str!("fs724_unhardened_container.md"),
};

pub(crate) struct UnhardenedContainer;

impl Rule for UnhardenedContainer {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let services =
            deployed::containers(project).filter(|container| container.platform == Platform::Compose);
        for container in services {
            // What is worse is said by itself; what others publish as an image is theirs.
            if is_powerful(container) || deployed::kind(container).is_some() {
                continue;
            }
            let missing = missing(project, container);
            if missing.is_empty() {
                continue;
            }
            let message = format!("`{}` is not limited: {}", container.name, missing.join(", "));
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, evidence(container.span, "this service"), message)
                    .with_scope(deployed::scope(container))
                    .with_fix(Fix::advice(
                        "set `security_opt: [\"no-new-privileges:true\"]`, `cap_drop: [ALL]`, `read_only: true` with a `tmpfs`, `mem_limit` and `pids_limit`",
                    )),
            );
        }
    }
}

fn missing(project: &Project<'_>, container: &Container) -> Vec<&'static str> {
    let drops_all = container.capabilities_dropped.iter().any(|said| said.value.eq_ignore_ascii_case("all"));
    let image = deployed::images(project).find(|image| Some(image.file) == container.dockerfile);
    let is_checked =
        container.healthcheck.as_ref().or_else(|| image.and_then(|image| image.healthcheck.as_ref()));
    [
        (container.escalation.as_ref().is_some_and(|said| !said.value), "no `no-new-privileges`"),
        (drops_all, "no `cap_drop: [ALL]`"),
        (container.read_only.as_ref().is_some_and(|said| said.value), "no `read_only`"),
        (container.has_memory_limit, "no memory limit"),
        (container.has_process_limit, "no limit of processes"),
        (is_checked.is_some_and(|said| said.value), "no health check"),
    ]
    .into_iter()
    .filter(|(is_set, _)| !is_set)
    .map(|(_, what)| what)
    .collect()
}
