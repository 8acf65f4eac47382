//! XML that is put together as text.

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope};

use super::Breach;

/// Whether a text is an XML document, not HTML.
pub(crate) fn is_document(rope: &Rope) -> bool {
    let start = rope.literal_prefix().trim_start();
    let lower = start.to_ascii_lowercase();
    start.starts_with("<?xml") || lower.contains("soap:envelope") || lower.contains("xmlns")
}

/// The holes that can hold markup.
pub(crate) fn breaches(rope: &Rope, severity: Severity) -> Vec<Breach<'static>> {
    rope.holes()
        .filter_map(|hole| {
            Breach::of(hole, "inside an XML document", Alphabet::of("<"), &["</a><a>", "<"], severity)
        })
        .collect()
}
