//! The kernel's packet filter: `iptables` commands, what `iptables-save` prints, and rulesets of nftables.

use flaskseal_core::{FileId, Span};

use super::firewall::{Action, Firewall, FirewallKind, FirewallRule, Policy, PortRange, ports};
use super::{Said, StepCommand};
use crate::shell::Argument;
use crate::syntax::lines;

/// Rules of one file, and chains that lead to each other.
const MAX_RULES: usize = 2_000;
const MAX_DEPTH: usize = 8;
/// Rules that are looked at on the way through chains: each may lead to all others again.
const MAX_STEPS: usize = 10_000;

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
                is_other |= !matches!(value, "-s" | "--source" | "--src");
                at -= 1;
            }
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
    chain("INPUT", &chains, &mut firewall, &mut { MAX_STEPS }, 0);
    firewall
}

/// The rules of a chain, and of those that it always leads to.
fn chain(name: &str, chains: &[Chain<'_>], firewall: &mut Firewall, steps: &mut usize, depth: usize) {
    let Some((_, rows)) = chains.iter().find(|(known, _)| known == name).filter(|_| depth < MAX_DEPTH) else {
        return;
    };
    for (span, words) in rows {
        if firewall.rules.len() >= MAX_RULES || *steps == 0 {
            return;
        }
        *steps -= 1;
        match rule(words, *span) {
            Parsed::Jump(next) => chain(&next, chains, firewall, steps, depth + 1),
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

/// A chain of nftables: its name, whether it hooks into `input`, and its rules.
struct NamedChain<'t> {
    name: &'t str,
    is_input: bool,
    rows: Vec<(Span, Vec<&'t str>)>,
}

/// What names stand for: `define web = { 80, 443 }` under `$web`, the elements of a set under `@web`.
type Names<'t> = Vec<(String, Vec<&'t str>)>;

/// Reads the chains that hook into `input`, and those that they always lead to: their policy and the verdicts on ports.
pub(crate) fn nftables(file: FileId, text: &str, dev: bool) -> Firewall {
    let mut firewall = Firewall::new(FirewallKind::Nftables, file, dev);
    let mut chains: Vec<NamedChain<'_>> = Vec::new();
    let mut names: Names<'_> = Vec::new();
    let mut set = None;
    for statement in statements(text) {
        let span = Span::new(file, statement.start, statement.end);
        let words: Vec<&str> = statement
            .text
            .split(|c: char| c.is_ascii_whitespace() || c == ',')
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            ["chain", name, ..] => chains.push(NamedChain { name, is_input: false, rows: Vec::new() }),
            ["table", ..] => {}
            ["set", name, ..] => set = Some(*name),
            ["elements", "=", elements @ ..] => {
                if let Some(name) = set.take() {
                    names.push((format!("@{name}"), listed(elements)));
                }
            }
            ["define", name, "=", elements @ ..] => names.push((format!("${name}"), listed(elements))),
            ["type", "filter", "hook", hook, ..] => {
                if let Some(chain) = chains.last_mut() {
                    chain.is_input = *hook == "input";
                }
            }
            ["policy", word, ..] => {
                if chains.last().is_some_and(|chain| chain.is_input) {
                    firewall.incoming = policy(word).map(|policy| Said::new(policy, span));
                }
            }
            _ => {
                if let Some(chain) = chains.last_mut() {
                    chain.rows.push((span, words));
                }
            }
        }
    }
    for chain in chains.iter().filter(|chain| chain.is_input) {
        follow(chain, &chains, &names, &mut firewall, &mut { MAX_STEPS }, 0);
    }
    firewall
}

fn listed<'t>(elements: &[&'t str]) -> Vec<&'t str> {
    elements.iter().copied().filter(|word| !matches!(*word, "{" | "}")).collect()
}

