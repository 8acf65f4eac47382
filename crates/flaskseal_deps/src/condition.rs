//! Conditions under which an advisory on Flask's own stack matters: rows of `data/conditions.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::Advisory;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    Debugger,
    DevelopmentServer,
    Forms,
    Sandbox,
    Windows,
    /// A name that code or templates use.
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    condition: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    needs: String,
}

static ROWS: LazyLock<Vec<(String, Condition)>> = LazyLock::new(|| {
    let rows: Rows =
        toml::from_str(include_str!("../data/conditions.toml")).expect("a test loads the bundled data");
    rows.condition.into_iter().filter_map(|row| Some((row.id, condition(&row.needs)?))).collect()
});

fn condition(needs: &str) -> Option<Condition> {
    Some(match needs {
        "debugger" => Condition::Debugger,
        "development-server" => Condition::DevelopmentServer,
        "forms" => Condition::Forms,
        "sandbox" => Condition::Sandbox,
        "windows" => Condition::Windows,
        other => Condition::Word(other.strip_prefix("word:")?.to_owned()),
    })
}

/// What has to be true for the advisory to matter, where a condition is known.
pub fn condition_of(advisory: &Advisory) -> Option<&'static Condition> {
    ROWS.iter().find(|(id, _)| advisory.ids().any(|known| known == id)).map(|(_, condition)| condition)
}

impl Condition {
    /// "debug is on": completes "matters only where ...".
    pub fn describe(&self) -> String {
        match self {
            Self::Debugger => "the interactive debugger is on".to_owned(),
            Self::DevelopmentServer => "the development server serves production".to_owned(),
            Self::Forms => "form bodies are parsed".to_owned(),
            Self::Sandbox => "templates of others run in the sandbox".to_owned(),
            Self::Windows => "production runs on Windows".to_owned(),
            Self::Word(word) => format!("`{word}` is used"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core_advisories, core_packages};

    #[test]
    fn every_row_is_understood() {
        let rows = include_str!("../data/conditions.toml").matches("{ id =").count();
        assert_eq!(ROWS.len(), rows);
        assert!(ROWS.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted and unique");
    }

    #[test]
    fn every_row_is_on_an_advisory_of_the_core_table() {
        let known: Vec<Advisory> = core_packages().flat_map(core_advisories).collect();
        for (id, _) in ROWS.iter() {
            assert!(known.iter().any(|advisory| advisory.ids().any(|name| name == id)), "{id}");
        }
    }
}
