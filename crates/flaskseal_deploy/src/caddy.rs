//! Caddyfiles: blocks of sites with directives, a line each; and what the sites of one do.

use flaskseal_core::{FileId, Span, Tree};

use crate::files;
use crate::syntax::{Parsed, Problem, lines, range};
use crate::web::{
    AddedHeader, Answer, Forwarded, Listener, MAX_HEADERS, MAX_ROUTES, Path, Program, Protocol, Redirect,
    Route, Site, Tls, Upstream,
};

/// A line with its block, where it opens one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    pub words: Vec<String>,
    pub block: Vec<Line>,
    pub range: flaskseal_core::TextRange,
}

const MAX_DEPTH: usize = 32;
/// Snippets that one site imports; each is copied.
const MAX_IMPORTS: usize = 16;

/// Reads a Caddyfile. Never fails.
pub fn parse(text: &str) -> Parsed<Vec<Line>> {
    let mut parsed: Parsed<Vec<Line>> = Parsed::default();
    let mut levels: Vec<Vec<Line>> = vec![Vec::new()];
    let mut skipped = 0_usize;
    for (start, line) in lines(text) {
        let whole = range(start, start + line.len());
        let mut words = words(line);
        if words.is_empty() {
            continue;
        }
        if words == ["}"] {
            if skipped > 0 {
                skipped -= 1;
            } else if levels.len() > 1 {
                close(&mut levels);
            } else {
                parsed.problems.push(Problem::new(whole, "`}` closes nothing"));
            }
            continue;
        }
        let opens = words.last().is_some_and(|word| word == "{");
        if opens {
            words.pop();
        }
        if opens && (levels.len() >= MAX_DEPTH || skipped > 0) {
            skipped += 1;
            continue;
        }
        if skipped > 0 {
            continue;
        }
        if let Some(level) = levels.last_mut() {
            let indent = line.len() - line.trim_start().len();
            let range = range(start + indent, start + line.trim_end().len().max(indent));
            level.push(Line { words, block: Vec::new(), range });
        }
        if opens {
            levels.push(Vec::new());
        }
    }
    if levels.len() > 1 {
        parsed.problems.push(Problem::new(range(text.len(), text.len()), "a block is not closed"));
    }
    while levels.len() > 1 {
        close(&mut levels);
    }
    parsed.tree = levels.pop().unwrap_or_default();
    parsed
}

fn close(levels: &mut Vec<Vec<Line>>) {
    let Some(block) = levels.pop() else { return };
    if let Some(opened) = levels.last_mut().and_then(|level| level.last_mut()) {
        opened.block = block;
    }
}

/// Words between blanks; quotes and backticks keep blanks, `#` at the start of a word begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', Some('"')) => word.get_or_insert_default().extend(characters.next()),
            (_, Some(open)) if character == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(character),
            ('"' | '`', None) if word.is_none() => {
                word = Some(String::new());
                quote = Some(character);
            }
            ('#', None) if word.is_none() => break,
            (blank, None) if blank.is_whitespace() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    found
}

