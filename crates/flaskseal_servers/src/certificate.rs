//! Certificates, made with `openssl` for the test that needs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An authority of the test's own, in a folder.
#[derive(Debug)]
pub struct Authority {
    /// Its certificate, in PEM.
    pub certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    pub fn make(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("authority.pem"), folder.join("authority.key"));
        openssl(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"])
                .args(["-subj", "/CN=An authority for tests"])
                .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out"])
                .arg(&certificate)
                .arg("-keyout")
                .arg(&key),
        );
        Self { certificate, key }
    }

    /// Makes `fullchain.pem` and `privkey.pem` in the folder, for these names and 90 days.
    pub fn issue(&self, folder: &Path, names: &[&str]) {
        fs::create_dir_all(folder).expect("a folder can be made");
        let (chain, key, request) =
            (folder.join("fullchain.pem"), folder.join("privkey.pem"), folder.join("request.pem"));
        let first = names.first().expect("a certificate has a name");
        openssl(
            Command::new("openssl")
                .args([
                    "req",
                    "-new",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-subj",
                    &format!("/CN={first}"),
                    "-out",
                ])
                .arg(&request)
                .arg("-keyout")
                .arg(&key),
        );
        let extensions = folder.join("extensions.cnf");
        let text = format!(
            "{}basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
            alternatives(names)
        );
        fs::write(&extensions, text).expect("a file can be written");
        openssl(
            Command::new("openssl")
                .args(["x509", "-req", "-days", "90", "-sha256", "-CAcreateserial", "-in"])
                .arg(&request)
                .arg("-CA")
                .arg(&self.certificate)
                .arg("-CAkey")
                .arg(&self.key)
                .arg("-extfile")
                .arg(&extensions)
                .arg("-out")
                .arg(&chain),
        );
    }
}

/// Makes `fullchain.pem` and `privkey.pem` in the folder: a certificate for the name that signs itself.
pub fn self_signed(folder: &Path, name: &str) {
    fs::create_dir_all(folder).expect("a folder can be made");
    openssl(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"])
            .args(["-subj", &format!("/CN={name}"), "-addext", alternatives(&[name]).trim_end()])
            // Without it `req` makes an authority.
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
            .arg(folder.join("fullchain.pem"))
            .arg("-keyout")
            .arg(folder.join("privkey.pem")),
    );
}

fn alternatives(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    format!("subjectAltName={}\n", names.join(","))
}

fn openssl(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("openssl is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
