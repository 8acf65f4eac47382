//! FS771: the settings of a pod leave the application more power than it needs.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Container, Platform};

use super::deployed::{self, evidence, is_root};
use super::{UNPRIVILEGED, services};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(771),
    name: "weak-pod-security",
    summary: "The settings of a pod give the application more power than it needs.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[super::PROXY_HYGIENE],
    layers: &[Layer::Deploy],
    cwe: &[250, 732],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs771_weak_pod_security.md"),
};

pub(crate) struct WeakPodSecurity;

impl Rule for WeakPodSecurity {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for container in deployed::containers(project) {
            if container.platform != Platform::Kubernetes || deployed::kind(container).is_some() {
                continue;
            }
            let may_be_root = may_be_root(container);
            if may_be_root && !container.is_init && image_is_root(project, container) {
                let message = format!(
                    "`{}` runs as root: its image says so, and the pod does not forbid it",
                    container.name
                );
                let primary = evidence(container.span, "no `runAsNonRoot`");
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, primary, message)
                        .with_scope(deployed::scope(container))
                        .with_fix(Fix::advice("set `runAsNonRoot: true` and a numeric `runAsUser`")),
                );
            }
            note(container, may_be_root, out);
            if may_be_root && !container.is_init && container.dockerfile.is_none() {
                let gap = flaskseal_core::Gap::at(
                    container.span,
                    format!("the user of `{}` is up to an image that is not built here", container.name),
                    "set `runAsNonRoot: true`",
                );
                out.gap(UNPRIVILEGED, gap);
            }
        }
    }
}

/// Neither the pod nor the container says that it is somebody else. FS721 speaks where one says that it is root.
fn may_be_root(container: &Container) -> bool {
    container.non_root.is_none() && container.user.is_none()
}

fn image_is_root(project: &Project<'_>, container: &Container) -> bool {
    let image = deployed::images(project).find(|image| Some(image.file) == container.dockerfile);
    image.is_some_and(|image| match (&image.user, &image.base) {
        (Some(user), _) => is_root(&user.value) == Some(true),
        (None, Some(base)) => {
            base.value.or_default().is_some_and(services::runs_as_root) && !image.drops_root
        }
        (None, None) => false,
    })
}

fn note(container: &Container, may_be_root: bool, out: &mut Assessment) {
    let drops_all = container.capabilities_dropped.iter().any(|said| said.value.eq_ignore_ascii_case("all"));
    let has_profile = container.confinement.iter().any(|said| said.value.starts_with("seccomp:"));
    let missing: Vec<&str> = [
        (!may_be_root, "`runAsNonRoot: true`"),
        (container.escalation.is_some(), "`allowPrivilegeEscalation: false`"),
        (drops_all, "`capabilities: {drop: [ALL]}`"),
        (has_profile, "a `seccompProfile`"),
        (container.read_only.as_ref().is_some_and(|said| said.value), "`readOnlyRootFilesystem: true`"),
        (container.has_memory_limit, "a limit of memory"),
    ]
    .into_iter()
    .filter(|(is_set, _)| !is_set)
    .map(|(_, what)| what)
    .collect();
    if missing.is_empty() {
        return;
    }
    let message =
        format!("`{}` has more power than it needs; missing: {}", container.name, missing.join(", "));
    out.fail(
        Finding::new(
            META.id,
            Severity::Low,
            META.confidence,
            evidence(container.span, "this container"),
            message,
        )
        .with_scope(deployed::scope(container))
        .with_fix(Fix::advice("meet the restricted profile of the Pod Security Standards")),
    );
}
