//! FS215: nothing renews the certificate.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
    Span, TextRange,
};
use flaskseal_project::Project;
use flaskseal_project::host::Lineage;

use super::certificates::used;
use super::{RENEWAL, front};
use crate::{HostView, Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(215),
    name: "manual-certificate-renewal",
    summary: "Nothing renews the certificate, or somebody has to do it by hand.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[RENEWAL],
    layers: &[Layer::Deploy, Layer::Host],
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
        // What the files of a host say is asked below.
        if project.is_observed {
            return;
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
            None => {
                let reason = "what renews the certificate is not in the tree";
                out.gap(RENEWAL, Gap::new(reason, "look at the server itself with `--host`"));
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        on_host(host, out);
    }
}

/// certbot's certificates, and what renews them.
fn on_host(host: &HostView<'_>, out: &mut Assessment) {
    let renewal = &host.facts.renewal;
    if front::with_tls(host.project).any(|(site, _)| site.tls.is_managed.is_some()) {
        return;
    }
    let named = used(host.project);
    let is_used = |name: &str| {
        let folder = format!("/letsencrypt/live/{name}/");
        named.is_empty() || named.iter().any(|one| one.path.contains(&folder))
    };
    let lineages: Vec<&Lineage> = renewal.lineages.iter().filter(|lineage| is_used(&lineage.name)).collect();
    for lineage in &lineages {
        let (message, advice) = if !lineage.renews_itself() {
            (
                "is renewed by hand: nothing proves the name without somebody",
                "use the authenticator `nginx`, `webroot` or `dns-...`",
            )
        } else if renewal.schedules.is_empty() {
            (
                "is not renewed: no timer and no line of cron runs certbot",
                "`systemctl enable --now certbot.timer`",
            )
        } else if !lineage.reloads() && renewal.hooks.is_empty() {
            (
                "is renewed, but nothing makes the web server load it",
                "add `--deploy-hook 'systemctl reload nginx'`",
            )
        } else {
            continue;
        };
        let claim = format!("{} says how it is renewed", lineage.path);
        let primary = Evidence::general(Layer::Host, claim);
        let message = format!("the certificate `{}` {message}", lineage.name);
        out.fail(
            Finding::new(META.id, Severity::Medium, Confidence::Firm, primary, message)
                .with_scope(lineage.name.clone())
                .with_fix(Fix::advice(advice)),
        );
    }
    match renewal.schedules.first() {
        Some((_, what)) if !lineages.is_empty() || !named.is_empty() => {
            out.support(RENEWAL, Evidence::general(Layer::Host, format!("{what} renews certificates")));
        }
        _ if renewal.is_hidden => {
            let reason = "certbot's folder may not be read";
            out.gap(RENEWAL, Gap::new(reason, "run `flaskseal check --host` as root"));
        }
        _ if lineages.is_empty() && !named.is_empty() => {
            out.gap(RENEWAL, Gap::new("what renews the certificate was not found on the host", ""));
        }
        _ => {}
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
