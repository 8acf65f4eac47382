//! The files of a machine below a root: this one's, or those of an image that is mounted or unpacked somewhere. Links are
//! followed by hand, each resolved inside the root as on that machine, so that no link leads out of it.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use flaskseal_core::{Blind, Kind, Machine, Status};

use crate::InputError;
use crate::file::canonical;

/// A machine's root folder.
#[derive(Clone, Debug)]
pub struct HostRoot {
    root: PathBuf,
}

/// As many links as Linux follows on one path.
const MAX_LINKS: usize = 40;
/// Parts of a path, links included.
const MAX_PARTS: usize = 1_000;
/// Names in one folder.
const MAX_NAMES: usize = 50_000;

impl HostRoot {
    pub fn open(root: &Path) -> Result<Self, InputError> {
        let canonical = canonical(root)?;
        if !canonical.is_dir() {
            return Err(InputError::NotAHost(root.to_path_buf()));
        }
        fs::read_dir(&canonical).map_err(|source| InputError::reading(root, source))?;
        Ok(Self { root: canonical })
    }

    /// Where a path of the machine stands here: without links, except the last part where that is not to be followed.
    fn place(&self, path: &str, follow_last: bool) -> Result<PathBuf, Blind> {
        let mut pending: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut here = self.root.clone();
        let mut depth = 0_usize;
        let (mut links, mut parts) = (0, 0);
        while let Some(part) = pending.pop_front() {
            parts += 1;
            if parts > MAX_PARTS {
                return Err(Blind::Broken);
            }
            match part.as_str() {
                "" | "." => continue,
                // Above the root there is the root.
                ".." => {
                    if depth > 0 {
                        here.pop();
                        depth -= 1;
                    }
                    continue;
                }
                _ => {}
            }
            here.push(&part);
            depth += 1;
            let is_last = pending.iter().all(|part| matches!(part.as_str(), "" | "."));
            if is_last && !follow_last {
                continue;
            }
            let metadata = fs::symlink_metadata(&here).map_err(|error| blind(&error))?;
            if !metadata.file_type().is_symlink() {
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Blind::Broken);
            }
            let target = fs::read_link(&here).map_err(|error| blind(&error))?;
            let target = target.to_str().ok_or(Blind::Broken)?.to_owned();
            here.pop();
            depth -= 1;
            if target.starts_with('/') {
                here.clone_from(&self.root);
                depth = 0;
            }
            for part in target.split('/').rev() {
                pending.push_front(part.to_owned());
            }
        }
        Ok(here)
    }
}

impl Machine for HostRoot {
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Blind> {
        let place = self.place(path, true)?;
        // A pipe or a device is told before it is opened, because opening one may block or do something.
        let metadata = fs::symlink_metadata(&place).map_err(|error| blind(&error))?;
        if !metadata.is_file() {
            return Err(Blind::Special);
        }
        let file = File::open(&place).map_err(|error| blind(&error))?;
        if !file.metadata().map_err(|error| blind(&error))?.is_file() {
            return Err(Blind::Special);
        }
        let mut bytes = Vec::with_capacity((metadata.len() as usize).min(limit));
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| blind(&error))?;
        if bytes.len() > limit { Err(Blind::TooLarge) } else { Ok(bytes) }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Blind> {
        let entries = fs::read_dir(self.place(folder, true)?).map_err(|error| blind(&error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.take(MAX_NAMES).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn status(&self, path: &str) -> Result<Status, Blind> {
        let place = self.place(path, true)?;
        let metadata = fs::symlink_metadata(place).map_err(|error| blind(&error))?;
        Ok(status(&metadata))
    }

    fn link(&self, path: &str) -> Result<String, Blind> {
        let target = fs::read_link(self.place(path, false)?).map_err(|error| blind(&error))?;
        target.into_os_string().into_string().map_err(|_| Blind::Broken)
    }
}

#[cfg(unix)]
fn status(metadata: &Metadata) -> Status {
    use std::os::unix::fs::MetadataExt as _;
    Status {
        kind: kind(metadata),
        mode: metadata.mode() & 0o7777,
        owner: metadata.uid(),
        group: metadata.gid(),
        size: metadata.len(),
        modified: metadata.mtime(),
    }
}

/// Where files have no such modes, they look private: nothing is said of them.
#[cfg(not(unix))]
fn status(metadata: &Metadata) -> Status {
    Status { kind: kind(metadata), mode: 0o700, owner: 0, group: 0, size: metadata.len(), modified: 0 }
}

fn kind(metadata: &Metadata) -> Kind {
    if metadata.is_file() {
        Kind::File
    } else if metadata.is_dir() {
        Kind::Folder
    } else {
        Kind::Other
    }
}

fn blind(error: &io::Error) -> Blind {
    match error.kind() {
        io::ErrorKind::NotFound => Blind::Missing,
        io::ErrorKind::PermissionDenied => Blind::Denied,
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Blind::Special,
        _ => Blind::Broken,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn machine() -> (tempfile::TempDir, HostRoot) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("image");
        fs::create_dir_all(root.join("etc/nginx")).unwrap();
        fs::write(root.join("etc/nginx/a"), "inside").unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        let host = HostRoot::open(&root).unwrap();
        (folder, host)
    }

    #[test]
    fn links_stay_inside_the_root() {
        let (folder, host) = machine();
        let link =
            |target: &str, name: &str| symlink(target, folder.path().join("image").join(name)).unwrap();
        link("/etc/nginx/a", "absolute");
        link("etc/../etc/nginx/a", "relative");
        link("../../../../etc/nginx/a", "above");
        link("../secret", "out");
        link(folder.path().join("secret").to_str().unwrap(), "far");
        link("circle", "circle");
        link("/etc/nginx", "folder");
        for inside in
            ["/absolute", "/relative", "/above", "/folder/a", "/../../etc/nginx/a", "/etc//./nginx/a"]
        {
            assert_eq!(host.read(inside, 100).unwrap(), b"inside", "{inside}");
        }
        for outside in ["/out", "/far", "/../secret"] {
            assert_eq!(host.read(outside, 100), Err(Blind::Missing), "{outside}");
        }
        assert_eq!(host.read("/circle", 100), Err(Blind::Broken));
        assert_eq!(host.link("/absolute").unwrap(), "/etc/nginx/a");
        assert_eq!(host.list("/folder").unwrap(), ["a"]);
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let (folder, host) = machine();
        assert_eq!(host.read("/etc/nginx/a", 6).unwrap().len(), 6);
        assert_eq!(host.read("/etc/nginx/a", 5), Err(Blind::TooLarge));
        assert_eq!(host.read("/etc/nginx", 5), Err(Blind::Special));
        assert_eq!(host.read("/etc/nginx/a/b", 5), Err(Blind::Special));
        let socket = folder.path().join("image/socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(host.read("/socket", 5), Err(Blind::Special));
        assert_eq!(host.status("/socket").unwrap().kind, Kind::Other);
    }

    #[test]
    fn modes_are_those_of_the_file() {
        let (folder, host) = machine();
        let path = folder.path().join("image/etc/nginx/a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let status = host.status("/etc/nginx/a").unwrap();
        assert_eq!((status.kind, status.mode, status.size), (Kind::File, 0o640, 6));
    }
}
