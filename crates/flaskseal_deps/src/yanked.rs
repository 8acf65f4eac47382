//! Releases that their authors took back (PEP 592): a short table, and pages of an index that somebody imported.
//!
//! OSV publishes no such data, and lock files do not repeat it.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::LazyLock;

use pep440_rs::Version;
use serde::Deserialize;

use crate::advisory::{Advisory, Kind};
use crate::normalize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    release: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    package: String,
    version: String,
    why: String,
    /// The reason bears on security.
    #[serde(default)]
    security: bool,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/yanked.toml")).expect("a test loads the bundled data")
});

/// The table's releases of a package (normalised) that were taken back, each as a record of its own.
pub(crate) fn core_yanked(package: &str) -> impl Iterator<Item = Advisory> + use<'_> {
    ROWS.release.iter().filter(move |row| row.package == package).map(|row| {
        let word = row.security.then(|| SECURITY.to_owned());
        record(&row.version, &row.why, word)
    })
}

/// The word of a record whose reason bears on security.
pub const SECURITY: &str = "security";

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "meta")]
    _meta: Meta,
    name: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    _api_version: String,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    #[serde(default)]
    yanked: Option<serde_json::Value>,
}

/// The releases that a project's page of an index in JSON (PEP 691) calls taken back: the package, and a record for
/// each release all of whose files are. `None` for what is no such page.
pub(crate) fn read_index_page(text: &[u8]) -> Option<(String, Vec<Advisory>)> {
    let page: Page = serde_json::from_slice(text).ok()?;
    let package = normalize(&page.name);
    // By version: whether all files are taken back, and why.
    let mut releases: BTreeMap<Version, (bool, String)> = BTreeMap::new();
    for file in &page.files {
        let Some(version) = version_of(&file.filename, &package) else { continue };
        let (is_yanked, why) = match &file.yanked {
            Some(serde_json::Value::Bool(yanked)) => (*yanked, ""),
            Some(serde_json::Value::String(why)) => (true, why.as_str()),
            _ => (false, ""),
        };
        let (all, known) = releases.entry(version).or_insert_with(|| (true, String::new()));
        *all &= is_yanked;
        if known.is_empty() {
            *known = why.chars().take(200).collect();
        }
    }
    let yanked = releases.into_iter().filter(|(_, (all, _))| *all).map(|(version, (_, why))| {
        let lower = why.to_lowercase();
        let is_security = ["cve-", "secur", "vulnerab", "malicious"].iter().any(|word| lower.contains(word));
        record(&version.to_string(), &why, is_security.then(|| SECURITY.to_owned()))
    });
    Some((package, yanked.collect()))
}

/// `flask_login-0.6.3-py3-none-any.whl`, `Flask-Login-0.6.3.tar.gz`.
fn version_of(file: &str, package: &str) -> Option<Version> {
    if let Some(stem) = file.strip_suffix(".whl") {
        return Version::from_str(stem.split('-').nth(1)?).ok();
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tgz"].iter().find_map(|ending| file.strip_suffix(ending))?;
    let (name, version) = stem.rsplit_once('-')?;
    (normalize(name) == package).then(|| Version::from_str(version).ok())?
}

fn record(version: &str, why: &str, word: Option<String>) -> Advisory {
    Advisory {
        id: format!("yanked {version}"),
        aliases: Vec::new(),
        kind: Kind::Yanked,
        summary: why.to_owned(),
        score: None,
        word,
        cwe: Vec::new(),
        ranges: Vec::new(),
        versions: vec![version.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for row in &ROWS.release {
            assert!(Version::from_str(&row.version).is_ok() && row.package == normalize(&row.package));
            assert!(!row.why.is_empty());
        }
        assert_eq!(core_yanked("requests").count(), 2);
    }

    #[test]
    fn a_page_of_an_index() {
        let text = br#"{"meta": {"api-version": "1.1"}, "name": "Flask.Login", "files": [
            {"filename": "Flask-Login-1.0.tar.gz", "yanked": "broken"},
            {"filename": "flask_login-1.0-py3-none-any.whl", "yanked": true},
            {"filename": "flask_login-1.1-py3-none-any.whl", "yanked": "Security: CVE-1"},
            {"filename": "flask_login-1.2-py3-none-any.whl", "yanked": "one file only"},
            {"filename": "Flask-Login-1.2.tar.gz", "yanked": false},
            {"filename": "other-9.tar.gz", "yanked": true},
            {"filename": "flask_login-2.0-py3-none-any.whl"}]}"#;
        let (package, records) = read_index_page(text).unwrap();
        let shown: Vec<_> =
            records.iter().map(|one| (&*one.versions[0], &*one.summary, one.word.is_some())).collect();
        assert_eq!(
            (package.as_str(), shown),
            ("flask-login", vec![("1.0", "broken", false), ("1.1", "Security: CVE-1", true)])
        );
        for other in [&b"{}"[..], b"[]", br#"{"id": "A", "name": "x", "files": []}"#, b"\xff"] {
            assert!(read_index_page(other).is_none());
        }
    }
}
