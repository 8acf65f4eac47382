//! FS215: nothing renews the certificate.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity, Span,
    TextRange,
};
use flaskseal_project::Project;

use super::certificates::used;
use super::{RENEWAL, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(215),
    name: "manual-certificate-renewal",
    summary: "Nothing renews the certificate, or somebody has to do it by hand.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[RENEWAL],
    layers: &[Layer::Deploy],
    cwe: &[324],
    owasp: Some("A02"),
    asvs: &["V12.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs215_manual_certificate_renewal.md"),
};

pub(crate) struct ManualCertificateRenewal;

impl Rule for ManualCertificateRenewal {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if front::with_tls(project).next().is_none() {
            return;
        }
        for (site, _) in front::with_tls(project) {
            if let Some(at) = site.tls.is_managed {
                let claim = format!("{} renews its certificates by itself", site.program.name());
                return out.support(RENEWAL, nginx::evidence(at, claim));
            }
        }
        if let Some(at) = by_hand(project) {
            fail(out, at, "`manual`", "the certificate is renewed by hand");
        } else if let Some(at) = renewal(project) {
            return out.support(RENEWAL, nginx::evidence(at, "renews the certificate"));
        }
        match used(project).iter().find(|one| one.chain.is_some()) {
            Some(one) => fail(
                out,
                one.span,
                "a file of the tree",
                "the certificate is shipped with the tree: nothing renews it",
            ),
            None => out.gap(RENEWAL, Gap::new("what renews the certificate is not in the tree", "")),
        }
    }
}

fn fail(out: &mut Assessment, at: Span, claim: &str, message: &str) {
    let finding = Finding::new(META.id, META.severity, META.confidence, nginx::evidence(at, claim), message)
        .with_fix(Fix::advice("let certbot, Caddy or another client renew it from a timer"));
    out.fail(finding);
}

/// certbot's file for a certificate that somebody has to prove by hand.
fn by_hand(project: &Project<'_>) -> Option<Span> {
    project.tree.ids().find_map(|id| {
        let file = project.tree.file(id);
        if !file.path.ends_with(".conf") || !file.text.contains("[renewalparams]") {
            return None;
        }
        let has_hook = setting(&file.text, "manual_auth_hook").is_some();
        let (value, range) = setting(&file.text, "authenticator")?;
        (value == "manual" && !has_hook).then_some(Span { file: id, range })
    })
}

fn setting<'t>(text: &'t str, name: &str) -> Option<(&'t str, TextRange)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            let end = start + line.trim_end().len();
            return Some((value.trim(), TextRange::new(start as u32, end as u32)));
        }
    }
    None
}

/// A unit, a script or a Compose file that runs a client of a certificate authority again and again.
fn renewal(project: &Project<'_>) -> Option<Span> {
    const COMMANDS: [&str; 6] = [
        "certbot renew",
        "certbot -q renew",
        "acme.sh --cron",
        "lego renew",
        "cert-manager.io/",
        "dehydrated -c",
    ];
    project.deployment.files.iter().find_map(|(id, _)| {
        let file = project.tree.file(*id);
        COMMANDS.iter().find_map(|command| {
            let start = file.text.find(command)? as u32;
            let line =
                file.text.get(..start as usize).and_then(|before| before.rsplit('\n').next()).unwrap_or("");
            let range = TextRange::new(start, start + command.len() as u32);
            (!line.trim_start().starts_with('#')).then_some(Span { file: *id, range })
        })
    })
}
