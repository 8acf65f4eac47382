//! The kernel's packet filter as iptables sees it: its commands, and what `iptables-save` prints.

use flaskseal_core::{FileId, Span};

use super::firewall::{Action, Firewall, FirewallKind, FirewallRule, Policy, all_ports_but, ports};
use super::{Said, StepCommand};
use crate::shell::Argument;
use crate::syntax::lines;

/// Rules of one file, and chains that lead to each other: each level is one of the stack.
const MAX_RULES: usize = 2_000;
const MAX_CHAINS: usize = 100;
/// Ports that one rule names.
const MAX_PORTS: usize = 200;

/// Applies one `iptables ...` command of a script.
pub(crate) fn command(firewall: &mut Firewall, command: &StepCommand) {
    let (program, words) = command.program();
    if !matches!(program, "iptables" | "ip6tables" | "iptables-legacy" | "iptables-nft") {
        return;
    }
    let words: Vec<&str> = words.iter().map(Argument::text).collect();
    if words.windows(2).any(|pair| matches!(pair, ["-t" | "--table", table] if *table != "filter")) {
        return;
    }
    let Some(at) = words.iter().position(|word| {
        matches!(*word, "-P" | "--policy" | "-A" | "--append" | "-I" | "--insert" | "-F" | "--flush")
    }) else {
        return;
    };
    let chain = words.get(at + 1).copied();
    let rest = words.get(at + 2..).unwrap_or_default();
    if chain == Some("DOCKER-USER") {
        firewall.guards_containers = true;
    }
    match (words.get(at).copied().unwrap_or(""), chain) {
        ("-F" | "--flush", None | Some("INPUT")) => {
            firewall.rules.clear();
            if firewall.incoming.as_ref().is_some_and(|said| said.value == Policy::Deny) {
                return;
            }
            firewall.enabled = None;
        }
        ("-P" | "--policy", Some("INPUT")) => {
            firewall.incoming =
                rest.first().and_then(|word| policy(word)).map(|policy| Said::new(policy, command.span));
        }
        ("-P" | "--policy", Some("FORWARD")) => {
            firewall.forward =
                rest.first().and_then(|word| policy(word)).map(|policy| Said::new(policy, command.span));
        }
        ("-A" | "--append", Some("INPUT")) => {
            let parsed = rule(rest, command.span);
            push(firewall, parsed, false);
        }
        ("-I" | "--insert", Some("INPUT")) => {
            let rest = match rest.first() {
                Some(number) if number.parse::<u16>().is_ok() => rest.get(1..).unwrap_or_default(),
                _ => rest,
            };
            let parsed = rule(rest, command.span);
            push(firewall, parsed, true);
        }
        _ => {}
    }
}

enum Parsed {
    Rule(FirewallRule),
    /// A rule without a condition: what stands behind it is never asked.
    Rest(Policy, Span),
    /// To a chain, for a protocol or for all.
    Jump(String, Option<String>),
    /// To a chain, under a condition that is not carried on.
    Condition(String),
    /// Answers of connections from here, the loopback interface, ICMP.
    Nothing,
}

fn push(firewall: &mut Firewall, parsed: Parsed, first: bool) {
    if firewall.rules.len() >= MAX_RULES {
        return;
    }
    match parsed {
        Parsed::Rule(rule) if first => firewall.rules.insert(0, rule),
        Parsed::Rule(rule) => firewall.rules.push(rule),
        Parsed::Rest(policy, span) => firewall.incoming = Some(Said::new(policy, span)),
        Parsed::Jump(..) | Parsed::Condition(_) | Parsed::Nothing => {}
    }
}

fn policy(word: &str) -> Option<Policy> {
    match word.to_ascii_uppercase().as_str() {
        "ACCEPT" => Some(Policy::Allow),
        "DROP" | "REJECT" => Some(Policy::Deny),
        _ => None,
    }
}

