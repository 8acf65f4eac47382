//! A server as a process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::program;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The first port that it listens on.
    pub port: u16,
    /// What it wrote.
    log: NamedTempFile,
}

/// Debug builds, and other tests at the same time.
const PATIENCE: Duration = Duration::from_mins(1);

impl Server {
    /// Starts a command that is to listen on a port of loopback, and waits until it does.
    pub fn start(mut command: Command, port: u16) -> Self {
        let log = NamedTempFile::new().expect("a file can be made");
        let file = || log.reopen().expect("the file was made");
        command.stdin(Stdio::null()).stdout(file()).stderr(file());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, port, log };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("a process has a state");
            let is_late = ended.is_some() || begin.elapsed() > PATIENCE;
            assert!(!is_late, "it does not start ({ended:?}): {command:?}\n{}", server.log());
            sleep(Duration::from_millis(5));
        }
        server
    }

    /// Starts a command whose first line of output is the port that it listens on.
    pub fn announced(mut command: Command) -> Self {
        let log = NamedTempFile::new().expect("a file can be made");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.reopen().expect("the file was made"));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        // The line comes when it listens; when it dies there is an end instead.
        BufReader::new(output).read_line(&mut line).expect("it prints text");
        let mut server = Self { child, port: 0, log };
        server.port =
            line.trim().parse().unwrap_or_else(|_| panic!("{command:?} says {line:?}\n{}", server.log()));
        server
    }

    /// `openssl s_server` with these arguments.
    pub fn openssl(arguments: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-accept", &port.to_string()]).args(arguments);
        Self::start(command, port)
    }

    /// nginx with what its `http` block is to hold, in which `PORT1` and so on stand for addresses of loopback whose
    /// ports are returned with it. It works in the folder, where it finds certificates and writes its logs.
    pub fn nginx(folder: &Path, http: &str, ports: usize) -> (Self, Vec<u16>) {
        let ports: Vec<u16> = (0..ports).map(|_| free_port()).collect();
        let mut text = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n\
             events {{ worker_connections 200; }}\n\
             http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; \
             uwsgi_temp_path t4; scgi_temp_path t5;\n{http}\n}}\n"
        );
        for (number, port) in ports.iter().enumerate().rev() {
            text = text.replace(&format!("PORT{}", number + 1), &format!("127.0.0.1:{port}"));
        }
        let file = folder.join("nginx.conf");
        fs::write(&file, &text).expect("a file can be written");
        let mut command = Command::new(program::nginx());
        command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "error.log"]);
        let port = ports.first().copied().expect("there is a port");
        (Self::start(command, port), ports)
    }

    /// The development server or another of Python's, with a module of the environment in `target/venv`.
    pub fn python(folder: &Path, words: &[&str], option: &str) -> Self {
        let port = free_port();
        // Some options take the port, `--bind` the address.
        let place = if option == "--bind" { format!("127.0.0.1:{port}") } else { port.to_string() };
        let mut command = Command::new(program::python());
        command.args(words).args([option, &place]).current_dir(folder);
        Self::start(command, port)
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

impl Drop for Server {
    /// Asks it to end, so that it ends its own workers, and ends it if it does not.
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status();
        for _ in 0..500 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback on which nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
