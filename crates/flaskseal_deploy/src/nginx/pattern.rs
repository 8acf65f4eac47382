//! Regular expressions as PCRE reads them: what a group can hold, and whether a pattern is held at its ends. What is
//! not understood can hold everything.

/// A pattern, understood as far as needed.
#[derive(Clone, Debug)]
pub struct Pattern {
    root: Node,
    groups: Vec<Group>,
}

/// A group that captures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// From 1.
    pub index: usize,
    pub name: Option<String>,
    /// What can stand in it.
    pub characters: Characters,
    /// What it can begin with, where it is not empty.
    pub first: Characters,
    /// It holds one of a few texts that the pattern itself names.
    pub is_named: bool,
}

/// A set of characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Characters {
    /// A bit for each of the ASCII characters.
    ascii: u128,
    /// Any character that is not ASCII.
    other: bool,
}

impl Characters {
    pub const NONE: Self = Self { ascii: 0, other: false };
    pub const ALL: Self = Self { ascii: u128::MAX, other: true };

    pub const fn of(byte: u8) -> Self {
        if byte < 128 { Self { ascii: 1 << byte, other: false } } else { Self { ascii: 0, other: true } }
    }

    pub const fn contains(self, byte: u8) -> bool {
        if byte < 128 { self.ascii & (1 << byte) != 0 } else { self.other }
    }

    pub const fn union(self, other: Self) -> Self {
        Self { ascii: self.ascii | other.ascii, other: self.other || other.other }
    }

    pub const fn intersection(self, other: Self) -> Self {
        Self { ascii: self.ascii & other.ascii, other: self.other && other.other }
    }

    pub const fn without(self, byte: u8) -> Self {
        self.intersection(Self::of(byte).negated())
    }

    pub const fn is_empty(self) -> bool {
        self.ascii == 0 && !self.other
    }

    /// The one character of the set, in lower case; both cases of a letter count as one.
    pub fn only(self) -> Option<u8> {
        let mut found = (0..128_u8).filter(|byte| self.contains(*byte)).map(|byte| byte.to_ascii_lowercase());
        let first = found.next().filter(|_| !self.other)?;
        found.all(|byte| byte == first).then_some(first)
    }

    const fn negated(self) -> Self {
        Self { ascii: !self.ascii, other: !self.other }
    }

    fn range(low: u8, high: u8) -> Self {
        (low..=high.min(127))
            .fold(Self { ascii: 0, other: high > 127 }, |set, byte| set.union(Self::of(byte)))
    }

