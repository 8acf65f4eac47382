//! FS334: confidential data lies readable in the session cookie.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::{SESSION_STORAGE, coverage};
use crate::Rule;
use crate::identity;
use crate::session_cookie::{self, Store};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(334),
    name: "sensitive-data-in-client-session",
    summary: "Confidential data is stored in Flask's default session, which is signed but readable.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SESSION_STORAGE],
    layers: &[Layer::Source],
    cwe: &[315, 539],
    owasp: Some("A05"),
    asvs: &["V14.3.3"],
    fix: FixAvailability::None,
    page: include_str!("fs334_sensitive_data_in_client_session.md"),
};

pub(crate) struct SensitiveDataInClientSession;

impl Rule for SensitiveDataInClientSession {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        coverage::support_by_coverage(cx, SESSION_STORAGE, out);
        if session_cookie::store(cx) != Store::Cookie {
            return;
        }
        let mut seen = Vec::new();
        for write in identity::writes(cx) {
            let Some(what) = sensitive(write.key.unwrap_or_default(), write.value) else { continue };
            if seen.contains(&write.call.span) || is_reference(cx, &write) {
                continue;
            }
            seen.push(write.call.span);
            let place =
                cx.evidence(write.call.span, "the browser's owner, and whoever gets the cookie, can read it");
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    format!("{what} is stored in the session cookie"),
                )
                .with_scope(&*write.call.scope)
                .with_fix(Fix::advice(
                    "keep it on the server, and store only a reference to it in the session",
                )),
            );
        }
    }
}

/// `session["otp"] = token`: by its name, the value only refers to what the key says.
fn is_reference(cx: &Context<'_>, write: &identity::Write<'_>) -> bool {
    let Some(key) = write.key.filter(|key| !key.contains("token")) else { return false };
    let at = write.call.span;
    let text = &cx.project.tree.file(at.file).text;
    let line = text.get(at.range.start as usize..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let Some((target, value)) = line.split_once('=') else { return false };
    let value = value.split('#').next().unwrap_or_default().trim();
    let is_name =
        value.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '.'));
    target.contains(key)
        && is_name
        && identity::words(value).last().is_some_and(|last| {
            matches!(last.as_str(), "token" | "id" | "ref" | "reference" | "handle" | "encrypted")
        })
}

/// What is confidential about a session entry, by its key or by where its value comes from.
fn sensitive(key: &str, value: &Fact) -> Option<String> {
    let is_marker = match &value.kind {
        FactKind::None | FactKind::Bool(_) | FactKind::SomeBool | FactKind::Absent => true,
        _ => value.as_str() == Some(""),
    };
    if is_marker {
        return None;
    }
    let paths = identity::paths(value);
    if paths.iter().any(|path| is_password_field(path)) {
        return Some("a password".to_owned());
    }
    if paths.iter().any(|path| path.ends_with(".__dict__")) {
        return Some("a whole database record".to_owned());
    }
    let words = identity::words(key);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_token_of_others =
        paths.iter().any(|path| path.contains("authorize_access_token()") || path.contains("fetch_token()"));
    if words.last() == Some(&"token") && is_token_of_others {
        return Some(format!("`{key}`, a token of another service,"));
    }
    is_sensitive_name(&words).then(|| format!("`{key}`"))
}

fn is_password_field(path: &str) -> bool {
    if path.starts_with("wtforms.") && path.contains("PasswordField().data") {
        return true;
    }
    let field = path.strip_prefix("flask.request.").and_then(|rest| rest.split('"').nth(1));
    field.is_some_and(|field| {
        matches!(
            identity::words(field).last().map(String::as_str),
            Some("password" | "passwd" | "pwd" | "pass")
        )
    })
}

fn is_sensitive_name(words: &[&str]) -> bool {
    // A fact about the thing is not the thing.
    const ABOUT: &[&str] = &[
        "at",
        "attempts",
        "bad",
        "changed",
        "count",
        "csrf",
        "enabled",
        "error",
        "errors",
        "expires",
        "expiry",
        "failed",
        "forgot",
        "forgotten",
        "has",
        "id",
        "ids",
        "incorrect",
        "invalid",
        "is",
        "last4",
        "length",
        "masked",
        "method",
        "missing",
        "mode",
        "name",
        "needs",
        "page",
        "policy",
        "prompt",
        "requested",
        "required",
        "reset",
        "sent",
        "set",
        "state",
        "step",
        "time",
        "timestamp",
        "tries",
        "type",
        "url",
        "verified",
        "wrong",
        "xsrf",
    ];
    const SECRET: &[&str] = &[
        "apikey",
        "captcha",
        "cardnumber",
        "creditcard",
        "cvc",
        "cvv",
        "iban",
        "otp",
        "passphrase",
        "passwd",
        "password",
        "privatekey",
        "pwd",
        "rrn",
        "secretkey",
        "ssn",
        "totp",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "oauthtoken",
        "pincode",
    ];
    const PAIRS: &[(&str, &str)] = &[
        ("access", "token"),
        ("api", "key"),
        ("api", "secret"),
        ("api", "token"),
        ("auth", "token"),
        ("bank", "account"),
        ("bearer", "token"),
        ("card", "number"),
        ("client", "secret"),
        ("credit", "card"),
        ("encryption", "key"),
        ("github", "token"),
        ("google", "token"),
        ("mfa", "secret"),
        ("id", "token"),
        ("oauth", "token"),
        ("passport", "number"),
        ("pin", "code"),
        ("private", "key"),
        ("refresh", "token"),
        ("secret", "key"),
        ("security", "code"),
        ("slack", "token"),
        ("spotify", "token"),
        ("token", "secret"),
        ("twitter", "token"),
    ];
    if words.iter().any(|word| SECRET.contains(word)) {
        return !words.iter().any(|word| ABOUT.contains(word));
    }
    let about = words.last().is_some_and(|last| ABOUT.contains(last));
    !about && words.windows(2).any(|pair| PAIRS.contains(&(pair[0], pair[1])))
}
