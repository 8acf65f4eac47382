//! Answers of HTTP/1.1, recorded as they were sent: order, case and repetition of headers included, which clients for
//! general use do not keep. Reads bytes from anywhere, and never more than its bounds.

use std::io::Read;

use flaskseal_live::Received;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::connection::Failure;

/// KiB of an answer's head, and headers in it.
const MAX_HEAD: usize = 64;
const MAX_HEADERS: usize = 256;
/// Interim answers (100 to 199) before the final one.
const MAX_INTERIM: usize = 8;
/// Bytes of the line that begins a chunk.
const MAX_CHUNK_LINE: usize = 1024;
/// Bytes that are read at once.
const STEP: usize = 16 << 10;

/// Reads an answer, with at most `limit` bytes of its body. A body that breaks off is kept as far as it came. What was
/// compressed without being asked for is unpacked within the same limit; other encodings leave no body.
///
/// # Errors
/// When no head arrives, or one beyond the bounds.
pub fn answer(connection: &mut impl Read, to_head: bool, limit: usize) -> Result<Received, Failure> {
    let mut reader = Reader::new(connection, STEP);
    let head = reader.final_head()?;
    let encoding = head.value("content-encoding").unwrap_or_default();
    let mut body =
        if to_head || matches!(head.status, 204 | 304) { Body::default() } else { reader.body(&head, limit) };
    match encoding.as_str() {
        "" | "identity" => {}
        "gzip" | "x-gzip" => body.unpack(&|bytes| Box::new(MultiGzDecoder::new(bytes)), limit),
        "deflate" => body.unpack(&|bytes| Box::new(ZlibDecoder::new(bytes)), limit),
        _ => body = Body { is_cut: !body.bytes.is_empty(), is_late: body.is_late, bytes: Vec::new() },
    }
    Ok(Received {
        version: if head.is_old { "HTTP/1.0" } else { "HTTP/1.1" },
        status: head.status,
        reason: head.reason,
        headers: head.headers,
        body: body.bytes,
        truncated: body.is_cut,
        late: body.is_late,
    })
}

/// What there is of a body.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    /// There is more of it.
    is_cut: bool,
    /// More of it did not come in time.
    is_late: bool,
}

impl Body {
    fn unpack(&mut self, decoder: &dyn for<'b> Fn(&'b [u8]) -> Box<dyn Read + 'b>, limit: usize) {
        let mut unpacked = Vec::new();
        let mut stream = decoder(&self.bytes).take(limit as u64 + 1);
        // What cannot be unpacked ends the body where it came to.
        let is_whole = stream.read_to_end(&mut unpacked).is_ok() && unpacked.len() <= limit;
        drop(stream);
        unpacked.truncate(limit);
        self.is_cut |= !is_whole;
        self.bytes = unpacked;
    }
}

/// Status line and headers.
pub(crate) struct Head {
    is_old: bool,
    pub(crate) status: u16,
    pub(crate) reason: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    fn value(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(value).trim().to_ascii_lowercase())
    }
}

/// What arrives, within bounds.
pub(crate) struct Reader<'c, C> {
    connection: &'c mut C,
    /// Read and not yet used.
    buffer: Vec<u8>,
    /// Bytes that are read at once.
    step: usize,
    /// The connection waited in vain.
    is_late: bool,
}

impl<'c, C: Read> Reader<'c, C> {
    pub(crate) fn new(connection: &'c mut C, step: usize) -> Self {
        Self { connection, buffer: Vec::new(), step, is_late: false }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        let before = self.buffer.len();
        self.buffer.resize(before + self.step, 0);
        let read = self.connection.read(self.buffer.get_mut(before..).unwrap_or_default());
        let count = match &read {
            Ok(count) => *count,
            // TLS that ends without saying so.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => 0,
            Err(_) => 0,
        };
        self.buffer.truncate(before + count);
        match read {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(count > 0),
        }
    }

