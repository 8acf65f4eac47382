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
    /// What it says of the chain of each kind of key.
    pub(crate) chains: BTreeMap<String, ChainOpinion>,
    pub(crate) stapling: Option<bool>,
}

/// What sslyze says of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChainOpinion {
    /// It leads to the root of the test, today, and is for the name.
    pub(crate) is_trusted: bool,
    pub(crate) is_in_order: Option<bool>,
    pub(crate) length: usize,
}

const COMMANDS: [&str; 13] = [
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
    "--certinfo",
];

/// The name that sslyze gives to the roots of a file.
const OWN_ROOTS: &str = "Supplied CA file";

/// Asks about ports of loopback, by port. The root of the folder is one.
pub(crate) fn opinions(folder: &Path, ports: &[u16]) -> BTreeMap<u16, Opinion> {
    let file = folder.join("sslyze.json");
    Command::new(python())
        .args(["-m", "sslyze", "--quiet", "--mozilla_config=disable"])
        .arg(format!("--json_out={}", file.display()))
        .arg(format!("--certinfo_ca_file={}", folder.join("root.pem").display()))
        .args(COMMANDS)
        .args(ports.iter().map(|port| format!("shop.example:{port}{{127.0.0.1}}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("sslyze starts");
    let text = fs::read_to_string(&file).expect("sslyze wrote its results");
    let all: Value = serde_json::from_str(&without_keys(&text)).expect("its results are JSON");
    let servers = all["server_scan_results"].as_array().expect("a list of servers");
    servers
        .iter()
        .map(|server| {
            let port = server["server_location"]["port"].as_u64().expect("a port");
            (u16::try_from(port).expect("a port"), opinion(&server["scan_result"]))
        })
        .collect()
}

/// The text with a 0 for each number that no machine word holds: keys are written so.
fn without_keys(text: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (before, number) = rest.split_at(start);
        let (number, after) = number.split_at(number.find(|c| !is_digit(c)).unwrap_or(number.len()));
        out.push_str(before);
        out.push_str(if number.len() > 18 { "0" } else { number });
        rest = after;
    }
    out + rest
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
    let deployments = result["certificate_info"]["result"]["certificate_deployments"].as_array();
    opinion.stapling = deployments.map(|all| all.iter().any(|one| !one["ocsp_response"].is_null()));
    for deployment in deployments.into_iter().flatten() {
        let chain = deployment["received_certificate_chain"].as_array().expect("a chain");
        let results = deployment["path_validation_results"].as_array().expect("results");
        let own = results.iter().find(|one| one["trust_store"]["name"] == OWN_ROOTS).expect("the own roots");
        let key = chain[0]["public_key"]["algorithm"].as_str().expect("a kind of key");
        let said = ChainOpinion {
            is_trusted: own["was_validation_successful"].as_bool().expect("yes or no"),
            is_in_order: deployment["received_chain_has_valid_order"].as_bool(),
            length: chain.len(),
        };
        opinion.chains.insert(key.trim_start_matches('_').to_owned(), said);
    }
    opinion.curves = result["elliptic_curves"]["result"]["supported_curves"].as_array().map(|curves| {
        curves.iter().filter_map(|curve| curve["name"].as_str()).map(str::to_ascii_lowercase).collect()
    });
    opinion
}
