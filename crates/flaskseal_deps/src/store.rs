//! The local database: one file, an index by package name and a block of records for each package. Opening it reads and
//! checks the index and nothing else; a look-up reads and decodes one block.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `FSADVDB` and the version of the format |
//! | 4 × 5 | lengths of provenance and names, number of packages, CRC-32 of all three parts, a reserved zero |
//! | ... | provenance, as JSON |
//! | 24 each | per package, by name: offset and length of its name, offset, length and CRC-32 of its block |
//! | ... | the names, one after the other |
//! | ... | the blocks, each a JSON list of records |
//!
//! All numbers are 32 bits, little-endian; offsets of blocks count from the end of the names. A file is written whole
//! to a new name and then renamed, so readers see the old file or the new one.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, Kind};
use crate::core_table::{self, core_advisories};
use crate::record::Record;
use crate::yanked::core_yanked;

const MAGIC: &[u8; 7] = b"FSADVDB";
const FORMAT: u8 = 1;
const HEADER: usize = 28;
const ENTRY: usize = 24;

/// Days after which data on advisories says little about today (catalogue, C6.3).
pub const FRESH_DAYS: i64 = 14;

/// Where advisories come from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// For people: a URL, or the name of the file that was imported.
    pub source: String,
    /// The day of the newest change in the data, `YYYY-MM-DD`.
    pub date: String,
    /// Advisories, counted once for each package. Releases that were taken back are none.
    pub advisories: usize,
    /// Packages with advisories.
    pub packages: usize,
    /// Documents that were withdrawn, and those that could not be read.
    #[serde(default)]
    pub withdrawn: usize,
    #[serde(default)]
    pub unreadable: usize,
    /// What the server called this version of the dump, for the next conditional request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub etag: String,
}

/// Why a file is no database of ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("is not an advisory database")]
    Foreign,
    #[error("has version {0} of the format, and this flaskseal reads version 1")]
    Version(u8),
    #[error("is damaged")]
    Damaged,
}

impl From<io::Error> for StoreError {
    /// What ends before its lengths say so is damaged.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Unreadable(error.to_string()),
        }
    }
}

/// Where a database is read from, piece by piece: an open file, or bytes in memory.
trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// Advisories by package: the core table, or an open database.
pub struct Store {
    provenance: Provenance,
    /// `None` for the core table.
    database: Option<Database>,
}

/// An open database: its index in memory, and the way to its blocks.
struct Database {
    /// Entries by name, `ENTRY` bytes each.
    index: Vec<u8>,
    names: Vec<u8>,
    source: Mutex<Box<dyn Source>>,
    /// Where the blocks begin, and where the file ends.
    blocks: u64,
    end: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("provenance", &self.provenance).finish_non_exhaustive()
    }
}

impl Store {
    /// The table that is compiled in.
    pub fn core() -> Self {
        Self { provenance: core_table::provenance(), database: None }
    }

    /// Opens a database: a file, or a cursor over bytes.
    pub fn open(mut source: impl Read + Seek + Send + 'static) -> Result<Self, StoreError> {
        let end = source.seek(SeekFrom::End(0))?;
        let mut magic = Vec::new();
        source.rewind()?;
        source.by_ref().take(MAGIC.len() as u64 + 1).read_to_end(&mut magic)?;
        match magic.strip_prefix(MAGIC) {
            Some([FORMAT]) => {}
            Some([version]) => return Err(StoreError::Version(*version)),
            Some(_) => return Err(StoreError::Damaged),
            None => return Err(StoreError::Foreign),
        }
        let header = piece(&mut source, 0, HEADER, end)?;
        let number = |at| number(&header, at).ok_or(StoreError::Damaged);
        let (provenance, names, count, sum) = (number(8)?, number(12)?, number(16)?, number(20)?);
        let index = count.checked_mul(ENTRY).ok_or(StoreError::Damaged)?;
        let length = provenance.checked_add(index).and_then(|length| length.checked_add(names));
        let mut head = piece(&mut source, HEADER as u64, length.ok_or(StoreError::Damaged)?, end)?;
        if crc32fast::hash(&head) as usize != sum {
            return Err(StoreError::Damaged);
        }
        let blocks = (HEADER + head.len()) as u64;
        let mut index = head.split_off(provenance);
        let names = index.split_off(index.len() - names);
        let provenance = serde_json::from_slice(&head).map_err(|_| StoreError::Damaged)?;
        let database = Database { index, names, source: Mutex::new(Box::new(source)), blocks, end };
        Ok(Self { provenance, database: Some(database) })
    }

    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// It is the table that is compiled in, which covers some packages only.
    pub fn is_core(&self) -> bool {
        self.database.is_none()
    }

    /// Whether no advisory on this package means that none is known.
    pub fn covers(&self, package: &str) -> bool {
        !self.is_core() || core_table::core_packages().any(|known| known == package)
    }

    /// Every advisory on a package, by its normalised name.
    pub fn lookup(&self, package: &str) -> Result<Vec<Advisory>, StoreError> {
        match &self.database {
            None => Ok(core_advisories(package)),
            Some(database) => database.lookup(package),
        }
    }

    /// The releases of a package that were taken back, by the database and by the table that is compiled in: OSV's
    /// dumps do not know.
    pub fn yanked(&self, package: &str) -> Result<Vec<Advisory>, StoreError> {
        let mut known = self.lookup(package)?;
        known.retain(|record| record.kind == Kind::Yanked);
        known.extend(core_yanked(package));
        Ok(known)
    }
}

