//! Traefik: routers, middlewares and entry points, from labels of containers, from arguments of its command, and from its
//! files in YAML. All three spell the same paths: `http.routers.shop.rule`. Files in TOML are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange};

use crate::compose::Compose;
use crate::dockerfile::CommandForm;
use crate::syntax::Parsed;
use crate::web::{
    AddedHeader, Answer, Forwarded, Listener, Path, Program, Protocol, Redirect, Route, Site, Tls, Upstream,
};
use crate::yaml::{self, Kind, Node};

/// A setting: its path in small letters, its value, and who says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    pub path: String,
    pub value: String,
    pub span: Span,
    /// The service of the Compose file whose label it is.
    pub service: Option<String>,
}

/// Settings of one file, and of all together.
const MAX_SETTINGS: usize = 5_000;
const MAX_DEPTH: usize = 12;
const MAX_SITES: usize = 500;

/// Whether a YAML text is a file of Traefik: routers, or entry points.
pub(crate) fn looks_like(text: &str) -> bool {
    let mut is_http = false;
    text.lines().take(2_000).any(|line| {
        let content = line.trim();
        if !line.starts_with([' ', '#']) && !content.is_empty() {
            is_http = content == "http:";
        }
        let is_inner = line.starts_with(' ');
        line.trim_end() == "entryPoints:"
            || is_http && is_inner && matches!(content, "routers:" | "middlewares:")
    })
}

/// Reads a file of Traefik, static or dynamic.
pub fn parse(file: FileId, text: &str) -> Parsed<Vec<Said>> {
    let Parsed { tree, problems } = yaml::parse(text);
    let mut found = Vec::new();
    for document in &tree {
        flatten(file, document, String::new(), 0, &mut found);
    }
    Parsed { tree: found, problems }
}

fn flatten(file: FileId, node: &Arc<Node>, path: String, depth: usize, found: &mut Vec<Said>) {
    if depth > MAX_DEPTH || found.len() >= MAX_SETTINGS {
        return;
    }
    let span = Span { file, range: node.range };
    match &node.kind {
        Kind::Mapping(_) => {
            if node.entries().is_empty() {
                // `tls: {}` switches it on.
                found.push(Said { path, value: "true".to_owned(), span, service: None });
                return;
            }
            for entry in node.entries().iter().take(500) {
                let inner = entry.key.to_ascii_lowercase();
                let inner = if path.is_empty() { inner } else { format!("{path}.{inner}") };
                flatten(file, &entry.value, inner, depth + 1, found);
            }
        }
        Kind::Sequence(items) => {
            let texts: Vec<&str> = items.iter().take(100).filter_map(|item| item.text()).collect();
            if texts.is_empty() {
                for (index, item) in items.iter().take(20).enumerate() {
                    flatten(file, item, format!("{path}.{index}"), depth + 1, found);
                }
            } else {
                found.push(Said { path, value: texts.join(","), span, service: None });
            }
        }
        Kind::Scalar { .. } => {
            if let Some(text) = node.text() {
                found.push(Said { path, value: text.to_owned(), span, service: None });
            }
        }
    }
}

/// What the labels of a Compose file say, and the arguments of a Traefik that it starts.
pub(crate) fn of_compose(file: FileId, compose: &Compose) -> Vec<Said> {
    let mut found = Vec::new();
    for service in &compose.services {
        let Some(node) = &service.node else { continue };
        let labels = [node.get("labels"), node.at(&["deploy", "labels"])];
        let mut own: Vec<(String, String, TextRange)> = Vec::new();
        for labels in labels.into_iter().flatten() {
            for item in labels.items().iter().take(500) {
                if let Some((key, value)) = item.text().and_then(|text| text.split_once('=')) {
                    own.push((key.trim().to_owned(), value.trim().to_owned(), item.range));
                }
            }
            for entry in labels.entries().iter().take(500) {
                let value = entry.value.text().unwrap_or_default().to_owned();
                own.push((entry.key.clone(), value, entry.value.range));
            }
        }
        let is_off =
            own.iter().any(|(key, value, _)| key.eq_ignore_ascii_case("traefik.enable") && value == "false");
        for (key, value, range) in own.into_iter().filter(|_| !is_off) {
            let lower = key.to_ascii_lowercase();
            if let Some(path) = lower.strip_prefix("traefik.") {
                let said = Said {
                    path: path.to_owned(),
                    value,
                    span: Span { file, range },
                    service: Some(service.name.clone()),
                };
                found.push(said);
            }
        }
        let is_traefik = service.image.as_ref().is_some_and(|image| image.value.contains("traefik"));
        if let Some(CommandForm::Exec(words)) = service.command.as_ref().filter(|_| is_traefik) {
            for word in words.iter().take(500) {
                let Some(option) = word.value.strip_prefix("--") else { continue };
                let (path, value) = option.split_once('=').unwrap_or((option, "true"));
                found.push(Said {
                    path: path.to_ascii_lowercase(),
                    value: value.to_owned(),
                    span: Span { file, range: word.range },
                    service: None,
                });
            }
        }
    }
    found.truncate(MAX_SETTINGS);
    found
}

