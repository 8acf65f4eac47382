//! FS712: a database, cache, broker or administration tool is published, or asks for no password.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Platform};

use super::PRIVATE_APPLICATION;
use super::deployed::{self, evidence};
use super::fs704_public_application_port::loopback;
use super::listening::{Reach, Who, listeners};
use super::services::{self, Kind};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(712),
    name: "exposed-data-service",
    summary: "A database, cache, broker or administration tool is published or has no authentication.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[PRIVATE_APPLICATION],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[306, 668],
    owasp: Some("A07"),
    asvs: &["V13.2.1", "V13.2.3"],
    fix: FixAvailability::Safe,
    page: include_str!("fs712_exposed_data_service.md"),
};

pub(crate) struct ExposedDataService;

impl Rule for ExposedDataService {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for container in deployed::containers(project) {
            let Some(kind) = deployed::kind(container).filter(|kind| kind.is_data()) else { continue };
            let open = services::without_password(container);
            let is_published =
                published(project, container, kind, open, out) || in_cluster(project, container, kind, out);
            if !is_published
                && !container.is_internal
                && container.platform == Platform::Compose
                && let Some(why) = open
            {
                let message = format!("every container beside `{}` can use it: {why}", container.name);
                let place = evidence(container.span, "asks for no password");
                out.fail(
                    Finding::new(META.id, Severity::Low, META.confidence, place, message)
                        .with_scope(deployed::scope(container))
                        .with_fix(Fix::advice("set a password, from a secret")),
                );
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        for listener in listeners(host).iter().flatten() {
            let (Who::Data(what), Reach::Open) = (&listener.who, listener.reach) else { continue };
            let severity = if listener.socket.port == 2375 { Severity::Critical } else { META.severity };
            let message = format!("{what} can be reached from everywhere on {}", listener.shown());
            let finding = Finding::new(META.id, severity, Confidence::Certain, listener.evidence(), message);
            let advice = "let it listen on 127.0.0.1, or let the firewall keep strangers out";
            out.fail(finding.with_fix(Fix::advice(advice)));
        }
    }
}

fn published(
    project: &Project<'_>,
    container: &Container,
    kind: Kind,
    open: Option<&str>,
    out: &mut Assessment,
) -> bool {
    let mut found = false;
    for port in container.ports.iter().filter(|port| port.is_public()) {
        found = true;
        let severity = if open.is_some() { Severity::Critical } else { META.severity };
        let message = match open {
            Some(why) => format!("the {} `{}` is open to everybody: {why}", kind.title(), container.name),
            None => format!("the {} `{}` can be reached from everywhere", kind.title(), container.name),
        };
        out.fail(
            Finding::new(
                META.id,
                severity,
                META.confidence,
                evidence(port.span, "published on every address"),
                message,
            )
            .with_scope(deployed::scope(container))
            .with_fix(loopback(project, port)),
        );
    }
    found
}

/// A Service that leads from outside the cluster to the pod.
fn in_cluster(project: &Project<'_>, container: &Container, kind: Kind, out: &mut Assessment) -> bool {
    let mut found = false;
    for service in project.deployment.host.cluster_services.iter().filter(|service| {
        container.platform == Platform::Kubernetes
            && matches!(service.kind.value.as_str(), "NodePort" | "LoadBalancer")
            && !service.dev
            && !service.is_restricted
            && !service.selector.is_empty()
            && service.selector.iter().all(|pair| container.labels.contains(pair))
    }) {
        found = true;
        let message =
            format!("the {} `{}` can be reached from outside the cluster", kind.title(), container.name);
        out.fail(
            Finding::new(
                META.id,
                META.severity,
                META.confidence,
                evidence(service.kind.span, "reachable from outside"),
                message,
            )
            .with_trail([evidence(container.span, "what the service leads to")])
            .with_fix(Fix::advice("make it a ClusterIP service")),
        );
    }
    found
}
