//! What each server of nginx does: its listeners, its TLS, and a route for each location.

use std::collections::BTreeSet;

use flaskseal_core::{Span, Tree};

use super::client::{Part, parts};
use super::configuration::{Configuration, LevelId, LevelKind};
use super::redirect;
use super::syntax::Directive;
use crate::files;
use crate::web::{self, Program};
use crate::web::{
    AddedHeader, Answer, Forwarded, ForwardedHeader, Listener, MAX_HEADERS, MAX_ROUTES, Path, Protocol,
    Route, Site, Tls, Upstream,
};

/// The servers of a configuration, in order.
pub(crate) fn sites(tree: &Tree, configuration: &Configuration, instance: usize) -> Vec<Site> {
    let mut sites: Vec<Site> = configuration
        .all(LevelKind::Server)
        .filter(|id| configuration.is_web(*id))
        .take(MAX_ROUTES)
        .filter_map(|id| site(tree, configuration, id, instance))
        .collect();
    // TLS belongs to an address and port: one server that says it says it for all.
    let with_tls: BTreeSet<(Option<String>, u16)> = sites
        .iter()
        .flat_map(|site| &site.listeners)
        .filter(|listener| listener.tls)
        .map(|listener| (listener.address.clone(), listener.port))
        .collect();
    for listener in sites.iter_mut().flat_map(|site| &mut site.listeners) {
        listener.tls |= with_tls.contains(&(listener.address.clone(), listener.port));
    }
    sites
}

fn site(tree: &Tree, configuration: &Configuration, id: LevelId, instance: usize) -> Option<Site> {
    let span = configuration.place(id)?;
    let names = configuration
        .own(id, "server_name")
        .flat_map(|names| names.arguments.iter().map(|name| (name.text.clone(), name.span)))
        .collect();
    let mut routes = Vec::new();
    let mut has_all = false;
    locations(configuration, id, &mut routes, &mut has_all);
    if !has_all {
        routes.push(route(configuration, id, Path::All, span));
    }
    let open = configuration.unresolved(id).map(|include| include.span).next();
    let listeners = listeners(configuration, id);
    let dev = files::is_dev(&tree.file(span.file).path);
    Some(Site {
        program: Program::Nginx,
        instance,
        span,
        dev,
        names,
        tls: tls(configuration, id),
        redirects: redirect::of_server(configuration, id, &listeners),
        listeners,
        routes,
        open,
    })
}

/// The addresses of a server; without a `listen` it is all addresses, port 80.
pub fn listeners(configuration: &Configuration, id: LevelId) -> Vec<Listener> {
    // Obsolete since 1.15.0 and gone in 1.25.1: TLS on every port of the server.
    let all_tls = configuration.setting(id, "ssl").is_some_and(|ssl| ssl.has("on"));
    let http2 = configuration.setting(id, "http2").is_some_and(|http2| http2.has("on"));
    let found: Vec<Listener> = configuration
        .own(id, "listen")
        .filter_map(|listen| {
            let (address, port) = address(listen.argument(0)?)?;
            Some(Listener {
                address,
                port,
                tls: all_tls || listen.has("ssl") || listen.has("quic") || listen.has("http3"),
                is_default: listen.has("default_server") || listen.has("default"),
                is_multiplexed: http2 || listen.has("http2") || listen.has("quic"),
                span: listen.span,
            })
        })
        .collect();
    if !found.is_empty() || configuration.own(id, "listen").next().is_some() {
        return found;
    }
    configuration
        .place(id)
        .map(|span| Listener {
            address: None,
            port: 80,
            tls: all_tls,
            is_default: false,
            is_multiplexed: http2,
            span,
        })
        .into_iter()
        .collect()
}

