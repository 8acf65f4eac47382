//! FS506: the policy is malformed, or says nothing where nothing stands in.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_live::csp::{Defect, Policy, Weight};
use flaskseal_project::Context;

use super::POLICY;
use super::effective::{Headers, Value};
use super::fs503_weak_csp_sources::{policies, severity};
use super::served_csp::Served;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(506),
    name: "incomplete-csp",
    summary: "The content security policy is malformed, or lacks directives that nothing stands in for.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[POLICY],
    layers: &[Layer::Source, Layer::Template, Layer::Deploy, Layer::Live],
    cwe: &[693],
    owasp: Some("A05~"),
    asvs: &["V3.4.3", "V3.4.6"],
    fix: FixAvailability::None,
    page: include_str!("fs506_incomplete_csp.md"),
};

pub(crate) struct IncompleteCsp;

impl Rule for IncompleteCsp {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        let has_frame_options = headers.named("x-frame-options").next().is_some();
        let policies = policies(cx, &headers);
        for header in &policies {
            let Value::Exact(text) = &header.value else { continue };
            let mut defects = Policy::parse(text).defects(has_frame_options, header.layer == Layer::Template);
            if policies.len() > 1 {
                defects.retain(is_of_one_policy);
            }
            report(defects, headers.evidence(header, "the policy"), out);
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for served in Served::all(live) {
            let has_frame_options = served.answer.header("x-frame-options").is_some();
            let mut defects: Vec<Defect> =
                served.policies.iter().flat_map(|policy| policy.defects(has_frame_options, false)).collect();
            if served.policies.len() > 1 {
                defects.retain(is_of_one_policy);
            }
            let place = live.at(served.answer, served.header, "the policy");
            report(defects, place, out);
        }
    }
}

/// Whether the defect stays one beside other policies. With several policies each does its part.
fn is_of_one_policy(defect: &Defect) -> bool {
    !defect.text.starts_with("neither") && !defect.text.starts_with("nothing stands")
}

fn report(mut defects: Vec<Defect>, place: Evidence, out: &mut Assessment) {
    defects.sort_by_key(|defect| std::cmp::Reverse(defect.weight));
    let Some(worst) = defects.first().map(|defect| defect.weight) else { return };
    let texts: Vec<&str> = defects.iter().map(|defect| defect.text.as_str()).collect();
    let advice =
        if worst == Weight::Low && defects.iter().all(|defect| defect.text.starts_with("nothing stands")) {
            "add `base-uri 'self'; form-action 'self'; frame-ancestors 'self'`"
        } else {
            "correct the policy: directives end with semicolons, keywords stand in single quotes"
        };
    out.fail(
        Finding::new(META.id, severity(worst), META.confidence, place, texts.join("; "))
            .with_fix(Fix::advice(advice)),
    );
}
