//! Requests of HTTP/1.1, without a body.

use std::fmt::Write as _;
use std::io::{Read, Write};

use flaskseal_live::Received;

use crate::answer::answer;
use crate::connection::Failure;

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

/// Sends a request and reads the answer.
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
    match (answer(connection, request.method == "HEAD", request.limit), sent) {
        (Err(_), Err(error)) => Err(Failure::of(&error)),
        (answer, _) => answer,
    }
}
