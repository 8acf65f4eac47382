//! Which files deploy something, told by their names, and paths inside the tree.

use flaskseal_core::Tree;
use flaskseal_core::path::join;

use crate::compose;
use crate::host::{nftables, packet_filter, ufw};
use crate::kubernetes;
use crate::model::FileKind;
use crate::{nginx, traefik};

/// Whether discovery should read the file for this crate. YAML, ini, conf and shell files may turn out to be
/// something else, which only their content tells.
pub fn is_deploy_file(path: &str) -> bool {
    is_nginx_template(path) || !is_example(path) && (named_kind(path).is_some() || maybe_kind(path))
}

/// What paths begin with that are no part of a project: the texts of a host, read as a tree. Whatever their names say,
/// they are what the host runs, and neither examples nor for development.
pub const HOST_PREFIX: &str = "@host/";

/// Documentation, and what a service for builds runs: never evidence. `.env.example`, `compose.sample.yml`.
pub fn is_example(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if path.starts_with(HOST_PREFIX) {
        return false;
    }
    folders.split('/').any(|folder| matches!(folder, ".github" | ".gitlab" | ".circleci"))
        || name.split(['.', '-', '_']).any(|part| {
            matches!(
                part.to_ascii_lowercase().as_str(),
                "example" | "examples" | "sample" | "template" | "dist" | "tmpl" | "tpl" | "j2" | "jinja"
            )
        })
}

/// For development or tests, told by its name or folder.
pub fn is_dev(path: &str) -> bool {
    if path.starts_with(HOST_PREFIX) {
        return false;
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    let name = folders.pop().unwrap_or("");
    let dev = |part: &str| {
        matches!(
            part.to_ascii_lowercase().as_str(),
            "dev"
                | "devel"
                | "develop"
                | "development"
                | "override"
                | "local"
                | "test"
                | "tests"
                | "testing"
                | "ci"
                | "debug"
                | "e2e"
                | "integration"
                | "testbed"
                | "devcontainer"
        )
    };
    // `browser-test/`, `integration_tests/`
    let is_for_tests = |folder: &str| {
        let last = folder.rsplit(['-', '_']).next().unwrap_or("");
        last != folder && matches!(last, "test" | "tests" | "e2e")
    };
    name.split(['.', '-', '_']).any(dev)
        || folders.iter().any(|folder| is_for_tests(folder))
        || folders.iter().any(|folder| {
            matches!(
                *folder,
                ".devcontainer"
                    | ".github"
                    | ".gitlab"
                    | ".circleci"
                    | ".ci"
                    | "ci"
                    | "tests"
                    | "test"
                    | "testbed"
                    | "dev"
            )
        })
}

/// The kind of a file, by name where that is enough and by content where it is not.
pub(crate) fn kind(path: &str, text: &str) -> Option<FileKind> {
    // The image of nginx fills in its templates when it starts.
    if is_nginx_template(path) && nginx::looks_like(text) {
        return Some(FileKind::Nginx);
    }
    if is_example(path) {
        return None;
    }
    let extension =
        path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    if named_kind(path).is_none() && is_firewall(path, text) {
        return Some(FileKind::Firewall);
    }
    match (named_kind(path), extension) {
        (Some(FileKind::AppEngine), _) | (None, Some("yaml" | "yml")) if kubernetes::looks_like(text) => {
            Some(FileKind::Kubernetes)
        }
        (Some(kind), _) => Some(kind),
        (None, Some("yaml" | "yml")) if compose::looks_like(text) => Some(FileKind::Compose),
        (None, Some("yaml" | "yml")) if traefik::looks_like(text) => Some(FileKind::Traefik),
        (None, Some("ini" | "conf")) if text.lines().any(|line| line.trim() == "[uwsgi]") => {
            Some(FileKind::Uwsgi)
        }
        (None, Some("conf" | "ini")) if text.lines().any(|line| line.trim().starts_with("[program:")) => {
            Some(FileKind::Supervisor)
        }
        (None, Some("conf" | "vhost" | "wsgi") | None) if is_apache(text) => Some(FileKind::Apache),
        (None, Some("conf" | "vhost" | "nginx" | "inc")) if nginx::looks_like(text) => Some(FileKind::Nginx),
        (None, None) if is_server_folder(path) && nginx::looks_like(text) => Some(FileKind::Nginx),
        (None, Some(_)) if is_named_after_a_site(path) && nginx::looks_like(text) => Some(FileKind::Nginx),
        (None, Some("sh" | "bash")) => Some(FileKind::ShellScript),
        (None, None)
            if text.starts_with("#!") && text.lines().next().is_some_and(|line| line.ends_with("sh")) =>
        {
            Some(FileKind::ShellScript)
        }
        _ => None,
    }
}

fn is_apache(text: &str) -> bool {
    text.lines().take(5_000).any(|line| {
        let line = line.trim_start().as_bytes();
        line.get(..14).is_some_and(|word| word.eq_ignore_ascii_case(b"WSGIScriptAlia"))
            || line.get(..12).is_some_and(|word| word.eq_ignore_ascii_case(b"<VirtualHost"))
    })
}

/// A file of UFW, or a dump of rules, which only its content tells.
fn is_firewall(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "user.rules" | "user6.rules" | "after.rules" | "after6.rules" => {
            path.contains("/ufw/") || text.contains("ufw")
        }
        "ufw" => text.contains("DEFAULT_INPUT_POLICY"),
        "ufw.conf" => true,
        _ => {
            let may_be = match name.rsplit_once('.') {
                Some((_, extension)) => matches!(extension, "rules" | "nft" | "conf" | "v4" | "v6" | "txt"),
                None => true,
            };
            may_be
                && (ufw::looks_like_status(text)
                    || packet_filter::looks_like_dump(text)
                    || nftables::looks_like(text))
        }
    }
}