    fn without_case(self) -> Self {
        (b'a'..=b'z').fold(self, |set, lower| {
            let upper = lower.to_ascii_uppercase();
            if set.contains(lower) || set.contains(upper) {
                set.union(Self::of(lower)).union(Self::of(upper))
            } else {
                set
            }
        })
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Node {
    Empty,
    Set(Characters),
    Start,
    End,
    Group(Option<usize>, Box<Node>),
    /// Looks ahead or behind, and takes nothing.
    Look,
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    /// Whether it may be left out, and whether it comes no more than once.
    Repeat {
        node: Box<Node>,
        optional: bool,
        once: bool,
    },
    Unknown,
}

const MAX_LENGTH: usize = 4096;
const MAX_DEPTH: usize = 50;

impl Pattern {
    /// Reads a pattern. `ignore_case` is what `~*` asks for.
    pub fn new(text: &str, ignore_case: bool) -> Self {
        let mut reader =
            Reader { bytes: text.as_bytes(), at: 0, groups: Vec::new(), ignore_case, dot_all: false };
        if text.len() > MAX_LENGTH {
            return Self { root: Node::Unknown, groups: Vec::new() };
        }
        let mut root = reader.choice(0);
        if reader.at < reader.bytes.len() {
            root = Node::Sequence(vec![root, Node::Unknown]);
        }
        let mut groups = Vec::new();
        collect(&root, &reader.groups, &mut groups);
        groups.sort_by_key(|group| group.index);
        Self { root, groups }
    }

    /// The groups that capture, in order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Every match begins at the start of the text.
    pub fn is_held_at_start(&self) -> bool {
        held(&self.root, &Node::Start, false)
    }

    /// Every match ends at the end of the text.
    pub fn is_held_at_end(&self) -> bool {
        held(&self.root, &Node::End, true)
    }

    /// The text that every match begins with, where the pattern is held at the start.
    pub fn prefix(&self) -> String {
        let mut prefix = String::new();
        if self.is_held_at_start() {
            literal(&self.root, &mut prefix);
        }
        prefix
    }

    /// What a match can be made of.
    pub fn characters(&self) -> Characters {
        characters(&self.root)
    }

    /// What a match can look like: each way through the choices of the pattern. Empty where there are too many.
    pub fn alternatives(&self) -> Vec<Alternative> {
        let mut all = vec![Alternative::default()];
        if expand(&self.root, &mut all) { all } else { Vec::new() }
    }
}

/// One way through a pattern; what repeats stands for itself once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alternative {
    /// What can stand at each place.
    pub parts: Vec<Characters>,
    pub is_held_at_start: bool,
    pub is_held_at_end: bool,
}

const MAX_ALTERNATIVES: usize = 64;

/// Appends what a node can look like to every alternative. False: there are too many.
fn expand(node: &Node, all: &mut Vec<Alternative>) -> bool {
    match node {
        Node::Empty | Node::Look => true,
        Node::Start => {
            for one in all.iter_mut() {
                one.is_held_at_start |= one.parts.is_empty();
            }
            true
        }
        Node::End => {
            for one in all.iter_mut() {
                one.is_held_at_end = true;
            }
            true
        }
        Node::Set(set) => {
            for one in all.iter_mut() {
                one.parts.push(*set);
                one.is_held_at_end = false;
            }
            true
        }
        Node::Unknown => expand(&Node::Set(Characters::ALL), all),
        Node::Group(_, inner) => expand(inner, all),
        Node::Sequence(nodes) => nodes.iter().all(|node| expand(node, all)),
        Node::Choice(nodes) => {
            let before = std::mem::take(all);
            for node in nodes {
                let mut branch = before.clone();
                if !expand(node, &mut branch) {
                    return false;
                }
                all.extend(branch);
                if all.len() > MAX_ALTERNATIVES {
                    return false;
                }
            }
            true
        }
        Node::Repeat { node, optional, .. } => {
            let without = optional.then(|| all.clone());
            if !expand(node, all) {
                return false;
            }
            all.extend(without.unwrap_or_default());
            all.len() <= MAX_ALTERNATIVES
        }
    }
}

fn collect(node: &Node, names: &[Option<String>], groups: &mut Vec<Group>) {
    match node {
        Node::Group(index, inner) => {
            if let Some(index) = index {
                let name = names.get(index - 1).cloned().flatten();
                let mut texts = vec![Alternative::default()];
                let is_named = expand(inner, &mut texts)
                    && texts.iter().all(|text| text.parts.iter().all(|set| set.only().is_some()))
                    && !repeats(inner);
                let characters = characters(inner);
                groups.push(Group { index: *index, name, characters, first: first(inner).0, is_named });
            }
            collect(inner, names, groups);
        }
        Node::Sequence(nodes) | Node::Choice(nodes) => {
            for node in nodes {
                collect(node, names, groups);
            }
        }
        Node::Repeat { node, .. } => collect(node, names, groups),
        Node::Empty | Node::Set(_) | Node::Start | Node::End | Node::Look | Node::Unknown => {}
    }
}

fn characters(node: &Node) -> Characters {
    match node {
        Node::Empty | Node::Start | Node::End | Node::Look => Characters::NONE,
        Node::Set(set) => *set,
        Node::Group(_, inner) => characters(inner),
        Node::Sequence(nodes) | Node::Choice(nodes) => {
            nodes.iter().fold(Characters::NONE, |set, node| set.union(characters(node)))
        }
        Node::Repeat { node, .. } => characters(node),
        Node::Unknown => Characters::ALL,
    }
}

/// What a node can begin with, and whether it can be empty.
fn first(node: &Node) -> (Characters, bool) {
    match node {
        Node::Empty | Node::Start | Node::End | Node::Look => (Characters::NONE, true),
        Node::Set(set) => (*set, false),
        Node::Unknown => (Characters::ALL, true),
        Node::Group(_, inner) => first(inner),
        Node::Sequence(nodes) => {
            let mut all = Characters::NONE;
            for node in nodes {
                let (set, empty) = first(node);
                all = all.union(set);
                if !empty {
                    return (all, false);
                }
            }
            (all, true)
        }
        Node::Choice(nodes) => nodes
            .iter()
            .map(first)
            .fold((Characters::NONE, false), |(all, any), (set, empty)| (all.union(set), any || empty)),
        Node::Repeat { node, optional, .. } => {
            let (set, empty) = first(node);
            (set, empty || *optional)
        }
    }
}

/// Whether anything in a node may come more than once.
fn repeats(node: &Node) -> bool {
    match node {
        Node::Repeat { node, once, .. } => !once || repeats(node),
        Node::Group(_, inner) => repeats(inner),
        Node::Sequence(nodes) | Node::Choice(nodes) => nodes.iter().any(repeats),
        Node::Empty | Node::Set(_) | Node::Start | Node::End | Node::Look | Node::Unknown => false,
    }
}

fn held(node: &Node, by: &Node, from_behind: bool) -> bool {
    match node {
        node if node == by => true,
        Node::Group(_, inner) => held(inner, by, from_behind),
        Node::Choice(nodes) => !nodes.is_empty() && nodes.iter().all(|node| held(node, by, from_behind)),
        Node::Sequence(nodes) => {
            let passes = |node: &&Node| matches!(node, Node::Empty | Node::Look);
            let mut nodes: Vec<&Node> = nodes.iter().collect();
            if from_behind {
                nodes.reverse();
            }
            nodes.into_iter().find(|node| !passes(node)).is_some_and(|node| held(node, by, from_behind))
        }
        Node::Repeat { node, optional: false, .. } => held(node, by, from_behind),
        _ => false,
    }
}

/// Appends the literal text that a node begins with; false where it stops being literal.
fn literal(node: &Node, text: &mut String) -> bool {
    match node {
        Node::Empty | Node::Start | Node::Look => true,
        Node::Set(set) => match set.only() {
            Some(only) => {
                text.push(char::from(only));
                true
            }
            None => false,
        },
        Node::Group(_, inner) => literal(inner, text),
        Node::Sequence(nodes) => nodes.iter().all(|node| literal(node, text)),
        Node::Repeat { .. } | Node::Choice(_) | Node::End | Node::Unknown => false,
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Names of the groups that capture, by index.
    groups: Vec<Option<String>>,
    ignore_case: bool,
    dot_all: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let is_there = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn choice(&mut self, depth: usize) -> Node {
        let mut branches = vec![self.sequence(depth)];
        while self.take(b"|") {
            branches.push(self.sequence(depth));
        }
        if branches.len() == 1 { branches.pop().unwrap_or(Node::Empty) } else { Node::Choice(branches) }
    }

    fn sequence(&mut self, depth: usize) -> Node {
        let mut nodes = Vec::new();
        while let Some(byte) = self.peek() {
            if matches!(byte, b'|' | b')') {
                break;
            }
            let node = self.atom(depth);
            nodes.push(self.repeated(node));
        }
        Node::Sequence(nodes)
    }

    fn repeated(&mut self, node: Node) -> Node {
        let mut node = node;
        loop {
            let (optional, once) = match self.peek() {
                Some(byte @ (b'*' | b'?' | b'+')) => {
                    self.at += 1;
                    (byte != b'+', byte == b'?')
                }
                Some(b'{') => match self.counts() {
                    Some(minimum) => (minimum == 0, false),
                    None => return node,
                },
                _ => return node,
            };
            // Lazy or possessive.
            if matches!(self.peek(), Some(b'?' | b'+')) {
                self.at += 1;
            }
            node = Node::Repeat { node: Box::new(node), optional, once };
        }
    }

    /// `{2}`, `{2,}` or `{2,5}`: the smallest number. Anything else is text.
    fn counts(&mut self) -> Option<u32> {
        let rest = self.bytes.get(self.at + 1..)?;
        let end = rest.iter().position(|&byte| byte == b'}')?;
        let inside = std::str::from_utf8(rest.get(..end)?).ok()?;
        let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
        let minimum = low.trim().parse().ok()?;
        if !high.trim().is_empty() && high.trim().parse::<u32>().is_err() {
            return None;
        }
        self.at += end + 2;
        Some(minimum)
    }

    fn atom(&mut self, depth: usize) -> Node {
        let Some(byte) = self.peek() else { return Node::Empty };
        self.at += 1;
        match byte {
            b'^' => Node::Start,
            b'$' => Node::End,
            b'.' if self.dot_all => Node::Set(Characters::ALL),
            b'.' => Node::Set(Characters::ALL.without(b'\n')),
            b'[' => self.class(),
            b'\\' => self.escape(),
            b'(' if depth >= MAX_DEPTH => {
                self.at = self.bytes.len();
                Node::Unknown
            }
            b'(' => self.group(depth),
            byte => self.set(Characters::of(byte)),
        }
    }

    fn set(&self, set: Characters) -> Node {
        Node::Set(if self.ignore_case { set.without_case() } else { set })
    }

    fn group(&mut self, depth: usize) -> Node {
        let flags = (self.ignore_case, self.dot_all);
        let mut index = None;
        let mut look = false;
        if self.take(b"?") {
            if self.take(b":") || self.take(b">") || self.take(b"|") {
            } else if self.take(b"=") || self.take(b"!") || self.take(b"<=") || self.take(b"<!") {
                look = true;
            } else if self.take(b"#") {
                while self.peek().is_some_and(|byte| byte != b')') {
                    self.at += 1;
                }
                self.take(b")");
                return Node::Empty;
            } else if self.take(b"P<") || self.take(b"<") || self.take(b"'") {
                let start = self.at;
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.at += 1;
                }
                let name = self.bytes.get(start..self.at).unwrap_or_default();
                let name = String::from_utf8_lossy(name).into_owned();
                self.at += 1;
                self.groups.push(Some(name));
                index = Some(self.groups.len());
            } else {
                // Flags: `(?i)` up to the end of the group around it, `(?i:...)` for its own.
                let mut on = true;
                while let Some(byte) = self.peek() {
                    self.at += 1;
                    match byte {
                        b'-' => on = false,
                        b'i' => self.ignore_case = on,
                        b's' => self.dot_all = on,
                        b')' => return Node::Empty,
                        b':' => break,
                        _ => {}
                    }
                }
            }
        } else {
            self.groups.push(None);
            index = Some(self.groups.len());
        }
        let inner = self.choice(depth + 1);
        self.take(b")");
        (self.ignore_case, self.dot_all) = flags;
        if look { Node::Look } else { Node::Group(index, Box::new(inner)) }
    }

    fn escape(&mut self) -> Node {
        let Some(byte) = self.peek() else { return Node::Empty };
        self.at += 1;
        match byte {
            b'A' | b'G' => Node::Start,
            b'z' | b'Z' => Node::End,
            b'b' | b'B' | b'K' => Node::Look,
            b'Q' => {
                let mut nodes = Vec::new();
                while let Some(byte) = self.peek() {
                    if self.take(b"\\E") {
                        break;
                    }
                    self.at += 1;
                    nodes.push(self.set(Characters::of(byte)));
                }
                Node::Sequence(nodes)
            }
            b'E' => Node::Empty,
            // References to other groups, and properties.
            b'1'..=b'9' | b'g' | b'k' | b'p' | b'P' | b'X' => Node::Unknown,
            b'R' => Node::Set(Characters::of(b'\n').union(Characters::of(b'\r'))),
            _ => {
                self.at -= 1;
                match self.escaped_set() {
                    Some(set) => self.set(set),
                    None => Node::Unknown,
                }
            }
        }
    }

    /// What stands behind a backslash, in a class or outside.
    fn escaped_set(&mut self) -> Option<Characters> {
        let byte = self.peek()?;
        self.at += 1;
        let digits = Characters::range(b'0', b'9');
        let word = digits
            .union(Characters::range(b'a', b'z'))
            .union(Characters::range(b'A', b'Z'))
            .union(Characters::of(b'_'));
        let blanks =
            b" \t\n\r\x0b\x0c".iter().fold(Characters::NONE, |set, &byte| set.union(Characters::of(byte)));
        Some(match byte {
            b'd' => digits,
            b'D' => digits.negated(),
            b'w' => word,
            b'W' => word.negated(),
            b's' => blanks,
            b'S' => blanks.negated(),
            b'h' => Characters::of(b' ').union(Characters::of(b'\t')),
            b'H' => Characters::of(b' ').union(Characters::of(b'\t')).negated(),
            b'v' => Characters::range(b'\n', b'\r'),
            b'V' => Characters::range(b'\n', b'\r').negated(),
            b'N' => Characters::of(b'\n').negated(),
            b'n' => Characters::of(b'\n'),
            b'r' => Characters::of(b'\r'),
            b't' => Characters::of(b'\t'),
            b'f' => Characters::of(b'\x0c'),
            b'e' => Characters::of(b'\x1b'),
            b'a' => Characters::of(b'\x07'),
            b'b' => Characters::of(b'\x08'),
            b'0' => Characters::of(0),
            b'x' => self.hexadecimal()?,
            byte => Characters::of(byte),
        })
    }

    fn hexadecimal(&mut self) -> Option<Characters> {
        let start = self.at;
        let braced = self.take(b"{");
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) && (braced || self.at < start + 2) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(self.bytes.get(from..self.at)?).ok()?;
        let value = if digits.is_empty() { 0 } else { u32::from_str_radix(digits, 16).ok()? };
        if braced {
            self.take(b"}");
        }
        Some(Characters::of(u8::try_from(value).unwrap_or(u8::MAX)))
    }

