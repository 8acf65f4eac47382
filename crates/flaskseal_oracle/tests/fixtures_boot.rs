//! Every fixture application of the evaluator is real: it boots under real Flask by its own entry.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads its own pages")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flaskseal_mdtest::{Case, Page};
use flaskseal_oracle::Oracle;

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
fn every_fixture_boots() {
    let cases = cases();
    let oracle = Oracle::of_workspace();
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                while let Some((page, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = boots(&oracle, case) {
                        failures.lock().unwrap().push(format!("{page}, \"{}\": {failure}", case.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
    assert!(cases.len() >= 45, "only {} fixtures", cases.len());
}

fn boots(oracle: &Oracle, case: &Case) -> Result<(), String> {
    let run = case.run.as_ref().ok_or("a fixture has a `run` block")?;
    let entry = run.entry.as_deref().ok_or("a fixture's `run` block names its entry")?;
    let files = case.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    oracle.boot_files(files, entry, &run.env).map(drop).map_err(|error| error.to_string())
}
