//! FS535: any site may read what a visitor's cookies open.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;

use super::CORS;
use super::cors::{Grant, Origins, grants};
use super::effective::Headers;
use crate::Rule;
use crate::flow::example::foreign;
use crate::session::coverage;
use crate::session_cookie::{self, Attribute};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(535),
    name: "credentialed-cors-any-origin",
    summary: "Any site may read responses that the visitor's cookies open.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[CORS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[942, 346],
    owasp: Some("A05"),
    asvs: &["V3.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs535_credentialed_cors_any_origin.md"),
};

pub(crate) struct CredentialedCorsAnyOrigin;

impl Rule for CredentialedCorsAnyOrigin {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            return;
        }
        let headers = Headers::of(cx);
        let grants = grants(cx, &headers);
        let mut open = false;
        for grant in &grants {
            match defect(grant) {
                Some(message) => {
                    open = true;
                    // Browsers keep a Lax cookie out of what another site's script asks for.
                    let is_lax = session_cookie::uses_session(cx)
                        && matches!(session_cookie::same_site(cx), Attribute::Good(_));
                    let severity = if is_lax { Severity::Medium } else { META.severity };
                    let place = cx.evidence(grant.span, "whoever asks is allowed, with cookies");
                    out.fail(
                        Finding::new(META.id, severity, META.confidence, place, message)
                            .with_example(foreign(cx))
                            .with_fix(Fix::advice("list the sites that may read the answers, each in full")),
                    );
                }
                None if grant.origins == Origins::Unknown && grant.credentials != Some(false) => {
                    open = true;
                    let reason = "which sites may read answers with credentials is not known";
                    out.gap(
                        CORS,
                        Gap::at(grant.span, reason, "give production's variables with `--env-file FILE`"),
                    );
                }
                None => {}
            }
        }
        if open {
            return;
        }
        match grants.first() {
            Some(grant) => out.support(
                CORS,
                cx.evidence(grant.span, "foreign sites get nothing with the visitor's cookies"),
            ),
            None => coverage::support_by_coverage(cx, CORS, out),
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut told: Vec<&str> = Vec::new();
        for answer in live.of(Purpose::ForeignOrigin).chain(live.of(Purpose::NullOrigin)) {
            let (Some(origin), Some(header)) =
                (answer.sent("origin"), answer.header("access-control-allow-origin"))
            else {
                continue;
            };
            let has_credentials = answer.value("access-control-allow-credentials") == Some("true");
            let (severity, message) = if !has_credentials {
                continue;
            } else if header.value == "*" {
                // Browsers refuse the pair: nothing is lost but what was meant.
                (
                    Severity::Low,
                    "any site is allowed, with cookies: browsers refuse that, and what was meant does not work",
                )
            } else if !header.value.eq_ignore_ascii_case(origin) {
                continue;
            } else if origin == "null" {
                (
                    META.severity,
                    "sandboxed frames of any site, whose origin is `null`, may read answers in the name of their visitor",
                )
            } else {
                (META.severity, "any site may read answers in the name of its visitor")
            };
            // Of many addresses the first shows it.
            if told.contains(&message) {
                continue;
            }
            told.push(message);
            let place = live.at(answer, header, "whoever asks is allowed, with cookies");
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(finding.with_fix(Fix::advice("list the sites that may read the answers, each in full")));
        }
    }
}

fn defect(grant: &Grant) -> Option<String> {
    if grant.credentials != Some(true) {
        return None;
    }
    match &grant.origins {
        Origins::Any | Origins::Reflected => Some("any site may read answers in the name of its visitor".to_owned()),
        Origins::Loose(reason) => Some(format!("foreign sites may read answers in the name of their visitor: {reason}")),
        Origins::Null => Some("sandboxed frames of any site, whose origin is `null`, may read answers in the name of their visitor".to_owned()),
        Origins::Listed(_) | Origins::Unknown => None,
    }
}
