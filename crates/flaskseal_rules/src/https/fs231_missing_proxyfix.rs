//! FS231: the application does not know that it stands behind a proxy.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity,
};
use flaskseal_project::Context;
use flaskseal_project::deploy::Server;
use flaskseal_project::deploy::web::Protocol;

use super::{KNOWN_PROXY, app, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(231),
    name: "missing-proxyfix",
    summary: "The application stands behind an HTTP proxy and takes the proxy for its client.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[KNOWN_PROXY],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[348, 1188],
    owasp: Some("A05~"),
    asvs: &["V15.3.4"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs231_missing_proxyfix.md"),
};

pub(crate) struct MissingProxyfix;

impl Rule for MissingProxyfix {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let web = &cx.project.deployment.web;
        if web.is_empty() {
            return out.gap(KNOWN_PROXY, front::no_web_server());
        }
        if cx.entry.process.as_ref().is_some_and(|process| process.server == Server::ModWsgi) {
            let claim = "mod_wsgi runs in the web server, and knows the client";
            return out.support(KNOWN_PROXY, Evidence::general(Layer::Deploy, claim));
        }
        let routes = front::http_routes(cx.project);
        let Some((_, _, pass)) =
            routes.iter().find(|(_, route, _)| route.path.shown() == "/").or(routes.first())
        else {
            let binary = web.application_routes().find(|(_, _, upstream)| {
                matches!(
                    upstream.protocol,
                    Protocol::Uwsgi | Protocol::Fastcgi | Protocol::Scgi | Protocol::Inside
                )
            });
            return match binary {
                Some((_, _, upstream)) => {
                    let claim = "this protocol carries the client's address and scheme";
                    out.support(KNOWN_PROXY, nginx::evidence(upstream.span, claim));
                }
                None => out.gap(KNOWN_PROXY, front::no_web_server()),
            };
        };
        // How much of what it says is right is FS232's question.
        if !app::proxy_fixes(cx).is_empty() {
            return;
        }
        if let Some(at) = app::server_reads_proxy(cx) {
            let claim = "the server takes the client's address and scheme from the proxy";
            return out.support(KNOWN_PROXY, cx.evidence(at, claim));
        }
        if let Some(at) = app::own_middleware(cx) {
            let claim = "middleware of the application's own takes them from the proxy";
            return out.support(KNOWN_PROXY, cx.evidence(at, claim));
        }
        let used = app::uses_of_client(cx);
        let severity = if used.is_some() { META.severity } else { Severity::Low };
        let primary = nginx::evidence(pass.span, "the application sees this proxy as its client");
        let message = "the application stands behind a proxy and does not apply `ProxyFix`";
        let trail = used.map(|at| cx.evidence(at, "uses the client's address, or the address of the site"));
        let fix = Fix {
            advice: "add `app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)`, with the headers that the proxy sets"
                .to_owned(),
            applicability: Applicability::DisplayOnly,
            edits: Vec::new(),
        };
        let finding = Finding::new(META.id, severity, META.confidence, primary, message);
        out.fail(finding.with_trail(trail).with_fix(fix));
    }
}
