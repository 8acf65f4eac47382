//! nginx: its grammar, what one nginx loads, and what that means.
//!
//! `syntax` reads a file, `configuration` joins files into levels that inherit, `client` follows what a client sends
//! through variables, `pattern` reads regular expressions, and `site` says what each server and location does.

mod client;
mod configuration;
mod pattern;
mod redirect;
mod request;
mod site;
mod snippet;
mod syntax;
mod template;

pub use client::{Part, Reach, Test, parts};
pub use configuration::{Configuration, Item, Level, LevelId, LevelKind, matches};
pub use pattern::{Alternative, Characters, Group, Pattern};
pub use request::{Found, Request, Response, Unknown};
pub use site::{PASSES, access, listeners, path};
pub use syntax::{Directive, Word, parse};

pub(crate) use configuration::assemble;
pub(crate) use site::read;
pub(crate) use template::{filled, is_template};

/// Whether a text is configuration of nginx, or a part of it: it has a block or a statement that nothing else has.
pub(crate) fn looks_like(text: &str) -> bool {
    const BLOCKS: [&str; 9] =
        ["server", "http", "location", "upstream", "events", "map", "geo", "if", "stream"];
    const STATEMENTS: [&str; 22] = [
        "listen",
        "server_name",
        "proxy_pass",
        "proxy_set_header",
        "add_header",
        "return",
        "rewrite",
        "root",
        "alias",
        "set",
        "valid_referers",
        "resolver",
        "allow",
        "deny",
        "autoindex",
        "merge_slashes",
        "try_files",
        "expires",
        "server_tokens",
        "uwsgi_pass",
        "fastcgi_pass",
        "client_max_body_size",
    ];
    for line in text.lines().take(5_000) {
        let line = line.trim();
        if line.starts_with(['[', '<']) {
            return false;
        }
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let rest = rest.split(" #").next().unwrap_or(rest).trim();
        let is_block = BLOCKS.contains(&word) && rest.contains('{');
        let is_statement =
            (STATEMENTS.contains(&word) || word.starts_with("ssl_") || word.starts_with("proxy_"))
                && rest.contains(';')
                && !rest.starts_with(['=', '(', ':']);
        if is_block || is_statement {
            return true;
        }
    }
    false
}

/// The version of nginx that the deployment files start, where all of them agree: `nginx:1.25.3` in a Dockerfile or a
/// Compose file. A tag without its last part stands for the newest of its kind.
pub(crate) fn version<'t>(texts: impl Iterator<Item = &'t str>) -> Option<(u32, u32, u32)> {
    let mut found = None;
    for line in texts.flat_map(str::lines) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        for name in ["nginx:", "nginx-unprivileged:"] {
            let Some((before, tag)) = line.split_once(name) else { continue };
            if !(before.is_empty() || before.ends_with([' ', '/', '"', '\''])) {
                continue;
            }
            let mut numbers =
                tag.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("").split('.');
            let mut number = || numbers.next().and_then(|part| part.parse().ok());
            let Some(major) = number() else { continue };
            let version = (major, number().unwrap_or(u32::MAX), number().unwrap_or(u32::MAX));
            if found.is_some_and(|known| known != version) {
                return None;
            }
            found = Some(version);
        }
    }
    found
}
