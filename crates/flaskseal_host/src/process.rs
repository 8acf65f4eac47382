//! Processes that run, from `/proc` (proc_pid_status(5)). Of a command line only the program is kept: the rest may hold
//! secrets.

use std::collections::BTreeSet;

use flaskseal_core::{Blind, Machine};

/// A process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Running {
    pub id: u32,
    /// What serves, where it is a server that is known: `gunicorn`, `flask run`; else the kernel's name for it.
    pub program: String,
    /// Serves a Python application, as far as its command line tells.
    pub is_app_server: bool,
    /// The server that is made for development: `flask run`.
    pub is_development: bool,
    /// The number of the effective user.
    pub user: u32,
    /// It runs in a container.
    pub in_container: bool,
    /// Numbers of the sockets that it holds; empty where that may not be seen.
    pub sockets: BTreeSet<u64>,
    /// Whether its open files could be seen.
    pub files_seen: bool,
}

/// More than a server runs.
const MAX_PROCESSES: usize = 10_000;
/// Open files of one process.
const MAX_FILES: usize = 4_000;
const MAX_TEXT: usize = 64 << 10;

/// The processes of a machine, by their numbers; none where it does not run.
pub fn processes(machine: &dyn Machine) -> Vec<Running> {
    let names = machine.list("/proc").unwrap_or_default();
    let mut ids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort_unstable();
    ids.into_iter().take(MAX_PROCESSES).filter_map(|id| process(machine, id)).collect()
}

fn process(machine: &dyn Machine, id: u32) -> Option<Running> {
    let text = |name: &str| {
        let bytes = machine.read(&format!("/proc/{id}/{name}"), MAX_TEXT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let status = text("status")?;
    let field =
        |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
    // Real, effective, saved and file system user.
    let user = field("Uid")?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let line = text("cmdline").unwrap_or_default();
    let server = server(&line);
    let in_container = text("cgroup").is_some_and(|text| {
        ["docker", "containerd", "kubepods", "libpod", "/lxc"].iter().any(|word| {
            text.lines().any(|line| {
                line.rsplit(':').next().unwrap_or("").contains(word) && !line.ends_with(".service")
            })
        })
    });
    let folder = format!("/proc/{id}/fd");
    let listed = machine.list(&folder);
    let files_seen = !matches!(listed, Err(Blind::Denied));
    let sockets = listed.unwrap_or_default().into_iter().take(MAX_FILES).filter_map(|name| {
        let link = machine.link(&format!("{folder}/{name}")).ok()?;
        link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    });
    Some(Running {
        id,
        program: server.map_or_else(|| field("Name").unwrap_or("").to_owned(), |(name, _)| name.to_owned()),
        is_app_server: server.is_some(),
        is_development: server.is_some_and(|(_, is_development)| is_development),
        user,
        in_container,
        sockets: sockets.collect(),
        files_seen,
    })
}

/// The server that a command line starts, and whether it is the one for development.
fn server(line: &str) -> Option<(&'static str, bool)> {
    const SERVERS: [&str; 7] =
        ["gunicorn", "uwsgi", "waitress-serve", "hypercorn", "uvicorn", "daphne", "granian"];
    let base = |word: &'_ str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let first = words.next()?;
    // gunicorn calls itself `gunicorn: worker [shop]`.
    if let Some((name, _)) = first.split_once(':')
        && let Some(name) = SERVERS.iter().find(|known| **known == base(name))
    {
        return Some((name, false));
    }
    let mut program = base(first);
    let mut rest = words.peekable();
    if program.starts_with("python") {
        let mut is_module = false;
        program = loop {
            match rest.next()? {
                "-m" => is_module = true,
                // These two take a word.
                "-W" | "-X" => {
                    rest.next();
                }
                "-c" => return None,
                option if option.starts_with('-') => {}
                word if is_module => break word.split('.').next().unwrap_or(word).to_owned(),
                word => break base(word),
            }
        };
    }
    if program == "flask" && rest.take(12).any(|word| word == "run") {
        return Some(("flask run", true));
    }
    SERVERS
        .iter()
        .find(|known| **known == program || **known == "waitress-serve" && program == "waitress")
        .map(|name| (*name, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_command_lines() {
        let of = |words: &[&str]| server(&words.join("\0"));
        assert_eq!(
            of(&["/srv/venv/bin/python3", "/srv/venv/bin/gunicorn", "shop:app"]),
            Some(("gunicorn", false))
        );
        assert_eq!(of(&["gunicorn: master [shop:app]"]), Some(("gunicorn", false)));
        assert_eq!(
            of(&["python", "-X", "dev", "-m", "flask", "--app", "shop", "run"]),
            Some(("flask run", true))
        );
        assert_eq!(of(&["/usr/bin/uwsgi", "--ini", "x.ini"]), Some(("uwsgi", false)));
        for other in
            [&["python3", "-c", "gunicorn"][..], &["vim", "gunicorn"], &["flask", "shell"], &["python3"], &[]]
        {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
