//! Programs that are written to take forever: each ends soon, and what was cut stands in the ledger. The sizes are for
//! debug builds.

use std::fmt::Write;
use std::time::{Duration, Instant};

use flaskseal_core::Tree;
use flaskseal_project::{BuildOptions, Project, parse};

const HEAD: &str = "from flask import Flask, request\napp = Flask(__name__)\n";
const VIEW: &str = "@app.route('/')\ndef view():\n";

/// Two seconds in an optimised build; tests run unoptimised, several at once.
const LIMIT: Duration = Duration::from_secs(20);

/// Evaluates the program and gives the ledger's messages.
/// The messages of the ledger, found on a stack that is an eighth of what the program's own threads have.
fn messages(program: &str) -> Vec<String> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(32 << 20);
        let thread = builder.spawn_scoped(scope, || messages_here(program)).expect("a thread starts");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn messages_here(program: &str) -> Vec<String> {
    let tree = Tree::from_texts([("app.py".to_owned(), format!("{HEAD}{program}"))]);
    let started = Instant::now();
    let parsed = parse(&tree);
    let project = Project::build(&tree, &parsed, &BuildOptions::default());
    assert!(started.elapsed() < LIMIT, "took {:?}", started.elapsed());
    assert_eq!(project.apps.len(), 1, "the application is found");
    project.ledger().entries.into_iter().map(|entry| entry.message).collect()
}

fn lines(count: usize, mut line: impl FnMut(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "{}", line(index));
        text
    })
}

fn says(messages: &[String], part: &str) -> bool {
    messages.iter().any(|message| message.contains(part))
}

#[test]
fn a_long_chain_of_classes() {
    let classes = lines(2_000, |i| format!("class C{}(C{i}):\n    x{i} = {i}", i + 1));
    let found = messages(&format!("class C0:\n    pass\n{classes}"));
    assert_eq!(found.iter().filter(|message| message.contains("too many ancestors")).count(), 1);
}

#[test]
fn many_branches() {
    let branches = lines(2_000, |i| format!("    if request.args.get('a{i}'):\n        x = {i}"));
    let found = messages(&format!("{VIEW}    x = 0\n{branches}    return str(x)\n"));
    assert!(found.len() < 100);
}

#[test]
fn many_returns() {
    let returns = lines(1_000, |i| {
        format!("    if request.args.get('a{i}'):\n        x{i} = {i}\n        return x{i}\n    y{i} = {i}")
    });
    messages(&format!("{VIEW}{returns}    return 'none'\n"));
}

#[test]
fn many_calls_that_may_raise() {
    let body = lines(1_000, |i| format!("        found['k{i}'] = request.json['a{i}']"));
    messages(&format!(
        "{VIEW}    found = {{}}\n    try:\n{body}    except KeyError:\n        return 'no'\n    return found\n"
    ));
}

#[test]
fn calls_that_double() {
    let functions = lines(100, |i| format!("def f{}(x):\n    return f{i}(f{i}(x)) if x else f{i}(x)", i + 1));
    let found = messages(&format!(
        "def f0(x):\n    return x\n{functions}{VIEW}    return f100(request.args['q'])\nf100(app)\n"
    ));
    assert!(says(&found, "nested too deep") || says(&found, "budget was used up"), "{found:?}");
}

#[test]
fn functions_that_call_each_other() {
    messages(&format!(
        "def a(x):\n    return b(x) or c(x)\ndef b(x):\n    return c(x) or a(x)\ndef c(x):\n    return a(x) or b(x)\n{VIEW}    return a(request.args['q'])\n"
    ));
}

#[test]
fn a_giant_dict_under_an_unknown_key() {
    let items = lines(20_000, |i| format!("    'k{i}': {i},"));
    messages(&format!("table = {{\n{items}}}\n{VIEW}    return table[request.args['q']]\n"));
}

#[test]
fn a_giant_list() {
    let appends = lines(5_000, |i| format!("items.append({i})"));
    messages(&format!("items = []\n{appends}{VIEW}    return str(items)\n"));
}

#[test]
fn many_settings_under_conditions() {
    let settings = lines(1_000, |i| format!("if os.environ.get('A{i}'):\n    app.config['K{i}'] = {i}"));
    messages(&format!("import os\n{settings}"));
}

#[test]
fn nested_loops() {
    let depth = 16;
    let loops = lines(depth, |i| format!("{}for a{i} in request.args:", "    ".repeat(i + 1)));
    let inner = "    ".repeat(depth + 1);
    messages(&format!("{VIEW}    x = []\n{loops}{inner}x.append(a0)\n    return str(x)\n"));
}
