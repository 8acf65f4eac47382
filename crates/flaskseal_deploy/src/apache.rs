//! Apache httpd configuration: directives, nested sections, continued lines. All of it is kept; what is
//! asked for so far is mod_wsgi, and what the virtual hosts do.

use flaskseal_core::{FileId, Span, TextRange, Tree};

use crate::files;
use crate::syntax::{Mapped, Parsed, Problem, Spanned, lines, range};
use crate::web::{
    AddedHeader, Answer, Forwarded, Listener, MAX_HEADERS, MAX_ROUTES, Path, Program, Protocol, Redirect,
    Route, Site, Tls, Upstream,
};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Apache {
    pub directives: Vec<Directive>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    pub name: Spanned<String>,
    pub arguments: Vec<Spanned<String>>,
    /// The sections around it, outermost first: `VirtualHost`, `Directory`.
    pub sections: Vec<String>,
    pub range: TextRange,
}

impl Apache {
    /// Every directive of this name; Apache does not tell case apart.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.directives.iter().filter(move |directive| directive.name.value.eq_ignore_ascii_case(name))
    }
}

pub fn parse(text: &str) -> Parsed<Apache> {
    let mut parsed: Parsed<Apache> = Parsed::default();
    let mut sections: Vec<String> = Vec::new();
    let mut line = Mapped::default();
    for (start, piece) in lines(text) {
        let more = piece.strip_suffix('\\');
        let piece = more.unwrap_or(piece);
        line.push(piece, range(start, start + piece.len()));
        if more.is_some() {
            continue;
        }
        statement(&std::mem::take(&mut line), &mut sections, &mut parsed);
    }
    statement(&line, &mut sections, &mut parsed);
    parsed
}

/// The virtual hosts of a file.
pub(crate) fn sites(tree: &Tree, file: FileId, apache: &Apache, instance: usize) -> Vec<Site> {
    let is_host = |directive: &&Directive| directive.name.value.eq_ignore_ascii_case("VirtualHost");
    let in_host = |directive: &&Directive| {
        directive.sections.iter().any(|section| section.eq_ignore_ascii_case("VirtualHost"))
    };
    // What stands outside of all hosts holds for each.
    let shared: Vec<&Directive> =
        apache.directives.iter().filter(|directive| !is_host(directive) && !in_host(directive)).collect();
    let mut hosts: Vec<(&Directive, Vec<&Directive>)> = Vec::new();
    for directive in apache.directives.iter().take(20_000) {
        if is_host(&directive) {
            hosts.push((directive, shared.iter().take(200).copied().collect()));
        } else if in_host(&directive)
            && let Some((_, inner)) = hosts.last_mut()
        {
            inner.push(directive);
        }
        if hosts.len() >= 200 {
            break;
        }
    }
    hosts.into_iter().map(|(head, inner)| site(tree, file, head, &inner, instance)).collect()
}

