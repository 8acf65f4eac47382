//! Whether a constraint admits a version (PEP 440, "Version specifiers").
//!
//! `pep440_rs` 0.7 decides two things otherwise than the standard and Python's `packaging` do: `==1.1.*` admits 1, and
//! `<` forgets epochs and pre-releases of a bound that is one itself. A test beside `packaging` found both.

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// Whether all of the constraints admit the version. Pre-releases are admitted like others.
pub fn admits(specifiers: &VersionSpecifiers, version: &Version) -> bool {
    specifiers.iter().all(|specifier| admits_one(specifier, version))
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
    use std::str::FromStr as _;

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
}
