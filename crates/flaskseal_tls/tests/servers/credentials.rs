//! Certificates and keys, made with `openssl` for these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flaskseal_core::Date;
use flaskseal_tls::{Certificate, roots_from_pem};

/// A folder with keys that certificates share, an authority and one below it.
pub(crate) struct Credentials {
    folder: tempfile::TempDir,
}

/// What a certificate says. Empty names leave the extension out.
pub(crate) struct Request<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) names: &'a str,
    pub(crate) days: u32,
    /// `-sha1` and the like.
    pub(crate) digest: &'a str,
    pub(crate) extensions: &'a [&'a str],
}

impl<'a> Request<'a> {
    pub(crate) const fn new(name: &'a str, key: &'a str, issuer: &'a str, names: &'a str) -> Self {
        Self { name, key, issuer, names, days: 90, digest: "-sha256", extensions: &[] }
    }
}

impl Credentials {
    pub(crate) fn make() -> Self {
        let all = Self { folder: tempfile::tempdir().expect("a folder can be made") };
        for (name, arguments) in [
            ("rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"].as_slice()),
            ("other-rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
            ("weak", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
            ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
            ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
            ("ed25519", &["-algorithm", "ED25519"]),
        ] {
            let key = all.path(&format!("{name}.key"));
            openssl(&[&["genpkey", "-out", text(&key)], arguments].concat());
        }
        let authority: &[&str] =
            &["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
        let root = |name, issuer, key| Request {
            days: 3650,
            extensions: authority,
            ..Request::new(name, key, issuer, "")
        };
        all.certificate(&root("root", "", "p384"));
        all.certificate(&root("stranger", "", "other-rsa"));
        all.certificate(&root("middle", "root", "rsa"));
        all.certificate(&Request { days: 10, ..root("short-middle", "root", "rsa") });
        all
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The day on which all was made.
    pub(crate) fn today(&self) -> Date {
        let der = roots_from_pem(&self.read("root.pem"));
        Certificate::from_der(&der[0]).expect("it was made for this").not_before
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).expect("the file was made")
    }

    /// Writes the certificates of these names into one file.
    pub(crate) fn bundle(&self, file: &str, names: &[&str]) -> PathBuf {
        let all: String = names.iter().map(|name| self.read(&format!("{name}.pem"))).collect();
        fs::write(self.path(file), all).expect("a file can be written");
        self.path(file)
    }

    /// Makes a certificate; without an issuer it signs itself.
    pub(crate) fn certificate(&self, request: &Request<'_>) {
        let certificate = self.path(&format!("{}.pem", request.name));
        let key = self.path(&format!("{}.key", request.key));
        let (days, subject) = (request.days.to_string(), format!("/CN={}", request.name));
        let mut arguments = vec!["req", "-x509", "-new", "-key", text(&key), "-out", text(&certificate)];
        arguments.extend(["-days", &days, "-subj", &subject, request.digest]);
        arguments.extend(["-addext", "subjectKeyIdentifier=hash"]);
        let issuer =
            [self.path(&format!("{}.pem", request.issuer)), self.path(&format!("{}.signer", request.issuer))];
        if !request.issuer.is_empty() {
            arguments.extend(["-CA", text(&issuer[0]), "-CAkey", text(&issuer[1])]);
            // As authorities do, and strict verifiers want it.
            arguments.extend(["-addext", "authorityKeyIdentifier=keyid:always"]);
        }
        fs::copy(&key, self.path(&format!("{}.signer", request.name))).expect("a key can be copied");
        let names = format!("subjectAltName={}", request.names);
        if !request.names.is_empty() {
            arguments.extend(["-addext", &names]);
        }
        // Without it `req` makes an authority.
        let plain = ["basicConstraints=critical,CA:FALSE"];
        let extensions = if request.extensions.iter().any(|one| one.starts_with("basic")) {
            request.extensions.to_vec()
        } else {
            [request.extensions, &plain].concat()
        };
        for extension in &extensions {
            arguments.extend(["-addext", extension]);
        }
        openssl(&arguments);
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the folder's name is text")
}

pub(crate) fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        // Debian's configuration adds the extensions of an authority.
        .env("OPENSSL_CONF", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/openssl.cnf"))
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
