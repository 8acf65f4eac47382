//! A dump of OSV documents: the archive that the OSV project publishes for an ecosystem, or documents from a folder.
//! Pages of an index among them say which releases were taken back.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use crate::advisory::{Advisory, Kind};
use crate::osv::{OsvError, read_osv};
use crate::store::Provenance;
use crate::yanked::read_index_page;

/// Documents of one dump, and bytes of one document and of all together, unpacked. The dump of all of PyPI has well
/// under a tenth of each.
const MAX_DOCUMENTS: usize = 1_000_000;
const MAX_DOCUMENT: u64 = 16 << 20;
const MAX_TOTAL: u64 = 8 << 30;

/// What a dump says, package by package.
#[derive(Default)]
pub struct Dump {
    /// Package and record, advisories and releases that were taken back, in the order of packages and ids.
    pub advisories: Vec<(String, Advisory)>,
    pub provenance: Provenance,
    /// What is wrong with the first documents that could not be read: name and reason.
    pub complaints: Vec<String>,
}

/// Why a dump is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("is not a zip archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("unpacks to more than {} GiB, which no dump does", MAX_TOTAL >> 30)]
    TooLarge,
    #[error("holds more than {MAX_DOCUMENTS} documents")]
    TooMany,
    #[error("holds no OSV document on a Python package")]
    Empty,
    #[error("holds {unreadable} documents that cannot be read and {read} that can; the first: {first}")]
    MostlyUnreadable { unreadable: usize, read: usize, first: String },
}

/// Reads a zip archive of OSV documents.
pub fn read_zip(bytes: &[u8], source: &str) -> Result<Dump, DumpError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > MAX_DOCUMENTS {
        return Err(DumpError::TooMany);
    }
    let mut builder = Builder::default();
    let mut total = 0;
    let mut text = Vec::new();
    for index in 0..archive.len() {
        let entry = match archive.by_index(index) {
            Ok(entry) => entry,
            Err(error) => {
                builder.complain(&format!("entry {index}"), &error);
                continue;
            }
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if !name.ends_with(".json") {
            continue;
        }
        text.clear();
        // What the archive says of sizes is not believed.
        match entry.take(MAX_DOCUMENT + 1).read_to_end(&mut text) {
            Ok(size) if size as u64 > MAX_DOCUMENT => builder.complain(&name, &"is larger than 16 MiB"),
            Ok(size) => {
                total += size as u64;
                if total > MAX_TOTAL {
                    return Err(DumpError::TooLarge);
                }
                builder.add(&name, &text);
            }
            Err(error) => builder.complain(&name, &error),
        }
    }
    builder.finish(source)
}

/// Reads single documents, each with its name.
pub fn read_documents<'d>(
    documents: impl IntoIterator<Item = (&'d str, &'d [u8])>,
    source: &str,
) -> Result<Dump, DumpError> {
    let mut builder = Builder::default();
    for (name, text) in documents {
        builder.add(name, text);
    }
    builder.finish(source)
}

#[derive(Default)]
struct Builder {
    dump: Dump,
    read: usize,
}

impl Builder {
    fn add(&mut self, name: &str, text: &[u8]) {
        match read_osv(text) {
            Ok(document) => {
                self.read += 1;
                let provenance = &mut self.dump.provenance;
                provenance.withdrawn += usize::from(document.withdrawn);
                // A date is as long as a date and made of digits, or it says nothing.
                let is_date = document.modified.parse::<flaskseal_core::Date>().is_ok();
                if is_date && document.modified > provenance.date {
                    provenance.date = document.modified;
                }
                self.dump.advisories.extend(document.advisories);
            }
            Err(error @ OsvError::Shape(_)) => match read_index_page(text) {
                Some((package, yanked)) => {
                    self.read += 1;
                    self.dump.advisories.extend(yanked.into_iter().map(|record| (package.clone(), record)));
                }
                None => self.complain(name, &error),
            },
            Err(error) => self.complain(name, &error),
        }
    }

