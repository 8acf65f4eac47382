//! `cargo xtask advisories DUMP`: writes the core table of advisories that is compiled into flaskseal.
//!
//! DUMP is the archive that the OSV project publishes for PyPI. Only facts go into the table: ids, affected versions,
//! scores and weaknesses, of the packages in `core_packages.txt`. What was added by hand stands in a file of its own and
//! stays; what the dump knows by now is named, to be taken out there.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};
use flaskseal_deps::{core_packages, encode_core_table, read_zip, superfluous_additions};

use crate::step::root;

const TABLE: &str = "crates/flaskseal_deps/data/core_table.jsonl";
const ADDITIONS: &str = "crates/flaskseal_deps/data/core_additions.jsonl";

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [dump] = arguments else { bail!("which dump? cargo xtask advisories all.zip") };
    let bytes = fs::read(dump).with_context(|| format!("cannot read {dump}"))?;
    let mut dump = read_zip(&bytes, "the PyPI dump of OSV").with_context(|| format!("{dump} is no dump"))?;
    let wanted: BTreeSet<&str> = core_packages().collect();
    dump.advisories.retain(|(package, _)| wanted.contains(package.as_str()));
    dump.provenance.advisories = dump.advisories.len();
    dump.provenance.packages = dump.advisories.chunk_by(|a, b| a.0 == b.0).count();
    dump.provenance.withdrawn = 0;
    dump.provenance.unreadable = 0;
    fs::write(root().join(TABLE), encode_core_table(&dump.provenance, &dump.advisories))?;
    eprintln!(
        "{} advisories on {} packages, as of {}, written to {TABLE}",
        dump.provenance.advisories, dump.provenance.packages, dump.provenance.date
    );
    for (package, id) in superfluous_additions(&dump.advisories) {
        eprintln!("{package} {id} is in the dump now: take it out of {ADDITIONS}");
    }
    Ok(())
}
