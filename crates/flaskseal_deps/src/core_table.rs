//! The core table: facts of the advisories on packages that a Flask application usually has, compiled in, so that the
//! first run without a database is of use. `cargo xtask advisories DUMP` writes it from an OSV dump.
//!
//! A dump of PyPA's advisories lacks what only GitHub reviewed, and everything newer. `core_additions.jsonl` holds such
//! advisories in the same form, collected by hand from published records, and for 2026 from published audits that name
//! id, range and fix. The two are one table for whoever asks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::advisory::Advisory;
use crate::record::Record;
use crate::store::Provenance;

const TABLE: &str = include_str!("../data/core_table.jsonl");
const ADDITIONS: &str = include_str!("../data/core_additions.jsonl");
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

/// Where the table comes from. Its date is that of the dump: the additions are a choice, and say nothing about whether
/// the rest is complete.
pub(crate) fn provenance() -> Provenance {
    let (table, additions) = (first_line(TABLE), first_line(ADDITIONS));
    let packages: BTreeSet<&str> = TABLE.lines().chain(ADDITIONS.lines()).filter_map(package_of).collect();
    Provenance {
        source: format!(
            "{} of {}, and {} advisories collected by hand on {}",
            table.source, table.date, additions.advisories, additions.date
        ),
        advisories: table.advisories + additions.advisories,
        packages: packages.len(),
        ..table
    }
}

/// The table's advisories on a package.
pub fn core_advisories(package: &str) -> Vec<Advisory> {
    // The lines of other packages are not parsed.
    let lines = TABLE.lines().chain(ADDITIONS.lines()).filter(|line| package_of(line) == Some(package));
    lines.filter_map(|line| serde_json::from_str::<Row>(line).ok()).map(|row| row.record.into()).collect()
}

/// The additions that these advisories know by one of their names, package and id: what a newer dump makes superfluous.
pub fn superfluous_additions(advisories: &[(String, Advisory)]) -> Vec<(String, String)> {
    let known: BTreeSet<(&str, &str)> = advisories
        .iter()
        .flat_map(|(package, advisory)| advisory.ids().map(move |id| (package.as_str(), id)))
        .collect();
    let additions = rows(ADDITIONS).map(|row| (row.package, Advisory::from(row.record)));
    additions
        .filter(|(package, advisory)| advisory.ids().any(|id| known.contains(&(package.as_str(), id))))
        .map(|(package, advisory)| (package, advisory.id))
        .collect()
}

/// What a row is about; `None` for the first line of a file.
fn package_of(line: &str) -> Option<&str> {
    line.strip_prefix("{\"package\":\"")?.split('"').next()
}

fn first_line(file: &str) -> Provenance {
    serde_json::from_str(file.lines().next().unwrap_or_default()).unwrap_or_default()
}

fn rows(file: &'static str) -> impl Iterator<Item = Row> {
    file.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok())
}

/// Writes the table: a line on where it comes from, then a line for each advisory and package, without prose.
pub fn encode_core_table(provenance: &Provenance, advisories: &[(String, Advisory)]) -> String {
    let mut rows: Vec<String> =
        advisories.iter().map(|(package, advisory)| encode_row(package, advisory)).collect();
    rows.sort();
    rows.insert(0, serde_json::to_string(provenance).expect("a provenance has only text keys"));
    rows.push(String::new());
    rows.join("\n")
}

fn encode_row(package: &str, advisory: &Advisory) -> String {
    let facts = Advisory { summary: String::new(), ..advisory.clone() };
    let row = Row { package: package.to_owned(), record: Record::from(&facts) };
    serde_json::to_string(&row).expect("a record has only text keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_its_additions_are_whole() {
        let packages: Vec<&str> = core_packages().collect();
        assert!(packages.len() >= 60 && packages.windows(2).all(|pair| pair[0] < pair[1]));
        for file in [TABLE, ADDITIONS] {
            let told = first_line(file);
            assert!(!told.source.is_empty() && told.date.len() == 10, "{told:?}");
            let mut named = BTreeSet::new();
            for line in file.lines().skip(1) {
                let row: Row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(packages.contains(&row.package.as_str()), "{}", row.package);
                // A key, a version or a vector that is not understood would be lost on the way.
                let advisory = Advisory::from(row.record);
                assert_eq!(encode_row(&row.package, &advisory), line, "in its only form");
                named.insert(row.package);
            }
            assert_eq!((file.lines().count() - 1, named.len()), (told.advisories, told.packages));
            let lines: Vec<&str> = file.lines().skip(1).collect();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "sorted and unique");
        }
    }

    #[test]
    fn both_files_are_one_table() {
        let flask = core_advisories("flask");
        let knows = |id| flask.iter().any(|advisory| advisory.ids().any(|known| known == id));
        assert!(knows("CVE-2023-30861") && knows("CVE-2025-47278"), "{flask:?}");
        assert!(flask.iter().all(|advisory| advisory.summary.is_empty()), "facts only");
        let provenance = provenance();
        assert_eq!(provenance.date, "2024-10-10", "as old as its oldest part");
        let of_all: usize = core_packages().map(|package| core_advisories(package).len()).sum();
        assert_eq!(provenance.advisories, of_all);
        assert!(provenance.source.ends_with("advisories collected by hand on 2026-11-25"), "{provenance:?}");
    }

    #[test]
    fn an_addition_that_a_dump_knows_is_superfluous() {
        let of_the_table: Vec<(String, Advisory)> =
            rows(TABLE).map(|row| (row.package, row.record.into())).collect();
        assert_eq!(superfluous_additions(&of_the_table), [], "each flaw is in one of the two files");
        // A newer dump has one of them, under PyPA's id and with the same CVE.
        let mut known = core_advisories("gunicorn");
        known.retain(|advisory| advisory.ids().any(|id| id == "CVE-2024-1135"));
        let [mut newer] = known.try_into().expect("it is there once");
        newer.id = "PYSEC-2026-1".to_owned();
        let newer = [("gunicorn".to_owned(), newer.clone()), ("flask".to_owned(), newer)];
        let expected = ("gunicorn".to_owned(), "GHSA-w3h3-4rj7-4ph4".to_owned());
        assert_eq!(superfluous_additions(&newer), [expected]);
    }
}
