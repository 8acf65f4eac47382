//! The vocabulary of flaskseal: text and spans, items and controls, rules, evidence, findings, assessments and
//! the report that the gate hands to a renderer. Types and their invariants only; no I/O, no parsing, no judging.

mod text;
pub use text::{FileId, LineColumn, LineIndex, SourceFile, Span, TextRange, one_line};

pub mod path;

mod tree;
pub use tree::{Tree, TreePath};

mod item;
pub use item::{CONTROLS, Control, ControlId, Item};

mod rule;
pub use rule::{Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};

mod date;
pub use date::{Date, DateError};

mod redacted;
pub use redacted::{Redacted, shannon_entropy_bits};

mod machine;
pub use machine::{Blind, Kind, Machine, Status};

mod evidence;
pub use evidence::{Evidence, Gap};

mod request;
pub use request::{Body, Request};

mod finding;
pub use finding::{Applicability, Edit, Finding, Fix, Flaw, Flaws};

mod assessment;
pub use assessment::{AppAssessment, Assessment};

mod report;
pub use report::{
    AppReport, ControlReport, ControlState, EntryReport, Gate, GateReport, ItemReport, Ledger, LedgerEntry,
    LedgerKind, ReportedFinding, Standing, Verdict,
};
