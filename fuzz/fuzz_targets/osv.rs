//! OSV documents: what they say of versions near those that they name, and the way into the database and back.
#![no_main]

use std::io::Cursor;

use flaskseal_deps::{
    Event, Provenance, Store, affecting, encode_store, fixed_versions, read_documents, read_osv,
    smallest_upgrade,
};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    // Pages of an index are read beside OSV's documents.
    let _ = read_documents([("a.json", text)], "fuzz");
    let Ok(document) = read_osv(text) else { return };
    for (_, advisory) in &document.advisories {
        for event in advisory.ranges.iter().flat_map(|range| &range.events) {
            let (Event::Introduced(Some(at)) | Event::Fixed(at) | Event::LastAffected(at) | Event::Limit(at)) =
                event
            else {
                continue;
            };
            for fixed in fixed_versions(advisory, at) {
                assert!(fixed > *at && !advisory.affects(&fixed));
            }
            let found = affecting(vec![advisory.clone()], at);
            assert_eq!(found.is_empty(), !advisory.affects(at) || found.is_empty());
            let _ = smallest_upgrade(std::slice::from_ref(advisory), at, &|_| true);
        }
    }
    if let Some(bytes) = encode_store(&Provenance::default(), &document.advisories) {
        let store = Store::open(Cursor::new(bytes)).expect("what is written can be opened");
        for (package, advisory) in &document.advisories {
            let found = store.lookup(package).expect("what is written can be read");
            assert!(found.iter().any(|one| one.id == advisory.id), "{package}");
        }
    }
});
