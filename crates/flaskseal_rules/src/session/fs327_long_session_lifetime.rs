//! FS327: sessions outlive the policy.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};

use super::BOUNDED_SESSION;
use crate::Rule;
use crate::identity;
use crate::served;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(327),
    name: "long-session-lifetime",
    summary: "Sessions, or the cookies that renew them, live longer than the policy allows.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[BOUNDED_SESSION],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[613],
    owasp: Some("A07"),
    asvs: &["V7.3.1", "V7.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs327_long_session_lifetime.md"),
};

/// The policy where none is given (catalogue, C3.6).
const DEFAULT_HOURS: u32 = 24;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
/// Flask's default, `PERMANENT_SESSION_LIFETIME`.
const FLASK_DEFAULT: f64 = 31.0 * DAY;

pub(crate) struct LongSessionLifetime;

impl Rule for LongSessionLifetime {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let hours = live.site.terms.session_lifetime_hours.unwrap_or(DEFAULT_HOURS);
        let policy = f64::from(hours) * HOUR;
        for seen in served::cookies(live) {
            let Some(seconds) = seen.cookie.lifetime(seen.answer.value("date")) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "days are shown")]
            let lifetime = seconds as f64;
            let (allowed, severity) = if seen.is_session(starts) {
                let severity = if lifetime > FLASK_DEFAULT { Severity::Medium } else { Severity::Low };
                (policy, severity)
            } else if seen.bare_name() == "remember_token" {
                (policy.max(FLASK_DEFAULT), Severity::Low)
            } else {
                continue;
            };
            // Seconds pass between the cookie and the header.
            if lifetime <= allowed + 60.0 {
                continue;
            }
            let message = format!(
                "browsers keep `{}` for {}, and the policy allows {}",
                seen.cookie.name,
                shown(lifetime),
                shown(allowed)
            );
            let place = live.at(seen.answer, seen.header, "set so by the running site");
            out.fail(
                Finding::new(META.id, severity, Confidence::Certain, place, message)
                    .with_scope(&*seen.cookie.name)
                    .with_fix(Fix::advice("set `PERMANENT_SESSION_LIFETIME`, or `REMEMBER_COOKIE_DURATION`")),
            );
        }
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !session_cookie::is_used(cx, BOUNDED_SESSION, out) {
            return;
        }
        let policy = f64::from(cx.project.session_lifetime_hours) * HOUR;
        check_remembered(cx, policy, out);
        let Some(permanent) = made_permanent(cx) else {
            let claim = "sessions are never made permanent: they end with the browser";
            return out.support(BOUNDED_SESSION, Evidence::general(Layer::Source, claim));
        };
        let name = "PERMANENT_SESSION_LIFETIME";
        let value = cx.setting_by_default(name);
        let Some(lifetime) = seconds(&value) else {
            let at = cx.setting(name).and_then(|setting| setting.written.first().copied());
            let gap = Gap::new(
                format!("the value of `{name}` is not known"),
                "give production's variables with `--env-file FILE`",
            );
            return out.gap(BOUNDED_SESSION, Gap { span: at, ..gap });
        };
        if lifetime <= policy {
            let claim = format!("sessions live {}", shown(lifetime));
            return out.support(BOUNDED_SESSION, session_cookie::written(cx, name, claim));
        }
        if let Some(file) = set_while_serving(cx) {
            let reason = format!("`{file}` sets the lifetime while requests are served");
            return out.gap(
                BOUNDED_SESSION,
                Gap::new(reason, "set `PERMANENT_SESSION_LIFETIME` in the configuration"),
            );
        }
        let severity = if lifetime > FLASK_DEFAULT { Severity::Medium } else { Severity::Low };
        let place = session_cookie::place(cx, name, value);
        let is_set = cx.setting(name).is_some_and(|setting| !setting.written.is_empty());
        let mut trail = place.trail;
        let primary = if is_set {
            trail.push(cx.evidence(permanent.span, "sessions are made permanent here"));
            place.primary
        } else {
            cx.evidence(permanent.span, "made permanent here, and nothing sets `PERMANENT_SESSION_LIFETIME`")
        };
        let message = format!("sessions live {}, and the policy allows {}", shown(lifetime), shown(policy));
        let advice = format!("set `PERMANENT_SESSION_LIFETIME` to {} or less", shown(policy));
        out.fail(
            Finding::new(META.id, severity, META.confidence, primary, message)
                .with_trail(trail)
                .with_fix(Fix::advice(advice)),
        );
    }
}

