//! How `flaskseal probe` behaves: it ends when it is told to, goes through a proxy, and waits for nobody longer than its
//! bounds.

#![allow(clippy::disallowed_methods, reason = "tests start real servers and end what they started")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flaskseal_servers::{Server, python, self_signed};

const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 7\r\nConnection: close\r\n\r\n<p>shop";

#[test]
fn ctrl_c_ends_with_what_is_known() {
    // The start page is answered, and nothing else ever is.
    let (address, asked) = serve(|stream, number| {
        if number == 0 {
            let _ = stream.write_all(PAGE.as_bytes());
        } else {
            thread::sleep(Duration::from_mins(2));
        }
    });
    let child = spawn(&["probe", &format!("http://{address}/"), "--timeout", "60"]);
    asked.recv_timeout(Duration::from_mins(1)).expect("the start page is asked for");
    asked.recv_timeout(Duration::from_mins(1)).expect("then something else");
    let begin = Instant::now();
    let pid = child.id().to_string();
    Command::new("sh").args(["-c", "kill -INT \"$1\"", "sh", &pid]).status().expect("a signal can be sent");
    let output = child.wait_with_output().expect("it ends");
    assert!(begin.elapsed() < Duration::from_secs(10), "it took {:?}", begin.elapsed());
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["FS501", "the probe was stopped: what follows rests on what was seen until then"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

#[test]
fn everything_goes_through_the_proxy() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    self_signed(folder.path(), "shop.test");
    let http = "server { listen PORT1 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; ssl_certificate fullchain.pem; \
                ssl_certificate_key privkey.pem; location / { default_type text/html; return 200 '<p>shop'; } }\n\
                server { listen PORT2; return 308 https://$host$request_uri; }";
    let (_nginx, ports) = Server::nginx(folder.path(), http, 2);
    let [tls, plain] = ports[..] else { panic!("two ports were asked for") };
    let proxy = Proxy::start(tls, plain);
    // Nobody knows this name but the proxy.
    let output = flaskseal(&[
        "probe",
        "https://shop.test/",
        "--proxy",
        &format!("http://guest:open@{}", proxy.address),
        "--ca-file",
        &folder.path().join("fullchain.pem").display().to_string(),
        "--format",
        "json",
    ]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let asked = proxy.asked.lock().expect("nobody has panicked").clone();
    assert!(asked.len() > 20, "{asked:?}");
    for line in &asked {
        let is_known =
            line.starts_with("CONNECT shop.test:443 ") || line.starts_with("GET http://shop.test/ ");
        assert!(is_known && line.ends_with("Basic Z3Vlc3Q6b3Blbg=="), "{line}");
    }
    // What TLS offers and where plain HTTP leads were seen through it, too.
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    for control in ["C2.1", "C2.2", "C2.3", "C2.5"] {
        let items = report["apps"][0]["items"].as_array().expect("items").iter();
        let controls = items.flat_map(|item| item["controls"].as_array().expect("controls").iter());
        let state = controls.into_iter().find(|known| known["id"] == control).expect("it is there");
        assert_eq!(state["state"], "met", "{control}: {state:#}");
    }
    // One that does not help is named.
    let refusing = serve(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    });
    let output = flaskseal(&["probe", "https://shop.test/", "--proxy", &format!("http://{}", refusing.0)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("the proxy does not help: it answers 407"), "{}", text(&output));
}

#[test]
fn nobody_is_waited_for_longer_than_the_bounds() {
    let (silent, _asked) = serve(|_, _| thread::sleep(Duration::from_mins(2)));
    let full = Full::start();
    for (address, scheme) in
        [(silent, "http"), (silent, "https"), (full.address(), "http"), (full.address(), "https")]
    {
        let begin = Instant::now();
        let port = if scheme == "http" { 80 } else { 443 };
        let output = flaskseal(&[
            "probe",
            &format!("{scheme}://shop.test/"),
            "--resolve",
            &format!("shop.test:{port}:{address}"),
            "--timeout",
            "1",
        ]);
        let said = text(&output);
        assert!(begin.elapsed() < Duration::from_secs(40), "{address} took {:?}", begin.elapsed());
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("cannot be probed: it does not answer in time"), "{said}");
    }
}

#[test]
fn a_slow_site_is_told_of_on_a_terminal_alone() {
    let (address, _asked) = serve(|stream, _| {
        thread::sleep(Duration::from_millis(60));
        let _ = stream.write_all(PAGE.as_bytes());
    });
    let url = format!("http://{address}/");
    let quiet = flaskseal(&["probe", &url]);
    assert_eq!(quiet.stderr, b"", "{}", text(&quiet));
    let said = on_a_terminal(&format!("probe {url}"));
    assert!(said.contains("asking for /") && said.contains("FS501"), "{said}");
}

#[test]
fn keys_of_a_file_are_tried_and_counted_on_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let app = "from flask import Flask, session\napp = Flask(__name__)\napp.secret_key = 'known-to-one-7731'\n\
               @app.get('/')\ndef index():\n    session['user_id'] = 1\n    return 'hello'\n";
    std::fs::write(folder.path().join("app.py"), app).expect("the folder is writable");
    let server = Server::python(folder.path(), &["-m", "gunicorn", "app:app"], "--bind");
    let mut keys: String = (0..400_000).map(|number| format!("nobody-has-this-{number}\n")).collect();
    keys.push_str("known-to-one-7731\r\n");
    let list = folder.path().join("keys.txt");
    std::fs::write(&list, keys).expect("the folder is writable");
    let url = format!("http://127.0.0.1:{}/", server.port);
    let without = flaskseal(&["probe", &url, "--only", "FS309"]);
    assert!(!text(&without).contains("FS309]"), "{}", text(&without));
    let said = on_a_terminal(&format!("probe {url} --only FS309 --keys {}", list.display()));
    assert!(said.contains("critical[FS309]") && !said.contains("known-to-one"), "{said}");
    let counted = said.contains("trying keys of signed cookies") && said.contains(" of 4");
    assert!(counted, "{said}");
}

