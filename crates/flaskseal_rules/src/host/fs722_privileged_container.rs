//! FS722: a container has nearly the power of its host.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Namespace, Platform};

use super::UNPRIVILEGED;
use super::deployed::{self, evidence};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(722),
    name: "privileged-container",
    summary: "A container has nearly the power of its host.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[UNPRIVILEGED],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[250, 269],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs722_privileged_container.md"),
};

/// Capabilities that lead out of the container (capabilities(7)).
const POWERFUL: &[&str] = &[
    "ALL",
    "SYS_ADMIN",
    "NET_ADMIN",
    "SYS_PTRACE",
    "DAC_READ_SEARCH",
    "SYS_MODULE",
    "SYS_RAWIO",
    "BPF",
    "PERFMON",
    "SYS_BOOT",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
];

pub(crate) struct PrivilegedContainer;

impl Rule for PrivilegedContainer {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        // What a pod says for all its containers is said once.
        let mut seen: Vec<Span> = Vec::new();
        for container in deployed::containers(project) {
            for (span, severity, message) in powers(container) {
                if seen.contains(&span) {
                    continue;
                }
                seen.push(span);
                let severity = if deployed::kind(container).is_some() { Severity::Low } else { severity };
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        evidence(span, "this is given to the container"),
                        message,
                    )
                    .with_scope(deployed::scope(container))
                    .with_fix(Fix::advice(
                        "take it away, and give the one capability or device that is needed",
                    )),
                );
            }
        }
    }
}

fn powers(container: &Container) -> Vec<(Span, Severity, String)> {
    let name = if container.name.is_empty() { "the container" } else { &container.name };
    let mut found = Vec::new();
    if let Some(said) = container.privileged.as_ref().filter(|said| said.value) {
        found.push((
            said.span,
            META.severity,
            format!("`{name}` is privileged: root in it is root on the host"),
        ));
    }
    for added in &container.capabilities_added {
        let capability = added.value.to_ascii_uppercase();
        let capability = capability.strip_prefix("CAP_").unwrap_or(&capability);
        if POWERFUL.contains(&capability) {
            found.push((
                added.span,
                META.severity,
                format!("`{name}` has the capability {capability}, which leads out of the container"),
            ));
        }
    }
    for shared in &container.shares {
        let (severity, what) = match shared.value {
            Namespace::Network => {
                (Severity::Medium, "the network of the host, with every local service on it")
            }
            Namespace::Process => {
                (META.severity, "the processes of the host, with their memory and environment")
            }
            Namespace::Ipc => (META.severity, "the shared memory of the host"),
            Namespace::User => (META.severity, "the users of the host: its root is the host's root"),
        };
        found.push((shared.span, severity, format!("`{name}` shares {what}")));
    }
    for option in &container.confinement {
        let what = match option.value.as_str() {
            "seccomp:unconfined" => "may make every system call",
            "apparmor:unconfined" => "is not confined by AppArmor",
            "label:disable" | "label:type:container_runtime_t" => "is not confined by SELinux",
            _ => continue,
        };
        found.push((option.span, META.severity, format!("`{name}` {what}")));
    }
    if let Some(said) =
        container.escalation.as_ref().filter(|said| said.value && container.platform == Platform::Kubernetes)
    {
        // The default says the same; here somebody asked for it.
        found.push((
            said.span,
            Severity::Medium,
            format!("`{name}` may gain more privileges than it starts with"),
        ));
    }
    found
}