/// Matches and a target (iptables(8), iptables-extensions(8)).
fn rule(words: &[&str], span: Span) -> Parsed {
    let mut rule = FirewallRule {
        action: Action::Deny,
        ports: Vec::new(),
        protocol: None,
        from: None,
        interface: None,
        span,
    };
    let mut target = "";
    let (mut is_answer, mut is_limited, mut is_other, mut is_unread) = (false, false, false, false);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let value = words.get(at + 1).copied().unwrap_or("");
        at += 2;
        match *word {
            "-p" | "--protocol" | "--proto" => rule.protocol = (value != "all").then(|| value.to_owned()),
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => match ports(value) {
                Some(found) => {
                    let is_negated = at >= 3 && words.get(at - 3) == Some(&"!");
                    let found = if is_negated { all_ports_but(found) } else { found };
                    rule.ports = found.into_iter().take(MAX_PORTS).collect();
                }
                None => is_other = true,
            },
            // Strangers are everybody but those.
            "-s" | "--source" | "--src" if at >= 3 && words.get(at - 3) == Some(&"!") => {}
            "-s" | "--source" | "--src" => {
                rule.from = (!matches!(value, "0.0.0.0/0" | "::/0" | "anywhere")).then(|| value.to_owned());
            }
            "-i" | "--in-interface" => rule.interface = Some(value.to_owned()),
            "--state" | "--ctstate" => is_answer = !value.split(',').any(|state| state == "NEW"),
            "-j" | "--jump" | "-g" | "--goto" => target = value,
            "--match-set" | "--mac-source" | "--src-range" | "-d" | "--destination" | "--dst" | "--sport"
            | "--icmp-type" | "--uid-owner" => is_other = true,
            // `FIN,SYN,RST,ACK SYN`: the first packet of any connection.
            "--tcp-flags" => {
                is_other |= words.get(at) != Some(&"SYN");
                at += 1;
            }
            "-m" | "--match" => is_limited |= matches!(value, "limit" | "recent" | "hashlimit" | "connlimit"),
            "!" => {
                is_other |= !matches!(
                    value,
                    "-s" | "--source"
                        | "--src"
                        | "--dport"
                        | "--destination-port"
                        | "--dports"
                        | "--destination-ports"
                );
                at -= 1;
            }
            "--reject-with" | "--comment" | "--limit" | "--limit-burst" => {}
            // A flag, or a value that belongs to none.
            _ if !word.starts_with('-') => at -= 1,
            option if option.starts_with("--") => {
                is_unread = true;
                at -= usize::from(value.starts_with('-'));
            }
            _ if value.starts_with('-') => at -= 1,
            _ => {}
        }
    }
    let is_local = rule.interface.as_deref().is_some_and(|name| name == "lo");
    if is_answer || is_local || is_other || rule.protocol.as_deref().is_some_and(|name| name.contains("icmp"))
    {
        return Parsed::Nothing;
    }
    let Some(verdict) = policy(target) else {
        let is_plain = rule.ports.is_empty() && rule.from.is_none();
        let is_chain = !matches!(target, "" | "LOG" | "RETURN" | "NFLOG" | "ULOG" | "MARK" | "CONNMARK");
        return match (is_chain, is_plain) {
            (true, true) => Parsed::Jump(target.to_owned(), rule.protocol),
            (true, false) => Parsed::Condition(target.to_owned()),
            (false, _) => Parsed::Nothing,
        };
    };
    // What turns away some of the packets that it speaks of lets others through.
    if verdict == Policy::Deny && (is_limited || is_unread) {
        return Parsed::Nothing;
    }
    let has_no_condition = rule.ports.is_empty()
        && rule.protocol.is_none()
        && rule.from.is_none()
        && rule.interface.is_none()
        && !is_limited;
    if has_no_condition {
        return Parsed::Rest(verdict, span);
    }
    rule.action = match verdict {
        Policy::Allow if is_limited => Action::Limit,
        Policy::Allow => Action::Allow,
        Policy::Deny => Action::Deny,
    };
    Parsed::Rule(rule)
}

/// Whether a text is what `iptables-save` prints.
pub(crate) fn looks_like_dump(text: &str) -> bool {
    let has = |wanted: &str| text.lines().take(2_000).any(|line| line.trim_start().starts_with(wanted));
    has("*filter") && has(":INPUT")
}