    fn complain(&mut self, name: &str, what: &dyn std::fmt::Display) {
        self.dump.provenance.unreadable += 1;
        if self.dump.complaints.len() < 5 {
            self.dump.complaints.push(format!("{name}: {what}"));
        }
    }

    fn finish(mut self, source: &str) -> Result<Dump, DumpError> {
        let unreadable = self.dump.provenance.unreadable;
        if unreadable > self.read {
            let first = self.dump.complaints.first().cloned().unwrap_or_default();
            return Err(DumpError::MostlyUnreadable { unreadable, read: self.read, first });
        }
        // What says only which releases were taken back would pass for a database that knows of no flaw.
        let is_advisory = |one: &&(String, Advisory)| one.1.kind != Kind::Yanked;
        if !self.dump.advisories.iter().any(|one| is_advisory(&one)) {
            return Err(DumpError::Empty);
        }
        self.dump.advisories.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
        self.dump.advisories.dedup_by(|a, b| a.0 == b.0 && a.1.id == b.1.id);
        let of_packages = || self.dump.advisories.iter().filter(is_advisory).map(|(package, _)| package);
        let packages = of_packages().collect::<BTreeSet<_>>().len();
        let advisories = of_packages().count();
        let provenance = &mut self.dump.provenance;
        source.clone_into(&mut provenance.source);
        provenance.advisories = advisories;
        provenance.packages = packages;
        Ok(self.dump)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const GOOD: &str = r#"{"id": "A-1", "modified": "2024-01-02T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}"#;

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn good_documents_are_read_and_bad_ones_counted() {
        let bytes = archive(&[("a.json", GOOD), ("README", "x"), ("b.json", "{")]);
        let dump = read_zip(&bytes, "a dump").unwrap();
        assert_eq!((dump.advisories.len(), dump.provenance.unreadable), (1, 1));
        assert_eq!(
            (dump.provenance.date.as_str(), dump.provenance.source.as_str()),
            ("2024-01-02", "a dump")
        );
        assert!(dump.complaints[0].starts_with("b.json: is not an OSV document"), "{:?}", dump.complaints);
    }

    #[test]
    fn what_is_no_dump_is_an_error_that_says_why() {
        let message = |bytes: &[u8]| read_zip(bytes, "x").err().map(|error| error.to_string()).unwrap();
        assert!(message(b"nothing").starts_with("is not a zip archive"));
        assert_eq!(message(&archive(&[])), "holds no OSV document on a Python package");
        let wrong = archive(&[("a.json", r#"{"id": "A", "schema_version": "7.0"}"#)]);
        assert!(
            message(&wrong).contains("a.json: has the unknown schema version 7.0"),
            "{}",
            message(&wrong)
        );
        let whole = archive(&[("a.json", GOOD)]);
        for length in 0..whole.len() {
            let _ = read_zip(&whole[..length], "x");
        }
    }

    #[test]
    fn releases_that_were_taken_back_are_no_advisories() {
        let page = r#"{"meta": {"api-version": "1.1"}, "name": "a", "files": [{"filename": "a-1.0.tar.gz", "yanked": true}]}"#;
        let alone = read_documents([("a", page.as_bytes())], "x").err().unwrap();
        assert_eq!(alone.to_string(), "holds no OSV document on a Python package");
        let both = read_documents([("a", page.as_bytes()), ("b", GOOD.as_bytes())], "x").unwrap();
        let kinds: Vec<Kind> = both.advisories.iter().map(|(_, one)| one.kind).collect();
        assert_eq!(kinds, [Kind::Vulnerability, Kind::Yanked]);
        assert_eq!((both.provenance.advisories, both.provenance.packages), (1, 1));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        // 64 MiB of blanks in 64 KiB: read up to the bound of one document and no further.
        let bomb = archive(&[("a.json", GOOD), ("bomb.json", &" ".repeat(64 << 20))]);
        assert!(bomb.len() < 1 << 20);
        let dump = read_zip(&bomb, "x").unwrap();
        assert_eq!(dump.complaints, ["bomb.json: is larger than 16 MiB"]);
    }
}
