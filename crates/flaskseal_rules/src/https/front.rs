//! Questions to the web servers in front.

use flaskseal_core::{Gap, Span};
use flaskseal_project::Project;
use flaskseal_project::deploy::web::{Answer, Listener, Path, Protocol, Route, Site, Upstream};

use crate::nginx;

/// Sites that somebody outside reaches and that answer with more than a refusal.
pub(super) fn public<'p>(project: &'p Project<'_>) -> impl Iterator<Item = &'p Site> {
    project.deployment.web.production().filter(|site| {
        site.listeners.iter().any(|listener| !listener.is_local())
            && !site.tls.is_refused
            && !is_refusal(site)
    })
}

/// The site sends everybody away: `return 444`, `deny all`.
fn is_refusal(site: &Site) -> bool {
    site.routes.iter().all(|route| match &route.answer {
        Answer::Status(status, _) => *status >= 400,
        Answer::Refused(_) => true,
        _ => false,
    }) && site.redirects.is_empty()
}

/// Sites that speak TLS, with their first listener that does.
pub(super) fn with_tls<'p>(project: &'p Project<'_>) -> impl Iterator<Item = (&'p Site, &'p Listener)> {
    public(project).filter_map(|site| Some((site, site.listeners.iter().find(|listener| listener.tls)?)))
}

/// Routes that answer with content, of a site that redirects nobody.
pub(super) fn content(site: &Site) -> impl Iterator<Item = &Route> {
    site.routes.iter().filter(|route| {
        let answers = match &route.answer {
            Answer::Proxy(_) => true,
            // A fallback that nothing was said about sends nginx's own page.
            Answer::Files(folder) => folder.is_some() && route.path != Path::All,
            Answer::Status(status, _) => (200..300).contains(status),
            Answer::Redirect(_) | Answer::Refused(_) | Answer::Unknown => false,
        };
        answers && !route.internal && !is_for_acme(&route.path) && !is_health(&route.path)
    })
}

/// Where a certificate authority asks for its proof, over plain HTTP.
pub(super) fn is_for_acme(path: &Path) -> bool {
    path.shown().contains(".well-known") || path.shown().contains("well-known")
}

fn is_health(path: &Path) -> bool {
    matches!(path, Path::Exact(path) | Path::Prefix(path) if ["health", "status", "ping", "ready", "live"].iter().any(|word| path.contains(word)))
}

/// Routes that ask the application over HTTP, so that it sees the proxy and not the client.
pub(super) fn http_routes<'p>(project: &'p Project<'_>) -> Vec<(&'p Site, &'p Route, &'p Upstream)> {
    project
        .deployment
        .web
        .application_routes()
        .filter(|(_, _, upstream)| matches!(upstream.protocol, Protocol::Http | Protocol::Https))
        .collect()
}

/// A sign that another proxy stands in front of this one: it passes on what that one says of the client.
pub(super) fn outer_proxy(project: &Project<'_>) -> Option<Span> {
    nginx::configurations(project).flat_map(nginx::directives).map(|(_, directive)| directive).find_map(
        |directive| {
            let passes = directive.arguments.iter().any(|word| {
                [
                    "http_x_forwarded_proto",
                    "http_x_forwarded_scheme",
                    "http_cf_",
                    "http_cloudfront",
                    "http_true_client_ip",
                ]
                .iter()
                .any(|name| word.text.contains(name))
            });
            let trusts = directive.is("set_real_ip_from") || directive.is("real_ip_header");
            (passes || trusts).then_some(directive.span)
        },
    )
}

pub(super) fn no_web_server() -> Gap {
    Gap::new(
        "no configuration of a web server found",
        "keep the configuration of nginx, Apache, Caddy or Traefik in the checked folder, or look at the server with `--host`",
    )
}
