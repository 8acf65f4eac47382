//! Who listens on a host, and whether strangers get there.

use std::collections::BTreeSet;

use flaskseal_core::{Evidence, Layer, Span};
use flaskseal_project::deploy::host::{Firewall, FirewallKind};
use flaskseal_project::deploy::{ProcessKind, Server};
use flaskseal_project::host::Socket;

use super::fs703_unexpected_open_port::is_ssh;
use super::fs704_public_application_port::application_ports;
use super::{deployed, fs741_root_service, services};
use crate::HostView;

/// A port on which a host listens to more than itself.
pub(super) struct Listener<'h> {
    pub(super) socket: &'h Socket,
    pub(super) who: Who,
    /// The program, where it could be seen.
    pub(super) program: Option<&'h str>,
    pub(super) reach: Reach,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Who {
    /// Serves the application: the program or the service.
    Application(String),
    /// A database, a cache, a broker.
    Data(&'static str),
    /// Docker passes it on to a container.
    Container,
    /// Ports 80 and 443, and the one of SSH.
    Intended,
    Other,
}

/// What the firewall of the host does with strangers who come to a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    Open,
    /// This keeps them out.
    Closed(Span),
    /// There is a firewall whose rules could not be seen.
    Unknown,
}

impl Listener<'_> {
    /// `port 5432 (postgres)`.
    pub(super) fn shown(&self) -> String {
        match self.program {
            Some(program) => format!("port {} ({program})", self.socket.port),
            None => format!("port {}", self.socket.port),
        }
    }

    pub(super) fn evidence(&self) -> Evidence {
        let who = self.program.map_or(String::new(), |program| format!("`{program}` "));
        seen(format!("{who}listens on {}", self.socket.shown()))
    }
}

/// Something that was seen on the host and stands in none of its files.
pub(super) fn seen(claim: impl Into<String>) -> Evidence {
    Evidence::general(Layer::Host, claim)
}

/// Ports that the host offers to others, each once. None: the kernel's tables could not be read.
pub(super) fn listeners<'h>(host: &HostView<'h>) -> Option<Vec<Listener<'h>>> {
    let sockets = host.facts.sockets.as_ref()?;
    let mut found: Vec<Listener<'h>> = Vec::new();
    let mut ports = BTreeSet::new();
    for socket in sockets.iter().filter(|socket| socket.is_public()) {
        if ports.insert(socket.port) {
            let program = host.facts.holder(socket).map(|process| process.program.as_str());
            let who = who(host, socket);
            let reach = if who == Who::Container { behind_docker(host) } else { reach(host, socket.port) };
            found.push(Listener { socket, who, program, reach });
        }
    }
    Some(found)
}

/// Sockets of the application's servers, whomever they listen to.
pub(super) fn application_sockets<'h>(host: &HostView<'h>) -> Vec<(&'h Socket, String)> {
    let sockets = host.facts.sockets.iter().flatten();
    sockets
        .filter_map(|socket| match who(host, socket) {
            Who::Application(name) => Some((socket, name)),
            _ => None,
        })
        .collect()
}

fn who(host: &HostView<'_>, socket: &Socket) -> Who {
    let holder = host.facts.holder(socket);
    if let Some(process) = holder.filter(|process| process.is_app_server) {
        return Who::Application(process.program.clone());
    }
    if holder.is_some_and(|process| process.program.starts_with("docker-pr")) {
        return Who::Container;
    }
    if let Some(what) = holder.and_then(|process| data_service(&process.program)) {
        return Who::Data(what);
    }
    if matches!(socket.port, 80 | 443) || is_ssh(host.project, socket.port) {
        return Who::Intended;
    }
    if holder.is_none() {
        // Without root nobody says which process it is; its user and its port may.
        if let Some(service) = service_at(host, socket) {
            return Who::Application(service);
        }
        if let Some(what) = services::behind_port(socket.port).filter(|_| socket.port != 5555) {
            return Who::Data(what);
        }
    }
    Who::Other
}

/// The service of the application whose user opened the socket, on a port that it is told.
fn service_at(host: &HostView<'_>, socket: &Socket) -> Option<String> {
    let ports = application_ports(host.project);
    let processes = host.project.deployment.processes.iter();
    let web = processes.filter(|process| {
        process.kind == ProcessKind::Web && !matches!(process.server, Server::Unknown { .. })
    });
    web.filter_map(|process| fs741_root_service::service_of(host.project, process))
        .find(|service| {
            let user = service.user.as_ref().and_then(|user| host.facts.accounts.user(&user.value));
            user.is_some_and(|user| user.id == socket.user) && ports.contains(&socket.port)
        })
        .map(|service| service.name.clone())
}

/// Servers of data, by the names that the kernel keeps of their processes.
fn data_service(program: &str) -> Option<&'static str> {
    Some(match program {
        "postgres" | "postmaster" => "PostgreSQL",
        "mysqld" | "mariadbd" => "MySQL",
        "redis-server" | "valkey-server" => "Redis",
        "memcached" => "memcached",
        "mongod" | "mongos" => "MongoDB",
        "beam.smp" | "rabbitmq-server" => "RabbitMQ",
        "epmd" => "RabbitMQ",
        "etcd" => "etcd",
        "clickhouse-serv" => "ClickHouse",
        _ => return None,
    })
}

fn reach(host: &HostView<'_>, port: u16) -> Reach {
    let active: Vec<&Firewall> =
        deployed::firewalls(host.project).filter(|firewall| filters(firewall)).collect();
    let closing = active.iter().find(|firewall| firewall.lets_in(port) == Some(false));
    let Some(firewall) = closing else { return Reach::Open };
    if firewall.kind == FirewallKind::UfwFiles && rules_are_hidden(host) {
        return Reach::Unknown;
    }
    let place = firewall.incoming.as_ref().map(|said| said.span);
    match place.or_else(|| firewall.enabled.as_ref().map(|said| said.span)) {
        Some(span) => Reach::Closed(span),
        None => Reach::Open,
    }
}

/// What Docker publishes does not pass UFW, unless somebody wrote rules for it.
fn behind_docker(host: &HostView<'_>) -> Reach {
    let guard = deployed::firewalls(host.project).find(|firewall| firewall.guards_containers);
    let place = guard.and_then(|firewall| firewall.enabled.as_ref()).map(|said| said.span);
    place.map_or(Reach::Open, Reach::Closed)
}

fn filters(firewall: &Firewall) -> bool {
    match firewall.kind {
        FirewallKind::UfwCommands | FirewallKind::UfwFiles | FirewallKind::UfwStatus => {
            firewall.enabled.as_ref().is_some_and(|said| said.value)
        }
        _ => firewall.incoming.is_some(),
    }
}

/// Whether the rules of UFW are there and may not be read.
pub(super) fn rules_are_hidden(host: &HostView<'_>) -> bool {
    host.facts.unseen.iter().any(|unseen| unseen.what == "/etc/ufw/user.rules")
}
