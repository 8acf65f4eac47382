//! The real nginx, which the model of nginx is compared with: Debian's package, unpacked below `target/nginx` and not
//! installed.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::step::{command, root, run, succeeds};

/// Where an installed nginx may be.
const INSTALLED: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];

/// Unpacks nginx where none is there.
pub(crate) fn ensure() -> Result<()> {
    let folder = root().join("target/nginx");
    let is_there = INSTALLED.iter().any(|path| fs::exists(path).is_ok_and(|exists| exists));
    if is_there || folder.join("usr/sbin/nginx").exists() {
        return Ok(());
    }
    if !succeeds(command("apt-get").arg("--version")) {
        bail!("the tests need nginx: install it with the system's packages");
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let download =
        || command("sh").args(["-c", "cd target/nginx && apt-get download --quiet nginx"]).status();
    if !download().is_ok_and(|status| status.success()) {
        run(command("apt-get").args(["update", "--quiet"]))?;
        run(command("sh").args(["-c", "cd target/nginx && apt-get download --quiet nginx"]))?;
    }
    run(command("sh").args(["-c", "cd target/nginx && dpkg-deb -x nginx_*.deb . && rm nginx_*.deb"]))
}
