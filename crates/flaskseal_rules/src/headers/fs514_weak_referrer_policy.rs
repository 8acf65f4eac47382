//! FS514: other sites learn the addresses that visitors come from.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Exchange, Live, meta as meta_element};
use flaskseal_project::Context;

use super::OTHER_HEADERS;
use super::effective::{Coverage, Header, Headers, Scope};
use super::html::{Pages, pages};
use super::meta;
use crate::Rule;
use crate::{served, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(514),
    name: "weak-referrer-policy",
    summary: "The referrer policy is absent, or tells other sites whole addresses.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[OTHER_HEADERS],
    layers: &[Layer::Source, Layer::Template, Layer::Deploy, Layer::Live],
    cwe: &[200],
    owasp: Some("A01"),
    asvs: &["V3.4.5"],
    fix: FixAvailability::None,
    page: include_str!("fs514_weak_referrer_policy.md"),
};

pub(crate) struct WeakReferrerPolicy;

impl Rule for WeakReferrerPolicy {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if cx.app.is_none() || pages(cx) != Pages::Some {
            return;
        }
        let headers = Headers::of(cx);
        let mut found: Vec<Header> = headers.named("referrer-policy").cloned().collect();
        let meta = meta::header(cx, "name", "referrer");
        for header in found.iter().chain(&meta) {
            let Some(text) = header.value.exact() else { continue };
            let message = match effective(text) {
                Some(policy) if is_leaking(policy) => {
                    format!("`{policy}` tells other sites where visitors come from")
                }
                Some(_) => continue,
                None => format!("`{text}` is no referrer policy"),
            };
            let severity =
                if header.scope == Scope::All && has_token_in_address(cx) && effective(text).is_some() {
                    Severity::Medium
                } else {
                    Severity::Low
                };
            let place = headers.evidence(header, "set here");
            out.fail(Finding::new(META.id, severity, META.confidence, place, message).with_fix(fix()));
        }
        found.extend(meta);
        match headers.coverage("referrer-policy") {
            Coverage::All(set) => out.support(
                OTHER_HEADERS,
                headers.evidence(set[0], format!("{} sends a referrer policy", set[0].by)),
            ),
            Coverage::Missing | Coverage::Some(_) if found.is_empty() => {
                let place = session_cookie::of_application(cx, "nothing sets `Referrer-Policy`".to_owned());
                let message = "pages leave it to browsers what other sites learn of their addresses";
                out.fail(
                    Finding::new(META.id, Severity::Low, META.confidence, place, message).with_fix(fix()),
                );
            }
            Coverage::Missing | Coverage::Some(_) | Coverage::Unknown(_) => {}
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let pages = served::pages(live);
        let Some(first) = pages.first() else { return };
        // Browsers read several headers as one list.
        let said = |page: &Exchange| {
            let values: Vec<&str> =
                page.named("referrer-policy").map(|header| header.value.as_str()).collect();
            values.join(",")
        };
        if let Some((page, header)) = pages.iter().find_map(|page| {
            let policy = effective(&said(page));
            let is_bad = policy.is_none_or(is_leaking);
            page.header("referrer-policy").filter(|_| is_bad).map(|header| (page, header))
        }) {
            let message = match effective(&said(page)) {
                Some(policy) => format!("`{policy}` tells other sites where visitors come from"),
                None => format!("`{}` is no referrer policy", header.value),
            };
            let place = live.at(page, header, "sent here");
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            return out.fail(finding.with_fix(fix()));
        }
        let bare: Vec<&Exchange> = pages
            .iter()
            .copied()
            .filter(|page| {
                let page_text = page.page();
                page.header("referrer-policy").is_none()
                    && meta_element::content(&page_text, "name", "referrer").is_none()
            })
            .collect();
        if let Some((place, others)) = served::lacking(live, &bare, "no `Referrer-Policy`") {
            let message = "pages leave it to browsers what other sites learn of their addresses";
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(finding.with_trail(others).with_fix(fix()));
        } else if let Some(header) = first.header("referrer-policy") {
            out.support(OTHER_HEADERS, live.at(first, header, "pages carry a referrer policy"));
        }
    }
}

fn fix() -> Fix {
    Fix::advice("send `Referrer-Policy: strict-origin-when-cross-origin`")
}

/// The policy that counts: the last of a list that browsers know.
fn effective(text: &str) -> Option<&'static str> {
    const POLICIES: &[&str] = &[
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ];
    let known = |part: &str| POLICIES.iter().find(|policy| part.trim().eq_ignore_ascii_case(policy)).copied();
    text.split(',').filter_map(known).next_back()
}

fn is_leaking(policy: &str) -> bool {
    matches!(policy, "unsafe-url" | "no-referrer-when-downgrade" | "origin-when-cross-origin" | "origin")
}

/// Whether an address of the application holds a token, as links to reset a password do.
fn has_token_in_address(cx: &Context<'_>) -> bool {
    let routes = cx.app.map(|app| app.routes.as_slice()).unwrap_or_default();
    routes.iter().filter_map(|route| route.rule.as_str()).any(|rule| rule.contains("token>"))
}
