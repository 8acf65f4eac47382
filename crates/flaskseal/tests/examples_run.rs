//! The two example shops are real: each is started as its deployment files start it, and used through HTTP.
//!
//! `cargo xtask test` installs the Python environments that these tests need.

#![allow(clippy::disallowed_methods, reason = "tests copy the examples and start real servers")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use flaskseal_servers::{Server, free_port, root};
use tempfile::TempDir;

/// A picture of two by two pixels.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x02\x08\x02\x00\x00\x00\
    \xfd\xd4\x9as\x00\x00\x00\x16IDATx\x9cc\xd4\x8f\xb5b```b`````\x00\x00\tg\x00\xca\xd3X\x00\x1b\
    \x00\x00\x00\x00IEND\xaeB`\x82";

#[test]
fn shop_runs_as_its_unit_starts_it() {
    assert_contains("shop/deploy/shop.service", r#"gunicorn -c gunicorn.conf.py "shop:create_app()""#);
    assert_contains("shop/deploy/shop.service", "Environment=FLASK_ENV=production");
    use_shop(&["-c", "gunicorn.conf.py", "shop:create_app()"], &[("FLASK_ENV", "production")]);
}

#[test]
fn shop_runs_as_its_container_starts_it() {
    assert_contains("shop/Dockerfile", r#"CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]"#);
    use_shop(&["-c", "gunicorn.conf.py", "wsgi:app"], &[]);
}

/// Logs in, searches, orders and uploads; the planted flaws show in the answers.
fn use_shop(arguments: &[&str], variables: &[(&str, &str)]) {
    let server = Shop::start("shop", "target/venv-shop", arguments, variables, &[]);
    let mut browser = Browser::new(&server, &[]);

    let results = browser.get("/search?q=bonsai");
    assert_eq!(results.status, 200);
    assert!(results.text().contains("Juniper bonsai") && !results.text().contains("Monstera"));
    assert!(browser.get("/search?q='").text().contains("sqlite3.OperationalError"));
    assert_eq!(browser.get("/no/such/page").status, 404);
    assert!(results.header("strict-transport-security").is_none());

    let registration = [("email", "ada@example.org"), ("name", "Ada"), ("password", "countess")];
    assert_eq!(browser.submit("/account/register", &registration).status, 302);
    assert_eq!(browser.get("/account/profile").status, 302);
    let wrong = [("email", "ada@example.org"), ("password", "wrong")];
    assert_eq!(browser.submit("/account/login", &wrong).status, 200);
    let login = browser.submit("/account/login", &[("email", "ada@example.org"), ("password", "countess")]);
    assert_eq!(login.status, 302);
    let cookie = login.set_cookie("session");
    assert!(!cookie.contains("Secure") && !cookie.contains("SameSite"), "{cookie}");
    assert!(browser.get("/account/profile").text().contains("Ada"));

    assert_eq!(browser.submit_from("/product/1", "/basket/1", &[]).status, 302);
    assert_eq!(
        browser.submit_from("/basket", "/checkout", &[("card_number", "4111111111111111")]).status,
        302
    );
    assert!(browser.get("/account/profile").text().contains("89.00 €"));
    let greeting = browser.submit_from("/", "/newsletter", &[("name", "<b>Ada</b>")]);
    assert_eq!(greeting.text(), "Hello, <b>Ada</b>");

    let upload = browser.upload("/account/profile", "/account/avatar", "ada.png", PNG);
    assert_eq!(upload.status, 302);
    assert_eq!(browser.get("/static/uploads/ada.png").body, PNG);

    assert_eq!(browser.get("/api/token").status, 200);
    assert!(browser.get("/api/orders").text().contains("8900"));
    assert!(browser.get("/admin/customers").text().contains("admin@juniper.example"));
    assert!(browser.get("/debug/config").text().contains("SECRET_KEY"));
    assert_eq!(browser.get("/account/logout").status, 302);
}

#[test]
fn hardened_shop_runs_as_its_unit_starts_it() {
    let command = "--config gunicorn.conf.py --bind 127.0.0.1:8000 wsgi:app";
    assert_contains("shop-hardened/deploy/shop.service", command);
    let key = "5f0c".repeat(16);
    let server = Shop::start(
        "shop-hardened",
        "target/venv",
        &["--config", "gunicorn.conf.py", "wsgi:app"],
        &[("SECRET_KEY", &key)],
        // What nginx adds for a browser that asked for https://juniper.example/.
        &[("Host", "juniper.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.7")],
    );
    let mut browser = Browser::new(&server, &[("Referer", "https://juniper.example/")]);

    let results = browser.get("/search?q=bonsai");
    assert_eq!(results.status, 200);
    assert!(results.text().contains("Juniper bonsai") && !results.text().contains("Monstera"));
    assert!(browser.get("/search?q='").text().contains("Nothing found."));
    let missing = browser.get("/no/such/page");
    assert_eq!(missing.status, 404);
    for response in [&results, &missing] {
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(response.header(name), Some(*value), "{name}");
        }
        assert_eq!(response.header("server"), Some("gunicorn"));
    }

    let password = "correct horse battery";
    let short = [("email", "ada@example.org"), ("name", "Ada"), ("password", "short"), ("repeat", "short")];
    assert_eq!(browser.submit("/account/register", &short).status, 200);
    let registration =
        [("email", "ada@example.org"), ("name", "Ada"), ("password", password), ("repeat", password)];
    assert_eq!(browser.submit("/account/register", &registration).status, 302);
    assert_eq!(
        browser.post("/account/login", &[("email", "ada@example.org"), ("password", password)]).status,
        400
    );
    let login = browser.submit("/account/login", &[("email", "ada@example.org"), ("password", password)]);
    assert_eq!(login.status, 302);
    let cookie = login.set_cookie("__Host-session");
    for flag in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Expires="] {
        assert!(cookie.contains(flag), "{flag} is missing: {cookie}");
    }
    assert!(!cookie.contains("Domain="), "{cookie}");
    let profile = browser.get("/account/profile");
    assert!(profile.text().contains("Ada"));
    assert_eq!(profile.header("cache-control"), Some("no-store"));

    assert_eq!(browser.submit_from("/product/1", "/basket/1", &[]).status, 302);
    assert_eq!(browser.submit_from("/basket", "/checkout", &[]).status, 302);
    assert!(browser.get("/account/profile").text().contains("89.00 €"));

    let fake =
        browser.upload("/account/profile", "/account/avatar", "page.png", b"<script>alert(1)</script>");
    assert_eq!(fake.status, 302);
    assert!(browser.get("/account/profile").text().contains("Please choose a PNG"));
    assert_eq!(browser.upload("/account/profile", "/account/avatar", "ada.png", PNG).status, 302);
    let profile = browser.get("/account/profile").text();
    let (_, rest) = profile.split_once("/pictures/").expect("the profile shows the picture");
    let (name, _) = rest.split_once('"').expect("the address is quoted");
    let picture = browser.get(&format!("/pictures/{name}"));
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    assert!(picture.body.starts_with(b"\x89PNG"));

    assert_eq!(browser.get("/admin/").status, 403);
    assert_eq!(browser.get("/account/logout").status, 405);
    assert_eq!(browser.submit_from("/", "/account/logout", &[]).status, 302);
    assert_eq!(browser.get("/account/profile").status, 302);

    // Wrong passwords run into the limit.
    let wrong = [("email", "ada@example.org"), ("password", "wrong")];
    let statuses: Vec<u16> = (0..10).map(|_| browser.submit("/account/login", &wrong).status).collect();
    assert!(statuses.contains(&200) && statuses.ends_with(&[429]), "{statuses:?}");

    // Another host is refused, plain HTTP is redirected.
    let foreign =
        server.request("GET", "/", &[("Host", "evil.example"), ("X-Forwarded-Proto", "https")], None);
    assert_eq!(foreign.status, 400);
    let plain =
        server.request("GET", "/", &[("Host", "juniper.example"), ("X-Forwarded-Proto", "http")], None);
    assert_eq!((plain.status, plain.header("location")), (302, Some("https://juniper.example/")));
}

const SECURITY_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[test]
fn hardened_shop_refuses_to_start_without_a_strong_key() {
    let starts = |variables: &[(&str, &str)]| {
        let folder = copy_of("shop-hardened");
        let mut command = gunicorn("target/venv", folder.path(), &["--check-config", "wsgi:app"], variables);
        command.status().expect("gunicorn starts").success()
    };
    assert!(starts(&[("SECRET_KEY", &"5f0c".repeat(16))]));
    assert!(!starts(&[("SECRET_KEY", "default_key")]));
    assert!(!starts(&[]));
}

#[test]
fn planted_flaws_stand_where_the_list_says() {
    let list: toml::Table = toml::from_str(&text_of("shop/planted.toml")).expect("planted.toml is TOML");
    for row in list["planted"].as_array().expect("`planted` is a list") {
        let Some(file) = row.get("file").and_then(toml::Value::as_str) else { continue };
        let text = text_of(&format!("shop/{file}"));
        if let Some(part) = row.get("line_contains").and_then(toml::Value::as_str) {
            let lines = text.lines().filter(|line| line.contains(part)).count();
            assert_eq!(lines, 1, "{file} has {lines} lines with {part:?}");
        }
    }
}

/// A running gunicorn with its own copy of an example; ended when dropped.
struct Shop {
    server: Server,
    /// Sent with every request of a [`Browser`].
    proxy_headers: Vec<(String, String)>,
    _folder: TempDir,
}

impl Shop {
    /// Starts an example on a free loopback port and waits until it answers.
    fn start(
        example: &str,
        venv: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
        proxy_headers: &[(&str, &str)],
    ) -> Self {
        let folder = copy_of(example);
        let port = free_port();
        let mut command = gunicorn(venv, folder.path(), arguments, variables);
        command.args(["--bind", &format!("127.0.0.1:{port}")]);
        let server = Server::start(command, port);
        Self { server, proxy_headers: owned(proxy_headers), _folder: folder }
    }

    /// One request, exactly as described: no cookie, no redirect followed.
    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Response {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.server.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((kind, _)) = body {
            request = request.header("Content-Type", kind);
        }
        let bytes = body.map_or(&[][..], |(_, bytes)| bytes);
        let request = request.body(bytes).expect("the request is well formed");
        let mut response = config.new_agent().run(request).expect("the server answers");
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        let status = response.status().as_u16();
        Response { status, headers, body: response.body_mut().read_to_vec().expect("the body arrives") }
    }
}

/// A visitor: keeps cookies and fills in the CSRF token.
struct Browser<'a> {
    server: &'a Shop,
    headers: Vec<(String, String)>,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Shop, headers: &[(&str, &str)]) -> Self {
        let headers = server.proxy_headers.iter().cloned().chain(owned(headers)).collect();
        Self { server, headers, cookies: BTreeMap::new() }
    }

    fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, None)
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send("POST", path, Some(("application/x-www-form-urlencoded", body.as_bytes())))
    }

    /// Opens a page and submits its form to the same address.
    fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.submit_from(path, path, fields)
    }

    /// Opens `page` and submits a form of it to `action`.
    fn submit_from(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.csrf_token(page);
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.post(action, &fields)
    }

    /// Opens `page` and sends a file in the field `picture` to `action`.
    fn upload(&mut self, page: &str, action: &str, name: &str, content: &[u8]) -> Response {
        let token = self.csrf_token(page);
        let head = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n\
             --limit\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"{name}\"\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--limit--\r\n"].concat();
        self.send("POST", action, Some(("multipart/form-data; boundary=limit", &body)))
    }

    fn csrf_token(&mut self, page: &str) -> String {
        let html = self.get(page).text();
        let (_, rest) = html.split_once("name=\"csrf_token\"").expect("the page has a form with a token");
        let (_, rest) = rest.split_once("value=\"").expect("the token has a value");
        rest.split_once('"').expect("the value is quoted").0.to_owned()
    }

    fn send(&mut self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let response = self.server.request(method, path, &headers, body);
        for line in response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, line)| line) {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The `Set-Cookie` line of a cookie.
    fn set_cookie(&self, name: &str) -> &str {
        let start = format!("{name}=");
        let mut lines = self.headers.iter().filter(|(found, _)| found == "set-cookie").map(|(_, line)| line);
        lines.find(|line| line.starts_with(&start)).expect("the response sets the cookie")
    }
}

fn gunicorn(venv: &str, folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let program = root().join(venv).join("bin/gunicorn");
    assert!(
        program.exists(),
        "{} is missing: run `cargo xtask test` once, it installs it",
        program.display()
    );
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("SHOP_DATA", folder.join("data")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(variables.iter().copied());
    command
}

fn copy_of(example: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder can be made");
    copy(&root().join("examples").join(example), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the example can be read") {
        let entry = entry.expect("the example can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("the copy is writable");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("the copy is writable");
        }
    }
}

fn assert_contains(file: &str, part: &str) {
    assert!(text_of(file).contains(part), "examples/{file} no longer says {part:?}");
}

fn text_of(file: &str) -> String {
    let path = root().join("examples").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn percent_encoded(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}
