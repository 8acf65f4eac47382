//! The kernel's packet filter: `iptables` commands, what `iptables-save` prints, and rulesets of nftables.

use flaskseal_core::{FileId, Span};

use super::firewall::{Action, Firewall, FirewallKind, FirewallRule, Policy, PortRange, ports};
use super::{Said, StepCommand};
use crate::shell::Argument;
use crate::syntax::lines;

/// Rules of one file, and chains that lead to each other.
const MAX_RULES: usize = 2_000;
const MAX_DEPTH: usize = 8;

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
    Jump(String),
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
        Parsed::Jump(_) | Parsed::Nothing => {}
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
    let (mut is_answer, mut is_limited, mut is_other) = (false, false, false);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let value = words.get(at + 1).copied().unwrap_or("");
        at += 2;
        match *word {
            "-p" | "--protocol" | "--proto" => rule.protocol = (value != "all").then(|| value.to_owned()),
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => match ports(value) {
                Some(found) => rule.ports = found,
                None => is_other = true,
            },
            "-s" | "--source" | "--src" => {
                rule.from = (!matches!(value, "0.0.0.0/0" | "::/0" | "anywhere")).then(|| value.to_owned());
            }
            "-i" | "--in-interface" => rule.interface = Some(value.to_owned()),
            "--state" | "--ctstate" => is_answer = !value.split(',').any(|state| state == "NEW"),
            "-j" | "--jump" | "-g" | "--goto" => target = value,
            "--match-set" | "--mac-source" | "--src-range" | "-d" | "--destination" | "--dst" | "--sport"
            | "--icmp-type" | "--uid-owner" | "--tcp-flags" => is_other = true,
            "-m" | "--match" => is_limited |= matches!(value, "limit" | "recent" | "hashlimit" | "connlimit"),
            "!" => is_other = true,
            // A flag, or a value that belongs to none.
            _ if !word.starts_with('-') => at -= 1,
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
        return if is_chain && is_plain { Parsed::Jump(target.to_owned()) } else { Parsed::Nothing };
    };
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
    chain("INPUT", &chains, &mut firewall, 0);
    firewall
}

/// The rules of a chain, and of those that it always leads to.
fn chain(name: &str, chains: &[Chain<'_>], firewall: &mut Firewall, depth: usize) {
    let Some((_, rows)) = chains.iter().find(|(known, _)| known == name).filter(|_| depth < MAX_DEPTH) else {
        return;
    };
    for (span, words) in rows {
        if firewall.rules.len() >= MAX_RULES {
            return;
        }
        match rule(words, *span) {
            Parsed::Jump(next) => chain(&next, chains, firewall, depth + 1),
            // The first rule without a condition ends the list.
            Parsed::Rest(policy, span) => {
                firewall.incoming = Some(Said::new(policy, span));
                return;
            }
            parsed => push(firewall, parsed, false),
        }
    }
}

/// Whether a text is a ruleset of nftables.
pub(crate) fn looks_like_nftables(text: &str) -> bool {
    text.contains("hook input") && text.lines().any(|line| line.trim_start().starts_with("table "))
}

/// Reads the chains that hook into `input`: their policy and the verdicts on ports.
pub(crate) fn nftables(file: FileId, text: &str, dev: bool) -> Firewall {
    let mut firewall = Firewall::new(FirewallKind::Nftables, file, dev);
    let mut in_input = false;
    for statement in statements(text) {
        let span = Span::new(file, statement.start, statement.end);
        let words: Vec<&str> = statement
            .text
            .split(|c: char| c.is_ascii_whitespace() || c == ',')
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            ["chain" | "table", ..] => in_input = false,
            ["type", "filter", "hook", hook, ..] => in_input = *hook == "input",
            ["policy", word, ..] if in_input => {
                firewall.incoming = policy(word).map(|policy| Said::new(policy, span));
            }
            words if in_input && firewall.rules.len() < MAX_RULES => {
                nftables_rule(words, span, &mut firewall);
            }
            _ => {}
        }
    }
    firewall
}