fn site(tree: &Tree, file: FileId, head: &Directive, inner: &[&Directive], instance: usize) -> Site {
    let span = Span { file, range: head.range };
    let at = |directive: &Directive| Span { file, range: directive.range };
    let all = |name: &'static str| {
        inner.iter().copied().filter(move |directive| directive.name.value.eq_ignore_ascii_case(name))
    };
    let word = |directive: &Directive, index: usize| {
        directive.arguments.get(index).map(|word| word.value.clone()).unwrap_or_default()
    };
    let tls = all("SSLEngine").next_back().is_some_and(|engine| word(engine, 0).eq_ignore_ascii_case("on"));
    let listeners = head
        .arguments
        .iter()
        .map(|address| {
            let (host, port) = address.value.rsplit_once(':').unwrap_or((&address.value, "80"));
            Listener {
                address: (!matches!(host, "*" | "_default_" | "0.0.0.0")).then(|| host.to_owned()),
                port: port.parse().unwrap_or(80),
                tls,
                is_default: host == "_default_",
                is_multiplexed: false,
                span,
            }
        })
        .collect();
    let names = all("ServerName")
        .chain(all("ServerAlias"))
        .flat_map(|names| names.arguments.iter().map(|name| (name.value.clone(), at(names))))
        .collect();
    let protocols = all("SSLProtocol").next_back().map(|protocols| {
        let words: Vec<&str> = protocols.arguments.iter().map(|word| word.value.as_str()).collect();
        (enabled(&words), at(protocols))
    });
    let ciphers = all("SSLCipherSuite")
        .next_back()
        .and_then(|suite| Some((suite.arguments.last()?.value.clone(), at(suite))));
    let paths = |name| all(name).map(|directive| (word(directive, 0), at(directive))).collect::<Vec<_>>();

    let mut headers = Vec::new();
    let mut hidden = Vec::new();
    for header in all("Header").take(MAX_HEADERS) {
        let words: Vec<&str> = header.arguments.iter().map(|word| word.value.as_str()).collect();
        let (always, words) = match words.split_first() {
            Some((first, rest)) if first.eq_ignore_ascii_case("always") => (true, rest),
            Some((first, rest)) if first.eq_ignore_ascii_case("onsuccess") => (false, rest),
            _ => (false, words.as_slice()),
        };
        match words {
            [action, name, ..] if action.eq_ignore_ascii_case("unset") => {
                hidden.push((name.trim_end_matches(':').to_ascii_lowercase(), at(header)));
            }
            [action, name, value, ..] => headers.push(AddedHeader {
                name: name.trim_end_matches(':').to_owned(),
                value: (*value).to_owned(),
                always,
                replaces: action.eq_ignore_ascii_case("set"),
                span: at(header),
            }),
            _ => {}
        }
    }

    let mut redirects = Vec::new();
    let conditional = all("RewriteCond").next().is_some();
    for redirect in all("Redirect").chain(all("RedirectPermanent")) {
        let words: Vec<&str> = redirect.arguments.iter().map(|word| word.value.as_str()).collect();
        let Some(target) = words.last().filter(|_| words.contains(&"/")) else { continue };
        let is_permanent = redirect.name.value.eq_ignore_ascii_case("RedirectPermanent")
            || words.first().is_some_and(|word| word.eq_ignore_ascii_case("permanent"));
        let status =
            words.first().and_then(|word| word.parse().ok()).unwrap_or(if is_permanent { 301 } else { 302 });
        redirects.push(Redirect {
            status,
            target: (*target).to_owned(),
            span: at(redirect),
            only_plain: false,
        });
    }
    for rule in all("RewriteRule") {
        let (pattern, target, flags) = (word(rule, 0), word(rule, 1), word(rule, 2));
        let is_all = matches!(
            pattern.as_str(),
            "^" | ".*" | "(.*)" | "^(.*)$" | "^(.*)" | "^/?(.*)" | "^/?(.*)$" | "^.*$"
        );
        if !is_all || !target.contains("://") {
            continue;
        }
        let code = flags.split(['[', ']', ',', '=']).find_map(|word| word.parse().ok());
        let status = code.unwrap_or(if flags.contains("permanent") { 301 } else { 302 });
        redirects.push(Redirect { status, target, span: at(rule), only_plain: conditional });
    }

    let mut routes = Vec::new();
    let mut push = |path: String, answer: Answer, at: Span| {
        routes.push(Route {
            path: if path == "/" { Path::All } else { Path::Prefix(path) },
            answer,
            span: at,
            conditional: false,
            internal: false,
            headers: headers.clone(),
            lost: Vec::new(),
            lost_to: None,
            hidden: hidden.clone(),
            // mod_proxy sets X-Forwarded-For, -Host and -Server by itself.
            forwarded: Forwarded { headers: Vec::new(), is_automatic: true },
            open: None,
        });
    };
    for pass in all("ProxyPass").chain(all("ProxyPassMatch")).take(MAX_ROUTES) {
        let target = word(pass, 1);
        if target == "!" || target.is_empty() {
            continue;
        }
        let protocol = if target.starts_with("uwsgi:") { Protocol::Uwsgi } else { Protocol::Http };
        let host = target.split_once("://").map_or(target.as_str(), |(_, rest)| rest);
        let addresses = vec![host.split('/').next().unwrap_or(host).to_owned()];
        let span = at(pass);
        push(word(pass, 0), Answer::Proxy(Upstream { protocol, target, addresses, span }), span);
    }
    for alias in all("WSGIScriptAlias").take(MAX_ROUTES) {
        let upstream = Upstream {
            protocol: Protocol::Inside,
            target: word(alias, 1),
            addresses: Vec::new(),
            span: at(alias),
        };
        push(word(alias, 0), Answer::Proxy(upstream), at(alias));
    }
    for alias in all("Alias").take(MAX_ROUTES) {
        push(word(alias, 0), Answer::Files(Some((word(alias, 1), at(alias)))), at(alias));
    }
    Site {
        program: Program::Apache,
        instance,
        span,
        dev: files::is_dev(&tree.file(file).path),
        listeners,
        names,
        tls: Tls {
            certificates: paths("SSLCertificateFile"),
            keys: paths("SSLCertificateKeyFile"),
            protocols,
            ciphers,
            ..Tls::default()
        },
        redirects,
        routes,
        open: all("Include").chain(all("IncludeOptional")).next().map(at),
    }
}

