//! FS702: the firewall lets in what nobody spoke of.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Action, Firewall, FirewallKind, FirewallRule, Policy};

use super::FIREWALL;
use super::deployed::{self, evidence};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(702),
    name: "permissive-firewall-default",
    summary: "The default incoming policy is allow, or a rule or IPv6 leaves everything open.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[FIREWALL],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[276, 284],
    owasp: Some("A01"),
    asvs: &["V13.2.5"],
    fix: FixAvailability::Safe,
    page: include_str!("fs702_permissive_firewall_default.md"),
};

/// A rule for more ports than this denies nothing worth the name.
const MOST_PORTS: u32 = 60_000;

pub(crate) struct PermissiveFirewallDefault;

impl Rule for PermissiveFirewallDefault {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for firewall in deployed::firewalls(project) {
            if firewall.enabled.as_ref().is_none_or(|said| said.value) {
                policies(firewall, out);
                rules(firewall, out);
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        ipv6(host, out);
    }
}

/// What the files alone leave open: whether there is IPv6 to filter.
fn ipv6(host: &HostView<'_>, out: &mut Assessment) {
    if host.facts.has_global_ipv6 != Some(true) {
        return;
    }
    for off in deployed::firewalls(host.project).filter_map(|firewall| firewall.ipv6.as_ref()) {
        if !off.value {
            let message =
                "IPv6 is not filtered, and the host has an address that everybody reaches".to_owned();
            fail(out, off.span, META.severity, "not filtered", message, "set `IPV6=yes` in /etc/default/ufw");
        }
    }
}

fn fail(out: &mut Assessment, span: Span, severity: Severity, claim: &str, message: String, advice: &str) {
    out.fail(
        Finding::new(META.id, severity, META.confidence, evidence(span, claim), message)
            .with_fix(Fix::advice(advice)),
    );
}

fn policies(firewall: &Firewall, out: &mut Assessment) {
    let is_ufw =
        matches!(firewall.kind, FirewallKind::UfwCommands | FirewallKind::UfwFiles | FirewallKind::UfwStatus);
    let denies = firewall.rules.iter().any(|rule| rule.action == Action::Deny);
    let allows = firewall.incoming.as_ref().filter(|said| said.value == Policy::Allow);
    // A packet filter without any rule that denies is FS701's.
    if let Some(policy) = allows.filter(|_| is_ufw || denies) {
        let message = "incoming traffic that no rule speaks of is let in".to_owned();
        fail(out, policy.span, META.severity, "the default", message, "`ufw default deny incoming`");
    }
    if let Some(forward) = firewall.forward.as_ref().filter(|said| said.value == Policy::Allow && is_ufw) {
        let message = "traffic for other machines and containers is passed on unfiltered".to_owned();
        fail(
            out,
            forward.span,
            Severity::Low,
            "the default",
            message,
            "`ufw default deny routed`, and `ufw route allow` for what is needed",
        );
    }
    if let Some(ipv6) = firewall.ipv6.as_ref().filter(|said| !said.value) {
        let message = "IPv6 is not filtered: everything is open there if the host has an address".to_owned();
        fail(out, ipv6.span, Severity::Low, "not filtered", message, "set `IPV6=yes` in /etc/default/ufw");
    }
}

fn rules(firewall: &Firewall, out: &mut Assessment) {
    for rule in
        firewall.open().filter(|rule| rule.width() >= MOST_PORTS && rule.protocol.as_deref() != Some("udp"))
    {
        let message = "this rule opens every port, so that the default denies nothing".to_owned();
        fail(
            out,
            rule.span,
            META.severity,
            "all ports, for everybody",
            message,
            "allow only the ports that are needed",
        );
    }
    for (at, rule) in firewall.rules.iter().enumerate().filter(|(_, rule)| rule.action == Action::Deny) {
        let earlier = firewall.rules.iter().take(at);
        let covering =
            earlier.filter(|earlier| earlier.lets_strangers_in()).find(|earlier| covers(earlier, rule));
        if covering.is_some() {
            let message = "this rule comes too late: an earlier one lets the same traffic in".to_owned();
            fail(out, rule.span, Severity::Low, "never reached", message, "put it first: `ufw insert 1 ...`");
        }
    }
}

/// Whether everything that the later rule speaks of matches the earlier one.
fn covers(earlier: &FirewallRule, later: &FirewallRule) -> bool {
    let same_protocol = earlier.protocol.is_none() || earlier.protocol == later.protocol;
    let same_interface = earlier.interface.is_none() || earlier.interface == later.interface;
    let all_ports = earlier.ports.is_empty()
        || !later.ports.is_empty()
            && later
                .ports
                .iter()
                .all(|(first, last)| earlier.ports.iter().any(|(from, to)| from <= first && last <= to));
    same_protocol && same_interface && all_ports
}
