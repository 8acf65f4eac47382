//! The gate's answer, ready to be rendered: sorted, deduplicated, complete. Made by `flaskseal_judge` alone.

use crate::{ControlId, Evidence, Finding, Gap, Item, Severity, Span};

#[derive(Debug)]
pub struct GateReport {
    /// What was checked, as the user named it.
    pub root: String,
    /// One per Flask application found, in order of its first entry's place.
    pub apps: Vec<AppReport>,
    /// Sorted by severity (worst first), rule, path and offset.
    pub findings: Vec<ReportedFinding>,
    pub ledger: Ledger,
    pub gate: Gate,
}

#[derive(Debug)]
pub struct Gate {
    pub passed: bool,
    pub fail_on: Severity,
    /// Items that the configuration requires to be verified and that were not.
    pub unverified_required: Vec<Item>,
}

/// One Flask application and its checklist.
#[derive(Debug)]
pub struct AppReport {
    /// The folder of the application below the root, or the root's own name.
    pub name: String,
    pub entries: Vec<EntryReport>,
    /// Seven, in the checklist's order.
    pub items: Vec<ItemReport>,
}

/// A command that production starts.
#[derive(Debug)]
pub struct EntryReport {
    /// `gunicorn shop:create_app()`.
    pub display: String,
    /// Where the command stands; `None` for one that was guessed or given on the command line.
    pub span: Option<Span>,
    /// How the entry was found: "Dockerfile", "--entry", "guessed".
    pub found_by: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    Pass,
    NotApplicable,
    NotVerified,
    Fail,
}

impl Verdict {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotApplicable => "not-applicable",
            Self::NotVerified => "not-verified",
            Self::Fail => "fail",
        }
    }
}

#[derive(Debug)]
pub struct ItemReport {
    pub item: Item,
    pub verdict: Verdict,
    /// One clause for the item's line: "1 critical, 2 high", "no start command found: name it with `--entry`".
    pub reason: String,
    pub controls: Vec<ControlReport>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ControlState {
    Met,
    Violated,
    Unknown,
    NotApplicable,
}

impl ControlState {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Violated => "violated",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not-applicable",
        }
    }
}

#[derive(Debug)]
pub struct ControlReport {
    pub control: ControlId,
    pub state: ControlState,
    pub support: Vec<Evidence>,
    pub gaps: Vec<Gap>,
    /// Why the control does not apply, when it does not.
    pub not_applicable: Option<String>,
}

#[derive(Debug)]
pub struct ReportedFinding {
    pub finding: Finding,
    pub standing: Standing,
    /// Indices into `GateReport::apps`.
    pub apps: Vec<usize>,
    /// Lower-case hexadecimal; the same after the finding moves to another line.
    pub fingerprint: String,
}

/// Whether a finding counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    Counts,
    /// Silenced by a comment or by configuration; listed in every report all the same.
    Suppressed {
        reason: String,
        by: String,
        span: Option<Span>,
    },
    /// Known before; listed. From severity high on it fails its item all the same, until somebody has accepted it
    /// and said why.
    Baselined {
        accepted: Option<String>,
    },
    /// A stronger layer shows otherwise; listed as a conflict.
    Overruled {
        by: Evidence,
    },
}

/// What the verdicts do not rest on: everything that was skipped, cut or not understood.
#[derive(Default, Debug)]
pub struct Ledger {
    pub python_files: usize,
    pub python_lines: usize,
    pub deployment_files: usize,
    /// Answers of a running site that were judged.
    pub answers: usize,
    /// Files that were judged as part of the application that production runs.
    pub production_files: usize,
    pub calls_resolved: usize,
    pub calls_unresolved: usize,
    /// Sorted by kind, path and offset.
    pub entries: Vec<LedgerEntry>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LedgerEntry {
    pub kind: LedgerKind,
    /// The path, for files that were not read and so have no span.
    pub path: String,
    pub span: Option<Span>,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LedgerKind {
    /// A file could not be read, decoded or parsed.
    Unreadable,
    /// An analysis bound was hit.
    Incomplete,
    /// A layer was not given.
    MissingLayer,
    /// A file was left out by design: tests, vendored or generated code.
    LeftOut,
    /// A suppression or baseline entry that matches nothing, has expired or gives no reason.
    Suppression,
    /// Something worth knowing that does not weaken a verdict.
    Note,
}

impl LedgerKind {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Incomplete => "incomplete",
            Self::MissingLayer => "missing-layer",
            Self::LeftOut => "left-out",
            Self::Suppression => "suppression",
            Self::Note => "note",
        }
    }
}
