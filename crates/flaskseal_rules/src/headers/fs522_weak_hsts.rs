//! FS522: browsers forget soon that they should stay on HTTPS.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::TRANSPORT;
use super::effective::{Header, Headers};
use super::transport::Policy;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(522),
    name: "weak-hsts",
    summary: "HSTS is too short, malformed or leaves subdomains out.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[TRANSPORT],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &["V3.4.1", "V3.7.4"],
    fix: FixAvailability::None,
    page: include_str!("fs522_weak_hsts.md"),
};

pub(crate) struct WeakHsts;

/// Six months and a year, in seconds.
const SIX_MONTHS: u64 = 15_768_000;
const YEAR: u64 = 31_536_000;

impl Rule for WeakHsts {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        for header in headers.named("strict-transport-security") {
            let Some((severity, message)) = defect(header) else { continue };
            out.fail(
                Finding::new(
                    META.id,
                    severity,
                    META.confidence,
                    headers.evidence(header, "set here"),
                    message,
                )
                .with_fix(Fix::advice(
                    "send `max-age=31536000; includeSubDomains` once every subdomain speaks HTTPS",
                )),
            );
        }
    }
}

fn defect(header: &Header) -> Option<(Severity, String)> {
    let text = header.value.exact()?;
    let Some(policy) = Policy::parse(text) else {
        return Some((Severity::Medium, format!("browsers do not accept the HSTS header `{text}`")));
    };
    let age = policy.max_age?;
    Some(match age {
        0 => (Severity::Medium, "`max-age=0` switches HSTS off".to_owned()),
        _ if age < SIX_MONTHS => (Severity::Medium, format!("HSTS ends after {} days", age / 86_400)),
        _ if policy.preload && (age < YEAR || !policy.include_subdomains) => {
            (Severity::Low, "`preload` needs `includeSubDomains` and a year".to_owned())
        }
        _ if age < YEAR => (Severity::Low, format!("HSTS ends after {} days", age / 86_400)),
        _ if !policy.include_subdomains => (Severity::Low, "HSTS leaves subdomains out".to_owned()),
        _ => return None,
    })
}
