//! What the user demands of the gate. Read from configuration and command line by the command; here it is data.

use flaskseal_core::{Item, Severity};

use crate::Date;

/// The gate's settings.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A certain or firm finding at or above this severity fails its item.
    pub fail_on: Severity,
    /// Items that fail the gate when they could not be verified.
    pub require: Vec<Item>,
    /// Rules silenced by configuration.
    pub ignores: Vec<Ignore>,
    /// Whether comments in the tree may silence findings.
    pub honour_inline: bool,
    /// What was checked, as the user named it.
    pub root: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail_on: Severity::Medium,
            require: Vec::new(),
            ignores: Vec::new(),
            honour_inline: true,
            root: ".".to_owned(),
        }
    }
}

/// A rule or an advisory silenced by configuration below some paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignore {
    /// Id or name of a rule, or any id of an advisory: `CVE-2023-30861`.
    pub what: String,
    /// A glob over paths relative to the root: `legacy/**`. A `*` does not cross a `/`.
    pub path_glob: String,
    /// Why. An ignore without a reason silences nothing and is reported.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// Where it was written: `pyproject.toml`.
    pub origin: String,
}
