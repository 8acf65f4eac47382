//! A site for the browser, under every name at once: it speaks HTTP and TLS on one port, so that a request shows by itself
//! whether it came over TLS.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use flaskseal_servers::{Chromium, self_signed};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request.
pub(crate) struct Visit {
    pub(crate) is_tls: bool,
    /// The name without the port.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) cookie: String,
    pub(crate) body: String,
}

impl Visit {
    /// An address of this site under another name.
    pub(crate) fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        format!("{scheme}://{host}:{}{path}", self.port)
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// Headers, each with its line's end, and a script that runs.
    Page(String, String),
    /// The browser has seen everything.
    Done,
}

impl Reply {
    /// A page that does no more than to go on.
    pub(crate) fn onward(url: &str) -> Self {
        Self::Page(String::new(), goes_to(url))
    }
}

/// The script that leads to an address.
pub(crate) fn goes_to(url: &str) -> String {
    format!("location.replace('{url}')")
}

/// Sends Chromium to an address (scheme, host and path) and answers it until it has seen everything.
pub(crate) fn tour(
    (scheme, host, path): (&str, &str, &str),
    answer: impl Fn(&Visit) -> Reply + Send + Sync + 'static,
) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    self_signed(folder.path(), "shop.test");
    let [chain, key] = ["fullchain.pem", "privkey.pem"].map(|name| folder.path().join(name));
    let certificate = CertificateDer::from_pem_file(&chain).expect("it was made");
    let secret = PrivateKeyDer::from_pem_file(&key).expect("it was made");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], secret)
        .expect("the key is that of the certificate");
    let script = "openssl x509 -pubkey -noout -in \"$1\" | openssl pkey -pubin -outform der | \
                  openssl dgst -sha256 -binary | openssl base64";
    let fingerprint = Command::new("sh").args(["-c", script, "sh"]).arg(&chain).output();
    let fingerprint = fingerprint.expect("openssl is installed").stdout;
    fs::remove_file(&key).expect("it was made");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let (sender, done): (_, Receiver<()>) = channel();
    let (answer, config) = (Arc::new(answer), Arc::new(config));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, config, sender) = (Arc::clone(&answer), Arc::clone(&config), sender.clone());
            thread::spawn(move || {
                if converse(stream, port, &config, &*answer).is_some_and(|is_done| is_done) {
                    // The test may have given up.
                    let _ = sender.send(());
                }
            });
        }
    });
    let url = format!("{scheme}://{host}:{port}{path}");
    let _browser = Chromium::open(&url, String::from_utf8_lossy(&fingerprint).trim());
    done.recv_timeout(Duration::from_mins(3)).expect("the browser sees everything");
}

/// Answers one request. Whether it was the last; `None` where there was none.
fn converse(
    stream: TcpStream,
    port: u16,
    config: &Arc<ServerConfig>,
    answer: &dyn Fn(&Visit) -> Reply,
) -> Option<bool> {
    let mut first = [0];
    stream.peek(&mut first).ok().filter(|count| *count == 1)?;
    // The type of the record that begins a handshake.
    if first == [0x16] {
        let session = ServerConnection::new(Arc::clone(config)).ok()?;
        let mut stream = StreamOwned::new(session, stream);
        let is_done = exchange(&mut stream, true, port, answer)?;
        stream.conn.send_close_notify();
        let _ = stream.flush();
        Some(is_done)
    } else {
        exchange(stream, false, port, answer)
    }
}

fn exchange(
    mut stream: impl Read + Write,
    is_tls: bool,
    port: u16,
    answer: &dyn Fn(&Visit) -> Reply,
) -> Option<bool> {
    let mut reader = BufReader::new(&mut stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let named = lines.iter().filter_map(|line| line.split_once(':'));
        named
            .clone()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let visit = Visit {
        is_tls,
        host: header("host").split(':').next()?.to_owned(),
        port,
        path: lines.first()?.split(' ').nth(1)?.to_owned(),
        cookie: header("cookie").to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (headers, script, is_done) = match answer(&visit) {
        Reply::Page(headers, script) => (headers, script, false),
        Reply::Done => (String::new(), String::new(), true),
    };
    let page = format!("<!doctype html><script>{script}</script>");
    let length = page.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store\r\nConnection: close\r\n\
         {headers}Content-Length: {length}\r\n\r\n{page}"
    )
    .ok()?;
    stream.flush().ok()?;
    Some(is_done)
}
