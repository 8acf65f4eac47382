//! `flaskseal deps` on the examples: the table, and the bill of materials against the official schema.
#![allow(clippy::disallowed_methods, reason = "a test that reads schemas and its own examples")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn deps(example: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(["deps", "--isolated", "--now", "2026-11-24", "--format", format])
        .arg(root().join("examples").join(example))
        // No database of whoever runs the tests.
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("FLASKSEAL_DB")
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the list is UTF-8")
}

#[test]
fn the_table_names_what_is_vulnerable_and_the_way_out() {
    let table = deps("shop", "terminal");
    let row =
        |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{table}"));
    let words: Vec<&str> = row("werkzeug").split_whitespace().collect();
    assert_eq!(words[..5], ["werkzeug", "2.0.3", "main", "through", "flask"], "{table}");
    assert_eq!(words.last(), Some(&"2.3.8"), "{table}");
    assert!(row("flask ").ends_with("2.2.5") && row("click ").ends_with("none"), "{table}");
    assert!(!table.contains("colorama"), "only on Windows: {table}");
    assert!(table.contains("(2024-10-10, 775 days old)"), "{table}");
    assert!(deps("shop-hardened", "terminal").contains("\n0 of "), "the hardened shop has none");
}

/// The schema of the standard as the Python library of its authors ships it, and what it refers to.
fn official_schema() -> jsonschema::Validator {
    let lib = root().join("target/venv/lib");
    let mut python = std::fs::read_dir(&lib).expect("`cargo xtask test` installs Python").flatten();
    let folder = python.next().expect("a Python").path().join("site-packages/cyclonedx/schema/_res");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(name)).expect("the library ships the schema");
        serde_json::from_str(&text).expect("a schema is JSON")
    };
    let resource = |name: &str| jsonschema::Resource::from_contents(read(name));
    let base = "http://cyclonedx.org/schema/";
    let registry = jsonschema::Registry::new()
        .extend([
            (format!("{base}spdx.SNAPSHOT.schema.json"), resource("spdx.SNAPSHOT.schema.json")),
            (format!("{base}jsf-0.82.SNAPSHOT.schema.json"), resource("jsf-0.82.SNAPSHOT.schema.json")),
        ])
        .expect("the schemas have places")
        .prepare()
        .expect("the schemas fit together");
    jsonschema::options()
        .with_registry(&registry)
        .build(&read("bom-1.6.SNAPSHOT.schema.json"))
        .expect("the schema is one")
}

#[test]
fn the_bill_of_materials_follows_the_official_schema() {
    let validator = official_schema();
    for example in ["shop", "shop-hardened"] {
        let text = deps(example, "cyclonedx");
        let bill: Value = serde_json::from_str(&text).expect("a bill is JSON");
        let errors: Vec<String> =
            validator.iter_errors(&bill).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        assert_eq!(text, deps(example, "cyclonedx"), "the same bytes twice");
    }
    let mut broken: Value = serde_json::from_str(&deps("shop", "cyclonedx")).unwrap();
    broken["components"][0]["type"] = "wrong".into();
    assert!(!validator.is_valid(&broken), "the schema is looked at");
}

#[test]
fn vex_says_what_reachability_says() {
    let bill: Value = serde_json::from_str(&deps("shop", "cyclonedx")).unwrap();
    let all = bill["vulnerabilities"].as_array().unwrap();
    let flaw = all.iter().find(|flaw| flaw["id"] == "CVE-2023-30861").unwrap();
    assert_eq!(flaw["affects"][0]["ref"], "pkg:pypi/flask@2.0.1");
    assert_eq!(flaw["analysis"]["state"], "exploitable");
    assert_eq!(flaw["ratings"][0]["severity"], "unknown");
    assert!(flaw["references"].as_array().unwrap().iter().any(|other| other["id"] == "PYSEC-2023-62"));
}
