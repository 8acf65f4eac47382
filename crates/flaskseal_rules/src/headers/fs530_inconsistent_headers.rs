//! FS530: headers contradict each other, or cover only part of the responses.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;

use super::OTHER_HEADERS;
use super::effective::{Header, Headers, Scope, Value};
use super::html::{Pages, pages};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(530),
    name: "inconsistent-headers",
    summary: "Security headers contradict each other, or are set for part of the responses only.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[16],
    owasp: Some("A05"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs530_inconsistent_headers.md"),
};

pub(crate) struct InconsistentHeaders;

const SECURITY: &[&str] = &[
    "content-security-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
];

impl Rule for InconsistentHeaders {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let headers = Headers::of(cx);
        if pages(cx) == Pages::None {
            return;
        }
        for name in SECURITY {
            let set: Vec<&Header> = headers.named(name).collect();
            let is_covered = set.iter().any(|header| header.scope == Scope::All);
            if let Some(header) =
                set.iter().find(|header| header.scope == Scope::Discarded).filter(|_| !is_covered)
            {
                let message = format!("`{name}` is set on a response that nobody sends");
                report(
                    &headers,
                    header,
                    Severity::Medium,
                    "this runs before the response is made",
                    message,
                    out,
                );
            } else if let Some(header) =
                set.iter().find(|header| matches!(header.scope, Scope::Blueprint(_))).filter(|_| !is_covered)
                && let Scope::Blueprint(blueprint) = &header.scope
            {
                let message = format!("`{name}` is set for the blueprint `{blueprint}` only");
                report(
                    &headers,
                    header,
                    Severity::Medium,
                    "runs after requests of this blueprint",
                    message,
                    out,
                );
            }
            conflict(&headers, name, &set, out);
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let pages = served::pages(live);
        for name in SECURITY {
            let set = pages.iter().find_map(|page| Some((*page, page.header(name)?)));
            let Some((page, header)) = set else { continue };
            let is_everywhere = pages.iter().all(|page| page.header(name).is_some());
            let error =
                live.of(Purpose::Missing).find(|error| error.is_html() && error.header(name).is_none());
            if let Some(error) = error.filter(|_| is_everywhere) {
                let finding = Finding::new(
                    META.id,
                    Severity::Low,
                    Confidence::Certain,
                    live.answer(error, "not on this page"),
                    format!("`{}` is missing on error pages", header.name),
                );
                let trail = [live.at(page, header, "on others it is there")];
                out.fail(finding.with_trail(trail).with_fix(Fix::advice("nginx: `add_header … always`")));
            }
            if !matches!(*name, "x-frame-options" | "strict-transport-security") {
                continue;
            }
            let other = page.named(name).find(|other| !other.value.eq_ignore_ascii_case(&header.value));
            if let Some(other) = other {
                let place = live.at(page, other, "another value");
                let message = format!("`{name}` is sent twice, with different values");
                let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, place, message);
                out.fail(
                    finding
                        .with_trail([live.at(page, header, "sent first")])
                        .with_fix(Fix::advice("set each header in one place")),
                );
            }
        }
    }
}

/// Two places that set a header of all responses to different values.
fn conflict(headers: &Headers<'_>, name: &str, set: &[&Header], out: &mut Assessment) {
    if !matches!(name, "x-frame-options" | "strict-transport-security") {
        return;
    }
    let exact = |header: &&&Header| header.scope == Scope::All && matches!(header.value, Value::Exact(_));
    let mut all = set.iter().filter(exact);
    let Some(first) = all.next() else { return };
    let value = |header: &Header| header.value.exact().map(str::to_ascii_lowercase);
    if let Some(other) = all.find(|other| value(other) != value(first)) {
        let message = format!("`{name}` is set twice, to different values");
        let place = headers.evidence(other, format!("{} sets it to another value", first.by));
        out.fail(
            Finding::new(META.id, Severity::Low, META.confidence, place, message)
                .with_trail([headers.evidence(first, "set here first")])
                .with_fix(Fix::advice("set each header in one place")),
        );
    }
}

fn report(
    headers: &Headers<'_>,
    header: &Header,
    severity: Severity,
    claim: &str,
    message: String,
    out: &mut Assessment,
) {
    out.fail(
        Finding::new(META.id, severity, META.confidence, headers.evidence(header, claim), message)
            .with_fix(Fix::advice("set it in an `after_request` of the application")),
    );
}
