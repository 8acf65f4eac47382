//! Firewalls against the kernel: each rule set is loaded by its own program in a network of its own, a stranger and a
//! neighbour send the first packet of a connection to some ports, and who gets an answer is compared with the model.
//!
//! `cargo xtask test` unpacks the programs below `target/firewall`. Where the machine makes no network of its own the
//! test says so, and passes.

#![allow(clippy::disallowed_methods, reason = "a test that starts programs")]

#[path = "firewall_kernel/cases.rs"]
mod cases;

use std::path::Path;
use std::process::Command;

use flaskseal_core::Tree;
use flaskseal_servers::{ask, root};
use serde_json::{Value, json};

use self::cases::CASES;

/// As `oracle/ask_kernel.py` has them.
const PORTS: [u16; 14] = [21, 22, 25, 80, 443, 3306, 5000, 5432, 6000, 6007, 6379, 8000, 8080, 9090];
/// The stranger of the two who ask there.
const STRANGER: &str = "203.0.113.9";

#[test]
fn the_model_lets_in_what_the_kernel_does() {
    let programs = root().join("target/firewall");
    if let Err(reason) = can_ask(&programs) {
        println!("skipped: {reason}");
        return;
    }
    let questions: Vec<Value> =
        CASES.iter().map(|(_, kind, text)| json!({"kind": kind, "text": text})).collect();
    let script = root().join("oracle/ask_kernel.py");
    let answers = ask(Command::new("python3").arg(script).arg(&programs), &questions);

    let (mut compared, mut unknown, mut wrong) = (0, 0, Vec::new());
    for ((name, kind, text), answer) in CASES.iter().zip(&answers) {
        let Some(open) = answer["open"][STRANGER].as_array() else {
            wrong.push(format!("{kind}: {name}: the rules do not load: {}", answer["error"]));
            continue;
        };
        let path = if *kind == "ufw" { "setup.sh" } else { "firewall.rules" };
        let text = if *kind == "ufw" { format!("#!/bin/sh\n{text}") } else { (*text).to_owned() };
        let deployment = flaskseal_deploy::read(&Tree::from_texts([(path.to_owned(), text)]));
        let [firewall] = deployment.host.firewalls.as_slice() else {
            wrong.push(format!("{kind}: {name}: no firewall is read"));
            continue;
        };
        for port in PORTS {
            let is_open = open.contains(&json!(port));
            match firewall.lets_in(port) {
                None => unknown += 1,
                Some(predicted) if predicted != is_open => {
                    wrong.push(format!("{kind}: {name}: port {port} is open: {is_open}"));
                }
                Some(_) => compared += 1,
            }
        }
    }
    println!("{} rule sets, {compared} ports agree, {unknown} unknown", CASES.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unknown * 10 < compared, "{unknown} are unknown");
}

/// Why nothing can be asked here.
fn can_ask(programs: &Path) -> Result<(), String> {
    if !programs.join("bin/nft").exists() {
        return Err("the programs are not unpacked; `cargo xtask test` does it where it can".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err("there is no /dev/net/tun".to_owned());
    }
    let script = "ip link set lo up && ip tuntap add dev probe0 mode tun && nft list ruleset";
    let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", programs.join("bin").display());
    let libraries: Vec<String> = ["usr/lib", "lib"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(programs.join(folder)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .filter(|folder| folder.ends_with("-linux-gnu"))
        .collect();
    let done = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .env("PATH", path)
        .env("LD_LIBRARY_PATH", libraries.join(":"))
        .output()
        .map_err(|error| format!("unshare does not start: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("no network of its own: {}", String::from_utf8_lossy(&done.stderr).trim()))
}
