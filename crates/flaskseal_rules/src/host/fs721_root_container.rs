//! FS721: the process of a container runs as root.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::Value;
use flaskseal_project::deploy::host::{BuiltImage, Container};

use super::deployed::{self, evidence, is_powerful, is_root};
use super::listening::seen;
use super::{UNPRIVILEGED, services};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(721),
    name: "root-container",
    summary: "The process in a container runs as root.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[UNPRIVILEGED],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[250],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs721_root_container.md"),
};

pub(crate) struct RootContainer;

impl Rule for RootContainer {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for image in deployed::images(project) {
            built(project, image, out);
        }
        for container in deployed::containers(project).filter(|container| !container.is_init) {
            started(container, out);
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        let contained: Vec<_> = host.facts.app_servers().filter(|process| process.in_container).collect();
        // A master that gives its workers to another user is root for the port alone.
        let gives_up =
            |program: &str| contained.iter().any(|other| other.program == program && other.user != 0);
        if let Some(process) =
            contained.iter().find(|process| process.user == 0 && !gives_up(&process.program))
        {
            let message = format!("`{}` runs as root in its container", process.program);
            let place = seen(format!("process {} is root's", process.id));
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, place, message)
                    .with_fix(Fix::advice("add a system user to the image, and `USER`")),
            );
        }
    }
}

/// What the Dockerfile says, unless everything that starts it says otherwise.
fn built(project: &Project<'_>, image: &BuiltImage, out: &mut Assessment) {
    let users: Vec<&Container> = deployed::containers(project)
        .filter(|container| container.dockerfile == Some(image.file) && !container.is_init)
        .collect();
    let text = |span: Span| project.tree.file(span.file).slice(span.range);
    let by_sudo = image.command.filter(|span| {
        let text = text(*span);
        let words: Vec<&str> = text.split([' ', '"', '[', ',']).filter(|word| !word.is_empty()).collect();
        words.get(1) == Some(&"sudo") && !words.contains(&"-u")
    });
    let (span, claim, confidence) = match (&image.user, by_sudo) {
        (Some(user), by_sudo) => match (is_root(&user.value), by_sudo) {
            (Some(true), _) => (user.span, "the last user of the stage is root", META.confidence),
            (Some(false), Some(span)) => (span, "`sudo` makes it root again", META.confidence),
            (Some(false), None) => {
                let name = user.value.or_default().unwrap_or_default();
                out.support(UNPRIVILEGED, evidence(user.span, format!("the image runs as `{name}`")));
                return;
            }
            (None, _) => return,
        },
        (None, _) => match &image.base {
            Some(base) => match base.value.or_default() {
                Some(name) if services::runs_unprivileged(name) => {
                    let claim = format!("`{name}` runs as another user than root");
                    out.support(UNPRIVILEGED, evidence(base.span, claim));
                    return;
                }
                Some(name) if services::drops_root_itself(name) => return,
                Some(name) => {
                    let confidence =
                        if services::runs_as_root(name) { Confidence::Certain } else { Confidence::Firm };
                    (
                        image.command.unwrap_or(image.stage),
                        "no `USER` in the stage that is shipped",
                        confidence,
                    )
                }
                None => (
                    image.command.unwrap_or(image.stage),
                    "no `USER` here; what the base image says is not known",
                    Confidence::Tentative,
                ),
            },
            None => return,
        },
    };
    // Nothing is started from an image without a command, unless somebody names one.
    if image.command.is_none() && users.is_empty() && image.user.is_none() {
        return;
    }
    if image.drops_root {
        out.support(UNPRIVILEGED, evidence(span, "the script that starts the container gives up root"));
        return;
    }
    let processes: Vec<_> = project
        .deployment
        .processes
        .iter()
        .filter(|process| {
            !process.dev && process.image.as_ref().is_some_and(|known| known.dockerfile == image.file)
        })
        .collect();
    // `gosu`, `user:` of a service, `--user` of the server: whatever stands between the image and the process.
    let dropped = processes.iter().filter_map(|process| {
        let (user, span) = process.user.as_ref()?;
        let user = Value::known(user.as_str());
        (image.user.as_ref().map(|said| said.span) != Some(*span) && is_root(&user) == Some(false))
            .then_some(*span)
    });
    let dropped: Vec<Span> = dropped.collect();
    if let Some(first) = dropped.first()
        && dropped.len() == processes.len()
    {
        out.support(UNPRIVILEGED, evidence(*first, "the process gets another user than root"));
        return;
    }
    let restricted = |container: &&Container| {
        container.user.as_ref().is_some_and(|user| is_root(&user.value) == Some(false))
            || container.non_root.as_ref().is_some_and(|said| said.value)
    };
    if !users.is_empty() && users.iter().all(restricted) {
        return;
    }
    let powerful = users.iter().copied().find(|container| is_powerful(container));
    let drops_itself =
        image.base.as_ref().and_then(|base| base.value.or_default()).is_some_and(services::drops_root_itself);
    let severity = match powerful {
        Some(_) => Severity::High,
        // `USER root` on an image whose programs give it up after they have started.
        None if drops_itself => Severity::Low,
        None => META.severity,
    };
    let mut finding = Finding::new(
        META.id,
        severity,
        confidence,
        evidence(span, claim),
        "the container runs as root, so that a flaw in the application is a flaw of the whole container",
    )
    .with_fix(Fix::advice(
        "add a system user to the image (`RUN useradd --system app`) and end the stage with `USER app`",
    ));
    if let Some(base) = image.base.as_ref().filter(|_| image.user.is_none()) {
        finding = finding.with_trail([evidence(base.span, "the base image leaves the user at root")]);
    }
    if let Some(container) = powerful {
        finding = finding.with_trail([evidence(container.span, "this service gives it power over the host")]);
    }
    out.fail(finding);
}

/// What the service or the pod says itself.
fn started(container: &Container, out: &mut Assessment) {
    let root = container.user.as_ref().filter(|user| is_root(&user.value) == Some(true));
    let refused = container.non_root.as_ref().filter(|said| !said.value);
    let unprivileged = container.user.as_ref().filter(|user| is_root(&user.value) == Some(false));
    if let Some(user) = unprivileged {
        out.support(UNPRIVILEGED, evidence(user.span, format!("`{}` does not run as root", container.name)));
        return;
    }
    if let Some(said) = container.non_root.as_ref().filter(|said| said.value && root.is_none()) {
        out.support(UNPRIVILEGED, evidence(said.span, format!("`{}` may not run as root", container.name)));
        return;
    }
    let Some((span, claim)) = root
        .map(|user| (user.span, "the user is root"))
        .or_else(|| refused.map(|said| (said.span, "root is allowed on purpose")))
    else {
        return;
    };
    let severity = match deployed::kind(container) {
        _ if is_powerful(container) => Severity::High,
        Some(_) => Severity::Low,
        None => META.severity,
    };
    let message = format!("`{}` runs as root in its container", container.name);
    out.fail(
        Finding::new(META.id, severity, META.confidence, evidence(span, claim), message)
            .with_scope(deployed::scope(container))
            .with_fix(Fix::advice("name a user that is not root: `user: \"10001\"`, `runAsUser: 10001`")),
    );
}
