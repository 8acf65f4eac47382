//! The web servers in front of the application, in words that nginx, Apache, Caddy and Traefik share: which site
//! answers where, with which TLS, and what each of its routes does, adds and passes on. Every fact keeps its place.

use flaskseal_core::{FileId, Span};

use crate::nginx;

/// Routes of a site, and headers of a route, that are looked at: a hostile file must not make their product grow.
pub(crate) const MAX_ROUTES: usize = 1_000;
pub(crate) const MAX_HEADERS: usize = 100;

/// Everything that the files of web servers say.
#[derive(Debug, Default)]
pub struct WebServers {
    /// In the order of the files.
    pub sites: Vec<Site>,
    /// nginx's own view, for rules about nginx itself.
    pub nginx: Vec<nginx::Configuration>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Program {
    Nginx,
    Apache,
    Caddy,
    Traefik,
}

impl Program {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
            Self::Caddy => "Caddy",
            Self::Traefik => "Traefik",
        }
    }
}

/// What answers for some names at some addresses: `server`, `<VirtualHost>`, a block of a Caddyfile, a router.
#[derive(Clone, Debug)]
pub struct Site {
    pub program: Program,
    /// The instance it belongs to: sites of one instance share its listeners.
    pub instance: usize,
    /// The words that open it.
    pub span: Span,
    /// Written in a file for development or tests.
    pub dev: bool,
    pub listeners: Vec<Listener>,
    /// `server_name`, `ServerName` and `ServerAlias`, the address of a Caddyfile, `Host(...)`.
    pub names: Vec<(String, Span)>,
    pub tls: Tls,
    /// Redirects of every request, or of those that came over plain HTTP.
    pub redirects: Vec<Redirect>,
    pub routes: Vec<Route>,
    /// An include or a snippet that is not in the tree may say more.
    pub open: Option<Span>,
}

/// An address that a site listens on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// None: all addresses.
    pub address: Option<String>,
    /// 0 for a socket in the file system.
    pub port: u16,
    pub tls: bool,
    /// Answers requests whose name no site has.
    pub is_default: bool,
    /// HTTP/2 or HTTP/3.
    pub is_multiplexed: bool,
    pub span: Span,
}

impl Listener {
    /// Only programs of the same machine reach it.
    pub fn is_local(&self) -> bool {
        self.port == 0
            || self.address.as_deref().is_some_and(|address| {
                address.starts_with("127.") || matches!(address, "localhost" | "[::1]" | "::1")
            })
    }
}

/// How a site speaks TLS. What is not said is the server's default.
#[derive(Clone, Default, Debug)]
pub struct Tls {
    pub certificates: Vec<(String, Span)>,
    pub keys: Vec<(String, Span)>,
    /// `TLSv1.2` and so on, as the file has them.
    pub protocols: Option<(Vec<String>, Span)>,
    /// In OpenSSL's language.
    pub ciphers: Option<(String, Span)>,
    /// `ssl_early_data on`.
    pub early_data: Option<Span>,
    /// The server gets certificates by itself: Caddy, Traefik.
    pub is_managed: Option<Span>,
    /// Handshakes are refused: there is nothing to protect.
    pub is_refused: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    pub status: u16,
    /// As written, with variables.
    pub target: String,
    pub span: Span,
    /// Only requests over plain HTTP are redirected.
    pub only_plain: bool,
}

impl Redirect {
    /// Whether the first step of the redirect leads to HTTPS.
    pub fn is_to_https(&self) -> bool {
        self.target.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }
}

/// A part of a site's paths and what happens there.
#[derive(Clone, Debug)]
pub struct Route {
    pub path: Path,
    pub answer: Answer,
    /// The words that open it; for an answer of the whole site, those of the site.
    pub span: Span,
    /// It is only taken when something else is true of the request: an `if` block.
    pub conditional: bool,
    /// Clients are sent there only by other routes.
    pub internal: bool,
    /// Headers that are added to the response.
    pub headers: Vec<AddedHeader>,
    /// Headers that an outer level adds and that do not arrive here.
    pub lost: Vec<AddedHeader>,
    /// What made them lost: the first header that this level adds itself.
    pub lost_to: Option<Span>,
    /// Headers of the upstream's response that are taken away, by name in lower case.
    pub hidden: Vec<(String, Span)>,
    /// Headers of the request that the upstream gets, besides those of the client.
    pub forwarded: Forwarded,
    /// An include that is not in the tree may say more.
    pub open: Option<Span>,
}

/// Which paths a route is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Path {
    /// Everything that no other route takes.
    All,
    Exact(String),
    Prefix(String),
    Pattern(String),
    /// Reached from other routes only: `@name`.
    Named(String),
}

impl Path {
    /// As it is written in a message.
    pub fn shown(&self) -> &str {
        match self {
            Self::All => "/",
            Self::Exact(text) | Self::Prefix(text) | Self::Pattern(text) | Self::Named(text) => text,
        }
    }
}

/// What a route does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Asks another server.
    Proxy(Upstream),
    Redirect(Redirect),
    /// Answers by itself with a status.
    Status(u16, Span),
    /// Sends files, from a folder where it is known; what is not there may be asked for elsewhere.
    Files(Option<(String, Span)>),
    /// Nobody is let in.
    Refused(Span),
    Unknown,
}

/// The server that is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    pub protocol: Protocol,
    /// As written: `http://shop`.
    pub target: String,
    /// `host:port` or a path, one for each server; empty where a variable decides.
    pub addresses: Vec<String>,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    Http,
    Https,
    Uwsgi,
    Fastcgi,
    Scgi,
    Grpc,
    /// The application runs inside the web server: mod_wsgi.
    Inside,
}

