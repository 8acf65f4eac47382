//! What of the deployment files counts as production, and what its containers are.

use flaskseal_core::{Evidence, FileId, Layer, Span};
use flaskseal_project::deploy::host::{BuiltImage, Container, Firewall, FirewallKind, Step};
use flaskseal_project::deploy::web::Site;
use flaskseal_project::deploy::{FileKind, Process, ProcessKind, Server, Value};
use flaskseal_project::{Project, Role, role_of};

use super::services::{self, Kind};

pub(super) fn evidence(span: Span, claim: impl Into<String>) -> Evidence {
    Evidence::at(Layer::Deploy, span, claim)
}

/// A claim of a file that only says what is meant to be.
pub(super) fn declared(project: &Project<'_>, claim: String) -> String {
    if project.is_observed { claim } else { format!("{claim} (declared, not observed)") }
}

/// Whether a file speaks of production by its place in the tree.
fn is_source(project: &Project<'_>, file: FileId) -> bool {
    role_of(&project.tree.file(file).path) == Role::Source
}

/// Whether nothing but files for development says how anything runs: then they are all there is to judge.
fn only_dev(project: &Project<'_>) -> bool {
    let host = &project.deployment.host;
    project.deployment.processes.iter().all(|process| process.dev)
        && host.containers.iter().all(|container| container.dev)
        && host.images.iter().all(|image| image.dev)
}

/// Containers that production runs.
pub(super) fn containers<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p Container> {
    let only_dev = only_dev(project);
    let all = project.deployment.host.containers.iter();
    all.filter(move |container| (only_dev || !container.dev) && is_source(project, container.span.file))
}

/// Images that production builds.
pub(super) fn images<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p BuiltImage> {
    let only_dev = only_dev(project);
    let all = project.deployment.host.images.iter();
    all.filter(move |image| (only_dev || !image.dev) && is_source(project, image.file))
}

/// What image builds and set-up scripts run for production.
pub(super) fn steps<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p Step> {
    let all = project.deployment.host.steps.iter();
    all.filter(move |step| !step.dev && is_source(project, step.part_of.file))
}

pub(super) fn firewalls<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p Firewall> {
    let all = project.deployment.host.firewalls.iter();
    all.filter(move |firewall| !firewall.dev && is_source(project, firewall.file))
}

/// UFW, where something says that it is used and nothing that it is off.
pub(super) fn ufw<'p>(project: &'p Project<'_>) -> Option<&'p Firewall> {
    firewalls(project).find(|firewall| {
        matches!(firewall.kind, FirewallKind::UfwCommands | FirewallKind::UfwFiles | FirewallKind::UfwStatus)
            && firewall.enabled.as_ref().is_none_or(|enabled| enabled.value)
    })
}

/// What a container runs, where its image is one that everybody knows.
pub(super) fn kind(container: &Container) -> Option<Kind> {
    if container.is_built || container.dockerfile.is_some() {
        return None;
    }
    services::known(&container.image.as_ref()?.value).map(|service| service.kind)
}

/// The process that a container runs.
pub(super) fn process<'p>(project: &'p Project<'_>, container: &Container) -> Option<&'p Process> {
    let path = &*project.tree.file(container.span.file).path;
    project.deployment.processes.iter().find(|process| {
        process.found_by == path
            && (process.name == container.name || process.name == container.group)
            && process.kind != ProcessKind::Other
    })
}

/// Whether a container serves the application.
pub(super) fn serves(project: &Project<'_>, container: &Container) -> bool {
    process(project, container).is_some_and(|process| {
        process.kind == ProcessKind::Web && !matches!(process.server, Server::Unknown { .. })
    })
}

/// Something in the tree that stands in front of the application: a web server's file, or its container.
pub(super) fn proxy(project: &Project<'_>) -> Option<Span> {
    let site = project.deployment.web.sites.iter().find(|site| !site.dev).map(|site| site.span);
    site.or_else(|| {
        containers(project)
            .find(|container| kind(container) == Some(Kind::Proxy))
            .map(|container| container.span)
    })
}

/// What stands in front of one container. In a tree of several projects the proxies of the others stand in front of
/// nothing here.
pub(super) fn proxy_of(project: &Project<'_>, container: &Container) -> Option<Span> {
    let tree = project.tree;
    let is_compose = |kind: FileKind| kind == FileKind::Compose;
    let composes = || project.deployment.files.iter().filter(move |(_, kind)| is_compose(*kind));
    let own = tree.file(container.span.file).folder();
    // The nearest folder above a file that has a Compose file is that of its project.
    let project_of = |file: FileId| {
        let folder = tree.file(file).folder();
        composes()
            .map(|(id, _)| tree.file(*id).folder())
            .filter(|known| is_within(folder, known))
            .max_by_key(|known| known.len())
    };
    let is_ours = |file: FileId| project_of(file).is_none_or(|folder| is_within(own, folder));
    let sites = || project.deployment.web.sites.iter().filter(|site| !site.dev && is_ours(site.span.file));
    let asks = |site: &&Site| {
        site.proxied().any(|(_, upstream)| {
            upstream
                .addresses
                .iter()
                .any(|address| address.split(':').next() == Some(container.name.as_str()))
        })
    };
    let site = sites().find(asks).or_else(|| sites().next()).map(|site| site.span);
    site.or_else(|| {
        containers(project)
            .find(|other| kind(other) == Some(Kind::Proxy) && is_ours(other.span.file))
            .map(|container| container.span)
    })
}

fn is_within(folder: &str, above: &str) -> bool {
    above.is_empty()
        || folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a user is root, by name or number, as far as the tree tells.
pub(super) fn is_root(user: &Value) -> Option<bool> {
    let text = user.or_default()?.trim();
    let name = text.split(':').next().unwrap_or(text).trim();
    if name.is_empty() || name.contains('$') {
        return None;
    }
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    Some(name == "root" || is_number && name.bytes().all(|byte| byte == b'0'))
}

/// Whether something gives a container nearly the power of its host.
pub(super) fn is_powerful(container: &Container) -> bool {
    container.privileged.as_ref().is_some_and(|said| said.value)
        || container.mounts.iter().any(|mount| super::fs723_sensitive_mount::is_sensitive(&mount.source))
}

/// A fingerprint's scope: the service.
pub(super) fn scope(container: &Container) -> String {
    if container.group.is_empty() || container.group == container.name {
        container.name.clone()
    } else {
        format!("{}/{}", container.group, container.name)
    }
}
