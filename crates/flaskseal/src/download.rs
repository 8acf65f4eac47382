//! One file over HTTPS: the only place in the program that opens a connection, and only for `db update`.
//!
//! Proxies are those of the environment. A connection that breaks is taken up again where it broke, if the server
//! still has the same file.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};

pub(crate) enum Fetched {
    /// The server has what we have.
    Unchanged,
    New {
        bytes: Vec<u8>,
        /// What the server calls this version; empty where it does not say.
        etag: String,
    },
}

/// Connections that may break before it is given up.
const ATTEMPTS: usize = 5;

/// Fetches a file of at most `limit` bytes, unless it still has the name `etag`.
pub(crate) fn fetch(url: &str, etag: &str, limit: u64, say: &dyn Fn(String)) -> anyhow::Result<Fetched> {
    let is_local =
        ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|start| url.starts_with(start));
    ensure!(url.starts_with("https://") || is_local, "{url} is not fetched: use `https://`");
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .timeout_global(Some(Duration::from_mins(30)))
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .user_agent(concat!("flaskseal/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut bytes: Vec<u8> = Vec::new();
    let mut version = String::new();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut request = agent.get(url);
        if bytes.is_empty() {
            if !etag.is_empty() {
                request = request.header("If-None-Match", etag);
            }
        } else {
            request = request.header("Range", format!("bytes={}-", bytes.len())).header("If-Range", &version);
        }
        let broken = match request.call() {
            Ok(response) => match take(response, url, limit, &mut bytes, &mut version, say)? {
                Taken::All => return Ok(Fetched::New { bytes, etag: version }),
                Taken::Unchanged => return Ok(Fetched::Unchanged),
                Taken::Broken(error) => error,
            },
            Err(error) => anyhow::Error::new(error),
        };
        if attempt >= ATTEMPTS {
            return Err(broken).with_context(|| format!("{url} cannot be fetched, and nothing was changed"));
        }
        // Without a name there is no telling whether the rest belongs to the same file.
        if version.is_empty() {
            bytes.clear();
        }
        say(format!("the connection broke, trying again ({attempt} of {ATTEMPTS})"));
        std::thread::sleep(Duration::from_millis(200 << attempt));
    }
}

enum Taken {
    All,
    Unchanged,
    /// The connection broke; what was received is kept.
    Broken(anyhow::Error),
}

fn take(
    mut response: Response<ureq::Body>,
    url: &str,
    limit: u64,
    bytes: &mut Vec<u8>,
    version: &mut String,
    say: &dyn Fn(String),
) -> anyhow::Result<Taken> {
    match response.status().as_u16() {
        304 => return Ok(Taken::Unchanged),
        206 if !bytes.is_empty() => {}
        200 => bytes.clear(),
        status if status >= 500 => return Ok(Taken::Broken(anyhow::anyhow!("the server answers {status}"))),
        status => bail!("{url} answers {status}, and nothing was changed"),
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    header("etag").unwrap_or_default().clone_into(version);
    let announced = header("content-length").and_then(|length| length.parse::<u64>().ok());
    let expected = announced.map(|length| length + bytes.len() as u64);
    ensure!(expected.is_none_or(|size| size <= limit), "{url} is larger than {} MiB", limit >> 20);
    let mut body = response.body_mut().with_config().limit(limit + 1).reader();
    let mut chunk = vec![0; 256 << 10];
    loop {
        match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                ensure!(bytes.len() as u64 <= limit, "{url} is larger than {} MiB", limit >> 20);
                let all = expected.map_or_else(String::new, |size| format!(" of {:.1}", mebibytes(size)));
                say(format!("fetching advisories: {:.1}{all} MiB", mebibytes(bytes.len() as u64)));
            }
            Err(error) => return Ok(Taken::Broken(error.into())),
        }
    }
    match expected {
        Some(size) if size != bytes.len() as u64 => {
            Ok(Taken::Broken(anyhow::anyhow!("the connection ended early")))
        }
        _ => Ok(Taken::All),
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