    fn class(&mut self) -> Node {
        let negated = self.take(b"^");
        let mut set = Characters::NONE;
        let mut first = true;
        loop {
            let Some(byte) = self.peek() else { return Node::Unknown };
            self.at += 1;
            if byte == b']' && !first {
                break;
            }
            first = false;
            if byte == b'[' && self.peek() == Some(b':') {
                set = set.union(self.named_class());
                continue;
            }
            let low = match byte {
                b'\\' => match self.escaped_set() {
                    Some(escaped) => escaped,
                    None => return Node::Unknown,
                },
                byte => Characters::of(byte),
            };
            let ranged =
                self.peek() == Some(b'-') && !matches!(self.bytes.get(self.at + 1), None | Some(b']'));
            if !ranged {
                set = set.union(low);
                continue;
            }
            let from = (0..128_u8).find(|byte| low == Characters::of(*byte));
            self.at += 1;
            let high = match self.peek() {
                Some(b'\\') => {
                    self.at += 1;
                    self.escaped_set().unwrap_or(Characters::ALL)
                }
                Some(byte) => {
                    self.at += 1;
                    Characters::of(byte)
                }
                None => return Node::Unknown,
            };
            let to = (0..128_u8).find(|byte| high == Characters::of(*byte));
            set = match (from, to) {
                (Some(from), Some(to)) => set.union(Characters::range(from, to)),
                (Some(from), None) if high.other => set.union(Characters::range(from, u8::MAX)),
                // `[\w-x]`: the dash is itself.
                _ => set.union(low).union(high).union(Characters::of(b'-')),
            };
        }
        if self.ignore_case {
            set = set.without_case();
        }
        // Other characters are taken for one: a class that names some of them may still not hold the rest.
        if negated { Node::Set(Characters { other: true, ..set.negated() }) } else { Node::Set(set) }
    }