/// `default.conf.template`, which the image of nginx fills in; `site.conf.j2` and `nginx.conf.erb` of other programs.
fn is_nginx_template(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_filled = || {
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        nginx::is_template(path)
            && (stem.ends_with(".conf") || stem.contains("nginx") || is_server_folder(path))
    };
    (path.ends_with(".conf.template") || is_filled()) && !path.contains("example") && !path.contains("sample")
}

/// `nginx/sites-available/shop`, `etc/nginx/proxy_params`.
fn is_server_folder(path: &str) -> bool {
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
    folder.split('/').any(|part| {
        let part = part.to_ascii_lowercase();
        part.starts_with("nginx") || part.starts_with("sites-") || part == "conf.d" || part == "snippets"
    })
}

/// `sites-available/shop.test`: what seems an extension ends the name of a domain.
fn is_named_after_a_site(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_listed = path.split('/').any(|part| part.starts_with("sites-"));
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_end =
        (2..=12).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_lowercase());
    is_listed
        && is_end
        && !matches!(
            extension,
            "md" | "txt" | "html" | "bak" | "old" | "orig" | "save" | "log" | "py" | "pem" | "key" | "crt"
        )
}

fn named_kind(path: &str) -> Option<FileKind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let yaml = matches!(extension, "yml" | "yaml");
    let begins = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
    };
    let is = |kind| Some(kind);
    match lower.as_str() {
        _ if extension == "dockerignore" => is(FileKind::Dockerignore),
        _ if begins("dockerfile")
            && !matches!(extension, "md" | "txt" | "py" | "sh" | "bak" | "yml" | "yaml") =>
        {
            is(FileKind::Dockerfile)
        }
        _ if begins("containerfile") || matches!(extension, "dockerfile" | "containerfile") => {
            is(FileKind::Dockerfile)
        }
        _ if yaml
            && (begins("compose")
                || begins("docker-compose")
                || stem.ends_with(".compose")
                || stem.ends_with(".docker-compose")) =>
        {
            is(FileKind::Compose)
        }
        _ if begins("procfile") => is(FileKind::Procfile),
        _ if begins("caddyfile") || extension == "caddyfile" || extension == "caddy" => is(FileKind::Caddy),
        _ if extension == "service" => is(FileKind::Systemd),
        _ if extension == "conf" && path.contains(".service.d/") => is(FileKind::SystemdDropIn),
        "sshd_config" => is(FileKind::Sshd),
        _ if extension == "conf" && path.contains("sshd_config.d/") => is(FileKind::Sshd),
        "supervisord.conf" | "supervisor.conf" | "supervisord.ini" | "supervisor.ini" => {
            is(FileKind::Supervisor)
        }
        _ if begins("uwsgi") && matches!(extension, "ini" | "yml" | "yaml" | "xml" | "json") => {
            is(FileKind::Uwsgi)
        }
        _ if begins("gunicorn") && extension == "py" => is(FileKind::GunicornConfig),
        _ if extension == "env" || lower.starts_with(".env.") || lower == ".flaskenv" => is(FileKind::Dotenv),
        "app.yaml" | "app.yml" => is(FileKind::AppEngine),
        "zappa_settings.json" | "zappa_settings.yml" | "zappa_settings.yaml" => is(FileKind::Zappa),
        "serverless.yml" | "serverless.yaml" => is(FileKind::Serverless),
        "render.yaml" | "render.yml" => is(FileKind::Render),
        _ if begins("fly") && extension == "toml" => is(FileKind::Fly),
        "railway.toml" | "railway.json" | "nixpacks.toml" => is(FileKind::Railway),
        "app.json" => is(FileKind::Heroku),
        _ => None,
    }
}

