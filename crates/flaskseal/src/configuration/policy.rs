//! The policy: demands from outside the tree. It can make the gate stricter and nothing else, so it has no key that
//! could make it laxer.

use std::path::Path;

use flaskseal_core::{Item, Severity};

use super::document::{ConfigurationError, Document, Table};
use super::file;
use crate::selection::require_item;
use crate::suggest::did_you_mean;

/// What a policy file demands.
#[derive(Default, Debug)]
pub(super) struct Demands {
    /// The name to print for the file.
    pub(super) name: String,
    /// The gate fails from here on at the latest.
    pub(super) fail_on: Option<Severity>,
    /// These items must be verified.
    pub(super) require: Vec<Item>,
    /// Every selected item must be verified.
    pub(super) strict: bool,
    /// Freedoms that neither tree nor command line has.
    pub(super) forbid: Vec<Freedom>,
    /// Sessions may not live longer, in hours.
    pub(super) session_lifetime_hours: Option<u32>,
}

/// Something that a configuration may do and a policy can forbid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Freedom {
    Entry,
    EnvFile,
    EnvComplete,
    Only,
    Skip,
    Exclude,
    Ignore,
    Baseline,
    Models,
    ProductionPaths,
    AsidePaths,
}

impl Freedom {
    const ALL: [Self; 11] = [
        Self::Entry,
        Self::EnvFile,
        Self::EnvComplete,
        Self::Only,
        Self::Skip,
        Self::Exclude,
        Self::Ignore,
        Self::Baseline,
        Self::Models,
        Self::ProductionPaths,
        Self::AsidePaths,
    ];

    /// The key of the configuration file.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::EnvFile => "env-file",
            Self::EnvComplete => "env-complete",
            Self::Only => "only",
            Self::Skip => "skip",
            Self::Exclude => "exclude",
            Self::Ignore => "ignore",
            Self::Baseline => "baseline",
            Self::Models => "models",
            Self::ProductionPaths => "production-paths",
            Self::AsidePaths => "aside-paths",
        }
    }

    fn parse(text: &str) -> Result<Vec<Self>, String> {
        if text == "all" {
            return Ok(Self::ALL.to_vec());
        }
        let found = Self::ALL.into_iter().find(|freedom| freedom.key() == text).map(|freedom| vec![freedom]);
        found.ok_or_else(|| {
            let keys = Self::ALL.map(Self::key);
            let near = did_you_mean(text, keys);
            format!("`{text}` cannot be forbidden{near} (what can: all, {})", keys.join(", "))
        })
    }
}

/// Reads the file that `--policy` names.
pub(super) fn read(path: &Path) -> anyhow::Result<Demands> {
    let text = flaskseal_system::read_to_string(path)?;
    Ok(demands(&path.display().to_string(), &text)?)
}

fn demands(name: &str, text: &str) -> Result<Demands, ConfigurationError> {
    let document = Document::new(name, text);
    let parsed = document.parse()?;
    let mut table = Table::new(&document, parsed.get_ref(), " in a policy");
    let demands = Demands {
        name: name.to_owned(),
        fail_on: table.take("fail-on").map(|value| file::severity(&value)).transpose()?,
        require: table.take("require").map_or(Ok(Vec::new()), |value| value.each(require_item))?,
        strict: table.take("strict").map_or(Ok(false), |value| value.boolean())?,
        forbid: table.take("forbid").map_or(Ok(Vec::new()), |value| value.each(Freedom::parse))?.concat(),
        session_lifetime_hours: table
            .take("session-lifetime-hours")
            .map(|value| value.count())
            .transpose()?,
    };
    table.finish()?;
    Ok(demands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_demands_and_cannot_allow() {
        let demands =
            demands("policy.toml", "fail-on = 'low'\nrequire = ['session']\nforbid = ['skip', 'ignore']\n")
                .unwrap();
        assert_eq!(demands.fail_on, Some(Severity::Low));
        assert_eq!(demands.forbid, [Freedom::Skip, Freedom::Ignore]);
        let complaint = |text| super::demands("policy.toml", text).unwrap_err().to_string();
        assert_eq!(complaint("skip = ['debug']"), "policy.toml:1:1: unknown key `skip` in a policy");
        assert!(complaint("forbid = ['skipp']").contains("did you mean `skip`?"));
        assert_eq!(super::demands("p", "forbid = 'all'").unwrap().forbid, Freedom::ALL);
    }
}
