//! An advisory as text, a line of JSON: the form in which the core table and the store keep it.

use std::str::FromStr as _;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, Event, Kind, Range, Score};

#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    malicious: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    yanked: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cvss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cwe: Vec<u16>,
    /// Each range a list of events: `+1.0` introduced, `-1.2` fixed, `=1.1` last affected, `<2` limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versions: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<&Advisory> for Record {
    fn from(advisory: &Advisory) -> Self {
        let event = |event: &Event| match event {
            Event::Introduced(None) => "+0".to_owned(),
            Event::Introduced(Some(version)) => format!("+{version}"),
            Event::Fixed(version) => format!("-{version}"),
            Event::LastAffected(version) => format!("={version}"),
            Event::Limit(version) => format!("<{version}"),
        };
        Self {
            id: advisory.id.clone(),
            aliases: advisory.aliases.clone(),
            malicious: advisory.kind == Kind::Malicious,
            yanked: advisory.kind == Kind::Yanked,
            summary: advisory.summary.clone(),
            cvss: advisory.score.as_ref().map(|score| score.vector.clone()),
            severity: advisory.word.clone(),
            cwe: advisory.cwe.clone(),
            ranges: advisory.ranges.iter().map(|range| range.events.iter().map(event).collect()).collect(),
            versions: advisory.versions.clone(),
        }
    }
}

impl From<Record> for Advisory {
    fn from(record: Record) -> Self {
        let event = |text: &String| {
            let mut characters = text.chars();
            let sign = characters.next()?;
            let rest = characters.as_str();
            if text == "+0" {
                return Some(Event::Introduced(None));
            }
            let version = Version::from_str(rest).ok()?;
            match sign {
                '+' => Some(Event::Introduced(Some(version))),
                '-' => Some(Event::Fixed(version)),
                '=' => Some(Event::LastAffected(version)),
                '<' => Some(Event::Limit(version)),
                _ => None,
            }
        };
        let range = |events: &Vec<String>| Range { events: events.iter().filter_map(event).collect() };
        Self {
            ranges: record.ranges.iter().map(range).collect(),
            id: record.id,
            aliases: record.aliases,
            kind: match (record.malicious, record.yanked) {
                (true, _) => Kind::Malicious,
                (_, true) => Kind::Yanked,
                _ => Kind::Vulnerability,
            },
            summary: record.summary,
            score: record.cvss.as_deref().and_then(Score::of),
            word: record.severity,
            cwe: record.cwe,
            versions: record.versions,
        }
    }
}
