//! FS339: what a request says becomes what the session knows.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::{SESSION_STORAGE, guards};
use crate::Rule;
use crate::identity;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(339),
    name: "untrusted-data-in-session",
    summary: "Request data is stored in the session, which the rest of the application trusts.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[SESSION_STORAGE],
    layers: &[Layer::Source],
    cwe: &[501],
    owasp: Some("A04"),
    asvs: &["V8.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs339_untrusted_data_in_session.md"),
};

pub(crate) struct UntrustedDataInSession;

impl Rule for UntrustedDataInSession {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        let mut report =
            |severity, call: &flaskseal_project::semantic::Event, source: &str, message: String| {
                if seen.contains(&call.span) || guards::is_checked(cx, call.span) {
                    return;
                }
                seen.push(call.span);
                let place = cx.evidence(call.span, format!("from `{}`", shown(source)));
                out.fail(
                    Finding::new(META.id, severity, META.confidence, place, message)
                        .with_scope(&*call.scope)
                        .with_fix(Fix::advice(
                            "check the value against what the server knows before it is stored",
                        )),
                );
            };
        // `session.update(request.form)`.
        for call in cx.calls("session.write") {
            if let [all] = call.positional.as_slice()
                && let Some(source) = identity::request_source(all).filter(|_| all.as_path().is_some())
            {
                report(
                    Severity::Medium,
                    call,
                    &source,
                    "the session takes every key that the request sends".to_owned(),
                );
            }
        }
        for write in identity::writes(cx) {
            if let Some(source) = write.key_value.and_then(identity::request_source) {
                report(
                    Severity::Medium,
                    write.call,
                    &source,
                    "the request chooses which key of the session is written".to_owned(),
                );
            } else if let Some(source) = identity::request_source(write.value) {
                match write.key {
                    Some(key) if identity::is_identity_key(key) => {
                        let message = format!(
                            "the request says who its sender is: `session[\"{key}\"]` is set without a check"
                        );
                        report(Severity::High, write.call, &source, message);
                    }
                    // A number is what it is; as an identity it is somebody's.
                    Some(_) if is_number(write.value) => {}
                    Some(key) => {
                        let message = format!("`session[\"{key}\"]` is set from the request without a check");
                        report(Severity::Low, write.call, &source, message);
                    }
                    None => {}
                }
            }
        }
    }
}

/// A source as people write it.
fn shown(source: &str) -> &str {
    source.strip_prefix("flask.").unwrap_or(source)
}

fn is_number(value: &Fact) -> bool {
    value.alternatives().iter().all(|(fact, _)| {
        matches!(fact.kind, FactKind::SomeInt | FactKind::SomeFloat | FactKind::SomeBool | FactKind::Int(_))
    })
}
