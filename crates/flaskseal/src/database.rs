//! The advisory database: where it is, how it is opened, and the commands that write it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use flaskseal_core::Date;
use flaskseal_project::deps::{Dump, Store, encode_store, read_documents, read_zip};
use flaskseal_system::{
    InputError, create_folder, files_of, is_file, is_folder, read_bytes, variable, write_atomically,
};

use crate::download::{self, Fetched};
use crate::progress::Progress;

/// The dump that the OSV project publishes for PyPI (google.github.io/osv.dev/data).
const DUMP: &str = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip";

/// Databases, dumps and single documents larger than this are no such thing, in mebibytes.
const MAX_DATABASE: u64 = 1024;
const MAX_DUMP: u64 = 1024;
const MAX_DOCUMENT: u64 = 16;

/// The file: the one that is named, or the one in the user's folder for data.
pub(crate) fn path(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_path_buf).or_else(|| {
        let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || {
            Some(PathBuf::from(variable("HOME").or_else(|| variable("USERPROFILE"))?).join(".local/share"))
        };
        Some(data.or_else(home)?.join("flaskseal").join("advisories.db"))
    })
}

/// Opens the database for a run. Without one the core table serves; a damaged one is an error where it was named, and
/// otherwise a note beside the core table.
pub(crate) fn open(named: Option<&Path>) -> anyhow::Result<(Option<Arc<Store>>, Option<String>)> {
    let Some(path) = path(named) else { return Ok((None, None)) };
    if named.is_none() && !is_file(&path) {
        return Ok((None, None));
    }
    match read(&path) {
        Ok(store) => Ok((Some(Arc::new(store)), None)),
        Err(error) if named.is_some() => Err(error),
        Err(error) => {
            let note = format!(
                "{error:#}; the built-in table of advisories is used instead: `flaskseal db update` writes it anew"
            );
            Ok((None, Some(note)))
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Store> {
    let bytes = read_bytes(path, MAX_DATABASE)?;
    Store::open(bytes).with_context(|| format!("{} cannot be used", path.display())).map_err(|error| {
        // "PATH is damaged" says more than "PATH cannot be used: is damaged".
        let cause = error.root_cause().to_string();
        anyhow::anyhow!("the advisory database {} {cause}", path.display())
    })
}

/// `db status`, for people.
pub(crate) fn status(named: Option<&Path>, today: Date) -> anyhow::Result<String> {
    let path = path(named);
    let exists = path.as_deref().is_some_and(is_file);
    let (store, place) = match (&path, exists) {
        (Some(path), true) => (read(path)?, path.display().to_string()),
        (Some(path), false) if named.is_some() => return Err(InputError::Missing(path.clone()).into()),
        _ => (Store::core(), "built in".to_owned()),
    };
    let provenance = store.provenance();
    let age = match provenance.date.parse::<Date>() {
        Ok(date) => format!("{} ({} days old)", provenance.date, today.days_since(date).max(0)),
        Err(_) => "not known".to_owned(),
    };
    let mut text = format!(
        "database    {place}\nsource      {}\ndate        {age}\nadvisories  {} on {} packages\n",
        provenance.source, provenance.advisories, provenance.packages
    );
    if provenance.unreadable > 0 {
        let _ = writeln!(text, "unreadable  {} documents", provenance.unreadable);
    }
    if !exists {
        text.push_str("\nThis is the built-in table, on packages that Flask applications usually have. `flaskseal db update` fetches all advisories on PyPI.\n");
    }
    Ok(text)
}

/// `db import`: a dump from disk, an archive or a folder of documents.
pub(crate) fn import(named: Option<&Path>, from: &Path) -> anyhow::Result<String> {
    let source = from
        .file_name()
        .map_or_else(|| from.display().to_string(), |name| name.to_string_lossy().into_owned());
    let dump = if is_folder(from) {
        let mut documents: Vec<(String, Vec<u8>)> = Vec::new();
        let mut total = 0;
        for path in files_of(from, ".json")? {
            let bytes = read_bytes(&path, MAX_DOCUMENT)?;
            total += bytes.len() as u64;
            anyhow::ensure!(total <= MAX_DUMP << 20, "{} holds more than {MAX_DUMP} MiB", from.display());
            documents.push((path.display().to_string(), bytes));
        }
        read_documents(documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())), &source)
    } else {
        read_zip(&read_bytes(from, MAX_DUMP)?, &source)
    };
    let dump = dump.map_err(|error| anyhow::anyhow!("{} {error}", from.display()))?;
    write(named, dump, String::new())
}

/// `db update`: the dump of today, unless the database is of it already.
pub(crate) fn update(named: Option<&Path>, url: Option<&str>, progress: &Progress) -> anyhow::Result<String> {
    let path = path(named).context("no folder for data is known: name the file with `--db FILE`")?;
    let url = url.unwrap_or(DUMP);
    // A database that is damaged, or of another source, is written anew.
    let known = is_file(&path).then(|| read(&path).ok()).flatten();
    let etag = known
        .as_ref()
        .map(Store::provenance)
        .filter(|known| known.source == url)
        .map(|known| known.etag.clone());
    match download::fetch(url, etag.as_deref().unwrap_or_default(), MAX_DUMP << 20, &|text| {
        progress.say(text);
    })? {
        Fetched::Unchanged => Ok(format!("{} is up to date\n", path.display())),
        Fetched::New { bytes, etag } => {
            progress.say("reading the advisories".to_owned());
            let dump = read_zip(&bytes, url).map_err(|error| anyhow::anyhow!("what {url} sent {error}"))?;
            write(Some(&path), dump, etag)
        }
    }
}

fn write(named: Option<&Path>, mut dump: Dump, etag: String) -> anyhow::Result<String> {
    let path = path(named).context("no folder for data is known: name the file with `--db FILE`")?;
    dump.provenance.etag = etag;
    let bytes =
        encode_store(&dump.provenance, &dump.advisories).context("the dump does not fit the database")?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_folder(folder)?;
    }
    write_atomically(&path, &bytes)?;
    let provenance = &dump.provenance;
    let mut text = format!(
        "{}: {} advisories on {} packages, as of {}\n",
        path.display(),
        provenance.advisories,
        provenance.packages,
        provenance.date
    );
    if provenance.unreadable > 0 {
        let _ = writeln!(text, "{} documents could not be read:", provenance.unreadable);
        for complaint in &dump.complaints {
            let _ = writeln!(text, "  {complaint}");
        }
    }
    Ok(text)
}
