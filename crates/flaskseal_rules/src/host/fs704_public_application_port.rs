//! FS704: the port of the application's server can be reached around the proxy.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Namespace, Platform, Published};

use super::PRIVATE_APPLICATION;
use super::deployed::{self, evidence};
use super::listening::{Reach, Who, application_sockets, listeners, seen};
use super::platform::{Place, place};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(704),
    name: "public-application-port",
    summary: "The port of the application's server is reachable without the proxy.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[PRIVATE_APPLICATION],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[668, 1327],
    owasp: Some("A05~"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::Safe,
    page: include_str!("fs704_public_application_port.md"),
};

pub(crate) struct PublicApplicationPort;

impl Rule for PublicApplicationPort {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if let Place::Platform(name, _) = place(project) {
            out.not_applicable(PRIVATE_APPLICATION, format!("{name} puts its own router in front"));
            return;
        }
        let proxy = deployed::proxy(project);
        for container in
            deployed::containers(project).filter(|container| deployed::serves(project, container))
        {
            published(project, container, deployed::proxy_of(project, container), out);
            in_cluster(project, container, out);
        }
        opened(project, proxy, out);
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        listening(host, out);
    }
}

fn published(project: &Project<'_>, container: &Container, proxy: Option<Span>, out: &mut Assessment) {
    let public: Vec<&Published> =
        container.ports.iter().filter(|port| port.is_public() && !port.is_udp).collect();
    if public.is_empty() {
        if container.shares(Namespace::Network).is_none() && container.platform != Platform::Kubernetes {
            let claim = match container.ports.first() {
                Some(port) => evidence(port.span, "published for this machine or a private network only"),
                None => evidence(container.span, "reached through the network of its containers only"),
            };
            out.support(PRIVATE_APPLICATION, claim);
        }
        return;
    }
    for port in public {
        let is_web = matches!(port.host, Some((80 | 443, _)));
        if is_web && proxy.is_none() {
            let gap = Gap::at(
                port.span,
                "the application's server answers the public itself",
                "pass the proxy's configuration with `--deploy DIR`",
            );
            out.gap(PRIVATE_APPLICATION, gap);
            continue;
        }
        // Without a proxy nothing is bypassed; it is still a server that was not made to face the internet.
        let severity = if proxy.is_some() { META.severity } else { Severity::Medium };
        let message = format!("`{}` publishes the application's port on every address", container.name);
        let mut finding = Finding::new(
            META.id,
            severity,
            META.confidence,
            evidence(port.span, "reachable from everywhere"),
            message,
        )
        .with_scope(deployed::scope(container))
        .with_fix(loopback(project, port));
        if let Some(proxy) = proxy {
            finding = finding.with_trail([evidence(proxy, "what it adds is bypassed: TLS, headers, limits")]);
        }
        out.fail(finding);
    }
}

/// `127.0.0.1:` before a published port, where the short form is written out.
pub(super) fn loopback(project: &Project<'_>, port: &Published) -> Fix {
    let advice =
        "publish it on the loopback address, `127.0.0.1:`, or only `expose` it to the proxy's network";
    let text = project.tree.file(port.span.file).slice(port.span.range);
    let quote = text.len() - text.trim_start_matches(['"', '\'']).len();
    let is_plain =
        text.get(quote..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '$'));
    if port.address.is_some() || !text.contains(':') || text.contains('\n') || !is_plain {
        return Fix::advice(advice);
    }
    let at = port.span.range.start + quote as u32;
    Fix {
        advice: advice.to_owned(),
        applicability: Applicability::Safe,
        edits: vec![Edit { span: Span::new(port.span.file, at, at), replacement: "127.0.0.1:".to_owned() }],
    }
}

/// A Service of a cluster that leads from outside straight to the application.
fn in_cluster(project: &Project<'_>, container: &Container, out: &mut Assessment) {
    if container.platform != Platform::Kubernetes {
        return;
    }
    let chosen = project.deployment.host.cluster_services.iter().filter(|service| {
        !service.dev
            && !service.selector.is_empty()
            && service.selector.iter().all(|pair| container.labels.contains(pair))
    });
    for service in chosen {
        let kind = service.kind.value.as_str();
        if matches!(kind, "NodePort" | "LoadBalancer") && !service.is_restricted {
            let message = format!(
                "the service `{}` leads from outside the cluster straight to the application",
                service.name
            );
            let finding = Finding::new(
                META.id,
                Severity::Medium,
                META.confidence,
                evidence(service.kind.span, "reachable from outside the cluster"),
                message,
            )
            .with_trail([evidence(container.span, "the application's server")])
            .with_fix(Fix::advice("make it a ClusterIP service behind an Ingress"));
            out.fail(finding);
        } else {
            out.support(PRIVATE_APPLICATION, evidence(service.kind.span, "reached within the cluster only"));
        }
    }
}

