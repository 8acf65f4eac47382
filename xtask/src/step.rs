//! Starting other programs, visibly.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The cargo that started this program, in the workspace's root.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// A program, in the workspace's root.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root());
    command
}

/// Prints the command line, runs it with this process's streams, and fails unless it ends well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("> {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// Whether a program can be started and ends well; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Installs a cargo subcommand unless it is there.
pub(crate) fn ensure_cargo_tool(name: &str) -> Result<()> {
    if succeeds(cargo().args([name, "--version"])) {
        return Ok(());
    }
    run(cargo().args(["install", "--locked", &format!("cargo-{name}")]))
}

/// The standard output of a program that has to end well.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    ensure!(output.status.success(), "`{line}` failed ({})", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` does not write UTF-8"))
}

/// The files of the repository below a folder that end in `.extension` (any, when it is empty), in order; what
/// version control ignores is left out.
pub(crate) fn files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut git = command("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder]);
    let listing = output(&mut git)?;
    let paths = listing.split('\0').filter(|path| !path.is_empty()).map(|path| root().join(path));
    let wanted =
        |path: &PathBuf| extension.is_empty() || path.extension().is_some_and(|found| found == extension);
    Ok(paths.filter(wanted).filter(|path| path.is_file()).collect())
}

fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.strip_prefix(root()).unwrap_or(&program);
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(name.display().to_string()).chain(words).collect::<Vec<_>>().join(" ")
}
