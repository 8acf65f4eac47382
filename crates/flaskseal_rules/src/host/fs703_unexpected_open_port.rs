//! FS703: a port is open to everybody that should not be.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Firewall, FirewallRule};

use super::deployed::{self, evidence};
use super::fs704_public_application_port::application_ports;
use super::platform::{Place, place};
use super::{INTENDED_PORTS, services};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(703),
    name: "unexpected-open-port",
    summary: "A port outside the intended set is open to everyone.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[INTENDED_PORTS],
    layers: &[Layer::Deploy],
    cwe: &[284, 668],
    owasp: Some("A01"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs703_unexpected_open_port.md"),
};

pub(crate) struct UnexpectedOpenPort;

impl Rule for UnexpectedOpenPort {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        match place(project) {
            Place::Platform(name, _) => {
                out.not_applicable(INTENDED_PORTS, format!("{name} opens no other ports"));
            }
            Place::Cluster(_) => {
                out.not_applicable(INTENDED_PORTS, "only manifests of a cluster are here, none of its hosts");
            }
            Place::Host | Place::Unknown => {}
        }
        let own = application_ports(project);
        for firewall in deployed::firewalls(project) {
            let mut is_intended = true;
            for rule in firewall.open() {
                is_intended &= judge(project, rule, &own, out);
            }
            let is_on =
                firewall.enabled.as_ref().is_some_and(|said| said.value) || firewall.incoming.is_some();
            if let Some(first) = firewall.open().next().filter(|_| is_intended && is_on) {
                out.support(INTENDED_PORTS, evidence(first.span, opened(firewall)));
            }
        }
    }
}

fn opened(firewall: &Firewall) -> String {
    let mut ports: Vec<u16> = firewall.open().flat_map(|rule| &rule.ports).map(|(first, _)| *first).collect();
    ports.sort_unstable();
    ports.dedup();
    let listed: Vec<String> = ports.iter().take(8).map(u16::to_string).collect();
    format!("open to everybody: {} (declared, not observed)", listed.join(", "))
}

/// Whether a rule opens only what is meant to be open.
fn judge(project: &Project<'_>, rule: &FirewallRule, own: &[u16], out: &mut Assessment) -> bool {
    // All ports are FS702's.
    if rule.width() > 1_000 {
        return false;
    }
    let mut is_intended = true;
    let ports = rule.ports.iter().flat_map(|(first, last)| *first..=*last);
    for port in ports.take(1_000) {
        if matches!(port, 80 | 443) || is_ssh(project, port) || own.contains(&port) {
            is_intended &= !own.contains(&port);
            continue;
        }
        let udp = rule.protocol.as_deref() == Some("udp");
        let (severity, what) = match (services::behind_port(port), services::old_service(port)) {
            (Some(what), _) if port == 2375 => {
                (Severity::Critical, format!("{what} is open to everybody: it is root on the host"))
            }
            (Some(what), _) => (Severity::High, format!("port {port}, usually {what}, is open to everybody")),
            (None, Some(what)) => {
                (META.severity, format!("port {port}, usually {what}, is open to everybody"))
            }
            // A VPN, HTTP/3, DNS: what speaks UDP to strangers is made for it.
            (None, None) if udp => continue,
            (None, None) => (
                Severity::Low,
                format!("port {port} is open to everybody; nothing in the tree says what listens there"),
            ),
        };
        is_intended = false;
        out.fail(
            Finding::new(META.id, severity, META.confidence, evidence(rule.span, "open to everybody"), what)
                .with_fix(Fix::advice("close it, or allow only the addresses that need it: `ufw allow from 10.0.0.0/8 to any port ...`")),
        );
        // One word for a range is enough.
        break;
    }
    is_intended
}

/// Port 22, or the one that the SSH server is told.
pub(super) fn is_ssh(project: &Project<'_>, port: u16) -> bool {
    let told = project.deployment.host.sshd.iter().filter(|said| said.value.0 == "port");
    port == 22 || told.filter_map(|said| said.value.1.parse::<u16>().ok()).any(|known| known == port)
}
