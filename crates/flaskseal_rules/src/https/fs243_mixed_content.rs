//! FS243: a page that is served over HTTPS loads or sends over HTTP.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::{Live, page};
use flaskseal_project::jinja::{Attribute, Tag};
use flaskseal_project::{Context, Project};

use super::TLS;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(243),
    name: "mixed-content",
    summary: "Pages served over HTTPS load or submit over HTTP.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[TLS],
    layers: &[Layer::Template, Layer::Live],
    cwe: &[319, 311],
    owasp: Some("A02"),
    asvs: &["V12.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs243_mixed_content.md"),
};

pub(crate) struct MixedContent;

impl Rule for MixedContent {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for file in &project.templates.files {
            let upgrades = file.source().contains("upgrade-insecure-requests");
            for tag in file.markup.tags.iter().filter(|tag| !tag.is_end) {
                let Some((attribute, severity, what)) = loaded(tag) else { continue };
                let Some(host) = host(&attribute.literal) else { continue };
                let severity = if upgrades { Severity::Low } else { severity };
                let place = Evidence::at(Layer::Template, file.span(tag.range), "over HTTP");
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        place,
                        format!("{what} {host} over plain HTTP"),
                    )
                    .with_fix(Fix::advice("write `https://`")),
                );
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut told: Vec<String> = Vec::new();
        for page in live.pages().filter(|page| page.is_https()) {
            let Some(at) = page.body_at else { continue };
            let upgrades = page
                .named("content-security-policy")
                .any(|header| header.value.to_ascii_lowercase().contains("upgrade-insecure-requests"));
            for tag in page::tags(&page.page()).iter().filter(|tag| !tag.is_end) {
                let Some((attribute, severity, what)) = loaded(tag) else { continue };
                let Some(host) = host(&attribute.literal) else { continue };
                let message = format!("{what} {host} over plain HTTP");
                if told.contains(&message) {
                    continue;
                }
                told.push(message.clone());
                let severity = if upgrades { Severity::Low } else { severity };
                let place = live.evidence(page, page::shifted(tag.range, at), "over HTTP");
                let finding = Finding::new(META.id, severity, META.confidence, place, message);
                out.fail(finding.with_fix(Fix::advice("write `https://`")));
            }
        }
    }
}

/// What a tag loads or sends: the attribute, how bad it is over HTTP, and the beginning of a sentence.
fn loaded(tag: &Tag) -> Option<(&Attribute, Severity, &'static str)> {
    let (name, severity, what) = match &*tag.name {
        "script" => ("src", Severity::Medium, "a script is loaded from"),
        "iframe" | "frame" | "embed" => ("src", Severity::Medium, "a frame is loaded from"),
        "object" => ("data", Severity::Medium, "an object is loaded from"),
        "form" => ("action", Severity::Medium, "a form is sent to"),
        "link" => {
            let rel = tag.attribute("rel")?.literal.to_ascii_lowercase();
            if !rel.split_whitespace().any(|rel| rel == "stylesheet") {
                return None;
            }
            ("href", Severity::Medium, "a style sheet is loaded from")
        }
        "img" | "audio" | "video" | "source" | "track" => ("src", Severity::Low, "media are loaded from"),
        _ => return None,
    };
    Some((tag.attribute(name)?, severity, what))
}

/// The host behind `http://`, unless it is this machine.
fn host(address: &str) -> Option<&str> {
    let rest = address.trim_start().strip_prefix("http://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let name = host.split(':').next().unwrap_or(host);
    (!matches!(name, "" | "localhost" | "127.0.0.1" | "0.0.0.0")).then_some(name)
}
