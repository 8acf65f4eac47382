//! `flaskseal probe` against servers that are not nginx, and what only real applications show: Caddy in front of explorers,
//! source maps and open interfaces, profiles of TLS, the development server with TLS of its own.

#![allow(clippy::disallowed_methods, reason = "tests write applications and start real servers")]

use std::fs;
use std::process::Command;

use flaskseal_servers::{Authority, Server, caddy, example, free_port, root};
use serde_json::Value;

/// An application with pages for developers, an open interface, and remembered logins.
const APP: &str = r#"
from datetime import timedelta

from flask import Flask, jsonify, make_response, request, session
from flask_login import encode_cookie

app = Flask(__name__)
app.secret_key = "dev"
app.permanent_session_lifetime = timedelta(days=60)


@app.get("/")
def index():
    session.permanent = True
    session["user_id"] = 1
    page = make_response("""<form method=post><input name="csrf_token" value="abc"></form>
<script src="/static/app.js"></script><script src="/static/large.js"></script><img src="http://pictures.example/a.png">
<a href="/docs/">docs</a> <a href="/broken">broken</a> <a href="/api/me">me</a>""" + "<p>plants</p>" * 60)
    page.set_cookie("remember_token", encode_cookie("7"), max_age=365 * 86400)
    return page


@app.get("/docs/")
def docs():
    return '<div id="swagger-ui"></div><script>SwaggerUIBundle({})</script> swagger-ui'


@app.get("/broken")
def broken():
    return "(sqlite3.OperationalError) no such table: user", 500


@app.get("/api/me")
def me():
    answer = jsonify(name="Ada")
    if request.headers.get("Origin"):
        answer.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        answer.headers["Access-Control-Allow-Credentials"] = "true"
    return answer
"#;

#[test]
fn a_site_behind_caddy_is_seen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("app.py"), APP).expect("the folder is writable");
    fs::create_dir(folder.path().join("static")).expect("the folder is writable");
    fs::write(folder.path().join("static/app.js"), "go();\n//# sourceMappingURL=app.js.map\n")
        .expect("likewise");
    let map = r#"{"version":3,"sources":["app.ts"],"mappings":"AAAA"}"#;
    fs::write(folder.path().join("static/app.js.map"), map).expect("likewise");
    // The line that names the map is further down than anybody reads.
    let large = format!("{}\n//# sourceMappingURL=large.js.map\n", "go();".repeat(100_000));
    fs::write(folder.path().join("static/large.js"), large).expect("likewise");
    fs::write(folder.path().join("static/large.js.map"), map).expect("likewise");
    let upstream = Server::python(folder.path(), &["-m", "gunicorn", "app:app"], "--bind");
    Authority::make(folder.path()).issue(folder.path(), &["shop.test"]);
    let (tls, plain) = (free_port(), free_port());
    let here = folder.path().display();
    let configuration = format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n\thttp_port {plain}\n\thttps_port {tls}\n\tstorage file_system {here}\n}}\n\
         https://shop.test {{\n\tbind 127.0.0.1\n\ttls {here}/fullchain.pem {here}/privkey.pem\n\tencode gzip\n\
         \treverse_proxy 127.0.0.1:{}\n}}\n\
         http://shop.test {{\n\tbind 127.0.0.1\n\tredir https://{{host}}{{uri}} 308\n}}\n",
        upstream.port
    );
    fs::write(folder.path().join("Caddyfile"), configuration).expect("the folder is writable");
    let mut command = Command::new(caddy());
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.path().join("Caddyfile"));
    command
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path());
    let _caddy = Server::start(command, tls);
    let report = probe(&[
        "https://shop.test/",
        &format!("--resolve=shop.test:443:127.0.0.1:{tls}"),
        &format!("--resolve=shop.test:80:127.0.0.1:{plain}"),
        &format!("--ca-file={here}/authority.pem"),
    ]);
    let seen = seen(&report);
    for expected in [
        "critical[FS309] anybody can sign `session`",
        "critical[FS309] anybody can sign `remember_token`",
        "high[FS535] any site may read",
        "medium[FS121] an error page shows the text of `sqlite3.OperationalError`",
        "medium[FS327] browsers keep `session` for 60 days",
        "medium[FS501]",
        "low[FS125] `/docs/` shows an API explorer",
        "low[FS136] `/static/app.js.map` is served",
        "low[FS136] `/static/large.js.map` is served",
        "low[FS226] `/` is compressed, and holds a token",
        "low[FS243] media are loaded from pictures.example",
        "low[FS327] browsers keep `remember_token` for 365 days",
    ] {
        assert!(seen.iter().any(|line| line.starts_with(expected)), "{expected} is missing: {seen:#?}");
    }
    for control in ["C2.1", "C2.2", "C2.3", "C2.5"] {
        assert_eq!(state(&report, control), "met", "{control}: {seen:#?}");
    }
    let text = report.to_string();
    assert!(text.contains("TLS, judged by Mozilla Server Side TLS 5.7 (2023-05-15), intermediate"), "{text}");
}

