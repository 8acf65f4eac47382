//! Dockerfiles and YAML beside other parsers, `dockerfile-parse` and PyYAML: each text, and each of its beginnings up to
//! the end of a line, is read by both.

#![allow(clippy::disallowed_methods, reason = "a test that starts Python")]

#[path = "reference_parsers/texts.rs"]
mod texts;

use std::process::Command;

use flaskseal_core::{TextRange, Tree};
use flaskseal_deploy::Mechanism;
use flaskseal_deploy::dockerfile::{self, Instruction};
use flaskseal_deploy::yaml::{self, Kind, Node};
use flaskseal_servers::{ask, python, root};
use serde_json::{Map, Value, json};

use self::texts::{DOCKERFILES, YAML};

#[test]
fn dockerfiles_are_read_as_others_read_them() {
    // The other parser drops an instruction whose end is missing.
    let is_whole = |text: &String| {
        let mut lines = text.trim_end().rsplit('\n').filter(|line| !line.trim_start().starts_with('#'));
        lines.next().is_some_and(|line| !line.ends_with('\\'))
    };
    let texts: Vec<String> = beginnings(DOCKERFILES).into_iter().filter(is_whole).collect();
    let mut wrong = Vec::new();
    for (text, mut theirs) in texts.iter().zip(asked("dockerfile", &texts)) {
        let mut ours = json!({"instructions": instructions(text), "variables": variables(text)});
        // It does not know that a stage has the variables of the one that it is built on.
        if dockerfile::parse(text).tree.stages.len() > 1 {
            theirs["variables"] = Value::Null;
            ours["variables"] = Value::Null;
        }
        if ours != theirs {
            wrong.push(format!("{text}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    println!("{} Dockerfiles", texts.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn yaml_is_read_as_others_read_it() {
    let texts = beginnings(YAML);
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for (text, theirs) in texts.iter().zip(asked("yaml", &texts)) {
        let ours = yaml::parse(text);
        if theirs.is_null() {
            refused += 1;
            continue;
        }
        let documents: Vec<Value> = ours.tree.iter().map(|node| value(node)).collect();
        if !ours.problems.is_empty() || json!(documents) != theirs {
            wrong.push(format!(
                "{text}\n  ours   {} {:?}\n  theirs {theirs}",
                json!(documents),
                ours.problems
            ));
        }
    }
    println!("{} texts of YAML, {refused} refused by the other parser", texts.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused * 10 < texts.len(), "{refused} are refused");
}

/// Each text, and what it begins with, up to the end of each line.
fn beginnings(texts: &[&str]) -> Vec<String> {
    let ends = |text: &str| text.match_indices('\n').map(|(at, _)| at + 1).collect::<Vec<_>>();
    let mut all: Vec<String> = texts
        .iter()
        .flat_map(|text| ends(text).into_iter().chain([text.len()]).map(|end| text[..end].to_owned()))
        .collect();
    all.dedup();
    all
}

/// What the other parser reads in each text.
fn asked(kind: &str, texts: &[String]) -> Vec<Value> {
    let questions: Vec<Value> = texts.iter().map(|text| json!({"kind": kind, "text": text})).collect();
    ask(Command::new(python()).arg(root().join("oracle/parse_deploy_files.py")), &questions)
}

fn instructions(text: &str) -> Vec<Value> {
    let tree = dockerfile::parse(text).tree;
    let all = tree.global.iter().chain(tree.stages.iter().flat_map(|stage| &stage.instructions));
    all.map(|instruction| {
        let (start, end) = lines(text, instruction.range);
        json!([instruction.keyword.value, start, end, words(instruction)])
    })
    .collect()
}

/// The first and the last line of a range, from 0.
fn lines(text: &str, range: TextRange) -> (usize, usize) {
    let line = |at: u32| text[..at as usize].matches('\n').count();
    (line(range.start), line(range.end))
}

fn words(instruction: &Instruction) -> Vec<String> {
    let flags = instruction.flags.iter().map(|flag| match &flag.value {
        (name, Some(value)) => format!("--{name}={value}"),
        (name, None) => format!("--{name}"),
    });
    flags.chain(instruction.arguments.text.split_whitespace().map(str::to_owned)).collect()
}

/// What the last stage sets, variables replaced.
fn variables(text: &str) -> Value {
    let tree = Tree::from_texts([
        ("Dockerfile".to_owned(), format!("{text}\nCMD gunicorn app:app\n")),
        ("app.py".to_owned(), String::new()),
    ]);
    let deployment = flaskseal_deploy::read(&tree);
    let mut found = Map::new();
    for variable in deployment.processes.iter().flat_map(|process| process.env.effective()) {
        if variable.mechanism == Mechanism::DockerfileEnv {
            found.insert(variable.name.clone(), json!(variable.value.or_default().unwrap_or("")));
        }
    }
    Value::Object(found)
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { .. } => node.text().map_or(Value::Null, |text| json!(text)),
        Kind::Sequence(items) => Value::Array(items.iter().map(|item| value(item)).collect()),
        Kind::Mapping(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect())
        }
    }
}
