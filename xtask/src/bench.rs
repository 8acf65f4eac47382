//! `cargo xtask bench`: time and memory of the gate beside its peers and beside the physical limit, which is walking,
//! reading and parsing the same files with the same parser on all cores. Then how time grows with the tree, which file
//! takes longest, and programs that are written to take forever. Prints Markdown tables; asserts nothing.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wait4::Wait4;

use crate::hostile;
use crate::step::{cargo, command, root, run as run_step};

/// Trees that are measured when none is named.
const CORPUS: &[&str] = &["apache-superset==6.1.0", "apache-airflow==2.10.5"];

/// The peers, as they are installed.
const PEERS: &[&str] = &["ruff==0.17.6", "bandit==1.9.4"];
const SEMGREP: &str = "semgrep==1.182.0";

const FOLDER: &str = "target/bench";

/// What the command line asks for.
struct Options {
    /// Folders, or packages by their names on the index.
    corpus: Vec<String>,
    rounds: usize,
    /// Rules for semgrep: a file or a folder. Without them semgrep is left out.
    semgrep: Option<String>,
    /// Put the table into README.md.
    write: bool,
}

/// A program that is measured.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Statuses that mean that it did its work.
    pub(crate) statuses: &'static [i32],
}

/// One run of a contender.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    /// User and system time, of all threads.
    pub(crate) cpu: Duration,
    /// Largest resident set of the process, in bytes.
    pub(crate) memory: u64,
}

/// Measures every contender on every tree, in turn, several times.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::read(arguments)?;
    run_step(cargo().args([
        "build",
        "--release",
        "--package",
        "flaskseal",
        "--bins",
        "--example",
        "parse_only",
    ]))?;
    install_peers(options.semgrep.is_some())?;
    let trees: Vec<(String, PathBuf)> =
        options.corpus.iter().map(|name| Ok((name.clone(), tree(name)?))).collect::<Result<_>>()?;
    let mut table = format!("{}\n\n", machine(&options));
    table.push_str(
        "| tree | program | wall s | CPU s | peak MiB | wall against parsing | CPU against parsing |\n",
    );
    table.push_str("|---|---|---|---|---|---|---|\n");
    for (name, folder) in &trees {
        let (files, lines) = size(folder)?;
        let contenders = contenders(folder, options.semgrep.as_deref());
        // Fills the file cache.
        for contender in contenders.iter().take(2) {
            contender.measure()?;
        }
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
        for round in 1..=options.rounds {
            eprintln!("> {name}: round {round} of {}", options.rounds);
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                samples.push(contender.measure()?);
            }
        }
        let limit = samples.first().cloned().unwrap_or_default();
        for (index, (contender, samples)) in contenders.iter().zip(&samples).enumerate() {
            let label =
                if index == 0 { format!("{name}: {files} files, {lines} lines") } else { String::new() };
            table.push_str(&row(&label, &contender.name, samples, &limit));
        }
    }
    println!("{table}");
    if options.write {
        put(&table, MARKS)?;
    }
    println!("{}", growth(&trees, options.rounds)?);
    println!("{}", worst_files(&trees)?);
    println!("{}", hostile_programs()?);
    Ok(())
}

/// Each tree once, twice and four times.
fn growth(trees: &[(String, PathBuf)], rounds: usize) -> Result<String> {
    let mut table = "| tree | lines | CPU s | against once | peak MiB |\n|---|---|---|---|---|\n".to_owned();
    for (name, tree) in trees {
        let mut once = Vec::new();
        for times in [1, 2, 4] {
            let folder = fresh(&format!("growth/{name}"))?;
            for copy in 0..times {
                copy_tree(tree, &folder.join(format!("copy{copy}")))?;
            }
            let (_, lines) = size(&folder)?;
            let check = check(&folder);
            eprintln!("> {name}: {times} times");
            let samples: Vec<Sample> = (0..rounds).map(|_| check.measure()).collect::<Result<_>>()?;
            if times == 1 {
                once.clone_from(&samples);
            }
            let cpu = |sample: &Sample| sample.cpu.as_secs_f64();
            let ratio = samples.iter().zip(&once).map(|(sample, once)| cpu(sample) / cpu(once)).collect();
            let _ = writeln!(
                table,
                "| {name}, {times} times | {lines} | {} | {} | {} |",
                spread(samples.iter().map(cpu).collect(), 3),
                spread(ratio, 2),
                spread(samples.iter().map(Sample::mebibytes).collect(), 0),
            );
        }
    }
    Ok(table)
}