    /// `[:alpha:]`, behind its bracket.
    fn named_class(&mut self) -> Characters {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|pair| pair == b":]") else { return Characters::ALL };
        let name = rest.get(1..end).unwrap_or_default();
        self.at += end + 2;
        let lower = Characters::range(b'a', b'z');
        let upper = Characters::range(b'A', b'Z');
        let digits = Characters::range(b'0', b'9');
        match name {
            b"alpha" => lower.union(upper),
            b"lower" => lower,
            b"upper" => upper,
            b"digit" => digits,
            b"alnum" => lower.union(upper).union(digits),
            b"word" => lower.union(upper).union(digits).union(Characters::of(b'_')),
            b"xdigit" => digits.union(Characters::range(b'a', b'f')).union(Characters::range(b'A', b'F')),
            b"graph" | b"punct" => Characters::range(b'!', b'~'),
            b"print" => Characters::range(b' ', b'~'),
            _ => Characters::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pattern: &str, index: usize) -> Characters {
        Pattern::new(pattern, false).groups()[index].characters
    }

    #[test]
    fn groups_hold_what_their_classes_hold() {
        for (pattern, newline, slash) in [
            (r"^/a/(.*)$", false, true),
            (r"^/a/([^/]*)$", true, false),
            (r"^/a/([^/\s]+)", false, false),
            (r"^/a/([^/\r\n]+)", false, false),
            (r"^/a/(\w+|[a-z./-]*)", false, true),
            (r"^/a/((?:x|[^.])+)", true, true),
            (r"^/a/(?<n>\d{1,3})", false, false),
            (r"(?s)^/a/(.*)", true, true),
            (r"^/a/((?s).*)/x(.)", true, true),
            (r"^/a/([[:alnum:]]+)", false, false),
            (r"^/a/(\S*)", false, true),
            (r"^/a/(\D)", true, true),
            (r"^/a/([\x00-\x20])", true, false),
            (r"^/a/(a{2}(?!b)c)", false, false),
            (r"^/a/([^\x{2f}])", true, false),
            (r"^/a/([]/])", false, true),
        ] {
            let set = group(pattern, 0);
            assert_eq!((set.contains(b'\n'), set.contains(b'/')), (newline, slash), "{pattern}");
        }
        assert!(!group(r"^/a/((?s).*)/x(.)", 1).contains(b'\n'), "the flag ends with its group");
        let names: Vec<_> = Pattern::new("(a)(?:b)(?<c>d)(?P<e>f)", false)
            .groups()
            .iter()
            .map(|g| (g.index, g.name.clone()))
            .collect();
        assert_eq!(names, [(1, None), (2, Some("c".into())), (3, Some("e".into()))]);
    }

