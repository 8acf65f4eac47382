//! Boots an application in a process of its own, with nothing of our own environment, within a time limit.
#![allow(
    clippy::disallowed_methods,
    reason = "a test tool: it writes fixture trees and reads its own output"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::OracleDump;

/// Why an application did not boot.
#[derive(Debug, Error)]
pub enum BootError {
    #[error("no Python at {0}: `cargo xtask test` installs it")]
    NoPython(PathBuf),
    #[error("cannot run {what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("`{entry}` was not up after {seconds} s")]
    Timeout { entry: String, seconds: u64 },
    /// The application, or its server, gave up; `output` is what it printed.
    #[error("`{entry}` does not boot:\n{output}")]
    Failed { entry: String, output: String },
    #[error("the dump of `{entry}` is not understood: {source}")]
    Dump { entry: String, source: serde_json::Error },
}

/// A Python with Flask (and whatever else the application needs), and the script that dumps an application.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub python: PathBuf,
    pub script: PathBuf,
    /// For one boot.
    pub limit: Duration,
}

impl Oracle {
    /// The tests' own Python: `target/venv` of this workspace.
    pub fn of_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self::new(root.join("target/venv/bin/python"))
    }

    /// Any Python that has Flask and the application's requirements.
    pub fn new(python: impl Into<PathBuf>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracle/dump_app.py");
        Self { python: python.into(), script, limit: Duration::from_mins(1) }
    }

    /// Boots a copy of `project` twice, each time afresh at the same path, so that what is random can be told from
    /// what is configured, and what an application writes when it starts (a log, a generated key) is never kept.
    ///
    /// `entry` is a command line such as `gunicorn "wsgi:app"` or `python app.py`, or a bare `module:callable`.
    /// The process sees `env`, `PATH`, a `HOME` that does not exist and a UTF-8 locale, and nothing else.
    pub fn boot(
        &self,
        project: &Path,
        entry: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<OracleDump, BootError> {
        self.boot_twice(entry, env, |folder| copy_tree(project, folder))
    }

    /// Boots a small project given as paths and texts, like `boot`.
    pub fn boot_files<'f>(
        &self,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
        entry: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<OracleDump, BootError> {
        let files: Vec<_> = files.into_iter().collect();
        self.boot_twice(entry, env, |folder| write_tree(folder, files.iter().copied()))
    }

    fn boot_twice(
        &self,
        entry: &str,
        env: &BTreeMap<String, String>,
        fill: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<OracleDump, BootError> {
        let io = |source| io_error("a copy of the project", source);
        let home = tempfile::tempdir().map_err(io)?;
        let folder = home.path().join("project");
        let afresh = |hash_seed| {
            fs::create_dir(&folder).and_then(|()| fill(&folder)).map_err(io)?;
            let dump = self.boot_once(&folder, entry, env, hash_seed);
            fs::remove_dir_all(&folder).map_err(io)?;
            dump
        };
        let first = afresh("1")?;
        Ok(first.settle(&afresh("2")?))
    }

    fn boot_once(
        &self,
        folder: &Path,
        entry: &str,
        env: &BTreeMap<String, String>,
        hash_seed: &str,
    ) -> Result<OracleDump, BootError> {
        // `python` of a virtual environment is a link; following it would leave the environment.
        let python = std::path::absolute(&self.python).map_err(|source| io_error("python", source))?;
        if !python.exists() {
            return Err(BootError::NoPython(python));
        }
        let script = self.script.canonicalize().map_err(|source| io_error("oracle/dump_app.py", source))?;
        let own = tempfile::tempdir().map_err(|source| io_error("a temporary folder", source))?;
        let dump = own.path().join("dump.json");
        let log = own.path().join("log");
        let output = File::create(&log).map_err(|source| io_error("the log", source))?;
        let errors = output.try_clone().map_err(|source| io_error("the log", source))?;

        let mut command = Command::new(&python);
        command.arg("-B").arg(script).arg(entry).arg(&dump).current_dir(folder);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        command.env_clear();
        let bin = python.parent().unwrap_or(Path::new("")).as_os_str();
        command.env(
            "PATH",
            [bin, OsStr::new(":/usr/local/bin:/usr/bin:/bin")]
                .iter()
                .copied()
                .collect::<std::ffi::OsString>(),
        );
        command.env("HOME", "/nonexistent").env("LANG", "C.UTF-8").env("PYTHONHASHSEED", hash_seed);
        command.envs(env);

        let mut process = command.spawn().map_err(|source| io_error("python", source))?;
        let started = Instant::now();
        loop {
            match process.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) if started.elapsed() < self.limit => std::thread::sleep(Duration::from_millis(5)),
                waited => {
                    // Our own child, by the handle that we hold; it has not been waited for, so its id is its own.
                    _ = process.kill();
                    _ = process.wait();
                    return Err(match waited {
                        Err(source) => io_error("python", source),
                        Ok(_) => {
                            BootError::Timeout { entry: entry.to_owned(), seconds: self.limit.as_secs() }
                        }
                    });
                }
            }
        }
        let Ok(text) = fs::read(&dump) else {
            let output = fs::read(&log).unwrap_or_default();
            return Err(BootError::Failed {
                entry: entry.to_owned(),
                output: String::from_utf8_lossy(&output).into_owned(),
            });
        };
        serde_json::from_slice(&text).map_err(|source| BootError::Dump { entry: entry.to_owned(), source })
    }
}

/// Writes files below a folder. Paths are relative, with `/`.
fn write_tree<'f>(folder: &Path, files: impl IntoIterator<Item = (&'f str, &'f str)>) -> io::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Folders that are no part of an application and often large.
const LEFT_OUT: [&str; 6] = [".git", "node_modules", ".venv", "venv", "target", "__pycache__"];

/// Copies files and folders; links and other special files are left out.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_file() {
            fs::copy(entry.path(), target)?;
        } else if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == OsStr::new(name)) {
            fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn io_error(what: &str, source: io::Error) -> BootError {
    BootError::Io { what: what.to_owned(), source }
}
