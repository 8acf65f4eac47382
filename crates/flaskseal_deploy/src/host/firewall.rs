//! What a firewall lets in, whichever program keeps it.

use flaskseal_core::{FileId, Span};

use super::Said;

/// What one source says about a firewall.
#[derive(Clone, Debug)]
pub struct Firewall {
    pub kind: FirewallKind,
    pub file: FileId,
    pub dev: bool,
    /// Switched on or off. None: nothing says so.
    pub enabled: Option<Said<bool>>,
    /// What happens to incoming traffic that no rule speaks of.
    pub incoming: Option<Said<Policy>>,
    /// The same for traffic that is passed on.
    pub forward: Option<Said<Policy>>,
    /// Whether IPv6 is filtered too.
    pub ipv6: Option<Said<bool>>,
    /// Of incoming traffic, in order: the first that matches decides.
    pub rules: Vec<FirewallRule>,
    /// Rules for the traffic to containers: `DOCKER-USER`, ufw-docker.
    pub guards_containers: bool,
}

impl Firewall {
    pub(crate) fn new(kind: FirewallKind, file: FileId, dev: bool) -> Self {
        Self {
            kind,
            file,
            dev,
            enabled: None,
            incoming: None,
            forward: None,
            ipv6: None,
            rules: Vec::new(),
            guards_containers: false,
        }
    }

    /// Whether the firewall says enough to be one: a switch, a policy or a rule.
    pub(crate) fn says_anything(&self) -> bool {
        self.enabled.is_some() || self.incoming.is_some() || !self.rules.is_empty()
    }

    /// Rules that let strangers in, as far as no rule before them refuses the same.
    pub fn open(&self) -> impl Iterator<Item = &FirewallRule> {
        self.rules.iter().enumerate().filter_map(|(at, rule)| {
            let is_refused = self.rules.iter().take(at).any(|earlier| earlier.refuses_all_of(rule));
            (rule.lets_strangers_in() && !is_refused).then_some(rule)
        })
    }

    /// Whether strangers reach a TCP port, as far as the rules and the policy tell.
    pub fn lets_in(&self, port: u16) -> Option<bool> {
        if self.enabled.as_ref().is_some_and(|enabled| !enabled.value) {
            return Some(true);
        }
        let decides = self.rules.iter().find(|rule| {
            rule.from.is_none()
                && rule.interface.is_none()
                && rule.protocol.as_deref() != Some("udp")
                && rule.covers(port)
        });
        if let Some(rule) = decides {
            return Some(matches!(rule.action, Action::Allow | Action::Limit));
        }
        match (&self.incoming, self.kind) {
            (Some(policy), _) => Some(policy.value == Policy::Allow),
            // UFW denies what it is not told about (ufw(8), "default").
            (None, FirewallKind::UfwCommands | FirewallKind::UfwFiles | FirewallKind::UfwStatus) => {
                Some(false)
            }
            (None, FirewallKind::SecurityGroup) => Some(false),
            (None, _) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirewallKind {
    /// `ufw allow 22` in a script.
    UfwCommands,
    /// `/etc/ufw/user.rules` and its neighbours.
    UfwFiles,
    /// What `ufw status verbose` prints.
    UfwStatus,
    /// `iptables` in a script.
    PacketCommands,
    /// What `iptables-save` prints.
    PacketDump,
    /// A ruleset of nftables.
    Nftables,
    /// Of a cloud.
    SecurityGroup,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    Allow,
    Deny,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Allow,
    /// Allowed, and only so many connections in a time.
    Limit,
    Deny,
}

/// Ports, first and last.
pub type PortRange = (u16, u16);

/// A rule for incoming traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirewallRule {
    pub action: Action,
    /// Empty: all ports.
    pub ports: Vec<PortRange>,
    /// `tcp`, `udp` or another. None: all.
    pub protocol: Option<String>,
    /// None: from anywhere.
    pub from: Option<String>,
    /// None: on every interface.
    pub interface: Option<String>,
    pub span: Span,
}

impl FirewallRule {
    pub fn covers(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// Whether anybody on the internet passes: from anywhere, by an interface that is not a private one.
    pub fn lets_strangers_in(&self) -> bool {
        let is_inside = |name: &String| {
            ["lo", "wg", "tun", "tap", "tailscale", "docker", "br-", "virbr", "lxd", "vmnet"]
                .iter()
                .any(|inside| name.starts_with(inside))
        };
        matches!(self.action, Action::Allow | Action::Limit)
            && self.from.is_none()
            && !self.interface.as_ref().is_some_and(is_inside)
    }

    /// Whether it turns away, whoever comes, everything that another rule speaks of.
    fn refuses_all_of(&self, other: &Self) -> bool {
        let is_inside = |(first, last): &PortRange| {
            self.ports.iter().any(|(from, to)| (from..=to).contains(&first) && last <= to)
        };
        self.action == Action::Deny
            && self.from.is_none()
            && self.interface.is_none()
            && (self.protocol.is_none() || self.protocol == other.protocol)
            && (self.ports.is_empty() || !other.ports.is_empty() && other.ports.iter().all(is_inside))
    }

    /// How many ports it names; all of them where it names none.
    pub fn width(&self) -> u32 {
        if self.ports.is_empty() {
            return 65_535;
        }
        self.ports.iter().map(|(first, last)| u32::from(*last) - u32::from(*first) + 1).sum()
    }
}

/// A port by number, range or the usual name of its service.
pub(crate) fn ports(text: &str) -> Option<Vec<PortRange>> {
    text.split(',')
        .map(|part| super::port::range(part).or_else(|| named(part).map(|port| (port, port))))
        .collect()
}

/// Every port that is in none of these ranges.
pub(crate) fn all_ports_but(mut excluded: Vec<PortRange>) -> Vec<PortRange> {
    excluded.sort_unstable();
    let mut found = Vec::new();
    let mut next: u32 = 1;
    for (first, last) in excluded {
        if u32::from(first) > next {
            found.push((next as u16, first - 1));
        }
        next = next.max(u32::from(last) + 1);
    }
    if let Ok(first) = u16::try_from(next) {
        found.push((first, u16::MAX));
    }
    found
}

/// Names of `/etc/services` that people write in rules.
fn named(name: &str) -> Option<u16> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ftp" => 21,
        "ssh" => 22,
        "telnet" => 23,
        "smtp" => 25,
        "domain" | "dns" => 53,
        "http" | "www" => 80,
        "pop3" => 110,
        "imap2" | "imap" => 143,
        "snmp" => 161,
        "ldap" => 389,
        "https" => 443,
        "smtps" | "submissions" => 465,
        "submission" => 587,
        "ldaps" => 636,
        "imaps" => 993,
        "pop3s" => 995,
        "ms-sql-s" => 1433,
        "mysql" => 3306,
        "postgresql" => 5432,
        "amqp" => 5672,
        "redis" => 6379,
        "http-alt" => 8080,
        "mongodb" => 27017,
        _ => return None,
    })
}