    #[test]
    fn patterns_are_held_where_every_branch_is() {
        let held = |text: &str| {
            let pattern = Pattern::new(text, false);
            (pattern.is_held_at_start(), pattern.is_held_at_end())
        };
        assert_eq!(held(r"^https://a\.b$"), (true, true));
        assert_eq!(held(r"^a|b$"), (false, false));
        assert_eq!(held(r"^(a|b)$"), (true, true));
        assert_eq!(held(r"(^a$|^b$)"), (true, true));
        assert_eq!(held(r"\.php$"), (false, true));
        assert_eq!(held(r"^/x(/|$)"), (true, false));
        assert_eq!(held(r"(?i)^a"), (true, false));
        assert_eq!(Pattern::new(r"^/static/(.*)$", false).prefix(), "/static/");
        assert_eq!(Pattern::new(r"^/a\.b[cd]", true).prefix(), "/a.b");
    }

    #[test]
    fn hostile_patterns_end() {
        for text in [
            "(".repeat(10_000),
            "[".repeat(4_000),
            "(?<".into(),
            r"\".into(),
            "[a-".into(),
            "a{99".into(),
            "(a|".repeat(2_000),
        ] {
            let pattern = Pattern::new(&text, true);
            pattern.alternatives();
            assert!(pattern.groups().len() < 5_000);
        }
        assert!(Pattern::new("((((a?|b?){1,2}c*)", false).alternatives().len() <= 64);
    }
}
