//! The database file, changed anywhere and sealed again: it opens or not, and look-ups answer or not.
#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use flaskseal_deps::{Advisory, Provenance, Store, core_advisories, encode_store};

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let all: Vec<(String, Advisory)> = ["flask", "jinja2", "werkzeug"]
        .into_iter()
        .flat_map(|name| core_advisories(name).into_iter().map(move |one| (name.to_owned(), one)))
        .collect();
    encode_store(&Provenance::default(), &all).expect("it fits")
});

// Triples of a place (two bytes) and what it is changed by; an odd last byte cuts the file.
libfuzzer_sys::fuzz_target!(|changes: &[u8]| {
    let mut bytes = WHOLE.clone();
    let (triples, rest) = changes.as_chunks::<3>();
    for [high, low, by] in triples {
        // Half of the changes in the head, where all numbers are.
        let place = usize::from(*high) << 8 | usize::from(*low);
        let bound = if place % 2 == 0 { 400.min(bytes.len()) } else { bytes.len() };
        if let Some(byte) = bytes.get_mut(place / 2 % bound) {
            *byte ^= by;
        }
    }
    if let [cut, ..] = rest {
        let length = bytes.len() * usize::from(*cut) / 255;
        bytes.truncate(length);
    }
    look(bytes.clone());
    look(sealed(bytes));
    look(changes.to_vec());
});

fn look(bytes: Vec<u8>) {
    let Ok(store) = Store::open(Cursor::new(bytes)) else { return };
    for name in ["", "flask", "jinja2", "werkzeug", "zzz"] {
        let _ = store.lookup(name);
    }
}

/// With the checksum that belongs to it, so that the change gets past it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let number = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four) as usize)
    };
    let (Some(provenance), Some(names), Some(count)) = (number(8), number(12), number(16)) else {
        return bytes;
    };
    let length = count.saturating_mul(24).saturating_add(provenance).saturating_add(names);
    if let Some(head) = bytes.get(28..28_usize.saturating_add(length)) {
        let sum = crc32fast::hash(head).to_le_bytes();
        bytes[20..24].copy_from_slice(&sum);
    }
    bytes
}
