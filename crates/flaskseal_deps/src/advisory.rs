//! Advisories: which versions they affect, and from which version on they no longer do.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use flaskseal_core::Severity;
use pep440_rs::Version;

/// What one advisory says of one package.
#[derive(Clone, PartialEq, Debug)]
pub struct Advisory {
    pub id: String,
    /// The same flaw elsewhere: CVE, GHSA and PYSEC ids.
    pub aliases: Vec<String>,
    pub kind: Kind,
    /// Empty where none is known.
    pub summary: String,
    pub score: Option<Score>,
    /// The database's own word, lower case, where there is one: `high`.
    pub word: Option<String>,
    pub cwe: Vec<u16>,
    pub ranges: Vec<Range>,
    /// Affected versions, as written.
    pub versions: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// The release was taken back by its authors; the summary says why.
    Yanked,
    Vulnerability,
    /// The package, or this version of it, was published to do harm.
    Malicious,
}

/// A CVSS vector and its base score.
#[derive(Clone, PartialEq, Debug)]
pub struct Score {
    pub vector: String,
    /// 0.0 to 10.0.
    pub value: f64,
}

/// A series of events along the versions of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    pub events: Vec<Event>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Affected from this version on; `None` is before all versions.
    Introduced(Option<Version>),
    /// No longer affected from this version on.
    Fixed(Version),
    /// Affected up to this version.
    LastAffected(Version),
    /// Says nothing about this version and later ones.
    Limit(Version),
}

impl Score {
    /// Scores a CVSS vector of any version; `None` for what is none.
    pub fn of(vector: &str) -> Option<Self> {
        let value = cvss::Cvss::from_str(vector).ok()?.score();
        value.is_finite().then(|| Self { vector: vector.to_owned(), value })
    }
}

impl Advisory {
    /// By the base score, in the bands of CVSS 3 and 4 (first.org/cvss, "Qualitative Severity Rating Scale"), else by
    /// the database's word; medium where there is neither.
    pub fn severity(&self) -> Severity {
        match (&self.score, self.word.as_deref()) {
            (Some(score), _) if score.value >= 9.0 => Severity::Critical,
            (Some(score), _) if score.value >= 7.0 => Severity::High,
            (Some(score), _) if score.value >= 4.0 => Severity::Medium,
            (Some(_), _) => Severity::Low,
            (None, Some("critical")) => Severity::Critical,
            (None, Some("high")) => Severity::High,
            (None, Some("low")) => Severity::Low,
            (None, _) => Severity::Medium,
        }
    }

    /// Whether a version is affected: the algorithm of the OSV schema, section "Evaluation". A local version counts
    /// as the public version that it was built from: `2.0.0+cpu` is 2.0.0.
    pub fn affects(&self, version: &Version) -> bool {
        let public = version.clone().without_local();
        self.ranges.iter().any(|range| range.contains(&public))
            || self.versions.iter().any(|known| {
                Version::from_str(known).is_ok_and(|known| known.clone().without_local() == public)
            })
    }

    /// Every version that is said to fix it, in order.
    pub fn fixed(&self) -> Vec<&Version> {
        let events = self.ranges.iter().flat_map(|range| &range.events);
        let fixed = events.filter_map(|event| match event {
            Event::Fixed(version) => Some(version),
            _ => None,
        });
        let mut all: Vec<&Version> = fixed.collect();
        all.sort();
        all.dedup();
        all
    }

    /// All names of the flaw.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// The CVE, where there is one, else the advisory's own id.
    pub fn best_id(&self) -> &str {
        self.ids().find(|id| id.starts_with("CVE-")).unwrap_or(&self.id)
    }
}

impl Range {
    fn contains(&self, version: &Version) -> bool {
        let mut events: Vec<&Event> =
            self.events.iter().filter(|event| !matches!(event, Event::Limit(_))).collect();
        // Events of one version: what begins there may end there.
        events.sort_by_key(|event| (event.version(), event.rank()));
        let mut affected = false;
        for event in events {
            match event {
                Event::Introduced(None) => affected = true,
                Event::Introduced(Some(from)) if version >= from => affected = true,
                Event::Fixed(from) if version >= from => affected = false,
                Event::LastAffected(last) if version > last => affected = false,
                _ => {}
            }
        }
        let mut limits = self.events.iter().filter_map(|event| match event {
            Event::Limit(limit) => Some(limit),
            _ => None,
        });
        let has_limits = limits.clone().next().is_some();
        affected && (!has_limits || limits.any(|limit| version < limit))
    }
}

