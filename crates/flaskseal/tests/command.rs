//! The real program: exit statuses, messages, and what is left of a tree in which something is wrong.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test, with its own files")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder on disk and what the program says about it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs the program in the folder, without the caller's environment.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
        command.args(words).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Said {
        Said::new(&self.command(words).output().unwrap())
    }
}

#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The error that ended the run.
    #[track_caller]
    fn trouble(&self) -> &str {
        assert_eq!(self.status, 2, "{self:?}");
        assert_eq!(self.out, "", "a report was written all the same");
        &self.err
    }

    /// The ledger's entries of a JSON report, as "kind path: message".
    #[track_caller]
    fn ledger(&self) -> Vec<String> {
        let report: serde_json::Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"));
        let entries = report["ledger"]["entries"].as_array().unwrap_or_else(|| panic!("{report:#}"));
        let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        entries
            .iter()
            .map(|entry| {
                format!("{} {}: {}", text(entry, "kind"), text(entry, "path"), text(entry, "message"))
            })
            .collect()
    }
}

const APP: &[u8] = b"from flask import Flask\napp = Flask(__name__)\n";
/// Judges whatever is there, on a fixed day.
const FORCED: [&str; 6] = ["check", "--force", "--now", "2026-09-01", "--format", "json"];

#[test]
fn help_and_version_end_well_and_no_words_get_help() {
    let folder = Folder::with(&[]);
    for words in [["--help"], ["-V"]] {
        assert_eq!(folder.run(&words).status, 0);
    }
    let check = folder.run(&["check", "--help"]);
    assert!(
        check.out.contains("Exit status: 0 the gate passes") && check.out.contains("FLASKSEAL_ENTRY"),
        "{check:?}"
    );
    let nothing = folder.run(&[]);
    assert_eq!(nothing.status, 2);
    assert!(nothing.err.contains("Usage: flaskseal"), "{nothing:?}");
    assert!(folder.run(&["chek"]).trouble().contains("similar subcommand exists: 'check'"));
}

#[test]
fn a_path_that_cannot_be_walked_is_named() {
    let folder = Folder::with(&[("app.py", APP)]);
    assert_eq!(folder.run(&["check", "nowhere"]).trouble(), "error: nowhere does not exist\n");
    assert!(
        folder.run(&["check", "app.py"]).trouble().starts_with("error: app.py is a file: name the folder")
    );
}

#[test]
fn nothing_to_judge_is_bad_input_unless_forced() {
    let empty = Folder::with(&[]);
    assert!(empty.run(&["check"]).trouble().contains("no Flask application found under .: no file is there"));
    let other = Folder::with(&[("main.py", b"import django\n"), ("broken.py", b"\xFF")]);
    let said = other.run(&["check"]);
    assert!(said.trouble().contains("no Flask application found"), "{said:?}");
    assert!(
        said.err.contains("--force") && said.err.contains("not read: broken.py is not UTF-8"),
        "{said:?}"
    );
    assert_ne!(other.run(&FORCED).status, 2);
}

/// Extend with `syntax.py` once the project parses what was read.
#[test]
fn what_cannot_be_read_stands_in_the_ledger_and_the_rest_is_judged() {
    let folder = Folder::with(&[
        ("app.py", APP),
        ("latin.py", b"# coding: latin-1\nx = '\xE9'\n"),
        ("invalid.py", b"x = 1\ny = '\xE9'\n"),
        ("nul.py", b"x = 1\0\n"),
        ("syntax.py", b"def f(:\n"),
    ]);
    fs::File::create(folder.path().join("huge.py")).unwrap().set_len(200 << 20).unwrap();
    let ledger = folder.run(&FORCED).ledger();
    let says = |start: &str| ledger.iter().any(|entry| entry.starts_with(start));
    assert!(
        says("unreadable invalid.py: is not UTF-8 and declares no encoding: byte 0xE9 in line 2"),
        "{ledger:#?}"
    );
    assert!(says("unreadable nul.py: contains a NUL byte in line 1"), "{ledger:#?}");
    assert!(says("unreadable huge.py: is larger than 16 MiB"), "{ledger:#?}");
    assert!(!ledger.iter().any(|entry| entry.contains("latin.py")), "{ledger:#?}");
}

