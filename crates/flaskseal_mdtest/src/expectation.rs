//! One expectation: `finding: FS301 critical certain "literal"`.

use std::fmt;
use std::str::FromStr;

use flaskseal_core::{CONTROLS, Confidence, ControlId, Item, RuleId, Severity};

/// What is expected, or was observed, at a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    Finding,
    /// A step of a finding's trail.
    Trail,
    Support,
    Gap,
    /// A known false negative: a finding belongs here and is not made yet.
    Missing,
    /// A known false positive: a finding is made here and should not be.
    Spurious,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Finding, Self::Trail, Self::Support, Self::Gap, Self::Missing, Self::Spurious];

    /// The word on the page.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Trail => "trail",
            Self::Support => "support",
            Self::Gap => "gap",
            Self::Missing => "missing",
            Self::Spurious => "spurious",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// What an expectation or a verdict speaks of: a rule, a control (`C3.1`) or an item of the checklist (`session`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    Rule(RuleId),
    Control(ControlId),
    Item(Item),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => rule.fmt(f),
            Self::Control(control) => control.fmt(f),
            Self::Item(item) => f.write_str(item.key()),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(rule) = text.parse() {
            return Ok(Self::Rule(rule));
        }
        if let Some(item) = Item::from_key(text) {
            return Ok(Self::Item(item));
        }
        let control = CONTROLS.iter().find(|control| control.id.to_string() == text);
        control
            .map(|control| Self::Control(control.id))
            .ok_or_else(|| format!("`{text}` is no rule (FS301), control (C3.1) or item (session)"))
    }
}

/// What a page announces at one line of one file. What it leaves open (severity, columns, text) may be anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// Empty for something that has no place.
    pub path: String,
    /// From 1; 0 for something that has no place.
    pub line: u32,
    /// From 1, the end exclusive, counting characters.
    pub columns: Option<(u32, u32)>,
    pub kind: Kind,
    pub rule: Subject,
    pub severity: Option<Severity>,
    pub confidence: Option<Confidence>,
    /// A part of the message.
    pub text: Option<String>,
}

impl Expectation {
    /// How much the expectation pins down; the stricter ones choose first.
    pub(crate) fn strictness(&self) -> usize {
        usize::from(self.columns.is_some())
            + usize::from(self.text.is_some())
            + usize::from(self.severity.is_some())
            + usize::from(self.confidence.is_some())
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.key(), self.rule)?;
        if let Some(severity) = self.severity {
            write!(f, " {}", severity.key())?;
        }
        if let Some(confidence) = self.confidence {
            write!(f, " {}", confidence.key())?;
        }
        if let Some((start, end)) = self.columns {
            write!(f, " columns {start}..{end}")?;
        }
        if let Some(text) = &self.text {
            write!(f, " \"{text}\"")?;
        }
        Ok(())
    }
}

/// Whether a comment is meant as an expectation: it begins with one of the words, or it has the shape of one
/// (`word: FS301`), so that a misspelt word is an error and never silently a comment.
pub(crate) fn is_meant(comment: &str) -> bool {
    let word: &str = comment.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    let rest = comment.get(word.len()..).unwrap_or("");
    let names_subject = |text: &str| {
        let subject = text.split_whitespace().next().unwrap_or("");
        !Item::ALL.iter().any(|item| item.key() == subject) && subject.parse::<Subject>().is_ok()
    };
    match rest.trim_start().strip_prefix(':') {
        Some(after) => Kind::from_key(word).is_some() || names_subject(after),
        None => Kind::from_key(word).is_some() && names_subject(rest),
    }
}

/// Reads `finding: FS301 critical "literal"`; several may follow each other on one line, each after a new `opener`.
pub(crate) fn parse(
    comment: &str,
    path: &str,
    line: u32,
    openers: &[&str],
) -> Result<Vec<Expectation>, String> {
    let mut expectations = Vec::new();
    let mut rest = comment.trim();
    loop {
        let (expectation, left) = parse_one(rest, path, line)?;
        expectations.push(expectation);
        if left.is_empty() {
            return Ok(expectations);
        }
        rest = openers
            .iter()
            .find_map(|opener| left.strip_prefix(opener))
            .map(str::trim_start)
            .ok_or_else(|| format!("`{left}` after an expectation is not understood"))?;
    }
}

fn parse_one<'t>(text: &'t str, path: &str, line: u32) -> Result<(Expectation, &'t str), String> {
    let (word, rest) =
        text.split_once(':').ok_or_else(|| format!("`{text}` lacks a colon after its first word"))?;
    let kind = Kind::from_key(word.trim()).ok_or_else(|| {
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.key()).collect();
        format!("`{}` is not an expectation; the words are {}", word.trim(), words.join(", "))
    })?;
    let (subject, mut rest) = split_word(rest.trim_start());
    let mut expectation = Expectation {
        path: path.to_owned(),
        line,
        columns: None,
        kind,
        rule: subject.parse()?,
        severity: None,
        confidence: None,
        text: None,
    };
    loop {
        let (word, after) = split_word(rest);
        if let Some(severity) = Severity::from_key(word) {
            expectation.severity = Some(severity);
        } else if let Some(confidence) = Confidence::from_key(word) {
            expectation.confidence = Some(confidence);
        } else {
            break;
        }
        rest = after;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (text, after) = quoted.split_once('"').ok_or("the quoted text has no closing quote")?;
        expectation.text = Some(text.to_owned());
        rest = after.trim_start();
    }
    Ok((expectation, rest))
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let text = "finding: FS301 critical certain \"a literal\"";
        let found = parse(text, "app.py", 3, &["#"]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), text.replacen(':', "", 1));
    }

    #[test]
    fn several_on_one_line() {
        let found =
            parse("finding: FS301 # support: C3.2 \"#\" # trail: FS302", "app.py", 3, &["#"]).unwrap();
        assert_eq!(
            found.iter().map(|e| e.kind).collect::<Vec<_>>(),
            [Kind::Finding, Kind::Support, Kind::Trail]
        );
        assert_eq!(found[1].text.as_deref(), Some("#"));
    }

    #[test]
    fn what_is_misspelt_is_an_error() {
        for wrong in [
            "findng: FS301",
            "finding: FS9",
            "finding: C9.9",
            "finding: FS301 sever",
            "finding: FS301 \"open",
            "finding FS301",
            "finding:",
        ] {
            assert!(parse(wrong, "app.py", 1, &["#"]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tells_expectations_from_remarks() {
        for meant in ["finding: FS301", "findng: FS301", "finding FS301", "gap: session", "missing: FS3"] {
            assert!(is_meant(meant), "{meant}");
        }
        for remark in ["see FS301", "missing values are None", "note: debug only", "gap", "TODO: x", ""] {
            assert!(!is_meant(remark), "{remark}");
        }
    }
}
