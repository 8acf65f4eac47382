//! Mozilla's Server Side TLS profiles, and where a server deviates from one.
//!
//! The profiles are data: `data/server_side_tls.toml` says which version of the guidelines it has.

use std::fmt;
use std::sync::LazyLock;

use flaskseal_certificate::Key;
use serde::Deserialize;

use crate::{Offer, Preference, Suite, TlsFacts, Version};

/// For whom a server is set up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Profile {
    /// Clients of the last years.
    Modern,
    /// Nearly all clients.
    #[default]
    Intermediate,
    /// Very old clients as well.
    Old,
}

impl Profile {
    pub const ALL: [Self; 3] = [Self::Modern, Self::Intermediate, Self::Old];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Intermediate => "intermediate",
            Self::Old => "old",
        }
    }

    pub fn has_version(self, version: Version) -> bool {
        has(&self.row().versions, version.name())
    }

    /// Whether it has a suite, under any version.
    pub fn has_suite(self, suite: &Suite) -> bool {
        has(&self.row().suites, suite.name)
    }

    fn row(self) -> &'static Row {
        match self {
            Self::Modern => &GUIDELINES.modern,
            Self::Intermediate => &GUIDELINES.intermediate,
            Self::Old => &GUIDELINES.old,
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a deviation is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    Version,
    Suite,
    Order,
    Group,
    Prime,
    Certificate,
}

/// A difference between a server and a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deviation {
    pub subject: Subject,
    /// As in "TLS 1.0 is accepted".
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guidelines {
    version: String,
    date: String,
    later: Vec<String>,
    modern: Row,
    intermediate: Row,
    old: Row,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    versions: Vec<String>,
    suites: Vec<String>,
    groups: Vec<String>,
    prime_bits: Option<u32>,
    curve_bits: Vec<usize>,
    rsa_bits: Option<usize>,
    signatures: Vec<String>,
    lifetime_days: i64,
    server_order: bool,
}

static GUIDELINES: LazyLock<Guidelines> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/server_side_tls.toml")).expect("a test reads the same text")
});

/// Where a profile comes from: "Mozilla Server Side TLS 5.7 (2023-05-15), intermediate".
pub fn source(profile: Profile) -> String {
    format!("Mozilla Server Side TLS {} ({}), {profile}", GUIDELINES.version, GUIDELINES.date)
}

/// Everything in which a server deviates from a profile: what it accepts beyond it, and versions that it lacks.
pub fn deviations(facts: &TlsFacts, profile: Profile) -> Vec<Deviation> {
    let row = profile.row();
    let mut out = Vec::new();
    let mut add = |subject, message: String| out.push(Deviation { subject, message });
    for one in &facts.versions {
        match one.offer {
            Offer::Accepted if !has(&row.versions, one.version.name()) => {
                add(Subject::Version, format!("{} is accepted", one.version));
            }
            Offer::Refused(_) if has(&row.versions, one.version.name()) => {
                add(Subject::Version, format!("{} is not offered", one.version));
            }
            _ => {}
        }
        let beyond: Vec<&str> =
            one.suites.iter().map(|suite| suite.name).filter(|name| !has(&row.suites, name)).collect();
        if !beyond.is_empty() {
            add(Subject::Suite, format!("{} accepts {}", one.version, beyond.join(", ")));
        }
        if row.server_order && one.version < Version::Tls13 && one.preference == Some(Preference::Client) {
            add(Subject::Order, format!("under {} the client's order of suites counts", one.version));
        }
    }
    let beyond: Vec<&str> = facts
        .groups
        .iter()
        .map(|group| group.name)
        .filter(|name| !has(&row.groups, name) && !has(&GUIDELINES.later, name))
        .collect();
    if !beyond.is_empty() {
        add(Subject::Group, format!("keys are exchanged in {}", beyond.join(", ")));
    }
    match (facts.prime_bits, row.prime_bits) {
        (Some(bits), Some(least)) if bits < least => {
            add(Subject::Prime, format!("keys are exchanged with a prime of {bits} bits, {least} are asked"));
        }
        _ => {}
    }
    for own in facts.chains.iter().filter_map(|chain| chain.own()) {
        let key = match (own.key, row.rsa_bits) {
            (Key::Rsa(bits), Some(least)) if bits < least => {
                Some(format!("the key is RSA of {bits} bits, {least} are asked"))
            }
            (Key::Rsa(_), None) => Some("the key is RSA, ECDSA is asked".to_owned()),
            (Key::Elliptic(bits), _) if !row.curve_bits.contains(&bits) => {
                Some(format!("the key is on a curve of {bits} bits"))
            }
            (Key::Edwards | Key::Other, _) => Some("the key is neither RSA nor ECDSA".to_owned()),
            _ => None,
        };
        if let Some(message) = key {
            add(Subject::Certificate, message);
        }
        if !has(&row.signatures, &own.signature) {
            add(Subject::Certificate, format!("the certificate is signed with {}", own.signature));
        }
        let days = own.lifetime();
        if days > row.lifetime_days {
            let message = format!("the certificate lives for {days} days, {} are allowed", row.lifetime_days);
            add(Subject::Certificate, message);
        }
    }
    out
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;

    #[test]
    fn the_table_names_what_exists() {
        assert_eq!(source(Profile::Old), "Mozilla Server Side TLS 5.7 (2023-05-15), old");
        for row in [&GUIDELINES.modern, &GUIDELINES.intermediate, &GUIDELINES.old] {
            assert!(row.versions.iter().all(|name| Version::named(name).is_some()));
            for name in &row.suites {
                assert!(Suite::by_name(name).is_some(), "{name}");
            }
        }
        for name in GUIDELINES.old.groups.iter().chain(&GUIDELINES.later) {
            assert!(Group::by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn profiles_grow_from_modern_to_old() {
        let (modern, middle, old) = (&GUIDELINES.modern, &GUIDELINES.intermediate, &GUIDELINES.old);
        assert!(modern.suites.iter().all(|name| has(&middle.suites, name)));
        assert!(middle.suites.iter().all(|name| has(&old.suites, name)));
        assert_eq!((modern.suites.len(), middle.suites.len(), old.suites.len()), (3, 12, 29));
    }
}
