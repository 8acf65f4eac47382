//! What is known of a host.

use flaskseal_core::{Kind, SourceFile, Status, Tree, TreePath};

use crate::{Accounts, HOST_PREFIX, Lineage, Running, Socket, User};

/// A host, as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Paths on the host and texts of the files that speak of the application, sorted by path.
    pub texts: Vec<(String, String)>,
    pub accounts: Accounts,
    /// TCP sockets that listen. None: the kernel's tables could not be read, as in an image.
    pub sockets: Option<Vec<Socket>>,
    pub processes: Vec<Running>,
    /// It has an address of IPv6 that strangers reach. None: not known.
    pub has_global_ipv6: Option<bool>,
    /// It is a container itself, whose firewall is another machine's.
    pub is_container: bool,
    /// Files and folders that should be private or unchangeable.
    pub kept: Vec<Kept>,
    pub renewal: Renewal,
    pub maintenance: Maintenance,
    /// Versions of Python in the environments that the services run, with the path that says so.
    pub pythons: Vec<(String, (u8, u8))>,
    /// What would have mattered and could not be seen, sorted.
    pub unseen: Vec<Unseen>,
}

impl Host {
    /// The texts as a tree that the readers of deployment files understand. Nothing of it is for development.
    pub fn tree(&self) -> Tree {
        let mut tree =
            Tree::from_texts(self.texts.iter().map(|(path, text)| {
                (format!("{HOST_PREFIX}{}", path.trim_start_matches('/')), text.clone())
            }));
        let listed = self.kept.iter().filter(|kept| kept.status.kind == Kind::File);
        tree.paths.extend(listed.map(|kept| TreePath {
            path: format!("{HOST_PREFIX}{}", kept.path.trim_start_matches('/')).into(),
            size: kept.status.size,
            untracked: true,
        }));
        tree.paths.sort_unstable();
        tree.paths.dedup_by(|a, b| a.path == b.path);
        tree
    }

    /// The same texts, in the same order, under their paths on the host: what a report shows.
    pub fn shown(&self) -> Vec<SourceFile> {
        self.texts.iter().map(|(path, text)| SourceFile::new(path.as_str(), text.as_str())).collect()
    }

    /// The process that holds a socket.
    pub fn holder(&self, socket: &Socket) -> Option<&Running> {
        self.processes.iter().find(|process| process.sockets.contains(&socket.inode))
    }

    /// Processes that serve a Python application.
    pub fn app_servers(&self) -> impl Iterator<Item = &Running> {
        self.processes.iter().filter(|process| process.is_app_server)
    }
}

/// A file or folder of which owner and mode matter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub path: String,
    pub purpose: Purpose,
    /// The service that it belongs to, where it belongs to one.
    pub service: Option<String>,
    pub status: Status,
    /// The folders that lead to it, from the root.
    pub way: Vec<Status>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// A private key of TLS.
    Key,
    /// A file of variables.
    Environment,
    Database,
    /// Hashes of passwords: `.htpasswd`.
    Passwords,
    /// A folder or file of the code that a service runs.
    Code,
    /// What says how a service runs: its unit, the server's configuration.
    Settings,
}

impl Kept {
    /// Whether every account of the host gets there with these bits of the mode (4 read, 2 write).
    pub fn is_open_to_others(&self, bits: u32) -> bool {
        self.status.mode & bits == bits && self.way.iter().all(|folder| folder.mode & 0o001 != 0)
    }

    /// Whether a user, in these groups, may write to it.
    pub fn is_writable_by(&self, user: &User, groups: &[u32]) -> bool {
        let Status { mode, owner, group, .. } = self.status;
        if owner == user.id {
            mode & 0o200 != 0
        } else if groups.contains(&group) {
            mode & 0o020 != 0
        } else {
            mode & 0o002 != 0
        }
    }
}

/// What renews certificates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Renewal {
    /// Timers that are switched on and lines of cron, with the path that says so.
    pub schedules: Vec<(String, String)>,
    /// The certificates that certbot keeps.
    pub lineages: Vec<Lineage>,
    /// Scripts that certbot runs after it renewed something.
    pub hooks: Vec<String>,
    /// Whether the folder of certbot could be looked into.
    pub is_hidden: bool,
}

/// How the host is kept up to date.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Maintenance {
    /// Whether updates of the distribution are installed without being asked for, and the path that says so.
    pub installs_updates: Option<(bool, String)>,
    /// Since when, in seconds since 1970, a restart waits.
    pub restart_waits_since: Option<i64>,
    /// Something keeps the clock right. None: not known.
    pub keeps_time: Option<bool>,
}

/// Something that would have mattered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unseen {
    /// A path, or what it stands for.
    pub what: String,
    /// A clause: "may not be read: permission denied".
    pub why: String,
}
