//! UFW: its commands (ufw(8)), the files that it keeps, and what `ufw status` prints.

use flaskseal_core::{FileId, Span, TextRange};

use super::firewall::{Action, Firewall, FirewallKind, FirewallRule, Policy, PortRange, ports};
use super::{Said, StepCommand};
use crate::shell::Argument;
use crate::syntax::lines;

/// Rules of one firewall.
const MAX_RULES: usize = 1_000;

/// Applies one `ufw ...` command.
pub(crate) fn command(firewall: &mut Firewall, command: &StepCommand) {
    let (program, words) = command.program();
    if program != "ufw" {
        return;
    }
    let words: Vec<&str> = words.iter().map(Argument::text).filter(|word| !word.starts_with("--")).collect();
    let said = |value: bool| Some(Said::new(value, command.span));
    match words.as_slice() {
        ["enable", ..] => firewall.enabled = said(true),
        ["disable", ..] => firewall.enabled = said(false),
        ["reset", ..] => {
            firewall.rules.clear();
            firewall.incoming = None;
            firewall.enabled = None;
        }
        ["default", action, rest @ ..] => {
            let Some(policy) = policy(action) else { return };
            match rest.first().copied().unwrap_or("incoming") {
                "incoming" | "input" => firewall.incoming = Some(Said::new(policy, command.span)),
                "routed" | "forward" => firewall.forward = Some(Said::new(policy, command.span)),
                _ => {}
            }
        }
        ["delete", number] if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            if let Some(at) = at.filter(|at| *at < firewall.rules.len()) {
                firewall.rules.remove(at);
            }
        }
        ["delete", rest @ ..] => {
            if let Some(rule) = rule(rest, command.span) {
                firewall.rules.retain(|known| FirewallRule { span: rule.span, ..known.clone() } != rule);
            }
        }
        ["insert", number, rest @ ..] => {
            let at = number.parse::<usize>().unwrap_or(1).saturating_sub(1).min(firewall.rules.len());
            add(firewall, at, rule(rest, command.span));
        }
        ["prepend", rest @ ..] => add(firewall, 0, rule(rest, command.span)),
        // What is passed on to containers and other machines.
        ["route", ..] => {}
        words => {
            let end = firewall.rules.len();
            add(firewall, end, rule(words, command.span));
        }
    }
}

/// Puts a rule where it was asked for. One that differs in its action alone takes the place of the rule that is there
/// ("Rule updated").
fn add(firewall: &mut Firewall, at: usize, rule: Option<FirewallRule>) {
    let Some(rule) = rule else { return };
    let same =
        |known: &FirewallRule| FirewallRule { action: rule.action, span: rule.span, ..known.clone() } == rule;
    match firewall.rules.iter().position(same) {
        Some(known) => firewall.rules[known] = rule,
        None if firewall.rules.len() < MAX_RULES => firewall.rules.insert(at, rule),
        None => {}
    }
}

fn policy(word: &str) -> Option<Policy> {
    match word.to_ascii_lowercase().as_str() {
        "allow" | "accept" => Some(Policy::Allow),
        "deny" | "reject" | "drop" | "disabled" => Some(Policy::Deny),
        _ => None,
    }
}

fn action(word: &str) -> Option<Action> {
    match word.to_ascii_lowercase().as_str() {
        "allow" => Some(Action::Allow),
        "limit" => Some(Action::Limit),
        "deny" | "reject" => Some(Action::Deny),
        _ => None,
    }
}

/// `allow 22/tcp`, `allow in on eth0 proto tcp from 10.0.0.0/8 to any port 5432`. None: no rule for incoming traffic.
fn rule(words: &[&str], span: Span) -> Option<FirewallRule> {
    let (first, mut words) = words.split_first()?;
    let mut rule = FirewallRule {
        action: action(first)?,
        ports: Vec::new(),
        protocol: None,
        from: None,
        interface: None,
        span,
    };
    let mut at_source = false;
    let mut says_anything = false;
    while let Some((word, rest)) = words.split_first() {
        words = rest;
        match *word {
            "in" => {}
            "out" => return None,
            "log" | "log-all" => {}
            "comment" => break,
            "on" => {
                rule.interface = words.first().map(|name| (*name).to_owned());
                words = words.get(1..).unwrap_or_default();
                says_anything = true;
            }
            "proto" => {
                rule.protocol = words.first().map(|name| (*name).to_owned());
                words = words.get(1..).unwrap_or_default();
            }
            "from" => {
                at_source = true;
                says_anything = true;
                let address = words.first().copied().unwrap_or("any");
                rule.from = (!is_anywhere(address)).then(|| address.to_owned());
                words = words.get(1..).unwrap_or_default();
            }
            "to" => {
                at_source = false;
                says_anything = true;
                words = words.get(1..).unwrap_or_default();
            }
            "port" | "app" => {
                let name = words.first().copied().unwrap_or("");
                if !at_source {
                    (rule.ports, _) = named(name)?;
                }
                words = words.get(1..).unwrap_or_default();
            }
            name => {
                let (ports, protocol) = named(name)?;
                rule.ports = ports;
                rule.protocol = protocol;
                says_anything = true;
            }
        }
    }
    says_anything.then_some(rule)
}

