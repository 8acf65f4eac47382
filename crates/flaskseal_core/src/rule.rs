//! What every rule says of itself.

use std::fmt;
use std::str::FromStr;

use crate::{ControlId, Item};

/// A rule's number: `FS301` is rule 01 of item 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u16);

impl RuleId {
    /// # Panics
    /// At compile time, when the number names no item of the checklist.
    pub const fn new(number: u16) -> Self {
        assert!(number >= 100 && number < 800, "a rule's hundred is its item");
        Self(number)
    }

    pub const fn number(self) -> u16 {
        self.0
    }

    pub fn item(self) -> Item {
        Item::from_number((self.0 / 100) as u8).unwrap_or(Item::Debug)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FS{}", self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RuleId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix("FS").or_else(|| text.strip_prefix("fs")).ok_or(())?;
        match digits.parse::<u16>() {
            Ok(number) if digits.len() == 3 && (100..800).contains(&number) => Ok(Self(number)),
            _ => Err(()),
        }
    }
}

/// How bad it is if it is true.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.key() == key)
    }

    /// One step down, never below low.
    pub const fn lowered(self) -> Self {
        match self {
            Self::Low | Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}

/// How sure we are. A tentative finding is "to review" and never fails an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    Tentative,
    Firm,
    Certain,
}

impl Confidence {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Firm => "firm",
            Self::Certain => "certain",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Tentative, Self::Firm, Self::Certain].into_iter().find(|confidence| confidence.key() == key)
    }
}

/// Where evidence comes from, weakest first: where layers disagree, the stronger decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    Source,
    Template,
    Deps,
    Deploy,
    Host,
    Runtime,
    Live,
}

impl Layer {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Template => "template",
            Self::Deps => "deps",
            Self::Deploy => "deploy",
            Self::Host => "host",
            Self::Runtime => "runtime",
            Self::Live => "live",
        }
    }
}

/// Whether the rule can propose an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FixAvailability {
    /// Advice in words only.
    None,
    /// An edit that may change behaviour, applied only on request.
    Unsafe,
    /// An edit that cannot break a working production deployment.
    Safe,
}

impl FixAvailability {
    pub const fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unsafe => "unsafe",
            Self::Safe => "safe",
        }
    }
}

/// A rule's metadata, written once beside its check. `explain`, the rule table, JSON and SARIF are made from it.
#[derive(Debug)]
pub struct RuleMeta {
    pub id: RuleId,
    /// Completes "allow …": `hardcoded-secret-key`.
    pub name: &'static str,
    /// One sentence: what is wrong when the rule speaks.
    pub summary: &'static str,
    /// The default; each finding carries the severity that its circumstances give it.
    pub severity: Severity,
    pub confidence: Confidence,
    /// The controls that a finding of this rule violates.
    pub controls: &'static [ControlId],
    /// Layers in which this version looks for the rule.
    pub layers: &'static [Layer],
    pub cwe: &'static [u16],
    /// OWASP Top 10 2021 category, `A05`, where one honestly fits. A trailing `~` marks our own choice.
    pub owasp: Option<&'static str>,
    /// OWASP ASVS 5.0.0 requirements.
    pub asvs: &'static [&'static str],
    pub fix: FixAvailability,
    /// The Markdown page beside the rule: its documentation and its tests.
    pub page: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_ids_are_read_as_they_are_printed() {
        assert_eq!("FS301".parse(), Ok(RuleId::new(301)));
        assert_eq!(RuleId::new(301).to_string(), "FS301");
        assert_eq!(RuleId::new(301).item(), Item::Session);
        for wrong in ["FS99", "FS0301", "FS812", "301", "FS3x1", "FS+31", ""] {
            assert!(wrong.parse::<RuleId>().is_err(), "{wrong}");
        }
    }
}