fn maybe_kind(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, extension)) => {
            is_named_after_a_site(path)
                || matches!(
                    extension,
                    "yml"
                        | "yaml"
                        | "ini"
                        | "conf"
                        | "sh"
                        | "bash"
                        | "vhost"
                        | "nginx"
                        | "inc"
                        | "rules"
                        | "nft"
                        | "v4"
                        | "v6"
                )
        }
        None => {
            is_server_folder(path)
                || ["entrypoint", "start", "run", "boot", "serve", "launch"]
                    .iter()
                    .any(|word| name.contains(word))
        }
    }
}

/// The folder above; None for the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    Some(path.rsplit_once('/').map_or("", |(folder, _)| folder))
}

/// A folder and those above it, up to the root.
pub(crate) fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| parent(folder))
}

/// Whether a folder of the tree holds anything.
pub(crate) fn folder_exists(tree: &Tree, folder: &str) -> bool {
    if folder.is_empty() {
        return true;
    }
    let prefix = format!("{folder}/");
    let first = tree.paths.partition_point(|known| *known.path < *prefix);
    tree.paths.get(first).is_some_and(|known| known.path.starts_with(&prefix))
}

/// Whether the folder holds the Python module, as a file or a package.
pub(crate) fn has_module(tree: &Tree, folder: &str, module: &str) -> bool {
    let path = module.replace('.', "/");
    let Some(base) = join(folder, &path) else { return false };
    !path.is_empty() && (tree.exists(&format!("{base}.py")) || tree.exists(&format!("{base}/__init__.py")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_near_misses() {
        let kind_of = |path: &str| kind(path, "");
        assert_eq!(kind_of("docker/Dockerfile.prod"), Some(FileKind::Dockerfile));
        assert_eq!(kind_of("web.Dockerfile"), Some(FileKind::Dockerfile));
        assert_eq!(kind_of("Dockerfile.dockerignore"), Some(FileKind::Dockerignore));
        assert_eq!(kind_of("Dockerfile.example"), None);
        assert_eq!(kind_of("dockerfiles.md"), None);
        assert_eq!(kind_of("docker-compose.prod.yml"), Some(FileKind::Compose));
        assert_eq!(kind_of("composer.json"), None);
        assert_eq!(kind_of("compose_test.py"), None);
        assert_eq!(kind_of(".env"), Some(FileKind::Dotenv));
        assert_eq!(kind_of(".env.production"), Some(FileKind::Dotenv));
        assert_eq!(kind_of(".env.example"), None);
        assert_eq!(kind_of("example.env"), None);
        assert_eq!(kind_of("mkdocs.yml"), None);
        assert_eq!(kind("k.yml", "apiVersion: v1\nkind: Pod\n"), Some(FileKind::Kubernetes));
        assert_eq!(kind("app.yaml", "apiVersion: v1\nkind: Pod\n"), Some(FileKind::Kubernetes));
        assert_eq!(kind("site.ini", "[uwsgi]\n"), Some(FileKind::Uwsgi));
        assert_eq!(kind("setup.ini", "[x]\n"), None);
        assert_eq!(kind("deploy/site.conf", "server {\n}\n"), Some(FileKind::Nginx));
        assert_eq!(kind("nginx/proxy_params", "proxy_set_header A b;\n"), Some(FileKind::Nginx));
        assert_eq!(kind("nginx/templates/default.conf.template", "server {}"), Some(FileKind::Nginx));
        assert_eq!(kind("default.conf.example", "server {}"), None);
        assert_eq!(kind("logging.conf", "[loggers]\nkeys=root;\n"), None);
        assert_eq!(kind("redis.conf", "maxmemory 2mb\nset x\n"), None);
        assert!(
            is_deploy_file("deploy/web.yaml") && !is_deploy_file("app.py") && !is_deploy_file("a.sample.yml")
        );
        assert!(
            is_dev("docker-compose.override.yml")
                && is_dev("docker/browser-test/Dockerfile")
                && !is_dev("contest/Dockerfile")
                && is_dev(".devcontainer/Dockerfile")
                && !is_dev("device/compose.yml")
        );
    }

    #[test]
    fn folders_above_end_at_the_root() {
        assert_eq!(ancestors("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }
}
