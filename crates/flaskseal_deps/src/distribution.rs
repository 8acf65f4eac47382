//! What is known of distributions by name: how they are imported, and what they are for. Rows of data files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

static IMPORTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/import_names.toml")).expect("a test loads the bundled data")
});

/// The top-level names that a distribution (normalised) is imported by.
pub fn import_names(distribution: &str) -> Vec<String> {
    match IMPORTS.get(distribution) {
        Some(names) => names.clone(),
        None => vec![distribution.replace('-', "_")],
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
}
