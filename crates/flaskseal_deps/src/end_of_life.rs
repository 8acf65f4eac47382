//! How long version lines of Python, of distributions and of data stores get fixes: rows of `data/end_of_life.toml`.

use std::sync::LazyLock;

use flaskseal_core::Date;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    line: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    version: String,
    until: String,
}

static ROWS: LazyLock<Vec<(String, String, Date)>> = LazyLock::new(|| {
    let rows: Rows =
        toml::from_str(include_str!("../data/end_of_life.toml")).expect("a test loads the bundled data");
    let row = |row: Row| Some((row.name, row.version, row.until.parse().ok()?));
    rows.line.into_iter().filter_map(row).collect()
});

/// The last day of fixes for a version line, `python` and `3.9`; `None` for what the table does not know.
pub fn end_of_life(name: &str, version: &str) -> Option<Date> {
    ROWS.iter().find(|(known, line, _)| known == name && line == version).map(|(_, _, until)| *until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_understood() {
        let rows = include_str!("../data/end_of_life.toml").matches("{ name =").count();
        assert_eq!(ROWS.len(), rows);
        let keys: Vec<_> = ROWS.iter().map(|(name, version, _)| (name, version)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "sorted and unique");
        assert_eq!(end_of_life("python", "3.9"), Date::new(2025, 10, 31));
        assert_eq!(end_of_life("python", "3.99"), None);
    }
}
