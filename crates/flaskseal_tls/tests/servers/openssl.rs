//! What `openssl s_client` really uses with a server.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use flaskseal_tls::Version;

/// OpenSSL's names of suites, by IANA's.
static NAMES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let output = Command::new("openssl")
        .args(["ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])
        .output()
        .expect("openssl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
    });
    words.collect()
});

/// Whether a whole handshake with this suite succeeds.
pub(crate) fn uses_suite(port: u16, version: Version, suite: &str) -> bool {
    let Some(name) = NAMES.get(suite) else { return false };
    let version = match version {
        Version::Tls10 => "-tls1",
        Version::Tls11 => "-tls1_1",
        Version::Tls12 => "-tls1_2",
        _ => return false,
    };
    let said = client(port, &[version, "-cipher", &format!("{name}:@SECLEVEL=0")]);
    said.contains(&format!("Cipher is {name}\n"))
}

/// Whether a handshake of TLS 1.2 uses this curve, with a client that has P-256 as well.
pub(crate) fn uses_group(port: u16, name: &str) -> bool {
    let (asked, shown) = match name {
        "x25519" => ("X25519", "Server Temp Key: X25519"),
        "x448" => ("X448", "Server Temp Key: X448"),
        "secp384r1" => ("P-384", "Server Temp Key: ECDH, secp384r1"),
        "secp521r1" => ("P-521", "Server Temp Key: ECDH, secp521r1"),
        _ => return false,
    };
    client(port, &["-tls1_2", "-groups", &format!("{asked}:P-256")]).contains(shown)
}

fn client(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "shop.example"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
