//! FS723: a container can reach the socket of Docker or paths of the host that decide over it.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::HostMount;

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use super::services::Kind;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(723),
    name: "sensitive-mount",
    summary: "A container can reach Docker's socket or sensitive paths of the host.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[668, 250],
    owasp: Some("A01"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs723_sensitive_mount.md"),
};

pub(crate) struct SensitiveMount;

impl Rule for SensitiveMount {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        for container in deployed::containers(project) {
            for mount in &container.mounts {
                let kind = deployed::kind(container);
                let Some((severity, what)) = judged(mount, kind) else { continue };
                if seen.contains(&mount.span) {
                    continue;
                }
                seen.push(mount.span);
                let message = format!("`{}` reaches {what}", container.name);
                let advice = if is_socket(&mount.source) {
                    "give it a socket proxy that allows the few calls it needs, or none"
                } else {
                    "mount the one folder that is needed, read-only"
                };
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        evidence(mount.span, "mounted from the host"),
                        message,
                    )
                    .with_scope(deployed::scope(container))
                    .with_fix(Fix::advice(advice)),
                );
            }
        }
    }
}

fn judged(mount: &HostMount, kind: Option<Kind>) -> Option<(Severity, &'static str)> {
    let source = mount.source.trim_end_matches('/');
    if is_socket(source) {
        let is_reader = matches!(kind, Some(Kind::Proxy | Kind::Manager | Kind::Metrics | Kind::Admin));
        let severity = if is_reader && mount.read_only { Severity::Medium } else { META.severity };
        return Some((severity, "the socket of the container runtime, which is root on the host"));
    }
    if !is_sensitive(&mount.source) {
        return None;
    }
    // What watches the host has to look at it.
    let watches = kind == Some(Kind::Metrics) && mount.read_only;
    let severity = if watches { Severity::Low } else { META.severity };
    Some((
        severity,
        if source.is_empty() {
            "the whole file system of the host"
        } else {
            "files that decide over the host"
        },
    ))
}

fn is_socket(source: &str) -> bool {
    let source = source.trim_end_matches('/');
    ["docker.sock", "containerd.sock", "crio.sock", "podman.sock"].iter().any(|name| source.ends_with(name))
}

/// Whether who can write there, or often who can read there, owns the host.
pub(super) fn is_sensitive(source: &str) -> bool {
    if is_socket(source) {
        return true;
    }
    let path = source.trim_end_matches('/');
    let whole = [
        "", "/etc", "/proc", "/sys", "/dev", "/boot", "/home", "/run", "/var/run", "/usr", "/lib", "/bin",
        "/sbin", "/var", "/var/lib",
    ];
    let with_contents = [
        "/root",
        "/var/lib/docker",
        "/var/lib/kubelet",
        "/var/lib/containerd",
        "/run/containerd",
        "/etc/kubernetes",
        "/etc/shadow",
        "/etc/passwd",
        "/etc/ssh",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/crontab",
        "/etc/cron.d",
        "/etc/cron.hourly",
        "/etc/cron.daily",
        "/etc/cron.weekly",
        "/etc/cron.monthly",
    ];
    // By whole components: `/var/lib/docker-backup` is somebody's own folder.
    let lies_in = |folder: &&str| {
        path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_keys = path.ends_with("/.ssh")
        || path.contains("/.ssh/")
        || path.ends_with("/.aws")
        || path.ends_with("/.kube");
    (source.starts_with('/') && (whole.contains(&path) || with_contents.iter().any(lies_in))) || is_keys
}
