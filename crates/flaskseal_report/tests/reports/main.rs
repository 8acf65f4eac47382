//! Whole reports in every format: as people and programs see them.

mod fixtures;

use std::path::Path;
use std::process::Command;

use fixtures::{Case, RULES, SECRET, all, fail, hostile};
use flaskseal_core::{Evidence, FileId, Layer, Span, Tree};
use flaskseal_report::{Format, RenderOptions, render};
use serde_json::Value;

fn write(format: Format, case: &Case) -> String {
    render(format, &case.report, &case.tree, RULES, &RenderOptions::default())
}

#[test]
fn every_format_as_it_looks() {
    for (name, case) in all() {
        for format in Format::ALL {
            insta::assert_snapshot!(format!("{name}_{}", format.key()), write(format, &case));
        }
    }
}

#[test]
fn the_terminal_narrow_coloured_and_in_full() {
    let narrow = RenderOptions { color: true, width: 80, verbose: 1, quiet: 0 };
    let case = fail();
    insta::assert_snapshot!(
        "fail_terminal_narrow_coloured_in_full",
        render(Format::Terminal, &case.report, &case.tree, RULES, &narrow)
    );
}

#[test]
fn quiet_leaves_the_findings_then_nothing() {
    let case = fail();
    let quiet = |quiet| {
        let options = RenderOptions { quiet, ..RenderOptions::default() };
        render(Format::Terminal, &case.report, &case.tree, RULES, &options)
    };
    assert!(quiet(1).contains("critical[FS401]") && quiet(1).contains("Gate fails"));
    assert!(!quiet(1).contains("Coverage") && !quiet(1).contains("NOT VERIFIED"));
    assert_eq!(quiet(2), "");
}

#[test]
fn no_format_prints_a_secret() {
    for format in Format::ALL {
        for (verbose, color) in [(0, false), (1, true)] {
            let case = fail();
            let options = RenderOptions { verbose, color, ..RenderOptions::default() };
            let text = render(format, &case.report, &case.tree, RULES, &options);
            assert!(!text.contains(SECRET) && !text.contains("s3cr3t"), "{format:?}: {text}");
        }
    }
}

#[test]
fn lines_fit_the_width() {
    use unicode_width::UnicodeWidthStr;
    for width in [80, 100, 120] {
        for (name, case) in all() {
            let options = RenderOptions { width, verbose: 1, ..RenderOptions::default() };
            let text = render(Format::Terminal, &case.report, &case.tree, RULES, &options);
            // Source is the renderer's: it shortens only what is much too long.
            for line in text.lines().filter(|line| !line.contains('|')) {
                assert!(line.width() <= width, "{name} at {width}: {line}");
            }
        }
    }
}

#[test]
fn hostile_reports_do_no_harm() {
    let case = hostile();
    for format in Format::ALL {
        for verbose in [0, 1] {
            let options = RenderOptions { verbose, ..RenderOptions::default() };
            let text = render(format, &case.report, &case.tree, RULES, &options);
            let steering = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(steering), "{format:?}: {text:?}");
            assert!(
                !text.contains('\u{202e}') || format == Format::Sarif || format == Format::Json,
                "{format:?}"
            );
        }
    }
    let commands = write(Format::Github, &case);
    assert!(commands.lines().filter(|line| line.starts_with("::")).all(|line| line.starts_with("::error ")));
}