fn nftables_rule(words: &[&str], span: Span, firewall: &mut Firewall) {
    let Some(verdict) = words.iter().rev().find_map(|word| policy(word)) else { return };
    let after = |name: &str| {
        words.iter().position(|word| *word == name).map(|at| words.get(at + 1..).unwrap_or_default())
    };
    let is_answer = after("state").is_some_and(|states| {
        let mut states = states.iter().take_while(|word| policy(word).is_none() && **word != "tcp");
        !states.any(|word| word.contains("new"))
    });
    let has = |name: &str| words.contains(&name);
    let other = ["icmp", "icmpv6", "ip6", "daddr", "fib", "meta", "ether", "!=", "oif", "oifname"];
    if is_answer
        || other.iter().any(|name| has(name) && after("saddr").is_none())
        || has("icmp")
        || has("icmpv6")
    {
        return;
    }
    let interface = after("iif").or_else(|| after("iifname")).and_then(|rest| rest.first());
    if interface.is_some_and(|name| name.trim_matches('"') == "lo") {
        return;
    }
    let mut ranges: Vec<PortRange> = Vec::new();
    if let Some(rest) = after("dport") {
        let listed = rest.first() == Some(&"{");
        let items = rest.iter().skip(usize::from(listed)).take_while(|word| **word != "}");
        for item in items.take(if listed { 200 } else { 1 }) {
            match ports(item) {
                Some(found) => ranges.extend(found),
                None => return,
            }
        }
    }
    let from =
        after("saddr").and_then(|rest| rest.iter().find(|word| **word != "{")).map(|word| (*word).to_owned());
    let protocol = ["tcp", "udp"].into_iter().find(|name| has(name)).map(str::to_owned);
    let is_limited = has("limit");
    if ranges.is_empty() && from.is_none() && interface.is_none() && protocol.is_none() && !is_limited {
        firewall.incoming = Some(Said::new(verdict, span));
        return;
    }
    let action = match verdict {
        Policy::Allow if is_limited => Action::Limit,
        Policy::Allow => Action::Allow,
        Policy::Deny => Action::Deny,
    };
    firewall.rules.push(FirewallRule {
        action,
        ports: ranges,
        protocol,
        from,
        interface: interface.map(|name| name.trim_matches('"').to_owned()),
        span,
    });
}

struct StatementText<'a> {
    text: &'a str,
    start: u32,
    end: u32,
}

/// Between line breaks, semicolons and the braces of blocks; the braces of sets stay.
fn statements(text: &str) -> Vec<StatementText<'_>> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let line = line.split('#').next().unwrap_or("");
        let mut from = 0;
        let mut in_set = false;
        for (at, byte) in line.bytes().enumerate() {
            let opens_block = byte == b'{' && {
                let before = line.get(from..at).unwrap_or("").trim_start();
                before.starts_with("table") || before.starts_with("chain") || before.starts_with("set")
            };
            match byte {
                b'{' if !opens_block => in_set = true,
                b'}' if in_set => in_set = false,
                b';' | b'{' | b'}' if !in_set => {
                    push_statement(line, start, from, at, &mut found);
                    from = at + 1;
                }
                _ => {}
            }
        }
        push_statement(line, start, from, line.len(), &mut found);
        if found.len() > MAX_RULES {
            break;
        }
    }
    found
}

fn push_statement<'a>(
    line: &'a str,
    start: usize,
    from: usize,
    to: usize,
    found: &mut Vec<StatementText<'a>>,
) {
    let text = line.get(from..to).unwrap_or("");
    let trimmed = text.trim();
    if !trimmed.is_empty() {
        let at = start + from + (text.len() - text.trim_start().len());
        found.push(StatementText { text: trimmed, start: at as u32, end: (at + trimmed.len()) as u32 });
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
    fn a_ruleset_of_nftables() {
        let text = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n  iif \"lo\" accept\n  ct state established,related accept\n  tcp dport { 80, 443 } accept\n  tcp dport 22 limit rate 4/minute accept\n  ip saddr 10.0.0.0/8 tcp dport 5432 accept # db\n  ip protocol icmp accept\n }\n chain output { type filter hook output priority 0; policy accept; }\n}\n";
        assert!(looks_like_nftables(text));
        let firewall = nftables(FileId(0), text, false);
        assert_eq!(firewall.incoming.as_ref().map(|said| said.value), Some(Policy::Deny));
        assert_eq!(
            [443, 22, 5432, 8000].map(|port| firewall.lets_in(port)),
            [Some(true), Some(true), Some(false), Some(false)]
        );
        assert_eq!(
            firewall.rules.iter().find(|rule| rule.covers(22)).map(|rule| rule.action),
            Some(Action::Limit)
        );
    }
}
