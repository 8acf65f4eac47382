//! FS234: the proxy does not say what the application relies on, or passes on a host that the client made up.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::deploy::nginx::{Part, parts};
use flaskseal_project::deploy::web::{Program, Route, Site};
use flaskseal_project::{Context, Project};

use super::{KNOWN_PROXY, app, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(234),
    name: "incomplete-proxy-headers",
    summary: "The proxy leaves out what the application relies on, or passes on a host that the client made up.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[KNOWN_PROXY],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[1188],
    owasp: Some("A05~"),
    asvs: &["V4.1.3"],
    fix: FixAvailability::Safe,
    page: include_str!("fs234_incomplete_proxy_headers.md"),
};

pub(crate) struct IncompleteProxyHeaders;

impl Rule for IncompleteProxyHeaders {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        // The application uses the scheme that the proxy names.
        let user = app::proxy_fixes(cx)
            .into_iter()
            .find(|call| app::trusted(call, 2, "x_proto", 1).is_some_and(|count| count > 0))
            .or_else(|| app::forces_https(cx));
        let Some(user) = user else { return };
        let mut seen = BTreeSet::new();
        for (site, route, upstream) in front::http_routes(cx.project) {
            let forwarded = &route.forwarded;
            if forwarded.is_automatic
                || route.open.is_some()
                || !site.has_tls()
                || forwarded.get("X-Forwarded-Proto").is_some()
                || !seen.insert(upstream.span)
            {
                continue;
            }
            let primary = nginx::evidence(upstream.span, "without `X-Forwarded-Proto`");
            let message =
                "the proxy does not say that its client uses HTTPS, and the application asks for it";
            let finding = Finding::new(META.id, Severity::Medium, META.confidence, primary, message)
                .with_trail([cx.evidence(user.span, "reads `X-Forwarded-Proto`")])
                .with_scope(scope(site))
                .with_fix(Fix::advice("add `proxy_set_header X-Forwarded-Proto $scheme;`"));
            out.fail(finding);
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for (site, route, upstream) in front::http_routes(project) {
            if route.forwarded.is_automatic {
                continue;
            }
            host(site, route, upstream.span, &mut seen, out);
        }
        no_default(project, out);
        spoofed(project, &mut seen, out);
    }
}

fn scope(site: &Site) -> String {
    site.names.first().map(|(name, _)| name.clone()).unwrap_or_default()
}

fn fail(
    severity: Severity,
    at: Span,
    claim: &str,
    message: &str,
    advice: &str,
    scope: String,
    out: &mut Assessment,
) {
    let finding = Finding::new(META.id, severity, META.confidence, nginx::evidence(at, claim), message)
        .with_scope(scope)
        .with_fix(Fix::advice(advice));
    out.fail(finding);
}

/// What the application gets as `Host`.
fn host(site: &Site, route: &Route, pass: Span, seen: &mut BTreeSet<Span>, out: &mut Assessment) {
    let Some(host) = route.forwarded.get("Host") else {
        // An include that is not there may set it; without any line nginx sends the name of the upstream.
        if route.open.is_none() && seen.insert(pass) {
            fail(
                Severity::Low,
                pass,
                "nginx sends the name of the upstream as `Host`",
                "the application does not learn which host its client asked for",
                "add `proxy_set_header Host $host;`",
                scope(site),
                out,
            );
        }
        return;
    };
    if host.assumed && host.value == "$http_host" && seen.insert(host.span) {
        fail(
            Severity::Low,
            host.span,
            "the file is not in the tree",
            "`proxy_params` of older packages passes on `$http_host`, which the client makes up",
            "write `proxy_set_header Host $host;` behind it",
            scope(site),
            out,
        );
    }
}

/// `proxy_set_header Host $http_host`, wherever it stands.
fn spoofed(project: &Project<'_>, seen: &mut BTreeSet<Span>, out: &mut Assessment) {
    for configuration in nginx::configurations(project) {
        for (id, directive) in nginx::directives(configuration) {
            let name = directive.argument(0).unwrap_or("");
            let is_host = ["Host", "X-Forwarded-Host"].iter().any(|host| name.eq_ignore_ascii_case(host));
            if !directive.is("proxy_set_header") || !is_host || directive.assumed {
                continue;
            }
            let value = directive.argument(1).unwrap_or("");
            let variables: Vec<String> = parts(value)
                .into_iter()
                .filter_map(|part| match part {
                    Part::Variable(name) => Some(name),
                    Part::Text(_) => None,
                })
                .collect();
            let reaches: Vec<_> = variables
                .iter()
                .flat_map(|variable| configuration.reaches(id, directive, variable))
                .collect();
            let Some(reach) = reaches.iter().find(|reach| !reach.is_selected) else { continue };
            if !seen.insert(directive.span) {
                continue;
            }
            // The server's own choice of a site rests on the same header, but for requests with a whole address.
            let severity = if reach.origin == "http_host" { Severity::Low } else { Severity::Medium };
            fail(
                severity,
                directive.span,
                "the client decides it, whatever site nginx has chosen",
                &format!("`{name}` is what the client sent as `${}`", reach.origin),
                "set it to `$host`, or to the name of the site",
                nginx::scope(configuration, id),
                out,
            );
        }
    }
}

/// Requests for hosts that nobody named get to the first site.
fn no_default(project: &Project<'_>, out: &mut Assessment) {
    let sites: Vec<&Site> =
        project.deployment.web.production().filter(|site| site.program == Program::Nginx).collect();
    let mut seen: BTreeSet<(usize, Option<String>, u16)> = BTreeSet::new();
    for site in &sites {
        for listener in site.listeners.iter().filter(|listener| !listener.is_local()) {
            let key = (site.instance, listener.address.clone(), listener.port);
            if !seen.insert(key) {
                continue;
            }
            let sharing: Vec<&&Site> = sites
                .iter()
                .filter(|other| {
                    other.instance == site.instance
                        && other
                            .listeners
                            .iter()
                            .any(|known| known.port == listener.port && known.address == listener.address)
                })
                .collect();
            let takes_rest = sharing.iter().any(|other| {
                other.listeners.iter().any(|known| known.is_default && known.port == listener.port)
                    || other.names.is_empty()
                    || other.names.iter().any(|(name, _)| !name.contains('.') || name.contains(['$', '{']))
            });
            // Who answers with a redirect to itself passes nothing on.
            let passes = site.proxied().next().is_some();
            if takes_rest || !passes || site.open.is_some_and(|_| sharing.len() == 1 && site.names.is_empty())
            {
                continue;
            }
            fail(
                Severity::Low,
                listener.span,
                "the first site takes requests for every other host",
                "no server takes requests for hosts that nobody named",
                "add a server with `listen ... default_server; return 444;`",
                scope(site),
                out,
            );
        }
    }
}
