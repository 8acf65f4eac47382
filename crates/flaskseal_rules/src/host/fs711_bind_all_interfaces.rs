//! FS711: the application's server on a host listens on every interface.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::deploy::{Process, Server};
use flaskseal_project::semantic::{Fact, FactKind};
use flaskseal_project::{Context, Project};

use super::PRIVATE_APPLICATION;
use super::deployed;
use super::fs741_root_service::service_of;
use super::listening::{Reach, Who, listeners};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(711),
    name: "bind-all-interfaces",
    summary: "The application's server on a host listens on every interface.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[PRIVATE_APPLICATION],
    layers: &[Layer::Source, Layer::Deploy, Layer::Host],
    cwe: &[1327],
    owasp: Some("A05~"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs711_bind_all_interfaces.md"),
};

pub(crate) struct BindAllInterfaces;

impl Rule for BindAllInterfaces {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(process) = &cx.entry.process else { return };
        // In a container or on a platform, other machines do not reach what is not published.
        if service_of(cx.project, process).is_none() {
            return;
        }
        let addresses = addresses(cx, process);
        if addresses.is_empty() {
            by_default(cx, process, out);
        }
        for (address, span) in addresses {
            judge(cx, &address, span, out);
        }
    }

    /// A port that is open to strangers is FS704's; one that only the firewall keeps from them is a note here.
    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        for listener in listeners(host).iter().flatten() {
            if let (Who::Application(name), Reach::Closed(span)) = (&listener.who, listener.reach) {
                let message =
                    format!("`{name}` listens on every interface, and only the firewall keeps strangers out");
                let finding =
                    Finding::new(META.id, Severity::Low, Confidence::Certain, listener.evidence(), message);
                out.fail(
                    finding
                        .with_trail([deployed::evidence(span, "the firewall closes the port")])
                        .with_fix(Fix::advice("listen on `127.0.0.1` or on a socket file")),
                );
            }
        }
    }
}

/// The addresses that the server is told to listen on. What the command line says counts before the server's file.
pub(super) fn addresses(cx: &Context<'_>, process: &Process) -> Vec<(String, Option<Span>)> {
    let names: &[&str] = match process.server {
        Server::Gunicorn | Server::Hypercorn => &["bind"],
        Server::Uwsgi => &["http", "http-socket", "https", "https-socket"],
        Server::Waitress => &["listen", "host"],
        Server::Uvicorn | Server::Daphne | Server::Granian => &["host", "bind"],
        _ => return Vec::new(),
    };
    let options = process.options.iter().filter(|option| names.contains(&option.name.as_str()));
    let told: Vec<(String, Option<Span>)> = options
        .filter_map(|option| Some((option.value.as_ref()?.or_default()?.to_owned(), Some(option.span))))
        .collect();
    if !told.is_empty() || process.server != Server::Gunicorn {
        return told;
    }
    let bind = cx.entry.server_settings.iter().find(|(name, _)| &**name == "bind").map(|(_, fact)| fact);
    bind.map(texts).unwrap_or_default()
}

fn texts(fact: &Fact) -> Vec<(String, Option<Span>)> {
    match &fact.kind {
        FactKind::Sequence { items, .. } => items.iter().flat_map(texts).collect(),
        _ => fact.by_default().as_str().map(|text| vec![(text.to_owned(), fact.at)]).unwrap_or_default(),
    }
}

/// gunicorn takes the loopback address, or every one where the environment has a `PORT`.
fn by_default(cx: &Context<'_>, process: &Process, out: &mut Assessment) {
    if process.server != Server::Gunicorn {
        return;
    }
    if process.env.get("PORT").is_none() {
        out.support(
            PRIVATE_APPLICATION,
            Evidence::general(Layer::Deploy, "gunicorn listens on 127.0.0.1 unless it is told otherwise"),
        );
    } else if let Some(variable) = process.env.get("PORT") {
        judge(cx, "0.0.0.0", Some(variable.span), out);
    }
}

fn judge(cx: &Context<'_>, address: &str, span: Option<Span>, out: &mut Assessment) {
    let evidence = |claim: &str| match span {
        Some(span) => cx.evidence(span, claim),
        None => Evidence::general(Layer::Deploy, claim),
    };
    if !is_everywhere(address) {
        if is_local(address) {
            out.support(PRIVATE_APPLICATION, evidence("reachable from this machine only"));
        }
        return;
    }
    let port = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let (severity, also) = severity(cx.project, port);
    let message = match port {
        Some(port) => format!("the application's server listens on port {port} of every interface"),
        None => "the application's server listens on every interface".to_owned(),
    };
    let mut finding = Finding::new(META.id, severity, META.confidence, evidence("every interface"), message)
        .with_fix(Fix::advice("listen on `127.0.0.1` or on a socket file, where the proxy reaches it"));
    if let Some(also) = also {
        finding = finding.with_trail([also]);
    }
    out.fail(finding);
}

fn severity(project: &Project<'_>, port: Option<u16>) -> (Severity, Option<Evidence>) {
    let closed = deployed::firewalls(project).find(|firewall| {
        port.is_some_and(|port| firewall.lets_in(port) == Some(false))
            && firewall.enabled.as_ref().is_some_and(|said| said.value)
    });
    if let Some(firewall) = closed {
        let place = firewall.enabled.as_ref().map(|said| said.span);
        return (Severity::Low, place.map(|span| deployed::evidence(span, "the firewall closes the port")));
    }
    match deployed::proxy(project) {
        Some(proxy) => {
            (Severity::Medium, Some(deployed::evidence(proxy, "the proxy on the same machine is bypassed")))
        }
        None => (META.severity, None),
    }
}

/// `0.0.0.0:8000`, `:8000`, `[::]:8000`, `*:8080`, `tcp://0.0.0.0:80`.
pub(super) fn is_everywhere(address: &str) -> bool {
    let address = address.strip_prefix("tcp://").unwrap_or(address);
    if address.starts_with("unix:") || address.starts_with('/') || address.starts_with("fd://") {
        return false;
    }
    let host = match address.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') || host.starts_with('[') => host,
        _ => address,
    };
    matches!(host, "0.0.0.0" | "" | "*" | "[::]" | "::")
}

fn is_local(address: &str) -> bool {
    let address = address.strip_prefix("tcp://").unwrap_or(address);
    ["unix:", "/", "127.", "localhost", "[::1]", "::1", "fd://"]
        .iter()
        .any(|start| address.starts_with(start))
}
