//! `cargo xtask bench-deps DUMP`: the look-up of advisories for a lock of 300 packages, the import of a dump, and
//! pip-audit on the same packages and advisories, which it asks a service on loopback for. Prints a Markdown table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::{self, Contender, put, spread};
use crate::python;
use crate::step::{cargo, command, root, run as run_step};

const PACKAGES: usize = 300;
const FOLDER: &str = "target/bench-deps";
const MARKS: [&str; 2] = ["<!-- bench-deps -->\n", "<!-- end of bench-deps -->\n"];

/// What the command line asks for.
struct Options {
    dump: PathBuf,
    rounds: usize,
    /// Measured instead of a release build.
    program: Option<PathBuf>,
    write: bool,
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::read(arguments)?;
    python::ensure_environments()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            run_step(cargo().args(["build", "--release", "--package", "flaskseal"]))?;
            root().join("target/release/flaskseal")
        }
    };
    let folder = root().join(FOLDER);
    fs::create_dir_all(folder.join("project")).context("cannot create the folder for the lock")?;
    let pins = pins()?;
    fs::write(folder.join("project/uv.lock"), lock(&pins))?;
    fs::write(
        folder.join("requirements.txt"),
        pins.iter().fold(String::new(), |mut text, (name, version)| {
            let _ = writeln!(text, "{name}=={version}");
            text
        }),
    )?;
    let service = Service::start(&options.dump)?;
    let shown = |path: PathBuf| path.display().to_string();
    let (dump, db) = (options.dump.display().to_string(), shown(folder.join("advisories.db")));
    let contender = |name: &str, program: &Path, words: &[&str], statuses| Contender {
        name: name.to_owned(),
        program: program.to_path_buf(),
        arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        statuses,
    };
    let project = shown(folder.join("project"));
    let requirements = shown(folder.join("requirements.txt"));
    let contenders = [
        contender("flaskseal db import", &program, &["db", "import", &dump, "--db", &db], &[0]),
        contender("flaskseal deps", &program, &["deps", "--isolated", "--db", &db, &project], &[0]),
        contender(
            "pip-audit, service on loopback",
            &root().join("target/venv/bin/pip-audit"),
            &[
                "-s",
                "osv",
                "--osv-url",
                &service.url,
                "--no-deps",
                "--disable-pip",
                "--progress-spinner",
                "off",
                "--cache-dir",
                &shown(folder.join("cache")),
                "-r",
                &requirements,
            ],
            &[0, 1],
        ),
    ];
    let mut samples = vec![Vec::new(); contenders.len()];
    for _ in 0..=options.rounds {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            samples.push(contender.measure()?);
        }
    }
    let mut table = format!(
        "{PACKAGES} packages, the advisories of {}; {} rounds, programs in turn; median (least to most).\n\n",
        options.dump.file_name().map(|name| name.to_string_lossy()).unwrap_or_default(),
        options.rounds
    );
    table.push_str("| program | wall s | CPU s | peak MiB |\n|---|---|---|---|\n");
    for (contender, samples) in contenders.iter().zip(&samples) {
        // The first round fills the file cache.
        let samples = &samples[1..];
        let wall = spread(samples.iter().map(|sample| sample.wall.as_secs_f64()).collect(), 3);
        let cpu = spread(samples.iter().map(|sample| sample.cpu.as_secs_f64()).collect(), 3);
        #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
        let memory =
            spread(samples.iter().map(|sample| sample.memory as f64 / f64::from(1 << 20)).collect(), 0);
        let _ = writeln!(table, "| {} | {wall} | {cpu} | {memory} |", contender.name);
    }
    println!("{table}");
    if options.write { put(&table, MARKS) } else { Ok(()) }
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let (mut dump, mut rounds, mut program, mut write) = (None, 5, None, false);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => rounds = bench::rounds(&mut words)?,
                "--program" => program = Some(words.next().context("`--program` needs a path")?.into()),
                "--write" => write = true,
                word if word.starts_with('-') => bail!("`bench-deps` has no option `{word}`"),
                path => dump = Some(PathBuf::from(path)),
            }
        }
        let dump = dump.context("which dump? cargo xtask bench-deps all.zip")?;
        ensure!(dump.is_file(), "{} is not there", dump.display());
        Ok(Self { dump, rounds, program, write })
    }
}

/// The first packages that real projects pin, in the order of their names.
fn pins() -> Result<BTreeMap<String, String>> {
    let sets = fs::read_to_string(root().join("crates/flaskseal/tests/pip_audit/real_sets.txt"))?;
    let mut pins = BTreeMap::new();
    for pin in sets.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, pins)| pins.split(' ')) {
        if let Some((name, version)) = pin.split_once("==") {
            pins.entry(name.to_owned()).or_insert_with(|| version.to_owned());
        }
    }
    Ok(pins.into_iter().take(PACKAGES).collect())
}

/// A lock as uv writes it: every package with six wheels, and four others that it depends on.
fn lock(pins: &BTreeMap<String, String>) -> String {
    let names: Vec<&String> = pins.keys().collect();
    let mut text = "version = 1\nrequires-python = \">=3.9\"\n\n[[package]]\nname = \"shop\"\nversion = \"1\"\nsource = { virtual = \".\" }\ndependencies = [\n".to_owned();
    for name in names.iter().step_by(5) {
        let _ = writeln!(text, "    {{ name = \"{name}\" }},");
    }
    text.push_str("]\n");
    for (index, (name, version)) in pins.iter().enumerate() {
        let _ = writeln!(
            text,
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\ndependencies = ["
        );
        for wanted in names.iter().skip(index + 1).take(4) {
            let _ = writeln!(text, "    {{ name = \"{wanted}\" }},");
        }
        text.push_str("]\nwheels = [\n");
        for minor in 8..14 {
            let folder = "ab".repeat(30);
            let hash = "0".repeat(64);
            let _ = writeln!(
                text,
                "    {{ url = \"https://files.pythonhosted.org/packages/{folder}/{name}-{version}-cp3{minor}-cp3{minor}-manylinux_2_17_x86_64.whl\", hash = \"sha256:{hash}\", size = 1234 }},"
            );
        }
        text.push_str("]\n");
    }
    text
}

/// The service that pip-audit asks; it ends with its standard input.
struct Service {
    process: Child,
    url: String,
}

impl Service {
    fn start(dump: &Path) -> Result<Self> {
        let mut python = command(root().join("target/venv/bin/python"));
        python.arg("oracle/osv_service.py").arg(dump).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = python.spawn().context("cannot start the service")?;
        let mut url = String::new();
        let output = process.stdout.take().context("the service has no output")?;
        BufReader::new(output).read_line(&mut url)?;
        ensure!(url.starts_with("http://127.0.0.1:"), "the service says {url:?}");
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