/// A file that assigns the lifetime, where the start does not: a hook does it.
fn set_while_serving<'p>(cx: &Context<'p>) -> Option<&'p str> {
    let is_set = cx.setting("PERMANENT_SESSION_LIFETIME").is_some_and(|setting| !setting.written.is_empty());
    let assigns = |text: &str| {
        text.match_indices("permanent_session_lifetime").any(|(at, name)| {
            let rest = text.get(at + name.len()..).unwrap_or_default().trim_start();
            rest.starts_with('=') && !rest.starts_with("==")
        })
    };
    let mut files = cx.evaluation.loaded.iter().map(|id| cx.project.tree.file(*id));
    files.find(|file| !is_set && assigns(&file.text)).map(|file| &*file.path)
}

/// What makes sessions permanent: an assignment, or Flask-Session, which does it unless told otherwise.
fn made_permanent<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    let assigned = cx.calls("session.set-attribute").find(|call| {
        call.positional.first().and_then(Fact::as_str) == Some("permanent")
            && call.positional.get(1).is_some_and(|value| value.by_default().truth() != Some(false))
    });
    assigned.or_else(|| {
        let is_permanent = !matches!(cx.setting_by_default("SESSION_PERMANENT").truth(), Some(false));
        cx.calls("session.store").find(|call| call.context == When::Start).filter(|_| is_permanent)
    })
}

/// Flask-Login's remember-me cookie lives for a year unless told otherwise.
fn check_remembered(cx: &Context<'_>, policy: f64, out: &mut Assessment) {
    let Some(login) = identity::remembering_login(cx) else { return };
    let name = "REMEMBER_COOKIE_DURATION";
    let value = cx.setting_by_default(name);
    let duration = match value.kind {
        FactKind::Absent => 365.0 * DAY,
        _ => match seconds(&value) {
            Some(seconds) => seconds,
            None => return,
        },
    };
    // A remembered login is meant to outlive the session: a month passes.
    if duration <= policy.max(FLASK_DEFAULT) {
        return;
    }
    let primary = match cx.setting(name).and_then(|setting| setting.written.first()) {
        Some(at) => cx.evidence(value.at.unwrap_or(*at), "set here"),
        None => cx.evidence(login.span, "remembered here, and nothing sets `REMEMBER_COOKIE_DURATION`"),
    };
    let message = format!("a remembered login lasts {}", shown(duration));
    out.fail(
        Finding::new(META.id, Severity::Low, META.confidence, primary, message)
            .with_fix(Fix::advice("set `REMEMBER_COOKIE_DURATION` to what the policy allows")),
    );
}

/// A duration in seconds: a `timedelta`, or a number of them.
fn seconds(value: &Fact) -> Option<f64> {
    match &value.kind {
        FactKind::Int(value) => i32::try_from(*value).ok().map(f64::from).or(Some(f64::from(i32::MAX))),
        FactKind::Float(value) => Some(*value),
        FactKind::Instance(class, attributes) if class.is("datetime.timedelta") => {
            attributes.iter().find(|(name, _)| &**name == "@seconds").and_then(|(_, value)| seconds(value))
        }
        _ => None,
    }
}

fn shown(seconds: f64) -> String {
    if seconds >= 2.0 * DAY {
        format!("{:.0} days", seconds / DAY)
    } else {
        let hours = seconds / HOUR;
        format!("{hours:.0} hour{}", if (0.5..1.5).contains(&hours) { "" } else { "s" })
    }
}
