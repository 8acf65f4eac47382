//! FS608: the Python that production runs is past its end of life, or close to it.

use flaskseal_core::{
    Assessment, Confidence, Date, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::deps::{Target, end_of_life};
use flaskseal_project::{Audience, Project};

use super::SUPPORTED;
use super::applicable::at;
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(608),
    name: "end-of-life-python",
    summary: "The version of Python that production runs gets no fixes any more, or soon.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[SUPPORTED],
    layers: &[Layer::Deps, Layer::Deploy, Layer::Host],
    cwe: &[1104],
    owasp: Some("A06"),
    asvs: &["V15.1.1"],
    fix: FixAvailability::None,
    page: include_str!("fs608_end_of_life_python.md"),
};

pub(crate) struct EndOfLifePython;

impl Rule for EndOfLifePython {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if project.is_observed {
            return;
        }
        let Some(today) = project.today else {
            out.gap(SUPPORTED, Gap::new("the day to judge by is not known", ""));
            return;
        };
        for choice in &project.packages.pythons {
            let place = |claim: String| Evidence::at(choice.layer, choice.span, claim);
            judge(choice.version, choice.layer, &place, today, out);
        }
        if project.packages.pythons.is_empty() {
            by_requirement(project, today, out);
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        let Some(today) = host.project.today else { return };
        let mut told: Vec<(u8, u8)> = Vec::new();
        for (path, version) in &host.facts.pythons {
            if !told.contains(version) {
                told.push(*version);
                let place = |claim: String| Evidence::general(Layer::Host, format!("{path}: {claim}"));
                let version = (u64::from(version.0), u64::from(version.1));
                judge(version, Layer::Host, &place, today, out);
            }
        }
    }
}

/// So close to its end a version counts as ending.
const SOON_DAYS: i64 = 90;

fn judge(
    (major, minor): (u64, u64),
    layer: Layer,
    place: &dyn Fn(String) -> Evidence,
    today: Date,
    out: &mut Assessment,
) {
    let version = format!("{major}.{minor}");
    let Some(until) = end_of_life("python", &version) else {
        let claim = format!("Python {version} is newer than the table of ends of life");
        return out.support(SUPPORTED, place(claim));
    };
    let left = until.days_since(today);
    let (severity, message, claim) = if left < 0 {
        let message = format!("Python {version} has had no fixes since {until}");
        (META.severity, message, "past its end of life")
    } else if left <= SOON_DAYS {
        (Severity::Low, format!("Python {version} gets fixes only until {until}"), "close to its end of life")
    } else {
        let claim = format!("Python {version} gets fixes until {until}");
        return out.support(SUPPORTED, place(claim));
    };
    // What a deployment file says binds more than a developer's file.
    let severity = if layer >= Layer::Deploy { severity } else { severity.min(Severity::Medium) };
    let finding = Finding::new(META.id, severity, META.confidence, place(claim.to_owned()), message);
    out.fail(finding.with_fix(Fix::advice("move to a version of Python that gets fixes, and test with it")));
}

/// Nothing says what production runs; what the project admits is at least a bound.
fn by_requirement(project: &Project<'_>, today: Date, out: &mut Assessment) {
    let mut said = false;
    for manifest in
        project.packages.manifests.iter().filter(|manifest| manifest.audience == Audience::Production)
    {
        let Some((specifiers, range)) = &manifest.manifest.requires_python else { continue };
        let admitted = Target::pythons_admitted(specifiers);
        let Some((major, minor)) = admitted.first().copied() else { continue };
        said = true;
        let span = Span { file: manifest.file, range: *range };
        let ended = end_of_life("python", &format!("{major}.{minor}")).filter(|until| *until < today);
        match ended {
            Some(until) => {
                let message = format!(
                    "the project admits Python {major}.{minor}, which has had no fixes since {until}"
                );
                let place = at(span, "the oldest version that is admitted");
                let finding = Finding::new(META.id, Severity::Low, META.confidence, place, message);
                out.fail(finding.with_fix(Fix::advice("admit only versions of Python that get fixes")));
            }
            None => out.support(SUPPORTED, at(span, format!("Python {major}.{minor} or newer is asked for"))),
        }
    }
    if !said {
        out.gap(
            SUPPORTED,
            Gap::new(
                "the version of Python is not declared",
                "say it in the Dockerfile or in `requires-python`",
            ),
        );
    }
}
