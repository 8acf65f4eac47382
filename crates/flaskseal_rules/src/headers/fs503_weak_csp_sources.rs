//! FS503: the policy permits what it is there to stop.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_live::csp::{self, Policy, Weight};
use flaskseal_project::Context;

use super::effective::{Header, Headers, Value};
use super::served_csp::Served;
use super::{POLICY, meta};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(503),
    name: "weak-csp-sources",
    summary: "The content security policy permits what it is there to stop.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[POLICY],
    layers: &[Layer::Source, Layer::Template, Layer::Deploy, Layer::Live],
    cwe: &[693, 79],
    owasp: Some("A05~"),
    asvs: &["V3.4.3"],
    fix: FixAvailability::None,
    page: include_str!("fs503_weak_csp_sources.md"),
};

pub(crate) struct WeakCspSources;

const ADVICE: &str =
    "allow the application's own scripts, and inline ones by a nonce that is new in each response";

impl Rule for WeakCspSources {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        for header in policies(cx, &headers) {
            let Some(text) = header.value.text() else { continue };
            let mut defects = Policy::parse(text).weak_sources();
            defects.sort_by_key(|defect| std::cmp::Reverse(defect.weight));
            let Some(worst) = defects.first() else { continue };
            let confidence =
                if matches!(header.value, Value::Exact(_)) { META.confidence } else { Confidence::Firm };
            let others = defects.len() - 1;
            let more = if others > 0 {
                let rest: Vec<&str> = defects[1..].iter().map(|defect| defect.text.as_str()).collect();
                format!("; {}", rest.join("; "))
            } else {
                String::new()
            };
            let message = format!("{}{more}", worst.text);
            out.fail(
                Finding::new(
                    META.id,
                    severity(worst.weight),
                    confidence,
                    headers.evidence(&header, "the policy"),
                    message,
                )
                .with_fix(Fix::advice(ADVICE)),
            );
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for served in Served::all(live) {
            let mut defects = csp::weak_sources(&served.policies);
            defects.sort_by_key(|defect| std::cmp::Reverse(defect.weight));
            let Some(worst) = defects.first().map(|defect| defect.weight) else {
                continue;
            };
            let texts: Vec<&str> = defects.iter().map(|defect| defect.text.as_str()).collect();
            let place = live.at(served.answer, served.header, "the policy");
            let finding =
                Finding::new(META.id, severity(worst), Confidence::Certain, place, texts.join("; "));
            out.fail(finding.with_fix(Fix::advice(ADVICE)));
        }
    }
}

/// The policies that browsers enforce, headers first.
pub(super) fn policies(cx: &Context<'_>, headers: &Headers<'_>) -> Vec<Header> {
    let mut found: Vec<Header> = headers.named("content-security-policy").cloned().collect();
    found.extend(meta::header(cx, "http-equiv", "content-security-policy"));
    found
}

pub(super) fn severity(weight: Weight) -> Severity {
    match weight {
        Weight::Low => Severity::Low,
        Weight::Medium => Severity::Medium,
        Weight::High => Severity::High,
    }
}
