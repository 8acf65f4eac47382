//! The verdict on both examples: each planted flaw of the shop is found where it was planted, and its hardened twin
//! has no finding at all.
#![allow(clippy::disallowed_methods, reason = "a test that reads its own examples")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// The JSON report of an example, and the exit status.
fn check(name: &str) -> (Value, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(["check", "--format", "json", "--isolated"])
        .arg(example(name))
        .output()
        .expect("the command runs");
    let report = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    (report, output.status.code())
}

fn verdict<'r>(report: &'r Value, item: &str) -> &'r str {
    let items = report["apps"][0]["items"].as_array().expect("an application has items");
    let item = items.iter().find(|known| known["key"] == item).expect("every item is there");
    item["verdict"].as_str().expect("a verdict is text")
}

#[test]
fn every_planted_flaw_of_the_shop_is_found() {
    let (report, status) = check("shop");
    assert_eq!(status, Some(1), "the gate fails");
    assert_eq!((verdict(&report, "debug"), verdict(&report, "session")), ("fail", "fail"));
    let planted: toml::Table = std::fs::read_to_string(example("shop").join("planted.toml"))
        .expect("the list of flaws is there")
        .parse()
        .expect("the list of flaws is TOML");
    let findings = report["findings"].as_array().expect("a report lists its findings");
    let mut missing = Vec::new();
    let mut count = 0;
    for flaw in planted["planted"].as_array().expect("a list of flaws") {
        let text = |key: &str| flaw.get(key).and_then(toml::Value::as_str);
        let rule = text("rule").expect("a flaw names its rule");
        if text("status") == Some("later") {
            continue;
        }
        count += 1;
        let line = text("file").zip(text("line_contains")).map(|(file, part)| {
            let source = std::fs::read_to_string(example("shop").join(file)).expect("the file is there");
            let at = source.lines().position(|line| line.contains(part)).expect("the line is there");
            (file, at as u64 + 1)
        });
        let found = findings.iter().any(|finding| {
            let place = &finding["primary"]["location"];
            finding["rule"] == rule
                && text("severity").is_none_or(|severity| finding["severity"] == severity)
                && text("file").is_none_or(|file| place["path"] == file)
                // A finding may begin a line or two before or after what was planted.
                && line.is_none_or(|(_, line)| place["line"].as_u64().is_some_and(|at| at.abs_diff(line) <= 2))
        });
        if !found {
            missing.push(format!("{rule} {:?} {line:?}", text("severity")));
        }
    }
    assert!(
        missing.is_empty(),
        "{} of {count} planted flaws are not found:\n{}",
        missing.len(),
        missing.join("\n")
    );
    assert!(count >= 30, "only {count} flaws are planted");
}

#[test]
fn the_hardened_shop_has_no_finding() {
    let (report, status) = check("shop-hardened");
    assert_eq!(report["findings"], Value::Array(Vec::new()));
    assert_eq!((verdict(&report, "debug"), verdict(&report, "session")), ("pass", "pass"));
    assert_eq!(status, Some(0));
}
