//! FS536: other sites may read more than they need to.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;

use super::CORS;
use super::cors::{Grant, Origins, grants};
use super::effective::Headers;
use crate::session_cookie;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(536),
    name: "permissive-cors",
    summary: "CORS lets more sites read answers than need to.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[CORS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[942],
    owasp: Some("A05"),
    asvs: &["V3.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs536_permissive_cors.md"),
};

pub(crate) struct PermissiveCors;

impl Rule for PermissiveCors {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return;
        }
        let headers = Headers::of(cx);
        for grant in grants(cx, &headers) {
            let Some(message) = defect(&grant, session_cookie::uses_session(cx)) else { continue };
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    cx.evidence(grant.span, "granted here"),
                    message,
                )
                .with_fix(Fix::advice(
                    "grant it to the paths that are for everybody, or to the sites that need it",
                )),
            );
        }
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let has_sessions = served::cookies(live).iter().any(|seen| seen.is_session(starts));
        // The page that was asked for first: what a site grants to single addresses may be for everybody.
        for answer in live.of(Purpose::ForeignOrigin).take(1).filter(|_| has_sessions) {
            let Some(header) = answer.header("access-control-allow-origin") else { continue };
            let is_any = header.value == "*" || Some(header.value.as_str()) == answer.sent("origin");
            let has_credentials = answer.value("access-control-allow-credentials") == Some("true");
            if !is_any || has_credentials {
                continue;
            }
            let place = live.at(answer, header, "granted to a site that nobody knows");
            let message = "pages of a site with sessions may be read by any site, without cookies";
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(finding.with_fix(Fix::advice(
                "grant it to the paths that are for everybody, or to the sites that need it",
            )));
        }
    }
}

fn defect(grant: &Grant, has_sessions: bool) -> Option<String> {
    if grant.private_network {
        return Some("public sites may reach the application inside a private network".to_owned());
    }
    match &grant.origins {
        Origins::Listed(origins) => {
            let plain = origins.iter().find(|origin| {
                origin.starts_with("http://")
                    && !origin.contains("localhost")
                    && !origin.contains("127.0.0.1")
            })?;
            Some(format!("`{plain}` is allowed: whoever listens on its network can answer for it"))
        }
        // With credentials it is FS535's.
        _ if grant.credentials != Some(false) => None,
        Origins::Any | Origins::Reflected if has_sessions && grant.is_whole => Some(
            "every path of an application with sessions may be read by any site, without cookies".to_owned(),
        ),
        _ => None,
    }
}
