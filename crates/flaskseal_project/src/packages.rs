//! Which packages the project installs, as far as the evaluator needs to know: names for imports, and the version
//! of Flask.
//!
//! This reads pinned lines only. Lock formats, markers and constraints are the business of the dependency layer.

use std::sync::Arc;

use flaskseal_core::Tree;
use rustc_hash::FxHashSet;

#[derive(Debug, Default)]
pub(crate) struct Packages {
    /// Normalised distribution names (PEP 503).
    pub names: FxHashSet<String>,
    /// Major and minor version of Flask, where one is pinned.
    pub flask: Option<(u32, u32)>,
}

impl Packages {
    pub(crate) fn read(tree: &Tree) -> Self {
        let mut packages = Self::default();
        for file in &tree.files {
            let name = file.name();
            let is_requirements = (name.contains("requirements")
                || name.contains("constraints")
                || file.folder().ends_with("requirements"))
                && (name.ends_with(".txt") || name.ends_with(".in") || name.ends_with(".lock"));
            if is_requirements {
                for line in file.text.lines() {
                    packages.requirement(line);
                }
            } else if matches!(name, "poetry.lock" | "uv.lock" | "pdm.lock" | "pylock.toml") {
                packages.lock(&file.text);
            } else if matches!(name, "pyproject.toml" | "setup.py" | "setup.cfg" | "Pipfile") {
                packages.loose(&file.text);
            }
        }
        packages
    }

    fn add(&mut self, name: &str, version: Option<&str>) {
        let name = name.to_lowercase().replace(['_', '.'], "-");
        if name == "flask"
            && let Some(version) = version
        {
            let mut parts = version.split('.').map(str::parse::<u32>);
            if let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) {
                self.flask = Some((major, minor));
            }
        }
        self.names.insert(name);
    }

    fn requirement(&mut self, line: &str) {
        let line = line.split('#').next().unwrap_or("").trim();
        let end = line
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return;
        }
        let rest = rest.trim_start();
        let rest = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map_or(rest, |(_, rest)| rest.trim_start());
        let version = rest.strip_prefix("==").map(|rest| {
            let rest = rest.trim_start_matches('=').trim_start();
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!' | '*')))
                .next()
                .unwrap_or("")
        });
        self.add(name, version);
    }

    /// `[[package]]` tables: a name line, then a version line.
    fn lock(&mut self, text: &str) {
        let quoted = |line: &str, key: &str| -> Option<String> {
            let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim();
            Some(rest.trim_matches('"').to_owned())
        };
        let mut name: Option<String> = None;
        for line in text.lines() {
            if let Some(found) = quoted(line, "name") {
                name = Some(found);
            } else if let (Some(version), Some(known)) = (quoted(line, "version"), name.take()) {
                self.add(&known, Some(&version));
            }
        }
    }

    /// Quoted requirements wherever they stand: `"Flask>=2.0"`, `flask = "^3.0"`.
    fn loose(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim();
            if let Some((key, _)) = line.split_once('=')
                && key.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            {
                self.add(key.trim(), None);
            }
            for piece in line.split(['"', '\'']).skip(1).step_by(2) {
                self.requirement(piece);
            }
            self.requirement(line);
        }
    }

    /// The top-level names that the packages are imported by.
    pub(crate) fn import_names(&self) -> FxHashSet<Arc<str>> {
        #[rustfmt::skip]
        const DIFFERENT: &[(&str, &str)] = &[
            ("beautifulsoup4", "bs4"), ("django-environ", "environ"), ("pillow", "PIL"), ("psycopg2-binary", "psycopg2"),
            ("pyjwt", "jwt"), ("python-dateutil", "dateutil"), ("python-decouple", "decouple"), ("python-dotenv", "dotenv"),
            ("pyyaml", "yaml"), ("scikit-learn", "sklearn"), ("sentry-sdk", "sentry_sdk"), ("mysqlclient", "MySQLdb"),
        ];
        let own = self.names.iter().map(|name| Arc::from(name.replace('-', "_")));
        let other = DIFFERENT
            .iter()
            .filter(|(name, _)| self.names.contains(*name))
            .map(|(_, import)| Arc::from(*import));
        own.chain(other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(path: &str, text: &str) -> Packages {
        Packages::read(&Tree::from_texts([(path.to_owned(), text.to_owned())]))
    }

    #[test]
    fn the_version_of_flask_is_the_pinned_one() {
        assert_eq!(
            packages("requirements.txt", "Flask[async]==2.0.1  # old\nflask-login\n").flask,
            Some((2, 0))
        );
        assert_eq!(packages("requirements.txt", "Flask>=2.0\nFlask-WTF==1.0\n").flask, None);
        assert_eq!(
            packages("uv.lock", "[[package]]\nname = \"flask\"\nversion = \"3.1.0\"\n").flask,
            Some((3, 1))
        );
        assert!(
            packages("pyproject.toml", "dependencies = [\"Flask>=3\", 'PyYAML']\n")
                .import_names()
                .contains("yaml")
        );
    }
}
