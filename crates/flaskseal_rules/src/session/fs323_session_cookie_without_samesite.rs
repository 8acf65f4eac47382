//! FS323: the session cookie goes along with requests from other sites.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity,
};
use flaskseal_live::{Live, SameSite};
use flaskseal_project::Context;
use flaskseal_project::semantic::FactKind;

use super::SAME_SITE_COOKIE;
use crate::session_cookie::{self, Attribute};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(323),
    name: "session-cookie-without-samesite",
    summary: "The session cookie has no SameSite attribute, or one that lets it go along with requests from other sites.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SAME_SITE_COOKIE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[1275],
    owasp: Some("A01"),
    asvs: &["V3.3.2"],
    fix: FixAvailability::Safe,
    page: include_str!("fs323_session_cookie_without_samesite.md"),
};

pub(crate) struct SessionCookieWithoutSamesite;

impl Rule for SessionCookieWithoutSamesite {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !session_cookie::is_used(cx, SAME_SITE_COOKIE, out) {
            return;
        }
        let place = match session_cookie::same_site(cx) {
            Attribute::Good(evidence) => return out.support(SAME_SITE_COOKIE, evidence),
            Attribute::Unknown(gap) => return out.gap(SAME_SITE_COOKIE, gap),
            Attribute::Bad(place) => place,
        };
        let message = match (&place.value.kind, place.value.as_str()) {
            (FactKind::None | FactKind::Absent, _) => "the session cookie has no SameSite",
            (_, Some(text)) if text.eq_ignore_ascii_case("none") => {
                if matches!(session_cookie::secure(cx), Attribute::Bad(_)) {
                    "the session cookie has SameSite=None without Secure, and browsers reject it"
                } else {
                    "the session cookie has SameSite=None: it goes along with requests from every site"
                }
            }
            _ => "`SESSION_COOKIE_SAMESITE` is neither `Lax` nor `Strict`, and sending the cookie fails",
        };
        let is_literal = matches!(place.value.kind, FactKind::Str(_) | FactKind::None | FactKind::Bool(_));
        let edits = place.value.at.filter(|at| {
            is_literal && (matches!(cx.text(*at), "None" | "False") || cx.text(*at).starts_with(['"', '\'']))
        });
        let fix = Fix {
            advice: "set `SESSION_COOKIE_SAMESITE = \"Lax\"`".to_owned(),
            applicability: Applicability::Safe,
            edits: edits.map(|span| Edit { span, replacement: "\"Lax\"".to_owned() }).into_iter().collect(),
        };
        let finding = Finding::new(META.id, META.severity, META.confidence, place.primary, message);
        out.fail(finding.with_trail(place.trail).with_fix(fix));
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.is_session(starts)) {
            let name = &seen.cookie.name;
            let message = match seen.cookie.same_site {
                Some(SameSite::Lax | SameSite::Strict) => {
                    let claim = format!("`{name}` has SameSite");
                    out.support(SAME_SITE_COOKIE, live.at(seen.answer, seen.header, claim));
                    continue;
                }
                Some(SameSite::None) if seen.cookie.secure => {
                    format!("`{name}` has SameSite=None: it goes along with requests from every site")
                }
                Some(SameSite::None) => {
                    format!("`{name}` has SameSite=None without Secure, and browsers reject it")
                }
                None => format!("`{name}` has no SameSite"),
            };
            let place = live.at(seen.answer, seen.header, "browsers differ in what they make of it");
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(
                finding.with_scope(&**name).with_fix(Fix::advice("set `SESSION_COOKIE_SAMESITE = \"Lax\"`")),
            );
        }
    }
}
