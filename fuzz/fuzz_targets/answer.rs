//! Answers of HTTP/1.1: heads, lengths, chunks, what is packed. However the bytes arrive, the answer is the same, and it
//! keeps its bounds.
#![no_main]

use std::io::{self, Read};

use flaskseal_live::{Exchange, Purpose, Received};
use flaskseal_probe::answer;
use url::Url;

/// Bytes of a body that are wanted.
const LIMIT: usize = 600;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, bytes.len());
    assert_eq!(whole, read(bytes, 3));
    let Some(received) = whole else { return };
    assert!(received.body.len() <= LIMIT && received.headers.len() <= 256);
    let url = Url::parse("https://shop.example/").expect("an address");
    let exchange = Exchange::new(Purpose::Start, "GET", url, &[], received);
    for header in &exchange.headers {
        let (start, end) = (header.range.start as usize, header.range.end as usize);
        assert!(exchange.text.get(start..end).is_some());
    }
    let _ = (exchange.cookies().count(), exchange.target(), exchange.source_map());
});

fn read(bytes: &[u8], step: usize) -> Option<Received> {
    answer(&mut Pieces { left: bytes, step }, false, LIMIT).ok()
}

/// Gives so many bytes at a time.
struct Pieces<'b> {
    left: &'b [u8],
    step: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.step).min(self.left.len());
        let (now, later) = self.left.split_at(count);
        bytes[..count].copy_from_slice(now);
        self.left = later;
        Ok(count)
    }
}
