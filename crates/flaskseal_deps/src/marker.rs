//! Environment markers (PEP 508, with the two names that PEP 751 adds), decided for what is known of production.

use std::str::FromStr as _;

use flaskseal_core::one_line;
use pep440_rs::{Version, VersionSpecifier};

use crate::normalize;
use crate::specifier::{admits, admits_one};

/// A marker, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Marker {
    Compare { left: Operand, operator: Operator, right: Operand },
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// One side of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    Variable(String),
    Text(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Compatible,
    Identical,
    In,
    NotIn,
}

/// What is known of the place that packages are installed for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// The minor versions of Python that it may be; empty where nothing is known.
    pub pythons: Vec<(u64, u64)>,
    /// It is Linux; otherwise nothing is known of the system.
    pub linux: bool,
    /// The extras that are installed, normalised.
    pub extras: Vec<String>,
    /// The dependency groups that are installed, normalised.
    pub groups: Vec<String>,
}

/// Parentheses nested deeper than this are no marker that anybody wrote.
const MAX_DEPTH: u32 = 32;
/// Characters of a marker that are shown.
const MAX_SHOWN: usize = 120;
/// Words of one marker.
const MAX_WORDS: usize = 4_000;
/// The newest minor version of Python 3 that is thought of, where a project says "this or newer".
const NEWEST_MINOR: u64 = 20;

impl Marker {
    /// Reads a marker; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let words = words(text)?;
        let mut reader = Reader { words: &words, at: 0, depth: 0 };
        let marker = reader.any()?;
        (reader.at == words.len()).then_some(marker)
    }

    /// Whether the marker holds there; `None` where that depends on what is not known.
    pub fn holds(&self, target: &Target) -> Option<bool> {
        let pythons = target.candidates();
        let mut answers = pythons.iter().map(|python| self.holds_with(target, python.as_ref()));
        let first = answers.next()??;
        answers.all(|answer| answer == Some(first)).then_some(first)
    }

    fn holds_with(&self, target: &Target, python: Option<&Python>) -> Option<bool> {
        match self {
            Self::Compare { left, operator, right } => {
                compare(&left.resolve(target, python), *operator, &right.resolve(target, python))
            }
            Self::All(parts) => decide(parts.iter().map(|part| part.holds_with(target, python)), false),
            Self::Any(parts) => decide(parts.iter().map(|part| part.holds_with(target, python)), true),
        }
    }
}

impl Marker {
    /// For people: the marker, and where the version of Python alone decides it, what each version says.
    pub fn describe(&self, target: &Target) -> String {
        let whole = one_line(&self.to_string());
        let mut text: String = whole.chars().take(MAX_SHOWN).collect();
        if text.len() < whole.len() {
            text.push_str("...");
        }
        let with = |python: &(u64, u64)| self.holds(&Target { pythons: vec![*python], ..target.clone() });
        let answers: Vec<Option<bool>> = target.pythons.iter().map(with).collect();
        if answers.is_empty() || answers.contains(&None) {
            return text;
        }
        let named = |wanted: bool| {
            let all = target.pythons.iter().zip(&answers).filter(|(_, answer)| **answer == Some(wanted));
            let all: Vec<(u64, u64)> = all.map(|(python, _)| *python).collect();
            let runs = all.chunk_by(|(major, minor), next| *next == (*major, minor + 1));
            let shown: Vec<String> = runs.map(shown_run).collect();
            if shown.is_empty() { "no version".to_owned() } else { shown.join(", ") }
        };
        format!("{text}: with Python {}, and not with {}", named(true), named(false))
    }
}

/// Versions of Python without a gap, for people.
fn shown_run(run: &[(u64, u64)]) -> String {
    match run {
        [(major, minor)] => format!("{major}.{minor}"),
        [(major, minor), .., (_, NEWEST_MINOR)] => format!("{major}.{minor} and newer"),
        [(major, minor), .., (last_major, last)] => format!("{major}.{minor} to {last_major}.{last}"),
        [] => String::new(),
    }
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |f: &mut std::fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (index, part) in parts.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { word })?;
                match part {
                    Self::Any(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Compare { left, operator, right } => write!(f, "{left} {} {right}", operator.sign()),
            Self::All(parts) => listed(f, parts, " and "),
            Self::Any(parts) => listed(f, parts, " or "),
        }
    }
}