/// The sites of a Caddyfile.
pub(crate) fn sites(tree: &Tree, file: FileId, parsed: &[Line], instance: usize) -> Vec<Site> {
    let mut sites = Vec::new();
    // Without any block the whole file is one site, its first line the addresses.
    let is_bare = parsed.iter().all(|line| line.block.is_empty()) && parsed.len() > 1;
    let rest = Line {
        block: parsed.get(1..).unwrap_or_default().to_vec(),
        ..parsed.first().cloned().unwrap_or_default()
    };
    let blocks: Vec<&Line> = if is_bare { vec![&rest] } else { parsed.iter().collect() };
    for line in blocks.into_iter().take(200) {
        // Options for all, and snippets.
        if line.words.is_empty()
            || line.words.first().is_some_and(|word| word.starts_with('('))
            || line.block.is_empty()
        {
            continue;
        }
        let span = Span { file, range: line.range };
        let body = imported(parsed, &line.block);
        let mut listeners = Vec::new();
        let mut names = Vec::new();
        let mut is_managed = None;
        for address in line.words.iter().flat_map(|word| word.split(',')).filter(|word| !word.is_empty()) {
            let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
            let rest = rest.split('/').next().unwrap_or(rest);
            let (host, port) =
                rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, port.parse::<u16>().ok()));
            if !host.is_empty() {
                names.push((host.to_owned(), span));
            }
            let tls = scheme != "http" && port != Some(80) && (!host.is_empty() || port == Some(443));
            let local = matches!(host, "localhost" | "127.0.0.1").then(|| host.to_owned());
            let port = port.unwrap_or(if tls { 443 } else { 80 });
            let listener =
                Listener { address: local, port, tls, is_default: false, is_multiplexed: tls, span };
            listeners.push(listener);
            if tls {
                is_managed = Some(span);
            }
        }
        let own = body.iter().find(|line| line.words.first().is_some_and(|word| word == "tls"));
        let certificates = own
            .filter(|tls| tls.words.len() >= 3)
            .map(|tls| (tls.words[1].clone(), Span { file, range: tls.range }));
        if certificates.is_some() {
            is_managed = None;
        }
        let mut routes = Vec::new();
        let mut redirects = Vec::new();
        let headers = Headers::of(file, &body);
        collect(file, &body, &Path::All, &headers, &mut routes, &mut redirects, 0);
        sites.push(Site {
            program: Program::Caddy,
            instance,
            span,
            dev: files::is_dev(&tree.file(file).path),
            listeners,
            names,
            tls: Tls { certificates: certificates.into_iter().collect(), is_managed, ..Tls::default() },
            redirects,
            routes,
            open: None,
        });
    }
    sites
}

/// The lines of a block with those of the snippets that it imports.
fn imported(all: &[Line], block: &[Line]) -> Vec<Line> {
    let mut found = Vec::new();
    let mut left = MAX_IMPORTS;
    for line in block {
        let name = line.words.get(1).filter(|_| line.words.first().is_some_and(|word| word == "import"));
        let snippet = name.and_then(|name| {
            all.iter().find(|other| other.words.first().is_some_and(|word| *word == format!("({name})")))
        });
        match snippet {
            Some(snippet) if left > 0 => {
                left -= 1;
                found.extend(snippet.block.iter().cloned());
            }
            Some(_) => {}
            None => found.push(line.clone()),
        }
    }
    found
}

#[derive(Clone, Default)]
struct Headers {
    added: Vec<AddedHeader>,
    hidden: Vec<(String, Span)>,
}

impl Headers {
    /// `header` lines of a block for every path.
    fn of(file: FileId, block: &[Line]) -> Self {
        let mut found = Self::default();
        for line in block.iter().filter(|line| line.words.first().is_some_and(|word| word == "header")) {
            let words: Vec<&str> = line.words.iter().skip(1).map(String::as_str).collect();
            let words = match words.split_first() {
                Some((&"*", rest)) => rest.to_vec(),
                // For some paths only.
                Some((matcher, _)) if matcher.starts_with(['/', '@']) => continue,
                _ => words,
            };
            let span = Span { file, range: line.range };
            found.line(&words, span);
            for inner in &line.block {
                let words: Vec<&str> = inner.words.iter().map(String::as_str).collect();
                found.line(&words, Span { file, range: inner.range });
            }
        }
        found
    }

    fn line(&mut self, words: &[&str], span: Span) {
        if self.added.len() + self.hidden.len() >= MAX_HEADERS {
            return;
        }
        let Some((name, value)) = words.split_first() else { return };
        if let Some(name) = name.strip_prefix('-') {
            self.hidden.push((name.to_ascii_lowercase(), span));
            return;
        }
        let replaces = !name.starts_with(['+', '?']);
        let name = name.trim_start_matches(['+', '?', '>']).to_owned();
        if let Some(value) = value.first().filter(|_| !name.is_empty()) {
            self.added.push(AddedHeader { name, value: (*value).to_owned(), always: true, replaces, span });
        }
    }
}

