//! FS251: whoever answers is believed.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;

use flaskseal_project::semantic::{Event, Fact, FactKind, VariableValue};

use super::VERIFIED_PEERS;
use super::outbound::{host, is_private, known_prefix, requests};
use crate::Rule;
use crate::session::coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(251),
    name: "disabled-peer-verification",
    summary: "An outgoing connection does not check whom it talks to.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[VERIFIED_PEERS],
    layers: &[Layer::Source],
    cwe: &[295, 322],
    owasp: Some("A07"),
    asvs: &["V12.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs251_disabled_peer_verification.md"),
};

pub(crate) struct DisabledPeerVerification;

impl Rule for DisabledPeerVerification {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found: Vec<(Span, Severity, String, &str)> = Vec::new();
        for (call, url) in requests(cx) {
            if let Some((at, what)) = switched_off(call) {
                let is_local = url
                    .and_then(known_prefix)
                    .is_some_and(|url| url.contains("://") && is_loopback(host(&url)));
                let severity = if is_local { Severity::Low } else { META.severity };
                found.push((at, severity, what, &call.scope));
            }
        }
        for call in cx.calls("tls.client") {
            if let Some((at, what)) = switched_off(call) {
                found.push((at, META.severity, what, &call.scope));
            }
        }
        for call in cx.calls("tls.unverified") {
            found.push((
                call.span,
                META.severity,
                "the context checks no certificate".to_owned(),
                &call.scope,
            ));
        }
        for call in cx.calls("tls.set-attribute") {
            if let Some((severity, what)) = attribute(call) {
                found.push((call.span, severity, what, &call.scope));
            }
        }
        for call in cx.calls("ssh.host-key-policy") {
            let policy = call.positional.first().and_then(Fact::as_path).unwrap_or_default();
            if policy.contains("AutoAddPolicy") || policy.contains("WarningPolicy") {
                found.push((call.span, META.severity, "every host key is accepted".to_owned(), &call.scope));
            }
        }
        for call in cx.calls("tls.context") {
            let old = call
                .positional
                .iter()
                .chain(call.keywords.iter().map(|(_, value)| value))
                .find_map(|value| value.as_path().filter(|path| is_old(path)));
            if let Some(old) = old {
                found.push((
                    call.span,
                    Severity::Medium,
                    format!("`{old}` is a protocol that is broken"),
                    &call.scope,
                ));
            }
        }
        for call in cx.calls("tls.ciphers") {
            let ciphers = call.positional.first().and_then(Fact::as_str).unwrap_or_default();
            if ciphers.contains("SECLEVEL=0") || ciphers.contains("aNULL") && !ciphers.contains("!aNULL") {
                found.push((
                    call.span,
                    Severity::Medium,
                    format!("`{ciphers}` lets weak ciphers in"),
                    &call.scope,
                ));
            }
        }
        for call in cx.calls("tls.default-context") {
            let has_context = call
                .keyword("context")
                .or_else(|| call.keyword("ssl_context"))
                .is_some_and(|context| !matches!(context.kind, FactKind::None));
            if !has_context && !call.open {
                let what = "without `context=` this module checks no certificate".to_owned();
                found.push((call.span, Severity::Low, what, &call.scope));
            }
        }
        if let Some(variable) = cx.entry.environment.get("PYTHONHTTPSVERIFY")
            && matches!(&variable.setting, VariableValue::Known(text) if &**text == "0")
            && let Some(at) = variable.span
        {
            found.push((at, META.severity, "`PYTHONHTTPSVERIFY=0` switches every check off".to_owned(), ""));
        }
        found.sort_by_key(|(at, ..)| *at);
        found.dedup_by_key(|(at, ..)| *at);
        if found.is_empty() {
            coverage::support_by_coverage(cx, VERIFIED_PEERS, out);
        }
        for (at, severity, what, scope) in found {
            out.fail(
                Finding::new(META.id, severity, META.confidence, cx.evidence(at, "anybody on the way may answer"), what)
                    .with_scope(scope)
                    .with_fix(Fix::advice("leave the check on; for a private authority pass its certificate: `verify=\"/path/ca.pem\"`")),
            );
        }
    }
}

/// The keyword that switches the check off, with what to say of it.
fn switched_off(call: &Event) -> Option<(Span, String)> {
    call.keywords.iter().find_map(|(name, value)| {
        let value = value.by_default();
        let is_none = |value: &Fact| {
            value.as_str() == Some("CERT_NONE")
                || value.as_path().is_some_and(|path| path.ends_with("CERT_NONE"))
        };
        let what = match name.as_str() {
            "verify" | "ssl" | "verify_ssl" | "ssl_verify" if value.as_bool() == Some(false) => {
                "the certificate of the server is not checked"
            }
            "assert_hostname" if value.as_bool() == Some(false) => {
                "the name in the certificate is not compared"
            }
            "cert_reqs" | "ssl_cert_reqs" | "validate" if is_none(&value) => {
                "the certificate of the server is not checked"
            }
            "tlsAllowInvalidCertificates" | "tlsInsecure" | "ssl_allow_invalid_certificates"
                if value.as_bool() == Some(true) =>
            {
                "the certificate of the server is not checked"
            }
            "known_hosts" if matches!(value.kind, FactKind::None) && call.path.starts_with("asyncssh.") => {
                "every host key is accepted"
            }
            _ => return None,
        };
        Some((call.span, what.to_owned()))
    })
}

/// An attribute of a session or a context that switches a check off.
fn attribute(call: &Event) -> Option<(Severity, String)> {
    let [name, value] = call.positional.as_slice() else { return None };
    let value = value.by_default();
    Some(match name.as_str()? {
        "verify" if value.as_bool() == Some(false) => {
            (META.severity, "the certificate of the server is not checked".to_owned())
        }
        "check_hostname" if value.as_bool() == Some(false) => {
            (META.severity, "the name in the certificate is not compared".to_owned())
        }
        "verify_mode" if value.as_path().is_some_and(|path| path.ends_with("CERT_NONE")) => {
            (META.severity, "the certificate of the server is not checked".to_owned())
        }
        "minimum_version" if value.as_path().is_some_and(is_old) => {
            (Severity::Medium, format!("`{}` is a protocol that is broken", value.as_path()?))
        }
        "_create_default_https_context" => {
            (META.severity, "no HTTPS request of the program checks a certificate".to_owned())
        }
        _ => return None,
    })
}

fn is_old(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    matches!(
        last,
        "PROTOCOL_SSLv2"
            | "PROTOCOL_SSLv3"
            | "PROTOCOL_TLSv1"
            | "PROTOCOL_TLSv1_1"
            | "SSLv3"
            | "TLSv1"
            | "TLSv1_1"
    )
}

fn is_loopback(host: &str) -> bool {
    is_private(host) && (host == "localhost" || host.starts_with("127.") || host == "::1")
}
