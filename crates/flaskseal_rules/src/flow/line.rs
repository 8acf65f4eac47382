//! Text whose lines mean something: headers, log records, mails.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope};

use super::Breach;
use super::input::is_single_line;

/// The holes that can hold a line break.
pub(crate) fn breaches<'r>(
    rope: &Rope,
    place: &'r str,
    payload: &str,
    severity: Severity,
) -> Vec<Breach<'r>> {
    rope.holes()
        .filter(|hole| hole.origin.as_ref().is_some_and(|origin| !is_single_line(origin)))
        .filter_map(|hole| Breach::of(hole, place, Alphabet::of("\r\n"), &[payload, "\n"], severity))
        .collect()
}
