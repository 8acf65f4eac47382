//! FS705: SSH accepts connections from any address.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Action, FirewallKind};

use super::INTENDED_PORTS;
use super::deployed::{self, evidence};
use super::fs703_unexpected_open_port::is_ssh;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(705),
    name: "world-open-ssh",
    summary: "SSH accepts connections from any address, as often as they like.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[INTENDED_PORTS],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[284],
    owasp: Some("A01"),
    asvs: &[],
    fix: FixAvailability::Safe,
    page: include_str!("fs705_world_open_ssh.md"),
};

pub(crate) struct WorldOpenSsh;

impl Rule for WorldOpenSsh {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for firewall in deployed::firewalls(project) {
            let is_ssh = |port: &(u16, u16)| (port.0..=port.1).take(16).any(|port| is_ssh(project, port));
            let open = firewall.open().find(|rule| {
                rule.action == Action::Allow
                    && rule.protocol.as_deref() != Some("udp")
                    && rule.ports.iter().any(&is_ssh)
            });
            let Some(rule) = open else { continue };
            // A rule that limits, written before or after, is what UFW keeps for the port.
            if firewall
                .rules
                .iter()
                .any(|other| other.action == Action::Limit && other.ports.iter().any(&is_ssh))
            {
                continue;
            }
            let mut fix = Fix::advice("limit it, `ufw limit 22/tcp`, or name the addresses that need it");
            if firewall.kind == FirewallKind::UfwCommands {
                let text = project.tree.file(rule.span.file).slice(rule.span.range);
                if let Some(at) = text.find("allow") {
                    let start = rule.span.range.start + at as u32;
                    fix.applicability = Applicability::Safe;
                    fix.edits = vec![Edit {
                        span: Span::new(rule.span.file, start, start + "allow".len() as u32),
                        replacement: "limit".to_owned(),
                    }];
                }
            }
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    evidence(rule.span, "from anywhere"),
                    "SSH is open to everybody, without a limit of attempts",
                )
                .with_fix(fix),
            );
        }
    }
}
