//! FS321: browsers send the session cookie over plain HTTP.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity,
};
use flaskseal_live::{Live, Purpose, hsts};
use flaskseal_project::Context;

use super::SECURE_COOKIE;
use crate::session_cookie::{self, Attribute};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(321),
    name: "insecure-session-cookie",
    summary: "The session cookie has no Secure attribute, so that browsers also send it over plain HTTP.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SECURE_COOKIE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[614],
    owasp: Some("A05"),
    asvs: &["V3.3.1"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs321_insecure_session_cookie.md"),
};

pub(crate) struct InsecureSessionCookie;

impl Rule for InsecureSessionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !session_cookie::is_used(cx, SECURE_COOKIE, out) {
            return;
        }
        let place = match session_cookie::secure(cx) {
            Attribute::Good(evidence) => return out.support(SECURE_COOKIE, evidence),
            Attribute::Unknown(gap) => return out.gap(SECURE_COOKIE, gap),
            Attribute::Bad(place) => place,
        };
        let mut primary = place.primary;
        let mut message = "the session cookie is not Secure".to_owned();
        if let Some((name, at)) = misspelt(cx) {
            primary = cx.evidence(at, "Flask does not read this key");
            message = format!("the session cookie is not Secure: `{name}` is not `SESSION_COOKIE_SECURE`");
        }
        let edits = place
            .value
            .at
            .filter(|at| cx.text(*at) == "False")
            .map(|span| Edit { span, replacement: "True".to_owned() });
        let fix = Fix {
            advice: "set `SESSION_COOKIE_SECURE = True` in the configuration that production loads"
                .to_owned(),
            // Over plain HTTP such a cookie is not sent back, and nobody stays logged in.
            applicability: Applicability::Unsafe,
            edits: edits.into_iter().collect(),
        };
        let finding = Finding::new(META.id, META.severity, META.confidence, primary, message);
        out.fail(finding.with_trail(place.trail).with_fix(fix));
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.is_session(starts)) {
            // A site without TLS has another problem first.
            if !seen.answer.is_https() {
                continue;
            }
            if seen.cookie.secure {
                let claim = format!("`{}` is Secure", seen.cookie.name);
                out.support(SECURE_COOKIE, live.at(seen.answer, seen.header, claim));
                continue;
            }
            let hsts = seen.answer.value("strict-transport-security").and_then(hsts::Policy::parse);
            let serves_http =
                live.of(Purpose::Plain).any(|answer| answer.status < 400 && !answer.is_redirect());
            let severity = match hsts {
                Some(policy) if policy.max_age > 0 && policy.include_subdomains => Severity::Low,
                None if serves_http => Severity::High,
                _ => META.severity,
            };
            let place = live.at(seen.answer, seen.header, "without `Secure`");
            let message =
                format!("`{}` is not Secure: browsers send it over plain HTTP too", seen.cookie.name);
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(
                finding
                    .with_scope(&*seen.cookie.name)
                    .with_fix(Fix::advice("set `SESSION_COOKIE_SECURE = True`")),
            );
        }
    }
}

/// A key that somebody took for the right one.
fn misspelt<'p>(cx: &Context<'p>) -> Option<(&'p str, flaskseal_core::Span)> {
    cx.app?.settings.iter().find_map(|setting| {
        let is_close = matches!(
            setting.name.to_ascii_uppercase().replace('_', "").as_str(),
            "SESSIONCOOKIESECURE"
                | "SESSIONCOOKIESSECURE"
                | "SESSIONSECURE"
                | "SESSIONCOOKIESECURED"
                | "SESSIONSCOOKIESECURE"
                | "COOKIESECURE"
        ) && &*setting.name != "SESSION_COOKIE_SECURE";
        let at = setting.written.first().filter(|_| is_close)?;
        Some((&*setting.name, setting.value.at.unwrap_or(*at)))
    })
}
