//! From the words of the command line to an exit status. Reports go to standard output, everything else to standard
//! error, and whatever happens ends in one of three statuses.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use flaskseal_core::RuleMeta;
use flaskseal_judge::{Baseline, Policy};
use flaskseal_live::Watch;
use flaskseal_probe::Options;
use flaskseal_report::{Format, RenderOptions};
use flaskseal_system::{InputError, write_atomically};
use url::Url;

use crate::arguments::{
    Arguments, BaselineCommand, CheckArguments, Command, ConfigCommand, DbCommand, ListFormat,
    OutputArguments, PackageFormat, ProbeArguments, ProjectArguments, SiteArguments,
};
use crate::check::{self, Outcome, Request};
use crate::configuration::{Configuration, Origin, Setting};
use crate::outputs::{self, Output, Word};
use crate::progress::Progress;
use crate::selection::{Selection, Selector, find_rule};
use crate::{baseline, database, explain, packages, rules, site};

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The gate passes, or what was asked for is done.
    Passed,
    Failed,
    /// Wrong usage, unusable input, nothing to judge, or an internal error.
    Trouble,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The whole program. Never panics: a panic inside is reported as what it is, a bug of ours.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(report_bug));
    let words: Vec<OsString> = words.into_iter().collect();
    conclude(|| run(words)).into()
}

fn conclude(run: impl FnOnce() -> anyhow::Result<Exit>) -> Exit {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            say(&format!("error: {}", printable(&format!("{error:#}"))));
            Exit::Trouble
        }
        // The hook has said what there is to say.
        Err(_) => Exit::Trouble,
    }
}

/// The message of a panic can quote the scanned code, and so a secret: it is shown only to those who ask for it.
fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let mut message = format!(
        "internal error: flaskseal {} failed at {place}\nThis is a bug, and nothing was judged. Please report this line, \
         the command and, if you can, the file that causes it.",
        env!("CARGO_PKG_VERSION")
    );
    if flaskseal_system::variable("RUST_BACKTRACE").is_some() {
        let _ = write!(message, "\n{panic}\n{}", std::backtrace::Backtrace::force_capture());
    } else {
        message.push_str(" RUST_BACKTRACE=1 shows more; look through it for secrets.");
    }
    say(&message);
}

