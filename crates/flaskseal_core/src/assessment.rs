//! What the rules concluded about one entry: findings, support and gaps, by control.

use crate::{ControlId, EntryReport, Evidence, Finding, Gap};

/// The notebook that every rule writes into. Order does not matter: the judge sorts.
#[derive(Clone, Default, Debug)]
pub struct Assessment {
    pub findings: Vec<Finding>,
    pub support: Vec<(ControlId, Evidence)>,
    pub gaps: Vec<(ControlId, Gap)>,
    pub not_applicable: Vec<(ControlId, String)>,
}

impl Assessment {
    /// Something is wrong, here.
    pub fn fail(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// This shows that the control holds.
    pub fn support(&mut self, control: ControlId, evidence: Evidence) {
        self.support.push((control, evidence));
    }

    /// This could not be seen.
    pub fn gap(&mut self, control: ControlId, gap: Gap) {
        self.gaps.push((control, gap));
    }

    /// The question does not arise.
    pub fn not_applicable(&mut self, control: ControlId, reason: impl Into<String>) {
        self.not_applicable.push((control, reason.into()));
    }

    pub fn absorb(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.support.extend(other.support);
        self.gaps.extend(other.gaps);
        self.not_applicable.extend(other.not_applicable);
    }
}

/// What the rules concluded about one Flask application, all its entries together.
#[derive(Debug)]
pub struct AppAssessment {
    /// The folder of the application below the root; empty for the root itself.
    pub name: String,
    pub entries: Vec<EntryReport>,
    pub assessment: Assessment,
}
