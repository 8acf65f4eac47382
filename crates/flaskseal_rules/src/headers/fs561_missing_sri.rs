//! FS561: a page loads code from another origin and does not say which code.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::jinja::Tag;

use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(561),
    name: "missing-sri",
    summary: "Scripts or styles from other origins are loaded without integrity.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template],
    cwe: &[353, 829],
    owasp: Some("A08"),
    asvs: &["V3.6.1"],
    fix: FixAvailability::None,
    page: include_str!("fs561_missing_sri.md"),
};

pub(crate) struct MissingSri;

impl Rule for MissingSri {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for file in project.templates.files.iter().filter(|file| printed::is_html(file)) {
            for tag in file.markup.tags.iter().filter(|tag| !tag.is_end && !tag.open) {
                let Some((what, address)) = loaded(tag) else { continue };
                let Some(host) = host(address) else { continue };
                if CHANGING.iter().any(|known| host == *known || host.ends_with(&format!(".{known}"))) {
                    continue;
                }
                let integrity = tag
                    .attribute("integrity")
                    .filter(|integrity| integrity.dynamic || !integrity.literal.trim().is_empty());
                let claim = match integrity {
                    None => "whoever controls that server decides what runs here",
                    Some(_) if tag.attribute("crossorigin").is_none() => {
                        "without `crossorigin` browsers refuse to compare it"
                    }
                    Some(_) => continue,
                };
                // Without a scheme the page's own is taken, and that may be http.
                let severity = if address.starts_with("//") && what == "script" {
                    Severity::Medium
                } else {
                    META.severity
                };
                let place = Evidence::at(Layer::Template, file.span(tag.range), claim);
                let message = match integrity {
                    None => format!("a {what} from {host} is loaded without `integrity`"),
                    Some(_) => format!("a {what} from {host} has `integrity` without `crossorigin`"),
                };
                out.fail(
                    Finding::new(META.id, severity, META.confidence, place, message).with_fix(Fix::advice(
                        "add `integrity` and `crossorigin=\"anonymous\"` for a fixed version, or serve the file yourself",
                    )),
                );
            }
        }
    }
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
