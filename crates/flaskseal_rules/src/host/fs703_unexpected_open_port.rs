//! FS703: a port is open to everybody that should not be.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Firewall, FirewallRule};

use super::deployed::{self, evidence};
use super::fs704_public_application_port::application_ports;
use super::listening::{Reach, Who, listeners, seen};
use super::platform::{Place, place};
use super::{INTENDED_PORTS, services};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(703),
    name: "unexpected-open-port",
    summary: "A port outside the intended set is open to everyone.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[INTENDED_PORTS],
    layers: &[Layer::Deploy, Layer::Host],
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
                out.support(INTENDED_PORTS, evidence(first.span, opened(project, firewall)));
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        listening(host, out);
    }
}

/// What listens on the host and is kept from nobody.
fn listening(host: &HostView<'_>, out: &mut Assessment) {
    let Some(listeners) = listeners(host) else {
        out.gap(INTENDED_PORTS, Gap::new("the sockets of the host cannot be seen in an image", ""));
        return;
    };
    let mut is_intended = true;
    let mut is_known = true;
    for listener in &listeners {
        let port = listener.socket.port;
        match (&listener.who, listener.reach) {
            (Who::Intended | Who::Application(_), _) | (_, Reach::Closed(_)) => continue,
            (_, Reach::Unknown) => {
                is_known = false;
                continue;
            }
            // FS712's.
            (Who::Data(_), Reach::Open) => {
                is_intended = false;
                continue;
            }
            (Who::Container | Who::Other, Reach::Open) => is_intended = false,
        }
        let (severity, what) = match (services::behind_port(port), services::old_service(port)) {
            (Some(what), _) if port == 2375 => {
                (Severity::Critical, format!("{what} is open to everybody: it is root on the host"))
            }
            (Some(what), _) => (Severity::High, format!("port {port}, usually {what}, is open to everybody")),
            (None, Some(what)) => {
                (META.severity, format!("port {port}, usually {what}, is open to everybody"))
            }
            (None, None) => (Severity::Low, format!("{} is open to everybody", listener.shown())),
        };
        out.fail(
            Finding::new(META.id, severity, META.confidence, listener.evidence(), what)
                .with_fix(Fix::advice("let it listen on 127.0.0.1, or let the firewall keep strangers out")),
        );
    }
    if !is_known {
        let reason = "the rules of UFW may not be read, so that nobody knows what it lets in";
        out.gap(INTENDED_PORTS, Gap::new(reason, "run `flaskseal check --host` as root"));
    } else if is_intended {
        let ports: Vec<String> = listeners
            .iter()
            .filter(|listener| listener.reach == Reach::Open)
            .map(|listener| listener.socket.port.to_string())
            .collect();
        let claim = if ports.is_empty() {
            "nothing listens to strangers".to_owned()
        } else {
            format!("strangers reach only {}", ports.join(", "))
        };
        out.support(INTENDED_PORTS, seen(claim));
    }
}

fn opened(project: &Project<'_>, firewall: &Firewall) -> String {
    let mut ports: Vec<u16> = firewall.open().flat_map(|rule| &rule.ports).map(|(first, _)| *first).collect();
    ports.sort_unstable();
    ports.dedup();
    let listed: Vec<String> = ports.iter().take(8).map(u16::to_string).collect();
    deployed::declared(project, format!("open to everybody: {}", listed.join(", ")))
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
