//! The model of nginx against the real one: each configuration is started, real requests are sent, and what comes back
//! is compared with what the model says. No prediction may be wrong; what the model calls unknown is counted.
//!
//! `cargo xtask test` unpacks nginx below `target/nginx`.

#![allow(clippy::disallowed_methods, reason = "a test that starts a real server")]

#[path = "nginx_differential/cases.rs"]
mod cases;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use flaskseal_core::Tree;
use flaskseal_deploy::nginx::{Configuration, Found, Request, Response};
use flaskseal_servers::{Server, free_port, nginx};

use self::cases::CASES;

#[test]
fn the_model_answers_as_nginx_does() {
    let program = nginx();
    let folder = tempfile::tempdir().expect("a folder can be made");
    site(folder.path());
    let upstream = Upstream::start();
    let (mut requests, mut unknown) = (0, Vec::new());
    let mut wrong = Vec::new();
    for (name, text, targets) in CASES {
        let port = free_port();
        let text = text
            .replace("PORT", &port.to_string())
            .replace("UP", &format!("127.0.0.1:{}", upstream.port))
            .replace("ROOT", &folder.path().join("www").display().to_string());
        let configuration = configuration(folder.path(), &text);
        let model = model(&configuration);
        let server = start(&program, folder.path(), &configuration, port);
        let headers = added_names(&text);
        for line in *targets {
            requests += 1;
            let request = parsed(line, port);
            let actual = Answer::get(port, &request);
            let predicted = model.answer(&as_request(&request, port), &found);
            match predicted {
                Err(reason) => unknown.push(format!("{name}: {line}: {reason}")),
                Ok(response) => {
                    if let Some(difference) = difference(&response, &actual, &headers) {
                        wrong.push(format!("{name}: {line}\n    {difference}"));
                    }
                }
            }
        }
        drop(server);
    }
    println!("{} configurations, {requests} requests, {} unknown", CASES.len(), unknown.len());
    for line in &unknown {
        println!("  unknown: {line}");
    }
    assert!(wrong.is_empty(), "{} wrong predictions:\n{}", wrong.len(), wrong.join("\n"));
    assert!(CASES.len() >= 60, "only {} configurations", CASES.len());
    assert!(unknown.len() * 10 <= requests, "{} of {requests} are unknown", unknown.len());
}

/// Files for the sites to send.
fn site(folder: &Path) {
    for (path, text) in [
        ("www/index.html", "index"),
        ("www/a.txt", "file a"),
        ("www/404.html", "page 404"),
        ("www/dir/index.html", "dir"),
        ("www/static/app.js", "js"),
        ("www/empty/none", ""),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
}

fn found(path: &str) -> Found {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Found::Folder,
        Ok(_) => Found::File,
        Err(_) => Found::Nothing,
    }
}

fn configuration(folder: &Path, http: &str) -> String {
    let at = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log {at}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4; \
         scgi_temp_path {at}/t5;\n{http}\n}}\n"
    )
}

fn model(text: &str) -> Configuration {
    let tree = Tree::from_texts([("nginx.conf".to_owned(), text.to_owned())]);
    flaskseal_deploy::read(&tree).web.nginx.pop().expect("it is a configuration of nginx")
}

/// Names of headers that any `add_header` of a configuration adds, in lower case.
fn added_names(text: &str) -> Vec<String> {
    let words = text.split("add_header ").skip(1);
    words.filter_map(|rest| rest.split_whitespace().next()).map(str::to_ascii_lowercase).collect()
}

struct Sent {
    method: String,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
}

/// `[METHOD] HOST TARGET [NAME=VALUE...]`
fn parsed(line: &str, port: u16) -> Sent {
    let mut words = line.split(' ').peekable();
    let method = match words.peek() {
        Some(&"POST") => words.next().expect("it was there").to_owned(),
        _ => "GET".to_owned(),
    };
    let host = words.next().expect("a host").replace("PORT", &port.to_string());
    let target = words.next().expect("a target").to_owned();
    let headers = words
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Sent { method, host, target, headers }
}

fn as_request(sent: &Sent, port: u16) -> Request<'_> {
    let headers: Vec<(&str, &str)> =
        sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Request { port, method: &sent.method, host: &sent.host, target: &sent.target, headers: headers.leak() }
}

/// What came back.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn get(port: u16, sent: &Sent) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("nginx listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time can be set");
        let mut text = format!("{} {} HTTP/1.0\r\nHost: {}\r\n", sent.method, sent.target, sent.host);
        for (name, value) in &sent.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if sent.method == "POST" {
            text.push_str("Content-Length: 0\r\n");
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).expect("a request can be sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer comes");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|word| word.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn difference(response: &Response, actual: &Answer, added: &[String]) -> Option<String> {
    let mut told = Vec::new();
    if let Some(status) = response.status
        && status != actual.status
    {
        told.push(format!("status: predicted {status}, came {}", actual.status));
    }
    if response.redirect.as_deref() != actual.header("location") {
        told.push(format!(
            "redirect: predicted {:?}, came {:?}",
            response.redirect,
            actual.header("location")
        ));
    }
    if let Some(body) = &response.body
        && *body != actual.body
    {
        told.push(format!("body: predicted {body:?}, came {:?}", actual.body));
    }
    let mut predicted: Vec<(String, String)> =
        response.headers_at(actual.status).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
    predicted.sort();
    let mut came: Vec<(String, String)> =
        actual.headers.iter().filter(|(name, _)| added.contains(name)).cloned().collect();
    came.sort();
    if predicted != came {
        told.push(format!("headers: predicted {predicted:?}, came {came:?}"));
    }
    match &response.passed {
        // Nobody was there: nginx says 502 by itself.
        Some(_) if actual.header("x-upstream").is_none() && actual.status == 502 => {}
        Some((target, headers)) => {
            let mut lines = actual.body.lines();
            let sent = lines.next().unwrap_or("");
            if sent != target {
                told.push(format!("upstream: predicted {target:?}, was asked {sent:?}"));
            }
            for (name, value) in headers {
                let line = actual.body.lines().skip(1).find_map(|line| {
                    line.split_once(": ")
                        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                        .map(|(_, v)| v)
                });
                if line.unwrap_or("") != value {
                    told.push(format!("upstream header {name}: predicted {value:?}, came {line:?}"));
                }
            }
        }
        None if actual.header("x-upstream").is_some() => told.push("the upstream was asked".to_owned()),
        None => {}
    }
    (!told.is_empty()).then(|| told.join("\n    "))
}

/// A server that says what it was asked; a path with `/status/404` gets that status.
struct Upstream {
    port: u16,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                echo(stream);
            }
        });
        Self { port }
    }
}

fn echo(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut lines = text.split("\r\n");
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("").to_owned();
    let status =
        target.split_once("/status/").and_then(|(_, rest)| rest.get(..3)).unwrap_or("200").to_owned();
    let body = format!("{target}\n{}", lines.collect::<Vec<_>>().join("\n"));
    let head = format!("HTTP/1.0 {status} Said\r\nX-Upstream: yes\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn start(program: &Path, folder: &Path, configuration: &str, port: u16) -> Server {
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).expect("a file can be written");
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(&file);
    Server::start(command, port)
}
