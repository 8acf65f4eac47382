//! What a server says before a handshake is through: records, messages, SSL 2, chains of certificates.
#![no_main]

use flaskseal_fuzz::today;
use flaskseal_tls::answer::{MAX_CERTIFICATES, Progress, Reader};
use flaskseal_tls::{Verifier, ssl2};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ssl2::read(bytes);
    // However the bytes are cut, the answer is the same.
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, 3));
    if let Some(answer) = whole {
        assert!(answer.certificates.len() <= MAX_CERTIFICATES);
        if !answer.certificates.is_empty() {
            thread_local!(static VERIFIER: Verifier = Verifier::new(&[]));
            VERIFIER.with(|verifier| verifier.chain(&answer.certificates, "shop.example", today()));
        }
    }
});

/// The answer, if it is one. What follows its end is not read.
fn read(bytes: &[u8], step: usize) -> Option<flaskseal_tls::answer::Answer> {
    let mut reader = Reader::default();
    for piece in bytes.chunks(step) {
        if reader.push(piece).ok()? == Progress::Finished {
            break;
        }
    }
    Some(reader.finish())
}