/// What a terminal gets to see: `script` gives its command one.
fn on_a_terminal(words: &str) -> String {
    let command = format!("'{}' {words} --color never", env!("CARGO_BIN_EXE_flaskseal"));
    let shown = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .expect("`script` belongs to every Linux");
    text(&shown)
}

/// A server that accepts nobody, and whose queue is full: to connect to it takes forever.
struct Full {
    server: Server,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn start() -> Self {
        let mut command = Command::new(python());
        let program = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0); \
                       print(s.getsockname()[1], flush=True); time.sleep(600)";
        command.args(["-c", program]);
        let server = Server::announced(command);
        let address = SocketAddr::from(([127, 0, 0, 1], server.port));
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
        let waiting: Vec<TcpStream> = std::iter::from_fn(|| connect().ok()).take(50).collect();
        assert!(waiting.len() < 50, "the queue is never full");
        Self { server, _waiting: waiting }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.server.port))
    }
}

/// A server that is told the number of each request. The channel says when one has come.
fn serve(answer: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (sender, receiver) = channel();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            let (answer, sender) = (Arc::clone(&answer), sender.clone());
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                // The test may be over.
                let _ = sender.send(());
                answer(&mut stream, number);
            });
        }
    });
    (address, receiver)
}

/// A proxy that knows one name, `shop.test`, and writes down what it was asked.
struct Proxy {
    address: SocketAddr,
    /// The first line of each request, and its login.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(tls: u16, plain: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                thread::spawn(move || forward(client, tls, plain, &all));
            }
        });
        Self { address, asked }
    }
}

fn forward(client: TcpStream, tls: u16, plain: u16, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let login = head.iter().find_map(|line| line.strip_prefix("Proxy-Authorization: ")).unwrap_or("nobody");
    asked.lock().ok()?.push(format!("{} {login}", head.first()?));
    let is_tunnel = head.first()?.starts_with("CONNECT ");
    let mut server = TcpStream::connect(("127.0.0.1", if is_tunnel { tls } else { plain })).ok()?;
    let mut client = client;
    if is_tunnel {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    } else {
        let path = head.first()?.replace("http://shop.test", "");
        server
            .write_all(format!("{path}\r\nHost: shop.test\r\nConnection: close\r\n\r\n").as_bytes())
            .ok()?;
    }
    let (mut upstream, mut downstream) = (server.try_clone().ok()?, client.try_clone().ok()?);
    let up = thread::spawn(move || {
        // Whichever side ends first ends both.
        let _ = std::io::copy(&mut reader, &mut upstream);
        let _ = upstream.shutdown(std::net::Shutdown::Both);
    });
    let _ = std::io::copy(&mut server, &mut downstream);
    let _ = client.shutdown(std::net::Shutdown::Both);
    up.join().ok()
}

fn spawn(words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("flaskseal starts")
}

fn flaskseal(words: &[&str]) -> Output {
    spawn(words).wait_with_output().expect("flaskseal ends")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
