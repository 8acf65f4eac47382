//! FS212: a certificate has a weak key or signature, or lives too long.

use flaskseal_core::{
    Assessment, Confidence, Date, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::deploy::certificate::{Certificate, Key};
use flaskseal_project::{Context, Project};

use flaskseal_tls::{Fact, Trust};

use super::CERTIFICATE;
use super::certificates::{place, used};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(212),
    name: "weak-certificate",
    summary: "A certificate has a weak key, a weak signature, or a lifetime that browsers refuse.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[CERTIFICATE],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[326, 327],
    owasp: Some("A02"),
    asvs: &["V12.1.2", "V11.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs212_weak_certificate.md"),
};

pub(crate) struct WeakCertificate;

/// The longest lifetime in days of a certificate that browsers trust, by the day from which it is issued (CA/Browser
/// Forum, baseline requirements 6.3.2).
const LIMITS: [(Date, i64); 5] = [
    (Date { year: 2018, month: 3, day: 1 }, 825),
    (Date { year: 2020, month: 9, day: 1 }, 398),
    (Date { year: 2026, month: 3, day: 15 }, 200),
    (Date { year: 2027, month: 3, day: 15 }, 100),
    (Date { year: 2029, month: 3, day: 15 }, 47),
];

impl Rule for WeakCertificate {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        let mut is_sound = !facts.chains.is_empty();
        for (index, chain) in facts.chains.iter().enumerate() {
            for (at, certificate) in chain.certificates.iter().enumerate() {
                let Some((mut severity, message)) = flaw(certificate, at == 0) else { continue };
                // Browsers ask about lifetimes of public authorities only.
                if matches!(chain.trust, Trust::UnknownRoot { .. }) && severity == META.severity {
                    severity = Severity::Low;
                }
                is_sound = false;
                let primary = live.tls(Fact::Certificate(index, at), "the server shows it");
                let finding = Finding::new(META.id, severity, META.confidence, primary, message);
                out.fail(finding.with_scope(certificate.subject.clone()).with_fix(Fix::advice(
                    "get a new one, with a key on P-256 or RSA of 2048 bits and more",
                )));
            }
        }
        if is_sound {
            out.support(CERTIFICATE, live.tls(Fact::Key(0, 0), "key, signature and lifetime are sound"));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for one in used(project) {
            let Some((file, chain)) = one.chain else { continue };
            for (index, located) in chain.iter().enumerate() {
                let certificate = &located.certificate;
                if let Some((severity, message)) = flaw(certificate, index == 0) {
                    let primary =
                        nginx::evidence(place(file, located), "its key, its signature and its lifetime");
                    let finding = Finding::new(META.id, severity, META.confidence, primary, message)
                        .with_trail([nginx::evidence(one.span, "the site uses it")])
                        .with_scope(certificate.subject.clone())
                        .with_fix(Fix::advice(
                            "get a new one, with a key on P-256 or RSA of 2048 bits and more",
                        ));
                    out.fail(finding);
                }
            }
        }
    }
}

/// The worst flaw of a certificate.
fn flaw(certificate: &Certificate, is_leaf: bool) -> Option<(Severity, String)> {
    let key = match certificate.key {
        Key::Rsa(bits) if bits < 2048 => Some(format!("the key is RSA of {bits} bits")),
        Key::Elliptic(bits) if bits < 256 => Some(format!("the key is on a curve of {bits} bits")),
        _ => None,
    };
    if let Some(message) = key {
        return Some((Severity::High, message));
    }
    // Nobody checks the signature of a root.
    if let Some(hash) =
        certificate.weak_signature.filter(|_| !(certificate.is_ca && certificate.is_self_signed()))
    {
        return Some((Severity::High, format!("the signature rests on {hash}")));
    }
    let limit =
        LIMITS.iter().rev().find(|(from, _)| certificate.not_before >= *from).map(|(_, days)| *days)?;
    if !is_leaf || certificate.lifetime() <= limit {
        return None;
    }
    // Browsers ask it of public authorities only.
    let severity = if certificate.is_self_signed() { Severity::Low } else { META.severity };
    Some((
        severity,
        format!("the certificate lives for {} days, and {limit} are allowed", certificate.lifetime()),
    ))
}
