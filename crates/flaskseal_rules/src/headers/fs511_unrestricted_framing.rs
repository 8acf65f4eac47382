//! FS511: any site may show the pages in a frame of its own.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::csp::Policy;
use super::effective::{Coverage, Header, Headers, Scope, Value};
use super::{FRAMING, has_pages, talisman};
use crate::Rule;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(511),
    name: "unrestricted-framing",
    summary: "Pages can be shown in frames of any site.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[FRAMING],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[1021],
    owasp: Some("A04"),
    asvs: &["V3.4.6"],
    fix: FixAvailability::None,
    page: include_str!("fs511_unrestricted_framing.md"),
};

pub(crate) struct UnrestrictedFraming;

impl Rule for UnrestrictedFraming {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !has_pages(cx, FRAMING, out) {
            return;
        }
        let headers = Headers::of(cx);
        // Browsers go by `frame-ancestors`, where it is there, and look at nothing else.
        let policies = headers.named("content-security-policy").filter(|header| header.scope == Scope::All);
        for header in policies {
            match header.value.text().and_then(|text| Policy::parse(text).restricts_framing()) {
                Some(true) => {
                    return out.support(
                        FRAMING,
                        headers.evidence(header, format!("{} sends `frame-ancestors`", header.by)),
                    );
                }
                Some(false) => {
                    let place = headers.evidence(header, "`frame-ancestors` overrides `X-Frame-Options`");
                    return fail(out, place, "`frame-ancestors` lets every site frame the pages");
                }
                None => {}
            }
        }
        match headers.coverage("x-frame-options") {
            Coverage::All(set) => judge(&headers, set[0], out),
            Coverage::Unknown(gap) => out.gap(FRAMING, gap),
            Coverage::Some(set) => {
                if let Scope::Blueprint(_) = set[0].scope {
                    return out.gap(FRAMING, Gap::new("`X-Frame-Options` is set for one blueprint only", ""));
                }
                let place = headers.evidence(set[0], "set for some responses");
                fail(out, place, "most pages can be framed by any site");
            }
            Coverage::Missing => {
                let place = match talisman::bound(cx) {
                    Some(call) => cx.evidence(call.span, "Talisman is told to send none"),
                    None => session_cookie::of_application(
                        cx,
                        "nothing sets `X-Frame-Options` or `frame-ancestors`".to_owned(),
                    ),
                };
                fail(out, place, "pages can be framed by any site");
            }
        }
    }
}

fn judge(headers: &Headers<'_>, header: &Header, out: &mut Assessment) {
    let value = match &header.value {
        Value::Exact(value) => value.trim().to_ascii_uppercase(),
        Value::Partial(_) | Value::Unknown => {
            let gap = Gap::at(header.span, "the value of `X-Frame-Options` is not known", "");
            return out.gap(FRAMING, gap);
        }
    };
    match value.as_str() {
        "DENY" | "SAMEORIGIN" => {
            out.support(
                FRAMING,
                headers.evidence(header, format!("{} sends `X-Frame-Options: {value}`", header.by)),
            );
        }
        _ => {
            let place = headers.evidence(header, "browsers ignore it");
            fail(out, place, &format!("`X-Frame-Options: {value}` restricts nothing"));
        }
    }
}

fn fail(out: &mut Assessment, place: Evidence, message: &str) {
    out.fail(Finding::new(META.id, META.severity, META.confidence, place, message).with_fix(Fix::advice(
        "send `X-Frame-Options: SAMEORIGIN`, or `frame-ancestors 'self'` in the content security policy",
    )));
}
