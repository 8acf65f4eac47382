//! Settings of the SSH server (sshd_config(5)): the first of a name counts, and those of a `Match` block are left out.

use flaskseal_core::{FileId, Span};

use crate::host::Said;
use crate::syntax::{lines, trimmed};

/// Names in small letters, in order.
pub(crate) fn settings(file: FileId, text: &str) -> Vec<Said<(String, String)>> {
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        let (at, content) = trimmed(line, start);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (name, value) = content.split_once([' ', '\t', '=']).unwrap_or((content, ""));
        if name.eq_ignore_ascii_case("match") {
            break;
        }
        let value = value.trim().trim_start_matches('=').trim().trim_matches('"');
        let span = Span::new(file, at as u32, (at + content.len()) as u32);
        found.push(Said::new((name.to_ascii_lowercase(), value.to_owned()), span));
        if found.len() >= 500 {
            break;
        }
    }
    found
}
