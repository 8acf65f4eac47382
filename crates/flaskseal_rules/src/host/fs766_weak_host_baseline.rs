//! FS766: the SSH server lets in whom it should not.

use flaskseal_core::{
    Assessment, Confidence, Date, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::Said;
use flaskseal_project::{Role, role_of};

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use super::fs703_unexpected_open_port::is_ssh;
use super::listening::seen;
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(766),
    name: "weak-host-baseline",
    summary: "Basic settings of the server's SSH access are weak.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[16, 287],
    owasp: Some("A05"),
    asvs: &["V13.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs766_weak_host_baseline.md"),
};

pub(crate) struct WeakHostBaseline;

impl Rule for WeakHostBaseline {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let is_open = deployed::firewalls(project)
            .flat_map(|firewall| firewall.open().collect::<Vec<_>>())
            .any(|rule| {
                rule.ports
                    .iter()
                    .any(|(first, last)| (*first..=*last).take(16).any(|port| is_ssh(project, port)))
            });
        let mut told: Vec<(&str, &str)> = Vec::new();
        for said in effective(project) {
            let (name, value) = (said.value.0.as_str(), said.value.1.to_ascii_lowercase());
            let server = server(project, said);
            // The first of a name counts.
            if told.contains(&(server, name)) {
                continue;
            }
            told.push((server, name));
            let path = &project.tree.file(said.span.file).path;
            if role_of(path) != Role::Source || flaskseal_project::deploy::is_dev(path) {
                continue;
            }
            let (severity, message) = match (name, value.as_str()) {
                ("permitemptypasswords", "yes") => (Severity::High, "accounts without a password may log in"),
                ("permitrootlogin", "yes") => (Severity::Medium, "root may log in with a password"),
                ("passwordauthentication", "yes") if is_open => {
                    (Severity::Medium, "passwords are enough to log in, from everywhere")
                }
                ("passwordauthentication", "yes") => (Severity::Low, "passwords are enough to log in"),
                _ => continue,
            };
            out.fail(
                Finding::new(META.id, severity, META.confidence, evidence(said.span, "set here"), message)
                    .with_fix(Fix::advice(
                        "`PasswordAuthentication no`, `PermitRootLogin no`, keys for everybody who logs in",
                    )),
            );
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        if host.facts.is_container {
            return;
        }
        let maintenance = &host.facts.maintenance;
        let mut note = |claim: &str, message: String, advice: &str| {
            let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, seen(claim), message);
            out.fail(finding.with_fix(Fix::advice(advice)));
        };
        if let Some((false, path)) = &maintenance.installs_updates {
            let message = "nothing installs the security updates of the distribution".to_owned();
            let advice = "`apt install unattended-upgrades`, or dnf-automatic";
            note(&format!("{path} switches nothing on"), message, advice);
        }
        if maintenance.keeps_time == Some(false) {
            let message = "nothing keeps the clock right, which certificates and tokens rest on".to_owned();
            let advice = "`systemctl enable --now systemd-timesyncd`";
            note("no service for the time is switched on", message, advice);
        }
        let waits = maintenance.restart_waits_since.and_then(Date::from_seconds).zip(host.project.today);
        if let Some((since, today)) = waits.filter(|(since, today)| today.days_since(*since) > MOST_DAYS) {
            let message =
                format!("a restart for updates waits since {since}, {} days", today.days_since(since));
            note("/run/reboot-required is there", message, "restart the host");
        }
    }
}

/// How long a restart for updates may wait, in days.
const MOST_DAYS: i64 = 14;

/// The folder of the server that a setting is for.
fn server<'p>(project: &'p Project<'_>, said: &Said<(String, String)>) -> &'p str {
    let folder = project.tree.file(said.span.file).folder();
    folder.strip_suffix("sshd_config.d").map_or(folder, |rest| rest.trim_end_matches('/'))
}

/// The settings in the order in which the server reads them: included files stand where they are included.
fn effective<'p>(project: &'p Project<'_>) -> Vec<&'p Said<(String, String)>> {
    let all = &project.deployment.host.sshd;
    let (parts, mains): (Vec<_>, Vec<_>) =
        all.iter().partition(|said| project.tree.file(said.span.file).folder().ends_with("sshd_config.d"));
    let mut ordered = Vec::new();
    let mut included: Vec<&str> = Vec::new();
    for said in mains {
        if said.value.0 == "include" {
            let server = server(project, said);
            included.push(server);
            ordered.extend(parts.iter().copied().filter(|part| self::server(project, part) == server));
        } else {
            ordered.push(said);
        }
    }
    // Parts whose main file is not here, or does not say where they stand.
    ordered.extend(parts.into_iter().filter(|part| !included.contains(&server(project, part))));
    ordered
}
