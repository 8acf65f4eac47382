//! FS325: more hosts than the application's get the session cookie.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, Refusal, is_public_suffix};
use flaskseal_project::Context;
use flaskseal_project::semantic::FactKind;

use super::BOUNDED_SESSION;
use crate::session_cookie;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(325),
    name: "broad-session-cookie",
    summary: "The session cookie is valid for more hosts than the application's own.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[BOUNDED_SESSION],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[1275, 668],
    owasp: Some("A01"),
    asvs: &["V3.3.3"],
    fix: FixAvailability::None,
    page: include_str!("fs325_broad_session_cookie.md"),
};

pub(crate) struct BroadSessionCookie;

impl Rule for BroadSessionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !session_cookie::is_used(cx, BOUNDED_SESSION, out) {
            return;
        }
        let mut name = "SESSION_COOKIE_DOMAIN";
        let mut value = cx.setting_by_default(name);
        let derives = cx.project.flask_version().is_some_and(|version| version < (2, 3));
        if derives && matches!(value.kind, FactKind::None | FactKind::Absent) {
            // Flask made the cookie's domain from the server's name, except for names that browsers refuse.
            name = "SERVER_NAME";
            value = cx.setting_by_default(name);
            let is_host = value.as_str().is_some_and(|text| {
                let host = text.split(':').next().unwrap_or_default();
                host.contains('.') && host.parse::<std::net::Ipv4Addr>().is_err()
            });
            if !is_host {
                return support(out);
            }
        }
        let (severity, confidence, message) = match (&value.kind, value.as_str()) {
            (FactKind::None | FactKind::Absent | FactKind::Bool(false), _) | (_, Some("")) => {
                return support(out);
            }
            (FactKind::Str(_), Some(text)) => {
                let domain = text.trim_start_matches('.').split(':').next().unwrap_or_default();
                if is_public_suffix(&domain.to_ascii_lowercase()) {
                    let message = format!("browsers refuse a session cookie for `{domain}`, a public suffix");
                    (Severity::Medium, Confidence::Firm, message)
                } else {
                    let message = format!("every host below `{domain}` gets the session cookie");
                    (Severity::Low, Confidence::Firm, message)
                }
            }
            (FactKind::Str(_), None) => (
                Severity::Low,
                Confidence::Tentative,
                "every host below the session cookie's domain gets it".to_owned(),
            ),
            // Not known: no evidence for either.
            _ => return,
        };
        let place = session_cookie::place(cx, name, value);
        out.fail(
            Finding::new(META.id, severity, confidence, place.primary, message)
                .with_trail(place.trail)
                .with_fix(Fix::advice(
                    "leave `SESSION_COOKIE_DOMAIN` out: the cookie then belongs to its own host alone",
                )),
        );
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.is_session(starts)) {
            let name = &seen.cookie.name;
            let (severity, message, advice) = match (seen.refusal, &seen.cookie.domain) {
                // Other rules say that it is sent over plain HTTP, or that it is not Secure.
                (
                    Some(Refusal::InsecureOrigin | Refusal::InsecureCrossSite | Refusal::InsecurePartition),
                    _,
                ) => continue,
                (Some(refusal), _) => {
                    let message = format!("browsers refuse `{name}`: {refusal}");
                    (
                        Severity::Medium,
                        message,
                        "leave `SESSION_COOKIE_DOMAIN` out, and keep what the name promises",
                    )
                }
                (None, Some(domain))
                    if seen.answer.url.host_str() != Some(domain) || !is_public_suffix(domain) =>
                {
                    let message = format!("every host below `{domain}` gets `{name}`");
                    (META.severity, message, "leave `SESSION_COOKIE_DOMAIN` out")
                }
                (None, _) => {
                    let claim = format!("`{name}` is for this host alone");
                    out.support(BOUNDED_SESSION, live.at(seen.answer, seen.header, claim));
                    continue;
                }
            };
            let place = live.at(seen.answer, seen.header, "set so by the running site");
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(finding.with_scope(&**name).with_fix(Fix::advice(advice)));
        }
    }
}

fn support(out: &mut Assessment) {
    out.support(
        BOUNDED_SESSION,
        Evidence::general(Layer::Source, "the session cookie belongs to its own host alone"),
    );
}
