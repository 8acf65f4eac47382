//! Prints what real Flask makes of the cases of a page, without Flask's own defaults:
//! `cargo run -p flaskseal_oracle --example show_page -- crates/flaskseal_project/tests/config/01-writes.md`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a developer's look at a page")]

use std::collections::BTreeMap;
use std::error::Error;

use flaskseal_mdtest::{Page, Run};
use flaskseal_oracle::Oracle;

const BARE: &str = "from flask import Flask\napp = Flask('app', root_path='/')\n";

fn main() -> Result<(), Box<dyn Error>> {
    let oracle = Oracle::of_workspace();
    let bare = oracle.boot_files([("app.py", BARE)], "app:app", &BTreeMap::new())?;
    for path in std::env::args().skip(1) {
        for case in Page::parse(&std::fs::read_to_string(&path)?)?.cases {
            println!("{path}: {}", case.name);
            let Some(Run { entry: Some(entry), env, .. }) = &case.run else { continue };
            let files = case.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
            let dump = match oracle.boot_files(files, entry, env) {
                Ok(dump) => dump,
                Err(error) => {
                    println!("  {error}");
                    continue;
                }
            };
            for (key, value) in dump.config.iter().filter(|(key, value)| bare.config.get(*key) != Some(value))
            {
                println!("  {key} = {value:?}");
            }
            for route in dump.routes.difference(&bare.routes) {
                println!("  {} {:?} {}", route.rule, route.methods, route.endpoint);
            }
        }
    }
    Ok(())
}
