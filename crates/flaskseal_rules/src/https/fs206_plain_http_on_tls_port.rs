//! FS206: port 443 speaks plain HTTP, or TLS is set up in a way that the server does not heed.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_live::Live;
use flaskseal_project::deploy::web::Program;
use flaskseal_project::{Context, Project};

use flaskseal_tls::ScanError;

use super::TLS;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(206),
    name: "plain-http-on-tls-port",
    summary: "A listener on port 443 speaks plain HTTP, or TLS is set up in a way that the server does not heed.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[TLS],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &["V12.2.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs206_plain_http_on_tls_port.md"),
};

pub(crate) struct PlainHttpOnTlsPort;

/// `ssl on` is gone since this version.
const WITHOUT_SSL_ON: (u32, u32, u32) = (1, 25, 1);

impl Rule for PlainHttpOnTlsPort {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        if let Some(Err(ScanError::PlainHttp)) = &live.site.offer
            && live.site.url.scheme() == "https"
        {
            let port = live.site.url.port_or_known_default().unwrap_or(443);
            let primary = live.connection("answers a greeting of TLS with HTTP");
            let message = format!("port {port} speaks plain HTTP");
            let finding = Finding::new(META.id, META.severity, META.confidence, primary, message);
            out.fail(finding.with_fix(Fix::advice("turn TLS on for this port")));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for site in project.deployment.web.production().filter(|site| site.program == Program::Nginx) {
            let scope = site.names.first().map(|(name, _)| name.clone()).unwrap_or_default();
            for listener in site.listeners.iter().filter(|listener| listener.port == 443 && !listener.tls) {
                let end = listener.span.range.end;
                let edits = if site.tls.certificates.is_empty() {
                    Vec::new()
                } else {
                    let span = Span::new(listener.span.file, end, end);
                    vec![Edit { span, replacement: " ssl".to_owned() }]
                };
                let fix = Fix {
                    advice: "add `ssl`: it belongs to each address and port by itself".to_owned(),
                    applicability: if edits.is_empty() {
                        Applicability::DisplayOnly
                    } else {
                        Applicability::Safe
                    },
                    edits,
                };
                let primary = nginx::evidence(listener.span, "has no `ssl`");
                let message = "port 443 speaks plain HTTP";
                let finding = Finding::new(META.id, META.severity, META.confidence, primary, message);
                out.fail(finding.with_scope(scope.clone()).with_fix(fix));
            }
            if let Some(listener) = site.listeners.iter().find(|listener| listener.tls)
                && site.tls.certificates.is_empty()
                && site.open.is_none()
                && !site.tls.is_refused
            {
                let primary = nginx::evidence(listener.span, "wants a certificate");
                let message = "no `ssl_certificate` is set: nginx refuses every handshake";
                let finding = Finding::new(META.id, Severity::Medium, Confidence::Firm, primary, message);
                out.fail(
                    finding
                        .with_scope(scope)
                        .with_fix(Fix::advice("set `ssl_certificate` and `ssl_certificate_key`")),
                );
            }
        }
        for configuration in nginx::configurations(project) {
            for (id, directive) in nginx::directives(configuration) {
                if !directive.is("ssl") || !directive.has("on") {
                    continue;
                }
                let message = match configuration.version {
                    Some(version) if version >= WITHOUT_SSL_ON => {
                        "`ssl on` is gone: this nginx does not start with it"
                    }
                    _ => "`ssl on` is gone since nginx 1.25.1, which does not start with it",
                };
                let primary = nginx::evidence(directive.span, "obsolete since 1.15.0");
                let finding = Finding::new(META.id, Severity::Medium, META.confidence, primary, message)
                    .with_scope(nginx::scope(configuration, id))
                    .with_fix(Fix::advice("take it out, and say `listen 443 ssl`"));
                out.fail(finding);
            }
        }
    }
}