#[cfg(unix)]
#[test]
fn links_and_special_files_neither_hang_nor_leak() {
    use std::os::unix::fs::symlink;
    let outside = Folder::with(&[("secret.py", b"")]);
    let folder = Folder::with(&[("app.py", APP), ("sub/a.py", b"")]);
    let at = |name: &str| folder.path().join(name);
    symlink("..", at("sub/up")).unwrap();
    symlink("loop", at("loop")).unwrap();
    symlink(outside.path(), at("out")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe.py")).status().unwrap().success());
    let ledger = folder.run(&FORCED).ledger();
    let says = |start: &str| ledger.iter().any(|entry| entry.starts_with(start));
    assert!(says("unreadable pipe.py: is not a regular file"), "{ledger:#?}");
    assert!(says("left-out out: a link that leads out"), "{ledger:#?}");
    assert!(says("left-out loop: a link that leads round in a circle"), "{ledger:#?}");
    assert!(
        folder.run(&["check", "--policy", "pipe.py"]).trouble().contains("pipe.py is not a regular file")
    );
}

#[test]
fn a_configuration_that_cannot_be_used_says_where_and_what_was_meant() {
    let with =
        |name: &str, text: &str| Folder::with(&[("app.py", APP), (name, text.as_bytes())]).run(&["check"]);
    assert_eq!(
        with("flaskseal.toml", "fail_on = 'high'\n").trouble(),
        "error: flaskseal.toml:1:1: unknown key `fail_on`; did you mean `fail-on`?\n"
    );
    assert_eq!(
        with("pyproject.toml", "[tool.flaskseal]\nexclude = 3\n").trouble(),
        "error: pyproject.toml:2:11: `exclude` must be an array of strings, not an integer\n"
    );
    assert!(
        with("pyproject.toml", "[tool.flaskseal\n").trouble().starts_with("error: pyproject.toml:1:16: ")
    );
    assert!(with("flaskseal.toml", "exclude = ['a[']\n").trouble().contains("the exclusion `a[`"));
    assert!(with("flaskseal.toml", "env-file = ['../secret']\n").trouble().contains("../secret leads out"));
    assert!(
        with("flaskseal.toml", "env-file = ['none.env']\n").trouble().contains("none.env does not exist")
    );
    let both = Folder::with(&[("flaskseal.toml", b""), ("pyproject.toml", b"[tool.flaskseal]\n")]);
    assert!(both.run(&["check"]).trouble().contains("keep one"));
    // Somebody else's broken file is not ours to complain about.
    assert_eq!(with("pyproject.toml", "[tool\n").status, 0);
}

#[test]
fn configuration_is_found_up_to_the_root_of_the_repository_and_no_further() {
    let folder = Folder::with(&[
        ("flaskseal.toml", b"fail-on = 'low'\n"),
        ("repo/.git/HEAD", b""),
        ("repo/pyproject.toml", b"[tool.flaskseal]\nfail-on = 'critical'\nexclude = ['old']\n"),
        ("repo/shop/app.py", APP),
        ("repo/near/flaskseal.toml", b"skip = ['deps']\n"),
        ("loose/app.py", APP),
    ]);
    let shown = |words: &[&str]| {
        let said = folder.run(&[&["config", "show"], words].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let squeezed: Vec<String> =
            said.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        squeezed.join("\n")
    };
    assert!(shown(&["repo/shop"]).contains("fail-on = \"critical\" # "), "{}", shown(&["repo/shop"]));
    assert!(shown(&["repo/shop"]).contains("repo/pyproject.toml:2"));
    assert!(shown(&["repo/shop", "--fail-on", "high"]).contains("fail-on = \"high\" # --fail-on"));
    assert!(shown(&["repo/shop", "--isolated"]).contains("fail-on = \"medium\" # default"));
    assert!(shown(&["repo/near"]).contains("fail-on = \"medium\" # default"));
    assert!(shown(&["repo/near"]).contains("skip = [\"deps\"] # repo/near/flaskseal.toml:1"));
    assert!(shown(&["loose"]).contains("configuration file: none"));
    assert!(shown(&["loose", "--config", "flaskseal.toml"]).contains("fail-on = \"low\" # flaskseal.toml:1"));
    let both = folder.run(&["config", "show", "loose", "--config", "flaskseal.toml", "--isolated"]);
    assert!(both.trouble().contains("--config and --isolated contradict each other"));
    let mut command = folder.command(&["config", "show", "loose", "--isolated"]);
    let said = Said::new(&command.env("FLASKSEAL_CONFIG", "flaskseal.toml").output().unwrap());
    assert!(said.out.contains("configuration file: none"), "{said:?}");
    let mut command = folder.command(&["config", "show", "loose"]);
    let said = Said::new(&command.env("FLASKSEAL_ONLY", "session,1").output().unwrap());
    assert!(
        said.out.contains("only = [\"session\", \"debug\"]") && said.out.contains("# FLASKSEAL_ONLY"),
        "{said:?}"
    );
}

#[test]
fn a_policy_can_only_tighten() {
    let policy = Folder::with(&[
        ("policy.toml", b"fail-on = 'low'\nrequire = ['session']\nforbid = ['skip', 'ignore', 'exclude']\n"),
        ("lax.toml", b"fail-on = 'critical'\n"),
        ("wrong.toml", b"skip = ['deps']\n"),
    ]);
    let folder = Folder::with(&[
        ("app.py", APP),
        ("flaskseal.toml", b"fail-on = 'high'\nskip = ['session']\nexclude = ['app.py']\n"),
    ]);
    let file = |name: &str| policy.path().join(name).display().to_string();
    let shown = folder.run(&["config", "show", "--policy", &file("policy.toml")]).out;
    assert!(shown.contains("fail-on = \"low\"") && shown.contains("skip = [] "), "{shown}");
    assert!(shown.contains("# `skip` of flaskseal.toml:2 was not applied"), "{shown}");
    assert!(shown.contains("require = [\"session\"]"), "{shown}");
    assert!(
        folder.run(&["config", "show", "--policy", &file("lax.toml")]).out.contains("fail-on = \"high\"")
    );
    let ledger = folder.run(&[&FORCED[..], &["--policy", &file("policy.toml")]].concat()).ledger();
    assert!(
        ledger.iter().any(|entry| entry.contains("`exclude` of flaskseal.toml:3 was not applied")),
        "{ledger:#?}"
    );
    let said = folder.run(&["check", "--skip", "deps", "--policy", &file("policy.toml")]);
    assert!(said.trouble().contains("--skip may not be used"), "{said:?}");
    assert!(
        folder
            .run(&["check", "--exit-zero", "--policy", &file("policy.toml")])
            .trouble()
            .contains("--exit-zero")
    );
    let said = folder.run(&["check", "--policy", &file("wrong.toml")]);
    assert!(said.trouble().contains("wrong.toml:1:1: unknown key `skip` in a policy"), "{said:?}");
    assert!(
        folder.run(&["check", "--policy", &file("none.toml")]).trouble().contains("none.toml does not exist")
    );
}

#[test]
fn unknown_names_get_a_suggestion() {
    let folder = Folder::with(&[("app.py", APP)]);
    assert!(folder.run(&["check", "--only", "sesion"]).trouble().contains("did you mean `session`?"));
    assert!(
        folder.run(&["check", "--fail-on", "severe"]).trouble().contains("use low, medium, high or critical")
    );
    assert!(folder.run(&["check", "--format", "sarifx"]).trouble().contains("sarif"));
    assert!(folder.run(&["explain", "nothing-like-it"]).trouble().contains("`nothing-like-it` is no rule"));
}

#[test]
fn reports_go_where_they_are_sent_and_formats_never_change_the_status() {
    let folder = Folder::with(&[("app.py", APP)]);
    let forced = ["check", "--force", "--now", "2026-09-01"];
    let run = |words: &[&str]| folder.run(&[&forced, words].concat());
    let plain = run(&[]).status;
    let said = run(&[
        "--format", "sarif", "--output", "a.sarif", "--format", "terminal", "--format", "json", "-o",
        "a.json",
    ]);
    assert_eq!(said.status, plain);
    assert!(!said.out.is_empty());
    for file in ["a.sarif", "a.json"] {
        assert!(!fs::read_to_string(folder.path().join(file)).unwrap().is_empty(), "{file}");
    }
    assert!(run(&["--format", "json", "--format", "sarif"]).trouble().contains("standard output"));
    assert!(run(&["--format", "json", "-o", "no/folder.json"]).status == 2);
    assert_eq!(run(&["-qq"]).out, "");
    assert_eq!(run(&["--exit-zero"]).status, 0);
    assert_eq!(run(&["--strict"]).status, 1);
    let again = |jobs| run(&["--format", "json", "--jobs", jobs]).out;
    assert_eq!(again("1"), again("4"));
}

#[test]
fn a_baseline_is_written_pruned_and_missed() {
    let folder = Folder::with(&[("app.py", APP)]);
    let said = folder.run(&["baseline", "write", "--force"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("flaskseal-baseline.toml: "), "{said:?}");
    assert!(folder.run(&["baseline", "write", "--only", "debug"]).trouble().contains("leave out --only"));
    assert_eq!(folder.run(&["baseline", "prune", "--force"]).status, 0);
    assert_ne!(folder.run(&["check", "--force", "--baseline", "flaskseal-baseline.toml"]).status, 2);
    let said = folder.run(&["check", "--force", "--baseline", "none.toml"]);
    assert!(said.trouble().contains("the baseline of --baseline cannot be used"), "{said:?}");
    fs::write(folder.path().join("broken.toml"), "version = 'x'").unwrap();
    assert!(
        folder.run(&["check", "--baseline", "broken.toml"]).trouble().contains("broken.toml cannot be used")
    );
}

#[test]
fn who_closes_the_pipe_hears_no_complaint() {
    let folder = Folder::with(&[]);
    let mut child = folder
        .command(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn rules_and_completions_are_listed() {
    let folder = Folder::with(&[]);
    let rules: serde_json::Value =
        serde_json::from_str(&folder.run(&["rules", "--format", "json"]).out).unwrap();
    assert_eq!(rules["version"], 1);
    assert_eq!(folder.run(&["rules"]).status, 0);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(folder.run(&["completions", shell]).out.contains("flaskseal"), "{shell}");
    }
}
