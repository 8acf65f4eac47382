//! FS741: the service of the application runs as root on the host.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::deploy::host::{Manager, Service};
use flaskseal_project::deploy::{Process, ProcessKind, Server, Value};
use flaskseal_project::semantic::FactKind;
use flaskseal_project::{Context, Project};

use super::UNPRIVILEGED;
use super::deployed::{self, evidence, is_root};
use super::listening::seen;
use super::platform::{Place, place};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(741),
    name: "root-service",
    summary: "The application service runs as root on the host.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[UNPRIVILEGED],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[250],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs741_root_service.md"),
};

pub(crate) struct RootService;

impl Rule for RootService {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    /// gunicorn's own file may name the user, which only the evaluated start tells.
    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(process) = &cx.entry.process else { return };
        let Some(service) = service_of(cx.project, process) else { return };
        let named = cx.entry.server_settings.iter().find(|(name, _)| &**name == "user");
        if let Some((_, fact)) = named
            && !matches!(fact.kind, FactKind::None | FactKind::Absent)
        {
            if let Some(at) = fact.at {
                out.support(UNPRIVILEGED, cx.evidence(at, "the server changes to this user"));
            }
            return;
        }
        judge(service, process, out);
    }

    /// Services that no evaluated start stands for.
    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        match place(project) {
            Place::Platform(name, _) => out.not_applicable(UNPRIVILEGED, format!("{name} chooses the user")),
            Place::Unknown => {
                let gap = Gap::new(
                    "nothing in the tree says as whom the application runs",
                    "pass the unit, Dockerfile or manifest with `--deploy DIR`",
                );
                out.gap(UNPRIVILEGED, gap);
            }
            Place::Cluster(_) | Place::Host => {}
        }
        let is_followed = |process: &Process| {
            project
                .apps
                .iter()
                .flat_map(|app| &app.starts)
                .any(|start| start.entry.span == Some(process.source))
        };
        for process in project.deployment.production().filter(|process| !is_followed(process)) {
            if let Some(service) = service_of(project, process) {
                judge(service, process, out);
            }
        }
        by_sudo(project, out);
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        running(host, out);
        powerful_groups(host, out);
    }
}

/// The processes that serve, as whom they run.
fn running(host: &HostView<'_>, out: &mut Assessment) {
    let servers: Vec<_> = host.facts.app_servers().filter(|process| !process.in_container).collect();
    let mut told: Vec<&str> = Vec::new();
    for process in &servers {
        if told.contains(&process.program.as_str()) {
            continue;
        }
        told.push(&process.program);
        // A master that gives its workers to another user is root for the port alone.
        let worker = servers.iter().find(|other| other.program == process.program && other.user != 0);
        if let Some(worker) = worker {
            let user = host.facts.accounts.user_name(worker.user);
            out.support(
                UNPRIVILEGED,
                seen(format!("`{}` runs as `{user}` (process {})", worker.program, worker.id)),
            );
        } else {
            let message = format!(
                "`{}` runs as root: a flaw in the application is a flaw of the host",
                process.program
            );
            let place = seen(format!("process {} is root's", process.id));
            let advice = "run it as a system user that owns nothing else: `User=` in its unit";
            out.fail(
                Finding::new(META.id, META.severity, Confidence::Certain, place, message)
                    .with_fix(Fix::advice(advice)),
            );
        }
    }
    let has_service =
        host.project.deployment.processes.iter().any(|process| service_of(host.project, process).is_some());
    if servers.is_empty() && !has_service {
        let reason = "nothing on the host serves an application: no unit, and no process that is known";
        out.gap(UNPRIVILEGED, Gap::new(reason, ""));
    }
}

