//! FS513: browsers guess the type of what they get.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::NO_SNIFFING;
use super::effective::{Coverage, Headers, Value};
use super::html::{Pages, pages};
use crate::Rule;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(513),
    name: "missing-nosniff",
    summary: "Responses do not keep browsers from guessing their type.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_SNIFFING],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[693, 430],
    owasp: Some("A05~"),
    asvs: &["V3.4.4"],
    fix: FixAvailability::None,
    page: include_str!("fs513_missing_nosniff.md"),
};

pub(crate) struct MissingNosniff;

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
            Finding::new(META.id, severity, META.confidence, place, message)
                .with_fix(Fix::advice("send `X-Content-Type-Options: nosniff` with every response")),
        );
    }
}
