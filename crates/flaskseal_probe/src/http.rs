//! HTTP/1.1, as much as it takes to ask and to record an answer as it was sent: order, case and repetition of headers
//! included, which clients for general use do not keep.

use std::fmt::Write as _;
use std::io::{Read, Write};

use flaskseal_live::Received;

use crate::connection::Failure;

/// KiB of an answer's head, and headers in it.
const MAX_HEAD: usize = 64;
const MAX_HEADERS: usize = 256;
/// Interim answers (100 to 199) before the final one.
const MAX_INTERIM: usize = 8;
/// Bytes of the line that begins a chunk.
const MAX_CHUNK_LINE: usize = 1024;

/// A request without a body.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    /// Path and query, or the whole address where a proxy is asked.
    pub(crate) target: &'r str,
    pub(crate) host: &'r str,
    pub(crate) headers: &'r [(String, String)],
    /// Bytes of the body that are wanted.
    pub(crate) limit: usize,
}

const USER_AGENT: &str = concat!("flaskseal/", env!("CARGO_PKG_VERSION"), " (security check of this site)");

/// Sends a request and reads the answer. A body that breaks off is kept as far as it came.
pub(crate) fn exchange(
    connection: &mut (impl Read + Write),
    request: &Request<'_>,
) -> Result<Received, Failure> {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, request.host);
    for (name, value) in [
        ("User-Agent", USER_AGENT),
        ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ] {
        if !request.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    for (name, value) in request.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    // A server may answer before it has read everything, and close.
    let sent = connection.write_all(text.as_bytes()).and_then(|()| connection.flush());
    let mut reader = Reader::new(connection, 16 << 10);
    let head = match (reader.final_head(), sent) {
        (Err(_), Err(error)) => return Err(Failure::of(&error)),
        (head, _) => head?,
    };
    let (body, truncated) = if request.method == "HEAD" || matches!(head.status, 204 | 304) {
        (Vec::new(), false)
    } else {
        reader.body(&head, request.limit)
    };
    Ok(Received {
        version: if head.is_old { "HTTP/1.0" } else { "HTTP/1.1" },
        status: head.status,
        reason: head.reason,
        headers: head.headers,
        body,
        truncated,
    })
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
}

impl<'c, C: Read> Reader<'c, C> {
    pub(crate) fn new(connection: &'c mut C, step: usize) -> Self {
        Self { connection, buffer: Vec::new(), step }
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

    /// The body, and whether there is more of it. Reads no further than the limit.
    fn body(mut self, head: &Head, limit: usize) -> (Vec<u8>, bool) {
        let is_chunked = head.value("transfer-encoding").is_some_and(|value| value.ends_with("chunked"));
        if is_chunked {
            return self.chunks(limit);
        }
        let length = head.value("content-length").and_then(|value| value.parse::<usize>().ok());
        let wanted = length.unwrap_or(usize::MAX).min(limit);
        let mut ended = false;
        while self.buffer.len() < wanted && !ended {
            // An error ends the body where it came to.
            ended = !self.fill().unwrap_or(false);
        }
        let is_whole = match length {
            Some(length) => self.buffer.len() >= length && length <= limit,
            None => ended && self.buffer.len() <= limit,
        };
        self.buffer.truncate(wanted);
        (self.buffer, !is_whole)
    }

    /// By RFC 9112, section 7.1.
    fn chunks(mut self, limit: usize) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line() else { return (body, true) };
            let size = line.split(';').next().unwrap_or("").trim();
            let Ok(size) = usize::from_str_radix(size, 16) else { return (body, true) };
            if size == 0 {
                return (body, false);
            }
            let wanted = size.min(limit - body.len());
            while self.buffer.len() < wanted {
                if !self.fill().unwrap_or(false) {
                    body.append(&mut self.buffer);
                    body.truncate(limit);
                    return (body, true);
                }
            }
            body.extend(self.buffer.drain(..wanted));
            if body.len() >= limit {
                return (body, true);
            }
            // The line that ends the chunk.
            if self.line().is_none() {
                return (body, true);
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim().to_owned());
            }
            if self.buffer.len() > MAX_CHUNK_LINE || !self.fill().unwrap_or(false) {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent is dropped, what is read is given.
    struct Script(std::io::Cursor<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            // A few bytes at a time, as networks do.
            let end = bytes.len().min(7);
            self.0.read(&mut bytes[..end])
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn answer(text: &[u8], limit: usize) -> Result<Received, String> {
        let request = Request { method: "GET", target: "/", host: "shop.example", headers: &[], limit };
        exchange(&mut Script(std::io::Cursor::new(text.to_vec())), &request)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn headers_keep_order_case_and_repetition() {
        let text = b"HTTP/1.1 200 OK\r\nX-b: 1\r\nx-A: 2\r\nX-b: \xff\r\nContent-Length: 2\r\n\r\nhello";
        let answer = answer(text, 100).unwrap();
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-b", "x-A", "X-b", "Content-Length"]);
        assert_eq!((answer.body.as_slice(), answer.truncated), (b"he".as_slice(), false));
    }

    #[test]
    fn bodies_end_as_they_say_or_at_the_limit() {
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
        assert_eq!(answer(chunked, 100).map(|a| (a.body, a.truncated)), Ok((b"abcdefg".to_vec(), false)));
        assert_eq!(answer(chunked, 5).map(|a| (a.body, a.truncated)), Ok((b"abcde".to_vec(), true)));
        let open = b"HTTP/1.0 200 OK\r\n\r\nabc";
        assert_eq!(answer(open, 100).map(|a| (a.body, a.truncated)), Ok((b"abc".to_vec(), false)));
        assert_eq!(answer(open, 2).map(|a| (a.body, a.truncated)), Ok((b"ab".to_vec(), true)));
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc";
        assert_eq!(answer(short, 2).map(|a| a.body), Ok(b"ab".to_vec()));
        for broken in ["zz\r\n", "ffffffffffffffffff\r\n", "3\r\na", "3\r\nabc"] {
            let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{broken}");
            assert!(answer(text.as_bytes(), 100).unwrap().truncated, "{broken}");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_and_nonsense_is_named() {
        let text = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(answer(text, 100).map(|a| a.status), Ok(204));
        for wrong in [&b""[..], b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"HTTP/1.1 200 OK\r\n"] {
            assert!(answer(wrong, 100).unwrap_err().starts_with("what it answers is not HTTP"));
        }
        let flood = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(300)].concat();
        assert!(answer(&flood, 100).unwrap_err().contains("more than 256 headers"));
        let long = [b"HTTP/1.1 200 OK\r\na: ".to_vec(), b"b".repeat(200 << 10)].concat();
        assert!(answer(&long, 100).unwrap_err().contains("larger than 64 KiB"));
        assert!(answer(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50), 100).is_err());
    }
}