#[test]
fn random_spans_in_random_text_do_no_harm() {
    const PIECES: [&str; 14] = [
        "a",
        " ",
        "\n",
        "\r\n",
        "\t",
        "é",
        "한",
        "\u{1b}",
        "\0",
        "'",
        "👩‍👩‍👧",
        "\u{feff}",
        "\n\n\n\n\n\n\n\n\n\n",
        "\u{300}",
    ];
    let mut state: u32 = 2_463_534_242;
    // Marsaglia's xorshift: the same numbers in every run.
    let mut below = |limit: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % limit
    };
    for _ in 0..300 {
        let mut text = || (0..below(40)).map(|_| PIECES[below(14) as usize]).collect::<String>();
        let tree = Tree::from_texts([("a.py".to_owned(), text()), ("b 한.py".to_owned(), text())]);
        let length = tree.files[0].text.len() as u32 + 4;
        let mut evidence = || {
            let span = Span::new(FileId(below(3)), below(length), below(length));
            Evidence::at(Layer::Source, span, "here")
        };
        let mut report = fail().report;
        for reported in &mut report.findings {
            let finding = &mut reported.finding;
            finding.primary = evidence();
            finding.trail = (0..3).map(|_| evidence()).collect();
            finding.redact = evidence().span.into_iter().collect();
        }
        let case = Case { report, tree };
        for format in Format::ALL {
            write(format, &case);
        }
    }
}

#[test]
fn json_follows_its_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../schemas/report-1.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, case) in all().into_iter().chain([("hostile", hostile())]) {
        assert_valid(&validator, name, &write(Format::Json, &case));
    }
}

#[test]
fn sarif_follows_the_official_schema() {
    // The published pattern of a language has a stray bracket, which only ECMAScript's Annex B lets pass.
    let schema = official_sarif_schema()
        .replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, case) in all().into_iter().chain([("hostile", hostile())]) {
        assert_valid(&validator, name, &write(Format::Sarif, &case));
    }
}

#[test]
fn sarif_keeps_what_scanning_services_ask_for() {
    let log: Value = serde_json::from_str(&write(Format::Sarif, &fail())).unwrap();
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["exitCode"], 1);
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), 5);
    assert_eq!(run["tool"]["driver"]["rules"][3]["properties"]["tags"][1], "external/cwe/cwe-089");
    let sql = &run["results"][0];
    assert_eq!(
        (&sql["ruleId"], &sql["ruleIndex"], &sql["level"]),
        (&"FS401".into(), &3.into(), &"error".into())
    );
    // The sink is the place; the flow ends there.
    let flow = sql["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    assert_eq!(flow.len(), 4);
    assert_eq!(flow[1]["location"]["physicalLocation"]["artifactLocation"]["uri"], "shop/text%20utils.py");
    assert_eq!(flow[3]["location"]["physicalLocation"], sql["locations"][0]["physicalLocation"]);
    // Columns count characters: three of the line's are Korean before the call.
    assert_eq!(sql["locations"][0]["physicalLocation"]["region"]["startColumn"], 17);
    let kinds: Vec<_> =
        run["results"].as_array().unwrap().iter().map(|r| &r["suppressions"][0]["kind"]).collect();
    assert_eq!(kinds[4..], [&Value::from("inSource"), &Value::from("external")]);
    assert_eq!(run["results"][5]["baselineState"], "unchanged");
    assert_eq!(run["results"][0]["baselineState"], "new");
    assert!(!has_empty_array(&log["runs"][0]["tool"]) && !has_empty_array(&run["results"]));
}

fn has_empty_array(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty() || items.iter().any(has_empty_array),
        Value::Object(members) => members.values().any(has_empty_array),
        _ => false,
    }
}

fn assert_valid(validator: &jsonschema::Validator, name: &str, text: &str) {
    let instance: Value = serde_json::from_str(text).expect("the report is JSON");
    let errors: Vec<String> =
        validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

/// The schema of the standard as the crate `serde-sarif` ships it: locked with a checksum, fetched by cargo and never
/// built, because a dependency for no platform is part of the lock file all the same.
fn official_sarif_schema() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == "serde-sarif").expect("it is a dependency");
    let manifest = Path::new(package["manifest_path"].as_str().expect("every package has a manifest"));
    #[expect(clippy::disallowed_methods, reason = "a file of a dependency, in a test")]
    let schema = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json"))
        .expect("the package ships the schema");
    assert!(schema.contains("Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"));
    schema
}
