//! Headless Chromium. `cargo xtask test` installs it.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The page at an address, as Chromium has it in the end.
pub fn browse(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder can be made");
    let output = command(&profile)
        .args(["--virtual-time-budget=20000", "--timeout=60000", "--dump-dom", url])
        .output()
        .expect("Chromium starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Chromium that goes where pages send it, until this is dropped.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    _profile: TempDir,
}

impl Chromium {
    /// Opens an address. Every name leads to loopback, and a certificate with this key is trusted: the SHA-256 of its
    /// public key, in Base64.
    pub fn open(url: &str, trusted_key: &str) -> Self {
        let profile = tempfile::tempdir().expect("a folder can be made");
        let child = command(&profile)
            .args(["--remote-debugging-port=0", "--host-resolver-rules=MAP * 127.0.0.1"])
            .arg(format!("--ignore-certificate-errors-spki-list={trusted_key}"))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Debian's command is a script, and the browser many processes: they end together.
            .process_group(0)
            .spawn()
            .expect("Chromium starts");
        Self { child, _profile: profile }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = self.child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -s KILL -- \"-$1\"", "sh", &group]).status();
        let _ = self.child.wait();
    }
}

fn command(profile: &TempDir) -> Command {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let folders = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let program =
        folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.exists());
    let mut command = Command::new(program.expect("Chromium is missing: run `cargo xtask setup`"));
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()));
    command
}
