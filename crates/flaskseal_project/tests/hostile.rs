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
/// Bytes of stack: an eighth of what the program's own threads have.
const STACK: usize = 32 << 20;

/// Evaluates the program and gives the ledger's messages.
fn messages(program: &str) -> Vec<String> {
    messages_of(program, [])
}

/// The same of a program with further files.
fn messages_of(program: &str, files: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let main = ("app.py".to_owned(), format!("{HEAD}{program}"));
    let tree = Tree::from_texts(std::iter::once(main).chain(files));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(STACK).build();
    pool.expect("one more thread can start").install(|| {
        let started = Instant::now();
        let parsed = parse(&tree);
        let project = Project::build(&tree, &parsed, &BuildOptions::default());
        assert!(started.elapsed() < LIMIT, "took {:?}", started.elapsed());
        assert_eq!(project.apps.len(), 1, "the application is found");
        project.ledger().entries.into_iter().map(|entry| entry.message).collect()
    })
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

#[test]
fn many_views_in_a_file() {
    let views =
        lines(1_000, |i| format!("@app.route('/v{i}')\ndef v{i}():\n    return '<p>' + request.args['q']"));
    assert!(!says(&messages(&views), "incomplete"));
}

#[test]
fn a_long_chain_of_imports() {
    let module = |i: usize| (format!("m{i}.py"), format!("import m{}\nX = m{}.X\n", i + 1, i + 1));
    let found = messages_of("import m0\n", (0..500).map(module));
    assert!(says(&found, "imports are nested too deep"), "{found:?}");
}

#[test]
fn a_long_chain_of_elif() {
    let clauses = lines(2_000, |i| format!("    elif q == 'b{i}':\n        x = 'c{i}'"));
    let found = messages(&format!(
        "{VIEW}    x = ''\n    q = request.args['q']\n    if q == 'a':\n        x = 'a'\n{clauses}    return x\n"
    ));
    assert!(says(&found, "chain of `elif` is too long"), "{found:?}");
}

#[test]
fn parts_of_a_text() {
    messages(&format!("{VIEW}    q = request.args['q']\n    return f'{}'\n", "{q}".repeat(5_000)));
}
