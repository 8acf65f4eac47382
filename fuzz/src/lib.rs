//! What the targets share: how text becomes a tree, how a tree is judged, and what must hold afterwards.
//!
//! A target never asserts what a verdict should be. It asserts what holds for every input: no panic, no hang, bounded
//! memory, and ranges that lie inside the text they speak of.

use std::sync::OnceLock;

use flaskseal::Selection;
use flaskseal::check::{Request, gate};
use flaskseal_core::{FileId, TextRange, Tree};
use flaskseal_deploy::Problem;
use flaskseal_judge::{Date, Policy};
use flaskseal_project::BuildOptions;
use flaskseal_report::{Format, RenderOptions};
use flaskseal_system::DiscoverOptions;

/// A line that begins a file of a tree: `#### app.py`.
pub const FILE_MARK: &str = "#### ";

/// Reads a tree from text. What stands above the first mark is `app.py`; a path that is named twice is kept once.
pub fn tree(text: &str) -> Tree {
    let mut files: Vec<(String, String)> = vec![("app.py".to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(FILE_MARK) {
            Some(path) if is_path(path.trim_end()) => files.push((path.trim_end().to_owned(), String::new())),
            _ => files.last_mut().expect("the first file is always there").1.push_str(line),
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    Tree::from_texts(files)
}

/// What the walk could have found: relative, without empty or dotted parts.
fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() < 128
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains('\0')
}

/// Judges a tree as the command does and writes the report in every format.
pub fn judge(tree: &Tree, entry: Option<&str>) {
    let request = Request {
        root: ".".into(),
        discover: DiscoverOptions::default(),
        environment: None,
        build: BuildOptions {
            entries: entry.map(str::to_owned).into_iter().collect(),
            ..BuildOptions::default()
        },
        selection: Selection::default(),
        policy: Policy::default(),
        baseline: None,
        host: None,
        today: today(),
        force: true,
        notes: Vec::new(),
    };
    in_pool(|| {
        let Ok((report, rules)) = gate(tree, None, &request, None, &|_| ()) else { return };
        for format in Format::ALL {
            let _ = flaskseal_report::render(format, &report, tree, &rules, &RenderOptions::default());
        }
    });
}

/// The day on which every input is judged.
pub fn today() -> Date {
    Date::new(2026, 9, 1).expect("a day of the calendar")
}

/// Runs on threads like the command's own: analysis follows the nesting of the code, and needs their stack.
fn in_pool(work: impl FnOnce() + Send) {
    static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(32 << 20);
        builder.build().expect("a thread can be started")
    });
    pool.install(work);
}

/// Asserts that what a reader complains about lies inside the text, at the borders of characters.
pub fn assert_inside(text: &str, problems: &[Problem]) {
    for problem in problems {
        let (start, end) = (problem.range.start as usize, problem.range.end as usize);
        assert!(text.get(start..end).is_some(), "{problem:?} is not a range of the text");
    }
}

/// Reads one deployment file as a tree that holds nothing else, and an entry script beside it.
pub fn deploy(path: &str, text: &str) {
    let script = "#!/bin/sh\nset -e\n. ./.env\nexec \"$@\"\n";
    let mut files = vec![
        ("app.py".to_owned(), "from flask import Flask\napp = Flask(__name__)\n".to_owned()),
        ("entrypoint.sh".to_owned(), script.to_owned()),
    ];
    files.retain(|(known, _)| known != path);
    files.push((path.to_owned(), text.to_owned()));
    let tree = Tree::from_texts(files);
    in_pool(|| {
        let deployment = flaskseal_deploy::read(&tree);
        for fact in &deployment.env_facts {
            assert_range(&tree, fact.span.file, fact.span.range);
        }
        for process in &deployment.processes {
            assert_range(&tree, process.source.file, process.source.range);
        }
    });
}

fn assert_range(tree: &Tree, file: FileId, range: TextRange) {
    let text = &tree.file(file).text;
    assert!(
        text.get(range.start as usize..range.end as usize).is_some(),
        "{range:?} is not a range of {text:?}"
    );
}
