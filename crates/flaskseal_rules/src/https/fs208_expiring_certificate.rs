//! FS208: a certificate has run out, or soon will.

use flaskseal_core::{
    Assessment, Confidence, Date, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::deploy::certificate::Certificate;
use flaskseal_project::{Context, Project};

use flaskseal_tls::Fact;

use super::CERTIFICATE;
use super::certificates::{place, used};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(208),
    name: "expiring-certificate",
    summary: "A certificate is outside its validity, or soon will be.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[CERTIFICATE],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[324],
    owasp: Some("A02"),
    asvs: &["V12.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs208_expiring_certificate.md"),
};

pub(crate) struct ExpiringCertificate;

impl Rule for ExpiringCertificate {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        let mut is_sound = !facts.chains.is_empty();
        for (index, chain) in facts.chains.iter().enumerate() {
            is_sound &= !chain.certificates.is_empty();
            for (at, certificate) in chain.certificates.iter().enumerate() {
                let Some((severity, message)) = judge(certificate, facts.today) else { continue };
                // Authorities renew theirs in their own time, and one that has run out beside another path harms nobody.
                let is_theirs = at > 0 && (severity < Severity::Medium || chain.verifies_today);
                if is_theirs || certificate.is_ca && certificate.is_self_signed() && at > 0 {
                    continue;
                }
                is_sound = false;
                let primary = live.tls(Fact::Validity(index, at), "the server shows it");
                let finding = Finding::new(META.id, severity, META.confidence, primary, message)
                    .with_scope(certificate.subject.clone())
                    .with_fix(Fix::advice("renew it, and let a timer do so from now on"));
                out.fail(finding);
            }
        }
        if is_sound {
            out.support(CERTIFICATE, live.tls(Fact::Validity(0, 0), "valid, and for long enough"));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let Some(today) = project.today else { return };
        for one in used(project) {
            let Some((file, chain)) = one.chain else { continue };
            // A root that has run out stands in no way where another path leads to one that has not.
            for located in chain {
                let certificate = &located.certificate;
                if certificate.is_ca && certificate.is_self_signed() {
                    continue;
                }
                let Some((severity, message)) = judge(certificate, today) else { continue };
                let primary = nginx::evidence(place(file, located), "until here it is valid");
                let finding = Finding::new(META.id, severity, META.confidence, primary, message)
                    .with_trail([nginx::evidence(one.span, "the site uses it")])
                    .with_scope(certificate.subject.clone())
                    .with_fix(Fix::advice("renew it, and let a timer do so from now on"));
                out.fail(finding);
            }
        }
    }
}

/// Limits follow the lifetime, because lifetimes shrink (catalogue, FS208).
fn judge(certificate: &Certificate, today: Date) -> Option<(Severity, String)> {
    let day = |date: Date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    if today < certificate.not_before {
        let message = format!("the certificate is not valid before {}", day(certificate.not_before));
        return Some((Severity::Critical, message));
    }
    let left = certificate.not_after.days_since(today);
    if left < 0 {
        return Some((
            Severity::Critical,
            format!("the certificate has run out on {}", day(certificate.not_after)),
        ));
    }
    let whole = certificate.lifetime().max(1);
    let is_soon = if whole <= 100 { left * 4 < whole } else { left < 30 };
    let severity = if left < 7 || left * 10 < whole && whole <= 100 {
        Severity::High
    } else if is_soon {
        Severity::Medium
    } else if left * 3 < whole {
        Severity::Low
    } else {
        return None;
    };
    Some((severity, format!("the certificate runs out in {left} days, on {}", day(certificate.not_after))))
}
