//! The evaluator against real Flask, on every fixture application: each boots by its own production entry, and no
//! value that the evaluator calls known may differ.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads its own pages")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flaskseal_core::Tree;
use flaskseal_mdtest::{Case, Page};
use flaskseal_oracle::{Comparison, Oracle, OracleDump, compare};
use flaskseal_project::{BuildOptions, Project};

/// Every case of the configuration pages, with its page's name.
fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flaskseal_project/tests/config");
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let page = Page::parse(&std::fs::read_to_string(path).unwrap())
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            page.cases.into_iter().map(move |case| (name.clone(), case))
        })
        .collect()
}

#[test]
fn no_known_value_is_wrong_on_any_fixture() {
    let cases = cases();
    assert!(cases.len() >= 45, "only {} fixtures", cases.len());
    let oracle = Oracle::of_workspace();
    let failures = Mutex::new(Vec::new());
    let totals = Mutex::new((0, 0, 0));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                while let Some((page, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match check(&oracle, case) {
                        Ok(comparison) => {
                            let mut totals = totals.lock().unwrap();
                            totals.0 += comparison.equal;
                            totals.1 += comparison.unknown.len();
                            totals.2 += comparison.routes_equal;
                            if !comparison.wrong.is_empty() || !comparison.unknown.is_empty() {
                                println!("{page}, \"{}\": {comparison}", case.name);
                            }
                            if !comparison.wrong.is_empty() {
                                failures
                                    .lock()
                                    .unwrap()
                                    .push(format!("{page}, \"{}\": {comparison}", case.name));
                            }
                        }
                        Err(failure) => {
                            failures.lock().unwrap().push(format!("{page}, \"{}\": {failure}", case.name));
                        }
                    }
                }
            });
        }
    });
    let (equal, unknown, routes) = totals.into_inner().unwrap();
    println!("{} fixtures: {equal} settings equal, {unknown} unknown, {routes} routes equal", cases.len());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
    // Flask's own defaults would hide what the fixtures are about, so the share is of all settings of all fixtures.
    assert!(unknown * 20 < equal, "{unknown} unknown next to {equal} equal settings");
}

fn check(oracle: &Oracle, case: &Case) -> Result<Comparison, String> {
    let run = case.run.as_ref().ok_or("a fixture has a `run` block")?;
    let entry = run.entry.as_deref().ok_or("a fixture's `run` block names its entry")?;
    let files = case.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let dump = oracle.boot_files(files, entry, &run.env).map_err(|error| error.to_string())?;
    evaluated(&case.tree(), entry, &run.env, &dump)
}

fn evaluated(
    tree: &Tree,
    entry: &str,
    env: &std::collections::BTreeMap<String, String>,
    dump: &OracleDump,
) -> Result<Comparison, String> {
    let parsed = flaskseal_project::parse(tree);
    let env: String =
        env.iter().map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', "\\'"))).collect();
    let options = BuildOptions {
        entries: vec![entry.to_owned()],
        env_files: vec![(env, "the fixture".to_owned())],
        env_complete: true,
        ..BuildOptions::default()
    };
    let project = Project::build(tree, &parsed, &options);
    let start = project.apps.first().and_then(|app| app.starts.first());
    let Some(app) = start.and_then(|start| start.evaluation.apps.first()) else {
        let outcome = start.map(|start| format!("{:?}", start.evaluation.outcome));
        return Err(format!("the evaluator finds no application: {outcome:?}"));
    };
    Ok(compare(app, dump))
}
