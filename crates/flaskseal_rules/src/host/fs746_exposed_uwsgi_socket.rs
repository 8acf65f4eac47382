//! FS746: a socket of uWSGI's own protocol, or one that controls it, can be reached.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::{CliOption, Process, Server};

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use super::fs711_bind_all_interfaces::is_everywhere;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(746),
    name: "exposed-uwsgi-socket",
    summary: "A uWSGI protocol or control socket is reachable.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[306, 94],
    owasp: Some("A07"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs746_exposed_uwsgi_socket.md"),
};

pub(crate) struct ExposedUwsgiSocket;

impl Rule for ExposedUwsgiSocket {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        for process in project.deployment.production().filter(|process| process.server == Server::Uwsgi) {
            for option in &process.options {
                if !seen.contains(&option.span)
                    && let Some((severity, message, advice)) = judge(project, process, option)
                {
                    seen.push(option.span);
                    out.fail(
                        Finding::new(
                            META.id,
                            severity,
                            META.confidence,
                            evidence(option.span, "set here"),
                            message,
                        )
                        .with_fix(Fix::advice(advice)),
                    );
                }
            }
        }
    }
}

fn judge(
    project: &Project<'_>,
    process: &Process,
    option: &CliOption,
) -> Option<(Severity, String, &'static str)> {
    let value = option.value.as_ref().and_then(|value| value.or_default()).unwrap_or("").trim();
    let address = value.split(',').next().unwrap_or(value);
    match option.name.as_str() {
        "socket" | "uwsgi-socket" | "s" if is_network(address) && is_everywhere(address) => {
            let port = address.rsplit(':').next()?.parse::<u16>().ok();
            Some((
                reach(project, process, port),
                "whoever reaches uWSGI's own socket can have it load and run any file".to_owned(),
                "listen on `127.0.0.1` or on a socket file",
            ))
        }
        "stats" | "stats-server" if is_network(address) && is_everywhere(address) => {
            let severity =
                if is_private(project, process, address) { Severity::Low } else { Severity::Medium };
            Some((severity, "uWSGI's statistics are served to everybody".to_owned(), "listen on `127.0.0.1`"))
        }
        "chmod-socket" if is_open_mode(value) && process.image.is_none() => Some((
            Severity::Medium,
            "every user of the host can speak to the application around the proxy".to_owned(),
            "use 660 with a group that the proxy is in",
        )),
        "master-fifo" | "emperor" if value.starts_with("/tmp") || value.starts_with("/var/tmp") => Some((
            Severity::High,
            format!("every user of the host can control uWSGI through `{value}`"),
            "put it below `/run`, in a folder of the service",
        )),
        "py-autoreload" | "python-autoreload" | "honour-stdin" if !matches!(value, "0" | "false") => {
            Some((Severity::Low, format!("`{}` is for development", option.name), "take it out"))
        }
        _ => None,
    }
}

/// An address with a port, and no file.
fn is_network(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Everybody may write: `777`, `666`.
fn is_open_mode(mode: &str) -> bool {
    mode.len() >= 3
        && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
        && mode.bytes().last().is_some_and(|digit| (digit - b'0') & 2 != 0)
}

/// How far the socket's port can be reached.
fn reach(project: &Project<'_>, process: &Process, port: Option<u16>) -> Severity {
    let containers = deployed::containers(project).filter(|container| {
        deployed::process(project, container).is_some_and(|known| std::ptr::eq(known, process))
    });
    let ports: Vec<_> = containers.flat_map(|container| &container.ports).collect();
    if process.image.is_some() {
        let is_published = ports.iter().any(|published| {
            published.is_public()
                && port.is_some_and(|port| {
                    published.container.is_some_and(|(first, last)| (first..=last).contains(&port))
                })
        });
        return if is_published { META.severity } else { Severity::Low };
    }
    let is_closed = port.is_some_and(|port| {
        deployed::firewalls(project).any(|firewall| firewall.lets_in(port) == Some(false))
    });
    if is_closed { Severity::High } else { META.severity }
}

fn is_private(project: &Project<'_>, process: &Process, address: &str) -> bool {
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    reach(project, process, port) == Severity::Low
}
