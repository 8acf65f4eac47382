//! FS521: browsers may come back over plain HTTP.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::effective::{Coverage, Headers};
use super::{TRANSPORT, talisman, transport};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(521),
    name: "missing-hsts",
    summary: "Responses over HTTPS do not tell browsers to stay there.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[TRANSPORT],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[319, 523],
    owasp: Some("A02"),
    asvs: &["V3.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs521_missing_hsts.md"),
};

pub(crate) struct MissingHsts;

impl Rule for MissingHsts {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            let gap = Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`");
            return out.gap(TRANSPORT, gap);
        }
        let headers = Headers::of(cx);
        let some = match headers.coverage("strict-transport-security") {
            Coverage::All(set) => {
                let claim = format!("{} sends HSTS with what goes over HTTPS", set[0].by);
                return out.support(TRANSPORT, headers.evidence(set[0], claim));
            }
            Coverage::Unknown(gap) => return out.gap(TRANSPORT, gap),
            Coverage::Some(set) => set.first().copied(),
            Coverage::Missing => None,
        };
        let Some(tls) = transport::tls(cx) else {
            let remedy = "scan it together with the proxy's configuration";
            return out.gap(TRANSPORT, Gap::new("nothing in the tree says where TLS ends", remedy));
        };
        let (place, message) = match (some, talisman::bound(cx)) {
            (Some(header), _) => {
                (headers.evidence(header, "set for some responses"), "most responses lack HSTS")
            }
            (None, Some(call)) => {
                (cx.evidence(call.span, "Talisman is told to send none"), "responses over HTTPS lack HSTS")
            }
            (None, None) => {
                let place =
                    Evidence { claim: "nothing sets `Strict-Transport-Security`".to_owned(), ..tls.clone() };
                (place, "responses over HTTPS lack HSTS")
            }
        };
        let trail = (tls.span != place.span).then_some(tls);
        out.fail(
            Finding::new(META.id, META.severity, META.confidence, place, message).with_trail(trail).with_fix(Fix::advice(
                "send `Strict-Transport-Security: max-age=31536000; includeSubDomains` once every subdomain speaks HTTPS",
            )),
        );
    }
}