    fn final_head(&mut self) -> Result<Head, Failure> {
        for _ in 0..MAX_INTERIM {
            let head = self.head()?;
            if head.status >= 200 {
                return Ok(head);
            }
        }
        Err(Failure::NotHttp("it never comes to an end of its interim answers".to_owned()))
    }

    pub(crate) fn head(&mut self) -> Result<Head, Failure> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&self.buffer) {
                Ok(httparse::Status::Complete(end)) => {
                    let head = Head {
                        is_old: response.version == Some(0),
                        status: response.code.unwrap_or(0),
                        reason: response.reason.unwrap_or("").chars().take(100).collect(),
                        headers: response
                            .headers
                            .iter()
                            .map(|header| (header.name.to_owned(), header.value.to_vec()))
                            .collect(),
                    };
                    self.buffer.drain(..end);
                    return Ok(head);
                }
                Ok(httparse::Status::Partial) => {}
                Err(httparse::Error::TooManyHeaders) => return Err(Failure::Flood(MAX_HEAD, MAX_HEADERS)),
                Err(error) => return Err(Failure::NotHttp(error.to_string())),
            }
            if self.buffer.len() > MAX_HEAD << 10 {
                return Err(Failure::Flood(MAX_HEAD, MAX_HEADERS));
            }
            if !self.fill().map_err(|error| Failure::of(&error))? {
                let text = if self.buffer.is_empty() { "it says nothing" } else { "it ends within its head" };
                return Err(Failure::NotHttp(text.to_owned()));
            }
        }
    }

    /// More of the body; an error ends it where it came to.
    fn more(&mut self) -> bool {
        self.fill().unwrap_or_else(|error| {
            self.is_late = matches!(Failure::of(&error), Failure::Late);
            false
        })
    }

    /// The body, no further than the limit.
    fn body(mut self, head: &Head, limit: usize) -> Body {
        let is_chunked = head.value("transfer-encoding").is_some_and(|value| value.ends_with("chunked"));
        let (bytes, is_whole) = if is_chunked { self.chunks(limit) } else { self.plain(head, limit) };
        Body { bytes, is_cut: !is_whole, is_late: self.is_late }
    }

    /// A body that ends by its length, or with the connection; whether that is all of it.
    fn plain(&mut self, head: &Head, limit: usize) -> (Vec<u8>, bool) {
        let length = head.value("content-length").and_then(|value| value.parse::<usize>().ok());
        // A byte beyond the limit tells whether there is more.
        let wanted = length.unwrap_or(usize::MAX).min(limit.saturating_add(1));
        let mut ended = false;
        while self.buffer.len() < wanted && !ended {
            ended = !self.more();
        }
        let is_whole = match length {
            Some(length) => self.buffer.len() >= length && length <= limit,
            None => ended && self.buffer.len() <= limit,
        };
        self.buffer.truncate(wanted.min(limit));
        (std::mem::take(&mut self.buffer), is_whole && !self.is_late)
    }

    /// By RFC 9112, section 7.1.
    fn chunks(&mut self, limit: usize) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line() else { return (body, false) };
            let size = line.split(';').next().unwrap_or("").trim();
            let Ok(size) = usize::from_str_radix(size, 16) else { return (body, false) };
            if size == 0 {
                return (body, true);
            }
            let wanted = size.min(limit - body.len());
            while self.buffer.len() < wanted {
                if !self.more() {
                    body.append(&mut self.buffer);
                    body.truncate(limit);
                    return (body, false);
                }
            }
            body.extend(self.buffer.drain(..wanted));
            // At the limit nobody looks whether there is more.
            if size > wanted || body.len() >= limit {
                return (body, false);
            }
            // The line that ends the chunk.
            if self.line().is_none() {
                return (body, false);
            }
        }
    }

    /// A line no longer than its bound, however the bytes arrive.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().take(MAX_CHUNK_LINE).position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim().to_owned());
            }
            if self.buffer.len() >= MAX_CHUNK_LINE || !self.more() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives what is read, a few bytes at a time, as networks do.
    struct Script(std::io::Cursor<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let end = bytes.len().min(7);
            self.0.read(&mut bytes[..end])
        }
    }

    fn read(text: &[u8], limit: usize) -> Result<Received, String> {
        answer(&mut Script(std::io::Cursor::new(text.to_vec())), false, limit)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn headers_keep_order_case_and_repetition() {
        let text = b"HTTP/1.1 200 OK\r\nX-b: 1\r\nx-A: 2\r\nX-b: \xff\r\nContent-Length: 2\r\n\r\nhello";
        let answer = read(text, 100).unwrap();
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-b", "x-A", "X-b", "Content-Length"]);
        assert_eq!((answer.body.as_slice(), answer.truncated), (b"he".as_slice(), false));
    }

    #[test]
    fn bodies_end_as_they_say_or_at_the_limit() {
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
        assert_eq!(read(chunked, 100).map(|a| (a.body, a.truncated)), Ok((b"abcdefg".to_vec(), false)));
        assert_eq!(read(chunked, 5).map(|a| (a.body, a.truncated)), Ok((b"abcde".to_vec(), true)));
        let open = b"HTTP/1.0 200 OK\r\n\r\nabc";
        assert_eq!(read(open, 100).map(|a| (a.body, a.truncated)), Ok((b"abc".to_vec(), false)));
        assert_eq!(read(open, 2).map(|a| (a.body, a.truncated)), Ok((b"ab".to_vec(), true)));
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc";
        assert_eq!(read(short, 2).map(|a| a.body), Ok(b"ab".to_vec()));
        for broken in ["zz\r\n", "ffffffffffffffffff\r\n", "3\r\na", "3\r\nabc"] {
            let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{broken}");
            assert!(read(text.as_bytes(), 100).unwrap().truncated, "{broken}");
        }
    }

    #[test]
    fn a_line_of_a_chunk_has_its_bound_however_it_arrives() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (length, body) in [(MAX_CHUNK_LINE - 3, b"a".as_slice()), (MAX_CHUNK_LINE, b"")] {
            let text = format!("{head}1;{}\na\n0\n\n", "x".repeat(length));
            let whole = answer(&mut text.as_bytes(), false, 100).expect("it has a head");
            assert_eq!(Ok(&whole), read(text.as_bytes(), 100).as_ref());
            assert_eq!((whole.body.as_slice(), whole.truncated), (body, body.is_empty()), "{length}");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_and_nonsense_is_named() {
        let text = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(read(text, 100).map(|a| a.status), Ok(204));
        for wrong in [&b""[..], b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"HTTP/1.1 200 OK\r\n"] {
            assert!(read(wrong, 100).unwrap_err().starts_with("what it answers is not HTTP"));
        }
        let flood = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(300)].concat();
        assert!(read(&flood, 100).unwrap_err().contains("more than 256 headers"));
        let long = [b"HTTP/1.1 200 OK\r\na: ".to_vec(), b"b".repeat(200 << 10)].concat();
        assert!(read(&long, 100).unwrap_err().contains("larger than 64 KiB"));
        assert!(read(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50), 100).is_err());
    }

    #[test]
    fn what_is_packed_is_unpacked_within_the_limit() {
        let pack = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, bytes).unwrap();
            encoder.finish().unwrap()
        };
        let with = |encoding: &str, body: &[u8]| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n");
            let answer = read(&[head.as_bytes(), body].concat(), 1000).unwrap();
            (answer.body, answer.truncated)
        };
        let small = pack(b"<p>shop");
        assert_eq!(with("gzip", &small), (b"<p>shop".to_vec(), false));
        assert!(with("GZIP", &small[..small.len() - 9]).1);
        assert_eq!(with("gzip", b"<p>shop"), (Vec::new(), true));
        assert_eq!(with("gzip", &pack(&vec![b'a'; 100_000])), (vec![b'a'; 1000], true));
        assert_eq!(with("br", b"<p>shop"), (Vec::new(), true));
    }
}
