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
    firewalls()
}

/// Programs of firewalls, with the libraries that a small system lacks.
const FIREWALLS: [&str; 13] = [
    "ufw",
    "iptables",
    "nftables",
    "libbsd0",
    "libedit2",
    "libip4tc2",
    "libip6tc2",
    "libjansson4",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftables1",
    "libnftnl11",
    "libxtables12",
];

/// The names by which UFW and the test start the programs.
const FIREWALL_PROGRAMS: [(&str, &str); 7] = [
    ("iptables", "xtables-nft-multi"),
    ("iptables-save", "xtables-nft-multi"),
    ("iptables-restore", "xtables-nft-multi"),
    ("ip6tables", "xtables-nft-multi"),
    ("ip6tables-save", "xtables-nft-multi"),
    ("ip6tables-restore", "xtables-nft-multi"),
    ("nft", "nft"),
];

/// Unpacks the programs of firewalls side by side: they are never installed, so that no machine's own is touched. A
/// system that does not have them all does without the comparison.
fn firewalls() -> Result<()> {
    let folder = root().join("target/firewall");
    if folder.join("bin/nft").exists() {
        return Ok(());
    }
    fs::create_dir_all(folder.join("bin")).with_context(|| format!("cannot make {}", folder.display()))?;
    let download = format!("apt-get download --quiet {}", FIREWALLS.join(" "));
    let unpack = "for package in *.deb; do dpkg-deb -x \"$package\" . && rm \"$package\" || exit 1; done";
    for line in [&download, unpack] {
        let mut sh = command("sh");
        if !succeeds(sh.args(["-c", line]).current_dir(&folder)) {
            println!("firewalls are not compared with the kernel: `{line}` failed");
            return Ok(());
        }
    }
    for (name, program) in FIREWALL_PROGRAMS {
        std::os::unix::fs::symlink(format!("../usr/sbin/{program}"), folder.join("bin").join(name))
            .with_context(|| format!("cannot link {name}"))?;
    }
    Ok(())
}