impl std::fmt::Display for Operand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Compatible => "~=",
            Self::Identical => "===",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }
}

/// One answer that decides, or all of them the other way, or nothing.
fn decide(answers: impl Iterator<Item = Option<bool>>, deciding: bool) -> Option<bool> {
    let mut all_known = true;
    for answer in answers {
        match answer {
            Some(answer) if answer == deciding => return Some(deciding),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!deciding)
}

struct Python {
    minor: Version,
    full: Version,
}

impl Target {
    /// The versions of Python to try: the first and the last release of each minor version that it may be.
    fn candidates(&self) -> Vec<Option<Python>> {
        if self.pythons.is_empty() {
            return vec![None];
        }
        let python = |&(major, minor): &(u64, u64)| {
            [0, 99].map(|patch| {
                let full = Version::new([major, minor, patch]);
                Some(Python { minor: Version::new([major, minor]), full })
            })
        };
        self.pythons.iter().take(32).flat_map(python).collect()
    }

    /// The minor versions of Python 3 that a `requires-python` admits, from the oldest that is still met.
    pub fn pythons_admitted(specifiers: &pep440_rs::VersionSpecifiers) -> Vec<(u64, u64)> {
        let admits = |minor: &u64| {
            // The first and last releases, and one between: `!=3.9.0` and `>=3.9.2` admit 3.9.
            [0, 5, 30].iter().any(|patch| admits(specifiers, &Version::new([3, *minor, *patch])))
        };
        (6..=NEWEST_MINOR).filter(admits).map(|minor| (3, minor)).collect()
    }
}

enum Side<'a> {
    Text(&'a str),
    Version(Version),
    List(&'a [String]),
    Unknown,
}

impl Operand {
    fn resolve<'a>(&'a self, target: &'a Target, python: Option<&Python>) -> Side<'a> {
        let name = match self {
            Self::Text(text) => return Side::Text(text),
            Self::Variable(name) => name.as_str(),
        };
        let version = |of: fn(&Python) -> &Version| match python {
            Some(python) => Side::Version(of(python).clone()),
            None => Side::Unknown,
        };
        match name {
            "python_version" => version(|python| &python.minor),
            "python_full_version" | "implementation_version" => version(|python| &python.full),
            "os_name" | "os.name" if target.linux => Side::Text("posix"),
            "sys_platform" | "sys.platform" if target.linux => Side::Text("linux"),
            "platform_system" if target.linux => Side::Text("Linux"),
            // Nobody deploys Flask on anything else without saying so in a way that we do not read.
            "platform_python_implementation" | "platform.python_implementation" | "python_implementation" => {
                Side::Text("CPython")
            }
            "implementation_name" => Side::Text("cpython"),
            "extra" | "extras" => Side::List(&target.extras),
            "dependency_groups" => Side::List(&target.groups),
            _ => Side::Unknown,
        }
    }
}

fn compare(left: &Side<'_>, operator: Operator, right: &Side<'_>) -> Option<bool> {
    match (left, right) {
        (Side::Unknown, _) | (_, Side::Unknown) => None,
        (Side::Version(version), Side::Text(text)) => compare_version(version, operator, text),
        (Side::Text(text), Side::Version(version)) => compare_version(version, operator.mirrored()?, text),
        // `extra == "async"`, `"dev" in dependency_groups`.
        (Side::List(list), Side::Text(text)) | (Side::Text(text), Side::List(list)) => {
            let is_in = list.contains(&normalize(text));
            match operator {
                Operator::Equal | Operator::In | Operator::Identical => Some(is_in),
                Operator::NotEqual | Operator::NotIn => Some(!is_in),
                _ => None,
            }
        }
        (Side::Text(left), Side::Text(right)) => match operator {
            Operator::Equal | Operator::Identical => Some(left == right),
            Operator::NotEqual => Some(left != right),
            Operator::In => Some(right.contains(left)),
            Operator::NotIn => Some(!right.contains(left)),
            Operator::Less => Some(left < right),
            Operator::LessEqual => Some(left <= right),
            Operator::Greater => Some(left > right),
            Operator::GreaterEqual => Some(left >= right),
            Operator::Compatible => None,
        },
        _ => None,
    }
}

fn compare_version(version: &Version, operator: Operator, text: &str) -> Option<bool> {
    if matches!(operator, Operator::In | Operator::NotIn) {
        let is_in = text
            .split([' ', ','])
            .filter_map(|word| Version::from_str(word.trim()).ok())
            .any(|known| known == *version);
        return Some(is_in == (operator == Operator::In));
    }
    Some(admits_one(
        &VersionSpecifier::from_str(&format!("{}{}", operator.sign(), text.trim())).ok()?,
        version,
    ))
}

impl Operator {
    /// The operator that says the same with its sides exchanged.
    fn mirrored(self) -> Option<Self> {
        match self {
            Self::Less => Some(Self::Greater),
            Self::LessEqual => Some(Self::GreaterEqual),
            Self::Greater => Some(Self::Less),
            Self::GreaterEqual => Some(Self::LessEqual),
            Self::Equal | Self::NotEqual | Self::Identical => Some(self),
            Self::Compatible | Self::In | Self::NotIn => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Word {
    Open,
    Close,
    Name(String),
    Text(String),
    Operator(Operator),
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if words.len() >= MAX_WORDS {
            return None;
        }
        let (word, length) = match first {
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            '"' | '\'' => {
                let body = rest.get(1..)?;
                let end = body.find(first)?;
                (Word::Text(body.get(..end)?.to_owned()), end + 2)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
                let end = rest.find(|c| !is_inner(c)).unwrap_or(rest.len());
                let name = rest.get(..end)?;
                let after = rest.get(end..)?.trim_start();
                match name {
                    "in" => (Word::Operator(Operator::In), end),
                    "not" => {
                        let rest_of = after.strip_prefix("in")?;
                        (Word::Operator(Operator::NotIn), rest.len() - rest_of.len())
                    }
                    _ => (Word::Name(name.to_owned()), end),
                }
            }
            _ => {
                let signs = [
                    ("===", Operator::Identical),
                    ("==", Operator::Equal),
                    ("!=", Operator::NotEqual),
                    ("~=", Operator::Compatible),
                    ("<=", Operator::LessEqual),
                    (">=", Operator::GreaterEqual),
                    ("<", Operator::Less),
                    (">", Operator::Greater),
                ];
                let (sign, operator) = signs.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
                (Word::Operator(operator), sign.len())
            }
        };
        words.push(word);
        rest = rest.get(length..)?.trim_start();
    }
    Some(words)
}

struct Reader<'a> {
    words: &'a [Word],
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn any(&mut self) -> Option<Marker> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Marker::Any(parts) })
    }

    fn all(&mut self) -> Option<Marker> {
        let mut parts = vec![self.one()?];
        while self.keyword("and") {
            parts.push(self.one()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Marker::All(parts) })
    }

    fn one(&mut self) -> Option<Marker> {
        if self.words.get(self.at) == Some(&Word::Open) {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            self.at += 1;
            let inner = self.any()?;
            if self.words.get(self.at) != Some(&Word::Close) {
                return None;
            }
            self.at += 1;
            self.depth -= 1;
            return Some(inner);
        }
        let left = self.operand()?;
        let Some(Word::Operator(operator)) = self.words.get(self.at) else { return None };
        self.at += 1;
        Some(Marker::Compare { left, operator: *operator, right: self.operand()? })
    }

    fn operand(&mut self) -> Option<Operand> {
        let operand = match self.words.get(self.at)? {
            Word::Name(name) => Operand::Variable(name.clone()),
            Word::Text(text) => Operand::Text(text.clone()),
            _ => return None,
        };
        self.at += 1;
        Some(operand)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.words.get(self.at), Some(Word::Name(name)) if name == keyword);
        self.at += usize::from(is_next);
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(marker: &str, target: &Target) -> Option<bool> {
        Marker::parse(marker).unwrap_or_else(|| panic!("{marker}")).holds(target)
    }

    #[test]
    fn decided_where_the_target_is_known() {
        let target = Target { pythons: vec![(3, 12)], linux: true, ..Target::default() };
        for (marker, answer) in [
            ("python_version >= '3.8'", Some(true)),
            ("python_version < '3.8'", Some(false)),
            ("'3.8' <= python_version", Some(true)),
            ("python_version == '3.12.*'", Some(true)),
            ("python_version in '3.11, 3.12'", Some(true)),
            ("python_full_version < '3.12'", Some(false)),
            ("python_full_version < '3.12.4'", None),
            ("sys_platform == 'win32'", Some(false)),
            ("sys_platform != \"win32\" and os_name == 'posix'", Some(true)),
            ("platform_machine == 'x86_64'", None),
            ("platform_machine == 'x86_64' and sys_platform == 'darwin'", Some(false)),
            ("platform_machine == 'x86_64' or platform_system == 'Linux'", Some(true)),
            ("extra == 'async'", Some(false)),
            (
                "(python_version<'3' or (python_version>='3.10')) and implementation_name=='cpython'",
                Some(true),
            ),
            ("'dev' in dependency_groups", Some(false)),
            ("'dev' not in dependency_groups", Some(true)),
        ] {
            assert_eq!(holds(marker, &target), answer, "{marker}");
        }
    }

    #[test]
    fn both_ways_where_it_is_not() {
        let unknown = Target::default();
        assert_eq!(holds("python_version < '3.8'", &unknown), None);
        assert_eq!(holds("sys_platform == 'win32'", &unknown), None);
        let newer = Target { pythons: (10..=14).map(|minor| (3, minor)).collect(), ..Target::default() };
        assert_eq!(holds("python_version < '3.8'", &newer), Some(false));
        assert_eq!(holds("python_version < '3.12'", &newer), None);
        // What no single comparison decides, both together may.
        assert_eq!(holds("python_version < '3.12' or python_version >= '3.12'", &newer), Some(true));
    }

    #[test]
    fn what_is_no_marker() {
        let deep = "(".repeat(200_000);
        for text in
            ["", "python_version", "python_version >", "a == 'b", "a == 'b' and", "(a == 'b'", "é", &deep]
        {
            assert_eq!(Marker::parse(text), None, "{}", &text[..text.len().min(30)]);
        }
    }

    #[test]
    fn markers_for_people() {
        let described = |marker: &str, pythons: &[(u64, u64)]| {
            let target = Target { pythons: pythons.to_vec(), linux: true, ..Target::default() };
            Marker::parse(marker).unwrap().describe(&target)
        };
        let three = [(3, 9), (3, 10), (3, 11)];
        assert_eq!(
            described("python_version < \"3.11\"", &three),
            "python_version < '3.11': with Python 3.9 to 3.10, and not with 3.11"
        );
        let newer: Vec<(u64, u64)> = (10..=20).map(|minor| (3, minor)).collect();
        assert_eq!(
            described("python_version<'3.11' and (os_name=='posix' or 'x' in platform_version)", &newer),
            "python_version < '3.11' and (os_name == 'posix' or 'x' in platform_version): with Python 3.10, and not with 3.11 and newer"
        );
        assert_eq!(
            described("python_version != '3.10'", &[(3, 9), (3, 10), (3, 11), (3, 12)]),
            "python_version != '3.10': with Python 3.9, 3.11 to 3.12, and not with 3.10"
        );
        assert_eq!(
            described("python_version != '3.12'", &newer),
            "python_version != '3.12': with Python 3.10 to 3.11, 3.13 and newer, and not with 3.12"
        );
        assert_eq!(described("platform_machine == 'arm64'", &three), "platform_machine == 'arm64'");
        assert_eq!(
            described("platform_machine == '\u{1b}[2J\n'", &three),
            "platform_machine == '\\u{1b}[2J\\n'"
        );
        let long = format!("platform_machine == '{}'", "é".repeat(300));
        assert!(described(&long, &three).ends_with("..."));
    }
}
