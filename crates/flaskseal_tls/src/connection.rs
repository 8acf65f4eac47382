//! One question: a fresh stream, one message out, the first answer in. Bounded in bytes and time, whatever comes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::answer::{Answer, Progress, Reader, alert_name};
use crate::scan::Limits;
use crate::ssl2;

/// Opens streams, and counts them.
pub(crate) struct Line<'a, C> {
    connect: &'a C,
    limits: &'a Limits,
    began: Instant,
    opened: AtomicU32,
}

/// How a question ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome<T> {
    Answered(T),
    /// The server closed the connection without an answer.
    Closed,
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// No connection.
    Connect(ErrorKind, String),
    /// Nothing came in time, or too slowly.
    Silent,
    /// What came is no TLS: why, and how it begins.
    Garbage(&'static str, Vec<u8>),
    /// It went on and on.
    TooMuch,
    /// The bound on connections or on the whole time is reached.
    Exhausted,
}

impl Failure {
    /// As the end of a sentence: "not known: ...".
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Connect(_, error) => format!("no connection: {error}"),
            Self::Silent => "no answer in time".to_owned(),
            Self::Garbage(reason, _) => format!("the answer makes no sense: {reason}"),
            Self::TooMuch => "the answer does not end".to_owned(),
            Self::Exhausted => "the bound on connections or time is reached".to_owned(),
        }
    }
}

impl<'a, C, S> Line<'a, C>
where
    C: Fn() -> io::Result<S>,
    S: Read + Write,
{
    pub(crate) fn new(connect: &'a C, limits: &'a Limits) -> Self {
        Self { connect, limits, began: Instant::now(), opened: AtomicU32::new(0) }
    }

    /// How many streams were opened.
    pub(crate) fn opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }

    /// A stream that reads no more than a connection may have.
    pub(crate) fn open(&self) -> Result<Bounded<S>, Failure> {
        if self.began.elapsed() > self.limits.whole
            || self.opened.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < self.limits.connections).then_some(count + 1)
            }) == Err(self.limits.connections)
        {
            return Err(Failure::Exhausted);
        }
        match (self.connect)() {
            Ok(stream) => Ok(Bounded {
                stream,
                left: self.limits.bytes,
                until: Instant::now() + self.limits.connection,
            }),
            Err(error) => Err(Failure::Connect(error.kind(), error.to_string())),
        }
    }

    /// Sends a message of SSL 3 or newer and reads the answer.
    pub(crate) fn ask(&self, message: &[u8]) -> Outcome<Answer> {
        let mut reader = Reader::default();
        match self.exchange(message, |piece, _| reader.push(piece).map_err(|garbage| garbage.reason)) {
            Ok(true) => Outcome::Answered(reader.finish()),
            // A flight without its end still has a greeting.
            Ok(false) | Err(Failure::Silent) if reader.has_greeting() => Outcome::Answered(reader.finish()),
            Ok(false) => Outcome::Closed,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Sends a message of SSL 2 and reads the answer.
    pub(crate) fn ask_ssl2(&self, message: &[u8]) -> Outcome<ssl2::Answer> {
        let mut answer = None;
        let read = |_: &[u8], all: &[u8]| {
            let (found, progress) = ssl2::read(all).map_err(|garbage| garbage.reason)?;
            answer = found;
            Ok(progress)
        };
        match self.exchange(message, read) {
            Ok(_) => answer.map_or(Outcome::Closed, Outcome::Answered),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Hands over each piece, and all so far, until `read` has enough: true; or the server closes: false.
    fn exchange(
        &self,
        message: &[u8],
        mut read: impl FnMut(&[u8], &[u8]) -> Result<Progress, &'static str>,
    ) -> Result<bool, Failure> {
        let mut stream = self.open()?;
        if let Err(error) = stream.write_all(message).and_then(|()| stream.flush()) {
            return if is_closed(error.kind()) { Ok(false) } else { Err(Failure::Silent) };
        }
        let mut all = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let count = match stream.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_closed(error.kind()) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(Failure::TooMuch),
                Err(_) => return Err(Failure::Silent),
            };
            let piece = buffer.get(..count).unwrap_or_default();
            all.extend_from_slice(piece);
            match read(piece, &all) {
                Ok(Progress::Finished) => return Ok(true),
                Ok(Progress::More) => {}
                Err(reason) => {
                    all.truncate(64);
                    return Err(Failure::Garbage(reason, all));
                }
            }
        }
    }
}

/// What a server says no with.
pub(crate) fn refusal(answer: &Answer) -> String {
    match answer.alert {
        Some(number) => format!("alert {number}, {}", alert_name(number)),
        None => "no greeting".to_owned(),
    }
}

pub(crate) const fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}

/// A stream with an end: in bytes read, and in time. Each single wait has the stream's own timeout.
pub(crate) struct Bounded<S> {
    stream: S,
    left: usize,
    until: Instant,
}

impl<S: Read> Read for Bounded<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::Error::from(ErrorKind::TimedOut));
        }
        let count = self.stream.read(buffer)?;
        self.left = self.left.checked_sub(count).ok_or_else(|| io::Error::from(ErrorKind::FileTooLarge))?;
        Ok(count)
    }
}

impl<S: Write> Write for Bounded<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::Error::from(ErrorKind::TimedOut));
        }
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
