//! FS517: a header that does nothing, or does harm.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::OTHER_HEADERS;
use super::effective::{Header, Headers};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(517),
    name: "obsolete-header",
    summary: "A header is sent that does nothing in today's browsers, or does harm.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[16],
    owasp: Some("A05"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs517_obsolete_header.md"),
};

pub(crate) struct ObsoleteHeader;

impl Rule for ObsoleteHeader {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        for header in headers.list.iter() {
            let Some(message) = defect(&headers, header) else { continue };
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    headers.evidence(header, "set here"),
                    message,
                )
                .with_fix(Fix::advice("remove it")),
            );
        }
    }
}

fn defect(headers: &Headers<'_>, header: &Header) -> Option<&'static str> {
    let value = header.value.text().unwrap_or_default().trim();
    Some(match header.name.as_str() {
        "x-xss-protection" if value.starts_with('1') => {
            "`X-XSS-Protection: 1` switches on a filter that browsers removed because it could be turned against pages"
        }
        "public-key-pins" => "`Public-Key-Pins` was removed from all browsers",
        "expect-ct" => "`Expect-CT` has no effect any more",
        "x-download-options" => "`X-Download-Options` was for Internet Explorer alone",
        "feature-policy" if headers.named("permissions-policy").next().is_none() => {
            "`Feature-Policy` was renamed to `Permissions-Policy`"
        }
        "pragma"
            if value.eq_ignore_ascii_case("no-cache")
                && !headers.named("cache-control").any(|other| other.scope == header.scope) =>
        {
            "`Pragma` keeps nothing out of caches: `Cache-Control` does"
        }
        _ => return None,
    })
}
