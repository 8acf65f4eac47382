//! FS756: nginx and the server behind it may read one request differently.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{Configuration, Directive, LevelId, LevelKind, PASSES, access, path};
use flaskseal_project::deploy::web::Path;

use super::PROXY_HYGIENE;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(756),
    name: "request-smuggling-risk",
    summary: "nginx and the server behind it may disagree about a request, or let a client change the protocol.",
    severity: Severity::Medium,
    confidence: Confidence::Tentative,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[444],
    owasp: Some("A04"),
    asvs: &["V4.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs756_request_smuggling_risk.md"),
};

pub(crate) struct RequestSmugglingRisk;

impl Rule for RequestSmugglingRisk {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for (id, directive) in nginx::directives(configuration) {
                let says = |word: &str| directive.has(word);
                let (severity, message, advice) = match directive.name.text.as_str() {
                    "merge_slashes" if says("off") => {
                        let severity =
                            if has_access_rules(configuration, id) { META.severity } else { Severity::Low };
                        (
                            severity,
                            "`//admin` does not match `location /admin`, and the application may take both for one",
                            "leave `merge_slashes` on",
                        )
                    }
                    "underscores_in_headers" if says("on") => (
                        META.severity,
                        "`X_Forwarded_For` passes, and a WSGI server takes it for `X-Forwarded-For`",
                        "leave `underscores_in_headers` off",
                    ),
                    "ignore_invalid_headers" if says("off") => (
                        META.severity,
                        "headers with invalid names reach the application",
                        "leave `ignore_invalid_headers` on",
                    ),
                    "proxy_set_header" if upgrades(configuration, id, directive) => (
                        META.severity,
                        "every client may change the protocol of its connection to the application",
                        "set `Upgrade` and `Connection` in the location of the WebSocket alone, `Connection` through a `map`",
                    ),
                    _ => continue,
                };
                out.fail(finding(configuration, id, directive.span, severity, message, advice));
            }
        }
    }
}

fn finding(
    configuration: &Configuration,
    id: LevelId,
    at: Span,
    severity: Severity,
    message: &str,
    advice: &str,
) -> Finding {
    Finding::new(META.id, severity, META.confidence, nginx::evidence(at, "decides what passes"), message)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice(advice))
}

/// `Upgrade $http_upgrade` for every path, with a `Connection` that no `map` makes.
fn upgrades(configuration: &Configuration, id: LevelId, directive: &Directive) -> bool {
    let is = |directive: &Directive, name: &str| {
        directive.argument(0).is_some_and(|header| header.eq_ignore_ascii_case(name))
    };
    if !is(directive, "Upgrade")
        || directive.argument(1) != Some("$http_upgrade")
        || !is_for_all(configuration, id)
    {
        return false;
    }
    configuration.own(id, "proxy_set_header").filter(|other| is(other, "Connection")).any(|connection| {
        let value = connection.argument(1).unwrap_or("");
        value.eq_ignore_ascii_case("upgrade") || value == "$http_connection"
    })
}

/// The level stands for every path of a site that asks another server.
fn is_for_all(configuration: &Configuration, id: LevelId) -> bool {
    let level = configuration.level(id);
    match level.kind {
        LevelKind::Location => {
            let head = level.head.as_ref().map(path);
            let passes = PASSES.iter().any(|(name, _)| configuration.own(id, name).next().is_some());
            passes && matches!(head, Some(Path::Prefix(path)) if path == "/")
        }
        LevelKind::Server | LevelKind::Http => true,
        _ => false,
    }
}

fn has_access_rules(configuration: &Configuration, id: LevelId) -> bool {
    configuration
        .all(LevelKind::Location)
        .filter(|location| configuration.chain(*location).any(|level| level == id))
        .any(|location| {
            access(configuration, location).is_some()
                || ["auth_basic", "auth_request", "internal"]
                    .iter()
                    .any(|name| configuration.own(location, name).next().is_some())
        })
}
