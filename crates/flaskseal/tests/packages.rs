//! `flaskseal deps` on the examples: the table, and the bill of materials against the official schema.
#![allow(clippy::disallowed_methods, reason = "a test that reads schemas and its own examples")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

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
    assert_eq!(words.last(), Some(&"3.1.9"), "{table}");
    assert!(row("flask ").ends_with("3.1.3") && row("itsdangerous ").ends_with("none"), "{table}");
    assert!(row("gunicorn ").ends_with("22.0.0"), "only GitHub's advisories tell of it: {table}");
    assert!(!table.contains("colorama"), "only on Windows: {table}");
    // The age is that of the oldest part, and the table says what it is made of.
    assert!(table.contains("collected by hand on 2026-11-25 (2024-10-10, 775 days old)"), "{table}");
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

/// `flaskseal deps --format json` on files, or on what is below them, by package: version, path, `used`, upgrade.
fn listed(files: &[(&str, &str)], more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let more = more.iter().map(|word| word.replace('@', folder.path().to_str().unwrap()));
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(["deps", "--isolated", "--now", "2026-11-24", "--format", "json"])
        .arg(folder.path().join("app"))
        .args(more)
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("FLASKSEAL_DB")
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["packages"].clone()
}

fn shown(packages: &Value) -> Vec<String> {
    let show = |package: &Value| {
        format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap_or("?"))
    };
    packages.as_array().unwrap().iter().map(show).collect()
}

#[test]
fn an_installed_environment_is_judged_instead_of_the_lists() {
    let info = |name: &str, text: &str| {
        (format!("venv/lib/python3.11/site-packages/{name}.dist-info/METADATA"), text.to_owned())
    };
    let installed = [
        info("Flask-2.0.1", "Name: Flask\nVersion: 2.0.1\nRequires-Dist: Werkzeug (<2.1,>=2.0)\n\nLong\n"),
        info("Werkzeug-2.0.3", "Name: Werkzeug\nVersion: 2.0.3\n"),
    ];
    let mut files = vec![
        ("app/app.py", "import flask\napp = flask.Flask(__name__)\n"),
        ("app/requirements.txt", "flask==3.1.0\n"),
    ];
    files.extend(installed.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let packages = listed(&files, &["--env", "@/venv"]);
    assert_eq!(shown(&packages), ["flask 2.0.1", "werkzeug 2.0.3"]);
    assert_eq!(packages[1]["path"][0], "flask");
    let upgrade = &packages[1]["upgrade"];
    assert_eq!(upgrade["version"], "3.1.9");
    assert_eq!(upgrade["kept_out_by"][0]["package"], "flask");
    assert_eq!(upgrade["kept_out_by"][0]["constraint"], ">=2.0, <2.1", "{upgrade}");
    assert_eq!(packages[0]["upgrade"]["kept_out_by"].as_array().unwrap().len(), 0);
}

#[test]
fn bills_of_materials_and_conda_are_read() {
    let bill = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "purl": "pkg:pypi/flask@2.0.1"}]}"#;
    assert_eq!(shown(&listed(&[("app/sbom.json", bill)], &[])), ["flask 2.0.1"]);
    // What this program writes, it reads.
    let own = deps("shop", "cyclonedx");
    let packages = listed(&[("app/shop.cdx.json", &own)], &[]);
    assert!(shown(&packages).contains(&"werkzeug 2.0.3".to_owned()), "{packages}");
    let conda =
        "dependencies:\n  - python=3.11\n  - flask=2.0.1=pyhd8ed1ab_0\n  - pip:\n    - werkzeug==2.0.3\n";
    assert_eq!(shown(&listed(&[("app/environment.yml", conda)], &[])), ["flask 2.0.1", "werkzeug 2.0.3"]);
    // A lock says more than a bill that may be of another day.
    let lock = "lock-version = \"1.0\"\n[[packages]]\nname = \"flask\"\nversion = \"3.1.0\"\n";
    assert_eq!(shown(&listed(&[("app/sbom.json", bill), ("app/pylock.toml", lock)], &[])), ["flask 3.1.0"]);
}

#[test]
fn one_advisory_is_accepted_by_any_of_its_names_and_the_others_count() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    write("app.py", "from flask import Flask\napp = Flask(__name__)\n");
    write("Procfile", "web: gunicorn app:app\n");
    write(
        "requirements.txt",
        "flask==2.0.1\nwerkzeug==2.0.3  # flaskseal: ignore[cve-2023-25577] bodies are bounded until=2026-12-31\n",
    );
    let accept = |until: &str| {
        let text = format!(
            "ignore = [{{ advisory = 'PYSEC-2023-62', reason = 'no cache in front of it', until = {until} }}]\n"
        );
        write("flaskseal.toml", &text);
        let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
            .args(["check", "--only", "FS601", "-f", "json", "--now", "2026-11-24"])
            .arg(folder.path())
            .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env_remove("FLASKSEAL_DB")
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let told = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let tell = |finding: &Value| {
            let state = &finding["standing"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", text(&finding["message"]), text(&state["state"]), text(&state["reason"]))
        };
        let mut all: Vec<String> = findings.map(tell).collect();
        all.sort();
        all
    };
    let accepted = accept("2026-12-31");
    let lines = told(&accepted);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[0].starts_with("`flask 2.0.1` is affected by CVE-2023-30861 suppressed no cache"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("`flask 2.0.1` is affected by CVE-2026-27205 counts"),
        "the other one on the same package: {lines:?}"
    );
    assert!(
        lines[2].starts_with("`werkzeug 2.0.3` is affected by 10 advisories,")
            && lines[2].contains(" counts")
            && !lines[2].contains("CVE-2023-25577"),
        "{lines:?}"
    );
    assert!(
        lines[3].starts_with("`werkzeug 2.0.3` is affected by CVE-2023-25577 suppressed bodies"),
        "{lines:?}"
    );
    // After its last day it counts again, and the report says why.
    let expired = accept("2026-11-01");
    assert!(told(&expired)[0].contains(" counts"), "{:?}", told(&expired));
    assert!(expired.to_string().contains("expired on 2026-11-01"), "{expired}");
}
