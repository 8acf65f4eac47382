//! `cargo xtask lint`: what can be judged without running the program.

use anyhow::{Result, ensure};

use crate::step::{cargo, ensure_cargo_tool, run as run_step};
use crate::{docs, tidy};

/// Checks formatting, lints, documentation, architecture, and the dependencies' licences and sources.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`lint` takes no arguments");
    run_step(cargo().args(["fmt", "--all", "--check"]))?;
    run_step(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run_step(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    tidy::run(&[])?;
    docs::run(&["--check".to_owned()])?;
    ensure_cargo_tool("deny")?;
    run_step(cargo().args(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))
}
