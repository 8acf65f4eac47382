//! sslyze, for a second opinion on all servers at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use flaskseal_servers::python;
use flaskseal_tls::Version;
use serde_json::Value;

/// What sslyze says of one server.
#[derive(Debug, Default)]
pub(crate) struct Opinion {
    /// Names of suites, for each version that is accepted.
    pub(crate) suites: BTreeMap<Version, BTreeSet<String>>,
    pub(crate) curves: Option<BTreeSet<String>>,
    pub(crate) compression: Option<bool>,
    pub(crate) secure_renegotiation: Option<bool>,
    pub(crate) fallback_protection: Option<bool>,
    pub(crate) tickets: Option<bool>,
    pub(crate) ids: Option<bool>,
    pub(crate) early_data: Option<bool>,
}

const COMMANDS: [&str; 12] = [
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--elliptic_curves",
    "--compression",
    "--reneg",
    "--fallback",
    "--resum",
    "--early_data",
];

/// Asks about ports of loopback, by port.
pub(crate) fn opinions(folder: &Path, ports: &[u16]) -> BTreeMap<u16, Opinion> {
    let file = folder.join("sslyze.json");
    Command::new(python())
        .args(["-m", "sslyze", "--quiet", "--mozilla_config=disable"])
        .arg(format!("--json_out={}", file.display()))
        .args(COMMANDS)
        .args(ports.iter().map(|port| format!("shop.example:{port}{{127.0.0.1}}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("sslyze starts");
    let text = fs::read_to_string(&file).expect("sslyze wrote its results");
    let all: Value = serde_json::from_str(&text).expect("its results are JSON");
    let servers = all["server_scan_results"].as_array().expect("a list of servers");
    servers
        .iter()
        .map(|server| {
            let port = server["server_location"]["port"].as_u64().expect("a port");
            (u16::try_from(port).expect("a port"), opinion(&server["scan_result"]))
        })
        .collect()
}

fn opinion(result: &Value) -> Opinion {
    let mut opinion = Opinion::default();
    for (version, word) in
        Version::ALL.into_iter().zip(["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"])
    {
        let accepted = result[format!("{word}_cipher_suites")]["result"]["accepted_cipher_suites"].as_array();
        let names: BTreeSet<String> = accepted
            .into_iter()
            .flatten()
            .filter_map(|one| one["cipher_suite"]["name"].as_str())
            .map(str::to_owned)
            .collect();
        if !names.is_empty() {
            opinion.suites.insert(version, names);
        }
    }
    let flag = |command: &str, key: &str| result[command]["result"][key].as_bool();
    opinion.compression = flag("tls_compression", "supports_compression");
    opinion.secure_renegotiation = flag("session_renegotiation", "supports_secure_renegotiation");
    opinion.fallback_protection = flag("tls_fallback_scsv", "supports_fallback_scsv");
    opinion.early_data = flag("tls_1_3_early_data", "supports_early_data");
    let word = |key: &str| {
        result["session_resumption"]["result"][key].as_str().map(|word| word == "FULLY_SUPPORTED")
    };
    opinion.tickets = word("tls_ticket_resumption_result");
    opinion.ids = word("session_id_resumption_result");
    opinion.curves = result["elliptic_curves"]["result"]["supported_curves"].as_array().map(|curves| {
        curves.iter().filter_map(|curve| curve["name"].as_str()).map(str::to_ascii_lowercase).collect()
    });
    opinion
}