/// A chain's name, and the words of its rules.
type Chain<'t> = (String, Vec<(Span, Vec<&'t str>)>);

/// Reads what `iptables-save` prints.
pub(crate) fn dump(file: FileId, text: &str, dev: bool) -> Firewall {
    let mut firewall = Firewall::new(FirewallKind::PacketDump, file, dev);
    let mut chains: Vec<Chain<'_>> = Vec::new();
    let mut in_filter = false;
    let mut count = 0;
    for (start, line) in lines(text) {
        let span = Span::new(file, start as u32, (start + line.len()) as u32);
        let line = line.trim();
        if let Some(table) = line.strip_prefix('*') {
            in_filter = table == "filter";
            continue;
        }
        if !in_filter || line.starts_with('#') {
            continue;
        }
        if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_ascii_whitespace();
            let said = |word: Option<&str>| word.and_then(policy).map(|policy| Said::new(policy, span));
            match words.next() {
                Some("INPUT") => firewall.incoming = said(words.next()),
                Some("FORWARD") => firewall.forward = said(words.next()),
                _ => {}
            }
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("-A") || count >= MAX_RULES {
            continue;
        }
        count += 1;
        let Some(name) = words.next() else { continue };
        firewall.guards_containers |= name == "DOCKER-USER" && !line.ends_with("-j RETURN");
        let row = (span, words.collect());
        if let Some((_, rows)) = chains.iter_mut().find(|(known, _)| known == name) {
            rows.push(row);
        } else if chains.len() < 200 {
            chains.push((name.to_owned(), vec![row]));
        }
    }
    let mut walk = Walk { chains: &chains, firewall: &mut firewall, followed: Vec::new(), is_cut: false };
    walk.chain("INPUT", None);
    if walk.is_cut {
        // What stands behind it may let in what the end of the list refuses.
        firewall.incoming = None;
    }
    firewall
}

/// On the way through chains. Each is followed once: the first rule that matches decides.
struct Walk<'w, 't> {
    chains: &'w [Chain<'t>],
    firewall: &'w mut Firewall,
    followed: Vec<&'w str>,
    /// Something was not followed that may let packets in.
    is_cut: bool,
}

impl Walk<'_, '_> {
    /// Adds the rules of a chain, for a protocol or for all; says whether nothing behind it is asked.
    fn chain(&mut self, name: &str, protocol: Option<&str>) -> bool {
        let Some((name, rows)) = self.chains.iter().find(|(known, _)| known == name) else { return false };
        if self.followed.contains(&name.as_str()) {
            return false;
        }
        if self.firewall.rules.len() >= MAX_RULES || self.followed.len() >= MAX_CHAINS {
            self.is_cut = true;
            return false;
        }
        self.followed.push(name);
        for (span, words) in rows {
            match (rule(words, *span), protocol) {
                (Parsed::Jump(_, Some(of)), _) if of == "udp" => {}
                (Parsed::Jump(next, of), _) => {
                    if self.chain(&next, of.as_deref().or(protocol)) {
                        return true;
                    }
                }
                (Parsed::Condition(next), _) => self.is_cut |= self.accepts(&next),
                (Parsed::Rest(policy, span), None) => {
                    self.firewall.incoming = Some(Said::new(policy, span));
                    return true;
                }
                (Parsed::Rest(policy, span), Some(protocol)) => {
                    let action = if policy == Policy::Allow { Action::Allow } else { Action::Deny };
                    let protocol = Some(protocol.to_owned());
                    let (ports, from, interface) = (Vec::new(), None, None);
                    let rest = FirewallRule { action, ports, protocol, from, interface, span };
                    push(self.firewall, Parsed::Rule(rest), false);
                    return false;
                }
                (Parsed::Rule(mut rule), protocol) => {
                    rule.protocol = rule.protocol.or_else(|| protocol.map(str::to_owned));
                    push(self.firewall, Parsed::Rule(rule), false);
                }
                (Parsed::Nothing, _) => {}
            }
        }
        false
    }

