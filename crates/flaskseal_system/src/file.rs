//! Single files that somebody named: read within bounds, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::{InputError, decode};

/// The largest file that is read because somebody named it, in mebibytes.
const NAMED_LIMIT: u64 = 16;

/// Reads a text file that the user named. Only regular files up to 16 MiB are opened; UTF-8, with or without a mark.
pub fn read_to_string(path: &Path) -> Result<String, InputError> {
    let metadata = fs::metadata(path).map_err(|source| InputError::reading(path, source))?;
    if metadata.is_dir() {
        return Err(InputError::NotAFile(path.to_path_buf()));
    }
    if !metadata.is_file() {
        return Err(InputError::Special(path.to_path_buf()));
    }
    let too_large = || InputError::TooLarge { path: path.to_path_buf(), limit: NAMED_LIMIT };
    if metadata.len() > NAMED_LIMIT << 20 {
        return Err(too_large());
    }
    let bytes = read_bounded(path, metadata.len(), NAMED_LIMIT << 20)
        .map_err(|source| InputError::reading(path, source))?
        .ok_or_else(too_large)?;
    let not_text = |reason| InputError::NotText { path: path.to_path_buf(), reason };
    let decoded = decode::other(bytes).map_err(not_text)?;
    match decoded.note {
        Some(note) => Err(not_text(note.replace(" and was read as Latin-1", ""))),
        None => Ok(decoded.text),
    }
}

/// Reads a regular file that the user named, as it is: of at most `limit` mebibytes.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    let size = size_of(path)?;
    let bytes = read_bounded(path, size, limit << 20).map_err(|source| InputError::reading(path, source))?;
    bytes.ok_or_else(|| InputError::TooLarge { path: path.to_path_buf(), limit })
}

/// Opens a regular file that the user named, to be read piece by piece.
pub fn open_file(path: &Path) -> Result<File, InputError> {
    size_of(path)?;
    File::open(path).map_err(|source| InputError::reading(path, source))
}

/// The size of a regular file; anything else is an error.
fn size_of(path: &Path) -> Result<u64, InputError> {
    let metadata = fs::metadata(path).map_err(|source| InputError::reading(path, source))?;
    if metadata.is_dir() {
        return Err(InputError::NotAFile(path.to_path_buf()));
    }
    if !metadata.is_file() {
        return Err(InputError::Special(path.to_path_buf()));
    }
    Ok(metadata.len())
}

/// The regular files of a folder whose names end in `ending`, in order; those of folders below it are not listed.
pub fn files_of(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, InputError> {
    let entries = fs::read_dir(folder).map_err(|source| InputError::reading(folder, source))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(ending) && path.is_file())
        .collect();
    found.sort();
    Ok(found)
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), InputError> {
    fs::create_dir_all(path).map_err(|source| InputError::Write { path: path.to_path_buf(), source })
}

/// Writes a file so that a crash leaves the old one or the new one: a temporary file in the same folder, flushed to
/// the disk, then renamed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), InputError> {
    // A link stays a link: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let path = target.as_path();
    let attempt = || -> io::Result<()> {
        // A device or a pipe, `/dev/null` say, is written to and never replaced.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".flaskseal-");
        // A temporary file is private; what replaces a file keeps its mode, and a new one gets the usual mode.
        #[cfg(unix)]
        let mode = {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
            fs::Permissions::from_mode(mode)
        };
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        #[cfg(unix)]
        file.as_file().set_permissions(mode)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The rename itself lasts only when the folder is flushed; where folders cannot be opened, nothing is lost.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    };
    attempt().map_err(|source| InputError::Write { path: path.to_path_buf(), source })
}

/// Removes a file; one that is not there is no error.
pub fn remove_file(path: &Path) -> Result<(), InputError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(InputError::Write { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// The path without links and dots.
pub fn canonical(path: &Path) -> Result<PathBuf, InputError> {
    fs::canonicalize(path).map_err(|source| InputError::reading(path, source))
}

/// Whether a regular file stands here, links followed.
pub fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether a folder stands here, links followed.
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Reads a regular file of at most `limit` bytes; `None` if it turns out to be larger. `size` is what it is expected
/// to have: a file that grows meanwhile is still read within the limit.
pub(crate) fn read_bounded(path: &Path, size: u64, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(size.min(limit) as usize);
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.json");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn errors_name_the_path_and_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| read_to_string(path).unwrap_err().to_string();
        assert!(message(&folder.path().join("none")).ends_with("none does not exist"));
        assert!(message(folder.path()).ends_with("is a folder: name a file"));
        let broken = folder.path().join("broken.toml");
        fs::write(&broken, b"a = '\xFF'").unwrap();
        assert!(message(&broken).ends_with("broken.toml is not UTF-8: byte 0xFF in line 1 (offset 5)"));
        let huge = folder.path().join("huge");
        File::create(&huge).unwrap().set_len(200 << 20).unwrap();
        assert!(message(&huge).ends_with("is larger than 16 MiB"));
        let missing = folder.path().join("no/such/folder.json");
        assert!(write_atomically(&missing, b"").unwrap_err().to_string().contains("cannot write"));
    }
}