/// A port that Traefik listens on, by its name.
#[derive(Clone, Debug)]
struct EntryPoint {
    port: u16,
    tls: bool,
    redirect: Option<Redirect>,
    span: Option<Span>,
}

/// The sites that all settings together make. `dev` says of a file whether it is for development.
pub(crate) fn sites(all: &[Said], instance: usize, dev: &dyn Fn(FileId) -> bool) -> Vec<Site> {
    let points = entry_points(all);
    let mut sites = Vec::new();
    // An entry point that redirects answers for everybody who comes there.
    for point in points.values() {
        if let (Some(redirect), Some(span)) = (&point.redirect, point.span) {
            let mut site = site(instance, span, dev(span.file));
            site.listeners.push(listener(point.port, point.tls, span));
            site.redirects.push(redirect.clone());
            sites.push(site);
        }
    }
    let routers: BTreeSet<&str> = all.iter().filter_map(|said| router(&said.path)).collect();
    for name in routers.into_iter().take(MAX_SITES) {
        sites.extend(routed(all, name, &points, instance, dev));
    }
    sites
}

fn router(path: &str) -> Option<&str> {
    path.strip_prefix("http.routers.")?.split('.').next()
}

fn routed(
    all: &[Said],
    name: &str,
    points: &BTreeMap<String, EntryPoint>,
    instance: usize,
    dev: &dyn Fn(FileId) -> bool,
) -> Option<Site> {
    let prefix = format!("http.routers.{name}.");
    let own: Vec<(&str, &Said)> =
        all.iter().filter_map(|said| Some((said.path.strip_prefix(&prefix)?, said))).collect();
    let get = |key: &str| own.iter().find(|(path, _)| *path == key).map(|(_, said)| *said);
    let rule = get("rule")?;
    let mut site = site(instance, rule.span, dev(rule.span.file));
    site.names = hosts(&rule.value).into_iter().map(|host| (host, rule.span)).collect();
    let tls =
        own.iter().find(|(path, said)| *path == "tls" && said.value != "false" || path.starts_with("tls."));
    site.tls.is_managed = get("tls.certresolver").map(|said| said.span);
    let wanted: Vec<String> = match get("entrypoints") {
        Some(said) => said.value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect(),
        None => points.keys().cloned().collect(),
    };
    let mut is_known = true;
    for wanted in &wanted {
        let point = points.get(wanted).cloned().or_else(|| {
            is_known = false;
            usual(wanted)
        });
        // Who redirects there answers before any router.
        let Some(point) = point.filter(|point| point.redirect.is_none()) else { continue };
        site.listeners.push(listener(point.port, point.tls || tls.is_some(), rule.span));
    }
    if site.listeners.is_empty() {
        let port = if tls.is_some() { 443 } else { 80 };
        site.listeners.push(listener(port, tls.is_some(), rule.span));
        is_known = false;
    }
    // Traefik itself runs elsewhere, and its own settings may say more.
    site.open = (!is_known).then_some(rule.span);
    let mut headers = Vec::new();
    for middleware in get("middlewares").iter().flat_map(|said| said.value.split(',')) {
        let middleware = middleware.trim().split('@').next().unwrap_or("").to_ascii_lowercase();
        apply(all, &middleware, &mut site, &mut headers);
    }
    let upstream = upstream(all, name, get("service"), rule);
    site.routes.push(Route {
        path: path_of(&rule.value),
        answer: Answer::Proxy(upstream),
        span: rule.span,
        conditional: false,
        internal: false,
        headers,
        lost: Vec::new(),
        lost_to: None,
        hidden: Vec::new(),
        // Traefik sets X-Forwarded-For, -Host, -Port, -Proto and -Server itself.
        forwarded: Forwarded { headers: Vec::new(), is_automatic: true },
        open: site.open,
    });
    Some(site)
}

