//! FS511: any site may show the pages in a frame of its own.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::csp::{self, Policy};
use flaskseal_live::{Exchange, Header as Sent, Live};
use flaskseal_project::Context;

use super::effective::{Coverage, Header, Headers, Scope, Value};
use super::{FRAMING, has_pages, is_on_all, talisman};
use crate::Rule;
use crate::{served, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(511),
    name: "unrestricted-framing",
    summary: "Pages can be shown in frames of any site.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[FRAMING],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[1021],
    owasp: Some("A04"),
    asvs: &["V3.4.6"],
    fix: FixAvailability::None,
    page: include_str!("fs511_unrestricted_framing.md"),
};

pub(crate) struct UnrestrictedFraming;

const ADVICE: &str =
    "send `X-Frame-Options: SAMEORIGIN`, or `frame-ancestors 'self'` in the content security policy";

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

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let pages = served::pages(live);
        let open: Vec<&Exchange> = pages.iter().copied().filter(|page| framed_by(page).is_err()).collect();
        if let Some(first) = pages.first().filter(|_| open.is_empty()) {
            if let Ok(header) = framed_by(first)
                && is_on_all(live, starts, &header.name)
            {
                let claim = format!("`{}` restricts framing", header.name);
                out.support(FRAMING, live.at(first, header, claim));
            }
            return;
        }
        let Some(first) = open.first() else { return };
        let Some((bare, others)) =
            served::lacking(live, &open, "neither `X-Frame-Options` nor `frame-ancestors`")
        else {
            return;
        };
        let (place, message) = match framed_by(first) {
            Err(Some((header, message))) => (live.at(first, header, "has no effect"), message.to_owned()),
            _ => {
                let name = served::count(open.len(), pages.len(), "page");
                (bare, format!("{name} can be framed by any site"))
            }
        };
        let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
        out.fail(finding.with_trail(others).with_fix(Fix::advice(ADVICE)));
    }
}

/// The header that keeps foreign sites from framing a page, or what is wrong with the one that should.
fn framed_by(page: &Exchange) -> Result<&Sent, Option<(&Sent, &'static str)>> {
    // Browsers go by `frame-ancestors`, where it is there, and look at nothing else.
    let mut widest = None;
    for header in page.named("content-security-policy") {
        for policy in csp::policies([header.value.as_str()]) {
            match policy.restricts_framing() {
                Some(true) => return Ok(header),
                Some(false) => widest = Some(header),
                None => {}
            }
        }
    }
    if let Some(header) = widest {
        return Err(Some((header, "`frame-ancestors` lets every site frame the pages")));
    }
    // Several values count as none that fits: browsers then refuse to show the page in any frame.
    let mut options = page.named("x-frame-options");
    let Some(first) = options.next() else { return Err(None) };
    let known = |value: &str| matches!(value.trim().to_ascii_uppercase().as_str(), "DENY" | "SAMEORIGIN");
    if first.value.split(',').any(known) || options.any(|header| header.value.split(',').any(known)) {
        Ok(first)
    } else {
        Err(Some((first, "`X-Frame-Options` has a value that browsers do not know")))
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
    let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
    out.fail(finding.with_fix(Fix::advice(ADVICE)));
}
