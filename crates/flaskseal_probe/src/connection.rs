//! A connection to the site: by its name or where a mapping leads, through a proxy or not, with TLS or without, and
//! never longer than its deadline.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use url::Url;

use crate::Options;
use crate::answer::Reader;
use crate::verifier::Recorder;

/// Why there is no answer. The texts are clauses for people.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("its name is not known: {0}")]
    Name(String),
    #[error("the connection is refused")]
    Refused,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer in time")]
    Late,
    #[error("the TLS handshake fails: {0}")]
    Tls(String),
    #[error("the proxy does not help: {0}")]
    Proxy(String),
    #[error("what it answers is not HTTP: {0}")]
    NotHttp(String),
    #[error("the head of its answer is larger than {0} KiB or has more than {1} headers")]
    Flood(usize, usize),
    #[error("the connection breaks: {0}")]
    Broken(String),
}

impl Failure {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Late,
            io::ErrorKind::InvalidData => Self::Tls(error.to_string()),
            io::ErrorKind::UnexpectedEof => Self::Broken("it ends early".to_owned()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { is_tls: url.scheme() == "https", host, port: url.port_or_known_default()? })
    }
}

/// Something to speak HTTP over.
pub(crate) enum Connection {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

/// What a handshake came to.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub(crate) version: String,
    pub(crate) suite: String,
    pub(crate) untrusted: Option<String>,
}

impl Read for Connection {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Opens a connection that ends at the deadline.
pub(crate) fn open(
    origin: &Origin,
    options: &Options,
    deadline: Instant,
    stop: &Arc<AtomicBool>,
) -> Result<(Connection, Option<Handshake>), Failure> {
    let wire = dial(origin, options, deadline, stop)?;
    if !origin.is_tls {
        return Ok((Connection::Plain(wire), None));
    }
    let (stream, handshake) = speak_tls(wire, &origin.host, options)?;
    Ok((Connection::Tls(Box::new(stream)), Some(handshake)))
}

/// A socket to the origin, through the proxy where there is one.
pub(crate) fn dial(
    origin: &Origin,
    options: &Options,
    deadline: Instant,
    stop: &Arc<AtomicBool>,
) -> Result<Wire, Failure> {
    let Some(proxy) = &options.proxy else {
        return connect(addresses(&origin.host, origin.port, options, deadline)?, deadline, stop);
    };
    let host = proxy.host_str().ok_or_else(|| Failure::Proxy("it has no name".to_owned()))?;
    let port = proxy.port_or_known_default().unwrap_or(8080);
    let helped = |failure: Failure| Failure::Proxy(failure.to_string());
    let at = resolve(host.trim_start_matches('[').trim_end_matches(']'), port, deadline).map_err(helped)?;
    let wire = connect(at, deadline, stop).map_err(helped)?;
    if origin.is_tls { tunnel(wire, origin, proxy) } else { Ok(wire) }
}

/// `CONNECT`, by RFC 9110, section 9.3.6.
fn tunnel(mut wire: Wire, origin: &Origin, proxy: &Url) -> Result<Wire, Failure> {
    let host = if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
    let login = proxy_login(proxy).map_or(String::new(), |login| format!("Proxy-Authorization: {login}\r\n"));
    let request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n", port = origin.port);
    wire.write_all(request.as_bytes()).map_err(|error| Failure::of(&error))?;
    // Byte by byte: what follows the head belongs to the tunnel.
    let head = Reader::new(&mut wire, 1).head().map_err(|failure| Failure::Proxy(failure.to_string()))?;
    if (200..300).contains(&head.status) {
        Ok(wire)
    } else {
        Err(Failure::Proxy(format!("it answers {} {}", head.status, head.reason)))
    }
}

/// The value of `Proxy-Authorization`, where the proxy's address has a user.
pub(crate) fn proxy_login(proxy: &Url) -> Option<String> {
    if proxy.username().is_empty() {
        return None;
    }
    let pair = format!("{}:{}", proxy.username(), proxy.password().unwrap_or(""));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn addresses(
    host: &str,
    port: u16,
    options: &Options,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let mapped = options
        .mappings
        .iter()
        .filter(|mapping| mapping.port == port && mapping.host.eq_ignore_ascii_case(host));
    let mapped: Vec<SocketAddr> = mapped.map(|mapping| mapping.to).collect();
    if mapped.is_empty() { resolve(host, port, deadline) } else { Ok(mapped) }
}

fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
    let name = host.to_owned();
    answered(move || Ok((name.as_str(), port).to_socket_addrs()?.take(8).collect()), deadline)
}

/// Asks the system's resolver, which knows no deadline: a thread of its own waits for it.
fn answered(
    ask: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Who asked may have gone.
        let _ = sender.send(ask());
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        Ok(Ok(_)) => Err(Failure::Name("it has no address".to_owned())),
        Ok(Err(error)) => Err(Failure::Name(error.to_string())),
        Err(_) => Err(Failure::Late),
    }
}

