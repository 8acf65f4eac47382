//! FS561: a page loads code from another origin and does not say which code.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, page};
use flaskseal_project::jinja::Tag;
use flaskseal_project::{Context, Project};

use super::{ESCAPED_OUTPUT, printed};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(561),
    name: "missing-sri",
    summary: "Scripts or styles from other origins are loaded without integrity.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template, Layer::Live],
    cwe: &[353, 829],
    owasp: Some("A08"),
    asvs: &["V3.6.1"],
    fix: FixAvailability::None,
    page: include_str!("fs561_missing_sri.md"),
};

pub(crate) struct MissingSri;

const ADVICE: &str =
    "add `integrity` and `crossorigin=\"anonymous\"` for a fixed version, or serve the file yourself";

impl Rule for MissingSri {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for file in project.templates.files.iter().filter(|file| printed::is_html(file)) {
            for tag in file.markup.tags.iter().filter(|tag| !tag.is_end && !tag.open) {
                let Some(defect) = defect(tag) else { continue };
                let place = Evidence::at(Layer::Template, file.span(tag.range), defect.claim);
                let finding = Finding::new(META.id, defect.severity, META.confidence, place, defect.message);
                out.fail(finding.with_fix(Fix::advice(ADVICE)));
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut told: Vec<String> = Vec::new();
        for page in served::pages(live) {
            let Some(at) = page.body_at else { continue };
            for tag in page::tags(&page.page()).iter().filter(|tag| !tag.is_end) {
                // What comes from the site's own host needs no digest.
                let is_own = loaded(tag)
                    .and_then(|(_, address)| host(address))
                    .is_some_and(|host| host.eq_ignore_ascii_case(live.site.host()));
                let Some(defect) = defect(tag).filter(|defect| !is_own && !told.contains(&defect.message))
                else {
                    continue;
                };
                told.push(defect.message.clone());
                let place = live.evidence(page, page::shifted(tag.range, at), defect.claim);
                let finding = Finding::new(META.id, defect.severity, META.confidence, place, defect.message);
                out.fail(finding.with_fix(Fix::advice(ADVICE)));
            }
        }
    }
}

/// What is wrong with what a tag loads.
struct Defect {
    severity: Severity,
    message: String,
    claim: &'static str,
}

fn defect(tag: &Tag) -> Option<Defect> {
    let (what, address) = loaded(tag)?;
    let host = host(address)?;
    if CHANGING.iter().any(|known| host == *known || host.ends_with(&format!(".{known}"))) {
        return None;
    }
    let integrity = tag
        .attribute("integrity")
        .filter(|integrity| integrity.dynamic || !integrity.literal.trim().is_empty());
    let claim = match integrity {
        None => "whoever controls that server decides what runs here",
        Some(_) if tag.attribute("crossorigin").is_none() => {
            "without `crossorigin` browsers refuse to compare it"
        }
        Some(_) => return None,
    };
    // Without a scheme the page's own is taken, and that may be http.
    let severity =
        if address.starts_with("//") && what == "script" { Severity::Medium } else { META.severity };
    let message = match integrity {
        None => format!("a {what} from {host} is loaded without `integrity`"),
        Some(_) => format!("a {what} from {host} has `integrity` without `crossorigin`"),
    };
    Some(Defect { severity, message, claim })
}

/// What is loaded, and from where.
fn loaded(tag: &Tag) -> Option<(&'static str, &str)> {
    match &*tag.name {
        "script" => Some(("script", tag.attribute("src")?.literal.trim())),
        "link" => {
            let is_style = tag
                .attribute("rel")?
                .literal
                .to_ascii_lowercase()
                .split_whitespace()
                .any(|rel| rel == "stylesheet");
            is_style.then_some(("style sheet", tag.attribute("href")?.literal.trim()))
        }
        _ => None,
    }
}

/// The host of an address that names one in full.
fn host(address: &str) -> Option<&str> {
    let rest = ["https://", "http://", "//"].iter().find_map(|scheme| address.strip_prefix(scheme))?;
    let (host, _) = rest.split_once('/')?;
    let name = host.split(':').next().unwrap_or(host);
    (!matches!(name, "" | "localhost" | "127.0.0.1")).then_some(name)
}

/// Providers of fonts, payment, maps and analytics: what they send changes by design, and no digest fits it.
const CHANGING: [&str; 24] = [
    "challenges.cloudflare.com",
    "connect.facebook.net",
    "fonts.bunny.net",
    "fonts.googleapis.com",
    "fonts.gstatic.com",
    "google-analytics.com",
    "googleadservices.com",
    "googlesyndication.com",
    "googletagmanager.com",
    "hcaptcha.com",
    "hotjar.com",
    "js.stripe.com",
    "kit.fontawesome.com",
    "maps.googleapis.com",
    "paypal.com",
    "paypalobjects.com",
    "platform.twitter.com",
    "plausible.io",
    "recaptcha.net",
    "segment.com",
    "typekit.net",
    "widget.intercom.io",
    "www.google.com",
    "www.gstatic.com",
];
