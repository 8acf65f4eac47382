//! Addresses that a release must not answer, and by which content it would give itself away. A status says nothing:
//! many sites answer everything with a page.

/// What would be found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Find {
    /// A file that must stay private, and says so by its content.
    Private,
    /// A file that tells how the site is made.
    Telling,
    /// Werkzeug's console or debugger.
    Debugger,
    /// Configuration, environment or internals of the process.
    Internals,
    /// A tool for developers: API explorer, profiler, metrics.
    Tool,
    /// An administration interface that asks for no login.
    Admin,
    /// The index of a folder.
    Listing,
}

/// An address of the list.
#[derive(Debug)]
pub struct Listed {
    pub path: &'static str,
    pub find: Find,
    /// What it is called in messages.
    pub what: &'static str,
    /// Whether a body is what the address promises.
    is_it: fn(&[u8], &str) -> bool,
}

impl Listed {
    /// Whether an answer's body is what the address promises; `media_type` is in lower case.
    pub fn matches(&self, body: &[u8], media_type: &str) -> bool {
        (self.is_it)(body, media_type)
    }
}

/// The list. At most a request for each.
pub static LISTED: &[Listed] = &[
    entry("/console", Find::Debugger, "Werkzeug's console", is_console),
    entry("/.git/HEAD", Find::Private, "the git repository", is_git_head),
    entry("/.env", Find::Private, "the environment file", is_environment),
    entry("/config.py", Find::Private, "the configuration's source", is_python),
    entry("/instance/config.py", Find::Private, "the instance's configuration", is_python),
    entry("/app.py", Find::Private, "the application's source", is_python),
    entry("/wsgi.py", Find::Private, "the application's source", is_python),
    entry("/app.db", Find::Private, "a database", is_sqlite),
    entry("/instance/app.db", Find::Private, "a database", is_sqlite),
    entry("/backup.zip", Find::Private, "an archive", is_zip),
    entry("/dump.sql", Find::Private, "a database dump", is_dump),
    entry("/id_rsa", Find::Private, "a private key", is_private_key),
    entry("/.htpasswd", Find::Private, "a password file", is_htpasswd),
    entry("/requirements.txt", Find::Telling, "the list of packages", is_requirements),
    entry("/Dockerfile", Find::Telling, "the Dockerfile", is_dockerfile),
    entry("/docker-compose.yml", Find::Telling, "the Compose file", is_compose),
    entry("/.DS_Store", Find::Telling, "an index of file names", is_ds_store),
    entry("/static/", Find::Listing, "the index of a folder", is_listing),
    entry("/uploads/", Find::Listing, "the index of a folder", is_listing),
    entry("/env", Find::Internals, "environment variables", is_internals),
    entry("/config", Find::Internals, "the configuration", is_internals),
    entry("/debug", Find::Internals, "internals", is_internals),
    entry("/debug/config", Find::Internals, "the configuration", is_internals),
    entry("/server-status", Find::Tool, "the server's status page", is_server_status),
    entry("/metrics", Find::Tool, "metrics", is_metrics),
    entry("/swagger.json", Find::Tool, "an API description", is_api_description),
    entry("/openapi.json", Find::Tool, "an API description", is_api_description),
    entry("/apidocs/", Find::Tool, "an API explorer", is_swagger),
    entry("/docs", Find::Tool, "an API explorer", is_swagger),
    entry("/graphql", Find::Tool, "a GraphQL explorer", is_graphiql),
    entry("/flask-profiler/", Find::Tool, "a profiler", is_profiler),
    entry("/dashboard/", Find::Tool, "a monitoring dashboard", is_monitoring),
    entry("/rq/", Find::Admin, "the dashboard of the job queue", is_rq),
    entry("/admin/", Find::Admin, "the administration interface", is_flask_admin),
];

const fn entry(path: &'static str, find: Find, what: &'static str, is_it: fn(&[u8], &str) -> bool) -> Listed {
    Listed { path, find, what, is_it }
}

/// The entry of an address.
pub fn of_path(path: &str) -> Option<&'static Listed> {
    LISTED.iter().find(|listed| listed.path == path)
}

/// A page of the index of a folder, as nginx, Apache and Python's servers make it.
pub fn is_listing(body: &[u8], media_type: &str) -> bool {
    let Some(text) = html(body, media_type) else { return false };
    let lower = text.to_ascii_lowercase();
    let has_title = ["<title>index of /", "<title>directory listing for /", "<h1>index of /"]
        .iter()
        .any(|title| lower.contains(title));
    has_title && lower.contains("<a href=")
}

/// What a page lets developers explore, wherever it is.
pub fn explorer(body: &[u8], media_type: &str) -> Option<&'static str> {
    if is_swagger(body, media_type) {
        Some("an API explorer")
    } else {
        is_graphiql(body, media_type).then_some("a GraphQL explorer")
    }
}

/// The beginning of a source map of version 3.
pub fn is_source_map(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| {
        let text = text.trim_start();
        let has = |key: &str| text.contains(&format!("\"{key}\""));
        text.starts_with('{') && has("version") && (has("sources") || has("mappings") || has("sections"))
    })
}

