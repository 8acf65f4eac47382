//! Servers that the tests start, on free ports of loopback, and end by their own process id.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flaskseal_core::Date;
use flaskseal_tls::{Limits, Question, ScanError, TlsFacts, scan};

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// `openssl s_server` with these arguments.
    pub(crate) fn openssl(arguments: &[&str]) -> Self {
        let port = free_port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &port.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        Self { child, port }.ready(&format!("openssl s_server {}", arguments.join(" ")))
    }

    /// nginx with these server blocks, in which `PORT1` and so on stand for the ports that are returned with it.
    pub(crate) fn nginx(folder: &Path, blocks: &str, ports: usize) -> (Self, Vec<u16>) {
        let ports: Vec<u16> = (0..ports).map(|_| free_port()).collect();
        let mut text = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;\nevents {{ worker_connections 200; }}\n\
             http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; \
             uwsgi_temp_path t4; scgi_temp_path t5;\n{blocks}\n}}\n"
        );
        for (number, port) in ports.iter().enumerate().rev() {
            text = text.replace(&format!("PORT{}", number + 1), &format!("127.0.0.1:{port}"));
        }
        let file = folder.join("nginx.conf");
        fs::write(&file, &text).expect("a file can be written");
        let child = Command::new(nginx())
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let port = ports.first().copied().expect("there is a port");
        (Self { child, port }.ready(&text), ports)
    }

    /// The server in Python, with what OpenSSL lacks.
    pub(crate) fn old(certificate: &Path, key: &Path, oldest: &str, newest: &str, ciphers: &str) -> Self {
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/old_server.py"))
            .args([certificate, key])
            .args([oldest, newest, ciphers])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the server prints its port");
        Self { child, port: line.trim().parse().expect("a port") }
    }

    fn ready(mut self, what: &str) -> Self {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("a process has a state").is_some();
            assert!(!ended && begin.elapsed() < Duration::from_secs(20), "it does not start: {what}");
            thread::sleep(Duration::from_millis(5));
        }
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn nginx() -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/nginx/usr/sbin/nginx");
    let installed = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from);
    [unpacked]
        .into_iter()
        .chain(installed)
        .find(|path| path.exists())
        .expect("nginx is missing: run `cargo xtask test` once, it unpacks it")
}

/// The Python with the packages of `tests/requirements.txt`.
pub(crate) fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
    assert!(python.exists(), "target/venv is missing: run `cargo xtask test` once, it makes it");
    python
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
