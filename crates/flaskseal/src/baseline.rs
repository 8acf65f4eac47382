//! The file of known findings: read for a check, written and pruned on request.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flaskseal_judge::Baseline;

use crate::configuration::Configuration;

/// The file that applies: the configured one, else `flaskseal-baseline.toml` in the checked folder.
pub(crate) fn file(configuration: &Configuration, root: &Path) -> PathBuf {
    configuration.baseline.value.clone().unwrap_or_else(|| root.join("flaskseal-baseline.toml"))
}

/// The configured baseline; a check without one compares with nothing.
pub(crate) fn configured(configuration: &Configuration) -> anyhow::Result<Option<Baseline>> {
    let Some(path) = &configuration.baseline.value else { return Ok(None) };
    let place = &configuration.baseline.origin;
    read(path).map(Some).with_context(|| {
        format!("the baseline of {place} cannot be used; `flaskseal baseline write` makes one")
    })
}

pub(crate) fn read(path: &Path) -> anyhow::Result<Baseline> {
    let text = flaskseal_system::read_to_string(path)?;
    Baseline::parse(&text).with_context(|| format!("{} cannot be used", path.display()))
}