/// The rules of a chain, and of those that it leads to without a condition.
fn follow(
    chain: &NamedChain<'_>,
    chains: &[NamedChain<'_>],
    names: &Names<'_>,
    firewall: &mut Firewall,
    steps: &mut usize,
    depth: usize,
) {
    for (span, words) in &chain.rows {
        if firewall.rules.len() >= MAX_RULES || depth >= MAX_DEPTH || *steps == 0 {
            return;
        }
        *steps -= 1;
        match words.as_slice() {
            ["jump" | "goto", name] => {
                if let Some(next) = chains.iter().find(|chain| chain.name == *name) {
                    follow(next, chains, names, firewall, steps, depth + 1);
                }
            }
            words => {
                let words: Vec<&str> = words
                    .iter()
                    .flat_map(|word| match names.iter().find(|(name, _)| name == word) {
                        Some((_, items)) => [&["{"], items.as_slice(), &["}"]].concat(),
                        None => vec![*word],
                    })
                    .collect();
                nftables_rule(&words, *span, firewall);
            }
        }
    }
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
    if let Some(["vmap", "{", entries @ ..]) = after("dport") {
        let protocol = words.first().map(|word| (*word).to_owned());
        for entry in entries.chunks_exact(3).take(200) {
            let [port, ":", verdict] = entry else { return };
            let (Some(ports), Some(verdict)) = (ports(port), policy(verdict)) else { continue };
            let action = if verdict == Policy::Allow { Action::Allow } else { Action::Deny };
            let (protocol, from, interface) = (protocol.clone(), None, None);
            firewall.rules.push(FirewallRule { action, ports, protocol, from, interface, span });
        }
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
    let from = after("saddr").filter(|rest| rest.first() != Some(&"!="));
    let from = from.and_then(|rest| rest.iter().find(|word| **word != "{")).map(|word| (*word).to_owned());
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
    fn names_and_chains_of_nftables() {
        let open = |text: &str| {
            let firewall = nftables(FileId(0), text, false);
            (firewall.lets_in(6379), firewall.open().any(|rule| rule.covers(6379)))
        };
        let input = "chain input {\n type filter hook input priority 0; policy drop;\n";
        let define =
            format!("define p = {{ 80, 6379 }}\ntable inet f {{\n {input} tcp dport $p accept\n }}\n}}\n");
        assert_eq!(open(&define), (Some(true), true));
        let set = format!(
            "table inet f {{\n set adm {{ type inet_service; elements = {{ 22, 6379 }}; }}\n {input} tcp dport @adm accept\n }}\n}}\n"
        );
        assert_eq!(open(&set), (Some(true), true));
        let jump =
            format!("table inet f {{\n chain web {{ tcp dport 6379 accept; }}\n {input} jump web\n }}\n}}\n");
        assert_eq!(open(&jump), (Some(true), true));
        let unused = format!("table inet f {{\n chain web {{ tcp dport 6379 accept; }}\n {input} }}\n}}\n");
        assert_eq!(open(&unused), (Some(false), false));
        let map = format!(
            "table inet f {{\n {input} ct state vmap {{ established : accept, invalid : drop }}\n tcp dport vmap {{ 6379 : accept, 22 : accept }}\n }}\n}}\n"
        );
        assert_eq!(open(&map), (Some(true), true));
        let others = format!(
            "table inet f {{\n {input} ip saddr != 10.0.0.0/8 tcp dport 6379 drop\n tcp dport 6379 accept\n }}\n}}\n"
        );
        assert_eq!(open(&others), (Some(false), false));
    }

    #[test]
    fn chains_that_lead_to_each_other_end() {
        let chains = ["INPUT", "a", "b", "c", "d", "e", "f", "g", "h"];
        let next = |index: usize| chains[(index + 1) % chains.len()];
        let saved = chains
            .iter()
            .enumerate()
            .map(|(index, name)| format!("-A {name} -j {}\n", next(index)).repeat(100));
        let saved = format!("*filter\n:INPUT DROP [0:0]\n{}", saved.collect::<String>());
        let ruleset = chains.iter().enumerate().map(|(index, name)| {
            let hook = if index == 0 { "type filter hook input priority 0; policy drop;\n" } else { "" };
            format!("chain {name} {{\n{hook}{}}}\n", format!("jump {}\n", next(index)).repeat(100))
        });
        let ruleset: String = ruleset.collect();
        assert_eq!(dump(FileId(0), &format!("{saved}COMMIT\n"), false).lets_in(22), Some(false));
        let text = format!("table inet f {{\n{ruleset}}}\n");
        assert_eq!(nftables(FileId(0), &text, false).lets_in(22), Some(false));
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
