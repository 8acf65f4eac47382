//! `flaskseal probe` against real servers on loopback: the development server and gunicorn with applications, nginx
//! with TLS.
//!
//! `cargo xtask test` installs the Python environments and nginx that these tests need.

#![allow(clippy::disallowed_methods, reason = "tests write applications and start real servers")]

use std::fs;
use std::process::{Command, Output};

use flaskseal_servers::{Server, root, self_signed};
use tempfile::TempDir;

/// An application with what is worth finding, and a page for everything else.
const APP: &str = r#"
from flask import Flask, redirect, request, session

app = Flask(__name__)
app.secret_key = "super-secret-key"


@app.get("/")
def index():
    session["user_id"] = 1
    return """<html><body><script src="https://cdn.example/a.js"></script>
<a href="/about">about</a> <a href="/logout">out</a></body></html>"""


@app.get("/about")
def about():
    return "<p>about"


@app.get("/logout")
def logout():
    open("asked-to-log-out", "w").close()
    return "out"


@app.get("/boom")
def boom():
    return str(1 / 0)


@app.after_request
def cors(response):
    if origin := request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response
"#;

#[test]
fn the_development_server_and_its_debugger_are_seen() {
    let server =
        Site::python(APP, &["-m", "flask", "--app", "app", "run", "--debug", "--no-reload"], "--port");
    let findings = findings(&["probe", &server.url("/"), "--format", "concise"]);
    for expected in [
        "critical[FS108] Werkzeug's debugger answers",
        "high[FS106]",
        "critical[FS309] anybody can sign `session`",
        "high[FS535] any site may read",
        "medium[FS501]",
        "medium[FS511]",
        "low[FS561]",
    ] {
        assert!(findings.contains(expected), "{expected} is missing:\n{findings}");
    }
    // The key itself is shown nowhere, and nothing that looks dangerous was asked for.
    assert!(!findings.contains("super-secret"), "{findings}");
    assert!(!server.folder.path().join("asked-to-log-out").exists());
}

#[test]
fn gunicorn_shows_less() {
    let server = Site::python(APP, &["-m", "gunicorn", "app:app"], "--bind");
    let findings = findings(&["probe", &server.url("/"), "--format", "concise", "--only", "debug,session"]);
    assert!(!findings.contains("FS106") && !findings.contains("FS108"), "{findings}");
    assert!(findings.contains("critical[FS309]"), "{findings}");
}

#[test]
fn a_site_behind_nginx_is_judged_with_its_source() {
    let server = Site::python(APP, &["-m", "gunicorn", "app:app"], "--bind");
    let nginx = Front::start(server.server.port);
    let folder = server.folder.path().to_path_buf();
    let output = flaskseal(&[
        "check",
        &folder.display().to_string(),
        "--entry",
        "gunicorn app:app",
        "--url",
        "https://shop.test/",
        "--resolve",
        &format!("shop.test:443:127.0.0.1:{}", nginx.tls),
        "--resolve",
        &format!("shop.test:80:127.0.0.1:{}", nginx.plain),
        "--ca-file",
        &nginx.authority(),
        "--format",
        "json",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root().join("schemas/report-1.schema.json")).unwrap())
            .unwrap();
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let complaints: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let controls: std::collections::BTreeMap<&str, &str> = report["apps"][0]["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|item| item["controls"].as_array().unwrap())
        .map(|control| (control["id"].as_str().unwrap(), control["state"].as_str().unwrap()))
        .collect();
    // nginx speaks TLS, redirects, and sends HSTS and a policy; the cookie has no flags.
    for (control, state) in [
        ("C2.1", "met"),
        ("C2.2", "met"),
        ("C5.1", "met"),
        ("C5.4", "met"),
        ("C3.3", "violated"),
        ("C3.5", "violated"),
        ("C5.2", "violated"),
    ] {
        assert_eq!(controls[control], state, "{control}: {text}");
    }
    // Addresses that only the code knows were asked for, but for those that may change something.
    let asked = fs::read_to_string(nginx.folder.path().join("access.log")).unwrap_or_default();
    assert!(asked.contains("GET /boom ") && !asked.contains("/logout"), "{asked}");
    // What the code lacks and nginx has is a conflict.
    let overruled = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|finding| finding["rule"] == "FS501" && finding["standing"]["state"] == "overruled");
    assert!(overruled, "{text}");
}

#[test]
fn secrets_are_kept_from_servers_whose_certificate_is_not_trusted() {
    let server = Site::python(APP, &["-m", "gunicorn", "app:app"], "--bind");
    let nginx = Front::start(server.server.port);
    let probe = |more: &[&str]| {
        let mapping = format!("shop.test:443:127.0.0.1:{}", nginx.tls);
        let mut words = vec![
            "probe",
            "https://shop.test/",
            "--resolve",
            &mapping,
            "--cookie",
            "session=my-own",
            "--format",
            "json",
        ];
        words.extend(more);
        flaskseal(&words)
    };
    let sent = |nginx: &Front| {
        fs::read_to_string(nginx.folder.path().join("access.log")).unwrap_or_default().contains("my-own")
    };
    let told = String::from_utf8_lossy(&probe(&[]).stdout).into_owned();
    assert!(told.contains("were not sent: the certificate is not trusted"), "{told}");
    assert!(!sent(&nginx));
    let trusting = nginx.authority();
    probe(&["--ca-file", &trusting]);
    assert!(sent(&nginx));
}

fn findings(words: &[&str]) -> String {
    let output = flaskseal(words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn flaskseal(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
    command.args(words).env_remove("FLASKSEAL_URL").output().expect("flaskseal starts")
}

/// A Python server with one application.
struct Site {
    server: Server,
    folder: TempDir,
}

impl Site {
    /// `option` says where it listens.
    fn python(app: &str, words: &[&str], option: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("app.py"), app).expect("the folder is writable");
        let server = Server::python(folder.path(), words, option);
        Self { server, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port)
    }
}

/// nginx with TLS in front of a port, and a redirect.
struct Front {
    _server: Server,
    tls: u16,
    plain: u16,
    folder: TempDir,
}

impl Front {
    fn start(upstream: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        self_signed(folder.path(), "shop.test");
        let http = format!(
            r#"
log_format cookies '$request $http_cookie';
server {{ listen PORT2; server_name shop.test; return 308 https://$host$request_uri; }}
server {{
    listen PORT1 ssl; server_name shop.test; access_log access.log cookies;
    ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;
    add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
    add_header Content-Security-Policy "default-src 'self'; base-uri 'self'; form-action 'self'; object-src 'none'" always;
    location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host $host; }}
}}
"#
        );
        let (server, ports) = Server::nginx(folder.path(), &http, 2);
        let [tls, plain] = ports[..] else { panic!("two ports were asked for") };
        Self { _server: server, tls, plain, folder }
    }

    fn authority(&self) -> String {
        self.folder.path().join("fullchain.pem").display().to_string()
    }
}
