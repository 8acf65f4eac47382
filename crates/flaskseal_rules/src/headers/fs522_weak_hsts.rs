//! FS522: browsers forget soon that they should stay on HTTPS.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, hsts};
use flaskseal_project::Context;

use super::TRANSPORT;
use super::effective::Headers;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(522),
    name: "weak-hsts",
    summary: "HSTS is too short, malformed or leaves subdomains out.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[TRANSPORT],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &["V3.4.1", "V3.7.4"],
    fix: FixAvailability::None,
    page: include_str!("fs522_weak_hsts.md"),
};

pub(crate) struct WeakHsts;

const ADVICE: &str = "send `max-age=31536000; includeSubDomains` once every subdomain speaks HTTPS";

impl Rule for WeakHsts {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        for header in headers.named("strict-transport-security") {
            let Some(defect) = header.value.exact().and_then(hsts::defect) else { continue };
            out.fail(
                Finding::new(
                    META.id,
                    severity(&defect),
                    META.confidence,
                    headers.evidence(header, "set here"),
                    defect.text,
                )
                .with_fix(Fix::advice(ADVICE)),
            );
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        // Of several headers browsers take the first.
        let sent = live
            .ordinary()
            .filter(|answer| answer.is_https())
            .find_map(|answer| Some((answer, answer.header("strict-transport-security")?)));
        let Some((answer, header)) = sent else { return };
        match hsts::defect(&header.value) {
            Some(defect) => {
                let finding = Finding::new(
                    META.id,
                    severity(&defect),
                    META.confidence,
                    live.at(answer, header, "sent here"),
                    defect.text,
                );
                out.fail(finding.with_fix(Fix::advice(ADVICE)));
            }
            None => out.support(TRANSPORT, live.at(answer, header, "HSTS for a year, subdomains included")),
        }
    }
}

fn severity(defect: &hsts::Defect) -> Severity {
    if defect.is_serious { Severity::Medium } else { Severity::Low }
}
