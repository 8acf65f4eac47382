//! Certificates that the real openssl makes, each judged by `check` and by `openssl verify`: whatever one of them
//! refuses, the other does.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests make their own certificates")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use flaskseal_core::Date;

/// What a certificate has that is not usual.
struct Case {
    what: &'static str,
    /// `server_name` of the site.
    host: &'static str,
    names: &'static str,
    key: &'static [&'static str],
    digest: &'static str,
    signed_by: Signer,
    chain: Sent,
    /// Days from its making to the day of the check.
    after: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Signer {
    Intermediate,
    ShortIntermediate,
    Itself,
}

#[derive(Clone, Copy, PartialEq)]
enum Sent {
    Whole,
    LeafAlone,
    OtherIntermediate,
}

const RSA: &[&str] = &["rsa:2048"];

const GOOD: Case = Case {
    what: "as it should be",
    host: "shop.example",
    names: "DNS:shop.example,DNS:www.shop.example",
    key: RSA,
    digest: "-sha256",
    signed_by: Signer::Intermediate,
    chain: Sent::Whole,
    after: 2,
};

const CASES: [Case; 16] = [
    GOOD,
    Case { what: "ECDSA", key: &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ..GOOD },
    Case { what: "Ed25519", key: &["ed25519"], ..GOOD },
    Case { what: "SHA-384 and a long key", key: &["rsa:3072"], digest: "-sha384", ..GOOD },
    Case { what: "a wildcard", host: "a.shop.example", names: "DNS:*.shop.example", ..GOOD },
    Case { what: "a wildcard for two labels", host: "a.b.shop.example", names: "DNS:*.shop.example", ..GOOD },
    Case { what: "a wildcard for none", host: "shop.example", names: "DNS:*.shop.example", ..GOOD },
    Case { what: "an address", host: "203.0.113.7", names: "IP:203.0.113.7", ..GOOD },
    Case { what: "another address", host: "203.0.113.7", names: "IP:203.0.113.8,DNS:shop.example", ..GOOD },
    Case { what: "another name", names: "DNS:other.example", ..GOOD },
    Case { what: "expired", after: 100, ..GOOD },
    Case { what: "not yet valid", after: -5, ..GOOD },
    Case { what: "a weak key", key: &["rsa:1024"], ..GOOD },
    Case { what: "SHA-1", digest: "-sha1", ..GOOD },
    Case { what: "signed by itself", signed_by: Signer::Itself, ..GOOD },
    Case { what: "an expired intermediate", signed_by: Signer::ShortIntermediate, after: 40, ..GOOD },
];

const CHAINS: [Case; 2] = [
    Case { what: "without its intermediate", chain: Sent::LeafAlone, ..GOOD },
    Case { what: "with another intermediate", chain: Sent::OtherIntermediate, ..GOOD },
];

#[test]
fn certificates_are_judged_as_openssl_judges_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    authority(at, "root", None, 3_650);
    authority(at, "intermediate", Some("root"), 1_800);
    authority(at, "short", Some("root"), 30);
    authority(at, "stranger", None, 1_800);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;

    let mut wrong = Vec::new();
    let mut refused = 0;
    for case in CASES.iter().chain(&CHAINS) {
        issue(at, case);
        let day = now + case.after * 86_400;
        let openssl = openssl_accepts(at, case, day);
        let ours = findings(at, case, day);
        refused += usize::from(openssl.is_err());
        if openssl.is_ok() != ours.is_empty() {
            wrong.push(format!("{}: openssl says {openssl:?}, we say {ours:?}", case.what));
        }
    }
    println!("{} certificates, {refused} of them refused by openssl", CASES.len() + CHAINS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, 12);
}

