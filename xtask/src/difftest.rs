//! `cargo xtask difftest`: the evaluator beside real Flask, on one application of any size. This runs the application.

use anyhow::Result;

use crate::python;
use crate::step::{cargo, run as run_step};

/// Boots the application that the arguments name and compares what it has with what the evaluator says.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.iter().any(|word| word == "--python") {
        python::ensure_environments()?;
    }
    let mut difftest = cargo();
    difftest.args(["run", "--quiet", "--package", "flaskseal_oracle", "--example", "difftest", "--"]);
    run_step(difftest.args(arguments))
}
