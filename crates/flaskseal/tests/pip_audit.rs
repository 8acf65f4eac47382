//! The same advisories through two programs: pip-audit, which asks a service on loopback that serves OSV documents, and
//! `flaskseal deps`, whose database is made from the same documents. Over real and generated sets of pins they name the
//! same vulnerable packages, the same flaws and the same fixed versions; `pip_audit/differences.toml` explains what is
//! otherwise.
//!
//! The documents are the dump in `../shared/advisories`, where it is there, and always the facts that are compiled in.
#![allow(clippy::disallowed_methods, reason = "a test that writes its own files and starts other programs")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::print_stderr, reason = "a part that is left out is said")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;

use flaskseal_project::deps::{
    Advisory, Event, Range, Store, Version, core_advisories, core_packages, normalize, read_osv, read_zip,
};
use serde_json::{Value, json};

const REAL_SETS: &str = include_str!("pip_audit/real_sets.txt");
const DIFFERENCES: &str = include_str!("pip_audit/differences.toml");

/// Sets that are made up, and packages in each.
const GENERATED: usize = 12;
const PACKAGES: usize = 50;

#[test]
fn the_same_answers_from_the_facts_that_are_compiled_in() {
    let folder = tempfile::tempdir().unwrap();
    let documents = folder.path().join("documents");
    std::fs::create_dir(&documents).unwrap();
    for package in core_packages() {
        for advisory in core_advisories(package) {
            let text = document(package, &advisory).to_string();
            let read = read_osv(text.as_bytes()).unwrap();
            assert_eq!(read.advisories[0].1.ranges, advisory.ranges, "{text}");
            std::fs::write(documents.join(format!("{package}-{}.json", advisory.id)), text).unwrap();
        }
    }
    let seen = compare(&documents, folder.path(), 4);
    assert!(seen.sets >= 10 && seen.vulnerable > 50, "{seen:?}");
}

