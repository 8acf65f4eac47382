//! Files of sections, keys and values as Python's `configparser` reads them: an indented line goes on with the value.

use flaskseal_core::TextRange;

/// One line of a value.
pub(crate) struct Line<'s> {
    pub(crate) section: &'s str,
    /// Lower case, with `_` for `-`.
    pub(crate) key: String,
    pub(crate) value: &'s str,
    pub(crate) range: TextRange,
}

/// Every line of every value that is not empty.
pub(crate) fn lines(source: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    let mut key = String::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
            key.clear();
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']);
        let value = if is_continued {
            trimmed
        } else {
            let Some((name, value)) = trimmed.split_once(['=', ':']) else { continue };
            key = name.trim().to_ascii_lowercase().replace('-', "_");
            value.trim()
        };
        if value.is_empty() {
            continue;
        }
        let offset = start + line.rfind(value).unwrap_or(0);
        let range = TextRange::new(offset as u32, (offset + value.len()) as u32);
        found.push(Line { section, key: key.clone(), value, range });
    }
    found
}
