//! FS762: the service can change the code that it runs.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Service};
use flaskseal_project::host::{Kept, Purpose};

use super::FILE_MODES;
use super::deployed::{self, evidence, is_root};
use super::fs741_root_service::service_of;
use super::modes;
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(762),
    name: "writable-code",
    summary: "The service user can change the code or configuration it runs.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[FILE_MODES],
    layers: &[Layer::Deploy, Layer::Host],
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

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        open_to_all(host, out);
        for process in &host.project.deployment.processes {
            if let Some(service) = service_of(host.project, process) {
                by_service(host, service, out);
            }
        }
    }
}

/// Code and settings that every account of the host can change.
fn open_to_all(host: &HostView<'_>, out: &mut Assessment) {
    for kept in host.facts.kept.iter().filter(|kept| is_code(kept) && is_wide(kept)) {
        let message = format!("every account of the host can change {}", kept.path);
        let place = modes::evidence(host.facts, kept);
        out.fail(
            Finding::new(META.id, Severity::High, Confidence::Certain, place, message)
                .with_scope(kept.path.clone())
                .with_fix(Fix::advice(format!("`chmod o-w {}`", kept.path))),
        );
    }
}

/// What a service can change of what it runs.
fn by_service(host: &HostView<'_>, service: &Service, out: &mut Assessment) {
    let accounts = &host.facts.accounts;
    let user = service.user.as_ref().and_then(|user| accounts.user(&user.value));
    let Some(user) = user.filter(|user| user.id != 0) else { return };
    let groups = accounts.groups_of(user);
    let own: Vec<&Kept> = host
        .facts
        .kept
        .iter()
        .filter(|kept| is_code(kept) && kept.service.as_deref() == Some(service.name.as_str()))
        .collect();
    let is_writable = |kept: &&&Kept| !is_wide(kept) && kept.is_writable_by(user, &groups);
    let writable: Vec<&&Kept> = own.iter().filter(is_writable).collect();
    match (writable.as_slice(), own.first()) {
        ([first, others @ ..], _) => {
            let also =
                if others.is_empty() { String::new() } else { format!(", and {} more paths", others.len()) };
            let message = format!("`{}` can change what it runs: {}{also}", user.name, first.path);
            let place = modes::evidence(host.facts, first);
            let advice = "leave the code to root, and give the service only the folders that it writes to";
            out.fail(
                Finding::new(META.id, META.severity, Confidence::Certain, place, message)
                    .with_scope(service.name.clone())
                    .with_trail(others.iter().take(3).map(|kept| modes::evidence(host.facts, kept)))
                    .with_fix(Fix::advice(advice)),
            );
        }
        ([], Some(first)) => out.support(FILE_MODES, modes::evidence(host.facts, first)),
        ([], None) => {}
    }
}

fn is_code(kept: &Kept) -> bool {
    matches!(kept.purpose, Purpose::Code | Purpose::Settings)
}

/// Others may write, and no sticky bit keeps them from each other's files.
fn is_wide(kept: &Kept) -> bool {
    kept.status.mode & 0o1000 == 0 && kept.is_open_to_others(0o002)
}
