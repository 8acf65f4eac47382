//! FS707: published ports of containers are open although the firewall seems to deny them.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::Platform;

use super::PRIVATE_APPLICATION;
use super::deployed::{self, evidence};
use super::fs704_public_application_port::loopback;
use super::listening::{Reach, Who, listeners};
use super::services::{self, Kind};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(707),
    name: "docker-firewall-bypass",
    summary: "Published container ports are open although the firewall appears to deny them.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PRIVATE_APPLICATION],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[284, 668],
    owasp: Some("A01"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::Safe,
    page: include_str!("fs707_docker_firewall_bypass.md"),
};

pub(crate) struct DockerFirewallBypass;

impl Rule for DockerFirewallBypass {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let Some(firewall) = deployed::ufw(project) else { return };
        if deployed::firewalls(project).any(|firewall| firewall.guards_containers) {
            return;
        }
        let place = firewall
            .enabled
            .as_ref()
            .map(|said| said.span)
            .or_else(|| firewall.incoming.as_ref().map(|said| said.span))
            .or_else(|| firewall.rules.first().map(|rule| rule.span));
        for container in
            deployed::containers(project).filter(|container| container.platform != Platform::Kubernetes)
        {
            for port in container.ports.iter().filter(|port| port.is_public()) {
                let is_web = matches!(port.host, Some((80 | 443, 80 | 443)));
                let is_allowed = port.host.is_some_and(|(first, _)| firewall.lets_in(first) == Some(true));
                if is_web || is_allowed {
                    continue;
                }
                let is_private = deployed::kind(container).is_some_and(Kind::is_data)
                    || deployed::serves(project, container);
                let severity = if is_private { Severity::High } else { META.severity };
                let message = format!(
                    "the port of `{}` is open in spite of UFW: Docker's rules come before its own",
                    container.name
                );
                let mut finding = Finding::new(
                    META.id,
                    severity,
                    META.confidence,
                    evidence(port.span, "published on every address"),
                    message,
                )
                .with_scope(deployed::scope(container))
                .with_fix(loopback(project, port));
                if let Some(place) = place {
                    finding = finding.with_trail([evidence(
                        place,
                        "UFW does not see traffic that is passed on to containers",
                    )]);
                }
                out.fail(finding);
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        let Some(firewall) = deployed::ufw(host.project) else { return };
        for listener in listeners(host).iter().flatten() {
            let port = listener.socket.port;
            if listener.who != Who::Container
                || listener.reach != Reach::Open
                || matches!(port, 80 | 443)
                || firewall.lets_in(port) == Some(true)
            {
                continue;
            }
            let is_data = services::behind_port(port).is_some();
            let severity = if is_data { Severity::High } else { META.severity };
            let message = format!(
                "port {port} of a container is open in spite of UFW: Docker's rules come before its own"
            );
            let finding = Finding::new(META.id, severity, Confidence::Certain, listener.evidence(), message);
            out.fail(finding.with_fix(Fix::advice("publish it on 127.0.0.1: `127.0.0.1:PORT:PORT`")));
        }
    }
}
