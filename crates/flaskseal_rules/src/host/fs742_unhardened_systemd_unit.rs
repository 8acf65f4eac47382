//! FS742: the unit of the application has no sandbox.

use std::fmt::Write as _;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Manager, Service};

use super::PROXY_HYGIENE;
use super::deployed::evidence;
use super::fs741_root_service::service_of;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(742),
    name: "unhardened-systemd-unit",
    summary: "The unit of the application lacks sandboxing.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[250],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::Safe,
    page: include_str!("fs742_unhardened_systemd_unit.md"),
};

pub(crate) struct UnhardenedSystemdUnit;

/// Settings that are asked for where the three that matter most are missing (systemd.exec(5)).
const OTHERS: &[&str] = &[
    "ProtectHome",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectControlGroups",
    "RestrictAddressFamilies",
    "RestrictSUIDSGID",
    "CapabilityBoundingSet",
    "SystemCallFilter",
    "UMask",
];

impl Rule for UnhardenedSystemdUnit {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: Vec<flaskseal_core::Span> = Vec::new();
        for process in project.deployment.production() {
            let Some(service) = service_of(project, process) else { continue };
            if service.manager != Manager::Systemd || seen.contains(&service.span) {
                continue;
            }
            seen.push(service.span);
            judge(service, out);
        }
    }
}

fn judge(service: &Service, out: &mut Assessment) {
    let dynamic = service.is_on("DynamicUser");
    // `DynamicUser=` brings these three along.
    let no_new = dynamic || service.is_on("NoNewPrivileges");
    let private_tmp = dynamic
        || service.is_on("PrivateTmp")
        || service.setting("PrivateTmp").is_some_and(|said| said.value == "disconnected");
    let protects = dynamic
        || service.setting("ProtectSystem").is_some_and(|said| {
            matches!(said.value.to_ascii_lowercase().as_str(), "strict" | "full" | "yes" | "true" | "1")
        });
    let core: Vec<&str> =
        [(no_new, "NoNewPrivileges"), (private_tmp, "PrivateTmp"), (protects, "ProtectSystem")]
            .into_iter()
            .filter(|(is_set, _)| !is_set)
            .map(|(_, name)| name)
            .collect();
    if core.is_empty() {
        return;
    }
    let others: Vec<&str> = OTHERS.iter().copied().filter(|name| service.setting(name).is_none()).collect();
    let mut message =
        format!("the unit `{}` has no sandbox: `{}` is missing", service.name, core.join("=`, `"));
    if !others.is_empty() {
        let _ = write!(message, ", and {} more settings that limit what it can do", others.len());
    }
    let advice = "add `NoNewPrivileges=yes`, `PrivateTmp=yes`, `ProtectSystem=strict` with `ReadWritePaths=`, and look at `systemd-analyze security`";
    out.fail(
        Finding::new(
            META.id,
            META.severity,
            META.confidence,
            evidence(service.span, "this section"),
            message,
        )
        .with_scope(service.name.clone())
        .with_fix(Fix::advice(advice)),
    );
}
