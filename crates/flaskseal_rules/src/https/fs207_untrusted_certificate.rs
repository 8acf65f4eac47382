//! FS207: browsers do not trust the certificate.

use std::net::IpAddr;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_live::Live;
use flaskseal_project::{Context, Project};
use flaskseal_tls::{Chain, Fact, Trust};

use super::certificates::{Used, is_internal, place, used};
use super::{CERTIFICATE, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(207),
    name: "untrusted-certificate",
    summary: "The certificate is self-signed, for another name, from a test authority, or its chain is not whole.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[CERTIFICATE],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[295, 297],
    owasp: Some("A07"),
    asvs: &["V12.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs207_untrusted_certificate.md"),
};

pub(crate) struct UntrustedCertificate;

impl Rule for UntrustedCertificate {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        if facts.chains.is_empty() {
            return out.gap(CERTIFICATE, Gap::new("the server showed no certificate", ""));
        }
        let mut is_sound = true;
        for (index, chain) in facts.chains.iter().enumerate() {
            for (fact, severity, message) in flaws(chain, &facts.host) {
                is_sound = false;
                // Inside one's own network one's own authority is as good as any, once it is named.
                if is_private(&facts.host)
                    && matches!(chain.trust, Trust::SelfSigned | Trust::UnknownRoot { .. })
                    && fact == Flaw::Trust
                {
                    let gap = format!("whether the certificate is trusted is not known: {message}");
                    out.gap(CERTIFICATE, Gap::new(gap, "name your own authority with `--ca-file`"));
                    continue;
                }
                let primary = live.tls(fact.place(index), "the server shows it");
                let advice =
                    "get a certificate from an authority that browsers trust, and send its whole chain";
                out.fail(
                    Finding::new(META.id, severity, META.confidence, primary, message)
                        .with_scope(facts.host.clone())
                        .with_fix(Fix::advice(advice)),
                );
            }
        }
        if is_sound {
            let claim = format!("trusted, and for `{}`", facts.host);
            out.support(CERTIFICATE, live.tls(Fact::Chain(0), claim));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let all = used(project);
        for one in &all {
            by_path(one, out);
            by_content(one, out);
        }
        let gap = match all.iter().find(|one| one.chain.is_none()) {
            Some(one) => Gap::at(
                one.span,
                "the certificate is not in the tree",
                "only a handshake shows whether browsers trust it",
            ),
            None if all.is_empty() => match front::with_tls(project).next() {
                Some((_, listener)) => {
                    Gap::at(listener.span, "no certificate is named", "only a handshake shows it")
                }
                None => front::no_web_server(),
            },
            None => {
                Gap::new("whether browsers trust the certificate is not known", "only a handshake shows it")
            }
        };
        out.gap(CERTIFICATE, gap);
    }
}

/// What is wrong about a chain that a server shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    Trust,
    Names,
}

impl Flaw {
    /// Where it stands, for the chain with this index.
    fn place(self, chain: usize) -> Fact {
        match self {
            Self::Trust => Fact::Chain(chain),
            Self::Names => Fact::Names(chain, 0),
        }
    }
}

fn flaws(chain: &Chain, host: &str) -> Vec<(Flaw, Severity, String)> {
    let is_test =
        chain.own().is_some_and(|own| TEST_AUTHORITIES.iter().any(|word| own.issuer.contains(word)));
    let trust = match &chain.trust {
        _ if is_test => Some((META.severity, "the certificate comes from a test authority".to_owned())),
        Trust::Trusted if chain.is_in_order => None,
        Trust::Trusted => {
            Some((Severity::Low, "the chain is out of order: the issuer does not come next".to_owned()))
        }
        Trust::SelfSigned => {
            Some((META.severity, "the certificate is signed by nobody but itself".to_owned()))
        }
        Trust::UnknownRoot { issuer } => {
            Some((META.severity, format!("the certificate comes from `{issuer}`, which no browser trusts")))
        }
        Trust::Incomplete { issuer } => Some((
            Severity::Medium,
            format!("the chain is not whole: the certificate of `{issuer}` is missing"),
        )),
        Trust::Refused(reason) => Some((META.severity, format!("browsers refuse the certificate: {reason}"))),
    };
    let names = match chain.own() {
        Some(own) if own.names.is_empty() => {
            Some("the certificate names its host in its common name only, which browsers ignore".to_owned())
        }
        Some(_) if !chain.covers_host => Some(format!("the certificate is not for `{host}`")),
        _ => None,
    };
    let trust = trust.map(|(severity, message)| (Flaw::Trust, severity, message));
    trust.into_iter().chain(names.map(|message| (Flaw::Names, META.severity, message))).collect()
}