fn collect(
    file: FileId,
    block: &[Line],
    path: &Path,
    outer: &Headers,
    routes: &mut Vec<Route>,
    redirects: &mut Vec<Redirect>,
    depth: usize,
) {
    if depth > MAX_DEPTH {
        return;
    }
    for line in block {
        if routes.len() >= MAX_ROUTES {
            break;
        }
        let span = Span { file, range: line.range };
        let Some((directive, arguments)) = line.words.split_first() else { continue };
        let matcher = arguments.first().filter(|word| word.starts_with(['/', '*']));
        let own = match matcher {
            Some(text) if text != "*" => Path::Prefix(text.trim_end_matches('*').to_owned()),
            _ => path.clone(),
        };
        let answer = match directive.as_str() {
            "handle" | "handle_path" | "route" => {
                let mut headers = outer.clone();
                let inner = Headers::of(file, &line.block);
                headers.added.extend(inner.added);
                headers.hidden.extend(inner.hidden);
                headers.added.truncate(MAX_HEADERS);
                headers.hidden.truncate(MAX_HEADERS);
                collect(file, &line.block, &own, &headers, routes, redirects, depth + 1);
                continue;
            }
            "reverse_proxy" => {
                let addresses: Vec<String> =
                    arguments.iter().filter(|word| !word.starts_with(['/', '@', '*'])).cloned().collect();
                Answer::Proxy(Upstream {
                    protocol: Protocol::Http,
                    target: addresses.first().cloned().unwrap_or_default(),
                    addresses,
                    span,
                })
            }
            "redir" => {
                let words: Vec<&String> =
                    arguments.iter().filter(|word| !word.starts_with(['*', '@'])).collect();
                let target = words.first().map(|word| (*word).clone()).unwrap_or_default();
                let status = match words.get(1).map(|word| word.as_str()) {
                    Some("permanent") => 301,
                    Some(other) => other.parse().unwrap_or(302),
                    None => 302,
                };
                let redirect = Redirect { status, target, span, only_plain: false };
                if matcher.is_none() && *path == Path::All {
                    redirects.push(redirect.clone());
                }
                Answer::Redirect(redirect)
            }
            "respond" => {
                let status = arguments.iter().rev().find_map(|word| word.parse().ok()).unwrap_or(200);
                Answer::Status(status, span)
            }
            "file_server" => {
                let root = block.iter().find(|line| line.words.first().is_some_and(|word| word == "root"));
                Answer::Files(
                    root.and_then(|root| {
                        Some((root.words.last()?.clone(), Span { file, range: root.range }))
                    }),
                )
            }
            _ => continue,
        };
        routes.push(Route {
            path: own,
            answer,
            span,
            conditional: arguments.first().is_some_and(|word| word.starts_with('@')),
            internal: false,
            headers: outer.added.clone(),
            lost: Vec::new(),
            lost_to: None,
            hidden: outer.hidden.clone(),
            // Caddy sets X-Forwarded-For, -Proto and -Host, and takes the client's own away.
            forwarded: Forwarded { headers: Vec::new(), is_automatic: true },
            open: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::WebServers;

    fn servers(text: &str) -> WebServers {
        crate::read(&Tree::from_texts([("Caddyfile".to_owned(), text.to_owned())])).web
    }

    #[test]
    fn a_site_with_a_name_gets_a_certificate() {
        let web = servers(
            "{\n\temail a@b.example\n}\n(safe) {\n\theader {\n\t\tX-Frame-Options DENY\n\t\t-Server\n\t}\n}\n\
             shop.example, www.shop.example {\n\timport safe\n\theader Strict-Transport-Security \"max-age=31536000; includeSubDomains\"\n\
             \thandle /static/* {\n\t\troot * /srv\n\t\tfile_server\n\t}\n\treverse_proxy 127.0.0.1:8000 # the app\n}\n\
             http://old.example {\n\tredir https://shop.example{uri} permanent\n}\n",
        );
        assert_eq!(web.sites.len(), 2);
        let site = &web.sites[0];
        assert!(site.has_tls() && site.tls.is_managed.is_some() && site.names.len() == 2);
        assert!(web.header("x-frame-options").is_everywhere_always());
        assert_eq!(
            web.header("strict-transport-security").added[0].2.value,
            "max-age=31536000; includeSubDomains"
        );
        assert_eq!(site.proxied().count(), 1);
        assert!(web.sites[1].has_plain() && web.sites[1].redirects[0].is_to_https());
    }

    #[test]
    fn a_file_without_blocks_is_one_site() {
        let web = servers(":8080\nreverse_proxy app:8000\n");
        assert_eq!((web.sites.len(), web.sites[0].has_plain()), (1, true));
        assert_eq!(web.application_routes().count(), 1);
    }

    #[test]
    fn what_is_broken_is_said() {
        assert_eq!(parse("a {\n").problems.len(), 1);
        assert_eq!(parse("}\n").problems.len(), 1);
        assert_eq!(parse(&"a {\n".repeat(10_000)).problems.len(), 1);
    }
}