/// `NAME.pem` and `NAME.key`, of an authority.
fn authority(at: &Path, name: &str, signer: Option<&str>, days: u32) {
    let subject = format!("/CN=The {name} authority");
    let days = days.to_string();
    let extensions = at.join("authority.cnf");
    fs::write(&extensions, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        .unwrap();
    openssl(
        at,
        &[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &subject,
            "-out",
            "request.pem",
            "-keyout",
            &format!("{name}.key"),
        ],
    );
    sign(at, name, signer.unwrap_or(name), signer.is_none(), "-sha256", "authority.cnf", &days);
}

/// Signs `request.pem`.
fn sign(at: &Path, name: &str, signer: &str, itself: bool, digest: &str, extensions: &str, days: &str) {
    let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
    let out = format!("{name}.pem");
    let mut words = vec![
        "x509",
        "-req",
        "-in",
        "request.pem",
        digest,
        "-days",
        days,
        "-extfile",
        extensions,
        "-out",
        &out,
    ];
    if itself {
        words.extend(["-signkey", &key]);
    } else {
        words.extend(["-CA", &certificate, "-CAkey", &key, "-CAcreateserial"]);
    }
    openssl(at, &words);
}

/// Makes `leaf.pem`, and the `fullchain.pem` that the server sends.
fn issue(at: &Path, case: &Case) {
    fs::write(
        at.join("leaf.cnf"),
        format!(
            "subjectAltName={}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
            case.names
        ),
    )
    .unwrap();
    let mut words = vec![
        "req",
        "-new",
        "-nodes",
        "-subj",
        "/CN=leaf",
        "-out",
        "request.pem",
        "-keyout",
        "leaf.key",
        "-newkey",
    ];
    words.extend(case.key);
    openssl(at, &words);
    let (signer, itself) = match case.signed_by {
        Signer::Intermediate => ("intermediate", false),
        Signer::ShortIntermediate => ("short", false),
        Signer::Itself => ("leaf", true),
    };
    sign(at, "leaf", signer, itself, case.digest, "leaf.cnf", "90");
    let read = |name: &str| fs::read_to_string(at.join(format!("{name}.pem"))).unwrap();
    let rest = match case.chain {
        Sent::Whole if case.signed_by == Signer::Itself => String::new(),
        Sent::Whole => read(signer),
        Sent::LeafAlone => String::new(),
        Sent::OtherIntermediate => read("stranger"),
    };
    fs::write(at.join("fullchain.pem"), read("leaf") + &rest).unwrap();
}

/// Whether a client with the root would go on, and else why not.
fn openssl_accepts(at: &Path, case: &Case, day: i64) -> Result<(), String> {
    let is_address = case.host.parse::<std::net::IpAddr>().is_ok();
    let output = Command::new("openssl")
        .current_dir(at)
        .args(["verify", "-CAfile", "root.pem", "-untrusted", "fullchain.pem", "-auth_level", "2"])
        .args([if is_address { "-verify_ip" } else { "-verify_hostname" }, case.host])
        .args(["-purpose", "sslserver", "-attime", &day.to_string(), "leaf.pem"])
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr)
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("")
        .to_owned())
}

/// The findings about certificates that count.
fn findings(at: &Path, case: &Case, day: i64) -> Vec<String> {
    let project = tempfile::tempdir_in(at).unwrap();
    let put = |path: &str, text: &str| {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("app.py", "from flask import Flask\napp = Flask(__name__)\n");
    put(
        "nginx/site.conf",
        &format!(
            "server {{\n listen 443 ssl;\n server_name {};\n ssl_certificate /etc/nginx/tls/fullchain.pem;\n location / {{ proxy_pass http://127.0.0.1:8000; }}\n}}\n",
            case.host
        ),
    );
    put("tls/fullchain.pem", &fs::read_to_string(at.join("fullchain.pem")).unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .arg("check")
        .arg(project.path())
        .args(["--isolated", "--format", "json", "--only", "FS207,FS208,FS212"])
        .args(["--now", &Date::from_seconds(day).unwrap().to_string()])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = report["findings"].as_array().unwrap();
    let counting = all.iter().filter(|finding| finding["severity"] != "low");
    counting.map(|finding| format!("{}: {}", finding["rule"], finding["message"])).collect()
}

fn openssl(at: &Path, words: &[&str]) {
    let output = Command::new("openssl").current_dir(at).args(words).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
