//! The advisory database: where it is, how it is opened, and the commands that write it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use flaskseal_core::Date;
use flaskseal_project::deps::{Dump, FRESH_DAYS, Store, encode_store, read_documents, read_zip};
use flaskseal_system::{
    InputError, create_folder, files_of, is_file, is_folder, open_file, read_bytes, remove_file, variable,
    write_atomically,
};

use crate::download::{self, Fetched, Listener, Partial};
use crate::progress::Progress;

/// The dump that the OSV project publishes for PyPI (google.github.io/osv.dev/data).
const DUMP: &str = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip";

/// Dumps and single documents larger than this are no such thing, in mebibytes.
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
    Store::open(open_file(path)?).with_context(|| format!("{} cannot be used", path.display())).map_err(
        |error| {
            // "PATH is damaged" says more than "PATH cannot be used: is damaged".
            let cause = error.root_cause().to_string();
            anyhow::anyhow!("the advisory database {} {cause}", path.display())
        },
    )
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
    let is_old = provenance.date.parse::<Date>().is_ok_and(|date| today.days_since(date) > FRESH_DAYS);
    if exists && is_old {
        text.push_str("\n`flaskseal db update` fetches what is new.\n");
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
    let part = path.with_added_extension("part");
    // What cannot be kept is fetched again; it is no reason to stop.
    let keep = |partial: &Partial| {
        if let Some(folder) = part.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let _ = create_folder(folder);
        }
        let _ = write_atomically(&part, &encode_part(url, partial));
    };
    let listener = Listener {
        say: &|text| progress.say(text),
        received: &|bytes, of| progress.bytes(bytes, of),
        keep: &keep,
    };
    let begun =
        read_bytes(&part, MAX_DUMP).ok().and_then(|bytes| decode_part(url, bytes)).unwrap_or_default();
    let fetched =
        download::fetch(url, etag.as_deref().unwrap_or_default(), MAX_DUMP << 20, begun, &listener)?;
    // All of it is here, or none of it is wanted: what is left of an earlier run is of no use.
    let _ = remove_file(&part);
    match fetched {
        Fetched::Unchanged => Ok(format!("{} is up to date\n", path.display())),
        Fetched::New { bytes, etag, verified } => {
            progress.say("reading the advisories".to_owned());
            let dump = read_zip(&bytes, url).map_err(|error| anyhow::anyhow!("what {url} sent {error}"))?;
            let mut said = write(Some(&path), dump, etag)?;
            if !verified.is_empty() {
                let _ =
                    writeln!(said, "the download has the {} that the server names", verified.join(" and "));
            }
            Ok(said)
        }
    }
}

/// The beginning of a dump, to go on with in a later run: a line that says of what, and the bytes.
fn encode_part(url: &str, partial: &Partial) -> Vec<u8> {
    let head = serde_json::json!({ "url": url, "etag": partial.etag, "size": partial.bytes.len() });
    [head.to_string().as_bytes(), b"\n", &partial.bytes].concat()
}

/// Nothing where the bytes are of another dump, or are not whole.
fn decode_part(url: &str, bytes: Vec<u8>) -> Option<Partial> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: serde_json::Value = serde_json::from_slice(bytes.get(..end)?).ok()?;
    let etag = head["etag"].as_str()?.to_owned();
    let rest = bytes.get(end + 1..)?.to_vec();
    let is_whole = head["url"] == url && head["size"] == rest.len();
    is_whole.then_some(Partial { bytes: rest, etag })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_gone_on_with_only_where_it_is_whole_and_of_the_same_dump() {
        let partial = Partial { bytes: b"abc\ndef".to_vec(), etag: "\"v1\"".to_owned() };
        let bytes = encode_part("https://a/all.zip", &partial);
        let read = decode_part("https://a/all.zip", bytes.clone()).unwrap();
        assert_eq!((read.bytes, read.etag), (partial.bytes, partial.etag));
        assert!(decode_part("https://b/all.zip", bytes.clone()).is_none());
        for length in 0..bytes.len() {
            assert!(decode_part("https://a/all.zip", bytes[..length].to_vec()).is_none(), "{length}");
        }
    }
}