impl Database {
    fn lookup(&self, package: &str) -> Result<Vec<Advisory>, StoreError> {
        let (mut low, mut high) = (0, self.index.len() / ENTRY);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.name(middle)?.cmp(package.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.block(middle),
            }
        }
        Ok(Vec::new())
    }

    fn entry(&self, index: usize, field: usize) -> Result<usize, StoreError> {
        number(&self.index, index * ENTRY + field * 4).ok_or(StoreError::Damaged)
    }

    fn name(&self, index: usize) -> Result<&[u8], StoreError> {
        let (start, length) = (self.entry(index, 0)?, self.entry(index, 1)?);
        self.names.get(start..).and_then(|rest| rest.get(..length)).ok_or(StoreError::Damaged)
    }

    fn block(&self, index: usize) -> Result<Vec<Advisory>, StoreError> {
        let (offset, length) = (self.entry(index, 2)?, self.entry(index, 3)?);
        let block = {
            let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            piece(&mut *source, self.blocks + offset as u64, length, self.end)?
        };
        if crc32fast::hash(&block) as usize != self.entry(index, 4)? {
            return Err(StoreError::Damaged);
        }
        let records: Vec<Record> = serde_json::from_slice(&block).map_err(|_| StoreError::Damaged)?;
        Ok(records.into_iter().map(Advisory::from).collect())
    }
}

/// So many bytes from there on. Lengths are those that a file claims: nothing is allocated beyond its end.
fn piece(
    source: &mut (impl Read + Seek + ?Sized),
    at: u64,
    length: usize,
    end: u64,
) -> Result<Vec<u8>, StoreError> {
    if at.checked_add(length as u64).is_none_or(|last| last > end) {
        return Err(StoreError::Damaged);
    }
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; length];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(four) as usize)
}

/// Writes a database. `None` where it would not fit the format: more than 4 GiB.
pub fn encode_store(provenance: &Provenance, advisories: &[(String, Advisory)]) -> Option<Vec<u8>> {
    let mut by_package: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
    for (package, advisory) in advisories {
        by_package.entry(package).or_default().push(Record::from(advisory));
    }
    let mut names: Vec<u8> = Vec::new();
    let mut index: Vec<u8> = Vec::new();
    let mut blocks: Vec<u8> = Vec::new();
    for (name, records) in &by_package {
        let block = serde_json::to_vec(records).expect("a record has only text keys");
        for number in
            [names.len(), name.len(), blocks.len(), block.len(), crc32fast::hash(&block) as usize, 0]
        {
            index.extend(u32::try_from(number).ok()?.to_le_bytes());
        }
        names.extend(name.as_bytes());
        blocks.extend(block);
    }
    let provenance = serde_json::to_vec(provenance).expect("a provenance has only text keys");
    let head = [provenance.as_slice(), &index, &names].concat();
    let mut bytes = MAGIC.to_vec();
    bytes.push(FORMAT);
    for number in [provenance.len(), names.len(), by_package.len(), crc32fast::hash(&head) as usize, 0] {
        bytes.extend(u32::try_from(number).ok()?.to_le_bytes());
    }
    bytes.extend(head);
    bytes.extend(blocks);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn open(bytes: &[u8]) -> Result<Store, StoreError> {
        Store::open(Cursor::new(bytes.to_vec()))
    }

    fn bytes() -> Vec<u8> {
        let advisories: Vec<(String, Advisory)> = ["flask", "werkzeug", "jinja2"]
            .into_iter()
            .flat_map(|name| core_advisories(name).into_iter().map(move |one| (name.to_owned(), one)))
            .collect();
        let provenance = Provenance { source: "test".to_owned(), ..core_table::provenance() };
        encode_store(&provenance, &advisories).unwrap()
    }

    #[test]
    fn what_is_written_is_found() {
        let store = open(&bytes()).unwrap();
        assert_eq!(store.provenance().source, "test");
        for name in ["flask", "jinja2", "werkzeug"] {
            assert_eq!(store.lookup(name).unwrap(), core_advisories(name), "{name}");
        }
        assert_eq!(store.lookup("aaa").unwrap(), []);
        assert_eq!(store.lookup("zzz").unwrap(), []);
        assert!(store.covers("zzz") && !Store::core().covers("zzz") && Store::core().covers("flask"));
    }

    #[test]
    fn a_file_cut_or_changed_anywhere_is_refused_and_never_misread() {
        let whole = bytes();
        let original = open(&whole).unwrap().lookup("flask").unwrap();
        for length in 0..whole.len() {
            if let Ok(store) = open(&whole[..length])
                && let Ok(found) = store.lookup("flask")
            {
                assert_eq!(found, original, "cut at {length}");
            }
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            // The reserved word and other packages' blocks may change unnoticed; an answer is still a true one.
            if let Ok(store) = open(&changed)
                && let Ok(found) = store.lookup("flask")
            {
                assert_eq!(found, original, "changed at {at}");
            }
        }
        assert_eq!(open(b"").err(), Some(StoreError::Foreign));
        assert_eq!(open(b"FSADVDB\x02").err(), Some(StoreError::Version(2)));
        assert_eq!(open(b"FSADVDB\x01").err(), Some(StoreError::Damaged));
    }
}