/// Authorities whose certificates are for trying things out.
const TEST_AUTHORITIES: [&str; 2] = ["(STAGING)", "Fake LE"];

/// A name or an address that only a network of one's own knows.
fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => is_internal(host),
    }
}

fn fail(
    one: &Used<'_>,
    severity: Severity,
    confidence: Confidence,
    at: Span,
    claim: &str,
    message: String,
    out: &mut Assessment,
) {
    let trail = (at != one.span).then(|| nginx::evidence(one.span, "the site uses it"));
    let finding = Finding::new(META.id, severity, confidence, nginx::evidence(at, claim), message)
        .with_trail(trail)
        .with_scope(one.site.names.first().map(|(name, _)| name.clone()).unwrap_or_default())
        .with_fix(Fix::advice(
            "get a certificate from an authority that browsers trust, and name its whole chain",
        ));
    out.fail(finding);
}

/// What the name of the file says.
fn by_path(one: &Used<'_>, out: &mut Assessment) {
    let lower = one.path.to_ascii_lowercase();
    if one.chain.is_none()
        && ["snakeoil", "selfsigned", "self-signed", "self_signed"].iter().any(|word| lower.contains(word))
    {
        let message = "the certificate is signed by nobody but itself".to_owned();
        fail(one, Severity::Medium, Confidence::Firm, one.span, "by its name", message, out);
    }
    if lower.contains("/letsencrypt/live/") && lower.ends_with("/cert.pem") {
        let message =
            "`cert.pem` has no chain: clients that do not fetch it refuse the connection".to_owned();
        fail(one, Severity::Medium, META.confidence, one.span, "`fullchain.pem` has it", message, out);
    }
}

fn by_content(one: &Used<'_>, out: &mut Assessment) {
    let Some((file, chain)) = one.chain else { return };
    let Some(own) = chain.first() else { return };
    let (leaf, at) = (&own.certificate, place(file, own));
    let names: Vec<&str> = one
        .site
        .names
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| {
            name.contains('.') && !name.starts_with(['~', '*', '.']) && !name.contains(['$', '{', '*'])
        })
        .collect();
    let is_public = names.iter().any(|name| !is_internal(name));
    if TEST_AUTHORITIES.iter().any(|word| leaf.issuer.contains(word)) {
        let message = "the certificate comes from a test authority".to_owned();
        fail(one, META.severity, META.confidence, at, "trusted by no browser", message, out);
    } else if leaf.is_self_signed() && is_public {
        let message = "the certificate is signed by nobody but itself".to_owned();
        fail(one, META.severity, META.confidence, at, "issuer and subject are the same", message, out);
    }
    if leaf.names.is_empty() && is_public {
        let message =
            "the certificate names its host in its common name only, which browsers ignore".to_owned();
        fail(one, META.severity, META.confidence, at, "no alternative names", message, out);
        return;
    }
    let missing: Vec<&&str> = names.iter().filter(|name| !leaf.covers(name)).collect();
    if let Some(first) = missing.first() {
        let severity = if missing.len() == names.len() { META.severity } else { Severity::Medium };
        let message = format!("the certificate is not for `{first}`");
        fail(one, severity, META.confidence, at, "names other hosts", message, out);
    }
    if leaf.is_self_signed() {
        return;
    }
    match chain.get(1) {
        None => {
            let message = "the chain is not whole: the certificate of the issuer is missing".to_owned();
            fail(one, Severity::Medium, Confidence::Firm, at, "stands alone in its file", message, out);
        }
        Some(next) if next.certificate.subject != leaf.issuer => {
            let message = "the chain is out of order: the issuer does not come next".to_owned();
            fail(
                one,
                Severity::Medium,
                META.confidence,
                place(file, next),
                "is not the issuer",
                message,
                out,
            );
        }
        Some(_) => {}
    }
}
