//! The counts that every format ends with.

use flaskseal_core::{Confidence, GateReport, Severity, Standing, Verdict};

/// Findings and items by what became of them.
pub(crate) struct Summary {
    /// Findings that stand, worst severity first; tentative ones are counted apart.
    pub(crate) by_severity: [(Severity, usize); 4],
    pub(crate) to_review: usize,
    pub(crate) suppressed: usize,
    pub(crate) baselined: usize,
    pub(crate) failed: usize,
    pub(crate) not_verified: usize,
}

impl Summary {
    pub(crate) fn of(report: &GateReport) -> Self {
        let standing = |wanted: fn(&Standing) -> bool| {
            report.findings.iter().filter(|reported| wanted(&reported.standing)).count()
        };
        let standing_findings = || {
            report
                .findings
                .iter()
                .filter(|reported| reported.standing == Standing::Counts)
                .map(|reported| &reported.finding)
        };
        let count = |severity| {
            standing_findings()
                .filter(|finding| finding.severity == severity && finding.confidence > Confidence::Tentative)
                .count()
        };
        let items = |verdict| {
            report.apps.iter().flat_map(|app| &app.items).filter(|item| item.verdict == verdict).count()
        };
        Self {
            by_severity: [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
                .map(|severity| (severity, count(severity))),
            to_review: standing_findings()
                .filter(|finding| finding.confidence == Confidence::Tentative)
                .count(),
            suppressed: standing(|standing| matches!(standing, Standing::Suppressed { .. })),
            baselined: standing(|standing| matches!(standing, Standing::Baselined { .. })),
            failed: items(Verdict::Fail),
            not_verified: items(Verdict::NotVerified),
        }
    }

    /// `1 critical, 2 high, 3 to review`.
    pub(crate) fn findings(&self) -> String {
        let mut parts: Vec<String> = self
            .by_severity
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| format!("{count} {}", severity.key()))
            .collect();
        for (count, what) in [
            (self.to_review, "to review"),
            (self.suppressed, "suppressed"),
            (self.baselined, "in the baseline"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
    }

    /// `2 items fail, 3 not verified`; empty when neither.
    pub(crate) fn items(&self) -> String {
        let mut parts = Vec::new();
        match self.failed {
            0 => {}
            1 => parts.push("1 item fails".to_owned()),
            count => parts.push(format!("{count} items fail")),
        }
        if self.not_verified > 0 {
            parts.push(format!("{} not verified", self.not_verified));
        }
        parts.join(", ")
    }
}
