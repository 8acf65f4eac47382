//! FS513: browsers guess the type of what they get.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Exchange, Live};
use flaskseal_project::Context;

use super::effective::{Coverage, Headers, PROTECTING, Value};
use super::html::{Pages, pages};
use super::{NO_SNIFFING, is_on_all};
use crate::Rule;
use crate::{served, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(513),
    name: "missing-nosniff",
    summary: "Responses do not keep browsers from guessing their type.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_SNIFFING],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[693, 430],
    owasp: Some("A05~"),
    asvs: &["V3.4.4"],
    fix: FixAvailability::None,
    page: include_str!("fs513_missing_nosniff.md"),
};

pub(crate) struct MissingNosniff;

const ADVICE: &str = "send `X-Content-Type-Options: nosniff` with every response";

impl Rule for MissingNosniff {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() {
            let gap = Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`");
            return out.gap(NO_SNIFFING, gap);
        }
        let headers = Headers::of(cx);
        let pages = pages(cx);
        let bare = if headers.has_none() && pages == Pages::Some { Severity::Medium } else { META.severity };
        let (severity, place, message) = match headers.coverage("x-content-type-options") {
            Coverage::All(set) => match &set[0].value {
                Value::Exact(value) if value.trim().eq_ignore_ascii_case("nosniff") => {
                    let claim = format!("{} sends `X-Content-Type-Options: nosniff`", set[0].by);
                    return out.support(NO_SNIFFING, headers.evidence(set[0], claim));
                }
                Value::Exact(value) => (
                    META.severity,
                    headers.evidence(set[0], "only `nosniff` has an effect"),
                    format!("`X-Content-Type-Options: {value}` does nothing"),
                ),
                Value::Partial(_) | Value::Unknown => {
                    let gap = Gap::at(set[0].span, "the value of `X-Content-Type-Options` is not known", "");
                    return out.gap(NO_SNIFFING, gap);
                }
            },
            Coverage::Unknown(gap) => return out.gap(NO_SNIFFING, gap),
            Coverage::Some(set) => (
                META.severity,
                headers.evidence(set[0], "set for some responses"),
                "most responses lack `X-Content-Type-Options: nosniff`".to_owned(),
            ),
            Coverage::Missing => {
                let claim = if bare == Severity::Medium {
                    "nothing sets any security header"
                } else {
                    "nothing sets it"
                };
                (
                    bare,
                    session_cookie::of_application(cx, claim.to_owned()),
                    "responses lack `X-Content-Type-Options: nosniff`".to_owned(),
                )
            }
        };
        out.fail(
            Finding::new(META.id, severity, META.confidence, place, message).with_fix(Fix::advice(ADVICE)),
        );
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        // Browsers guess for every answer with a body, and scripts and styles matter most.
        let answers: Vec<&Exchange> =
            live.ordinary().filter(|answer| answer.status < 400 && !answer.is_redirect()).collect();
        let is_set = |answer: &Exchange| {
            let value = answer.value("x-content-type-options").and_then(|value| value.split(',').next());
            value.is_some_and(|value| value.trim().eq_ignore_ascii_case("nosniff"))
        };
        let bare: Vec<&Exchange> = answers.iter().copied().filter(|answer| !is_set(answer)).collect();
        if let Some(first) = answers.first().filter(|_| bare.is_empty()) {
            if let Some(header) = first.header("x-content-type-options")
                && is_on_all(live, starts, "x-content-type-options")
            {
                out.support(NO_SNIFFING, live.at(first, header, "answers keep browsers from guessing"));
            }
            return;
        }
        let Some(first) = bare.first() else { return };
        let claim = "no `X-Content-Type-Options: nosniff`";
        let Some((bare_place, others)) = served::lacking(live, &bare, claim) else { return };
        let place = match first.header("x-content-type-options") {
            Some(header) => live.at(first, header, "only `nosniff` has an effect"),
            None => bare_place,
        };
        let has_none =
            answers.iter().all(|answer| !PROTECTING.iter().any(|name| answer.header(name).is_some()));
        let severity = if has_none && first.is_html() { Severity::Medium } else { META.severity };
        let name = served::count(bare.len(), answers.len(), "answer");
        let message = format!("{name} lack `X-Content-Type-Options: nosniff`");
        let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
        out.fail(finding.with_trail(others).with_fix(Fix::advice(ADVICE)));
    }
}