fn text(body: &[u8]) -> Option<&str> {
    // A body that was cut may end inside a character.
    match std::str::from_utf8(body) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(body.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

/// Text that is no page.
fn plain<'b>(body: &'b [u8], media_type: &str) -> Option<&'b str> {
    let text = text(body)?;
    let start: String = text.trim_start().chars().take(64).collect::<String>().to_ascii_lowercase();
    let is_page = media_type.contains("html") || start.starts_with("<!doctype") || start.starts_with("<html");
    (!is_page && !text.trim().is_empty()).then_some(text)
}

fn html<'b>(body: &'b [u8], media_type: &str) -> Option<&'b str> {
    text(body).filter(|_| media_type.contains("html"))
}

/// Whatever the server takes it for: no page looks so.
fn is_git_head(body: &[u8], _: &str) -> bool {
    text(body).is_some_and(|text| {
        let line = text.trim_end();
        let is_commit = line.len() == 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
        !line.contains('\n') && (line.starts_with("ref: refs/") || is_commit)
    })
}

/// Most of its lines are `NAME=value`, comments or empty, and at least one is the first.
fn is_environment(body: &[u8], media_type: &str) -> bool {
    let Some(text) = plain(body, media_type) else { return false };
    let is_pair = |line: &&str| {
        let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
        line.split_once('=').is_some_and(|(name, _)| {
            let name = name.trim();
            let mut bytes = name.bytes();
            bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    let pairs = lines.iter().filter(|line| is_pair(line)).count();
    pairs > 0 && pairs * 5 >= lines.len() * 4
}

fn is_python(body: &[u8], media_type: &str) -> bool {
    let Some(text) = plain(body, media_type) else { return false };
    if text.trim_start().starts_with(['{', '<']) {
        return false;
    }
    text.lines().filter(|line| !line.trim_start().starts_with('#')).take(200).any(|line| {
        let is_import = line.starts_with("import ") || line.starts_with("from ") && line.contains(" import ");
        let is_class =
            (line.starts_with("class ") || line.starts_with("def ")) && line.trim_end().ends_with(':');
        let is_setting = line.split_once('=').is_some_and(|(name, _)| {
            let name = name.trim();
            name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        });
        is_import || is_class || is_setting
    })
}

fn is_sqlite(body: &[u8], _: &str) -> bool {
    body.starts_with(b"SQLite format 3\0")
}

fn is_zip(body: &[u8], _: &str) -> bool {
    body.starts_with(b"PK\x03\x04")
}

fn is_dump(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| {
        let upper = text.to_ascii_uppercase();
        ["CREATE TABLE", "INSERT INTO", "DROP TABLE", "-- POSTGRESQL DATABASE DUMP", "-- MYSQL DUMP"]
            .iter()
            .any(|part| upper.contains(part))
    })
}

fn is_private_key(body: &[u8], _: &str) -> bool {
    text(body)
        .is_some_and(|text| text.trim_start().starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----"))
}

fn is_htpasswd(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| {
        text.lines().filter(|line| !line.is_empty()).all(|line| {
            line.split_once(':').is_some_and(|(_, hash)| {
                ["$apr1$", "$2y$", "$2b$", "{SHA}", "$5$", "$6$"]
                    .iter()
                    .any(|prefix| hash.starts_with(prefix))
            })
        })
    })
}

fn is_requirements(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '-']))
            .collect();
        let pinned = lines.iter().filter(|line| line.contains("==") || line.contains(">=")).count();
        pinned > 0 && pinned * 2 >= lines.len() && !text.contains('{')
    })
}

fn is_dockerfile(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| {
        let starts = |word: &str| text.lines().any(|line| line.starts_with(word));
        starts("FROM ") && (starts("RUN ") || starts("COPY ") || starts("CMD ") || starts("ENTRYPOINT "))
    })
}

fn is_compose(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| text.lines().any(|line| line.trim_end() == "services:"))
}

fn is_ds_store(body: &[u8], _: &str) -> bool {
    body.starts_with(b"\0\0\0\x01Bud1")
}

/// Names and values of settings or of the environment, whatever they are wrapped in.
fn is_internals(body: &[u8], _: &str) -> bool {
    let Some(text) = text(body) else { return false };
    let names = [
        "SECRET_KEY",
        "SQLALCHEMY_DATABASE_URI",
        "PERMANENT_SESSION_LIFETIME",
        "SESSION_COOKIE_NAME",
        "MAX_CONTENT_LENGTH",
        "PROPAGATE_EXCEPTIONS",
        "SERVER_SOFTWARE",
        "wsgi.url_scheme",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "HOSTNAME",
    ];
    let is_followed = |name: &&&str| {
        text.match_indices(**name).any(|(at, _)| {
            let rest = text.get(at + name.len()..).unwrap_or("");
            let rest = rest.trim_start_matches(['"', '\'', ' ', '\t']);
            let rest = rest.strip_prefix("&#39;").or_else(|| rest.strip_prefix("&#34;")).unwrap_or(rest);
            rest.trim_start().starts_with([':', '=']) || rest.starts_with("</t")
        })
    };
    names.iter().filter(is_followed).count() >= 3
}

