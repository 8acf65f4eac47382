//! The baseline: findings that were known before, by fingerprint, in a file that people can review.

use std::collections::BTreeSet;

use flaskseal_core::{GateReport, RuleId, RuleMeta, Standing, Tree};
use serde::{Deserialize, Serialize};

const HEADER: &str = "\
# Findings that were known when this file was written. From severity high on, an entry fails its item until somebody
# accepts it here: accepted = \"why\". Written by `flaskseal baseline write`; `flaskseal baseline prune` removes what
# is gone.

";

/// Known findings, sorted by path, rule and fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    #[serde(default, rename = "finding", skip_serializing_if = "Vec::is_empty")]
    entries: Vec<BaselineEntry>,
}

/// A known finding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineEntry {
    /// For people; the fingerprint decides.
    #[serde(default)]
    pub path: String,
    /// For people.
    #[serde(default)]
    pub rule: String,
    pub fingerprint: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why the finding may stay, whatever its severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

impl BaselineEntry {
    /// The reason, unless it is blank.
    pub fn accepted(&self) -> Option<&str> {
        self.accepted.as_deref().map(str::trim).filter(|reason| !reason.is_empty())
    }

    /// Whether the absence of the finding means that it is gone.
    pub(crate) fn rule_ran(&self, rules: &[&'static RuleMeta]) -> bool {
        self.rule.parse().map_or(true, |id: RuleId| rules.iter().any(|rule| rule.id == id))
    }
}

/// A baseline file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("the baseline cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error("the baseline has version {0}, this program reads version 1")]
    Version(u32),
}

impl Baseline {
    /// Reads a baseline file (TOML).
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let baseline: Self = toml::from_str(text)?;
        if baseline.version == 1 {
            Ok(Self::new(baseline.entries))
        } else {
            Err(BaselineError::Version(baseline.version))
        }
    }

    /// Everything that the report does not already suppress. Reasons given for entries of the baseline that the
    /// report was made with are kept.
    pub fn from_report(report: &GateReport, tree: &Tree) -> Self {
        let entries = report.findings.iter().filter_map(|reported| {
            let accepted = match &reported.standing {
                Standing::Suppressed { .. } | Standing::Overruled { .. } => return None,
                Standing::Counts => None,
                Standing::Baselined { accepted } => accepted.clone(),
            };
            let file = reported.finding.primary.span.and_then(|span| tree.get(span.file));
            Some(BaselineEntry {
                path: file.map_or_else(String::new, |file| file.path.to_string()),
                rule: reported.finding.rule.to_string(),
                fingerprint: reported.fingerprint.clone(),
                message: reported.finding.message.clone(),
                accepted,
            })
        });
        Self::new(entries.collect())
    }

    fn new(mut entries: Vec<BaselineEntry>) -> Self {
        entries.sort();
        entries.dedup_by(|a, b| a.fingerprint == b.fingerprint && a.path == b.path && a.rule == b.rule);
        Self { version: 1, entries }
    }

    /// Accepts every entry that nobody has accepted yet.
    pub fn accept(&mut self, reason: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.accepted().is_none()) {
            entry.accepted = Some(reason.to_owned());
        }
    }

    pub fn entries(&self) -> &[BaselineEntry] {
        &self.entries
    }

    /// The file's text. The same entries give the same bytes.
    pub fn to_text(&self) -> String {
        let body = toml::to_string(self).expect("strings and numbers are always representable in TOML");
        format!("{HEADER}{body}")
    }

    /// Removes the entries that the report no longer has, and returns them. `rules` are the rules that ran: of the
    /// others nothing is known.
    pub fn prune(&mut self, report: &GateReport, rules: &[&'static RuleMeta]) -> Vec<BaselineEntry> {
        let known: BTreeSet<&str> = report.findings.iter().map(|reported| &*reported.fingerprint).collect();
        let (kept, gone) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(|entry| known.contains(&*entry.fingerprint) || !entry.rule_ran(rules));
        self.entries = kept;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, fingerprint: &str) -> BaselineEntry {
        BaselineEntry {
            path: path.to_owned(),
            rule: "FS301".to_owned(),
            fingerprint: fingerprint.to_owned(),
            message: "`KEY` is \"a\" literal".to_owned(),
            accepted: None,
        }
    }

    #[test]
    fn text_is_sorted_and_read_back() {
        let mut baseline = Baseline::new(vec![entry("b.py", "02"), entry("a.py", "03"), entry("a.py", "01")]);
        baseline.accept("legacy, TICKET-7");
        let text = baseline.to_text();
        assert_eq!(Baseline::parse(&text).unwrap(), baseline);
        let order: Vec<_> = baseline.entries().iter().map(|entry| &*entry.fingerprint).collect();
        assert_eq!(order, ["01", "03", "02"]);
    }

    #[test]
    fn an_empty_baseline_is_one() {
        let empty = Baseline::new(Vec::new());
        assert_eq!(Baseline::parse(&empty.to_text()).unwrap(), empty);
    }

    #[test]
    fn other_versions_and_unknown_keys_are_errors() {
        assert!(matches!(Baseline::parse("version = 2"), Err(BaselineError::Version(2))));
        assert!(matches!(Baseline::parse("version = 1\nfindings = 3"), Err(BaselineError::Syntax(_))));
        assert!(Baseline::parse("").is_err());
    }

    #[test]
    fn a_blank_reason_accepts_nothing() {
        assert_eq!(BaselineEntry { accepted: Some("  ".to_owned()), ..entry("a.py", "01") }.accepted(), None);
    }
}