fn run(words: Vec<OsString>) -> anyhow::Result<Exit> {
    let matches = match Arguments::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return Ok(usage(&error)),
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(usage(&error)),
    };
    let matches = innermost(&matches);
    let rules: Vec<&'static RuleMeta> = flaskseal_rules::metas().collect();
    match arguments.command {
        Command::Check(arguments) => check(&arguments, matches, &rules),
        Command::Probe(arguments) => probe(&arguments, matches, &rules),
        Command::Explain { rule, color } => {
            let rule = find_rule(&rule, &rules).map_err(anyhow::Error::msg)?;
            print(&explain::page(rule, color.color.on_stdout(), width()))
        }
        Command::Rules { format: ListFormat::Terminal, color } => {
            print(&rules::table(&rules, color.color.on_stdout()))
        }
        Command::Rules { format: ListFormat::Json, .. } => print(&rules::list(&rules)),
        Command::Baseline(BaselineCommand::Write { project, accept }) => {
            write_baseline(&project, matches, &rules, accept.as_deref())
        }
        Command::Baseline(BaselineCommand::Prune { project }) => prune_baseline(&project, matches, &rules),
        Command::Deps { project, format } => list_packages(&project, matches, &rules, format),
        Command::Db(command) => run_db(command),
        Command::Config(ConfigCommand::Show { project }) => {
            print(&shown(&Configuration::resolve(&project, matches, &rules)?))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "flaskseal", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Help and version end well, everything else that clap has to say does not.
fn usage(error: &clap::Error) -> Exit {
    // A reader that has gone away needs no help.
    let _ = error.print();
    if error.exit_code() == 0 { Exit::Passed } else { Exit::Trouble }
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    let mut matches = matches;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    matches
}

fn check(
    arguments: &CheckArguments,
    matches: &ArgMatches,
    rules: &[&'static RuleMeta],
) -> anyhow::Result<Exit> {
    let outputs = outputs::pair(spoken(&arguments.output, matches)).map_err(anyhow::Error::msg)?;
    if arguments.output.exit_zero && arguments.project.policy.is_some() {
        bail!("--exit-zero may not be used with --policy: it would take the policy's word away");
    }
    let configuration = Configuration::resolve(&arguments.project, matches, rules)?;
    let baseline = baseline::configured(&configuration)?;
    let outcome = judge(
        &configuration,
        &arguments.project,
        baseline,
        arguments.url.as_ref().map(|url| (url, &arguments.site)),
    )?;
    write(&outcome, outputs, &arguments.output)
}

/// The live layer alone.
fn probe(
    arguments: &ProbeArguments,
    matches: &ArgMatches,
    rules: &[&'static RuleMeta],
) -> anyhow::Result<Exit> {
    let outputs = outputs::pair(spoken(&arguments.output, matches)).map_err(anyhow::Error::msg)?;
    let named = |words: &[String]| -> anyhow::Result<Vec<Selector>> {
        words.iter().map(|word| Selector::parse(word, rules).map_err(anyhow::Error::msg)).collect()
    };
    let selection = Selection { only: named(&arguments.gate.only)?, skip: named(&arguments.gate.skip)? };
    let mut policy = Policy { root: arguments.url.to_string(), ..Policy::default() };
    policy.fail_on = arguments.gate.fail_on.unwrap_or(policy.fail_on);
    let today = check::day(arguments.run.now)?;
    let progress = Progress::start(!arguments.run.no_progress);
    let options = site::options(&arguments.url, &arguments.site, today, None)?;
    let site = site::look(&options, &|text| progress.say(text))?;
    progress.phase("judging");
    let watch = |tried, of| progress.keys(tried, of);
    let outcome = check::judge_site(&site, &selection, &policy, today, Watch(&watch));
    drop(progress);
    write(&outcome, outputs, &arguments.output)
}

/// Writes the reports, and says how the run ends.
fn write(outcome: &Outcome, outputs: Vec<Output>, arguments: &OutputArguments) -> anyhow::Result<Exit> {
    let color = arguments.color.color;
    for output in outputs {
        let options = RenderOptions {
            // A file is no terminal: it gets colours only if they are insisted on.
            color: match output.file {
                None => color.on_stdout(),
                Some(_) => color == crate::arguments::Color::Always,
            },
            width: width(),
            verbose: arguments.verbose,
            quiet: arguments.quiet,
        };
        let text =
            flaskseal_report::render(output.format, &outcome.report, &outcome.tree, &outcome.rules, &options);
        match output.file {
            Some(path) => write_atomically(&path, text.as_bytes())?,
            None if output.format == Format::Terminal && arguments.quiet > 1 => {}
            None => {
                print(&text)?;
            }
        }
    }
    let passed = outcome.report.gate.passed || arguments.exit_zero;
    Ok(if passed { Exit::Passed } else { Exit::Failed })
}

/// `--format` and `--output` in the order in which they were written. From the environment they come without an
/// order, and pair off one by one.
fn spoken(arguments: &OutputArguments, matches: &ArgMatches) -> Vec<Word> {
    let on_command_line = |id| matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    let indices = |id, count: usize| -> Vec<usize> {
        match matches.indices_of(id) {
            Some(indices) if on_command_line(id) => indices.collect(),
            _ => (0..count).collect(),
        }
    };
    let formats = indices("format", arguments.format.len()).into_iter().zip(arguments.format.iter().copied());
    let outputs = indices("output", arguments.output.len()).into_iter().zip(arguments.output.iter().cloned());
    let mut words: Vec<(usize, u8, Word)> =
        formats.map(|(index, format)| (index, 0, Word::Format(format))).collect();
    words.extend(outputs.map(|(index, path)| (index, 1, Word::Output(path))));
    words.sort_by_key(|&(index, kind, _)| (index, kind));
    words.into_iter().map(|(_, _, word)| word).collect()
}

/// Stack for a worker, in bytes: analysis follows the nesting of the code that it reads. Only what is touched costs.
const STACK: usize = 256 << 20;

fn judge(
    configuration: &Configuration,
    arguments: &ProjectArguments,
    baseline: Option<Baseline>,
    site: Option<(&Url, &SiteArguments)>,
) -> anyhow::Result<Outcome> {
    let request = Request::new(configuration, arguments, baseline)?;
    let hours = request.build.session_lifetime_hours;
    let options =
        site.map(|(url, arguments)| site::options(url, arguments, request.today, hours)).transpose()?;
    let pool = workers(arguments)?;
    let progress = Progress::start(!arguments.run.no_progress);
    let look = options.map(|options| {
        let progress = &progress;
        move |routes| site::look(&Options { routes, ..options.clone() }, &|text| progress.say(text))
    });
    let watch = |tried, of| progress.keys(tried, of);
    let look = look.as_ref().map(|ask| check::Look { ask, watch: Watch(&watch) });
    pool.install(|| check::run(&request, look, &|phase| progress.phase(phase)))
}

fn workers(arguments: &ProjectArguments) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.jobs.map_or(0, usize::from))
        .stack_size(STACK)
        .build()
        .context("cannot start the threads of `--jobs`")
}

fn list_packages(
    arguments: &ProjectArguments,
    matches: &ArgMatches,
    rules: &[&'static RuleMeta],
    format: PackageFormat,
) -> anyhow::Result<Exit> {
    let configuration = Configuration::resolve(arguments, matches, rules)?;
    let request = Request::new(&configuration, arguments, None)?;
    let folder = flaskseal_system::canonical(&arguments.path)?;
    let name = folder
        .file_name()
        .map_or_else(|| "application".to_owned(), |name| name.to_string_lossy().into_owned());
    for note in &request.notes {
        say(&printable(note));
    }
    let text = workers(arguments)?.install(|| {
        packages::run(&request, &|project, rows| match format {
            PackageFormat::Terminal => packages::table(project, rows, request.today),
            PackageFormat::Json => packages::json(project, rows),
            PackageFormat::Cyclonedx => packages::cyclonedx(project, rows, &name, request.today),
        })
    })?;
    print(&text)
}

fn run_db(command: DbCommand) -> anyhow::Result<Exit> {
    match command {
        DbCommand::Update { database, url, no_progress } => {
            let progress = Progress::start(!no_progress);
            let said = database::update(database.db.as_deref(), url.as_deref(), &progress);
            drop(progress);
            print(&said?)
        }
        DbCommand::Import { from, database } => print(&database::import(database.db.as_deref(), &from)?),
        DbCommand::Status { database, now } => {
            print(&database::status(database.db.as_deref(), check::day(now)?)?)
        }
    }
}

fn write_baseline(
    arguments: &ProjectArguments,
    matches: &ArgMatches,
    rules: &[&'static RuleMeta],
    accept: Option<&str>,
) -> anyhow::Result<Exit> {
    if !arguments.gate.only.is_empty() || !arguments.gate.skip.is_empty() {
        bail!("a baseline records all that the configuration selects: leave out --only and --skip");
    }
    let configuration = Configuration::resolve(arguments, matches, rules)?;
    let path = baseline::file(&configuration, &arguments.path);
    // Reasons that somebody gave for findings that are still there are kept.
    let earlier = if path.exists() { Some(baseline::read(&path)?) } else { None };
    let outcome = judge(&configuration, arguments, earlier, None)?;
    let mut baseline = Baseline::from_report(&outcome.report, &outcome.tree);
    if let Some(reason) = accept {
        baseline.accept(reason);
    }
    write_atomically(&path, baseline.to_text().as_bytes())?;
    say(&format!("{}: {} recorded", path.display(), findings(baseline.entries().len())));
    if configuration.baseline.value.is_none() {
        say(&format!(
            "use it with `--baseline {0}`, or `baseline = \"…\"` in the configuration",
            path.display()
        ));
    }
    Ok(Exit::Passed)
}

fn prune_baseline(
    arguments: &ProjectArguments,
    matches: &ArgMatches,
    rules: &[&'static RuleMeta],
) -> anyhow::Result<Exit> {
    let configuration = Configuration::resolve(arguments, matches, rules)?;
    let path = baseline::file(&configuration, &arguments.path);
    let mut baseline = baseline::read(&path)?;
    let outcome = judge(&configuration, arguments, Some(baseline.clone()), None)?;
    let gone = baseline.prune(&outcome.report, &outcome.rules);
    if !gone.is_empty() {
        write_atomically(&path, baseline.to_text().as_bytes())?;
    }
    for entry in &gone {
        say(&printable(&format!("{}: {} is gone", entry.path, entry.rule)));
    }
    say(&format!("{}: {} removed, {} kept", path.display(), findings(gone.len()), baseline.entries().len()));
    Ok(Exit::Passed)
}

fn findings(count: usize) -> String {
    format!("{count} finding{}", if count == 1 { "" } else { "s" })
}

/// The effective configuration, as a configuration file with the origin of each value.
fn shown(configuration: &Configuration) -> String {
    fn list<T: ToString>(values: &[T]) -> String {
        let values: Vec<String> = values.iter().map(|value| format!("{:?}", value.to_string())).collect();
        format!("[{}]", values.join(", "))
    }
    fn paths(values: &[std::path::PathBuf]) -> String {
        list(&values.iter().map(|path| path.display()).collect::<Vec<_>>())
    }
    let mut out = format!("# configuration file: {}\n", configuration.file.as_deref().unwrap_or("none"));
    let mut row = |key: &str, value: String, origin: &Origin| {
        let line = format!("{key} = {value}");
        let _ = writeln!(out, "{line:<48}  # {origin}");
    };
    let texts = |setting: &Setting<Vec<String>>| list(&setting.value);
    let c = configuration;
    row("entry", texts(&c.entry), &c.entry.origin);
    row("env-file", paths(&c.env_file.value), &c.env_file.origin);
    row("env-complete", c.env_complete.value.to_string(), &c.env_complete.origin);
    row("only", list(&c.only.value), &c.only.origin);
    row("skip", list(&c.skip.value), &c.skip.origin);
    row("fail-on", format!("{:?}", c.fail_on.value.key()), &c.fail_on.origin);
    let required: Vec<&str> = c.require.value.iter().map(|item| item.key()).collect();
    row("require", list(&required), &c.require.origin);
    match &c.baseline.value {
        Some(path) => row("baseline", format!("{:?}", path.display().to_string()), &c.baseline.origin),
        None => row("# baseline", "none".to_owned(), &c.baseline.origin),
    }
    row("models", paths(&c.models.value), &c.models.origin);
    row("exclude", texts(&c.exclude), &c.exclude.origin);
    row("production-paths", texts(&c.production_paths), &c.production_paths.origin);
    row("aside-paths", texts(&c.aside_paths), &c.aside_paths.origin);
    match c.session_lifetime_hours.value {
        Some(hours) => row("session-lifetime-hours", hours.to_string(), &c.session_lifetime_hours.origin),
        None => {
            row("# session-lifetime-hours", "the rule's own".to_owned(), &c.session_lifetime_hours.origin);
        }
    }
    row("# comments may ignore", c.inline_ignores.value.to_string(), &c.inline_ignores.origin);
    let ignores: Vec<String> = c
        .ignore
        .value
        .iter()
        .map(|ignore| {
            let until = ignore.until.map_or_else(String::new, |until| format!(", until = {until}"));
            let key = if flaskseal_judge::is_advisory_id(&ignore.what) { "advisory" } else { "rule" };
            let (what, path, reason) = (&ignore.what, &ignore.path_glob, &ignore.reason);
            format!("{{ {key} = {what:?}, path = {path:?}, reason = {reason:?}{until} }}")
        })
        .collect();
    row("ignore", format!("[{}]", ignores.join(", ")), &c.ignore.origin);
    for note in &c.notes {
        let _ = writeln!(out, "# {note}");
    }
    out
}

/// Columns for prose: those of the terminal, within reason.
fn width() -> usize {
    flaskseal_system::terminal_width().unwrap_or(100).clamp(40, 110)
}

/// Writes to standard output. Who closes the pipe has seen enough: that is no error.
fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(InputError::Write { path: Path::new("standard output").to_path_buf(), source: error }.into())
        }
        _ => Ok(Exit::Passed),
    }
}

/// Writes a line to standard error; if even that fails, there is nobody left to tell.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Without the control characters with which the name of a file could take over a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let hostile = character.is_control() && character != '\n';
            let escaped = hostile.then(|| character.escape_default());
            let plain = (!hostile).then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_trouble_and_never_a_pass() {
        assert_eq!(conclude(|| panic!("a bug")), Exit::Trouble);
        assert_eq!(conclude(|| anyhow::bail!("bad input")), Exit::Trouble);
        assert_eq!(conclude(|| Ok(Exit::Passed)), Exit::Passed);
        assert_eq!([Exit::Passed, Exit::Failed, Exit::Trouble].map(|exit| exit as u8), [0, 1, 2]);
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n한"), "a\\u{1b}[2Jb\\r\n한");
    }
}
