//! FS201: the application is served without TLS.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Tls};
use flaskseal_project::Context;
use flaskseal_project::Project;
use flaskseal_project::deploy::FileKind;
use flaskseal_project::deploy::web::{Answer, Program};

use super::{TLS, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(201),
    name: "missing-tls",
    summary: "Everybody reaches the application over plain HTTP, and nothing in front of it speaks TLS.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[TLS],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &["V12.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs201_missing_tls.md"),
};

pub(crate) struct MissingTls;

impl Rule for MissingTls {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut has_tls = false;
        for (site, listener) in front::with_tls(project) {
            has_tls = true;
            let claim = match site.tls.is_managed {
                Some(_) => format!("{} gets a certificate and speaks TLS", site.program.name()),
                None => format!("{} listens with TLS on port {}", site.program.name(), listener.port),
            };
            out.support(TLS, nginx::evidence(listener.span, claim));
        }
        for process in project.deployment.production() {
            let certificate = process.options.iter().find(|option| {
                matches!(option.name.as_str(), "certfile" | "ssl-certfile" | "https" | "https-socket")
            });
            if let Some(certificate) = certificate {
                has_tls = true;
                out.support(
                    TLS,
                    nginx::evidence(certificate.span, "the server of the application speaks TLS"),
                );
            }
        }
        if has_tls {
            return;
        }
        if project.deployment.web.is_empty() {
            return out.gap(TLS, front::no_web_server());
        }
        if let Some(at) = front::outer_proxy(project) {
            let reason = "another proxy in front of this one ends TLS, and its configuration is not here";
            return out.gap(TLS, Gap::at(at, reason, ""));
        }
        // Inside a container or a cluster an edge may stand in front.
        let in_container = project.deployment.files.iter().any(|(file, kind)| {
            matches!(kind, FileKind::Dockerfile | FileKind::Compose | FileKind::Kubernetes)
                && project.tree.file(*file).text.contains("nginx")
        });
        let mut found = false;
        for site in front::public(project).filter(|site| site.has_plain()) {
            let routed = site.routes.iter().find(|route| matches!(route.answer, Answer::Proxy(_)));
            let (Some(route), Some(listener)) =
                (routed, site.listeners.iter().find(|listener| !listener.is_local()))
            else {
                continue;
            };
            found = true;
            let confidence = if in_container { Confidence::Tentative } else { META.confidence };
            let message = format!(
                "the application is served on port {} without TLS, and nowhere with it",
                listener.port
            );
            let finding = Finding::new(
                META.id,
                META.severity,
                confidence,
                nginx::evidence(listener.span, "plain HTTP"),
                message,
            )
            .with_trail([nginx::evidence(route.span, "leads to the application")])
            .with_scope(site.names.first().map(|(name, _)| name.clone()).unwrap_or_default())
            .with_fix(Fix::advice(match site.program {
                Program::Nginx => "get a certificate (`certbot --nginx`) and `listen 443 ssl`",
                _ => "get a certificate, and serve the site on port 443",
            }));
            out.fail(finding);
            if in_container {
                let reason = "whether something in front of the container ends TLS is not known";
                out.gap(TLS, Gap::at(listener.span, reason, ""));
            }
        }
        if !found {
            out.gap(TLS, Gap::new("no server in front of the application was found", ""));
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        match &live.site.tls {
            Tls::Spoken { version, suite, .. } => {
                out.support(TLS, live.connection(format!("speaks {version} ({suite})")));
            }
            Tls::Failed(reason) => {
                let served = live
                    .site
                    .exchanges
                    .iter()
                    .find(|answer| !answer.is_https() && answer.status < 400 && !answer.is_redirect());
                match served {
                    Some(answer) => {
                        let place = live.answer(answer, "an answer over plain HTTP");
                        let message =
                            format!("the site answers over plain HTTP, and not over HTTPS: {reason}");
                        let finding =
                            Finding::new(META.id, META.severity, Confidence::Certain, place, message);
                        out.fail(
                            finding
                                .with_fix(Fix::advice("get a certificate, and serve the site on port 443")),
                        );
                    }
                    None => out.gap(TLS, Gap::new(format!("the site could not be seen: {reason}"), "")),
                }
            }
            Tls::NotAsked(_) => {}
        }
    }
}
