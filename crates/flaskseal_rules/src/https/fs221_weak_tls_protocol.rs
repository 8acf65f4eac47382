//! FS221: old versions of TLS are accepted, or the newest is not.

use std::collections::BTreeSet;

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_live::Live;
use flaskseal_project::deploy::web::{Program, Site};
use flaskseal_project::{Context, Project};

use flaskseal_tls::{Fact, Offer, Version, source};

use super::SOUND_TLS;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(221),
    name: "weak-tls-protocol",
    summary: "SSL 2 or 3, TLS 1.0 or TLS 1.1 is accepted, or TLS 1.3 is not.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[SOUND_TLS],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[326, 757],
    owasp: Some("A02"),
    asvs: &["V12.1.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs221_weak_tls_protocol.md"),
};

pub(crate) struct WeakTlsProtocol;

impl Rule for WeakTlsProtocol {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        let profile = live.site.terms.profile;
        let newest = facts.accepts(Version::Tls13);
        let mut is_sound = newest == Some(true);
        for one in &facts.versions {
            let version = one.version;
            let at = |claim: &str| live.tls(Fact::Version(version), claim);
            let (severity, message) = match &one.offer {
                Offer::Accepted if version <= Version::Ssl3 => {
                    (Severity::High, format!("{version} is accepted"))
                }
                Offer::Accepted if version.is_old() && !profile.has_version(version) => {
                    (META.severity, format!("{version} is accepted"))
                }
                Offer::Accepted if !profile.has_version(version) => (
                    META.severity,
                    format!("{version} is accepted, which Mozilla's {profile} profile does not have"),
                ),
                Offer::Refused(_) if version == Version::Tls13 => {
                    (Severity::Low, "TLS 1.3 is not offered".to_owned())
                }
                Offer::Unknown(reason) if version.is_old() => {
                    is_sound = false;
                    let gap = format!("whether {version} is accepted is not known: {reason}");
                    out.gap(SOUND_TLS, Gap::new(gap, "ask again when the server answers in time"));
                    continue;
                }
                _ => continue,
            };
            is_sound = false;
            let finding =
                Finding::new(META.id, severity, META.confidence, at("so the server answered"), message)
                    .with_scope(facts.host.clone());
            out.fail(finding.with_fix(Fix::advice(if profile.has_version(Version::Tls12) {
                "accept TLS 1.2 and TLS 1.3, and nothing older"
            } else {
                "accept TLS 1.3 alone"
            })));
        }
        if is_sound {
            let oldest = facts.versions.iter().find(|one| one.offer == Offer::Accepted);
            let oldest = oldest.map_or(Version::Tls13, |one| one.version);
            let claim =
                format!("nothing older than {oldest} is accepted, and TLS 1.3 is: {}", source(profile));
            out.support(SOUND_TLS, live.tls(Fact::Version(Version::Tls13), claim));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for site in project.deployment.web.production().filter(|site| site.has_tls() && !site.tls.is_refused)
        {
            if let Some((protocols, span)) = &site.tls.protocols
                && seen.insert(*span)
            {
                judge(Some(site), protocols, *span, out);
            }
        }
        // A snippet by itself: nobody says which server includes it.
        for configuration in nginx::configurations(project) {
            if configuration.all(flaskseal_project::deploy::nginx::LevelKind::Server).next().is_some() {
                continue;
            }
            for (_, directive) in nginx::directives(configuration) {
                if directive.is("ssl_protocols") && seen.insert(directive.span) {
                    let words: Vec<String> =
                        directive.arguments.iter().map(|word| word.text.clone()).collect();
                    judge(None, &words, directive.span, out);
                }
            }
        }
    }
}

fn judge(site: Option<&Site>, protocols: &[String], span: Span, out: &mut Assessment) {
    let has = |name: &str| protocols.iter().any(|word| word.eq_ignore_ascii_case(name));
    let old: Vec<&str> = protocols.iter().map(String::as_str).filter(|word| is_old(word)).collect();
    let (severity, message) = if has("SSLv2") || has("SSLv3") {
        (Severity::High, format!("{} is accepted", old.join(", ")))
    } else if !old.is_empty() {
        (META.severity, format!("{} is accepted", old.join(", ")))
    } else if !has("TLSv1.3") {
        (Severity::Low, "TLS 1.3 is not offered".to_owned())
    } else {
        return out.support(SOUND_TLS, nginx::evidence(span, "only TLS 1.2 and 1.3 are accepted"));
    };
    let is_nginx = site.is_none_or(|site| site.program == Program::Nginx);
    let edits = if is_nginx {
        vec![Edit { span, replacement: "ssl_protocols TLSv1.2 TLSv1.3".to_owned() }]
    } else {
        Vec::new()
    };
    let fix = Fix {
        advice: "accept TLS 1.2 and TLS 1.3, and nothing older".to_owned(),
        applicability: if edits.is_empty() { Applicability::DisplayOnly } else { Applicability::Safe },
        edits,
    };
    let scope = site.and_then(|site| site.names.first()).map(|(name, _)| name.clone()).unwrap_or_default();
    let primary = nginx::evidence(span, "what clients may speak");
    out.fail(
        Finding::new(META.id, severity, META.confidence, primary, message).with_scope(scope).with_fix(fix),
    );
}

fn is_old(word: &str) -> bool {
    ["SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"].iter().any(|old| word.eq_ignore_ascii_case(old))
}
