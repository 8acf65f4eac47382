//! What a survey says of a site's TLS: nginx and `openssl s_server` on loopback, ended by their own process id.

#![allow(clippy::disallowed_methods, reason = "tests that start real servers")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flaskseal_core::Date;
use flaskseal_live::{Site, Terms, Tls};
use flaskseal_probe::{Options, Stop, roots, survey};
use flaskseal_servers::{Server, self_signed};
use flaskseal_tls::{Certificate, ScanError, Trust, Version, roots_from_pem};
use url::Url;

/// nginx with the certificate of the folder.
fn nginx(folder: &Path) -> Server {
    let http = "server { listen PORT1 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate fullchain.pem; \
                ssl_certificate_key privkey.pem; return 200 here; }";
    Server::nginx(folder, http, 1).0
}

/// A certificate for localhost that signs itself, and its text.
fn certificate(folder: &Path) -> String {
    self_signed(folder, "localhost");
    std::fs::read_to_string(folder.join("fullchain.pem")).expect("it was made")
}

fn look(port: u16, own: &str) -> Result<Site, String> {
    let own_roots = roots_from_pem(own);
    let today = own_roots.first().and_then(|der| Certificate::from_der(der)).map(|one| one.not_before);
    let options = Options {
        url: Url::parse(&format!("https://localhost:{port}/")).expect("an address"),
        headers: Vec::new(),
        mappings: Vec::new(),
        proxy: None,
        roots: Arc::new(roots(None).expect("Mozilla's can be read")),
        own_roots,
        today: today.unwrap_or(Date { year: 2026, month: 11, day: 25 }),
        terms: Terms::default(),
        trust_anybody: false,
        timeout: Duration::from_secs(10),
        total: Duration::from_mins(1),
        pause: Duration::ZERO,
        max_requests: 10,
        routes: Vec::new(),
    };
    survey(&options, &Stop::default(), &|_| ()).map(|outcome| outcome.site)
}

#[test]
fn a_site_says_what_it_offers() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let pem = certificate(folder.path());
    let server = nginx(folder.path());
    for (own, trust) in [("", Trust::SelfSigned), (pem.as_str(), Trust::Trusted)] {
        let site = look(server.port, own).expect("it answers");
        let offer = site.offer.as_ref().and_then(|offer| offer.as_ref().ok()).expect("it speaks TLS");
        let chain = offer.facts.chain().expect("it shows a chain");
        assert_eq!((&chain.trust, chain.covers_host), (&trust, true));
        assert_eq!(offer.facts.accepts(Version::Tls13), Some(true));
        assert!(offer.text.starts_with("host: localhost\n"));
        assert!(!site.exchanges.is_empty());
    }
}

#[test]
fn a_site_that_nobody_can_read_is_seen_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    certificate(folder.path());
    let [own, key] =
        ["fullchain.pem", "privkey.pem"].map(|name| folder.path().join(name).display().to_string());
    let server = Server::openssl(&["-cert", &own, "-key", &key, "-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    let site = look(server.port, "").expect("something was seen");
    assert!(site.exchanges.is_empty() && matches!(site.tls, Tls::Failed(_)));
    let offer = site.offer.and_then(Result::ok).expect("it speaks TLS 1.0");
    assert_eq!(
        [Version::Tls10, Version::Tls12].map(|version| offer.facts.accepts(version)),
        [Some(true), Some(false)]
    );
}

#[test]
fn http_on_a_port_for_tls_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut peer, &mut [0; 2048]);
            let _ = std::io::Write::write_all(&mut peer, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let site = look(port, "").expect("something was seen");
    assert_eq!(site.offer.map(|offer| offer.map(|offer| offer.text)), Some(Err(ScanError::PlainHttp)));
}
