//! What version control holds: the paths of a repository's index. A file that is both tracked and ignored is part of
//! what is shipped, so that a line in `.gitignore` cannot hide code from the gate.
//!
//! Reads versions 2 to 4 of the format (git, `Documentation/gitformat-index.txt`); of anything else it knows nothing,
//! and then what is ignored counts as untracked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::file::read_bounded;

/// The largest index that is read, in bytes: some millions of files.
const LIMIT: u64 = 256 << 20;

/// The index of the repository around a folder, read when first asked.
pub(crate) struct Tracked {
    /// The top of the repository, if the folder is in one.
    top: Option<PathBuf>,
    /// From the top to the folder, with `/` at its end; empty at the top.
    prefix: String,
    paths: OnceLock<Vec<String>>,
}

impl Tracked {
    /// `root` must be canonical.
    pub(crate) fn around(root: &Path) -> Self {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_path_buf);
        let below = top.as_deref().and_then(|top| root.strip_prefix(top).ok());
        let parts: Vec<_> = below.into_iter().flatten().map(|part| part.to_string_lossy()).collect();
        let prefix = parts.iter().flat_map(|part| [part.as_ref(), "/"]).collect();
        Self { top, prefix, paths: OnceLock::new() }
    }

    /// Whether the file, or any file in the folder, is tracked. The path is relative to the root.
    pub(crate) fn holds(&self, relative: &str, is_folder: bool) -> bool {
        let paths = self.paths.get_or_init(|| self.top.as_deref().and_then(read).unwrap_or_default());
        let wanted = format!("{}{relative}{}", self.prefix, if is_folder { "/" } else { "" });
        let index = paths.partition_point(|path| *path < wanted);
        paths
            .get(index)
            .is_some_and(|path| if is_folder { path.starts_with(&wanted) } else { *path == wanted })
    }
}

fn read(top: &Path) -> Option<Vec<String>> {
    let folder = git_folder(top)?;
    let load = |name: &str, limit| {
        let path = folder.join(name);
        let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        read_bounded(&path, metadata.len(), limit).ok()?
    };
    let is_sha256 = load("config", 1 << 20)
        .is_some_and(|config| memchr::memmem::find(&config.to_ascii_lowercase(), b"sha256").is_some());
    let mut paths = parse(&load("index", LIMIT)?, if is_sha256 { 32 } else { 20 })?;
    paths.sort_unstable();
    Some(paths)
}

/// `.git`, or the folder that a file of this name points to, as in a worktree.
fn git_folder(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let bytes = read_bounded(&git, 0, 4096).ok()??;
    let target = String::from_utf8(bytes).ok()?;
    Some(top.join(target.strip_prefix("gitdir:")?.trim()))
}

/// The paths of an index whose object names have `name_size` bytes; `None` if it is malformed.
fn parse(bytes: &[u8], name_size: usize) -> Option<Vec<String>> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let version = word(4)?;
    if !bytes.starts_with(b"DIRC") || !(2..=4).contains(&version) {
        return None;
    }
    let mut paths = Vec::new();
    let mut previous: Vec<u8> = Vec::new();
    let mut at = 12;
    for _ in 0..word(8)? {
        let start = at;
        at += 40 + name_size;
        let flags = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        at += if flags & 0x4000 != 0 { 4 } else { 2 };
        if version == 4 {
            // As many bytes as this are taken from the end of the path before, and the rest is appended.
            let (dropped, length) = offset_varint(bytes.get(at..)?)?;
            at += length;
            previous.truncate(previous.len().checked_sub(dropped)?);
        } else {
            previous.clear();
        }
        let rest = bytes.get(at..)?;
        let end = memchr::memchr(0, rest)?;
        previous.extend_from_slice(rest.get(..end)?);
        paths.push(String::from_utf8_lossy(&previous).into_owned());
        at += end + 1;
        if version != 4 {
            // Entries are padded with NUL to a multiple of eight bytes.
            at = start + (at - start).next_multiple_of(8);
        }
    }
    Some(paths)
}

/// A number and its length, in the encoding of pack files' offsets.
fn offset_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value: usize = 0;
    for (index, &byte) in bytes.iter().take(8).enumerate() {
        value = (value << 7) | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
        value += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(version: u32, entries: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = b"DIRC".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend((entries.len() as u32).to_be_bytes());
        for (before, path) in entries {
            let start = bytes.len();
            bytes.extend([7; 60]);
            bytes.extend([0, path.len() as u8]);
            bytes.extend(*before);
            bytes.extend(*path);
            bytes.push(0);
            while version != 4 && !(bytes.len() - start).is_multiple_of(8) {
                bytes.push(0);
            }
        }
        bytes
    }

    #[test]
    fn every_version_is_read() {
        let plain = index(2, &[(b"", b"a.py"), (b"", b"shop/app.py"), (b"", b"z")]);
        assert_eq!(parse(&plain, 20).unwrap(), ["a.py", "shop/app.py", "z"]);
        let compressed = index(4, &[(b"\0", b"shop/app.py"), (b"\x06", b"models.py"), (b"\x0E", b"z")]);
        assert_eq!(parse(&compressed, 20).unwrap(), ["shop/app.py", "shop/models.py", "z"]);
    }

    #[test]
    fn a_malformed_index_is_no_index() {
        let good = index(2, &[(b"", b"a.py"), (b"", b"shop/app.py")]);
        for length in 0..good.len() - 8 {
            assert_eq!(parse(&good[..length], 20), None, "{length}");
        }
        assert_eq!(parse(&index(4, &[(b"\x05", b"a")]), 20), None);
        assert_eq!(parse(b"DIRC\0\0\0\x02\xFF\xFF\xFF\xFF", 20), None);
    }
}