/// What a middleware does that clients see: redirects and headers.
fn apply(all: &[Said], name: &str, site: &mut Site, headers: &mut Vec<AddedHeader>) {
    let prefix = format!("http.middlewares.{name}.");
    for said in all {
        let Some(path) = said.path.strip_prefix(&prefix) else { continue };
        let mut add = |name: &str, value: String| {
            if headers.len() < crate::web::MAX_HEADERS {
                headers.push(AddedHeader {
                    name: name.to_owned(),
                    value,
                    always: true,
                    replaces: true,
                    span: said.span,
                });
            }
        };
        match path {
            "redirectscheme.scheme" if said.value == "https" => {
                let permanent = format!("{prefix}redirectscheme.permanent");
                let is_permanent = all.iter().any(|other| other.path == permanent && other.value == "true");
                site.redirects.push(to_https(said.span, is_permanent));
            }
            "headers.stsseconds" => add("Strict-Transport-Security", format!("max-age={}", said.value)),
            "headers.framedeny" if said.value == "true" => add("X-Frame-Options", "DENY".to_owned()),
            "headers.customframeoptionsvalue" => add("X-Frame-Options", said.value.clone()),
            "headers.contenttypenosniff" if said.value == "true" => {
                add("X-Content-Type-Options", "nosniff".to_owned());
            }
            "headers.contentsecuritypolicy" => add("Content-Security-Policy", said.value.clone()),
            "headers.referrerpolicy" => add("Referrer-Policy", said.value.clone()),
            "headers.permissionspolicy" => add("Permissions-Policy", said.value.clone()),
            _ => {
                if let Some(name) = path.strip_prefix("headers.customresponseheaders.") {
                    add(name, said.value.clone());
                }
            }
        }
    }
}

fn to_https(span: Span, is_permanent: bool) -> Redirect {
    let status = if is_permanent { 301 } else { 302 };
    Redirect { status, target: "https://$host".to_owned(), span, only_plain: true }
}

fn entry_points(all: &[Said]) -> BTreeMap<String, EntryPoint> {
    let mut points: BTreeMap<String, EntryPoint> = BTreeMap::new();
    let parts = |said: &'_ Said| -> Option<(String, String)> {
        let (name, rest) = said.path.strip_prefix("entrypoints.")?.split_once('.')?;
        Some((name.to_owned(), rest.to_owned()))
    };
    for said in all {
        let Some((name, _)) = parts(said).filter(|(_, rest)| rest == "address") else { continue };
        let port = said.value.rsplit(':').next().and_then(|port| port.split('/').next()?.parse().ok());
        if let Some(port) = port {
            points.insert(name, EntryPoint { port, tls: false, redirect: None, span: Some(said.span) });
        }
    }
    for said in all {
        let Some((name, rest)) = parts(said) else { continue };
        let is_temporary = all.iter().any(|other| {
            other.path == format!("entrypoints.{name}.http.redirections.entrypoint.permanent")
                && other.value == "false"
        });
        let Some(point) = points.get_mut(&name) else { continue };
        if rest.starts_with("http.tls") && said.value != "false" {
            point.tls = true;
        } else if rest == "http.redirections.entrypoint.to" {
            point.redirect = Some(to_https(said.span, !is_temporary));
        }
    }
    points
}

/// Names that everybody gives to entry points.
fn usual(name: &str) -> Option<EntryPoint> {
    let port = match name {
        "web" | "http" => 80,
        "websecure" | "https" | "web-secure" => 443,
        _ => return None,
    };
    Some(EntryPoint { port, tls: false, redirect: None, span: None })
}

/// The names in ``Host(`a`, `b`)``.
fn hosts(rule: &str) -> Vec<String> {
    arguments(rule, "Host(")
}

fn path_of(rule: &str) -> Path {
    match (arguments(rule, "PathPrefix(").into_iter().next(), arguments(rule, "Path(").into_iter().next()) {
        (Some(prefix), _) if prefix != "/" => Path::Prefix(prefix),
        (None, Some(path)) => Path::Exact(path),
        _ => Path::All,
    }
}

fn arguments(rule: &str, matcher: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in rule.match_indices(matcher).take(50) {
        // `Host(` also ends `HeaderHost(`; a matcher starts a word.
        let before = rule.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let inside = rule.get(at + matcher.len()..).and_then(|rest| rest.split(')').next()).unwrap_or("");
        let words = inside.split(',').map(|word| word.trim().trim_matches(['`', '"', '\'']));
        found.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    }
    found
}

