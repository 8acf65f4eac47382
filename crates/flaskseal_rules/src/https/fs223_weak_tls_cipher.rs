//! FS223: weak cipher suites are enabled for TLS 1.2.

use std::collections::BTreeSet;

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_live::Live;
use flaskseal_project::deploy::web::Program;
use flaskseal_project::{Context, Project};

use flaskseal_tls::{Fact, Profile, Strength, Version, source};

use super::cipher::{Suite, chosen};
use super::{SOUND_TLS, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(223),
    name: "weak-tls-cipher",
    summary: "Weak cipher suites are enabled for TLS 1.2.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[SOUND_TLS],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[327, 326],
    owasp: Some("A02"),
    asvs: &["V12.1.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs223_weak_tls_cipher.md"),
};

pub(crate) struct WeakTlsCipher;

/// nginx's default.
const DEFAULT: &str = "HIGH:!aNULL:!MD5";

/// Mozilla's intermediate list, guideline 5.8.
const INTERMEDIATE: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

impl Rule for WeakTlsCipher {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        // TLS 1.3 has no weak suites, and SSL 2 and 3 no others: FS221 says so.
        let profile = live.site.terms.profile;
        let older: Vec<_> = facts
            .suites()
            .filter(|(version, _)| (Version::Tls10..=Version::Tls12).contains(version))
            .collect();
        // Whoever asks for the profile of old clients has its suites on purpose.
        let is_wanted = |suite: &flaskseal_tls::Suite| profile == Profile::Old && profile.has_suite(suite);
        let only_newest = older.is_empty() && facts.accepts(Version::Tls13) == Some(true);
        let first = |is: &dyn Fn(&flaskseal_tls::Suite) -> bool| older.iter().find(|(_, suite)| is(suite));
        let lacks = format!("which Mozilla's {profile} profile does not have");
        let flaw = if let Some(found) = first(&|suite| suite.strength() == Strength::Broken) {
            Some((found, Severity::High, "which is broken"))
        } else if let Some(found) = first(&|suite| !suite.has_forward_secrecy() && !is_wanted(suite)) {
            Some((found, META.severity, "which has no forward secrecy"))
        } else if let Some(found) = first(&|_| true)
            && !older.iter().any(|(_, suite)| suite.is_aead())
        {
            Some((found, META.severity, "and nothing with authenticated encryption"))
        } else if let Some(found) = first(&|suite| suite.is_ephemeral_prime() && !is_wanted(suite)) {
            Some((found, Severity::Low, "which is slow and seldom set up well"))
        } else {
            let beyond = first(&|suite| !profile.has_suite(suite));
            beyond.map(|found| (found, Severity::Low, lacks.as_str()))
        };
        let classic = [Version::Tls10, Version::Tls11, Version::Tls12];
        let unknown = facts.gaps.iter().find(|gap| classic.iter().any(|one| gap.starts_with(one.name())));
        match flaw {
            Some(((version, suite), severity, what)) => {
                let primary = live.tls(Fact::Suite(*version, suite.id), format!("{version} uses it"));
                let message = format!("`{}` is accepted, {what}", suite.name);
                let advice = format!("accept what {} has, and nothing else", source(profile));
                out.fail(
                    Finding::new(META.id, severity, META.confidence, primary, message)
                        .with_scope(facts.host.clone())
                        .with_fix(Fix::advice(advice)),
                );
            }
            None if let Some(gap) = unknown => {
                out.gap(SOUND_TLS, Gap::new(gap.clone(), "ask again when the server answers in time"));
            }
            None if only_newest || !older.is_empty() => {
                let version = older.first().map_or(Version::Tls13, |(version, _)| *version);
                let claim = format!("only sound ciphers are accepted: {}", source(profile));
                out.support(SOUND_TLS, live.tls(Fact::Version(version), claim));
            }
            None => {}
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for (site, listener) in front::with_tls(project) {
            let scope = site.names.first().map(|(name, _)| name.clone()).unwrap_or_default();
            // TLS 1.3 has no weak suites.
            let only_newest =
                site.tls.protocols.as_ref().is_some_and(|(protocols, _)| protocols == &["TLSv1.3"]);
            if only_newest || site.tls.is_managed.is_some() {
                continue;
            }
            let (severity, message, at) = match &site.tls.ciphers {
                None if site.open.is_some() || site.program != Program::Nginx => continue,
                None => (
                    Severity::Low,
                    "nothing says which ciphers are accepted: nginx takes some without forward secrecy"
                        .to_owned(),
                    listener.span,
                ),
                Some((text, span)) => match judge(text) {
                    Some((severity, message)) => (severity, message, *span),
                    None => {
                        out.support(SOUND_TLS, nginx::evidence(*span, "only sound ciphers are accepted"));
                        continue;
                    }
                },
            };
            if !seen.insert(at) {
                continue;
            }
            let edits = match &site.tls.ciphers {
                Some(_) if site.program == Program::Nginx => {
                    vec![Edit { span: at, replacement: format!("ssl_ciphers {INTERMEDIATE}") }]
                }
                _ => Vec::new(),
            };
            let fix = Fix {
                advice: format!("accept Mozilla's intermediate list: `{INTERMEDIATE}`"),
                applicability: if edits.is_empty() {
                    Applicability::DisplayOnly
                } else {
                    Applicability::Unsafe
                },
                edits,
            };
            let primary = nginx::evidence(at, "decides what TLS 1.2 uses");
            out.fail(
                Finding::new(META.id, severity, META.confidence, primary, message)
                    .with_scope(scope)
                    .with_fix(fix),
            );
        }
    }
}

/// What is weak about a choice of ciphers.
fn judge(text: &str) -> Option<(Severity, String)> {
    let suites = chosen(text);
    let first = |is: &dyn Fn(&Suite) -> bool| suites.iter().find(|suite| is(suite)).map(|suite| suite.name);
    if let Some(name) = first(&Suite::is_broken) {
        return Some((Severity::High, format!("`{name}` is accepted, which is broken")));
    }
    if text.trim() == DEFAULT {
        return Some((Severity::Low, "nginx's default takes ciphers without forward secrecy".to_owned()));
    }
    if let Some(name) = first(&|suite| suite.exchange == "RSA") {
        return Some((META.severity, format!("`{name}` is accepted, which has no forward secrecy")));
    }
    if !suites.is_empty() && !suites.iter().any(|suite| suite.is_aead()) {
        return Some((
            META.severity,
            "only ciphers without authenticated encryption are accepted".to_owned(),
        ));
    }
    first(&|suite| suite.exchange == "DH")
        .map(|name| (Severity::Low, format!("`{name}` is accepted, which is slow and seldom set up well")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_are_judged_by_what_is_chosen() {
        let severity = |text: &str| judge(text).map(|(severity, _)| severity);
        assert_eq!(severity(INTERMEDIATE), None);
        assert_eq!(severity("ECDHE+AESGCM:ECDHE+CHACHA20"), None);
        assert_eq!(severity("ALL:!aNULL"), Some(Severity::High));
        assert_eq!(severity("HIGH:MEDIUM:!aNULL:!MD5"), Some(Severity::High));
        assert_eq!(severity("HIGH:!aNULL:!MD5"), Some(Severity::Low));
        assert_eq!(severity("HIGH:!aNULL"), Some(Severity::Medium));
        assert_eq!(severity("ECDHE-RSA-AES128-SHA"), Some(Severity::Medium));
        assert_eq!(severity("EECDH+AESGCM:EDH+AESGCM"), Some(Severity::Low));
        assert_eq!(severity("PROFILE=SYSTEM"), None);
    }
}
