//! Versions, constraints and affected ranges beside Python's `packaging`: 100,000 questions, the same answers.
#![allow(clippy::disallowed_methods, reason = "a test that runs a script of its own")]

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr as _;

use flaskseal_project::deps::{Advisory, Event, Kind, Range, Version, VersionSpecifiers, admits};
use serde_json::{Value, json};

const QUESTIONS: usize = 100_000;

/// Numbers that look random and are the same each time (Steele and others, "SplitMix64").
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    /// Small numbers, so that versions are often near each other, in every spelling that PEP 440 knows.
    fn version(&mut self, local: bool) -> String {
        let mut text = String::new();
        if self.one_in(12) {
            write!(text, "{}!", self.below(3)).expect("writing to a string");
        }
        let parts = 1 + self.below(4);
        let release: Vec<String> = (0..parts).map(|_| self.below(4).to_string()).collect();
        text += &release.join(".");
        if self.one_in(4) {
            let label = self.pick(&["a", "b", "rc", "alpha", "beta", "c", "pre", ".a", "-rc.", "_b"]);
            text += label;
            if !self.one_in(6) {
                text += &self.below(3).to_string();
            }
        }
        if self.one_in(5) {
            let label = self.pick(&[".post", "-", "post", ".rev", "_r"]);
            write!(text, "{label}{}", self.below(3)).expect("writing to a string");
        }
        if self.one_in(5) {
            let label = self.pick(&[".dev", "dev", "-dev", "_dev"]);
            write!(text, "{label}{}", self.below(3)).expect("writing to a string");
        }
        if local && self.one_in(6) {
            write!(text, "+{}", self.pick(&["1", "cpu", "ubuntu.1", "1.a", "a-1", "10"]))
                .expect("writing to a string");
        }
        if self.one_in(20) {
            text = format!("{}{text}", self.pick(&["v", " ", "V"]));
        }
        // Now and then no version at all.
        if self.one_in(50) {
            text += self.pick(&["x", "..", "+", "!", ".*", "-"]);
        }
        text
    }

    fn constraint(&mut self) -> String {
        let one = |numbers: &mut Self| {
            let sign = numbers.pick(&["==", "!=", "<", "<=", ">", ">=", "~="]);
            let mut version = numbers.version(false);
            // `packaging` cuts the text of `~=` where it should cut the version: `~=v1.2` and `~=1.2.rev0` go wrong.
            if sign == "~="
                && let Ok(read) = Version::from_str(&version)
            {
                version = read.to_string();
            }
            if matches!(sign, "==" | "!=") && numbers.one_in(3) {
                version = format!("{}.*", numbers.below(3));
            }
            format!("{sign}{}", version.trim())
        };
        let mut text = one(self);
        if self.one_in(3) {
            text = format!("{text},{}", one(self));
        }
        text
    }

    fn question(&mut self) -> Value {
        match self.below(3) {
            0 => json!(["compare", self.version(true), self.version(true)]),
            1 => json!(["contains", self.constraint(), self.version(false)]),
            _ => {
                let events: Vec<Value> = (0..=self.below(4))
                    .map(|_| {
                        let kind = self.pick(&["introduced", "introduced", "fixed", "last"]);
                        let start = kind == "introduced" && self.one_in(2);
                        json!([kind, if start { "0".to_owned() } else { self.version(false) }])
                    })
                    .collect();
                json!(["affected", events, self.version(true)])
            }
        }
    }
}

/// What we say.
fn answer(question: &Value) -> Value {
    let text = |index: usize| question[index].as_str().unwrap_or_default();
    let unknown = || json!("?");
    match text(0) {
        "compare" => match (Version::from_str(text(1)), Version::from_str(text(2))) {
            (Ok(a), Ok(b)) => json!(match a.cmp(&b) {
                Ordering::Less => "<",
                Ordering::Equal => "=",
                Ordering::Greater => ">",
            }),
            _ => unknown(),
        },
        "contains" => match (VersionSpecifiers::from_str(text(1)), Version::from_str(text(2))) {
            (Ok(specifiers), Ok(version)) => json!(admits(&specifiers, &version)),
            _ => unknown(),
        },
        _ => {
            let mut events = Vec::new();
            for event in question[1].as_array().into_iter().flatten() {
                let (kind, at) =
                    (event[0].as_str().unwrap_or_default(), event[1].as_str().unwrap_or_default());
                let version = Version::from_str(at);
                events.push(match (kind, at, version) {
                    ("introduced", "0", _) => Event::Introduced(None),
                    ("introduced", _, Ok(version)) => Event::Introduced(Some(version)),
                    ("fixed", _, Ok(version)) => Event::Fixed(version),
                    (_, _, Ok(version)) => Event::LastAffected(version),
                    _ => return unknown(),
                });
            }
            let Ok(version) = Version::from_str(text(2)) else { return unknown() };
            let advisory = Advisory {
                id: "A".to_owned(),
                aliases: Vec::new(),
                kind: Kind::Vulnerability,
                summary: String::new(),
                score: None,
                word: None,
                cwe: Vec::new(),
                ranges: vec![Range { events }],
                versions: Vec::new(),
            };
            json!(advisory.affects(&version))
        }
    }
}

#[test]
fn packaging_says_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut python = Command::new(root.join("target/venv/bin/python"))
        .arg(root.join("oracle/compare_versions.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`cargo xtask test` installs Python");
    let mut numbers = Numbers(440);
    let questions: Vec<Value> = (0..QUESTIONS).map(|_| numbers.question()).collect();
    let mut input = python.stdin.take().expect("its input is a pipe");
    let text: String = questions.iter().map(|question| format!("{question}\n")).collect();
    // Written beside the reading: both pipes are smaller than what goes through them.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let mut output = String::new();
    python.stdout.take().expect("its output is a pipe").read_to_string(&mut output).expect("it writes text");
    writer.join().expect("the writer ends").expect("everything is written");
    let theirs: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("each answer is JSON")).collect();
    assert_eq!(theirs.len(), QUESTIONS);
    python.wait().expect("it ends with its input");
    let different: Vec<String> = questions
        .iter()
        .zip(&theirs)
        .filter(|(question, theirs)| answer(question) != **theirs)
        .map(|(question, theirs)| format!("{question}: packaging says {theirs}, we say {}", answer(question)))
        .collect();
    assert!(
        different.is_empty(),
        "{} differences:\n{}",
        different.len(),
        different[..different.len().min(40)].join("\n")
    );
    let decided = theirs.iter().filter(|answer| **answer != json!("?")).count();
    assert!(decided > QUESTIONS / 2, "most questions are about versions");
}