/// Groups that are as good as root: who is in them starts containers, changes to root or writes to disks.
fn powerful_groups(host: &HostView<'_>, out: &mut Assessment) {
    const POWERFUL: [&str; 8] = ["docker", "sudo", "wheel", "admin", "lxd", "disk", "root", "shadow"];
    let accounts = &host.facts.accounts;
    let services = host
        .project
        .deployment
        .processes
        .iter()
        .filter_map(|process| service_of(host.project, process)?.user.as_ref())
        .filter_map(|user| accounts.user(&user.value));
    let processes = host
        .facts
        .app_servers()
        .filter(|process| !process.in_container)
        .filter_map(|process| accounts.users.iter().find(|user| user.id == process.user));
    let mut users: Vec<_> = services.chain(processes).filter(|user| user.id != 0).collect();
    users.sort_by_key(|user| user.id);
    users.dedup();
    for user in users {
        let groups = accounts.groups_of(user).into_iter().map(|group| accounts.group_name(group));
        let powerful: Vec<String> = groups.filter(|name| POWERFUL.contains(&name.as_str())).collect();
        if !powerful.is_empty() {
            let powerful = powerful.join("`, `");
            let message =
                format!("the application runs as `{}`, whom the group `{powerful}` makes root", user.name);
            let place = seen(format!("`{}` is in the group `{powerful}`", user.name));
            let advice = "take the user out of the group, or give the application a user of its own";
            out.fail(
                Finding::new(META.id, Severity::Medium, Confidence::Certain, place, message)
                    .with_fix(Fix::advice(advice)),
            );
        }
    }
}

/// The service that a process is started by, where it is the application's.
pub(super) fn service_of<'p>(project: &'p Project<'_>, process: &Process) -> Option<&'p Service> {
    let is_application =
        process.kind != ProcessKind::Other && !matches!(process.server, Server::Unknown { .. });
    project.deployment.host.services.iter().filter(|_| is_application).find(|service| {
        *project.tree.file(service.file).path == *process.found_by
            && service.name == process.name
            && !service.in_container
    })
}

fn judge(service: &Service, process: &Process, out: &mut Assessment) {
    let once = service.setting("Type").is_some_and(|said| said.value == "oneshot");
    if service.manager == Manager::SystemdUser || once && process.kind != ProcessKind::Web {
        return;
    }
    if service.is_on("DynamicUser") {
        let span = service.setting("DynamicUser").map_or(service.span, |said| said.span);
        out.support(UNPRIVILEGED, evidence(span, "systemd makes up a user for the service"));
        return;
    }
    // The server's own option wins over the service's: it changes after it has bound its port.
    let user = process.user.as_ref().map(|(user, span)| (Value::known(user.as_str()), *span));
    match &user {
        Some((user, span)) => match is_root(user) {
            Some(false) => {
                let claim = format!("the service runs as `{}`", user.text());
                out.support(UNPRIVILEGED, evidence(*span, claim));
            }
            Some(true) => fail(service, evidence(*span, "this is root"), out),
            // `%i` and other specifiers are filled in when the unit starts.
            None => {}
        },
        None if service.manager == Manager::Supervisor => {
            let claim = "no `user`: supervisord's own, usually root";
            out.fail(finding(service, evidence(service.span, claim)));
        }
        None => fail(service, evidence(service.span, "no `User=`, which means root"), out),
    }
}

fn fail(service: &Service, primary: flaskseal_core::Evidence, out: &mut Assessment) {
    out.fail(finding(service, primary));
}

fn finding(service: &Service, primary: flaskseal_core::Evidence) -> Finding {
    let message = format!(
        "the service `{}` runs as root: a flaw in the application is a flaw of the host",
        service.name
    );
    let advice = match service.manager {
        Manager::Supervisor => "add `user=app`, with a system user that owns nothing else",
        _ => {
            "add `User=` and `Group=` with a system user; for ports below 1024 `AmbientCapabilities=CAP_NET_BIND_SERVICE`"
        }
    };
    Finding::new(META.id, META.severity, META.confidence, primary, message)
        .with_scope(service.name.clone())
        .with_fix(Fix::advice(advice))
}

/// `sudo gunicorn ...` in a script.
fn by_sudo(project: &Project<'_>, out: &mut Assessment) {
    for step in deployed::steps(project).filter(|step| !step.in_image) {
        for command in &step.commands {
            let (program, words) = command.program();
            let serves = matches!(program, "gunicorn" | "uwsgi" | "waitress-serve" | "hypercorn" | "uvicorn");
            let changes = |name: &str| {
                command.words.iter().any(|word| {
                    let text = word.text();
                    text == name || text.starts_with(&format!("{name}="))
                })
            };
            if serves
                && command.has_sudo()
                && !["-u", "--user", "--uid"].iter().any(|name| changes(name))
                && !words.iter().any(|word| word.text() == "--version")
            {
                let message = format!("`{program}` is started as root");
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        evidence(command.span, "`sudo` makes it root"),
                        message,
                    )
                    .with_fix(Fix::advice(
                        "start it as a system user: `sudo -u app`, or a unit with `User=`",
                    )),
                );
            }
        }
    }
}