/// Files that are measured alone: the longest of a tree.
const ALONE: usize = 40;

/// The file of each tree that takes longest, alone.
fn worst_files(trees: &[(String, PathBuf)]) -> Result<String> {
    let mut table =
        "| tree | file that takes longest alone | lines | CPU s | peak MiB |\n|---|---|---|---|---|\n"
            .to_owned();
    for (name, tree) in trees {
        let mut files: Vec<(usize, PathBuf)> = Vec::new();
        python_files(tree, &mut |path| {
            let lines = fs::read(&path)?.split(|byte| *byte == b'\n').count();
            files.push((lines, path));
            Ok(())
        })?;
        files.sort();
        let mut worst: Option<(Sample, usize, PathBuf)> = None;
        for (lines, path) in files.into_iter().rev().take(ALONE) {
            let folder = fresh("alone")?;
            fs::copy(&path, folder.join(path.file_name().unwrap_or_default()))?;
            let sample = check(&folder).measure()?;
            if worst.as_ref().is_none_or(|(known, ..)| sample.cpu > known.cpu) {
                worst = Some((sample, lines, path));
            }
        }
        if let Some((sample, lines, path)) = worst {
            let path = path.strip_prefix(tree).unwrap_or(&path).display();
            let (cpu, memory) = (sample.cpu.as_secs_f64(), sample.mebibytes());
            let _ = writeln!(table, "| {name} | `{path}` | {lines} | {cpu:.3} | {memory:.0} |");
        }
    }
    Ok(table)
}

/// Programs that are written to take forever: how long they take, and what the ledger says was cut.
fn hostile_programs() -> Result<String> {
    let mut table = "| program | wall s | CPU s | peak MiB | cut |\n|---|---|---|---|---|\n".to_owned();
    for program in hostile::programs() {
        let folder = fresh("hostile")?;
        program.write(&folder)?;
        let check = check(&folder);
        let sample = check.measure()?;
        let report =
            command(&check.program).args(&check.arguments).output().context("cannot run the gate")?;
        let report: serde_json::Value =
            serde_json::from_slice(&report.stdout).context("the report is no JSON")?;
        let entries = report["ledger"]["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let cut = entries.iter().find(|entry| entry["kind"] != "missing-layer");
        let cut = cut.and_then(|entry| entry["message"].as_str()).unwrap_or("nothing");
        let (wall, cpu, memory) = (sample.wall.as_secs_f64(), sample.cpu.as_secs_f64(), sample.mebibytes());
        let _ = writeln!(table, "| {} | {wall:.3} | {cpu:.3} | {memory:.0} | {cut} |", program.name);
    }
    Ok(table)
}

/// An empty folder below the one for measurements.
fn fresh(name: &str) -> Result<PathBuf> {
    let folder = root().join(FOLDER).join(name);
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name, kind) =
            entry.and_then(|entry| Ok((entry.path(), entry.file_name(), entry.file_type()?)))?;
        if kind.is_dir() {
            copy_tree(&path, &to.join(name))?;
        } else if kind.is_file() {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

const MARKS: [&str; 2] = ["<!-- bench -->\n", "<!-- end of bench -->\n"];

/// Puts a table into README.md, between its two marks.
pub(crate) fn put(table: &str, marks: [&str; 2]) -> Result<()> {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).context("cannot read README.md")?;
    let parts = readme.split_once(marks[0]).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(marks[1])?;
        Some((before, after))
    });
    let (before, after) = parts.context("README.md has no marks for the table")?;
    let text = [before, marks[0], "\n", table, "\n", marks[1], after].concat();
    fs::write(&path, text).context("cannot write README.md")
}

