//! `cargo xtask bench-probe`: how many keys a second are tried on a session cookie, beside flask-unsign on the same list,
//! and what a whole probe of a site on this machine takes. Prints a Markdown table.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use flaskseal_servers::Shop;

use crate::bench::{self, Contender, Sample, put, spread};
use crate::python;
use crate::step::{cargo, command, root, run as run_step};

const FOLDER: &str = "target/bench-probe";
const PEER: &str = "flask-unsign==1.2.1";
const MARKS: [&str; 2] = ["<!-- bench-probe -->\n", "<!-- end of bench-probe -->\n"];
/// Keys that are tried; the last one fits.
const KEYS: usize = 300_000;
/// What Flask 3.1 signed with the last key of the list.
const SIGN: &str = "import sys, flask, flask.sessions; app = flask.Flask('a'); app.secret_key = sys.argv[1]; \
                    print(flask.sessions.SecureCookieSessionInterface().get_signing_serializer(app).dumps({'user_id': 1}))";

/// What the command line asks for.
struct Options {
    rounds: usize,
    /// Where `flaskseal` and `examples/key_search` are, instead of a release build.
    programs: Option<PathBuf>,
    write: bool,
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::read(arguments)?;
    python::ensure_environments()?;
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => {
            let words = ["build", "--release", "--package", "flaskseal", "--package", "flaskseal_live"];
            run_step(cargo().args(words).args(["--bins", "--example", "key_search"]))?;
            root().join("target/release")
        }
    };
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder).context("cannot create the folder for the list")?;
    let unsign = install_peer(&folder)?;
    let list = folder.join("keys.txt");
    let keys: Vec<String> = (0..KEYS).map(|number| format!("a-key-{number:06}-of-nobody")).collect();
    fs::write(&list, keys.join("\n")).context("cannot write the list")?;
    let cookie = signed(keys.last().map_or("", String::as_str))?;
    let list = list.display().to_string();
    let shop = Shop::hardened(&|text| text);
    let (url, trust, mut probe) = (Shop::url(), shop.trust(), vec!["probe".to_owned()]);
    probe.extend(shop.way());
    probe.extend([url, trust]);
    let contender = |name: &str, program: PathBuf, arguments: Vec<String>, statuses| Contender {
        name: name.to_owned(),
        program,
        arguments,
        statuses,
    };
    let search =
        ["--unsign", "--cookie", &cookie, "--wordlist", &list, "--no-literal-eval", "--threads", "1"];
    let contenders = [
        contender(
            "keys, flaskseal, one core",
            programs.join("examples/key_search"),
            vec![cookie.clone(), list.clone()],
            &[0],
        ),
        contender("keys, flask-unsign, one thread", unsign, search.map(str::to_owned).to_vec(), &[0]),
        contender("flaskseal probe, a whole site", programs.join("flaskseal"), probe, &[0, 1]),
    ];
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); contenders.len()];
    // The first round fills the file cache.
    for _ in 0..=options.rounds {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            samples.push(contender.measure()?);
        }
    }
    let table = table(&contenders, &samples, options.rounds);
    println!("{table}");
    if options.write { put(&table, MARKS) } else { Ok(()) }
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn table(contenders: &[Contender], samples: &[Vec<Sample>], rounds: usize) -> String {
    let mut table = format!(
        "{KEYS} keys, of which the last fits, on a session cookie of Flask 3.1; a probe of `examples/shop-hardened` behind nginx with TLS, on this machine, with the default bounds; {rounds} rounds, programs in turn; median (least to most).\n\n| program | wall s | CPU s | peak MiB | keys a CPU second |\n|---|---|---|---|---|\n"
    );
    let mut speeds = Vec::new();
    for (index, (contender, samples)) in contenders.iter().zip(samples).enumerate() {
        let samples = samples.get(1..).unwrap_or_default();
        let mut cpu: Vec<f64> = samples.iter().map(|sample| sample.cpu.as_secs_f64()).collect();
        cpu.sort_by(f64::total_cmp);
        let speed = cpu.get(cpu.len() / 2).map_or(0.0, |median| KEYS as f64 / median.max(1e-9));
        let keys = if index < 2 { format!("{speed:.0}") } else { String::new() };
        speeds.push(speed);
        let wall = spread(samples.iter().map(|sample| sample.wall.as_secs_f64()).collect(), 2);
        let memory = samples.iter().map(|sample| sample.memory as f64 / f64::from(1 << 20)).collect();
        let _ = writeln!(
            table,
            "| {} | {wall} | {} | {} | {keys} |",
            contender.name,
            spread(cpu, 2),
            spread(memory, 0)
        );
    }
    if let [ours, theirs, ..] = speeds[..] {
        let _ = writeln!(
            table,
            "\nA core tries {:.0} times as many keys as flask-unsign's.",
            ours / theirs.max(1e-9)
        );
    }
    table
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self { rounds: 5, programs: None, write: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => options.rounds = bench::rounds(&mut words)?,
                "--programs" => {
                    options.programs = Some(words.next().context("`--programs` needs a folder")?.into());
                }
                "--write" => options.write = true,
                word => bail!("`bench-probe` has no option `{word}`"),
            }
        }
        Ok(options)
    }
}

/// Installs flask-unsign, and returns where it is.
fn install_peer(folder: &Path) -> Result<PathBuf> {
    let bin = folder.join("venv/bin");
    let stamp = folder.join("venv/peer.stamp");
    if !fs::read_to_string(&stamp).is_ok_and(|found| found == PEER) {
        run_step(command("python3").args(["-m", "venv", "--clear", &format!("{FOLDER}/venv")]))?;
        run_step(command(bin.join("python")).args([
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            PEER,
        ]))?;
        fs::write(&stamp, PEER).context("cannot write the stamp")?;
    }
    Ok(bin.join("flask-unsign"))
}

/// A session cookie, by Flask itself.
fn signed(key: &str) -> Result<String> {
    let output = command(root().join("target/venv/bin/python")).args(["-c", SIGN, key]).output()?;
    let text = String::from_utf8(output.stdout).context("Flask printed no text")?;
    ensure!(output.status.success(), "Flask signs no session: {}", String::from_utf8_lossy(&output.stderr));
    Ok(text.trim().to_owned())
}
