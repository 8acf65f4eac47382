//! Servers that mean no good, or cannot: a scan of each costs bounded time and memory, and ends in a clear line.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use flaskseal_core::Date;
use flaskseal_tls::{
    Limits, Offer, Preference, Question, ScanError, Sni, Strength, TlsFacts, Trust, Version, scan,
};
use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions, parse_tls_plaintext,
};

/// Pieces of bytes, one for each read.
type Pieces = Box<dyn Iterator<Item = Vec<u8>>>;

/// A stream to a server that answers what was written with pieces of bytes.
struct Stream<'a> {
    server: &'a (dyn Fn(&[u8]) -> Pieces + Sync),
    written: Vec<u8>,
    pieces: Option<Pieces>,
    left: Vec<u8>,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pieces = self.pieces.get_or_insert_with(|| (self.server)(&self.written));
        if self.left.is_empty() {
            match pieces.next() {
                None => return Ok(0),
                // An empty piece is a wait that ends without anything.
                Some(piece) if piece.is_empty() => return Err(io::Error::from(ErrorKind::WouldBlock)),
                Some(piece) => self.left = piece,
            }
        }
        let count = self.left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    connections: 300,
    bytes: 64 << 10,
    connection: Duration::from_millis(200),
    whole: Duration::from_secs(3),
};

fn look(server: &(dyn Fn(&[u8]) -> Pieces + Sync)) -> Result<TlsFacts, ScanError> {
    let connect = || Ok(Stream { server, written: Vec::new(), pieces: None, left: Vec::new() });
    let today = Date::new(2026, 11, 25).expect("a day of the calendar");
    let begin = Instant::now();
    let found = scan(&connect, &Question { host: "shop.example", today, extra_roots: &[] }, &LIMITS);
    assert!(begin.elapsed() < Duration::from_secs(20), "it took {:?}", begin.elapsed());
    found
}

fn once(bytes: impl Into<Vec<u8>>) -> Pieces {
    Box::new(std::iter::once(bytes.into()))
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 3, 1];
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// What a client asked: its version, its suites, and whether it can compress.
struct Asked {
    version: u16,
    suites: Vec<u16>,
    compression: bool,
}

fn asked(bytes: &[u8]) -> Option<Asked> {
    let (_, record) = parse_tls_plaintext(bytes).ok()?;
    let Some(TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))) = record.msg.first() else {
        return None;
    };
    let mut version = hello.version.0;
    if let Some((_, extensions)) = hello.ext.and_then(|ext| parse_tls_client_hello_extensions(ext).ok()) {
        for extension in extensions {
            if let TlsExtension::SupportedVersions(all) = extension {
                version = all.first()?.0;
            }
        }
    }
    Some(Asked {
        version,
        suites: hello
            .ciphers
            .iter()
            .map(|suite| suite.0)
            .filter(|suite| *suite != 0xff && *suite != 0x5600)
            .collect(),
        compression: hello.comp.iter().any(|method| method.0 == 1),
    })
}

/// Everything that a server of TLS 1.2 or older says in clear.
fn flight(version: u16, suite: u16, compression: u8, certificate: &[u8]) -> Vec<u8> {
    let mut hello = version.to_be_bytes().to_vec();
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&suite.to_be_bytes());
    hello.push(compression);
    let length = |size: usize| [0, (size >> 8) as u8, size as u8];
    let mut chain = length(certificate.len() + 3).to_vec();
    chain.extend(length(certificate.len()));
    chain.extend_from_slice(certificate);
    [record(22, &message(2, &hello)), record(22, &message(11, &chain)), record(22, &message(14, &[]))]
        .concat()
}

#[test]
fn what_is_no_tls_is_named() {
    for (bytes, wanted) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "the port answers plain HTTP"),
        ("<html>400</html>", "the port answers plain HTTP"),
        (
            "SSH-2.0-OpenSSH_9.2p1\r\n",
            "the port does not speak TLS: it answers `SSH-2.0-OpenSSH_9.2p1\\r\\n`",
        ),
        ("\x1b[31m\x07", "the port does not speak TLS: it answers `\\x1b[31m\\x07`"),
    ] {
        assert_eq!(look(&|_| once(bytes)).map_err(|error| error.to_string()).err().as_deref(), Some(wanted));
    }
    assert_eq!(look(&|_| Box::new(std::iter::empty())), Err(ScanError::Closed));
    assert_eq!(look(&|_| Box::new(std::iter::repeat(Vec::new()))), Err(ScanError::Silent));
    let refused = scan::<Stream<'_>, _>(
        &|| Err(io::Error::from(ErrorKind::ConnectionRefused)),
        &Question { host: "a", today: Date::new(2026, 1, 1).expect("a day"), extra_roots: &[] },
        &LIMITS,
    );
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("cannot connect: connection refused".to_owned())
    );
}

#[test]
fn a_slow_drip_ends_in_time() {
    let drip = |_: &[u8]| -> Pieces {
        Box::new(flight(0x0303, 0x002f, 0, &[1; 9000]).into_iter().map(|byte| {
            thread::sleep(Duration::from_millis(20));
            vec![byte]
        }))
    };
    // Ten bytes come in the time of a connection: no greeting.
    assert_eq!(look(&drip), Err(ScanError::Silent));
}