fn is_anywhere(address: &str) -> bool {
    matches!(address, "any" | "0.0.0.0/0" | "::/0" | "Anywhere")
}

/// A port with an optional protocol, or the name of an application profile.
fn named(name: &str) -> Option<(Vec<PortRange>, Option<String>)> {
    let profile: &[u16] = match name.to_ascii_lowercase().as_str() {
        "openssh" => &[22],
        "nginx full" | "apache full" | "www full" | "nginx https only" => &[80, 443],
        "nginx http" | "apache" | "www" => &[80],
        "nginx https" | "apache secure" | "www secure" => &[443],
        "postfix" => &[25],
        "cups" => &[631],
        _ => &[],
    };
    if !profile.is_empty() {
        return Some((profile.iter().map(|port| (*port, *port)).collect(), Some("tcp".to_owned())));
    }
    match name.split_once('/') {
        Some((text, protocol)) => Some((ports(text)?, Some(protocol.to_owned()))),
        None => Some((ports(name)?, None)),
    }
}

/// Reads one of the files that UFW keeps: `user.rules`, `user6.rules`, `ufw.conf`, `/etc/default/ufw`.
pub(crate) fn file(firewall: &mut Firewall, file: FileId, text: &str) {
    for (start, line) in lines(text) {
        let span = Span::new(file, start as u32, (start + line.len()) as u32);
        if let Some(tuple) = line.trim().strip_prefix("### tuple ###") {
            if let Some(rule) = tuple_rule(tuple, span).filter(|_| firewall.rules.len() < MAX_RULES) {
                firewall.rules.push(rule);
            }
            continue;
        }
        if line.contains("DOCKER-USER") {
            firewall.guards_containers = true;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        // The shell reads these files, and knows comments at the end of a line.
        let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']);
        match key.trim() {
            "ENABLED" => firewall.enabled = Some(Said::new(value.eq_ignore_ascii_case("yes"), span)),
            "IPV6" => firewall.ipv6 = Some(Said::new(value.eq_ignore_ascii_case("yes"), span)),
            "DEFAULT_INPUT_POLICY" => firewall.incoming = policy(value).map(|policy| Said::new(policy, span)),
            "DEFAULT_FORWARD_POLICY" => {
                firewall.forward = policy(value).map(|policy| Said::new(policy, span));
            }
            _ => {}
        }
    }
}

/// `allow tcp 22 0.0.0.0/0 any 10.0.0.0/8 in_eth0`, with the names of profiles before the direction.
fn tuple_rule(tuple: &str, span: Span) -> Option<FirewallRule> {
    let words: Vec<&str> =
        tuple.split_ascii_whitespace().filter(|word| !word.starts_with("comment=")).collect();
    let [first, protocol, port, _, _, from, .., direction] = words.as_slice() else { return None };
    let first = first.split('_').next().unwrap_or(first);
    let interface = match direction.split_once('_') {
        Some(("in", interface)) => Some(interface.to_owned()),
        None if *direction == "in" => None,
        _ => return None,
    };
    Some(FirewallRule {
        action: action(first)?,
        ports: if *port == "any" { Vec::new() } else { ports(port)? },
        protocol: (*protocol != "any").then(|| (*protocol).to_owned()),
        from: (!is_anywhere(from)).then(|| (*from).to_owned()),
        interface,
        span,
    })
}

/// Whether a text is what `ufw status` prints.
pub(crate) fn looks_like_status(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("");
    matches!(first, "Status: active" | "Status: inactive")
}

/// Reads what `ufw status`, with or without `verbose`, prints.
pub(crate) fn status(file: FileId, text: &str, dev: bool) -> Firewall {
    let mut firewall = Firewall::new(FirewallKind::UfwStatus, file, dev);
    let mut in_table = false;
    for (start, line) in lines(text) {
        let span = Span { file, range: TextRange::new(start as u32, (start + line.trim_end().len()) as u32) };
        if let Some(state) = line.strip_prefix("Status:") {
            firewall.enabled = Some(Said::new(state.trim() == "active", span));
        } else if let Some(defaults) = line.strip_prefix("Default:") {
            for part in defaults.split(',') {
                let Some((word, what)) = part.trim().split_once(' ') else { continue };
                match what.trim_matches(['(', ')']) {
                    "incoming" => firewall.incoming = policy(word).map(|policy| Said::new(policy, span)),
                    "routed" => firewall.forward = policy(word).map(|policy| Said::new(policy, span)),
                    _ => {}
                }
            }
        } else if line.starts_with("--") {
            in_table = true;
        } else if in_table && firewall.rules.len() < MAX_RULES {
            firewall.rules.extend(status_rule(line, span));
        }
    }
    firewall
}

/// A row of the table: columns stand at least two blanks apart.
fn status_rule(line: &str, span: Span) -> Option<FirewallRule> {
    let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    let [to, verb, from, ..] = columns.as_slice() else { return None };
    // `[ 1] 22/tcp` of `status numbered`.
    let to = if to.starts_with('[') { to.split_once(']')?.1.trim() } else { to };
    let (first, direction) = verb.split_once(' ').unwrap_or((verb, "IN"));
    if direction != "IN" {
        return None;
    }
    let from = from.split('#').next().unwrap_or(from).trim();
    let from = from.strip_suffix("(v6)").unwrap_or(from).trim();
    let to = to.strip_suffix("(v6)").unwrap_or(to).trim();
    let (to, interface) = match to.split_once(" on ") {
        Some((to, interface)) => (to, Some(interface.to_owned())),
        None => (to, None),
    };
    // `80,443/tcp (Nginx Full)`
    let to = to.split_once(" (").map_or(to, |(ports, _)| ports);
    let (ports, protocol) = if to == "Anywhere" { (Vec::new(), None) } else { named(to)? };
    Some(FirewallRule {
        action: action(first)?,
        ports,
        protocol,
        from: (!is_anywhere(from)).then(|| from.to_owned()),
        interface,
        span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Span = Span { file: FileId(0), range: TextRange::new(0, 0) };

    fn read(text: &str) -> Option<FirewallRule> {
        rule(&text.split(' ').collect::<Vec<_>>(), AT)
    }

    #[test]
    fn rules_of_the_manual_and_near_misses() {
        let open = |text: &str, port: u16| {
            let rule = read(text).unwrap();
            rule.covers(port) && rule.lets_strangers_in()
        };
        assert!(open("allow 22", 22) && open("limit ssh/tcp", 22) && open("allow 6000:6007/tcp", 6001));
        assert!(open("allow from any to any port 5432 proto tcp", 5432));
        assert!(open("allow proto tcp from any to any port 80,443", 443));
        assert!(open("allow in on eth0", 8080));
        assert!(!open("allow in on wg0 to any port 22", 22));
        assert!(!open("allow from 10.0.0.0/8 to any port 5432", 5432));
        assert!(!open("deny 23", 23) && !open("allow 80", 8080));
        assert!(open("allow from any", 1));
        assert_eq!(
            (read("allow out 53"), read("allow"), read("status"), read("allow $PORT")),
            (None, None, None, None)
        );
        // The port of the sender does not limit where the packet goes.
        assert!(read("allow from any port 53").unwrap().ports.is_empty());
    }

    #[test]
    fn later_commands_replace_and_come_first() {
        let rules = |commands: &[&str]| {
            let mut firewall = Firewall::new(FirewallKind::UfwCommands, FileId(0), false);
            for text in commands {
                let words: Vec<&str> = text.split(' ').collect();
                match words.as_slice() {
                    ["prepend", rest @ ..] => add(&mut firewall, 0, rule(rest, AT)),
                    words => {
                        let end = firewall.rules.len();
                        add(&mut firewall, end, rule(words, AT));
                    }
                }
            }
            (firewall.open().count(), firewall.lets_in(6379))
        };
        assert_eq!(rules(&["allow 6379", "deny 6379"]), (0, Some(false)));
        assert_eq!(rules(&["deny 6379/tcp", "allow 6379/tcp"]), (1, Some(true)));
        assert_eq!(rules(&["allow 6379", "deny 6379/tcp"]), (1, Some(true)));
        assert_eq!(rules(&["allow 6379/tcp", "prepend deny 6379"]), (0, Some(false)));
        assert_eq!(rules(&["allow 6379/tcp", "prepend deny 80"]), (1, Some(true)));
    }

    #[test]
    fn tuples_and_status() {
        let rule = tuple_rule(" allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in", AT).unwrap();
        assert!(rule.covers(443) && rule.lets_strangers_in());
        let rule = tuple_rule(" allow any 5432 0.0.0.0/0 any 10.1.0.0/16 in_eth1 comment=6462", AT).unwrap();
        assert_eq!((rule.from.as_deref(), rule.interface.as_deref()), (Some("10.1.0.0/16"), Some("eth1")));
        assert!(tuple_rule(" allow udp 53 0.0.0.0/0 any 0.0.0.0/0 out", AT).is_none());
        let text = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\nNew profiles: skip\n\nTo                         Action      From\n--                         ------      ----\n22/tcp                     LIMIT IN    Anywhere\n80,443/tcp (Nginx Full)    ALLOW IN    Anywhere\n5432                       ALLOW IN    10.0.0.0/8                 # db\n22/tcp (v6)                LIMIT IN    Anywhere (v6)\nAnywhere on wg0            ALLOW IN    Anywhere\n53                         ALLOW OUT   Anywhere\n";
        let firewall = status(FileId(0), text, false);
        assert!(looks_like_status(text));
        assert_eq!(firewall.incoming.as_ref().map(|said| said.value), Some(Policy::Deny));
        assert_eq!(firewall.rules.len(), 5);
        assert_eq!(
            [22, 443, 5432, 8000].map(|port| firewall.lets_in(port)),
            [Some(true), Some(true), Some(false), Some(false)]
        );
    }
}