#[test]
fn the_profile_of_tls_is_ones_choice() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    Authority::make(folder.path()).issue(folder.path(), &["shop.test"]);
    let http = "ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;\n\
                server { listen PORT1 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; return 200 here; }\n\
                server { listen PORT2 ssl; ssl_protocols TLSv1 TLSv1.2 TLSv1.3; ssl_ciphers ECDHE:@SECLEVEL=0; return 200 here; }";
    let (_nginx, ports) = Server::nginx(folder.path(), http, 2);
    let authority = format!("--ca-file={}", folder.path().join("authority.pem").display());
    let look = |port: u16, profile: &str| {
        let way = format!("--resolve=shop.test:443:127.0.0.1:{port}");
        let report =
            probe(&["https://shop.test/", &way, &authority, "--only=https", "--tls-profile", profile]);
        assert!(report.to_string().contains(&format!("5.7 (2023-05-15), {profile}")), "{report:#}");
        seen(&report)
    };
    let has = |seen: &[String], start: &str| seen.iter().any(|line| line.starts_with(start));
    let modern = "medium[FS221] TLS 1.2 is accepted, which Mozilla's modern profile does not have";
    assert!(has(&look(ports[0], "modern"), modern));
    assert!(!has(&look(ports[0], "intermediate"), "medium[FS221]"));
    assert!(has(&look(ports[1], "intermediate"), "medium[FS221] TLS 1.0 is accepted"));
    assert!(!has(&look(ports[1], "old"), "medium[FS221]"));
}

#[test]
fn tls_of_the_development_server_is_seen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("app.py"), APP).expect("the folder is writable");
    let words = ["-m", "flask", "--app", "app", "run", "--debug", "--no-reload", "--cert=adhoc"];
    let server = Server::python(folder.path(), &words, "--port");
    let report =
        probe(&["https://shop.test/", &format!("--resolve=shop.test:443:127.0.0.1:{}", server.port)]);
    let seen = seen(&report);
    for expected in [
        "critical[FS108] Werkzeug's debugger answers",
        "high[FS106]",
        "high[FS205] the running site shows a certificate that Werkzeug made for development",
        "high[FS207]",
        "low[FS138]",
    ] {
        assert!(seen.iter().any(|line| line.starts_with(expected)), "{expected} is missing: {seen:#?}");
    }
}

#[test]
fn the_examples_under_the_development_server_are_seen() {
    for (name, venv, app, debug, key) in [
        ("shop", "target/venv-shop", "shop:create_app()", "1", ""),
        ("shop-hardened", "target/venv", "wsgi:app", "0", "5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c"),
    ] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let port = free_port();
        let mut command = Command::new(root().join(venv).join("bin/python"));
        command
            .args(["-m", "flask", "run", "--no-reload", "--port", &port.to_string()])
            .current_dir(example(name))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SHOP_DATA", folder.path())
            .envs([("FLASK_APP", app), ("FLASK_DEBUG", debug), ("SECRET_KEY", key)]);
        let _server = Server::start(command, port);
        let seen = seen(&probe(&[&format!("http://127.0.0.1:{port}/"), "--only=debug"]));
        let has = |start: &str| seen.iter().any(|line| line.starts_with(start));
        assert!(has("high[FS106]"), "{name}: {seen:#?}");
        assert_eq!(has("critical[FS108]"), name == "shop", "{name}: {seen:#?}");
    }
}

#[test]
fn a_folder_that_nobody_should_serve_is_seen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (path, text) in [
        (".git/HEAD", "ref: refs/heads/main\n"),
        (".env", "SECRET_KEY=abc\nDB=x\n"),
        ("config.py", "SECRET_KEY = 'x'\n"),
        ("app.db", "SQLite format 3\0"),
        ("id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n"),
        ("requirements.txt", "flask==3.1.2\n"),
        ("static/a.css", "a {}"),
        ("graphql", "<!doctype html><div id=\"graphiql\"></div><script src=\"/graphiql.min.js\"></script>"),
        ("index.html", "<!doctype html><a href=\"/boom.html\">boom</a>"),
        (
            "boom.html",
            "<pre>Traceback (most recent call last):\n  File \"/srv/app.py\", line 3, in index\nKeyError</pre>",
        ),
    ] {
        let file = folder.path().join("www").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is writable");
        fs::write(file, text).expect("the folder is writable");
    }
    let http = "default_type application/octet-stream; types { text/html html; text/plain py txt; }\n\
                server { listen PORT1; root www; autoindex on; index index.html;\n\
                location ~ ^/(graphql|\\.git/HEAD)$ { types {} default_type text/html; } }";
    let (_nginx, ports) = Server::nginx(folder.path(), http, 1);
    let seen = seen(&probe(&[&format!("http://127.0.0.1:{}/", ports[0]), "--only=debug"]));
    for expected in [
        "critical[FS136] `/.git/HEAD` is served",
        "critical[FS136] `/.env` is served",
        "critical[FS136] `/config.py` is served",
        "critical[FS136] `/app.db` is served",
        "critical[FS136] `/id_rsa` is served",
        "low[FS136] `/requirements.txt` is served",
        "medium[FS136] `/static/` lists what is in it",
        "low[FS125] `/graphql`",
        "low[FS138]",
    ] {
        assert!(seen.iter().any(|line| line.starts_with(expected)), "{expected} is missing: {seen:#?}");
    }
    assert!(seen.iter().any(|line| line.contains("[FS121]") || line.contains("[FS108]")), "{seen:#?}");
}

fn probe(words: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .arg("probe")
        .args(words)
        .args(["--format", "json"])
        .output()
        .expect("the command runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn seen(report: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("").to_owned();
    let findings = report["findings"].as_array().expect("a report lists its findings").iter();
    findings
        .map(|one| format!("{}[{}] {}", text(one, "severity"), text(one, "rule"), text(one, "message")))
        .collect()
}

fn state<'r>(report: &'r Value, control: &str) -> &'r str {
    let items = report["apps"][0]["items"].as_array().expect("a site has items").iter();
    let mut controls = items.flat_map(|item| item["controls"].as_array().expect("an item has controls"));
    let control = controls.find(|known| known["id"] == control).expect("the control is there");
    control["state"].as_str().expect("a state is text")
}
