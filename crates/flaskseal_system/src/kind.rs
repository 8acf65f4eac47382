//! Which files are worth reading, by name, and how much of them.

/// What a file is to us, decided by its name alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Python source.
    Python,
    /// Says how the application is built, configured or run.
    Deployment,
    /// Jinja2 or HTML.
    Template,
    /// A lock file of Python packages.
    Lock,
    /// Text that is seldom decisive: scripts for browsers, JSON, XML.
    Data,
    /// A file without an extension: worth reading if it starts with `#!`.
    Script,
}

const MIB: u64 = 1024 * 1024;

impl Kind {
    /// The largest file of this kind that is read, in bytes.
    pub(crate) const fn limit(self) -> u64 {
        match self {
            Self::Python | Self::Lock => 16 * MIB,
            Self::Deployment | Self::Template => MIB,
            Self::Data => MIB / 4,
            Self::Script => MIB / 16,
        }
    }

    /// Whether a verdict could rest on the file, so that not reading it is worth more than a remark.
    pub(crate) const fn decisive(self) -> bool {
        matches!(self, Self::Python | Self::Deployment | Self::Template | Self::Lock)
    }

    /// The kind of a file; `None` for files that are not read. `path` is relative to the root, with `/`.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let lower = name.to_ascii_lowercase();
        if FOREIGN_LOCKS.contains(&&*lower) || is_bundle(&lower) {
            return None;
        }
        if is_inventory(&lower) {
            return Some(Self::Lock);
        }
        if is_well_known(&lower) {
            return Some(Self::Deployment);
        }
        match extension(&lower) {
            Some("py" | "wsgi") => Some(Self::Python),
            Some("lock") => Some(Self::Lock),
            Some(
                "yaml" | "yml" | "toml" | "ini" | "cfg" | "conf" | "env" | "service" | "timer" | "socket"
                | "sh" | "bash" | "rules" | "nft" | "v4" | "v6" | "tf" | "pem" | "key" | "crt" | "cer"
                | "cert" | "dockerfile" | "flaskenv" | "nginx" | "vhost" | "inc",
            ) => Some(Self::Deployment),
            // What the image of nginx fills in when it starts.
            Some("template") if lower.ends_with(".conf.template") => Some(Self::Deployment),
            Some("txt" | "in") if is_requirements(folder, &lower) => Some(Self::Deployment),
            Some("html" | "htm" | "xhtml" | "jinja" | "jinja2" | "j2" | "tpl" | "tmpl") => {
                Some(Self::Template)
            }
            Some("json" | "xml" | "svg" | "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx") => Some(Self::Data),
            None if is_server_configuration(folder) => Some(Self::Deployment),
            None => Some(Self::Script),
            Some(_) => None,
        }
    }
}

/// Lock files of other ecosystems: large, and without use here.
const FOREIGN_LOCKS: [&str; 6] =
    ["package-lock.json", "yarn.lock", "cargo.lock", "composer.lock", "gemfile.lock", "flake.lock"];

/// What a bundler made for browsers: `jquery.min.js`, `8706.6dfab372988d20453152.entry.js`.
fn is_bundle(lower: &str) -> bool {
    const MARKS: [&str; 5] = ["min", "chunk", "bundle", "entry", "umd"];
    let is_hash = |part: &str| part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(extension(lower), Some("js" | "mjs" | "cjs"))
        && lower.split(['.', '-']).any(|part| MARKS.contains(&part) || is_hash(part))
}

/// Lists of packages in formats of wider use: `pylock.toml`, `sbom.json`, `shop.cdx.xml`, `shop.spdx`.
fn is_inventory(lower: &str) -> bool {
    let is_bill = |stem: &str| {
        stem.split(['.', '-', '_']).any(|part| matches!(part, "bom" | "sbom" | "cdx" | "cyclonedx" | "spdx"))
    };
    ["json", "xml"]
        .iter()
        .any(|ending| lower.strip_suffix(ending).and_then(|rest| rest.strip_suffix('.')).is_some_and(is_bill))
        || extension(lower) == Some("spdx")
        || lower.ends_with("conda-lock.yml")
        || lower.ends_with("conda-lock.yaml")
        || (lower.starts_with("pylock.") && extension(lower) == Some("toml"))
}

/// Deployment files that have a name rather than an extension.
fn is_well_known(lower: &str) -> bool {
    const PREFIXES: [&str; 5] = ["dockerfile", "containerfile", "procfile", "caddyfile", ".env"];
    const NAMES: [&str; 6] =
        ["pipfile", ".flaskenv", ".htaccess", ".python-version", "runtime.txt", "sshd_config"];
    let is_form_of = |prefix: &&str| {
        lower.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
    };
    // `Dockerfile.py` is Python, whatever it calls itself.
    let is_other = matches!(extension(lower), Some("py" | "md" | "rst"));
    NAMES.contains(&lower) || (PREFIXES.iter().any(is_form_of) && !is_other)
}