#[test]
fn the_same_answers_from_the_published_dump() {
    let named = std::env::var_os("FLASKSEAL_OSV_DUMP").map(PathBuf::from);
    let dump = named.unwrap_or_else(|| root().join("../shared/advisories/pypi-osv-all.zip"));
    if !dump.is_file() {
        eprintln!("left out: {} is not there", dump.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seen = compare(&dump, folder.path(), 1);
    assert!(seen.sets >= 40 && seen.vulnerable > 500, "{seen:?}");
    assert_eq!(seen.differences, differences(), "differences that are explained are there, and no others");
}

/// What was compared.
#[derive(Default, Debug)]
struct Seen {
    sets: usize,
    packages: usize,
    /// Vulnerable packages, counted in each set.
    vulnerable: usize,
    flaws: usize,
    /// The kinds of differences that were met.
    differences: BTreeSet<String>,
}

/// Every `step`th set through both programs.
fn compare(documents: &Path, folder: &Path, step: usize) -> Seen {
    let db = folder.join("advisories.db");
    let imported = flaskseal(&["db", "import", documents.to_str().unwrap()], &db);
    assert!(imported.contains("advisories on"), "{imported}");
    let store = Store::open(std::fs::File::open(&db).unwrap()).unwrap();
    let service = Service::start(documents);
    let mut seen = Seen::default();
    let mut wrong = String::new();
    let real = real_sets();
    let spelled_otherwise = spelled_otherwise(documents);
    let made = generated_sets(documents, &spelled_otherwise);
    for (name, pins) in real.iter().chain(&made).step_by(step) {
        let project = folder.join("project");
        std::fs::create_dir_all(&project).unwrap();
        let lines: String = pins.iter().map(|(name, version)| format!("{name}=={version}\n")).collect();
        let requirements = project.join("requirements.txt");
        std::fs::write(&requirements, lines).unwrap();
        let ours = our_answer(&project, &db);
        let theirs = service.audit(&requirements);
        seen.sets += 1;
        seen.packages += pins.len();
        for (package, version) in pins {
            let nothing = BTreeMap::new();
            let ours = ours.get(package).unwrap_or(&nothing);
            let theirs = theirs.get(package).unwrap_or(&nothing);
            seen.vulnerable += usize::from(!ours.is_empty());
            seen.flaws += ours.len();
            let version = Version::from_str(version).unwrap();
            let mut theirs = theirs.clone();
            if merge(&mut theirs) {
                seen.differences.insert("entries-of-one-database".to_owned());
            }
            if spelled_otherwise.contains(package) && theirs.values().all(BTreeSet::is_empty) {
                let named = theirs.keys().cloned().collect::<BTreeSet<_>>();
                assert_eq!(named, ours.keys().cloned().collect(), "{name}: {package} {version}");
                if ours.values().any(|fixed| !fixed.is_empty()) {
                    seen.differences.insert("names-in-another-spelling".to_owned());
                }
                continue;
            }
            for difference in differing(ours, &theirs, &version, &store.lookup(package).unwrap()) {
                match difference {
                    Ok(known) => {
                        seen.differences.insert(known.to_owned());
                    }
                    Err(text) => writeln!(wrong, "{name}: {package} {version}: {text}").unwrap(),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not explained:\n{wrong}");
    eprintln!("{seen:?}");
    seen
}

/// The names of a flaw, and the versions that fix it.
type Flaws = BTreeMap<BTreeSet<String>, BTreeSet<Version>>;

/// Puts flaws together that share a name: pip-audit does so only across databases. Whether there were any.
fn merge(flaws: &mut Flaws) -> bool {
    let mut all: Vec<(BTreeSet<String>, BTreeSet<Version>)> = Vec::new();
    let before = flaws.len();
    for (mut ids, mut fixed) in std::mem::take(flaws) {
        // Each time that one is taken in, the others may share a name with the whole.
        while let Some(at) = all.iter().position(|(known, _)| !known.is_disjoint(&ids)) {
            let (known, others) = all.remove(at);
            ids.extend(known);
            fixed.extend(others);
        }
        all.push((ids, fixed));
    }
    flaws.extend(all);
    flaws.len() < before
}

/// How two answers on one package differ: the kind that is explained, or what is not.
fn differing(
    ours: &Flaws,
    theirs: &Flaws,
    version: &Version,
    advisories: &[Advisory],
) -> Vec<Result<&'static str, String>> {
    let mut found = Vec::new();
    for (ids, fixed) in ours {
        let Some(other) = theirs.get(ids) else {
            found.push(Err(format!("pip-audit does not name {ids:?} with {fixed:?}")));
            continue;
        };
        let mut other = other.clone();
        let of_these: Vec<&Advisory> =
            advisories.iter().filter(|one| one.ids().any(|id| ids.contains(id))).collect();
        if other.iter().any(|fix| fix <= version) {
            found.push(Ok("fixes-of-older-lines"));
            other.retain(|fix| fix > version);
        }
        if other.iter().any(|fix| of_these.iter().any(|one| one.affects(fix))) {
            found.push(Ok("fixes-that-are-affected"));
            other.retain(|fix| !of_these.iter().any(|one| one.affects(fix)));
        }
        if *fixed != other {
            found.push(Err(format!("{ids:?}: fixed in {fixed:?}, pip-audit says {other:?}")));
        }
    }
    for ids in theirs.keys().filter(|ids| !ours.contains_key(*ids)) {
        found.push(Err(format!("only pip-audit names {ids:?}")));
    }
    found
}

fn our_answer(project: &Path, db: &Path) -> BTreeMap<String, Flaws> {
    let words = ["deps", "--isolated", "--format", "json", "--now", "2026-11-24", project.to_str().unwrap()];
    let answer: Value = serde_json::from_str(&flaskseal(&words, db)).unwrap();
    let packages = answer["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let flaws = package["advisories"].as_array().unwrap().iter();
            let flaws = flaws.map(|flaw| (texts(&flaw["ids"]).collect(), versions(&flaw["fixed"])));
            (package["name"].as_str().unwrap().to_owned(), flaws.collect())
        })
        .collect()
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned())
}

fn versions(list: &Value) -> BTreeSet<Version> {
    texts(list).map(|text| Version::from_str(&text).unwrap()).collect()
}

fn flaskseal(words: &[&str], db: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(words)
        .env("FLASKSEAL_DB", db)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The service on loopback; it ends with its standard input.
struct Service {
    process: Child,
    url: String,
    cache: tempfile::TempDir,
}

impl Service {
    fn start(documents: &Path) -> Self {
        let mut process = Command::new(python("python"))
            .arg(root().join("oracle/osv_service.py"))
            .arg(documents)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo xtask test` installs Python");
        let mut url = String::new();
        // The line comes when it listens; when it dies there is an end instead.
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "the service says {url:?}");
        Self { process, url: url.trim().to_owned(), cache: tempfile::tempdir().unwrap() }
    }

    fn audit(&self, requirements: &Path) -> BTreeMap<String, Flaws> {
        let mut audit = Command::new(python("pip-audit"));
        audit.args(["--vulnerability-service", "osv", "--osv-url", &self.url]);
        audit.args(["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "60"]);
        audit.args(["--format", "json", "--desc", "off", "--aliases", "on"]);
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            audit.env_remove(proxy);
        }
        let output = audit
            .arg("--cache-dir")
            .arg(self.cache.path())
            .arg("--requirement")
            .arg(requirements)
            .output()
            .expect("`cargo xtask test` installs pip-audit");
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let packages = answer["dependencies"].as_array().unwrap().iter();
        packages
            .map(|package| {
                let flaws = package["vulns"].as_array().unwrap().iter();
                let flaws = flaws.map(|flaw| {
                    let ids = texts(&flaw["aliases"]).chain([flaw["id"].as_str().unwrap().to_owned()]);
                    (ids.collect(), versions(&flaw["fix_versions"]))
                });
                (package["name"].as_str().unwrap().to_owned(), flaws.collect())
            })
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// `NAME DATE: PACKAGE==VERSION ...`, a line each.
fn real_sets() -> Vec<(String, BTreeMap<String, String>)> {
    let lines = REAL_SETS.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, pins) = line.split_once(": ").unwrap();
            let pins = pins.split(' ').map(|pin| pin.split_once("==").unwrap());
            (name.to_owned(), pins.map(|(name, version)| (name.to_owned(), version.to_owned())).collect())
        })
        .collect()
}

/// Sets of versions at every border that the documents draw: just before, at and just behind each event, and versions
/// that are listed one by one. What is rare comes first: other spellings, ranges that are no simple ones, many borders.
fn generated_sets(documents: &Path, rare: &BTreeSet<String>) -> Vec<(String, BTreeMap<String, String>)> {
    let mut rare = rare.clone();
    let mut borders: BTreeMap<String, BTreeSet<Version>> = BTreeMap::new();
    let advisories = if documents.is_dir() {
        core_packages()
            .flat_map(|name| core_advisories(name).into_iter().map(move |one| (name.to_owned(), one)))
            .collect()
    } else {
        read_zip(&std::fs::read(documents).unwrap(), "dump").unwrap().advisories
    };
    for (package, advisory) in advisories {
        let is_simple =
            |range: &Range| matches!(range.events.as_slice(), [Event::Introduced(_), Event::Fixed(_)]);
        if !advisory.ranges.iter().all(is_simple) || !advisory.versions.is_empty() {
            rare.insert(package.clone());
        }
        let known = borders.entry(package).or_default();
        for event in advisory.ranges.iter().flat_map(|range| &range.events) {
            let (Event::Introduced(Some(at)) | Event::Fixed(at) | Event::LastAffected(at)) = event else {
                known.insert(Version::from_str("0.0.0.dev1").unwrap());
                continue;
            };
            for ending in [".dev0", "", ".post1", ".1", "+local.1"] {
                known.extend(Version::from_str(&format!("{at}{ending}")).ok());
            }
        }
        known.extend(advisory.versions.iter().rev().take(2).filter_map(|text| Version::from_str(text).ok()));
    }
    let mut packages: Vec<(&String, &BTreeSet<Version>)> = borders.iter().collect();
    packages.sort_by_key(|(name, versions)| (!rare.contains(*name), usize::MAX - versions.len(), *name));
    // Each package is in several sets, each time at another border.
    let mut sets = vec![BTreeMap::new(); GENERATED];
    for (first, (package, versions)) in packages.into_iter().enumerate() {
        let wanted = versions.len().min(3);
        for turn in 0..wanted {
            let set: &mut BTreeMap<String, String> = &mut sets[(first + turn) % GENERATED];
            if set.len() < PACKAGES {
                let version =
                    versions.iter().nth((first * 7 + turn * versions.len() / wanted) % versions.len());
                set.insert(package.clone(), version.unwrap().to_string());
            }
        }
    }
    sets.into_iter().enumerate().map(|(number, pins)| (format!("generated {number}"), pins)).collect()
}

/// Packages that a document of the dump names otherwise than PEP 503 does.
fn spelled_otherwise(documents: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if documents.is_dir() {
        return found;
    }
    let mut archive = zip::ZipArchive::new(std::fs::File::open(documents).unwrap()).unwrap();
    for index in 0..archive.len() {
        let document: Value = serde_json::from_reader(archive.by_index(index).unwrap()).unwrap();
        for affected in document["affected"].as_array().into_iter().flatten() {
            let written = affected["package"]["name"].as_str().unwrap_or_default();
            if written != normalize(written) {
                found.insert(normalize(written));
            }
        }
    }
    found
}

/// A document of the OSV schema that says what an advisory does.
fn document(package: &str, advisory: &Advisory) -> Value {
    let event = |event: &Event| match event {
        Event::Introduced(None) => json!({ "introduced": "0" }),
        Event::Introduced(Some(at)) => json!({ "introduced": at.to_string() }),
        Event::Fixed(at) => json!({ "fixed": at.to_string() }),
        Event::LastAffected(at) => json!({ "last_affected": at.to_string() }),
        Event::Limit(at) => json!({ "limit": at.to_string() }),
    };
    let ranges: Vec<Value> = advisory
        .ranges
        .iter()
        .map(|range| json!({ "type": "ECOSYSTEM", "events": range.events.iter().map(event).collect::<Vec<_>>() }))
        .collect();
    json!({
        "id": advisory.id,
        "schema_version": "1.6.0",
        "modified": "2024-10-10T00:00:00Z",
        "published": "2024-10-10T00:00:00Z",
        "aliases": advisory.aliases,
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": package },
            "ranges": ranges,
            "versions": advisory.versions,
        }],
    })
}

/// The kinds of differences that are explained.
fn differences() -> BTreeSet<String> {
    let table: toml::Table = DIFFERENCES.parse().unwrap();
    assert!(table.values().all(|kind| kind["whose"].is_str() && kind["why"].is_str()), "each is explained");
    table.keys().cloned().collect()
}

fn python(program: &str) -> PathBuf {
    root().join("target/venv/bin").join(program)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
