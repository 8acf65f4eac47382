//! What a survey says of a site's TLS: nginx and `openssl s_server` on loopback, ended by their own process id.

#![allow(clippy::disallowed_methods, reason = "tests that start real servers")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use flaskseal_core::Date;
use flaskseal_live::{Site, Tls};
use flaskseal_probe::{Options, Stop, roots, survey};
use flaskseal_tls::{Certificate, ScanError, Trust, Version, roots_from_pem};
use url::Url;

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nginx with the certificate of the folder.
fn nginx(folder: &Path) -> Server {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/nginx/usr/sbin/nginx");
    let installed = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from);
    let program = [unpacked].into_iter().chain(installed).find(|path| path.exists());
    let program = program.expect("nginx is missing: run `cargo xtask test` once, it unpacks it");
    let port = free_port();
    let text = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\nevents {{ worker_connections 100; }}\n\
         http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; \
         uwsgi_temp_path t4; scgi_temp_path t5;\nserver {{ listen 127.0.0.1:{port} ssl; \
         ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate site.pem; ssl_certificate_key site.key; return 200 here; }} }}\n"
    );
    std::fs::write(folder.join("nginx.conf"), text).expect("a file can be written");
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    start(command, port)
}

/// `openssl s_server`, which answers no request.
fn openssl(folder: &Path, arguments: &[&str]) -> Server {
    let port = free_port();
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-quiet", "-accept", &port.to_string(), "-cert", "site.pem", "-key", "site.key"])
        .args(arguments)
        .current_dir(folder);
    start(command, port)
}

fn start(mut command: Command, port: u16) -> Server {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = Server { child: command.spawn().expect("it starts"), port };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = server.child.try_wait().expect("a process has a state").is_some();
        assert!(!ended && begin.elapsed() < Duration::from_secs(20), "{command:?} does not start");
        thread::sleep(Duration::from_millis(5));
    }
    server
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// A certificate for localhost that signs itself, and its text.
fn certificate(folder: &Path) -> String {
    let status = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "site.key", "-out", "site.pem"])
        .args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .expect("openssl is installed");
    assert!(status.success());
    std::fs::read_to_string(folder.join("site.pem")).expect("it was made")
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
    let server = openssl(folder.path(), &["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
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
