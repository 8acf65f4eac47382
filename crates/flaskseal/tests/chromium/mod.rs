//! Headless Chromium. `cargo xtask test` installs it.

use std::path::PathBuf;
use std::process::Command;

/// The page at an address, as Chromium has it in the end.
pub(crate) fn browse(url: &str) -> String {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let folders = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let program =
        folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.exists());
    let program = program.expect("Chromium is missing: run `cargo xtask setup`");
    let profile = tempfile::tempdir().expect("a folder can be made");
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=20000", "--timeout=60000", "--dump-dom", url])
        .output()
        .expect("Chromium starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