/// The sockets of the application's server on a host.
fn listening(host: &HostView<'_>, out: &mut Assessment) {
    let sockets = application_sockets(host);
    for (socket, name) in sockets.iter().filter(|(socket, _)| socket.is_loopback()) {
        let claim = format!("`{name}` listens on {}, which only this machine reaches", socket.shown());
        out.support(PRIVATE_APPLICATION, seen(claim));
    }
    for listener in listeners(host).iter().flatten() {
        let Who::Application(name) = &listener.who else { continue };
        let is_web = matches!(listener.socket.port, 80 | 443);
        let has_proxy = deployed::proxy(host.project).is_some();
        let message = format!(
            "strangers reach `{name}` on port {}, past whatever stands in front",
            listener.socket.port
        );
        let finding = |severity, confidence| {
            let advice = "let it listen on 127.0.0.1 or on a socket file, where the proxy reaches it";
            Finding::new(META.id, severity, confidence, listener.evidence(), message.clone())
                .with_fix(Fix::advice(advice))
        };
        match listener.reach {
            // FS711 has a word on it.
            Reach::Closed(span) => {
                out.support(
                    PRIVATE_APPLICATION,
                    evidence(span, "the firewall closes the application's port"),
                );
            }
            Reach::Open if is_web && !has_proxy => {}
            Reach::Open => {
                let severity = if has_proxy { META.severity } else { Severity::Medium };
                out.fail(finding(severity, Confidence::Certain));
            }
            Reach::Unknown => {
                out.fail(finding(META.severity, Confidence::Tentative));
                let reason = "the rules of UFW may not be read, so that nobody knows whether the application's port is open";
                out.gap(PRIVATE_APPLICATION, Gap::new(reason, "run `flaskseal check --host` as root"));
            }
        }
    }
    let runs = host.facts.app_servers().next().is_some();
    if sockets.is_empty() && runs && host.facts.processes.iter().all(|process| process.files_seen) {
        let claim = "the application's server has no TCP socket: it listens on socket files";
        out.support(PRIVATE_APPLICATION, seen(claim));
    }
}

/// Ports that a firewall opens for the application's server.
fn opened(project: &Project<'_>, proxy: Option<Span>, out: &mut Assessment) {
    let own = application_ports(project);
    for firewall in deployed::firewalls(project) {
        for rule in
            firewall.open().filter(|rule| rule.width() < 1_000 && rule.protocol.as_deref() != Some("udp"))
        {
            let Some(port) = own.iter().find(|port| rule.covers(**port)) else { continue };
            let severity = if proxy.is_some() { META.severity } else { Severity::Medium };
            let message = format!("the firewall opens port {port}, the application's own, to everybody");
            let mut finding = Finding::new(
                META.id,
                severity,
                META.confidence,
                evidence(rule.span, "open to everybody"),
                message,
            )
            .with_fix(Fix::advice("close it: the proxy reaches the application on the loopback address"));
            if let Some(proxy) = proxy {
                finding =
                    finding.with_trail([evidence(proxy, "what it adds is bypassed: TLS, headers, limits")]);
            }
            out.fail(finding);
        }
    }
}

/// Ports that the application's servers listen on: those that are known, or the usual ones of servers in the tree.
pub(super) fn application_ports(project: &Project<'_>) -> Vec<u16> {
    let mut ports = vec![5000, 8000, 8080];
    for process in project.deployment.production() {
        let binds = process
            .options
            .iter()
            .filter(|option| matches!(option.name.as_str(), "bind" | "port" | "listen" | "http"));
        let found = binds.filter_map(|option| {
            let text = option.value.as_ref()?.or_default()?;
            text.rsplit(':').next()?.parse::<u16>().ok()
        });
        ports.extend(found);
    }
    ports.retain(|port| !matches!(port, 80 | 443));
    ports.sort_unstable();
    ports.dedup();
    ports
}
