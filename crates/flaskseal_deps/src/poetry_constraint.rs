//! Poetry's own version constraints (`^2.0`, `~2.0`, `2.*`), as PEP 440 says the same.

use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};

/// The constraint as specifiers; `None` for unions and for what is no constraint.
pub(crate) fn read(text: &str) -> Option<VersionSpecifiers> {
    if text.contains('|') {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    // Poetry accepts blanks between constraints as well as commas.
    for part in text.split(',').flat_map(words) {
        parts.extend(translated(&part)?);
    }
    VersionSpecifiers::from_str(&parts.join(",")).ok()
}

/// `>=1 <2` is two constraints, `>= 1` is one.
fn words(part: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in part.split_ascii_whitespace() {
        match words.last_mut() {
            Some(last) if last.chars().all(|c| "<>=!~^".contains(c)) => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn translated(part: &str) -> Option<Vec<String>> {
    if part == "*" {
        return Some(Vec::new());
    }
    if let Some(version) = part.strip_prefix('^') {
        let version = Version::from_str(version).ok()?;
        let release = version.release();
        let significant = release.iter().position(|number| *number > 0).unwrap_or(release.len() - 1);
        return Some(vec![format!(">={version}"), format!("<{}", bumped(&version, significant)?)]);
    }
    if let Some(version) = part.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        let version = Version::from_str(version).ok()?;
        let place = usize::from(version.release().len() > 1);
        return Some(vec![format!(">={version}"), format!("<{}", bumped(&version, place)?)]);
    }
    if part.starts_with(['<', '>', '=', '!', '~']) {
        // A single `=` is Poetry's equality.
        let is_single = part.starts_with('=') && !part.starts_with("==");
        return Some(vec![if is_single { format!("={part}") } else { part.to_owned() }]);
    }
    // A bare version is that version.
    Some(vec![format!("=={part}")])
}

/// The version at which the number at `place` is one more.
fn bumped(version: &Version, place: usize) -> Option<Version> {
    let mut release: Vec<u64> = version.release().get(..=place)?.to_vec();
    let last = release.last_mut()?;
    *last = last.checked_add(1)?;
    Some(Version::new(release).with_epoch(version.epoch()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_says_the_same_as_pep_440() {
        for (poetry, pep440) in [
            ("^1.2.3", ">=1.2.3, <2"),
            ("^0.2.3", ">=0.2.3, <0.3"),
            ("^0.0.3", ">=0.0.3, <0.0.4"),
            ("^0.0", ">=0.0, <0.1"),
            ("^0", ">=0, <1"),
            ("~1.2.3", ">=1.2.3, <1.3"),
            ("~1", ">=1, <2"),
            ("1.2.*", "==1.2.*"),
            ("1.2.3", "==1.2.3"),
            ("=1.2", "==1.2"),
            (">= 1.0, <2", ">=1.0, <2"),
            (">=1.0 <2.0", ">=1.0, <2.0"),
            ("~=1.4", "~=1.4"),
            ("*", ""),
        ] {
            assert_eq!(read(poetry).map(|s| s.to_string()).as_deref(), Some(pep440), "{poetry}");
        }
        for wrong in ["^1 || ^2", "^", "~x", "^18446744073709551615", "latest"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
