//! Suppressions, baseline and policy: assessments in, verdicts and the gate out.
//!
//! A pure function of its arguments. It does no I/O, asks no clock and does not depend on the order in which the
//! rules ran. It alone makes verdicts; weighing one layer of evidence against another is the project's work.

pub use flaskseal_core::{Date, DateError};

mod policy;
pub use policy::{Ignore, Policy};

mod judge;
pub use judge::judge;

mod verdict;

mod suppression;
pub use suppression::is_advisory_id;

mod baseline;
pub use baseline::{Baseline, BaselineEntry, BaselineError};

mod fingerprint;
