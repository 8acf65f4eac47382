//! FS331: a cookie that an extension sets keeps insecure defaults.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::fs329_insecure_app_cookie::listed;
use super::{HTTP_ONLY_COOKIE, SAME_SITE_COOKIE, SECURE_COOKIE};
use crate::identity;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(331),
    name: "insecure-extension-cookie",
    summary: "The remember-me or token cookie of an extension keeps insecure defaults.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SECURE_COOKIE, HTTP_ONLY_COOKIE, SAME_SITE_COOKIE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[614, 1275],
    owasp: Some("A05"),
    asvs: &["V3.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs331_insecure_extension_cookie.md"),
};

pub(crate) struct InsecureExtensionCookie;

impl Rule for InsecureExtensionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if let Some(login) = identity::remembering_login(cx) {
            let place = cx.evidence(login.span, "the login may be remembered");
            judge(cx, "the remember-me cookie", "REMEMBER_COOKIE", true, place, out);
        }
        if let Some(place) = token_cookies(cx) {
            judge(cx, "the JWT cookie", "JWT_COOKIE", false, place, out);
        }
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.answer.is_https()) {
            let name = seen.bare_name().to_ascii_lowercase();
            if seen.is_session(starts) || !served::is_of_extension(&name) {
                continue;
            }
            // The token that a form sends back is read by scripts.
            let is_for_scripts = name.starts_with("csrf");
            let mut missing = Vec::new();
            if !seen.cookie.secure {
                missing.push("Secure");
            }
            if !is_for_scripts && !seen.cookie.http_only {
                missing.push("HttpOnly");
            }
            if missing.is_empty() {
                continue;
            }
            let message = format!("the cookie `{}` lacks {}", seen.cookie.name, missing.join(", "));
            let place = live.at(seen.answer, seen.header, "the default of the extension");
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(
                finding.with_scope(&*seen.cookie.name).with_fix(Fix::advice(
                    "set `REMEMBER_COOKIE_SECURE = True`, or `JWT_COOKIE_SECURE = True`",
                )),
            );
        }
    }
}

/// Judges the settings of one cookie, `{prefix}_SECURE` and its kin. Flask-JWT-Extended has no setting that turns
/// HttpOnly of its access cookie off.
fn judge(
    cx: &Context<'_>,
    what: &str,
    prefix: &str,
    has_http_only: bool,
    used: Evidence,
    out: &mut Assessment,
) {
    let secure = format!("{prefix}_SECURE");
    let http_only = format!("{prefix}_HTTPONLY");
    let same_site = format!("{prefix}_SAMESITE");
    let mut missing = Vec::new();
    let mut severity = Severity::Low;
    let mut names = Vec::new();
    if is_off(&cx.setting_by_default(&secure)) {
        missing.push("Secure");
        names.push(&secure);
        severity = META.severity;
    }
    // On by default.
    if has_http_only && cx.setting_by_default(&http_only).truth() == Some(false) {
        missing.push("HttpOnly");
        names.push(&http_only);
        severity = META.severity;
    }
    if is_off(&cx.setting_by_default(&same_site)) {
        missing.push("SameSite");
        names.push(&same_site);
    }
    if missing.is_empty() {
        return;
    }
    // A setting that says so is a better place than the use.
    let written = names.iter().find_map(|name| {
        let setting = cx.setting(name)?;
        Some(cx.evidence(setting.value.at.unwrap_or(*setting.written.first()?), "set here"))
    });
    let (primary, trail) = match written {
        Some(written) => (written, Some(used)),
        None => (used, None),
    };
    let wanted: Vec<String> = names
        .iter()
        .map(|name| {
            if name.ends_with("SAMESITE") {
                format!("`{name} = \"Lax\"`")
            } else {
                format!("`{name} = True`")
            }
        })
        .collect();
    let message = format!("{what} has no {}", listed(&missing));
    out.fail(Finding::new(META.id, severity, META.confidence, primary, message).with_trail(trail).with_fix(
        Fix::advice(format!("set {} in the configuration that production loads", wanted.join(", "))),
    ));
}

fn is_off(value: &Fact) -> bool {
    matches!(value.kind, FactKind::Absent | FactKind::None) || value.truth() == Some(false)
}

/// Where the application says that its JWTs travel in cookies.
fn token_cookies(cx: &Context<'_>) -> Option<Evidence> {
    let name = "JWT_TOKEN_LOCATION";
    let location = cx.setting_by_default(name);
    let says_cookies = |fact: &Fact| fact.as_str() == Some("cookies");
    let in_cookies = match &location.kind {
        FactKind::Sequence { items, .. } => items.iter().any(says_cookies),
        _ => says_cookies(&location),
    };
    if !in_cookies {
        return None;
    }
    let at = cx.setting(name)?.written.first()?;
    Some(cx.evidence(location.at.unwrap_or(*at), "tokens travel in cookies"))
}
