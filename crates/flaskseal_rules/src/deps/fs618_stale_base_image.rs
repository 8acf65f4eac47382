//! FS618: an image that production runs is past its end of life, or names no version.

use flaskseal_core::{
    Assessment, Confidence, Date, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deps::end_of_life;

use super::UPKEEP;
use super::image::{ImageName, images};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(618),
    name: "stale-base-image",
    summary: "A container image is past its end of life, or has no version.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[UPKEEP],
    layers: &[Layer::Deploy],
    cwe: &[1104, 1357],
    owasp: Some("A06"),
    asvs: &["V15.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs618_stale_base_image.md"),
};

pub(crate) struct StaleBaseImage;

impl Rule for StaleBaseImage {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for (name, span) in images(project) {
            let image = ImageName::parse(&name);
            if image.name == "scratch" || image.digest {
                continue;
            }
            let place = |claim: &str| Evidence::at(Layer::Deploy, span, claim);
            match image.tag {
                None | Some("latest") => {
                    let message = format!("the image `{}` names no version", image.name);
                    let place = place("another image on the day of the next build");
                    let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
                    out.fail(
                        finding.with_fix(Fix::advice("name a version, better together with its digest")),
                    );
                }
                Some(tag) => {
                    let Some((what, until)) = line_of(&image, tag) else { continue };
                    if project.today.is_some_and(|today| until < today) {
                        let message = format!("{what} has had no fixes since {until}");
                        let place = place("past its end of life");
                        let finding =
                            Finding::new(META.id, Severity::Medium, META.confidence, place, message);
                        out.fail(finding.with_fix(Fix::advice("move to a version that gets fixes")));
                    }
                }
            }
        }
    }
}

/// The version line that the image is of, and its last day. Python itself is FS608's.
fn line_of(image: &ImageName<'_>, tag: &str) -> Option<(String, Date)> {
    let parts: Vec<&str> = tag.split('-').collect();
    let whole = match image.name {
        "postgres" | "postgis" => Some(("postgres", "PostgreSQL")),
        "mysql" => Some(("mysql", "MySQL")),
        "debian" => Some(("debian", "Debian")),
        "ubuntu" => Some(("ubuntu", "Ubuntu")),
        "alpine" => Some(("alpine", "Alpine")),
        _ => None,
    };
    if let Some((key, shown)) = whole {
        let version = parts.first()?;
        // `15.4` is of the line 15, `8.0.36` of the line 8.0.
        for count in (1..=2).rev() {
            let line = version.split('.').take(count).collect::<Vec<_>>().join(".");
            if let Some(until) = end_of_life(key, &line) {
                return Some((format!("{shown} {line}"), until));
            }
        }
        return None;
    }
    // `python:3.12-slim-buster`, `python:3.12-alpine3.16`.
    parts.iter().find_map(|part| {
        if let Some(version) = part.strip_prefix("alpine") {
            return Some((format!("Alpine {version}"), end_of_life("alpine", version)?));
        }
        Some((format!("Debian {part}"), end_of_life("debian", part)?))
    })
}
