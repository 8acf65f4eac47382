//! FS762: the service can change the code that it runs.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::Container;

use super::FILE_MODES;
use super::deployed::{self, evidence, is_root};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(762),
    name: "writable-code",
    summary: "The service user can change the code or configuration it runs.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[FILE_MODES],
    layers: &[Layer::Deploy],
    cwe: &[732, 276],
    owasp: Some("A01"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs762_writable_code.md"),
};

pub(crate) struct WritableCode;

impl Rule for WritableCode {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for image in deployed::images(project) {
            let Some(user) = image.user.as_ref().filter(|user| is_root(&user.value) == Some(false)) else {
                continue;
            };
            let name = |text: &str| text.split(':').next().unwrap_or(text).to_owned();
            let own = name(user.value.or_default().unwrap_or_default());
            let users: Vec<&Container> = deployed::containers(project)
                .filter(|container| container.dockerfile == Some(image.file))
                .collect();
            let is_fixed =
                |container: &&Container| container.read_only.as_ref().is_some_and(|said| said.value);
            if !users.is_empty() && users.iter().all(is_fixed) {
                continue;
            }
            let Some(copied) = image.owned_code.iter().find(|said| name(&said.value) == own) else {
                continue;
            };
            let message =
                format!("the code belongs to `{own}`, which the container runs as and so can change it");
            out.fail(
                Finding::new(
                    META.id,
                    Severity::Low,
                    META.confidence,
                    evidence(copied.span, "gives it away"),
                    message,
                )
                .with_trail([evidence(user.span, "what the container runs as")])
                .with_fix(Fix::advice(
                    "leave the code to root, and give away only the folders that are written to",
                )),
            );
        }
        for container in deployed::containers(project).filter(|container| container.is_built) {
            let source = container
                .mounts
                .iter()
                .find(|mount| matches!(mount.source.as_str(), "." | "./") && !mount.read_only);
            if let Some(mount) = source {
                let message = format!("`{}` can change the code on the host that it runs", container.name);
                out.fail(
                    Finding::new(
                        META.id,
                        Severity::Low,
                        META.confidence,
                        evidence(mount.span, "writable"),
                        message,
                    )
                    .with_scope(deployed::scope(container))
                    .with_fix(Fix::advice("leave the code in the image, or mount it with `:ro`")),
                );
            }
        }
    }
}
