//! FS517: a header that does nothing, or does harm.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
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
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
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

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut seen: Vec<&str> = Vec::new();
        for answer in live.ordinary() {
            let others = |name: &str| answer.header(name).is_some();
            for header in &answer.headers {
                let name = header.name.to_ascii_lowercase();
                let Some(message) =
                    obsolete(&name, &header.value, &others).filter(|text| !seen.contains(text))
                else {
                    continue;
                };
                seen.push(message);
                let place = live.at(answer, header, "sent here");
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, place, message)
                        .with_fix(Fix::advice("remove it")),
                );
            }
        }
    }
}

fn defect(headers: &Headers<'_>, header: &Header) -> Option<&'static str> {
    let others =
        |name: &str| headers.named(name).any(|other| name != "cache-control" || other.scope == header.scope);
    obsolete(&header.name, header.value.text().unwrap_or_default(), &others)
}

/// What is wrong with a header, by its name in lower case; `others` says whether another is there too.
fn obsolete(name: &str, value: &str, others: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let value = value.trim();
    Some(match name {
        "x-xss-protection" if value.starts_with('1') => {
            "`X-XSS-Protection: 1` switches on a filter that browsers removed because it could be turned against pages"
        }
        "public-key-pins" => "`Public-Key-Pins` was removed from all browsers",
        "expect-ct" => "`Expect-CT` has no effect any more",
        "x-download-options" => "`X-Download-Options` was for Internet Explorer alone",
        "feature-policy" if !others("permissions-policy") => {
            "`Feature-Policy` was renamed to `Permissions-Policy`"
        }
        "pragma" if value.eq_ignore_ascii_case("no-cache") && !others("cache-control") => {
            "`Pragma` keeps nothing out of caches: `Cache-Control` does"
        }
        _ => return None,
    })
}