fn is_server_status(body: &[u8], media_type: &str) -> bool {
    let is_nginx = plain(body, media_type).is_some_and(|text| text.starts_with("Active connections:"));
    is_nginx || html(body, media_type).is_some_and(|text| text.contains("<h1>Apache Server Status for"))
}

fn is_metrics(body: &[u8], media_type: &str) -> bool {
    plain(body, media_type).is_some_and(|text| text.lines().any(|line| line.starts_with("# TYPE ")))
}

fn is_api_description(body: &[u8], _: &str) -> bool {
    text(body).is_some_and(|text| {
        let text = text.trim_start();
        text.starts_with('{')
            && (text.contains("\"swagger\"") || text.contains("\"openapi\""))
            && text.contains("\"info\"")
    })
}

fn is_swagger(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| {
        text.contains("swagger-ui") && (text.contains("SwaggerUIBundle") || text.contains("id=\"swagger-ui"))
            || text.contains("<redoc") && text.contains("spec-url")
    })
}

fn is_graphiql(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| {
        ["graphiql", "graphql-playground"].iter().any(|name| {
            let lower = text.to_ascii_lowercase();
            lower.contains(&format!("{name}.min.js"))
                || lower.contains(&format!("{name}.js"))
                || lower.contains(&format!("id=\"{name}"))
        })
    })
}

fn is_profiler(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| text.contains("flask-profiler") && text.contains("<script"))
}

fn is_monitoring(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| text.contains("<title>Flask Monitoring Dashboard"))
}

fn is_rq(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| text.contains("RQ Dashboard") || text.contains("rq-dashboard"))
}

/// The layout of Flask-Admin, and no form that asks for a password.
fn is_flask_admin(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| {
        let lower = text.to_ascii_lowercase();
        let is_layout = lower.contains("/static/admin/") || lower.contains("/admin/static/");
        let is_frame = lower.contains("navbar") && lower.contains("admin");
        is_layout && is_frame && !lower.contains("type=\"password\"")
    })
}

/// The console, which is also an error page: Werkzeug's page with evaluation on.
fn is_console(body: &[u8], media_type: &str) -> bool {
    html(body, media_type).is_some_and(|text| crate::debugger::of_page(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[u8] =
        b"<!doctype html><title>Shop</title><p>Not found. SECRET_KEY=abc ref: refs/heads/main";

    #[test]
    fn a_page_for_everything_is_nothing_of_the_list() {
        for listed in LISTED {
            assert!(!listed.matches(PAGE, "text/html"), "{}", listed.path);
            assert!(!listed.matches(PAGE, "text/plain"), "{}", listed.path);
            assert!(!listed.matches(b"", "text/plain"), "{}", listed.path);
            assert!(!listed.matches(b"{\"error\": \"not found\"}", "application/json"), "{}", listed.path);
            assert!(!listed.matches(b"\xff\xfe\x00", "application/octet-stream"), "{}", listed.path);
            assert!(!listed.matches(b"Not Found", "text/plain"), "{}", listed.path);
        }
    }

    #[test]
    fn content_gives_files_away() {
        let is = |path: &str, body: &[u8], media_type: &str| of_path(path).unwrap().matches(body, media_type);
        assert!(is("/.git/HEAD", b"ref: refs/heads/main\n", "application/octet-stream"));
        assert!(is("/.env", b"# shop\nSECRET_KEY=abc\nexport DB=x\n\n", "text/plain"));
        assert!(is("/config.py", b"# settings\nSECRET_KEY = 'x'\n", "text/x-python"));
        assert!(is("/app.db", b"SQLite format 3\0...", "application/octet-stream"));
        assert!(is("/requirements.txt", b"flask==3.1.2\nrequests>=2\n", "text/plain"));
        assert!(is("/static/", b"<title>Index of /static/</title><a href=\"a\">", "text/html"));
        assert!(is(
            "/config",
            b"{'SECRET_KEY': 'x', 'SESSION_COOKIE_NAME': 'y', 'MAX_CONTENT_LENGTH': None}",
            "text/html"
        ));
        assert!(is_source_map(b"{\"version\":3,\"sources\":[\"app.ts\"],\"map", "application/json"));
        assert!(
            !is_source_map(b"{\"version\":\"1.2\"}", "application/json") && !is_source_map(PAGE, "text/html")
        );
        assert!(is("/metrics", b"# HELP x y\n# TYPE x counter\n", "text/plain"));
        assert!(!is("/.env", b"Sorry, this = that page is missing\nGo home\n", "text/plain"));
        assert!(!is(
            "/config",
            b"Set SECRET_KEY and SESSION_COOKIE_NAME, then MAX_CONTENT_LENGTH",
            "text/html"
        ));
    }

    #[test]
    fn addresses_occur_once() {
        for (index, listed) in LISTED.iter().enumerate() {
            assert!(LISTED.iter().skip(index + 1).all(|other| other.path != listed.path), "{}", listed.path);
        }
    }
}
