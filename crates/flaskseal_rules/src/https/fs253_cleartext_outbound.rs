//! FS253: credentials or data leave for everybody to read.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::VERIFIED_PEERS;
use super::outbound::{host, is_private, known_prefix, requests};
use crate::code::words;
use crate::reach::Reach;
use crate::{Rule, session_cookie};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(253),
    name: "cleartext-outbound",
    summary: "Credentials or data leave over a connection that is not encrypted.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[VERIFIED_PEERS],
    layers: &[Layer::Source],
    cwe: &[319],
    owasp: Some("A02"),
    asvs: &["V12.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs253_cleartext_outbound.md"),
};

pub(crate) struct CleartextOutbound;

impl Rule for CleartextOutbound {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = Vec::new();
        for (call, url) in requests(cx) {
            let Some(prefix) = url.and_then(known_prefix) else { continue };
            if !prefix.to_ascii_lowercase().starts_with("http://")
                || is_private(host(&prefix))
                || seen.contains(&call.span)
            {
                continue;
            }
            seen.push(call.span);
            let has_secret = carries_credentials(call) || prefix.contains('@');
            let severity = if has_secret { META.severity } else { Severity::Low };
            let what = if has_secret { "credentials are" } else { "data is" };
            let message = format!("{what} sent to `{}` over plain HTTP", host(&prefix));
            report(cx, call, severity, message, out);
        }
        logins(cx, out);
        mail(cx, out);
        for name in [
            "SQLALCHEMY_DATABASE_URI",
            "REDIS_URL",
            "CELERY_BROKER_URL",
            "BROKER_URL",
            "MONGO_URI",
            "CACHE_REDIS_URL",
        ] {
            let value = cx.setting_by_default(name);
            if let Some((severity, message)) = value.as_str().and_then(store) {
                let place = session_cookie::place(cx, name, value);
                out.fail(Finding::new(META.id, severity, META.confidence, place.primary, message).with_fix(
                    Fix::advice("use the scheme with TLS: `sslmode=verify-full`, `rediss://`, `amqps://`"),
                ));
            }
        }
    }
}

/// Log-ins of mail, FTP and their like, without a word of TLS before.
fn logins(cx: &Context<'_>, out: &mut Assessment) {
    let reach = Reach::new(cx);
    let connects: Vec<&Event> = cx.calls("cleartext.connect").collect();
    let mut seen = Vec::new();
    for call in cx.calls("cleartext.login") {
        if seen.contains(&call.span) {
            continue;
        }
        seen.push(call.span);
        let connect = connects
            .iter()
            .find(|connect| connect.function == call.function && connect.span.file == call.span.file);
        let target = connect.and_then(|connect| connect.argument(0, "host")).and_then(known_prefix);
        if target.as_deref().is_some_and(|target| !target.is_empty() && is_private(host(target))) {
            continue;
        }
        let is_encrypted = call.function.is_some_and(|function| {
            reach.mentions(function).any_name(&[
                "starttls",
                "stls",
                "SMTP_SSL",
                "IMAP4_SSL",
                "POP3_SSL",
                "FTP_TLS",
                "auth_tls",
                "prot_p",
            ])
        });
        if is_encrypted {
            continue;
        }
        let protocol =
            call.path.split(['.', '(']).nth(1).unwrap_or("it").trim_end_matches('4').trim_end_matches('3');
        report(cx, call, META.severity, format!("the password is sent over {protocol} without TLS"), out);
    }
    for call in connects.iter().filter(|call| call.path.starts_with("telnetlib.")) {
        let target = call.argument(0, "host").and_then(known_prefix).unwrap_or_default();
        if !is_private(host(&target)) {
            report(cx, call, META.severity, "Telnet encrypts nothing".to_owned(), out);
        }
    }
    for call in cx.calls("ldap.connect") {
        let Some(target) = call.positional.first().and_then(known_prefix) else { continue };
        let is_plain = target.starts_with("ldap://") && !is_private(host(&target));
        let has_tls = call
            .function
            .is_some_and(|function| reach.mentions(function).any_name(&["start_tls_s", "start_tls"]));
        if is_plain && !has_tls {
            report(
                cx,
                call,
                META.severity,
                format!("the password goes to `{}` without TLS", host(&target)),
                out,
            );
        }
    }
}

/// Flask-Mail with a password and without TLS.
fn mail(cx: &Context<'_>, out: &mut Assessment) {
    let is_used = ["flask-mail", "flask-mailman", "flask-security", "flask-security-too"]
        .iter()
        .any(|name| cx.project.installs(name));
    let is_off = |name: &str| {
        let value = cx.setting_by_default(name);
        matches!(value.kind, FactKind::Absent | FactKind::None) || value.truth() == Some(false)
    };
    let password = cx.setting_by_default("MAIL_PASSWORD");
    let server = cx.setting_by_default("MAIL_SERVER");
    let is_local = server.as_str().is_none_or(|server| is_private(host(server)));
    if is_used
        && !is_local
        && is_off("MAIL_USE_TLS")
        && is_off("MAIL_USE_SSL")
        && !matches!(password.kind, FactKind::Absent | FactKind::None)
    {
        let place = session_cookie::place(cx, "MAIL_SERVER", server);
        let message =
            "mail is sent, with its password, without TLS: `MAIL_USE_TLS` and `MAIL_USE_SSL` are off";
        out.fail(
            Finding::new(META.id, META.severity, META.confidence, place.primary, message)
                .with_fix(Fix::advice("set `MAIL_USE_TLS = True` and `MAIL_PORT = 587`")),
        );
    }
}

fn report(cx: &Context<'_>, call: &Event, severity: Severity, message: String, out: &mut Assessment) {
    out.fail(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            cx.evidence(call.span, "everybody on the way can read it"),
            message,
        )
        .with_scope(&*call.scope)
        .with_fix(Fix::advice("use the protocol over TLS: `https://`, `starttls()` before the log-in")),
    );
}

/// Whether a request carries something secret: `auth=`, a header or a field of that name.
fn carries_credentials(call: &Event) -> bool {
    const SECRETS: &[&str] =
        &["apikey", "auth", "authorization", "credential", "key", "passwd", "password", "secret", "token"];
    let names_secret = |fact: &Fact| match &fact.kind {
        FactKind::Dict { entries, .. } => entries
            .iter()
            .filter_map(|(key, _)| key.as_str())
            .any(|key| words(key).iter().any(|word| SECRETS.contains(&word.as_str()))),
        _ => false,
    };
    call.keywords.iter().any(|(name, value)| {
        name.as_str() == "auth" && !matches!(value.kind, FactKind::None)
            || matches!(name.as_str(), "headers" | "json" | "data" | "params" | "cookies")
                && names_secret(value)
    })
}

/// What is wrong with the address of a database or a broker on another network.
fn store(address: &str) -> Option<(Severity, String)> {
    let (scheme, rest) = address.split_once("://")?;
    let host = host(address);
    if host.is_empty() || is_private(host) {
        return None;
    }
    let lower = address.to_ascii_lowercase();
    let is_plain = match scheme.split('+').next().unwrap_or(scheme) {
        "postgres" | "postgresql" => !["sslmode=require", "sslmode=verify", "ssl=true", "sslrootcert"]
            .iter()
            .any(|mark| lower.contains(mark)),
        "redis" | "amqp" => true,
        "mongodb" => !["tls=true", "ssl=true"].iter().any(|mark| lower.contains(mark)),
        _ => return None,
    };
    if !is_plain {
        return None;
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let severity = if has_password { META.severity } else { Severity::Low };
    Some((severity, format!("`{host}` is asked without TLS")))
}
