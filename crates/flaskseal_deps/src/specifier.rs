//! Whether a constraint admits a version (PEP 440, "Version specifiers").
//!
//! `pep440_rs` 0.7 decides two things otherwise than the standard and Python's `packaging` do: `==1.1.*` admits 1, and
//! `<` forgets epochs and pre-releases of a bound that is one itself. A test beside `packaging` found both.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// Whether all of the constraints admit the version. Pre-releases are admitted like others.
pub fn admits(specifiers: &VersionSpecifiers, version: &Version) -> bool {
    specifiers.iter().all(|specifier| admits_one(specifier, version))
}

/// Different clauses of two constraints that are still compared: each is asked for versions near all of them.
const MAX_CLAUSES: usize = 64;

/// Whether some version could satisfy both; of more clauses than anybody writes that is not ruled out. Versions are tried
/// at each bound, close to it on both sides, and beyond all of them: between two neighbouring bounds the answer does not
/// change.
pub fn have_common_version(a: &VersionSpecifiers, b: &VersionSpecifiers) -> bool {
    let clauses: BTreeMap<String, &VersionSpecifier> =
        a.iter().chain(b.iter()).map(|clause| (clause.to_string(), clause)).collect();
    if clauses.len() > MAX_CLAUSES {
        return true;
    }
    let near = clauses.values().map(|clause| clause.version()).flat_map(|bound| {
        let release = bound.release();
        let with = |release: Vec<u64>| Version::new(release).with_epoch(bound.epoch());
        let after = [release, &[0, 0, 1]].concat();
        let mut next = release.to_vec();
        if let Some(last) = next.last_mut() {
            *last = last.saturating_add(1);
        }
        let before = Version::from_str(&format!("{}!{}.dev0", bound.epoch(), bound.only_release()));
        let candidate = Version::from_str(&format!("{}!{}rc1", bound.epoch(), bound.only_release()));
        [bound.clone(), with(after), with(next)].into_iter().chain(before).chain(candidate)
    });
    let ends = [Version::new([0]), Version::new([u64::from(u32::MAX)])];
    near.chain(ends).any(|version| clauses.values().all(|clause| admits_one(clause, &version)))
}

pub(crate) fn admits_one(specifier: &VersionSpecifier, version: &Version) -> bool {
    let bound = specifier.version();
    match specifier.operator() {
        Operator::EqualStar => begins_with(version, bound),
        Operator::NotEqualStar => !begins_with(version, bound),
        Operator::LessThan => {
            let is_before = version.any_prerelease()
                && !bound.any_prerelease()
                && version.epoch() == bound.epoch()
                && version.only_release() == bound.only_release();
            version < bound && !is_before
        }
        _ => specifier.contains(version),
    }
}

/// Prefix matching: missing numbers are zero.
fn begins_with(version: &Version, prefix: &Version) -> bool {
    let number = |index: usize| version.release().get(index).copied().unwrap_or(0);
    version.epoch() == prefix.epoch()
        && prefix.release().iter().enumerate().all(|(index, wanted)| number(index) == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_library_is_not_asked() {
        let admits = |specifiers, version| {
            admits(&VersionSpecifiers::from_str(specifiers).unwrap(), &Version::from_str(version).unwrap())
        };
        for (specifiers, version, answer) in [
            ("==1.1.*", "1", false),
            ("==1.0.*", "1", true),
            ("!=1.1.*", "1", true),
            ("==1.1.*", "1.1.dev1", true),
            ("==1.1.*", "1!1.1", false),
            ("<3a1", "3.0.dev0", true),
            ("<3", "3.0.dev0", false),
            ("<3", "3.0.0rc1", false),
            ("<2!2.0", "2.dev2", true),
            ("<2,>=1", "1.9", true),
        ] {
            assert_eq!(admits(specifiers, version), answer, "{specifiers} {version}");
        }
    }

    #[test]
    fn more_clauses_than_anybody_writes_are_not_said_to_contradict() {
        let read = |text: &str| VersionSpecifiers::from_str(text).unwrap();
        let many: String = (1..2_000).map(|number| format!(">={number},")).collect();
        let repeated = ">=3,".repeat(2_000);
        assert!(have_common_version(&read(many.trim_end_matches(',')), &read("<1")));
        assert!(!have_common_version(&read(repeated.trim_end_matches(',')), &read("<3")));
    }

    #[test]
    fn ranges_that_meet_and_ranges_that_do_not() {
        let meet = |a: &str, b: &str| {
            let read = |text: &str| VersionSpecifiers::from_str(text).unwrap();
            let answer = have_common_version(&read(a), &read(b));
            assert_eq!(answer, have_common_version(&read(b), &read(a)), "{a} {b}");
            answer
        };
        for (a, b) in [
            ("", ""),
            ("", "==2"),
            (">=2", "<3"),
            (">2", "<2.0.1"),
            (">=2", "<=2"),
            ("~=2.2", ">=2.9"),
            ("==2.*", "!=2.0,>1.9"),
            ("==2.0.1", "==2.0.1.0"),
            (">=1!1", "<1!2"),
            (">=2,<3", ">1"),
        ] {
            assert!(meet(a, b), "{a} {b}");
        }
        for (a, b) in [
            (">=3", "<3"),
            (">=3.1", "<2.3"),
            ("~=2.2", ">=3"),
            ("==2.*", ">=3"),
            ("==2.0", "!=2.0"),
            (">2", "<2"),
            ("==1.0", "==2.0"),
            ("<1", ">=1!0"),
            (">=3.0.dev1", "<3.0"),
        ] {
            assert!(!meet(a, b), "{a} {b}");
        }
    }
}
