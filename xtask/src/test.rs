//! `cargo xtask test`: install what the tests need, then run all of them.

use anyhow::Result;

use crate::step::{cargo, ensure_cargo_tool, run as run_step};
use crate::{browser, debian, python};

/// Installs the Python environments, nginx, Caddy, Chromium and the test runner; does nothing when they are there.
pub(crate) fn setup(_: &[String]) -> Result<()> {
    python::ensure_environments()?;
    debian::ensure()?;
    browser::ensure()?;
    ensure_cargo_tool("nextest")
}

/// Runs documentation tests and all others; `arguments` go to `cargo nextest run`.
///
/// The documentation tests come first, so that nextest's summary is the last line. They are left out when arguments
/// choose among the tests.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup(&[])?;
    if arguments.is_empty() {
        run_step(cargo().args(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    run_step(cargo().args(["nextest", "run", "--workspace"]).args(arguments))
}