/// The number after `--rounds`: how often each program runs.
pub(crate) fn rounds<'a>(words: &mut impl Iterator<Item = &'a String>) -> Result<usize> {
    let number = words.next().context("`--rounds` needs a number")?;
    let rounds = number.parse().with_context(|| format!("`{number}` is no number"))?;
    ensure!(rounds > 0, "`--rounds` must be at least 1");
    Ok(rounds)
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self { corpus: Vec::new(), rounds: 5, semgrep: None, write: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => options.rounds = rounds(&mut words)?,
                "--semgrep" => {
                    options.semgrep =
                        Some(words.next().context("`--semgrep` needs a folder of rules")?.clone());
                }
                "--write" => options.write = true,
                word if word.starts_with('-') => bail!("`bench` has no option `{word}`"),
                tree => options.corpus.push(tree.to_owned()),
            }
        }
        if options.corpus.is_empty() {
            options.corpus = CORPUS.iter().map(|name| (*name).to_owned()).collect();
        }
        Ok(options)
    }
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    fn mebibytes(&self) -> f64 {
        self.memory as f64 / f64::from(1 << 20)
    }
}

impl Contender {
    fn new(
        name: &str,
        program: PathBuf,
        arguments: &[&str],
        folder: &Path,
        statuses: &'static [i32],
    ) -> Self {
        let folder = folder.display().to_string();
        let arguments = arguments.iter().map(|word| (*word).to_owned()).chain([folder]).collect();
        Self { name: name.to_owned(), program, arguments, statuses }
    }

    pub(crate) fn measure(&self) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(root());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let mut process =
            command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        let ended = process.wait4().with_context(|| format!("cannot wait for {}", self.name))?;
        let wall = started.elapsed();
        let status = ended.status.code();
        ensure!(
            status.is_some_and(|status| self.statuses.contains(&status)),
            "`{}` failed ({})",
            self.name,
            ended.status
        );
        let usage = ended.rusage;
        Ok(Sample { wall, cpu: usage.utime + usage.stime, memory: usage.maxrss })
    }
}

/// The physical limit first; ratios are against it.
fn contenders(folder: &Path, semgrep: Option<&str>) -> Vec<Contender> {
    let own = |path: &str| root().join("target/release").join(path);
    let peer = |name: &str| root().join(FOLDER).join("venv/bin").join(name);
    let contender = |name: &str, program: PathBuf, arguments: &[&str], statuses| {
        Contender::new(name, program, arguments, folder, statuses)
    };
    let mut contenders = vec![
        contender("walk, read and parse alone", own("examples/parse_only"), &[], &[0]),
        check(folder),
        contender(
            "ruff check --select S",
            peer("ruff"),
            &["check", "--no-cache", "--isolated", "--select", "S", "--output-format", "json", "--exit-zero"],
            &[0],
        ),
        contender("bandit -r", peer("bandit"), &["-q", "-f", "json", "-r"], &[0, 1]),
    ];
    if let Some(rules) = semgrep {
        let options = [
            "scan",
            "--metrics",
            "off",
            "--disable-version-check",
            "--no-git-ignore",
            "--json",
            "--config",
            rules,
        ];
        contenders.push(contender("semgrep scan", peer("semgrep"), &options, &[0, 1]));
    }
    contenders
}

/// The gate on a folder.
fn check(folder: &Path) -> Contender {
    let program = root().join("target/release/flaskseal");
    let arguments = ["check", "--isolated", "--force", "--no-progress", "--format", "json"];
    Contender::new("flaskseal check", program, &arguments, folder, &[0, 1])
}

