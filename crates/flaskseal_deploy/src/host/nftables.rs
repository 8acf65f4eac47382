//! Rulesets of nftables (nft(8)).

use std::collections::HashMap;

use flaskseal_core::{FileId, Span};

use super::Said;
use super::firewall::{
    Action, Firewall, FirewallKind, FirewallRule, Policy, PortRange, all_ports_but, ports,
};

/// Rules of one file, and chains that lead to each other: each level is one of the stack.
const MAX_RULES: usize = 2_000;
const MAX_CHAINS: usize = 100;
/// Elements of a set that are looked at.
const MAX_ELEMENTS: usize = 200;

/// Whether a text is a ruleset of nftables.
pub(crate) fn looks_like(text: &str) -> bool {
    text.contains("hook input") && text.lines().any(|line| line.trim_start().starts_with("table "))
}

struct Chain<'t> {
    table: usize,
    name: &'t str,
    is_input: bool,
    rows: Vec<(Span, Vec<&'t str>)>,
}

/// What names stand for: `define web = { 80, 443 }` under `$web`, the elements of a set under `@web`.
type Names<'t> = HashMap<String, Vec<&'t str>>;

/// Reads the chains that hook into `input`, and those that they lead to: their policy and the verdicts on ports.
pub(crate) fn read(file: FileId, text: &str, dev: bool) -> Firewall {
    let mut firewall = Firewall::new(FirewallKind::Nftables, file, dev);
    let mut chains: Vec<Chain<'_>> = Vec::new();
    let mut names = Names::new();
    let (mut table, mut set) = (0, None);
    for (statement, start, end) in statements(text) {
        let span = Span::new(file, start, end);
        let words = words(statement);
        match words.as_slice() {
            ["table", ..] => table += 1,
            ["chain", name, ..] => chains.push(Chain { table, name, is_input: false, rows: Vec::new() }),
            ["set", name, ..] => set = Some(*name),
            ["elements", "=", elements @ ..] => {
                if let Some(name) = set.take() {
                    names.insert(format!("@{name}"), listed(elements));
                }
            }
            ["define", name, "=", elements @ ..] => {
                names.insert(format!("${name}"), listed(elements));
            }
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
    let mut walk =
        Walk { chains: &chains, names: &names, firewall: &mut firewall, followed: Vec::new(), is_cut: false };
    for (index, _) in chains.iter().enumerate().filter(|(_, chain)| chain.is_input) {
        walk.chain(index);
    }
    if walk.is_cut {
        // What stands behind it may let in what the policy refuses.
        firewall.incoming = None;
    }
    firewall
}

/// Words without comments, with braces and commas as words of their own.
fn words(statement: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let lines = statement.lines().map(|line| line.split('#').next().unwrap_or(line));
    for word in lines.flat_map(str::split_ascii_whitespace) {
        let mut rest = word;
        while let Some(at) = rest.find(['{', '}', ',']) {
            let (before, mark) = rest.split_at(at);
            let (mark, after) = mark.split_at(1);
            words.extend([before, mark].into_iter().filter(|part| !part.is_empty()));
            rest = after;
        }
        words.extend(Some(rest).filter(|part| !part.is_empty()));
    }
    words
}

fn listed<'t>(elements: &[&'t str]) -> Vec<&'t str> {
    let elements = elements.iter().copied().filter(|word| !matches!(*word, "{" | "}" | ","));
    elements.take(MAX_ELEMENTS).collect()
}

fn policy(word: &str) -> Option<Policy> {
    match word {
        "accept" => Some(Policy::Allow),
        "drop" | "reject" => Some(Policy::Deny),
        _ => None,
    }
}

/// On the way through chains. Each is followed once: the first rule that matches decides.
struct Walk<'w, 't> {
    chains: &'w [Chain<'t>],
    names: &'w Names<'t>,
    firewall: &'w mut Firewall,
    followed: Vec<usize>,
    /// Something was not followed that may let packets in.
    is_cut: bool,
}

