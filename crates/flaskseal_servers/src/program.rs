//! Where the programs are that tests start.

use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// nginx: installed, or unpacked by `cargo xtask setup`.
pub fn nginx() -> PathBuf {
    debian("nginx", "usr/sbin/nginx")
}

/// Caddy, likewise.
pub fn caddy() -> PathBuf {
    debian("caddy", "usr/bin/caddy")
}

/// The Python with the packages of `tests/requirements.txt`.
pub fn python() -> PathBuf {
    let python = root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    python
}

fn debian(name: &str, path: &str) -> PathBuf {
    let installed = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let installed = installed.map(|folder| Path::new(folder).join(name));
    let unpacked = root().join("target").join(name).join(path);
    let found = installed.into_iter().chain([unpacked]).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask setup`"))
}
