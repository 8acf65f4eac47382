//! FS701: no active firewall filters incoming traffic.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Action, Firewall, FirewallKind, Policy};

use super::FIREWALL;
use super::deployed::{self, declared, evidence};
use super::platform::{Place, place};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(701),
    name: "inactive-firewall",
    summary: "No active host firewall filters incoming traffic.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[FIREWALL],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[284, 1188],
    owasp: Some("A01"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs701_inactive_firewall.md"),
};

pub(crate) struct InactiveFirewall;

impl Rule for InactiveFirewall {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        match place(project) {
            Place::Platform(name, _) => {
                out.not_applicable(FIREWALL, format!("{name} keeps the firewall of its hosts"));
            }
            Place::Cluster(_) => {
                out.not_applicable(FIREWALL, "only manifests of a cluster are here, none of its hosts");
            }
            Place::Host | Place::Unknown => {}
        }
        let all: Vec<&Firewall> = deployed::firewalls(project).collect();
        let is_enabled = all.iter().any(|firewall| is_active(firewall).is_some());
        for firewall in &all {
            judge(project, firewall, is_enabled, out);
        }
        switched_off(project, &all, out);
        if all.is_empty() && place(project) == Place::Host && !project.is_observed {
            let gap = Gap::new(
                "nothing in the tree says which firewall the host has",
                "add the script that sets it up, or look at the server itself with `--host`",
            );
            out.gap(FIREWALL, gap);
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        if host.facts.is_container {
            out.not_applicable(FIREWALL, "this is a container: its firewall is that of its host");
        } else if deployed::firewalls(host.project).next().is_none() {
            let gap = Gap::new(
                "no firewall that the host switches on was found in its files, and rules that only the kernel has cannot be read",
                "keep them in a file that is loaded at the start: UFW, or /etc/nftables.conf",
            );
            out.gap(FIREWALL, gap);
        }
    }
}

/// Where something shows that the firewall filters, and what it is.
fn is_active(firewall: &Firewall) -> Option<(Span, String)> {
    if firewall.enabled.as_ref().is_some_and(|said| !said.value) {
        return None;
    }
    let policy = firewall.incoming.as_ref();
    if policy.is_some_and(|said| said.value == Policy::Allow) {
        return None;
    }
    match firewall.kind {
        FirewallKind::UfwCommands | FirewallKind::UfwFiles | FirewallKind::UfwStatus => {
            let enabled = firewall.enabled.as_ref()?;
            Some(match policy {
                Some(policy) => (policy.span, "UFW is on and denies what nobody allows".to_owned()),
                None => (
                    enabled.span,
                    "UFW is on; without a word about it, it denies incoming traffic".to_owned(),
                ),
            })
        }
        FirewallKind::PacketCommands | FirewallKind::PacketDump | FirewallKind::Nftables => {
            policy.map(|policy| (policy.span, "incoming traffic that no rule allows is dropped".to_owned()))
        }
        FirewallKind::SecurityGroup => {
            let rule = firewall.rules.first()?;
            Some((rule.span, "a security group limits what comes in".to_owned()))
        }
    }
}

fn judge(project: &Project<'_>, firewall: &Firewall, is_enabled: bool, out: &mut Assessment) {
    if let Some((span, claim)) = is_active(firewall) {
        out.support(FIREWALL, evidence(span, declared(project, claim)));
        return;
    }
    let fail = |out: &mut Assessment, span, severity, claim: &str, message: &str| {
        let advice = "allow SSH first, then switch it on: `ufw allow OpenSSH`, `ufw default deny incoming`, `ufw enable`";
        out.fail(
            Finding::new(META.id, severity, META.confidence, evidence(span, claim), message)
                .with_fix(Fix::advice(advice)),
        );
    };
    if let Some(off) = firewall.enabled.as_ref().filter(|said| !said.value) {
        fail(
            out,
            off.span,
            META.severity,
            "switches it off",
            "the firewall is off: every port of the host is open",
        );
        return;
    }
    match firewall.kind {
        FirewallKind::UfwCommands if firewall.enabled.is_none() && !is_enabled => {
            let said = firewall.rules.first().map(|rule| rule.span);
            if let Some(span) = said.or_else(|| firewall.incoming.as_ref().map(|said| said.span)) {
                fail(
                    out,
                    span,
                    Severity::Medium,
                    "rules are added here",
                    "UFW gets rules, and nothing runs `ufw enable`: it is shipped switched off",
                );
            }
        }
        FirewallKind::PacketCommands | FirewallKind::PacketDump | FirewallKind::Nftables => {
            let denies = firewall.rules.iter().any(|rule| rule.action == Action::Deny);
            if let Some(policy) = firewall.incoming.as_ref().filter(|said| said.value == Policy::Allow)
                && !denies
            {
                fail(
                    out,
                    policy.span,
                    META.severity,
                    "lets everything in",
                    "the packet filter lets all incoming traffic in",
                );
            }
        }
        _ => {}
    }
}

/// `systemctl disable ufw`, where nothing else takes its place.
fn switched_off(project: &Project<'_>, all: &[&Firewall], out: &mut Assessment) {
    let replaced = all.iter().any(|firewall| is_active(firewall).is_some());
    for command in deployed::steps(project).filter(|step| !step.in_image).flat_map(|step| &step.commands) {
        let (program, words) = command.program();
        let has = |wanted: &[&str]| {
            words.iter().any(|word| wanted.contains(&word.text().trim_end_matches(".service")))
        };
        if program == "systemctl"
            && has(&["disable", "stop", "mask"])
            && has(&["ufw", "firewalld", "nftables"])
            && !replaced
        {
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    evidence(command.span, "switches it off"),
                    "the firewall is switched off",
                )
                .with_fix(Fix::advice("leave it on, and allow the ports that are needed")),
            );
        }
    }
}
