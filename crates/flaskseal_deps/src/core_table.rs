//! The core table: facts of the advisories on packages that a Flask application usually has, compiled in, so that the
//! first run without a database is of use. `cargo xtask advisories DUMP` writes it from an OSV dump.

use serde::{Deserialize, Serialize};

use crate::advisory::Advisory;
use crate::record::Record;
use crate::store::Provenance;

const TABLE: &str = include_str!("../data/core_table.jsonl");
const PACKAGES: &str = include_str!("../data/core_packages.txt");

/// The packages that the table covers, normalised and sorted; no advisory among them means none was known.
pub fn core_packages() -> impl Iterator<Item = &'static str> {
    PACKAGES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[derive(Serialize, Deserialize)]
struct Row {
    package: String,
    #[serde(flatten)]
    record: Record,
}

/// Where the table comes from.
pub(crate) fn provenance() -> Provenance {
    let first = TABLE.lines().next().unwrap_or_default();
    serde_json::from_str(first).unwrap_or_default()
}

/// The table's advisories on a package.
pub fn core_advisories(package: &str) -> Vec<Advisory> {
    // The lines of a package begin alike; the others are not parsed.
    let start = format!("{{\"package\":\"{package}\",");
    let rows = TABLE.lines().skip(1).filter(|line| line.starts_with(&start));
    rows.filter_map(|line| serde_json::from_str::<Row>(line).ok()).map(|row| row.record.into()).collect()
}

/// Writes the table: a line on where it comes from, then a line for each advisory and package, without prose.
pub fn encode_core_table(provenance: &Provenance, advisories: &[(String, Advisory)]) -> String {
    let mut rows: Vec<String> = advisories
        .iter()
        .map(|(package, advisory)| {
            let facts = Advisory { summary: String::new(), ..advisory.clone() };
            let row = Row { package: package.clone(), record: Record::from(&facts) };
            serde_json::to_string(&row).expect("a record has only text keys")
        })
        .collect();
    rows.sort();
    rows.insert(0, serde_json::to_string(provenance).expect("a provenance has only text keys"));
    rows.push(String::new());
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let provenance = provenance();
        assert!(!provenance.source.is_empty() && provenance.date.len() == 10, "{provenance:?}");
        let packages: Vec<&str> = core_packages().collect();
        assert!(packages.len() >= 60 && packages.windows(2).all(|pair| pair[0] < pair[1]));
        let mut rows = 0;
        for line in TABLE.lines().skip(1) {
            let row: Row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(packages.contains(&row.package.as_str()), "{}", row.package);
            rows += 1;
        }
        assert_eq!(rows, provenance.advisories);
        let flask = core_advisories("flask");
        assert!(flask.iter().any(|advisory| advisory.ids().any(|id| id == "CVE-2023-30861")));
        assert!(flask.iter().all(|advisory| advisory.summary.is_empty()), "facts only");
    }
}