impl Event {
    fn rank(&self) -> u8 {
        match self {
            Self::Introduced(_) => 0,
            Self::Fixed(_) => 1,
            Self::LastAffected(_) => 2,
            Self::Limit(_) => 3,
        }
    }

    fn version(&self) -> Option<&Version> {
        match self {
            Self::Introduced(version) => version.as_ref(),
            Self::Fixed(version) | Self::LastAffected(version) | Self::Limit(version) => Some(version),
        }
    }
}

/// Advisories that share a name are one: each group in one advisory, with all names, the best score, and everything
/// that either calls affected. In the order of their ids.
pub fn merged(advisories: Vec<Advisory>) -> Vec<Advisory> {
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Option<Advisory>> = Vec::new();
    for advisory in advisories {
        let mut merged = advisory;
        // Everything known under one of its names becomes part of it.
        let known: std::collections::BTreeSet<usize> =
            merged.ids().filter_map(|id| by_name.get(id).copied()).collect();
        for index in known {
            if let Some(other) = groups.get_mut(index).and_then(Option::take) {
                merged = join(other, merged);
            }
        }
        for id in merged.ids() {
            by_name.insert(id.to_owned(), groups.len());
        }
        groups.push(Some(merged));
    }
    let mut all: Vec<Advisory> = groups.into_iter().flatten().collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

fn join(a: Advisory, b: Advisory) -> Advisory {
    let (mut kept, other) = if a.id <= b.id { (a, b) } else { (b, a) };
    let names = std::iter::once(other.id).chain(other.aliases);
    for name in names {
        if name != kept.id && !kept.aliases.contains(&name) {
            kept.aliases.push(name);
        }
    }
    kept.aliases.sort();
    kept.kind = kept.kind.max(other.kind);
    if kept.summary.is_empty() {
        kept.summary = other.summary;
    }
    let value = |score: &Option<Score>| score.as_ref().map_or(-1.0, |score| score.value);
    if value(&other.score) > value(&kept.score) {
        kept.score = other.score;
    }
    kept.word = kept.word.or(other.word);
    kept.cwe.extend(other.cwe);
    kept.cwe.sort_unstable();
    kept.cwe.dedup();
    kept.ranges.extend(other.ranges);
    kept.versions.extend(other.versions);
    kept
}

/// The vulnerabilities among the advisories on a package that affect a version, each flaw once.
pub fn affecting(advisories: Vec<Advisory>, version: &Version) -> Vec<Advisory> {
    let wanted = |advisory: &Advisory| advisory.kind == Kind::Vulnerability && advisory.affects(version);
    // Merged after the choice: what one of two sources calls fixed and the other does not is still affected.
    merged(advisories.into_iter().filter(wanted).collect())
}

/// The versions above `current` that fix an advisory, in order: those that it does not itself call affected.
pub fn fixed_versions(advisory: &Advisory, current: &Version) -> Vec<Version> {
    let fixed = advisory.fixed().into_iter();
    fixed.filter(|version| *version > current && !advisory.affects(version)).cloned().collect()
}

/// The smallest version above `current` that no advisory affects and that is admitted. Only versions that an advisory
/// names are known to exist, so that is what is chosen among.
pub fn smallest_upgrade(
    advisories: &[Advisory],
    current: &Version,
    admits: &dyn Fn(&Version) -> bool,
) -> Option<Version> {
    let mut candidates: Vec<&Version> =
        advisories.iter().flat_map(Advisory::fixed).filter(|version| *version > current).collect();
    candidates.sort();
    candidates.dedup();
    let is_clean = |version: &&&Version| !advisories.iter().any(|advisory| advisory.affects(version));
    // A final release before a pre-release that happens to be named first.
    let fits = |stable: bool| {
        let all = candidates.iter().filter(is_clean);
        all.filter(|version| admits(version) && (!stable || !version.any_prerelease())).copied().next()
    };
    fits(true).or_else(|| fits(false)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::from_str(text).unwrap()
    }

    fn advisory(id: &str, aliases: &[&str], events: &[(&str, &str)]) -> Advisory {
        let event = |(kind, at): &(&str, &str)| match *kind {
            "introduced" => Event::Introduced((*at != "0").then(|| version(at))),
            "fixed" => Event::Fixed(version(at)),
            "last" => Event::LastAffected(version(at)),
            _ => Event::Limit(version(at)),
        };
        Advisory {
            id: id.to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            kind: Kind::Vulnerability,
            summary: String::new(),
            score: None,
            word: None,
            cwe: Vec::new(),
            ranges: vec![Range { events: events.iter().map(event).collect() }],
            versions: Vec::new(),
        }
    }

    #[test]
    fn ranges_begin_and_end_where_they_say() {
        let twice = advisory(
            "A",
            &[],
            &[("introduced", "2.3.0"), ("fixed", "2.3.2"), ("introduced", "0"), ("fixed", "2.2.5")],
        );
        for (at, affected) in [
            ("0.1", true),
            ("2.2.4", true),
            ("2.2.4.post1", true),
            ("2.2.5rc1", true),
            ("2.2.5", false),
            ("2.2.5.post1", false),
            ("2.2.5+local.1", false),
            ("2.2.4+local.1", true),
            ("2.3.0.dev1", false),
            ("2.3.0", true),
            ("2.3.2", false),
            ("1!0.1", false),
        ] {
            assert_eq!(twice.affects(&version(at)), affected, "{at}");
        }
        let last = advisory("A", &[], &[("introduced", "1"), ("last", "1.4")]);
        assert!(last.affects(&version("1.4")) && last.affects(&version("1.4+cpu")));
        assert!(!last.affects(&version("1.4.post1")) && !last.affects(&version("0.9")));
        let limited = advisory("A", &[], &[("introduced", "0"), ("limit", "2")]);
        assert!(limited.affects(&version("1.9")) && !limited.affects(&version("2")));
        let mut listed = advisory("A", &[], &[]);
        listed.versions = vec!["1.0".to_owned(), "not a version".to_owned()];
        assert!(listed.affects(&version("1.0.0")) && !listed.affects(&version("1.0.1")));
    }

    #[test]
    fn one_flaw_is_one_advisory() {
        let all = vec![
            advisory("GHSA-1", &["CVE-1"], &[("introduced", "0"), ("fixed", "2")]),
            advisory("PYSEC-9", &[], &[("introduced", "0"), ("fixed", "9")]),
            advisory("PYSEC-1", &["CVE-1"], &[("introduced", "0"), ("fixed", "2")]),
        ];
        let merged = merged(all);
        let shown: Vec<_> = merged.iter().map(|one| (one.id.as_str(), one.aliases.join(" "))).collect();
        assert_eq!(shown, [("GHSA-1", "CVE-1 PYSEC-1".to_owned()), ("PYSEC-9", String::new())]);
        assert_eq!(merged[0].best_id(), "CVE-1");
    }

    #[test]
    fn the_smallest_upgrade_closes_all_and_is_admitted() {
        let all = [
            advisory(
                "A",
                &[],
                &[("introduced", "0"), ("fixed", "2.2.5"), ("introduced", "2.3"), ("fixed", "2.3.2")],
            ),
            advisory("B", &[], &[("introduced", "2"), ("fixed", "2.3.1")]),
        ];
        let best = |admits: &dyn Fn(&Version) -> bool| {
            smallest_upgrade(&all, &version("2.0.1"), admits).map(|version| version.to_string())
        };
        assert_eq!(best(&|_| true).as_deref(), Some("2.3.2"));
        assert_eq!(best(&|version| version.release() < [2, 3].as_slice()), None);
        assert_eq!(fixed_versions(&all[0], &version("2.0.1")).len(), 2);
    }

    #[test]
    fn vectors_of_every_version_are_scored() {
        let value = |vector| Score::of(vector).map(|score| score.value);
        assert_eq!(value("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"), Some(7.5));
        assert_eq!(value("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"), Some(9.3));
        assert_eq!(value("AV:N/AC:L/Au:N/C:N/I:N/A:C"), Some(7.8));
        assert_eq!(value("CVSS:9/AV:N"), None);
        assert_eq!(value(""), None);
    }
}
