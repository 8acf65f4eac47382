//! FS222: nothing says which versions of TLS are accepted.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::web::Program;

use super::{SOUND_TLS, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(222),
    name: "implicit-tls-protocols",
    summary: "No `ssl_protocols` is visible for a server with TLS, so that the version's default decides.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SOUND_TLS],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[1188],
    owasp: Some("A05~"),
    asvs: &["V12.1.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs222_implicit_tls_protocols.md"),
};

pub(crate) struct ImplicitTlsProtocols;

/// TLS 1.0 and 1.1 are out of the default from here on.
const SOUND_DEFAULT: (u32, u32, u32) = (1, 27, 3);

impl Rule for ImplicitTlsProtocols {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for (site, listener) in front::with_tls(project) {
            if site.program != Program::Nginx || site.tls.protocols.is_some() {
                continue;
            }
            if let Some(include) = site.open {
                let reason = "the file that is included here is not in the tree, and may say `ssl_protocols`";
                out.gap(SOUND_TLS, Gap::at(include, reason, "keep it in the checked folder"));
                continue;
            }
            let version = project.deployment.web.nginx.get(site.instance).and_then(|one| one.version);
            let (severity, message) = match version {
                Some(version) if version >= SOUND_DEFAULT => (
                    Severity::Low,
                    "nothing says which versions of TLS are accepted; this nginx has a sound default",
                ),
                Some(_) => (
                    META.severity,
                    "nothing says which versions of TLS are accepted: this nginx takes TLS 1.0 and 1.1",
                ),
                None => (
                    META.severity,
                    "nothing says which versions of TLS are accepted: nginx before 1.27.3 takes TLS 1.0 and 1.1",
                ),
            };
            let fix = Fix {
                advice: "add `ssl_protocols TLSv1.2 TLSv1.3;`".to_owned(),
                applicability: Applicability::Safe,
                edits: vec![Edit {
                    span: flaskseal_core::Span::new(
                        listener.span.file,
                        listener.span.range.end,
                        listener.span.range.end,
                    ),
                    replacement: ";\n    ssl_protocols TLSv1.2 TLSv1.3".to_owned(),
                }],
            };
            let primary = nginx::evidence(listener.span, "speaks TLS");
            let finding = Finding::new(META.id, severity, META.confidence, primary, message)
                .with_scope(site.names.first().map(|(name, _)| name.clone()).unwrap_or_default())
                .with_fix(fix);
            out.fail(finding);
        }
    }
}
