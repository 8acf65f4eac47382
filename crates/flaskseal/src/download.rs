//! One file over HTTPS, for `db update`. The other place that opens connections is `flaskseal_probe`.
//!
//! Proxies are those of the environment. A connection that breaks is taken up again where it broke, if the server
//! still has the same file; so is one that an earlier run began. What has other checksums than the server names is
//! fetched again from the start.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};

use crate::checksum;

pub(crate) enum Fetched {
    /// The server has what we have.
    Unchanged,
    New {
        bytes: Vec<u8>,
        /// What the server calls this version; empty where it does not say.
        etag: String,
        /// The kinds of checksum that the server named and that the bytes have.
        verified: Vec<&'static str>,
    },
}

/// The beginning of a file.
#[derive(Default)]
pub(crate) struct Partial {
    pub(crate) bytes: Vec<u8>,
    /// What the server calls the version that they are of; without a name nobody can go on with them.
    pub(crate) etag: String,
}

/// What the caller wants to be told.
pub(crate) struct Listener<'l> {
    /// What happens beside that bytes arrive.
    pub(crate) say: &'l dyn Fn(String),
    /// How many bytes there are, and how many there will be, where the server says so.
    pub(crate) received: &'l dyn Fn(u64, Option<u64>),
    /// What there is so far, now and then and before it is given up.
    pub(crate) keep: &'l dyn Fn(&Partial),
}

/// So many bytes are received between two calls of `Listener::keep`.
const KEEP_EVERY: usize = 4 << 20;

/// Connections that may break before it is given up.
const ATTEMPTS: usize = 5;

/// Fetches a file of at most `limit` bytes, unless it still has the name `etag`, and goes on with what is there of it.
pub(crate) fn fetch(
    url: &str,
    etag: &str,
    limit: u64,
    begun: Partial,
    listener: &Listener<'_>,
) -> anyhow::Result<Fetched> {
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
    let mut partial = if begun.etag.is_empty() { Partial::default() } else { begun };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut request = agent.get(url);
        if !partial.bytes.is_empty() {
            let range = format!("bytes={}-", partial.bytes.len());
            request = request.header("Range", range).header("If-Range", &partial.etag);
        } else if !etag.is_empty() {
            request = request.header("If-None-Match", etag);
        }
        let broken = match request.call() {
            Ok(response) => match take(response, url, limit, &mut partial, listener)? {
                Taken::All(verified) => {
                    let Partial { bytes, etag } = partial;
                    return Ok(Fetched::New { bytes, etag, verified });
                }
                Taken::Unchanged => return Ok(Fetched::Unchanged),
                Taken::Broken(error) => error,
            },
            Err(error) => anyhow::Error::new(error),
        };
        // Without a name there is no telling whether the rest belongs to the same file.
        if partial.etag.is_empty() {
            partial.bytes.clear();
        }
        if attempt >= ATTEMPTS {
            (listener.keep)(&partial);
            return Err(broken).with_context(|| {
                format!("{url} cannot be fetched, and nothing was changed; without a network, `flaskseal db import FILE` takes the same file from disk")
            });
        }
        (listener.say)(format!("the connection broke, trying again ({attempt} of {ATTEMPTS})"));
        std::thread::sleep(Duration::from_millis(200 << attempt));
    }
}

enum Taken {
    /// With the kinds of checksum that agree.
    All(Vec<&'static str>),
    Unchanged,
    /// The connection broke; what was received is kept.
    Broken(anyhow::Error),
}

fn take(
    mut response: Response<ureq::Body>,
    url: &str,
    limit: u64,
    partial: &mut Partial,
    listener: &Listener<'_>,
) -> anyhow::Result<Taken> {
    match response.status().as_u16() {
        304 => return Ok(Taken::Unchanged),
        206 if !partial.bytes.is_empty() && continues(&response, partial) => {}
        200 => partial.bytes.clear(),
        // There is no such rest: the file is another one by now.
        206 | 416 if !partial.bytes.is_empty() => {
            partial.bytes.clear();
            return Ok(Taken::Broken(anyhow::anyhow!("the server has no rest of the file")));
        }
        status if status >= 500 => return Ok(Taken::Broken(anyhow::anyhow!("the server answers {status}"))),
        status => bail!("{url} answers {status}, and nothing was changed"),
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    // The rest of a file may come without its name.
    if let Some(etag) = header("etag").or(partial.bytes.is_empty().then_some("")) {
        etag.clone_into(&mut partial.etag);
    }
    let sums = checksum::named(response.headers());
    let announced = header("content-length").and_then(|length| length.parse::<u64>().ok());
    let expected = announced.map(|length| length.saturating_add(partial.bytes.len() as u64));
    ensure!(expected.is_none_or(|size| size <= limit), "{url} is larger than {} MiB", limit >> 20);
    let mut body = response.body_mut().with_config().limit(limit + 1).reader();
    let mut chunk = vec![0; 256 << 10];
    let mut kept = partial.bytes.len();
    loop {
        match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = &mut partial.bytes;
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                ensure!(bytes.len() as u64 <= limit, "{url} is larger than {} MiB", limit >> 20);
                (listener.received)(bytes.len() as u64, expected);
            }
            Err(error) => return Ok(Taken::Broken(error.into())),
        }
        if partial.bytes.len() - kept >= KEEP_EVERY {
            kept = partial.bytes.len();
            (listener.keep)(partial);
        }
    }
    match expected {
        Some(size) if size != partial.bytes.len() as u64 => {
            return Ok(Taken::Broken(anyhow::anyhow!("the connection ended early")));
        }
        _ => {}
    }
    if let Some(wrong) = sums.iter().find(|sum| !sum.is_of(&partial.bytes)) {
        partial.bytes.clear();
        let name = wrong.name();
        return Ok(Taken::Broken(anyhow::anyhow!("what arrived has another {name} than the server names")));
    }
    Ok(Taken::All(sums.iter().map(checksum::Checksum::name).collect()))
}

/// Whether the answer is the rest of the same file.
fn continues(response: &Response<ureq::Body>, partial: &Partial) -> bool {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let start = format!("bytes {}-", partial.bytes.len());
    header("etag").is_none_or(|etag| etag == partial.etag)
        && header("content-range").is_none_or(|range| range.starts_with(&start))
}
