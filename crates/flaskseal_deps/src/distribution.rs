//! What is known of distributions by name: how they are imported, and what they are for. Rows of data files.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::LazyLock;

use pep440_rs::Version;
use serde::Deserialize;

static IMPORTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/import_names.toml")).expect("a test loads the bundled data")
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    security_relevant: Vec<String>,
    development: Vec<String>,
    used_without_import: Vec<String>,
    brings: BTreeMap<String, Vec<String>>,
    abandoned: BTreeMap<String, Abandoned>,
}

/// A distribution that nobody maintains.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abandoned {
    pub instead: String,
    /// It guards something: passwords, sessions, keys.
    #[serde(default)]
    pub security: bool,
    /// From this version on it is maintained again.
    #[serde(default)]
    until: Option<String>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/distributions.toml")).expect("a test loads the bundled data")
});

/// The top-level names that a distribution (normalised) is imported by.
pub fn import_names(distribution: &str) -> Vec<String> {
    match IMPORTS.get(distribution) {
        Some(names) => names.clone(),
        None => vec![distribution.replace('-', "_")],
    }
}

/// Whether a flaw in it is most often a flaw of the application.
pub fn is_security_relevant(distribution: &str) -> bool {
    ROWS.security_relevant.iter().any(|known| known == distribution)
}

/// Whether it is a tool for developers.
pub fn is_development_tool(distribution: &str) -> bool {
    ROWS.development.iter().any(|known| known == distribution)
}

/// Whether production uses it without an import: it is started by a command or loaded by another library.
pub fn is_used_without_import(distribution: &str) -> bool {
    ROWS.used_without_import.iter().any(|known| known == distribution)
}

/// The distributions that are known to bring this one along.
pub fn brought_by(distribution: &str) -> impl Iterator<Item = &'static str> + use<> {
    let brings = |brought: &Vec<String>| brought.iter().any(|known| known == distribution);
    let parents: Vec<&str> = ROWS
        .brings
        .iter()
        .filter(|(_, brought)| brings(brought))
        .map(|(parent, _)| parent.as_str())
        .collect();
    parents.into_iter()
}

/// What a distribution is known to bring along.
pub fn brings(distribution: &str) -> &'static [String] {
    ROWS.brings.get(distribution).map_or(&[], Vec::as_slice)
}

/// What to use instead of a distribution that nobody maintains at this version.
pub fn abandoned(distribution: &str, version: Option<&Version>) -> Option<&'static Abandoned> {
    let row = ROWS.abandoned.get(distribution)?;
    let again = row.until.as_ref().and_then(|until| Version::from_str(until).ok());
    match (again, version) {
        (Some(again), Some(version)) if *version >= again => None,
        (Some(_), None) => None,
        _ => Some(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_imports() {
        assert_eq!(import_names("pyyaml"), ["yaml"]);
        assert_eq!(import_names("flask-login"), ["flask_login"]);
        let text = include_str!("../data/import_names.toml");
        let keys: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "sorted and unique");
    }

    #[test]
    fn what_distributions_are_for() {
        assert!(
            is_security_relevant("flask")
                && is_development_tool("pytest")
                && is_used_without_import("gunicorn")
        );
        assert!(brought_by("werkzeug").any(|parent| parent == "flask"));
        assert_eq!(abandoned("flask-script", None).map(|row| row.security), Some(false));
        let version = |text: &str| Version::from_str(text).unwrap();
        assert!(abandoned("python-jose", Some(&version("3.3.0"))).is_some());
        assert!(abandoned("python-jose", Some(&version("3.5.0"))).is_none());
    }
}
