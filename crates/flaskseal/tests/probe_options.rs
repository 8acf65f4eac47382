//! What `flaskseal probe` and `check --url` make of their options, and of sites that believe their clients: real servers
//! say what they were asked.

#![allow(clippy::disallowed_methods, reason = "tests write applications and start real servers")]

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use flaskseal_servers::{Authority, Server};
use serde_json::Value;
use tempfile::TempDir;

/// An application that redirects to HTTPS, links itself in full, and keeps sessions for two days.
const APP: &str = r#"
from datetime import timedelta

from flask import Flask, redirect, request, session, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = "e0a1f3d95b7c4c3e8a2b6d1f"
app.permanent_session_lifetime = timedelta(days=2)
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)


@app.before_request
def only_https():
    if not request.is_secure:
        return redirect(request.url.replace("http://", "https://", 1), 308)


@app.get("/")
def index():
    session.permanent = True
    session["user_id"] = 1
    return '<a href="%s">home</a>' % url_for("index", _external=True)
"#;

/// The site behind nginx: what stands in each of its servers, and a log of what clients sent.
const NGINX: &str = r"
log_format asked '$scheme $request_method $request_uri $host [$http_user_agent] [$http_x_tenant] [$http_cookie]';
ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem;
server { listen PORT1 ssl; server_name shop.example; access_log asked.log asked; location / { proxy_pass http://UPSTREAM; TLS } }
server { listen PORT2; server_name shop.example; access_log asked.log asked; location / { PLAIN } }
REST
";

#[test]
fn a_site_that_believes_its_clients_is_seen() {
    // nginx passes on whatever clients send.
    let site = Site::start(
        "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https;",
        "proxy_pass http://UPSTREAM; proxy_set_header Host $http_host;",
        "",
    );
    let seen = site.probe(&[&site.trust()]);
    for expected in [
        "medium[FS426] links and redirects of the running site lead to any host that a client names",
        "medium[FS232] the running site believes `X-Forwarded-Host` and `X-Forwarded-Prefix` of any client",
        "low[FS232] a client switches the redirect to HTTPS off with `X-Forwarded-Proto: https`",
    ] {
        assert!(seen.iter().any(|line| line.starts_with(expected)), "{expected} is missing: {seen:#?}");
    }
}

#[test]
fn a_site_that_overwrites_what_clients_send_is_not_blamed() {
    // The same application: nginx knows its own names, and says itself what is forwarded.
    let site = Site::start(
        "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https; \
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Prefix \"\";",
        "return 308 https://$host$request_uri;",
        "server { listen PORT1 ssl default_server; return 444; }",
    );
    let seen = site.probe(&[&site.trust()]);
    assert!(seen.iter().all(|line| !line.contains("FS426") && !line.contains("FS232")), "{seen:#?}");
    // Whoever names a foreign host is hung up on, and that is no failure of the survey.
    assert!(seen.iter().any(|line| line.contains("[FS501]")), "{seen:#?}");
}

#[test]
fn headers_and_cookies_go_where_the_certificate_is_trusted() {
    let site = Site::start(
        "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;",
        "return 308 https://$host$request_uri;",
        "",
    );
    let own = ["--header=X-Tenant: juniper", "--cookie=session=my-own", "--cookie=theme=dark"];
    let sent = |more: &[&str]| {
        let before = site.asked().len();
        let words: Vec<&str> = own.iter().chain(more).copied().collect();
        let seen = site.probe(&words);
        (site.asked().split_off(before), seen)
    };
    let has_own = |line: &str| line.ends_with("[juniper] [session=my-own; theme=dark]");
    let has_none = |line: &str| line.ends_with("[-] [-]");

    // Nobody knows the authority.
    let (asked, seen) = sent(&[]);
    assert!(asked.len() > 30 && asked.iter().all(|line| has_none(line)), "{asked:#?}");
    assert!(seen.iter().any(|line| line.starts_with("high[FS207]")), "{seen:#?}");

    // One's own, or none at all: then the certificate is judged all the same.
    for (option, is_trusted) in [(site.trust().as_str(), true), ("--insecure-ca", false)] {
        let (asked, seen) = sent(&[option]);
        let of = |scheme: &str| asked.iter().filter(|line| line.starts_with(scheme)).collect::<Vec<_>>();
        // Only over TLS, and but for pages that a stranger asks for.
        let (tls, plain) = (of("https "), of("http "));
        let (own, others): (Vec<&String>, Vec<&String>) = tls.into_iter().partition(|line| has_own(line));
        assert!(own.len() > 30, "{asked:#?}");
        assert!(
            others.iter().all(|line| line.ends_with("[juniper] [-]")) && others.len() <= 3,
            "{others:#?}"
        );
        assert!(!plain.is_empty() && plain.iter().all(|line| has_none(line)), "{plain:#?}");
        assert_eq!(seen.iter().any(|line| line.starts_with("high[FS207]")), !is_trusted, "{seen:#?}");
    }

    // All of it with good manners: methods that change nothing, a name of one's own, no other host.
    for line in site.asked() {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(matches!(words[1], "GET" | "HEAD" | "OPTIONS"), "{line}");
        assert!(line.contains("[flaskseal/"), "{line}");
    }
}

#[test]
fn the_policy_says_how_long_sessions_may_live() {
    let site = Site::start(
        "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;",
        "return 308 https://$host$request_uri;",
        "",
    );
    // No application, and so no source to bring the policy along.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let configuration = folder.path().join("flaskseal.toml");
    let folder = folder.path().display().to_string();
    for (hours, allowed) in [("", Some("24 hours")), ("47", Some("47 hours")), ("48", None)] {
        let text =
            if hours.is_empty() { String::new() } else { format!("session-lifetime-hours = {hours}\n") };
        fs::write(&configuration, text).expect("the folder is writable");
        let words = ["check", &folder, "--force", "--only=session", "--url", "https://shop.example/"];
        let seen = site.run(&[&words[..], &[&site.trust()]].concat());
        let found = seen.iter().find(|line| line.contains("[FS327]"));
        let wanted = allowed.map(|allowed| {
            format!("low[FS327] browsers keep `session` for 2 days, and the policy allows {allowed}")
        });
        assert_eq!(found, wanted.as_ref(), "{seen:#?}");
    }
}

#[test]
fn a_name_leads_where_it_is_told_to() {
    let site = Site::start(
        "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;",
        "return 204;",
        "",
    );
    let run = |words: &[&str]| {
        let output = command(words).output().expect("the command runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Nobody has the name, whatever it is told of others and other ports.
    let other = [
        "probe",
        "https://shop.example/",
        "--resolve=other.example:443:127.0.0.1:1",
        "--resolve=shop.example:444:127.0.0.1:1",
    ];
    let (code, said) = run(&other);
    assert_eq!(code, Some(2));
    assert!(said.contains("https://shop.example/ cannot be probed: its name is not known"), "{said}");
    let (code, said) = run(&["probe", "https://shop.example/", "--resolve=shop.example"]);
    assert!(code == Some(2) && said.contains("`shop.example` is not HOST:PORT:ADDRESS"), "{said}");
    // In any case of letters, and the server is asked for the name itself.
    let way = format!("--resolve=SHOP.example:443:127.0.0.1:{}", site.tls);
    let (code, said) = run(&["probe", "https://shop.example/", &way, &site.trust()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(site.asked().iter().any(|line| line.starts_with("https GET / shop.example ")));
}

#[test]
fn a_request_may_take_as_long_as_it_is_told() {
    let app = "import time\ndef app(environ, start):\n    time.sleep(1.5)\n    \
               start('200 OK', [('Content-Type', 'text/html')])\n    return [b'<p>slow']\n";
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("app.py"), app).expect("the folder is writable");
    let server = Server::python(folder.path(), &["-m", "gunicorn", "--threads=4", "app:app"], "--bind");
    let url = format!("http://127.0.0.1:{}/", server.port);
    let output = |timeout: &str| {
        let words = ["probe", &url, "--max-requests=2", "--timeout", timeout];
        command(&words).output().expect("the command runs")
    };
    let patient = output("20");
    let said = String::from_utf8_lossy(&patient.stdout);
    assert!(patient.status.code() == Some(1) && said.contains("medium[FS501]"), "{said}");
    assert!(said.contains("2 requests were made, and no more are allowed"), "{said}");
    let hasty = output("1");
    let said = String::from_utf8_lossy(&hasty.stderr);
    assert!(hasty.status.code() == Some(2) && said.contains("it does not answer in time"), "{said}");
}

/// The application, and nginx in front of it.
struct Site {
    _nginx: Server,
    _gunicorn: Server,
    tls: u16,
    plain: u16,
    folder: TempDir,
}

impl Site {
    /// What the location of each server holds, and further servers.
    fn start(tls: &str, plain: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("app.py"), APP).expect("the folder is writable");
        let gunicorn = Server::python(folder.path(), &["-m", "gunicorn", "app:app"], "--bind");
        Authority::make(folder.path()).issue(folder.path(), &["shop.example"]);
        let http = NGINX
            .replace("TLS }", &format!("{tls} }}"))
            .replace("PLAIN", plain)
            .replace("REST", rest)
            .replace("UPSTREAM", &format!("127.0.0.1:{}", gunicorn.port));
        let (nginx, ports) = Server::nginx(folder.path(), &http, 2);
        let [tls, plain] = ports[..] else { panic!("two ports were asked for") };
        Self { _nginx: nginx, _gunicorn: gunicorn, tls, plain, folder }
    }

    fn trust(&self) -> String {
        format!("--ca-file={}", self.folder.path().join("authority.pem").display())
    }

    /// What the server was asked, a line each.
    fn asked(&self) -> Vec<String> {
        // The log is written when an answer is through.
        sleep(Duration::from_millis(200));
        let text = fs::read_to_string(self.folder.path().join("asked.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn probe(&self, words: &[&str]) -> Vec<String> {
        self.run(&[&["probe", "https://shop.example/"], words].concat())
    }

    /// Runs flaskseal with the way to the site; the findings, a line each.
    fn run(&self, words: &[&str]) -> Vec<String> {
        let output = command(words)
            .args(
                [("443", self.tls), ("80", self.plain)]
                    .map(|(public, here)| format!("--resolve=shop.example:{public}:127.0.0.1:{here}")),
            )
            .args(["--format", "json"])
            .output()
            .expect("the command runs");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("").to_owned();
        let findings = report["findings"].as_array().expect("a report lists its findings").iter();
        findings
            .map(|one| format!("{}[{}] {}", text(one, "severity"), text(one, "rule"), text(one, "message")))
            .collect()
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
    command.args(words).env_remove("FLASKSEAL_URL");
    command
}
