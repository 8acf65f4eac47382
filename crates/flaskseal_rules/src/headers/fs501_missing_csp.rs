//! FS501: nothing limits which scripts a page runs.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Exchange, Live, csp};
use flaskseal_project::Context;

use super::effective::{Coverage, Header, Headers, Scope};
use super::{POLICY, has_pages, is_on_all, meta, talisman};
use crate::Rule;
use crate::{served, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(501),
    name: "missing-csp",
    summary: "Pages carry no content security policy that browsers enforce.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[POLICY],
    layers: &[Layer::Source, Layer::Template, Layer::Deploy, Layer::Live],
    cwe: &[693, 1021],
    owasp: Some("A05~"),
    asvs: &["V3.4.3"],
    fix: FixAvailability::None,
    page: include_str!("fs501_missing_csp.md"),
};

pub(crate) struct MissingCsp;

const ADVICE: &str = "send `Content-Security-Policy` with every page, in report-only mode first: Talisman, or the proxy in front";

impl Rule for MissingCsp {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !has_pages(cx, POLICY, out) {
            return;
        }
        let headers = Headers::of(cx);
        let some = match headers.coverage("content-security-policy") {
            Coverage::All(set) => {
                return out.support(
                    POLICY,
                    headers.evidence(set[0], format!("{} sends a content security policy", set[0].by)),
                );
            }
            Coverage::Unknown(gap) => return out.gap(POLICY, gap),
            Coverage::Some(set) => set,
            Coverage::Missing => Vec::new(),
        };
        if let Some(meta) = meta::header(cx, "http-equiv", "content-security-policy") {
            let place = headers.evidence(&meta, "a policy for this page alone, without `frame-ancestors`");
            return fail(out, Severity::Low, place, "the content security policy is a `<meta>` element only");
        }
        let report_only =
            headers.named("content-security-policy-report-only").find(|header| header.scope == Scope::All);
        if let Some(header) = report_only {
            let place = headers.evidence(header, "browsers report, and do nothing");
            return fail(out, Severity::Medium, place, "the content security policy is not enforced");
        }
        if let Some(Header { scope: Scope::Blueprint(_), .. }) = some.first() {
            // FS530 says which blueprint.
            return out.gap(POLICY, Gap::new("a content security policy is set for one blueprint only", ""));
        }
        if let Some(first) = some.first() {
            let place = headers.evidence(first, "set for some responses");
            return fail(out, Severity::Medium, place, "most pages have no content security policy");
        }
        if let Some(call) = talisman::bound(cx) {
            let at = call.keyword("content_security_policy").and_then(|value| value.at).unwrap_or(call.span);
            let at =
                if at.file == call.span.file && call.span.range.encloses(at.range) { at } else { call.span };
            let place = cx.evidence(at, "Talisman is told to send none");
            return fail(out, Severity::Medium, place, "pages have no content security policy");
        }
        let place = session_cookie::of_application(cx, "nothing sets `Content-Security-Policy`".to_owned());
        fail(out, Severity::Medium, place, "pages have no content security policy");
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let pages = served::pages(live);
        let bare: Vec<&Exchange> =
            pages.iter().copied().filter(|page| page.header("content-security-policy").is_none()).collect();
        let Some(first) = pages.first() else { return };
        if bare.is_empty() {
            if let Some(header) = first.header("content-security-policy")
                && is_on_all(live, starts, "content-security-policy")
            {
                out.support(POLICY, live.at(first, header, "pages carry a content security policy"));
            }
            return;
        }
        let Some((mut place, others)) = served::lacking(live, &bare, "no `Content-Security-Policy`") else {
            return;
        };
        let name = served::count(bare.len(), pages.len(), "page");
        let (severity, message) = if bare.iter().all(|page| csp::of_meta(&page.page()).is_some()) {
            (Severity::Low, format!("{name} have a content security policy in a `<meta>` element only"))
        } else if let Some(header) = bare
            .iter()
            .find_map(|page| page.header("content-security-policy-report-only").map(|header| (page, header)))
        {
            place = live.at(header.0, header.1, "browsers report, and do nothing");
            (Severity::Medium, "the content security policy is not enforced".to_owned())
        } else {
            (Severity::Medium, format!("{name} have no content security policy"))
        };
        let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
        out.fail(finding.with_trail(others).with_fix(Fix::advice(ADVICE)));
    }
}

fn fail(out: &mut Assessment, severity: Severity, place: Evidence, message: &str) {
    out.fail(Finding::new(META.id, severity, META.confidence, place, message).with_fix(Fix::advice(ADVICE)));
}