/// Whether a file that version control ignores still matters to production, so that it is read and marked.
/// The set is small on purpose: an ignored file is part of this machine, not of what is shipped.
pub(crate) fn matters_though_ignored(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = name.to_ascii_lowercase();
    let is_python = extension(&lower) == Some("py");
    let starts = |prefix: &str| lower.starts_with(prefix);
    lower.starts_with(".env")
        || lower == ".flaskenv"
        || extension(&lower) == Some("service")
        || folder.split('/').any(|part| part == ".envs")
        || (is_python && (starts("config") || starts("local_settings") || starts("settings_local")))
        || (is_python && folder.rsplit('/').next() == Some("instance"))
}

/// Whether an ignored folder can hold files that matter though ignored.
pub(crate) fn may_matter_though_ignored(folder: &str) -> bool {
    folder.rsplit('/').next() == Some("instance") || folder.split('/').any(|part| part == ".envs")
}

/// What stands in a folder that is left out whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// Not worth a word: version control and caches.
    Silently,
    Because(&'static str),
}

/// Folders that are left out by their name.
pub(crate) fn left_out_by_name(name: &str) -> Option<Left> {
    match name {
        ".git" | ".hg" | ".svn" | "__pycache__" | ".mypy_cache" | ".pytest_cache" | ".ruff_cache" => {
            Some(Left::Silently)
        }
        "node_modules" | "bower_components" => Some(Left::Because("packages for browsers")),
        "site-packages" | "dist-packages" => Some(Left::Because("installed packages")),
        ".tox" | ".nox" => Some(Left::Because("test environments")),
        ".eggs" => Some(Left::Because("packages of a build")),
        "_vendor" => Some(Left::Because("vendored code")),
        _ if extension(name) == Some("egg") => Some(Left::Because("an installed package")),
        _ => None,
    }
}

fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// `requirements.txt`, `dev-requirements.in`, `requirements/base.txt`, `constraints.txt`.
fn is_requirements(folder: &str, lower: &str) -> bool {
    let spoken_of =
        |text: &str| text.contains("requirement") || text.contains("constraint") || text.starts_with("reqs");
    spoken_of(lower)
        || folder.rsplit('/').next().is_some_and(|parent| spoken_of(&parent.to_ascii_lowercase()))
}

/// `nginx/sites-available/shop`, `etc/apache2/sites-enabled/shop`, `deploy/systemd/environment`.
fn is_server_configuration(folder: &str) -> bool {
    folder.split('/').any(|part| {
        let part = part.to_ascii_lowercase();
        ["nginx", "apache", "httpd", "sites-", "conf.d", "snippets", "systemd", "ufw", ".envs"]
            .iter()
            .any(|known| part.starts_with(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_what_is_read() {
        for (path, kind) in [
            ("app.py", Some(Kind::Python)),
            ("deploy/shop.wsgi", Some(Kind::Python)),
            ("stubs/app.pyi", None),
            ("Dockerfile", Some(Kind::Deployment)),
            ("docker/Dockerfile.prod", Some(Kind::Deployment)),
            ("web.Dockerfile", Some(Kind::Deployment)),
            ("dockerfile_parser.py", Some(Kind::Python)),
            ("dockerfiles", Some(Kind::Script)),
            ("Procfile", Some(Kind::Deployment)),
            (".env", Some(Kind::Deployment)),
            (".env.production", Some(Kind::Deployment)),
            ("web.env", Some(Kind::Deployment)),
            ("requirements/base.txt", Some(Kind::Deployment)),
            ("dev-requirements.in", Some(Kind::Deployment)),
            ("notes.txt", None),
            ("README.md", None),
            ("uv.lock", Some(Kind::Lock)),
            ("Pipfile.lock", Some(Kind::Lock)),
            ("web/yarn.lock", None),
            ("conda-lock.yml", Some(Kind::Lock)),
            ("sbom/shop.cdx.xml", Some(Kind::Lock)),
            ("shop.spdx", Some(Kind::Lock)),
            ("pom.xml", Some(Kind::Data)),
            ("nginx/sites-available/default", Some(Kind::Deployment)),
            ("bin/start", Some(Kind::Script)),
            ("templates/a.html", Some(Kind::Template)),
            ("static/a.js", Some(Kind::Data)),
            ("static/jquery.min.js", None),
            ("static/716fb6bea873e3864f1e.chunk.js", None),
            ("logo.png", None),
        ] {
            assert_eq!(Kind::of(path), kind, "{path}");
        }
    }

    #[test]
    fn few_ignored_files_matter() {
        for path in [
            ".env",
            "instance/config.py",
            "a/instance/x.py",
            "deploy/a.service",
            "config_local.py",
            ".envs/prod/web",
        ] {
            assert!(matters_though_ignored(path), "{path}");
        }
        for path in ["app.py", "instance/shop.db", "instance/deep/x.py", "build/lib/app.py", "notes.env.md"] {
            assert!(!matters_though_ignored(path), "{path}");
        }
    }
}
