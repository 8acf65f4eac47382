//! FS322: scripts may read the session cookie.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;

use super::HTTP_ONLY_COOKIE;
use crate::session_cookie::{self, Attribute};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(322),
    name: "script-readable-session-cookie",
    summary: "HttpOnly is turned off for the session cookie, so that any script of the page can read it.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[HTTP_ONLY_COOKIE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[1004],
    owasp: Some("A05"),
    asvs: &["V3.3.4"],
    fix: FixAvailability::Safe,
    page: include_str!("fs322_script_readable_session_cookie.md"),
};

pub(crate) struct ScriptReadableSessionCookie;

impl Rule for ScriptReadableSessionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !session_cookie::is_used(cx, HTTP_ONLY_COOKIE, out) {
            return;
        }
        let place = match session_cookie::http_only(cx) {
            Attribute::Good(evidence) => return out.support(HTTP_ONLY_COOKIE, evidence),
            Attribute::Unknown(gap) => return out.gap(HTTP_ONLY_COOKIE, gap),
            Attribute::Bad(place) => place,
        };
        let confidence = if cx.entry.guessed { Confidence::Firm } else { META.confidence };
        let edits = place
            .value
            .at
            .filter(|at| cx.text(*at) == "False")
            .map(|span| Edit { span, replacement: "True".to_owned() });
        let fix = Fix {
            advice: "leave `SESSION_COOKIE_HTTPONLY` out: it is on by default".to_owned(),
            applicability: Applicability::Safe,
            edits: edits.into_iter().collect(),
        };
        let message = "`SESSION_COOKIE_HTTPONLY` is off, so scripts can read the session cookie";
        let finding = Finding::new(META.id, META.severity, confidence, place.primary, message);
        out.fail(finding.with_trail(place.trail).with_fix(fix));
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.is_session(starts)) {
            if seen.cookie.http_only {
                let claim = format!("`{}` is HttpOnly", seen.cookie.name);
                out.support(HTTP_ONLY_COOKIE, live.at(seen.answer, seen.header, claim));
                continue;
            }
            let place = live.at(seen.answer, seen.header, "without `HttpOnly`");
            let message = format!("scripts can read `{}`", seen.cookie.name);
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            out.fail(
                finding
                    .with_scope(&*seen.cookie.name)
                    .with_fix(Fix::advice("leave `SESSION_COOKIE_HTTPONLY` out: it is on by default")),
            );
        }
    }
}