fn install_peers(semgrep: bool) -> Result<()> {
    let wanted: Vec<&str> = PEERS.iter().copied().chain(semgrep.then_some(SEMGREP)).collect();
    let stamp = root().join(FOLDER).join("venv/peers.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted.join("\n")) {
        return Ok(());
    }
    run_step(command("python3").args(["-m", "venv", &format!("{FOLDER}/venv")]))?;
    run_step(pip().arg("install").arg("--quiet").args(&wanted))?;
    fs::write(&stamp, wanted.join("\n")).with_context(|| format!("cannot write {}", stamp.display()))
}

fn pip() -> Command {
    let mut pip = command(root().join(FOLDER).join("venv/bin/python"));
    pip.args(["-m", "pip", "--disable-pip-version-check"]);
    pip
}

/// The folder of a name: itself, or the package's wheel, fetched and unpacked. Nothing of it is installed or run.
fn tree(name: &str) -> Result<PathBuf> {
    let path = root().join(name);
    if path.is_dir() {
        return Ok(path);
    }
    let folder = root().join(FOLDER).join("trees").join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let wheels = root().join(FOLDER).join("wheels").join(name);
    let mut download = pip();
    download.args(["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]).arg(&wheels);
    run_step(download.arg(name))?;
    let wheel = fs::read_dir(&wheels)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .with_context(|| format!("{name} has no wheel"))?;
    run_step(command("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&folder))?;
    Ok(folder)
}

/// Python files below a folder, and their lines.
fn size(folder: &Path) -> Result<(usize, usize)> {
    let (mut files, mut lines) = (0, 0);
    python_files(folder, &mut |path| {
        files += 1;
        lines += fs::read(&path)?.split(|byte| *byte == b'\n').count();
        Ok(())
    })?;
    Ok((files, lines))
}

fn python_files(folder: &Path, see: &mut dyn FnMut(PathBuf) -> Result<()>) -> Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "py") {
                see(path)?;
            }
        }
    }
    Ok(())
}

fn machine(options: &Options) -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let semgrep = options.semgrep.is_some().then_some(SEMGREP);
    let peers: Vec<String> =
        PEERS.iter().copied().chain(semgrep).map(|peer| peer.replace("==", " ")).collect();
    format!(
        "{cores} vCPU, {}, {}; {} rounds, programs in turn, file cache warm; median (least to most); {}.",
        std::env::consts::ARCH,
        std::env::consts::OS,
        options.rounds,
        peers.join(", ")
    )
}

fn row(label: &str, name: &str, samples: &[Sample], limit: &[Sample]) -> String {
    let column = |number: fn(&Sample) -> f64, digits| spread(samples.iter().map(number).collect(), digits);
    let wall = column(|sample| sample.wall.as_secs_f64(), 3);
    let cpu = column(|sample| sample.cpu.as_secs_f64(), 3);
    let memory = column(Sample::mebibytes, 0);
    // Within a round, so that what else the machine did weighs on both.
    let ratio = |time: fn(&Sample) -> Duration| {
        let pairs = samples.iter().zip(limit);
        spread(pairs.map(|(own, limit)| time(own).as_secs_f64() / time(limit).as_secs_f64()).collect(), 1)
    };
    let (wall_ratio, cpu_ratio) = (ratio(|sample| sample.wall), ratio(|sample| sample.cpu));
    format!("| {label} | {name} | {wall} | {cpu} | {memory} | {wall_ratio} | {cpu_ratio} |\n")
}

/// `median (least to most)`.
pub(crate) fn spread(mut numbers: Vec<f64>, digits: usize) -> String {
    numbers.sort_by(f64::total_cmp);
    match (numbers.first(), numbers.get(numbers.len() / 2), numbers.last()) {
        (Some(least), Some(median), Some(most)) => {
            format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_of_sorted_numbers() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0], 1), "2.0 (1.0 to 3.0)");
        assert_eq!(spread(Vec::new(), 1), "");
    }
}
