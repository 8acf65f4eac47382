//! FS766: the SSH server lets in whom it should not.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::{Role, role_of};

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use super::fs703_unexpected_open_port::is_ssh;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(766),
    name: "weak-host-baseline",
    summary: "Basic settings of the server's SSH access are weak.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy],
    cwe: &[16, 287],
    owasp: Some("A05"),
    asvs: &["V13.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs766_weak_host_baseline.md"),
};

pub(crate) struct WeakHostBaseline;

impl Rule for WeakHostBaseline {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let is_open = deployed::firewalls(project)
            .flat_map(|firewall| firewall.open().collect::<Vec<_>>())
            .any(|rule| {
                rule.ports
                    .iter()
                    .any(|(first, last)| (*first..=*last).take(16).any(|port| is_ssh(project, port)))
            });
        let mut seen: Vec<(flaskseal_core::FileId, &str)> = Vec::new();
        for said in &project.deployment.host.sshd {
            let (name, value) = (said.value.0.as_str(), said.value.1.to_ascii_lowercase());
            // The first of a name counts.
            if seen.contains(&(said.span.file, name)) {
                continue;
            }
            seen.push((said.span.file, name));
            let path = &project.tree.file(said.span.file).path;
            if role_of(path) != Role::Source || flaskseal_project::deploy::is_dev(path) {
                continue;
            }
            let (severity, message) = match (name, value.as_str()) {
                ("permitemptypasswords", "yes") => (Severity::High, "accounts without a password may log in"),
                ("permitrootlogin", "yes") => (Severity::Medium, "root may log in with a password"),
                ("passwordauthentication", "yes") if is_open => {
                    (Severity::Medium, "passwords are enough to log in, from everywhere")
                }
                ("passwordauthentication", "yes") => (Severity::Low, "passwords are enough to log in"),
                _ => continue,
            };
            out.fail(
                Finding::new(META.id, severity, META.confidence, evidence(said.span, "set here"), message)
                    .with_fix(Fix::advice(
                        "`PasswordAuthentication no`, `PermitRootLogin no`, keys for everybody who logs in",
                    )),
            );
        }
    }
}