#[test]
fn an_answer_without_an_end_is_cut() {
    // Messages that mean nothing, one after the other.
    let endless = |_: &[u8]| -> Pieces { Box::new(std::iter::repeat_with(|| record(22, &message(0, &[])))) };
    assert!(matches!(look(&endless), Err(ScanError::Endless | ScanError::Silent)));
    let warnings = |_: &[u8]| -> Pieces { Box::new(std::iter::repeat_with(|| record(21, &[1, 90]))) };
    assert!(matches!(look(&warnings), Err(ScanError::Endless | ScanError::Silent)));
    let flood = |_: &[u8]| -> Pieces { Box::new(std::iter::repeat_with(|| record(22, &[11; 16_384]))) };
    assert!(look(&flood).is_err());
    // A certificate of 16 MB is announced, and never believed.
    let huge = |_: &[u8]| once(record(22, &[11, 0xff, 0xff, 0xff, 0, 0, 0]));
    let error = look(&huge).map_err(|error| error.to_string()).err();
    assert!(error.is_some_and(|line| line.starts_with("the port does not speak TLS")));
}

#[test]
fn a_server_that_takes_everything_is_bounded() {
    let opened = Mutex::new(0_u32);
    let server = |bytes: &[u8]| {
        *opened.lock().expect("nothing panics") += 1;
        match asked(bytes) {
            Some(asked) if asked.version < 0x0304 => {
                let suite = asked.suites.first().copied().unwrap_or_default();
                once(flight(asked.version, suite, u8::from(asked.compression), b"no certificate"))
            }
            _ => once(record(21, &[2, 70])),
        }
    };
    let facts = look(&server).expect("it answers");
    assert_eq!(facts.connections, LIMITS.connections);
    assert_eq!(facts.connections, *opened.lock().expect("nothing panics"));
    assert!(
        facts.gaps.iter().any(|gap| gap.ends_with("the bound on connections or time is reached")),
        "{:?}",
        facts.gaps
    );
    assert_eq!(
        facts.chain().map(|chain| &chain.trust),
        Some(&Trust::Refused("it cannot be read".to_owned()))
    );
    assert_eq!(facts.accepts(Version::Ssl3), Some(true));
}

#[test]
fn what_was_never_offered_ends_the_questions() {
    let server = |bytes: &[u8]| match asked(bytes) {
        Some(asked) => once(flight(asked.version.min(0x0303), 0x1234, 0, b"")),
        None => once(record(21, &[2, 10])),
    };
    let facts = look(&server).expect("it answers");
    assert!(facts.connections < 30, "{}", facts.connections);
    assert!(facts.gaps.iter().any(|gap| gap.ends_with("a suite that was not offered")), "{:?}", facts.gaps);
}

#[test]
fn bytes_of_every_kind_end_somehow() {
    let good = flight(0x0303, 0xc02f, 0, &[0x30; 300]);
    for seed in 0..120_usize {
        let broken = |_: &[u8]| {
            let mut bytes = good.clone();
            let (at, value) = (seed * 7 % bytes.len(), (seed * 31) as u8);
            bytes[at] = value;
            bytes.truncate(bytes.len() - seed % 40);
            once(bytes)
        };
        let _ = look(&broken);
    }
}

/// A server of SSL 2 and SSL 3 that prefers RC4, compresses, and lets no stranger in.
#[test]
fn what_no_library_speaks_any_more_is_found() {
    let server = |bytes: &[u8]| {
        if let [0x80..=0xff, _, 1, 0, 2, ..] = bytes {
            let body = [4, 0, 1, 0, 2, 0, 2, 0, 6, 0, 0, 0xaa, 0xbb, 1, 0, 0x80, 7, 0, 0xc0];
            return once([&[0x80, body.len() as u8], body.as_slice()].concat());
        }
        let Some(asked) = asked(bytes) else { return once(record(21, &[2, 10])) };
        let mine = [0x0005, 0x000a].into_iter().find(|suite| asked.suites.contains(suite));
        match mine {
            Some(suite) if asked.version == 0x0300 => {
                once(flight(0x0300, suite, u8::from(asked.compression), &[0x30, 0]))
            }
            Some(_) => once(record(21, &[2, 70])),
            None => once(record(21, &[2, 40])),
        }
    };
    let facts = look(&server).expect("it answers");
    let offers: Vec<bool> = facts.versions.iter().map(|one| one.offer == Offer::Accepted).collect();
    assert_eq!(offers, [true, true, false, false, false, false]);
    let names: Vec<&str> = facts.suites().map(|(_, suite)| suite.name).collect();
    assert_eq!(
        names,
        [
            "SSL_CK_RC4_128_WITH_MD5",
            "SSL_CK_DES_192_EDE3_CBC_WITH_MD5",
            "TLS_RSA_WITH_RC4_128_SHA",
            "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
        ]
    );
    assert!(facts.suites().all(|(_, suite)| suite.strength() == Strength::Broken));
    assert_eq!(facts.versions[1].preference, Some(Preference::Server));
    assert_eq!((facts.compression, facts.secure_renegotiation), (Some(true), Some(false)));
    assert_eq!(facts.without_name, Sni::SameChain);
}