    /// Whether a chain lets anything in by itself.
    fn accepts(&self, name: &str) -> bool {
        let chain = self.chains.iter().find(|(known, _)| known == name);
        chain.is_some_and(|(_, rows)| rows.iter().any(|(_, words)| words.contains(&"ACCEPT")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_with_chains() {
        let text = "*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [1:2]\n:FORWARD DROP [0:0]\n:web - [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -j web\n-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 5432 -j ACCEPT\n-A INPUT -p icmp -j ACCEPT\n-A INPUT -j DROP\n-A INPUT -p tcp --dport 9 -j ACCEPT\n-A web -p tcp -m multiport --dports 80,443 -j ACCEPT\nCOMMIT\n";
        assert!(looks_like_dump(text));
        let firewall = dump(FileId(0), text, false);
        assert_eq!(firewall.incoming.as_ref().map(|said| said.value), Some(Policy::Deny));
        assert_eq!([443, 5432, 9].map(|port| firewall.lets_in(port)), [Some(true), Some(false), Some(false)]);
        assert_eq!(firewall.forward.as_ref().map(|said| said.value), Some(Policy::Deny));
    }

    #[test]
    fn chains_that_lead_to_each_other_end() {
        let chains = ["INPUT", "a", "b", "c", "d", "e", "f", "g", "h"];
        let rows = chains.iter().zip(chains.iter().cycle().skip(1));
        let rows = rows.map(|(name, next)| format!("-A {name} -j {next}\n").repeat(100));
        let text = format!("*filter\n:INPUT DROP [0:0]\n{}COMMIT\n", rows.collect::<String>());
        assert_eq!(dump(FileId(0), &text, false).lets_in(22), Some(false));
    }

    #[test]
    fn what_refuses_some_refuses_not_all() {
        let text = "*filter\n:INPUT DROP [0:0]\n:UDP - [0:0]\n:web - [0:0]\n-A INPUT -p tcp --dport 22 -m recent --update --hitcount 4 -j DROP\n-A INPUT -p tcp -m length --length 0:50 -j DROP\n-A INPUT -p udp -j UDP\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A UDP -j DROP\nCOMMIT\n";
        let firewall = dump(FileId(0), text, false);
        assert!(firewall.open().any(|rule| rule.covers(22)));
        assert_eq!([22, 80].map(|port| firewall.lets_in(port)), [Some(true), Some(false)]);
        let jump = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth0 -p tcp --dport 80 -j web\n-A web -j ACCEPT\nCOMMIT\n";
        assert_eq!(dump(FileId(0), jump, false).lets_in(80), None);
        let banned = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j f2b\n-A f2b -s 203.0.113.9/32 -j REJECT\n-A f2b -j RETURN\nCOMMIT\n";
        assert_eq!(dump(FileId(0), banned, false).lets_in(22), Some(false));
    }

    #[test]
    fn a_chain_for_new_connections() {
        let text = "*filter\n:INPUT DROP [0:0]\n:TCP - [0:0]\n-A INPUT -p tcp --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j TCP\n-A INPUT -p tcp --tcp-flags ALL NONE -j DROP\n-A TCP -p tcp --dport 6379 -j ACCEPT\nCOMMIT\n";
        let firewall = dump(FileId(0), text, false);
        assert_eq!([6379, 80].map(|port| firewall.lets_in(port)), [Some(true), Some(false)]);
    }

    #[test]
    fn a_source_that_is_denied() {
        let dump_of = |rules: &str| {
            let text = format!("*filter\n:INPUT DROP [0:0]\n{rules}COMMIT\n");
            dump(FileId(0), &text, false).lets_in(6379)
        };
        let accept = "-A INPUT -p tcp --dport 6379 -j ACCEPT\n";
        assert_eq!(
            dump_of(&format!("-A INPUT ! -s 10.0.0.0/8 -p tcp --dport 6379 -j DROP\n{accept}")),
            Some(false)
        );
        assert_eq!(
            dump_of(&format!("-A INPUT -s 10.0.0.0/8 -p tcp --dport 6379 -j DROP\n{accept}")),
            Some(true)
        );
    }
}