fn connect(addresses: Vec<SocketAddr>, deadline: Instant, stop: &Arc<AtomicBool>) -> Result<Wire, Failure> {
    let mut last = Failure::Late;
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left.min(Duration::from_secs(5))) {
            Ok(stream) => {
                // Small requests go at once; without it they go a little later.
                let _ = stream.set_nodelay(true);
                return Ok(Wire { stream, deadline, stop: Arc::clone(stop) });
            }
            Err(error) => {
                last = match Failure::of(&error) {
                    Failure::Broken(text) => Failure::Unreachable(text),
                    other => other,
                };
            }
        }
    }
    Err(last)
}

fn speak_tls(
    mut wire: Wire,
    host: &str,
    options: &Options,
) -> Result<(StreamOwned<ClientConnection, Wire>, Handshake), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let strict =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&options.roots), Arc::clone(&provider))
            .build()
            .map_err(|error| failed(&error))?;
    let recorder = Arc::new(Recorder::new(strict));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<_>)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(&error))?;
    while session.is_handshaking() {
        session.complete_io(&mut wire).map_err(|error| match Failure::of(&error) {
            Failure::Broken(text) => Failure::Tls(text),
            other => other,
        })?;
    }
    let version = session.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str().map(str::to_owned));
    let handshake = Handshake {
        version: version.map_or_else(|| "TLS".to_owned(), |version| version.replace("TLSv1_", "TLS 1.")),
        suite: suite.unwrap_or_default(),
        untrusted: recorder.untrusted(),
    };
    Ok((StreamOwned::new(session, wire), handshake))
}

/// How long a read may wait before it looks whether it should go on.
const GLANCE: Duration = Duration::from_millis(100);

/// A socket that knows when to end.
pub(crate) struct Wire {
    stream: TcpStream,
    deadline: Instant,
    stop: Arc<AtomicBool>,
}

impl Wire {
    fn left(&self) -> io::Result<Duration> {
        // Not `Interrupted`, after which the standard library tries again.
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "stopped"));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left.min(GLANCE)) }
    }
}

/// Only the glance has ended, not the time.
fn is_glance<T>(done: &io::Result<T>) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    done.as_ref().is_err_and(|error| matches!(error.kind(), WouldBlock | TimedOut | Interrupted))
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let done = self.stream.read(bytes);
            if !is_glance(&done) {
                return done;
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(Some(self.left()?))?;
            let done = self.stream.write(bytes);
            if !is_glance(&done) {
                return done;
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_hangs_is_not_waited_for() {
        let begin = Instant::now();
        let hangs = || {
            std::thread::sleep(Duration::from_mins(10));
            Ok(Vec::new())
        };
        let failure = answered(hangs, begin + Duration::from_millis(200)).expect_err("nobody answers");
        assert!(matches!(failure, Failure::Late) && begin.elapsed() < Duration::from_secs(20));
        let nothing = answered(|| Ok(Vec::new()), begin + Duration::from_secs(20)).expect_err("no address");
        assert_eq!(nothing.to_string(), "its name is not known: it has no address");
    }
}
