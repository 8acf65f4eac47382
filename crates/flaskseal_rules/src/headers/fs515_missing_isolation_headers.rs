//! FS515: pages are not set apart from those of other sites.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;

use super::OTHER_HEADERS;
use super::effective::{Coverage, Headers};
use super::html::{Pages, pages};
use crate::Rule;
use crate::{served, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(515),
    name: "missing-isolation-headers",
    summary: "Optional headers that set pages apart from other sites are absent.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[693],
    owasp: Some("A05~"),
    asvs: &["V3.4.8", "V3.5.8"],
    fix: FixAvailability::None,
    page: include_str!("fs515_missing_isolation_headers.md"),
};

pub(crate) struct MissingIsolationHeaders;

const ADVICE: &str = "send `Cross-Origin-Opener-Policy: same-origin`, `Cross-Origin-Resource-Policy: same-origin` and a `Permissions-Policy` that names what is not used";

const ISOLATING: &[(&str, &str)] = &[
    ("permissions-policy", "Permissions-Policy"),
    ("cross-origin-opener-policy", "Cross-Origin-Opener-Policy"),
    ("cross-origin-resource-policy", "Cross-Origin-Resource-Policy"),
];

impl Rule for MissingIsolationHeaders {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() || pages(cx) != Pages::Some {
            return;
        }
        let headers = Headers::of(cx);
        let mut missing = Vec::new();
        let mut sent = None;
        for (name, shown) in ISOLATING {
            match headers.coverage(name) {
                Coverage::All(set) => sent = sent.or(Some(set[0])),
                Coverage::Unknown(_) => return,
                Coverage::Some(_) | Coverage::Missing => missing.push(format!("`{shown}`")),
            }
        }
        if missing.is_empty() {
            if let Some(header) = sent {
                out.support(
                    OTHER_HEADERS,
                    headers.evidence(header, "headers set pages apart from other sites"),
                );
            }
            return;
        }
        let place = session_cookie::of_application(cx, "nothing sets them for every response".to_owned());
        let message = format!("responses lack {}", missing.join(", "));
        let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
        out.fail(finding.with_fix(Fix::advice(ADVICE)));
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(page) = served::pages(live).first().copied() else { return };
        let missing: Vec<String> = ISOLATING
            .iter()
            .filter(|(name, _)| page.header(name).is_none())
            .map(|(_, shown)| format!("`{shown}`"))
            .collect();
        if missing.is_empty() {
            let claim = "headers set pages apart from other sites";
            return out.support(OTHER_HEADERS, live.answer(page, claim));
        }
        let place = live.answer(page, "without them");
        let message = format!("responses lack {}", missing.join(", "));
        let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
        out.fail(finding.with_fix(Fix::advice(ADVICE)));
    }
}
