//! Documents of the OSV schema (ossf.github.io/osv-schema, 1.x), as far as they speak of Python packages.

use std::str::FromStr as _;

use pep440_rs::Version;
use serde::Deserialize;

use crate::advisory::{Advisory, Event, Kind, Range, Score};
use crate::normalize;

/// Why a document is of no use.
#[derive(Debug, thiserror::Error)]
pub enum OsvError {
    #[error("is not an OSV document: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("has the unknown schema version {0}")]
    Schema(String),
}

/// What a document says of each PyPI package that it names: nothing, where it was withdrawn.
pub struct OsvDocument {
    /// The day of the last change, `YYYY-MM-DD`; empty where it is not said.
    pub modified: String,
    pub advisories: Vec<(String, Advisory)>,
    pub withdrawn: bool,
}

#[derive(Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    schema_version: Option<String>,
    #[serde(default)]
    modified: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    affected: Vec<Affected>,
    #[serde(default)]
    database_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(default)]
    package: Option<Package>,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    ranges: Vec<AffectedRange>,
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct AffectedRange {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    events: Vec<RangeEvent>,
}

#[derive(Deserialize)]
struct RangeEvent {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

#[derive(Deserialize)]
struct Specific {
    #[serde(default)]
    severity: Option<serde_json::Value>,
    #[serde(default)]
    cwe_ids: Option<serde_json::Value>,
}

/// The longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 200;

/// Reads one document.
pub fn read_osv(text: &[u8]) -> Result<OsvDocument, OsvError> {
    let document: Document = serde_json::from_slice(text)?;
    if let Some(version) = &document.schema_version
        && !version.starts_with("1.")
    {
        return Err(OsvError::Schema(version.chars().take(20).collect()));
    }
    let modified = document.modified.get(..10).unwrap_or_default().to_owned();
    if document.withdrawn.is_some() {
        return Ok(OsvDocument { modified, advisories: Vec::new(), withdrawn: true });
    }
    let mut advisories: Vec<(String, Advisory)> = Vec::new();
    for affected in &document.affected {
        let Some(package) = &affected.package else { continue };
        // `PyPI`, and `PyPI:https://...` for indexes beside the public one.
        if package.ecosystem.split(':').next() != Some("PyPI") {
            continue;
        }
        let name = normalize(&package.name);
        let ranges = affected.ranges.iter().filter_map(range);
        if let Some((_, known)) = advisories.iter_mut().find(|(known, _)| *known == name) {
            known.ranges.extend(ranges);
            known.versions.extend(affected.versions.iter().cloned());
            continue;
        }
        let own = best_score(&affected.severity);
        let word = document.database_specific.as_ref().and_then(|specific| specific.severity.as_ref());
        let cwe = document.database_specific.as_ref().and_then(|specific| specific.cwe_ids.as_ref());
        let advisory = Advisory {
            id: document.id.clone(),
            aliases: document.aliases.clone(),
            kind: if document.id.starts_with("MAL-") { Kind::Malicious } else { Kind::Vulnerability },
            summary: document.summary.chars().take(MAX_SUMMARY).collect(),
            score: own.or_else(|| best_score(&document.severity)),
            word: word.and_then(|word| word.as_str()).map(str::to_lowercase),
            cwe: cwe.and_then(|cwe| cwe.as_array()).into_iter().flatten().filter_map(cwe_number).collect(),
            ranges: ranges.collect(),
            versions: affected.versions.clone(),
        };
        advisories.push((name, advisory));
    }
    // A version that a range covers already says nothing more.
    for (_, advisory) in &mut advisories {
        let listed = std::mem::take(&mut advisory.versions);
        let is_new =
            |written: &String| Version::from_str(written).is_ok_and(|version| !advisory.affects(&version));
        advisory.versions = listed.into_iter().filter(is_new).collect();
    }
    Ok(OsvDocument { modified, advisories, withdrawn: false })
}

fn range(range: &AffectedRange) -> Option<Range> {
    if range.kind != "ECOSYSTEM" {
        return None;
    }
    let mut events = Vec::new();
    for event in &range.events {
        let version = |text: &String| Version::from_str(text).ok();
        let read = match event {
            RangeEvent { introduced: Some(text), .. } if text == "0" => Some(Event::Introduced(None)),
            RangeEvent { introduced: Some(text), .. } => version(text).map(|at| Event::Introduced(Some(at))),
            RangeEvent { fixed: Some(text), .. } => version(text).map(Event::Fixed),
            RangeEvent { last_affected: Some(text), .. } => version(text).map(Event::LastAffected),
            RangeEvent { limit: Some(text), .. } if text == "*" => continue,
            RangeEvent { limit: Some(text), .. } => version(text).map(Event::Limit),
            _ => None,
        };
        events.extend(read);
    }
    Some(Range { events })
}

/// The newest version of CVSS counts.
fn best_score(severities: &[Severity]) -> Option<Score> {
    ["CVSS_V4", "CVSS_V3", "CVSS_V2"].iter().find_map(|kind| {
        severities
            .iter()
            .filter(|severity| severity.kind == *kind)
            .find_map(|severity| Score::of(&severity.score))
    })
}

fn cwe_number(value: &serde_json::Value) -> Option<u16> {
    value.as_str()?.strip_prefix("CWE-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_for_its_python_packages() {
        let text = br#"{"id": "GHSA-x", "schema_version": "1.6.0", "modified": "2024-10-10T17:22:00Z", "aliases": ["CVE-1"],
            "database_specific": {"severity": "HIGH", "cwe_ids": ["CWE-79", 4]},
            "affected": [
                {"package": {"ecosystem": "npm", "name": "flask"}, "versions": ["1"]},
                {"package": {"ecosystem": "PyPI", "name": "Flask_X"}, "versions": ["1.0", "3.0", "?"],
                 "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]},
                            {"type": "ECOSYSTEM", "events": [{"fixed": "2.0"}, {"introduced": "0"}]}]}]}"#;
        let document = read_osv(text).unwrap();
        let [(name, advisory)] = document.advisories.as_slice() else { panic!("one package") };
        assert_eq!(
            (name.as_str(), advisory.word.as_deref(), &*advisory.cwe),
            ("flask-x", Some("high"), &[79][..])
        );
        assert_eq!(advisory.versions, ["3.0"], "what the range covers is not kept");
        assert_eq!(document.modified, "2024-10-10");
    }

    #[test]
    fn withdrawn_documents_say_nothing() {
        let text = br#"{"id": "A", "withdrawn": "2024-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}"#;
        let document = read_osv(text).unwrap();
        assert!(document.withdrawn && document.advisories.is_empty());
    }

    #[test]
    fn what_is_no_document() {
        assert!(read_osv(b"[]").is_err() && read_osv(b"{}").is_err() && read_osv(b"\xff").is_err());
        let error = read_osv(br#"{"id": "A", "schema_version": "2.0.0"}"#).err().unwrap();
        assert_eq!(error.to_string(), "has the unknown schema version 2.0.0");
    }
}
