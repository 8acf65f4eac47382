//! A scan of a server that a test has started.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flaskseal_core::Date;
use flaskseal_servers::{Server, python};
use flaskseal_tls::{Limits, Question, ScanError, TlsFacts, scan};

/// The server in Python, with what OpenSSL lacks.
pub(crate) fn old(certificate: &Path, key: &Path, oldest: &str, newest: &str, ciphers: &str) -> Server {
    let mut command = Command::new(python());
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/old_server.py"))
        .args([certificate, key])
        .args([oldest, newest, ciphers]);
    Server::announced(command)
}

/// Scans a port of loopback.
pub(crate) fn look(port: u16, host: &str, today: Date, roots: &[Vec<u8>]) -> Result<TlsFacts, ScanError> {
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    // Debug builds, servers that take one client at a time, and other tests at the same time.
    let limits = Limits {
        connection: Duration::from_secs(30),
        whole: Duration::from_mins(2),
        connections: 600,
        ..Limits::default()
    };
    scan(&connect, &Question { host, today, extra_roots: roots }, &limits)
}
