//! FS437: request data becomes part of an LDAP filter or of a distinguished name.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Origin, StepKind};

use super::NO_INJECTION;
use crate::Rule;
use crate::code::words;
use crate::flow::{Breach, flows, ldap, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(437),
    name: "ldap-injection",
    summary: "Request data becomes part of an LDAP filter or of a distinguished name.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[90],
    owasp: Some("A03"),
    asvs: &["V1.2.6"],
    fix: FixAvailability::None,
    page: include_str!("fs437_ldap_injection.md"),
};

pub(crate) struct LdapInjection;

impl Rule for LdapInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["ldap.dn", "ldap.filter"]) {
            let Some(rope) = flow.text() else { continue };
            let names = words(&flow.event.scope);
            let authenticates = names
                .iter()
                .any(|word| matches!(word.as_str(), "login" | "auth" | "authenticate" | "signin" | "bind"));
            let severity = if authenticates { Severity::Critical } else { Severity::High };
            let is_name = &*flow.sink.context == "ldap.dn";
            let breaches = if is_name { ldap::name(&rope, severity) } else { ldap::filter(&rope, severity) };
            for breach in
                breaches.into_iter().filter(|breach: &Breach<'_>| !is_escaped(&breach.origin, is_name))
            {
                found.push(flow.found(breach).advise(if is_name {
                    "escape it: `ldap.dn.escape_dn_chars(value)`, or `escape_rdn` of ldap3"
                } else {
                    "escape it: `escape_filter_chars(value)`"
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// Escapes leave the characters in, behind a backslash: who made the text says what its characters do not.
fn is_escaped(origin: &Origin, is_name: bool) -> bool {
    let escapes: &[&str] = if is_name {
        &["ldap.dn.escape_dn_chars", "ldap3.utils.dn.escape_rdn"]
    } else {
        &[
            "ldap.filter.escape_filter_chars",
            "ldap.filter.filter_format",
            "ldap3.utils.conv.escape_filter_chars",
        ]
    };
    let last = origin.last.as_deref();
    last.is_some_and(|step| matches!(&step.what, StepKind::Through(path) if escapes.contains(&&**path)))
}
