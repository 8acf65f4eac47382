//! Where production runs, as far as the tree tells: a platform that hides its hosts, a cluster, or a host.

use flaskseal_core::Span;
use flaskseal_project::Project;
use flaskseal_project::deploy::host::Platform;
use flaskseal_project::deploy::{FileKind, Process, ProcessKind};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A platform that runs the application on hosts of its own: its name, and the command that it starts.
    Platform(&'static str, Span),
    /// Manifests of a cluster, and nothing that speaks of a host.
    Cluster(Span),
    /// A unit, a Compose file, a firewall: there is a host to care for.
    Host,
    /// Nothing says.
    Unknown,
}

pub(super) fn place(project: &Project<'_>) -> Place {
    if project.is_observed {
        return Place::Host;
    }
    let deployment = &project.deployment;
    let host = &deployment.host;
    let kind_of = |process: &Process| {
        deployment
            .files
            .iter()
            .find(|(file, _)| *project.tree.file(*file).path == *process.found_by)
            .map(|(_, kind)| *kind)
    };
    let has_host = super::deployed::firewalls(project).next().is_some()
        || host.services.iter().any(|service| !service.in_container && !service.dev)
        || super::deployed::containers(project).any(|container| container.platform != Platform::Kubernetes);
    let web: Vec<&Process> =
        deployment.production().filter(|process| process.kind == ProcessKind::Web).collect();
    let platforms: Vec<(&'static str, Span)> =
        web.iter().filter_map(|process| Some((platform_name(kind_of(process)?)?, process.source))).collect();
    if let Some((name, span)) = platforms.first()
        && platforms.len() == web.len()
        && !has_host
    {
        return Place::Platform(name, *span);
    }
    if has_host {
        return Place::Host;
    }
    let pod =
        super::deployed::containers(project).find(|container| container.platform == Platform::Kubernetes);
    match pod {
        Some(pod) => Place::Cluster(pod.span),
        None if deployment.web.sites.iter().any(|site| !site.dev) => Place::Host,
        None => Place::Unknown,
    }
}

fn platform_name(kind: FileKind) -> Option<&'static str> {
    Some(match kind {
        FileKind::Procfile | FileKind::Heroku => "the platform that reads the Procfile",
        FileKind::AppEngine => "App Engine",
        FileKind::Zappa => "AWS Lambda",
        FileKind::Serverless => "the function platform",
        FileKind::Render => "Render",
        FileKind::Fly => "Fly",
        FileKind::Railway => "Railway",
        _ => return None,
    })
}