impl<'t> Walk<'_, 't> {
    /// Adds the rules of a chain; says whether nothing behind it is asked.
    fn chain(&mut self, index: usize) -> bool {
        let chains = self.chains;
        let Some(chain) = chains.get(index).filter(|_| !self.followed.contains(&index)) else { return false };
        if self.followed.len() >= MAX_CHAINS {
            self.is_cut = true;
            return false;
        }
        self.followed.push(index);
        for (span, words) in &chain.rows {
            if self.firewall.rules.len() >= MAX_RULES {
                self.is_cut = true;
                return false;
            }
            let ends = match words.as_slice() {
                // New connections are what is asked about.
                [condition @ .., "jump" | "goto", name] => {
                    let named = |other: &Chain<'_>| other.table == chain.table && other.name == *name;
                    match chains.iter().position(named) {
                        Some(next) if matches!(condition, [] | ["ct", "state", "new"]) => self.chain(next),
                        Some(next) => {
                            self.is_cut |= accepts(&chains[next]);
                            false
                        }
                        None => false,
                    }
                }
                words => self.row(words, *span),
            };
            if ends {
                return true;
            }
        }
        false
    }

    /// Adds a rule; says whether nothing behind it is asked.
    fn row(&mut self, words: &[&'t str], span: Span) -> bool {
        let after = |name: &str| {
            words.iter().position(|word| *word == name).map(|at| words.get(at + 1..).unwrap_or_default())
        };
        let has = |name: &str| words.contains(&name);
        let is_answer = after("state").is_some_and(|states| {
            !states
                .iter()
                .take_while(|word| policy(word).is_none() && **word != "tcp")
                .any(|word| *word == "new")
        });
        let interface = after("iif").or_else(|| after("iifname")).and_then(|rest| rest.first());
        let interface = interface.map(|name| name.trim_matches('"'));
        let other = ["ip6", "daddr", "fib", "ether", "oif", "oifname"];
        let is_other = (other.iter().any(|name| has(name))
            || after("meta").is_some_and(|rest| rest.first() != Some(&"l4proto")))
            && after("saddr").is_none();
        if is_answer || is_other || has("icmp") || has("icmpv6") || interface == Some("lo") {
            return false;
        }
        // Strangers are everybody but those behind `!=`.
        let from = after("saddr").filter(|rest| rest.first() != Some(&"!="));
        let from =
            from.and_then(|rest| rest.iter().find(|word| **word != "{")).map(|word| (*word).to_owned());
        let mut protocols = ["tcp", "udp"].into_iter().filter(|name| has(name));
        let protocol = protocols.next().filter(|_| protocols.next().is_none()).map(str::to_owned);
        let interface = interface.map(str::to_owned);
        let rule = |action, ports| FirewallRule {
            action,
            ports,
            protocol: protocol.clone(),
            from: from.clone(),
            interface: interface.clone(),
            span,
        };
        if let Some(["vmap", "{", entries @ ..]) = after("dport") {
            for entry in entries.split(|word| *word == ",").take(MAX_ELEMENTS) {
                let entry = entry.join(" ");
                let Some((port, verdict)) = entry.split_once(':') else { continue };
                let verdict = verdict.trim_matches(|c: char| c.is_whitespace() || c == '}');
                let Some(ports) = ports(port.trim()) else { continue };
                match policy(verdict.split(' ').next().unwrap_or("")) {
                    Some(Policy::Allow) => self.firewall.rules.push(rule(Action::Allow, ports)),
                    Some(Policy::Deny) => self.firewall.rules.push(rule(Action::Deny, ports)),
                    // To a chain.
                    None => self.is_cut = true,
                }
            }
            return false;
        }
        let Some(verdict) = words.iter().rev().find_map(|word| policy(word)) else { return false };
        let is_limited = has("limit");
        // What turns away some of the packets that it speaks of lets others through.
        if verdict == Policy::Deny && (is_limited || !words.iter().all(|word| self.is_understood(word))) {
            return false;
        }
        if matches!(words.first(), Some(&("accept" | "drop" | "reject" | "counter" | "log"))) && !is_limited {
            self.firewall.incoming = Some(Said::new(verdict, span));
            return true;
        }
        let Some(ranges) = after("dport").map_or(Some(Vec::new()), |rest| self.ranges(rest)) else {
            return false;
        };
        let action = match verdict {
            Policy::Allow if is_limited => Action::Limit,
            Policy::Allow => Action::Allow,
            Policy::Deny => Action::Deny,
        };
        self.firewall.rules.push(rule(action, ranges));
        false
    }

    /// The ports behind `dport`: one, several in braces, or what a name stands for. `None` where they cannot be read.
    fn ranges(&self, rest: &[&'t str]) -> Option<Vec<PortRange>> {
        if let ["!=", rest @ ..] = rest {
            return self.ranges(rest).map(all_ports_but);
        }
        let items: Vec<&str> = match rest {
            [name, ..] if self.names.contains_key(*name) => self.names[*name].clone(),
            ["{", items @ ..] => listed(&items[..items.iter().position(|word| *word == "}")?]),
            [one, ..] => vec![*one],
            [] => return None,
        };
        let named = items.into_iter().flat_map(|item| match self.names.get(item) {
            Some(items) => items.clone(),
            None => vec![item],
        });
        let ranges: Option<Vec<Vec<PortRange>>> = named.take(MAX_ELEMENTS).map(ports).collect();
        Some(ranges?.into_iter().flatten().collect())
    }

    /// Whether a word of a rule that turns packets away says nothing that narrows it unseen.
    fn is_understood(&self, word: &str) -> bool {
        const KNOWN: [&str; 33] = [
            "meta", "l4proto", "th", "tcp", "udp", "dport", "ip", "saddr", "!=", "iif", "iifname", "ct",
            "state", "new", "invalid", "counter", "packets", "bytes", "log", "prefix", "level", "comment",
            "accept", "drop", "reject", "with", "type", "{", "}", ",", "inet", "icmpx", "reset",
        ];
        KNOWN.contains(&word)
            || self.names.contains_key(word)
            || word.starts_with(['"', '@', '$'])
            || word.contains(['.', ':', '/'])
            || ports(word).is_some()
            || word.ends_with("unreachable")
            || word.ends_with("prohibited")
            // The name of an interface.
            || word.chars().any(|c| c.is_ascii_digit())
    }
}

/// Whether a chain lets anything in by itself.
fn accepts(chain: &Chain<'_>) -> bool {
    chain.rows.iter().any(|(_, words)| words.contains(&"accept") || words.contains(&"vmap"))
}

/// Between line breaks, semicolons and the braces of blocks, each with where it begins and ends; the braces of sets
/// stay, also over several lines.
fn statements(text: &str) -> Vec<(&str, u32, u32)> {
    let mut found = Vec::new();
    let (mut from, mut in_set, mut in_comment) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        let before = || text.get(from..at).unwrap_or("").trim_start();
        match byte {
            b'\n' if in_comment => {
                in_comment = false;
                from = if in_set { from } else { at + 1 };
            }
            _ if in_comment => {}
            b'#' => {
                if !in_set {
                    push(text, from, at, &mut found);
                }
                in_comment = true;
            }
            b'{' if !["table", "chain", "set", "map"].iter().any(|block| before().starts_with(block)) => {
                in_set = true;
            }
            b'}' if in_set => in_set = false,
            b'\n' | b';' | b'{' | b'}' if !in_set => {
                push(text, from, at, &mut found);
                from = at + 1;
            }
            _ => {}
        }
        if found.len() > MAX_RULES {
            break;
        }
    }
    push(text, from, text.len(), &mut found);
    found
}