/// A header of the response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddedHeader {
    /// As written.
    pub name: String,
    /// As written, with variables.
    pub value: String,
    /// Also on errors. nginx without `always` adds it to 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308 only.
    pub always: bool,
    /// It replaces what the upstream sent.
    pub replaces: bool,
    pub span: Span,
}

/// Headers of the request that the upstream gets from the proxy.
#[derive(Clone, Default, Debug)]
pub struct Forwarded {
    /// By name as written and value with variables; an empty value takes the client's header away.
    pub headers: Vec<ForwardedHeader>,
    /// The proxy sends all of its own: the server's documentation says which (Caddy, Traefik, Apache).
    pub is_automatic: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardedHeader {
    pub name: String,
    pub value: String,
    pub span: Span,
    /// From a file that is not in the tree and is known by its name.
    pub assumed: bool,
}

impl Forwarded {
    /// The header that the upstream gets; None where it gets what the client sent.
    pub fn get(&self, name: &str) -> Option<&ForwardedHeader> {
        self.headers.iter().rev().find(|header| header.name.eq_ignore_ascii_case(name))
    }
}

impl Site {
    /// Somebody reaches it with TLS.
    pub fn has_tls(&self) -> bool {
        self.listeners.iter().any(|listener| listener.tls)
    }

    /// Somebody on another machine reaches it without TLS.
    pub fn has_plain(&self) -> bool {
        self.listeners.iter().any(|listener| !listener.tls && !listener.is_local())
    }

    /// A redirect that takes every request over plain HTTP somewhere else.
    pub fn redirect(&self) -> Option<&Redirect> {
        self.redirects.first()
    }

    /// The routes that ask the application, or whatever else stands behind the server.
    pub fn proxied(&self) -> impl Iterator<Item = (&Route, &Upstream)> {
        let all = self.redirects.iter().any(|redirect| !redirect.only_plain);
        self.routes.iter().filter(move |_| !all).filter_map(|route| match &route.answer {
            Answer::Proxy(upstream) => Some((route, upstream)),
            _ => None,
        })
    }
}

/// How one header of the response fares on the routes that serve the application.
#[derive(Debug, Default)]
pub struct HeaderAtProxy<'w> {
    /// The routes where the proxy adds it, with the header as it adds it.
    pub added: Vec<(&'w Site, &'w Route, &'w AddedHeader)>,
    /// The routes where it adds nothing: what the application sends arrives.
    pub missing: Vec<(&'w Site, &'w Route)>,
    /// Of the latter those where an outer level adds it, in vain.
    pub lost: Vec<(&'w Site, &'w Route, &'w AddedHeader)>,
    /// The routes where the proxy takes away what the application sends, with the place that does.
    pub hidden: Vec<(&'w Site, &'w Route, Span)>,
    /// A file that is not in the tree may add it to one of the missing routes.
    pub open: Option<Span>,
}

impl HeaderAtProxy<'_> {
    /// The proxy adds it wherever it serves the application, and there is such a place.
    pub fn is_everywhere(&self) -> bool {
        !self.added.is_empty() && self.missing.is_empty()
    }

    /// The proxy adds it, and also to errors, wherever it serves the application.
    pub fn is_everywhere_always(&self) -> bool {
        self.is_everywhere() && self.added.iter().all(|(_, _, header)| header.always)
    }
}

impl WebServers {
    /// Whether any file of a web server was found.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty() && self.nginx.is_empty()
    }

    /// The sites that count: those of development files only where there are no others.
    pub fn production(&self) -> impl Iterator<Item = &Site> {
        let all_dev = self.sites.iter().all(|site| site.dev);
        self.sites.iter().filter(move |site| all_dev || !site.dev)
    }

    /// Every route that serves the application to clients, with its site. Routes that need a condition or another
    /// route's help are among them.
    pub fn application_routes(&self) -> impl Iterator<Item = (&Site, &Route, &Upstream)> {
        self.production()
            .flat_map(|site| site.proxied().map(move |(route, upstream)| (site, route, upstream)))
    }

    /// What the proxy does about a header of the response, on the routes that serve the application. Nothing at all
    /// where no proxy is in the tree: ask [`HeaderAtProxy::added`] and [`HeaderAtProxy::missing`].
    ///
    /// For HSTS only sites with TLS matter; filter by [`Site::has_tls`].
    pub fn header<'w>(&'w self, name: &str) -> HeaderAtProxy<'w> {
        let mut found = HeaderAtProxy::default();
        for (site, route, _) in self.application_routes() {
            let is_it = |header: &&AddedHeader| header.name.eq_ignore_ascii_case(name);
            if let Some(header) = route.headers.iter().find(is_it) {
                found.added.push((site, route, header));
            } else {
                found.missing.push((site, route));
                found.open = found.open.or(route.open);
                if let Some(header) = route.lost.iter().find(is_it) {
                    found.lost.push((site, route, header));
                }
            }
            if let Some((_, span)) = route.hidden.iter().find(|(hidden, _)| hidden.eq_ignore_ascii_case(name))
            {
                found.hidden.push((site, route, *span));
            }
        }
        found
    }

    /// The files of web servers.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        self.sites
            .iter()
            .map(|site| site.span.file)
            .chain(self.nginx.iter().flat_map(|one| one.files.iter().copied()))
    }
}
