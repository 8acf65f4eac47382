//! Redirects that a level makes whatever the request, and those that only the values of variables tell.

use super::client::Test;
use super::configuration::{Configuration, LevelId, LevelKind};
use super::request::{Found, Request, Response};
use super::syntax::Directive;
use crate::web::{Listener, Path, Redirect};

/// The redirects of a server: of every request, or of those that come over plain HTTP.
pub(super) fn of_server(configuration: &Configuration, id: LevelId, listeners: &[Listener]) -> Vec<Redirect> {
    let mut redirects = Vec::new();
    if let Some(redirect) = of_level(configuration, id) {
        redirects.push(resolved(configuration, id, &Path::All, redirect));
    }
    let blocks = || configuration.blocks(id, LevelKind::If);
    for block in blocks() {
        let is_plain =
            configuration.level(block).head.as_ref().and_then(Test::of).is_some_and(|test| is_plain(&test));
        if is_plain && let Some(redirect) = of_level(configuration, block) {
            redirects.push(Redirect { only_plain: true, ..redirect });
        }
    }
    if !redirects.iter().any(Redirect::is_to_https)
        && let Some(plain) = listeners.iter().find(|listener| !listener.tls && !listener.is_local())
        && let Some(redirect) = blocks().find_map(|block| of_level(configuration, block))
        && let Some(target) = sent_away(configuration, id, plain.port)
    {
        redirects.insert(0, Redirect { target, only_plain: true, ..redirect });
    }
    redirects
}

/// The redirect that a level makes whatever the request: `return 301 ...`, or a `rewrite` of everything.
pub(super) fn of_level(configuration: &Configuration, id: LevelId) -> Option<Redirect> {
    for directive in configuration.level(id).directives() {
        match directive.name.text.as_str() {
            "return" => {
                let (status, target) = returned(directive);
                let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
                return target.filter(|_| is_redirect).map(|target| Redirect {
                    status,
                    target,
                    span: directive.span,
                    only_plain: false,
                });
            }
            "rewrite" => {
                if let Some(redirect) = rewritten(directive) {
                    return Some(redirect);
                }
            }
            "break" => return None,
            _ => {}
        }
    }
    None
}

/// The redirect of a level, whose address a variable begins, with the address that a visitor gets.
pub(super) fn resolved(
    configuration: &Configuration,
    id: LevelId,
    path: &Path,
    redirect: Redirect,
) -> Redirect {
    if !redirect.target.starts_with('$') || redirect.target.starts_with("$scheme") {
        return redirect;
    }
    let Some(server) = configuration.enclosing(id, LevelKind::Server) else { return redirect };
    let target = match path {
        Path::All => "/",
        Path::Prefix(path) | Path::Exact(path) if path.starts_with('/') => path,
        _ => return redirect,
    };
    let port = super::site::listeners(configuration, server).first().map_or(80, |listener| listener.port);
    let answer = asked(configuration, server, port, target, &[]).filter(|answer| answer.level == id);
    match answer.and_then(|answer| answer.redirect) {
        Some(target) => Redirect { target, ..redirect },
        None => redirect,
    }
}

/// Where a server sends whoever asks over plain HTTP, whatever the path; here, or behind a proxy that says so.
fn sent_away(configuration: &Configuration, server: LevelId, port: u16) -> Option<String> {
    let headers: [&[(&str, &str)]; 2] = [&[], &[("x-forwarded-proto", "http")]];
    headers.into_iter().find_map(|headers| {
        let to_https = |target: &str| {
            let answer = asked(configuration, server, port, target, headers)?;
            // A location has a route of its own.
            let redirect = answer.redirect.filter(|_| answer.level == server)?;
            redirect.starts_with("https://").then_some(redirect)
        };
        to_https("/some/page?of=it").and_then(|_| to_https("/"))
    })
}

fn asked(
    configuration: &Configuration,
    server: LevelId,
    port: u16,
    target: &str,
    headers: &[(&str, &str)],
) -> Option<Response> {
    let names = configuration.own(server, "server_name").flat_map(|names| &names.arguments);
    let host = names.map(|name| name.text.as_str()).find(|name| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) && *name != "-"
    });
    let request = Request { port, method: "GET", host: host.unwrap_or("unnamed.invalid"), target, headers };
    configuration.answer(&request, &|_| Found::Nothing).ok().filter(|answer| answer.server == server)
}

/// A test that holds for requests over plain HTTP, here or at a proxy in front.
fn is_plain(test: &Test) -> bool {
    let value = test.value.trim_matches(['^', '$']);
    match (test.variable.as_str(), test.operator.as_str()) {
        ("scheme" | "http_x_forwarded_proto" | "http_x_forwarded_scheme", "=" | "~" | "~*") => {
            value == "http"
        }
        ("scheme" | "http_x_forwarded_proto" | "http_x_forwarded_scheme", "!=" | "!~" | "!~*") => {
            value == "https"
        }
        ("https", "=") => value.is_empty(),
        ("https", "!=") => value == "on",
        ("server_port", "=") => value == "80",
        ("server_port", "!=") => value == "443",
        _ => false,
    }
}

/// The status and the text or address of a `return`.
pub(super) fn returned(directive: &Directive) -> (u16, Option<String>) {
    let first = directive.argument(0).unwrap_or("");
    match first.parse() {
        Ok(status) => (status, directive.argument(1).map(str::to_owned)),
        Err(_) => (302, Some(first.to_owned())),
    }
}

/// A `rewrite` that sends every request somewhere else.
fn rewritten(directive: &Directive) -> Option<Redirect> {
    let pattern = directive.argument(0)?;
    let target = directive.argument(1)?;
    let flag = directive.argument(2);
    let absolute = ["http://", "https://", "$scheme"].iter().any(|scheme| target.starts_with(scheme));
    let status = match flag {
        Some("permanent") => 301,
        Some("redirect") => 302,
        _ if absolute => 302,
        _ => return None,
    };
    let is_all = matches!(
        pattern,
        "^" | "^/" | ".*" | "^.*" | "^.*$" | "(.*)" | "^(.*)" | "^(.*)$" | "^/(.*)$" | "^/(.*)"
    );
    is_all.then(|| Redirect { status, target: target.to_owned(), span: directive.span, only_plain: false })
}
