//! What the rules concluded about one entry: findings, support and gaps, by control.

use crate::{ControlId, EntryReport, Evidence, FileId, Finding, Gap, Layer, Span};

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

    /// Makes what was concluded from texts in a tree of their own conclusions of an observed layer: the first of these
    /// texts has this id where the report looks places up.
    pub fn observed(&mut self, layer: Layer, first: FileId) {
        let moved = |span: Span| Span { file: FileId(span.file.0 + first.0), range: span.range };
        let told = |evidence: &mut Evidence| {
            evidence.layer = evidence.layer.max(layer);
            evidence.span = evidence.span.map(moved);
        };
        for finding in &mut self.findings {
            told(&mut finding.primary);
            finding.trail.iter_mut().for_each(told);
            for span in &mut finding.redact {
                *span = moved(*span);
            }
            for edit in finding.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                edit.span = moved(edit.span);
            }
        }
        self.support.iter_mut().for_each(|(_, evidence)| told(evidence));
        for (_, gap) in &mut self.gaps {
            gap.span = gap.span.map(moved);
        }
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