/// The server behind a router: the one that it names, or the container that has the label.
fn upstream(all: &[Said], router: &str, service: Option<&Said>, rule: &Said) -> Upstream {
    let name = service.map_or(router, |said| said.value.split('@').next().unwrap_or("")).to_ascii_lowercase();
    let balancer = format!("http.services.{name}.loadbalancer.");
    let said: Vec<(&str, &Said)> =
        all.iter().filter_map(|said| Some((said.path.strip_prefix(&balancer)?, said))).collect();
    let urls = said.iter().filter(|(path, _)| path.ends_with(".url"));
    let mut addresses: Vec<String> = urls
        .map(|(_, said)| {
            said.value.split_once("://").map_or(said.value.as_str(), |(_, rest)| rest).to_owned()
        })
        .collect();
    if addresses.is_empty()
        && let Some(container) = &rule.service
    {
        let port = said.iter().find(|(path, _)| *path == "server.port").map(|(_, said)| said.value.clone());
        // Without a word, the first port that the image exposes.
        addresses.push(port.map_or_else(|| container.clone(), |port| format!("{container}:{port}")));
    }
    let target = addresses.first().map(|address| format!("http://{address}")).unwrap_or_default();
    Upstream { protocol: Protocol::Http, target, addresses, span: rule.span }
}

fn listener(port: u16, tls: bool, span: Span) -> Listener {
    Listener { address: None, port, tls, is_default: false, is_multiplexed: tls, span }
}

fn site(instance: usize, span: Span, dev: bool) -> Site {
    Site {
        program: Program::Traefik,
        instance,
        span,
        dev,
        listeners: Vec::new(),
        names: Vec::new(),
        tls: Tls::default(),
        redirects: Vec::new(),
        routes: Vec::new(),
        open: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Site> {
        let compose = crate::compose::parse(text).tree;
        sites(&of_compose(FileId(0), &compose), 0, &|_| false)
    }

    const PROXY: &str = "services:\n  proxy:\n    image: traefik:v3.1\n    command:\n      - --entrypoints.web.address=:80\n      - --entrypoints.web.http.redirections.entrypoint.to=websecure\n      - --entrypoints.websecure.address=:443\n";

    #[test]
    fn labels_make_a_site() {
        let text = format!(
            "{PROXY}  shop:\n    image: shop\n    labels:\n      - traefik.enable=true\n      - traefik.http.routers.shop.rule=Host(`shop.example`) || Host(`www.shop.example`)\n      - traefik.http.routers.shop.entrypoints=websecure\n      - traefik.http.routers.shop.tls.certresolver=le\n      - traefik.http.routers.shop.middlewares=hard@docker\n      - traefik.http.middlewares.hard.headers.stsSeconds=31536000\n      - traefik.http.services.shop.loadbalancer.server.port=8000\n"
        );
        let sites = of(&text);
        let [redirect, shop] = sites.as_slice() else { panic!("{sites:?}") };
        assert!(redirect.redirects[0].is_to_https() && redirect.has_plain() && redirect.routes.is_empty());
        let names: Vec<&str> = shop.names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["shop.example", "www.shop.example"]);
        assert!(shop.has_tls() && !shop.has_plain() && shop.tls.is_managed.is_some() && shop.open.is_none());
        let (route, upstream) = shop.proxied().next().unwrap();
        assert_eq!(upstream.addresses, ["shop:8000"]);
        assert_eq!(route.headers[0].value, "max-age=31536000");
    }

    #[test]
    fn what_is_said_elsewhere_is_open() {
        let text = "services:\n  shop:\n    image: shop\n    labels:\n      traefik.http.routers.shop.rule: \"Host(`a.example`) && PathPrefix(`/api`)\"\n      traefik.http.routers.shop.tls: \"true\"\n";
        let sites = of(text);
        assert!(sites[0].has_tls() && sites[0].open.is_some() && sites[0].tls.is_managed.is_none());
        assert_eq!(sites[0].routes[0].path, Path::Prefix("/api".into()));
        assert!(of("services:\n  a:\n    image: a\n    labels: [traefik.enable=false, 'traefik.http.routers.a.rule=Host(`x`)']\n").is_empty());
        assert!(of("services:\n  a:\n    image: a\n    labels: [com.example=1, traefik.http.routers.a.tls=true]\n").is_empty());
    }

    #[test]
    fn files_say_the_same() {
        let text = "http:\n  routers:\n    shop:\n      rule: Host(`shop.example`)\n      entryPoints: [websecure]\n      tls: {}\n      service: shop\n  services:\n    shop:\n      loadBalancer:\n        servers:\n          - url: http://10.0.0.5:8000\n";
        assert!(looks_like(text) && !looks_like("services:\n  http:\n    routers: 1\n"));
        let sites = sites(&parse(FileId(0), text).tree, 0, &|_| false);
        assert!(sites[0].has_tls());
        assert_eq!(sites[0].proxied().next().unwrap().1.addresses, ["10.0.0.5:8000"]);
        for broken in
            ["", "http: [", "http: {routers: {a: {rule: )", "é: é", "entryPoints:\n  a:\n    address: x\n"]
        {
            parse(FileId(0), broken);
        }
    }
}
