//! Real servers that the models and the probe are compared with: Debian's packages, unpacked below `target/` and not
//! installed.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::step::{command, root, run, succeeds};

/// Packages, and the program in each.
const PACKAGES: [(&str, &str); 2] = [("nginx", "usr/sbin/nginx"), ("caddy", "usr/bin/caddy")];

/// Where an installed program may be.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Unpacks each program that is not there.
pub(crate) fn ensure() -> Result<()> {
    for (name, program) in PACKAGES {
        let folder = root().join("target").join(name);
        let is_installed =
            FOLDERS.iter().any(|folder| fs::exists(format!("{folder}/{name}")).is_ok_and(|exists| exists));
        if is_installed || folder.join(program).exists() {
            continue;
        }
        if !succeeds(command("apt-get").arg("--version")) {
            bail!("the tests need {name}: install it with the system's packages");
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let shell = |line: &str| {
            let mut sh = command("sh");
            sh.args(["-c", line]).current_dir(&folder);
            sh
        };
        let download = format!("apt-get download --quiet {name}");
        if !shell(&download).status().is_ok_and(|status| status.success()) {
            run(command("apt-get").args(["update", "--quiet"]))?;
            run(&mut shell(&download))?;
        }
        run(&mut shell(&format!("dpkg-deb -x {name}_*.deb . && rm {name}_*.deb")))?;
    }
    Ok(())
}