fn push<'t>(text: &'t str, from: usize, to: usize, found: &mut Vec<(&'t str, u32, u32)>) {
    let statement = text.get(from..to).unwrap_or("");
    let trimmed = statement.trim();
    if !trimmed.is_empty() {
        let at = from + (statement.len() - statement.trim_start().len());
        found.push((trimmed, at as u32, (at + trimmed.len()) as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_chains_of_nftables() {
        let open = |text: &str| {
            let firewall = read(FileId(0), text, false);
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
    fn a_ruleset_of_nftables() {
        let text = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n  iif \"lo\" accept\n  ct state established,related accept\n  tcp dport { 80, 443 } accept\n  tcp dport 22 limit rate 4/minute accept\n  ip saddr 10.0.0.0/8 tcp dport 5432 accept # db\n  ip protocol icmp accept\n }\n chain output { type filter hook output priority 0; policy accept; }\n}\n";
        assert!(looks_like(text));
        let firewall = read(FileId(0), text, false);
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

    #[test]
    fn sets_over_several_lines_and_maps() {
        let of = |rows: &str| {
            let head = "chain input {\n type filter hook input priority 0; policy drop;\n";
            let text = format!(
                "table inet f {{\n set adm {{\n type inet_service\n elements = {{ 22, # ssh\n 6379 }}\n }}\n chain web {{\n tcp dport 80 accept\n }}\n chain no {{\n drop\n }}\n {head}{rows}\n }}\n}}\n"
            );
            let firewall = read(FileId(0), &text, false);
            [22, 80, 6379].map(|port| firewall.lets_in(port))
        };
        let (open, closed) = (Some(true), Some(false));
        assert_eq!(of("tcp dport {\n 22,\n 6379\n } accept"), [open, closed, open]);
        assert_eq!(of("tcp dport @adm accept"), [open, closed, open]);
        assert_eq!(of("tcp dport vmap {\n 22 : accept,\n 6379: drop\n }"), [open, closed, closed]);
        assert_eq!(of("ip saddr 10.0.0.0/8 tcp dport vmap { 6379 : accept }"), [closed; 3]);
        assert_eq!(
            of("tcp dport 22 ct state new limit rate over 10/minute drop\n tcp dport 22 accept"),
            [open, closed, closed]
        );
        assert_eq!(of("tcp flags & (fin | syn) == 0 drop\n tcp dport 22 accept"), [open, closed, closed]);
        assert_eq!(of("ip saddr != 10.0.0.0/8 drop\n tcp dport 6379 accept"), [closed; 3]);
        assert_eq!(of("ct state new jump web"), [closed, open, closed]);
        assert_eq!(of("iifname eth0 jump web"), [None; 3]);
        assert_eq!(of("iifname eth0 jump no"), [closed; 3]);
        assert_eq!(of("jump no\n tcp dport 22 accept"), [closed; 3]);
    }

    #[test]
    fn chains_that_lead_to_each_other_end() {
        let chains = ["input", "a", "b", "c", "d", "e", "f", "g", "h"];
        let rows = chains.iter().zip(chains.iter().cycle().skip(1)).map(|(name, next)| {
            let is_first = *name == "input";
            let hook = if is_first { "type filter hook input priority 0; policy drop;\n" } else { "" };
            format!("chain {name} {{\n{hook}{}}}\n", format!("jump {next}\n").repeat(100))
        });
        let text = format!("table inet f {{\n{}}}\n", rows.collect::<String>());
        assert_eq!(read(FileId(0), &text, false).lets_in(22), Some(false));
    }
}