/// `all -SSLv3 -TLSv1`: what is left on. `all` has no SSL any more (Apache 2.4.11).
fn enabled(words: &[&str]) -> Vec<String> {
    const ALL: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let mut on: Vec<String> = Vec::new();
    for word in words {
        let (sign, name) = match word.split_at_checked(1) {
            Some((sign @ ("+" | "-"), name)) => (sign, name),
            _ => ("", *word),
        };
        let named: Vec<&str> = if name.eq_ignore_ascii_case("all") { ALL.to_vec() } else { vec![name] };
        if sign == "-" {
            on.retain(|known| !named.iter().any(|name| known.eq_ignore_ascii_case(name)));
        } else {
            on.extend(named.into_iter().map(str::to_owned));
        }
    }
    on
}

fn statement(line: &Mapped, sections: &mut Vec<String>, parsed: &mut Parsed<Apache>) {
    let content = line.text.trim();
    if content.is_empty() || content.starts_with('#') {
        return;
    }
    if let Some(name) = content.strip_prefix("</") {
        let name = name.trim_end_matches('>').trim();
        if sections.last().is_some_and(|open| open.eq_ignore_ascii_case(name)) {
            sections.pop();
        } else {
            parsed.problems.push(Problem::new(line.whole(), format!("`</{name}>` closes nothing")));
        }
        return;
    }
    let opens = content.starts_with('<');
    let mut words = words(line).into_iter();
    let Some(mut name) = words.next() else { return };
    let mut arguments: Vec<_> = words.collect();
    if opens {
        let bare = name.value.trim_start_matches('<').trim_end_matches('>');
        name = Spanned::new(bare.to_owned(), name.range);
        if let Some(last) = arguments.last_mut() {
            last.value = last.value.trim_end_matches('>').to_owned();
        }
    }
    let outer = sections.iter().take(16).cloned().collect();
    if opens && sections.len() < 64 {
        sections.push(name.value.clone());
    }
    parsed.tree.directives.push(Directive { name, arguments, sections: outer, range: line.whole() });
}

fn words(line: &Mapped) -> Vec<Spanned<String>> {
    let mut found = Vec::new();
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    for (at, character) in line.text.char_indices() {
        if word.is_none() && character.is_ascii_whitespace() {
            continue;
        }
        let (_, current) = word.get_or_insert_with(|| (at, String::new()));
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (blank, None) if blank.is_ascii_whitespace() => {
                if let Some((start, text)) = word.take() {
                    found.push(Spanned::new(text, line.range(start, at)));
                }
            }
            _ => current.push(character),
        }
    }
    if let Some((start, text)) = word {
        found.push(Spanned::new(text, line.range(start, line.text.len())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_hosts_are_sites() {
        let text = "<VirtualHost *:80>\nServerName shop.example\nRedirect permanent / https://shop.example/\n</VirtualHost>\n\
            <VirtualHost *:443>\nServerName shop.example\nSSLEngine on\nSSLProtocol all -TLSv1 -TLSv1.1\n\
            SSLCertificateFile /etc/ssl/a.pem\nHeader always set X-Frame-Options DENY\nWSGIScriptAlias / /srv/wsgi.py\n</VirtualHost>\n";
        let web = crate::read(&Tree::from_texts([("shop.conf".to_owned(), text.to_owned())])).web;
        assert_eq!(web.sites.len(), 2);
        assert!(!web.sites[0].has_tls() && web.sites[0].redirects[0].is_to_https());
        let tls = &web.sites[1].tls;
        assert_eq!(tls.protocols.as_ref().unwrap().0, ["TLSv1.2", "TLSv1.3"]);
        assert!(web.sites[1].has_tls() && web.header("x-frame-options").is_everywhere_always());
    }

    #[test]
    fn directives_know_their_sections() {
        let text = "<VirtualHost *:443>\n  WSGIDaemonProcess shop user=www \\\n    python-path=\"/srv/my shop\"\n  wsgiscriptalias / /srv/shop/wsgi.py\n  # WSGIScriptAlias / /no.py\n</VirtualHost>\n</Directory>\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems.len(), 1);
        let alias = parsed.tree.all("WSGIScriptAlias").next().unwrap();
        assert_eq!(alias.sections, ["VirtualHost"]);
        assert_eq!(alias.arguments[1].value, "/srv/shop/wsgi.py");
        let daemon = parsed.tree.all("WSGIDaemonProcess").next().unwrap();
        assert_eq!(daemon.arguments[2].value, "python-path=/srv/my shop");
    }
}
