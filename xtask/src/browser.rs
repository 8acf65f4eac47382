//! The real browser, which the judgement of content security policies is compared with: Debian's package of Chromium.

use std::fs;

use anyhow::{Result, bail};

use crate::step::{command, run, succeeds};

/// Where an installed Chromium may be.
const INSTALLED: [&str; 4] = [
    "/usr/bin/chromium-headless-shell",
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];

/// Installs Chromium where none is there; it needs too much of the system to be unpacked.
pub(crate) fn ensure() -> Result<()> {
    if INSTALLED.iter().any(|path| fs::exists(path).is_ok_and(|exists| exists)) {
        return Ok(());
    }
    let install = || {
        let words = ["install", "--yes", "--quiet", "--no-install-recommends", "chromium-headless-shell"];
        succeeds(command("apt-get").args(words))
    };
    if install() {
        return Ok(());
    }
    run(command("apt-get").args(["update", "--quiet"]))?;
    if install() {
        return Ok(());
    }
    bail!("the tests need Chromium: install it with the system's packages")
}
