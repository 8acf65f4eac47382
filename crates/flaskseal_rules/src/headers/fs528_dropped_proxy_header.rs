//! FS528: the web server loses headers that it, or the application, sends elsewhere.

use std::collections::BTreeMap;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::LevelKind;
use flaskseal_project::deploy::web::{AddedHeader, Answer, Route, Site};

use super::OTHER_HEADERS;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(528),
    name: "dropped-proxy-header",
    summary: "The web server silently removes or limits headers that are set elsewhere.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Deploy],
    cwe: &[16, 693],
    owasp: Some("A05"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs528_dropped_proxy_header.md"),
};

pub(crate) struct DroppedProxyHeader;

/// Headers that protect, in lower case.
const PROTECTIVE: [&str; 10] = [
    "content-security-policy",
    "strict-transport-security",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
    "x-xss-protection",
];

/// Of these browsers need the header on errors too.
const ON_ERRORS: [&str; 3] = ["content-security-policy", "strict-transport-security", "x-frame-options"];

impl Rule for DroppedProxyHeader {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        lost(project, out);
        hidden(project, out);
        added(project, out);
    }
}

fn is_protective(name: &str) -> bool {
    PROTECTIVE.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn routes<'p>(project: &'p Project<'_>) -> impl Iterator<Item = (&'p Site, &'p Route)> {
    project.deployment.web.production().flat_map(|site| site.routes.iter().map(move |route| (site, route)))
}

/// An inner level with a header of its own has none of those outside.
fn lost(project: &Project<'_>, out: &mut Assessment) {
    // Many routes may lose their headers at one place: the worst of them speaks for it.
    let mut places: BTreeMap<Span, (Severity, Vec<&AddedHeader>, &Site, &Route)> = BTreeMap::new();
    for (site, route) in routes(project) {
        let Some(at) = route.lost_to else { continue };
        let headers: Vec<&AddedHeader> =
            route.lost.iter().filter(|header| is_protective(&header.name)).collect();
        if headers.is_empty() {
            continue;
        }
        let serves = matches!(route.answer, Answer::Proxy(_));
        let severity = if serves { META.severity } else { Severity::Low };
        let known = places.entry(at).or_insert((severity, headers.clone(), site, route));
        if severity > known.0 {
            *known = (severity, headers, site, route);
        }
    }
    for (at, (severity, headers, site, route)) in places {
        let names: Vec<String> = headers.iter().map(|header| format!("`{}`", header.name)).collect();
        let message = format!(
            "{} of an outer level {} lost here",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        );
        let trail = headers.iter().map(|header| nginx::evidence(header.span, "is set here, in vain"));
        let primary = nginx::evidence(at, "a level with any `add_header` has none of those outside");
        let finding = Finding::new(META.id, severity, META.confidence, primary, message)
            .with_trail(trail)
            .with_scope(scope(site, route))
            .with_fix(Fix::advice(
                "set the headers in one file, and include it in every block that adds a header (`add_header_inherit merge` since nginx 1.29.3)",
            ));
        out.fail(finding);
    }
}

fn scope(site: &Site, route: &Route) -> String {
    let name = site.names.first().map_or("", |(name, _)| name.as_str());
    format!("{name} {}", route.path.shown())
}

/// What the application sends is taken away, and nothing is put in its place.
fn hidden(project: &Project<'_>, out: &mut Assessment) {
    let mut seen: Vec<Span> = Vec::new();
    for (site, route, _) in project.deployment.web.application_routes() {
        for (name, at) in &route.hidden {
            let is_replaced = route.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
            if !is_protective(name) || is_replaced || seen.contains(at) {
                continue;
            }
            seen.push(*at);
            let message = format!("the application's `{name}` does not reach the browser");
            let primary = nginx::evidence(*at, "takes the header away");
            let finding = Finding::new(META.id, META.severity, META.confidence, primary, message)
                .with_scope(scope(site, route))
                .with_fix(Fix::advice("let it pass, or set it anew with `add_header`"));
            out.fail(finding);
        }
    }
}

/// Headers that do not arrive on every response, or break it.
fn added(project: &Project<'_>, out: &mut Assessment) {
    for configuration in nginx::configurations(project) {
        for (id, directive) in nginx::directives(configuration) {
            if !directive.is("add_header") || configuration.level(id).kind == LevelKind::LimitExcept {
                continue;
            }
            let name = directive.argument(0).unwrap_or("");
            let value = directive.argument(1).unwrap_or("");
            let always = directive.argument(2) == Some("always");
            let (severity, message, claim, advice) = if value.contains(['\n', '\r']) {
                let severity = if is_protective(name) { META.severity } else { Severity::Low };
                (
                    severity,
                    format!("the value of `{name}` has line breaks: HTTP/2 refuses it, and browsers may too"),
                    "goes on over several lines",
                    "write the value on one line, or join it with `set`",
                )
            } else if name.eq_ignore_ascii_case("Content-Type") {
                (
                    Severity::Low,
                    "`add_header Content-Type` adds a second one".to_owned(),
                    "does not replace what is there",
                    "use `default_type`, or `types` of the location",
                )
            } else if !always
                && !value.is_empty()
                && ON_ERRORS.iter().any(|known| name.eq_ignore_ascii_case(known))
            {
                (
                    Severity::Low,
                    format!("`{name}` is missing on error pages"),
                    "without `always` only successes and redirects have it",
                    "add `always`",
                )
            } else {
                continue;
            };
            let finding = Finding::new(
                META.id,
                severity,
                META.confidence,
                nginx::evidence(directive.span, claim),
                message,
            )
            .with_scope(nginx::scope(configuration, id))
            .with_fix(Fix::advice(advice));
            out.fail(finding);
        }
    }
}