/// `80`, `*:80`, `[::]:80`, `localhost`, `127.0.0.1:8080`, `unix:/run/x.sock`: the address where it is one of several,
/// and the port. None where a template decides on the port.
fn address(text: &str) -> Option<(Option<String>, u16)> {
    if text.starts_with("unix:") {
        return Some((Some(text.to_owned()), 0));
    }
    if let Ok(port) = text.parse() {
        return Some((None, port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        // A placeholder alone may be a port.
        _ if text.contains(['$', '{']) => return None,
        _ => (text, 80),
    };
    let everywhere = matches!(host, "*" | "0.0.0.0" | "[::]");
    // IPv4 and IPv6 are told apart, because `ssl` belongs to one address and port.
    Some((if everywhere && host != "[::]" { None } else { Some(host.to_owned()) }, port))
}

fn tls(configuration: &Configuration, id: LevelId) -> Tls {
    let words = |name: &str| {
        let found = configuration.effective(id, name).map(|(_, own)| own).unwrap_or_default();
        found
            .into_iter()
            .filter_map(|directive| Some((directive.argument(0)?.to_owned(), directive.span)))
            .collect::<Vec<_>>()
    };
    Tls {
        certificates: words("ssl_certificate"),
        keys: words("ssl_certificate_key"),
        protocols: configuration.setting(id, "ssl_protocols").map(|directive| {
            (directive.arguments.iter().map(|word| word.text.clone()).collect(), directive.span)
        }),
        ciphers: words("ssl_ciphers").into_iter().next(),
        early_data: configuration.setting(id, "ssl_early_data").filter(|on| on.has("on")).map(|on| on.span),
        is_managed: None,
        is_refused: configuration.setting(id, "ssl_reject_handshake").is_some_and(|on| on.has("on")),
    }
}

fn locations(configuration: &Configuration, id: LevelId, routes: &mut Vec<Route>, has_all: &mut bool) {
    // In the order of the file, from the outside in, without recursion.
    let mut waiting: Vec<LevelId> = configuration.blocks(id, LevelKind::Location).collect();
    waiting.reverse();
    while let Some(location) = waiting.pop().filter(|_| routes.len() < MAX_ROUTES) {
        let Some(head) = &configuration.level(location).head else { continue };
        let path = path(head);
        *has_all |= path == Path::Prefix("/".to_owned());
        routes.push(route(configuration, location, path.clone(), head.span));
        for block in configuration.blocks(location, LevelKind::If) {
            let says = |name: &str| configuration.own(block, name).next().is_some();
            if !["add_header", "return", "proxy_pass", "uwsgi_pass", "fastcgi_pass"]
                .iter()
                .any(|name| says(name))
            {
                continue;
            }
            let Some(head) = &configuration.level(block).head else { continue };
            routes.push(Route { conditional: true, ..route(configuration, block, path.clone(), head.span) });
        }
        let mut inner: Vec<LevelId> = configuration.blocks(location, LevelKind::Location).collect();
        inner.reverse();
        waiting.extend(inner);
    }
}

/// The paths of `location`.
pub fn path(head: &Directive) -> Path {
    match (head.argument(0).unwrap_or(""), head.argument(1)) {
        ("=", Some(path)) => Path::Exact(path.to_owned()),
        ("^~", Some(path)) => Path::Prefix(path.to_owned()),
        ("~" | "~*", Some(pattern)) => Path::Pattern(pattern.to_owned()),
        (joined, None) if joined.starts_with('@') => Path::Named(joined.to_owned()),
        (joined, None) if joined.starts_with('~') => {
            Path::Pattern(joined.trim_start_matches('~').trim_start_matches('*').to_owned())
        }
        (joined, None) if joined.starts_with('=') => Path::Exact(joined.trim_start_matches('=').to_owned()),
        (joined, None) if joined.starts_with("^~") => {
            Path::Prefix(joined.trim_start_matches("^~").to_owned())
        }
        (path, _) => Path::Prefix(path.to_owned()),
    }
}

/// The directives that hand a request to another server.
pub const PASSES: [(&str, Protocol); 5] = [
    ("proxy_pass", Protocol::Http),
    ("uwsgi_pass", Protocol::Uwsgi),
    ("fastcgi_pass", Protocol::Fastcgi),
    ("scgi_pass", Protocol::Scgi),
    ("grpc_pass", Protocol::Grpc),
];

fn route(configuration: &Configuration, id: LevelId, path: Path, span: Span) -> Route {
    let headers = Headers::of(configuration, id);
    let forwarded = configuration.effective(id, "proxy_set_header").map(|(_, own)| own).unwrap_or_default();
    let forwarded = forwarded
        .into_iter()
        .take(MAX_HEADERS)
        .filter_map(|directive| {
            Some(ForwardedHeader {
                name: directive.argument(0)?.to_owned(),
                value: directive.argument(1).unwrap_or("").to_owned(),
                span: directive.span,
                assumed: directive.assumed,
            })
        })
        .collect();
    let hidden = ["proxy_hide_header", "uwsgi_hide_header", "fastcgi_hide_header", "more_clear_headers"]
        .iter()
        .filter_map(|name| configuration.effective(id, name))
        .flat_map(|(_, own)| own)
        .flat_map(|directive| {
            directive.arguments.iter().map(|name| (name.text.to_ascii_lowercase(), directive.span))
        })
        .take(MAX_HEADERS)
        .collect();
    Route {
        answer: answer(configuration, id, &path),
        path,
        span,
        conditional: false,
        internal: configuration.own(id, "internal").next().is_some(),
        headers: headers.added,
        lost: headers.lost,
        lost_to: headers.lost_to,
        hidden,
        forwarded: Forwarded { headers: forwarded, is_automatic: false },
        open: configuration.unresolved(id).map(|include| include.span).next(),
    }
}

fn answer(configuration: &Configuration, id: LevelId, path: &Path) -> Answer {
    if let Some(redirect) = redirect::of_level(configuration, id) {
        return Answer::Redirect(redirect::resolved(configuration, id, path, redirect));
    }
    if let Some(directive) = configuration.own(id, "return").next() {
        return Answer::Status(redirect::returned(directive).0, directive.span);
    }
    // Handlers are not inherited, except by the blocks of one location.
    let own = std::iter::successors(Some(id), |id| {
        let level = configuration.level(*id);
        level.parent.filter(|_| matches!(level.kind, LevelKind::If | LevelKind::LimitExcept))
    });
    for level in own {
        for (name, protocol) in PASSES {
            if let Some(pass) = configuration.own(level, name).next() {
                return Answer::Proxy(upstream(configuration, pass, protocol));
            }
        }
    }
    if let Some((_, rules)) = access(configuration, id)
        && let [only] = rules.as_slice()
        && only.is("deny")
        && only.has("all")
    {
        return Answer::Refused(only.span);
    }
    let folder = ["alias", "root"].iter().find_map(|name| {
        let directive = configuration.setting(id, name)?;
        Some((directive.argument(0)?.to_owned(), directive.span))
    });
    Answer::Files(folder)
}

/// The `allow` and `deny` lines that count at a level, in order.
pub fn access(configuration: &Configuration, id: LevelId) -> Option<(LevelId, Vec<&Directive>)> {
    configuration.chain(id).find_map(|level| {
        let rules: Vec<&Directive> = configuration
            .level(level)
            .directives()
            .filter(|directive| directive.is("allow") || directive.is("deny"))
            .collect();
        (!rules.is_empty()).then_some((level, rules))
    })
}

fn upstream(configuration: &Configuration, pass: &Directive, protocol: Protocol) -> Upstream {
    let target = pass.argument(0).unwrap_or("").to_owned();
    let protocol =
        if protocol == Protocol::Http && target.starts_with("https://") { Protocol::Https } else { protocol };
    let rest = target.split_once("://").map_or(target.as_str(), |(_, rest)| rest);
    let host = if rest.starts_with("unix:") { rest } else { rest.split('/').next().unwrap_or(rest) };
    let is_open = parts(host).iter().any(|part| matches!(part, Part::Variable(_)));
    let group =
        configuration.all(LevelKind::Upstream).find(|id| configuration.level(*id).argument(0) == Some(host));
    let addresses = match group {
        Some(group) => configuration
            .own(group, "server")
            .filter_map(|server| server.argument(0).map(str::to_owned))
            .collect(),
        None if is_open => Vec::new(),
        None => vec![host.to_owned()],
    };
    Upstream { protocol, target, addresses, span: pass.span }
}

/// The headers that a level adds to responses, and those of outer levels that it loses.
#[derive(Default)]
struct Headers {
    added: Vec<AddedHeader>,
    lost: Vec<AddedHeader>,
    lost_to: Option<Span>,
}

impl Headers {
    /// `add_header` of the innermost level that has any; `add_header_inherit` of 1.29.3 joins levels, or shuts outer
    /// ones out. `more_set_headers` of the module headers-more is inherited and works on every status.
    fn of(configuration: &Configuration, id: LevelId) -> Self {
        let mut found = Self::default();
        let mut closed = false;
        for level in configuration.chain(id) {
            let own: Vec<AddedHeader> = configuration.own(level, "add_header").filter_map(added).collect();
            if closed {
                found.lost.extend(own);
                continue;
            }
            found.lost_to = found.lost_to.or(own.first().map(|header| header.span));
            // A level says how it takes what is outside; the word itself is inherited.
            let inherit =
                configuration.setting(level, "add_header_inherit").and_then(|word| word.argument(0));
            closed = match inherit {
                Some("merge") => false,
                Some("off") => true,
                _ => !own.is_empty(),
            };
            found.added.extend(own);
        }
        found
            .lost
            .retain(|lost| !found.added.iter().any(|header| header.name.eq_ignore_ascii_case(&lost.name)));
        found.added.truncate(MAX_HEADERS);
        found.lost.truncate(MAX_HEADERS);
        // A header without a value is not sent; it only hides what is outside.
        found.added.retain(|header| !header.value.is_empty());
        found.lost.retain(|header| !header.value.is_empty());
        if found.lost.is_empty() {
            found.lost_to = None;
        }
        for level in configuration.chain(id) {
            let more = configuration.own(level, "more_set_headers").flat_map(|directive| {
                directive.arguments.iter().filter_map(move |word| {
                    let (name, value) = word.text.split_once(':')?;
                    Some(AddedHeader {
                        name: name.trim().to_owned(),
                        value: value.trim().to_owned(),
                        always: true,
                        replaces: true,
                        span: directive.span,
                    })
                })
            });
            found.added.extend(more);
        }
        found
    }
}

fn added(directive: &Directive) -> Option<AddedHeader> {
    Some(AddedHeader {
        name: directive.argument(0)?.to_owned(),
        value: directive.argument(1).unwrap_or("").to_owned(),
        always: directive.argument(2) == Some("always"),
        replaces: false,
        span: directive.span,
    })
}

/// The headers that a level adds to responses, in order.
pub(super) fn added_headers(configuration: &Configuration, id: LevelId) -> Vec<AddedHeader> {
    Headers::of(configuration, id).added
}

/// Adds what the configurations of nginx say.
pub(crate) fn read(tree: &Tree, configurations: Vec<Configuration>, servers: &mut web::WebServers) {
    for configuration in configurations {
        let instance = servers.nginx.len();
        servers.sites.extend(sites(tree, &configuration, instance));
        servers.nginx.push(configuration);
    }
}

#[cfg(test)]
mod tests {
    use flaskseal_core::Tree;

    use super::*;
    use crate::web::WebServers;

    fn servers(text: &str) -> WebServers {
        let tree = Tree::from_texts([("nginx/site.conf".to_owned(), text.to_owned())]);
        crate::read(&tree).web
    }

    #[test]
    fn an_inner_level_loses_the_headers_outside() {
        let web = servers(
            "add_header X-Frame-Options DENY always; server { listen 443 ssl;\n location / { proxy_pass http://a; }\n \
             location /x/ { add_header X-A b; proxy_pass http://a; }\n location /static/ { root /srv; } }",
        );
        let found = web.header("x-frame-options");
        assert_eq!((found.added.len(), found.missing.len(), found.lost.len()), (1, 1, 1));
        assert_eq!(found.added[0].2.value, "DENY");
        assert!(found.added[0].2.always && !found.is_everywhere());
        assert_eq!(found.lost[0].1.path, Path::Prefix("/x/".into()));
        assert!(found.lost[0].1.lost_to.is_some());
        assert!(web.header("x-a").added.len() == 1 && web.header("x-none").added.is_empty());
    }

    #[test]
    fn headers_can_be_merged_and_shut_out() {
        let levels = |inherit: &str, inner: &str| {
            let web = servers(&format!(
                "add_header A 1; add_header_inherit {inherit}; server {{ add_header B 2; \
                 location / {{ {inner} proxy_pass http://a; }} }}"
            ));
            let route = web.application_routes().next().unwrap().1.clone();
            let names = |headers: &[AddedHeader]| headers.iter().map(|h| h.name.clone()).collect::<String>();
            (names(&route.headers), names(&route.lost))
        };
        assert_eq!(levels("on", ""), ("B".into(), "A".into()));
        assert_eq!(levels("merge", ""), ("BA".into(), String::new()));
        assert_eq!(levels("merge", "add_header C 3;"), ("CBA".into(), String::new()));
        assert_eq!(levels("merge", "add_header_inherit off;"), (String::new(), "BA".into()));
        assert_eq!(levels("merge", "add_header_inherit on; add_header C 3;"), ("C".into(), "BA".into()));
        assert_eq!(levels("on", "add_header A '';"), (String::new(), "B".into()));
    }

    #[test]
    fn listeners_tell_addresses_apart() {
        let web = servers(
            "server { listen 443 ssl http2 default_server; listen [::]:443; listen unix:/run/a.sock; listen localhost:81; }",
        );
        let seen: Vec<_> = web.sites[0]
            .listeners
            .iter()
            .map(|l| (l.address.as_deref(), l.port, l.tls, l.is_default))
            .collect();
        assert_eq!(
            seen,
            [
                (None, 443, true, true),
                (Some("[::]"), 443, false, false),
                (Some("unix:/run/a.sock"), 0, false, false),
                (Some("localhost"), 81, false, false)
            ]
        );
        assert_eq!(servers("server { }").sites[0].listeners[0].port, 80);
    }

    #[test]
    fn routes_say_what_they_do() {
        let web = servers(
            "upstream shop { server 10.0.0.1:8000; server unix:/run/s.sock; } server { if ($scheme != https) { return 301 https://$host$request_uri; } \
             location / { try_files $uri @app; } location @app { proxy_pass http://shop; } location = /a { return 404; } \
             location ~ ^/b { deny all; } location /c { rewrite ^ https://x/ permanent; } location /d { if ($arg_x) { add_header A b; } uwsgi_pass unix:///run/u; } }",
        );
        let site = &web.sites[0];
        assert!(site.redirects[0].only_plain && site.redirects[0].is_to_https());
        let answers: Vec<(bool, &Answer)> = site.routes.iter().map(|r| (r.conditional, &r.answer)).collect();
        assert!(matches!(answers[0], (false, Answer::Files(None))));
        assert!(
            matches!(answers[1], (false, Answer::Proxy(u)) if u.addresses == ["10.0.0.1:8000", "unix:/run/s.sock"])
        );
        assert!(matches!(answers[2].1, Answer::Status(404, _)));
        assert!(matches!(answers[3].1, Answer::Refused(_)));
        assert!(matches!(answers[4].1, Answer::Redirect(r) if r.status == 301));
        assert!(matches!(answers[5], (false, Answer::Proxy(u)) if u.protocol == Protocol::Uwsgi));
        assert!(matches!(answers[6], (true, Answer::Proxy(_))));
        assert_eq!(site.routes.len(), 7);
        let all =
            servers("server { return 301 https://$host$request_uri; location / { proxy_pass http://a; } }");
        assert_eq!(all.application_routes().count(), 0);
    }
}
