//! FS601: a version that production installs is affected by a published advisory.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Flaw, Flaws, Gap, Layer, RuleId,
    RuleMeta, Severity,
};
use flaskseal_project::deps::{
    Advisory, Condition, FRESH_DAYS, Source, Version, affecting, condition_of, fixed_versions,
};
use flaskseal_project::semantic::{Fact, FactKind};
use flaskseal_project::{Context, Package, Project, Reach, Upgrade};

use super::applicable::{UPDATE, at, declares_packages, display, listed_in, unreadable};
use super::{CLEAN, FRESH};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(601),
    name: "vulnerable-dependency",
    summary: "A package version that production installs is affected by a published advisory.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[CLEAN],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[1395],
    owasp: Some("A06~"),
    asvs: &["V15.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs601_vulnerable_dependency.md"),
};

pub(crate) struct VulnerableDependency;

impl Rule for VulnerableDependency {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if !declares_packages(project, CLEAN, out) {
            if project.has_flask() {
                let gap =
                    || Gap::new("the tree does not say which packages are installed", "add a lock file");
                out.gap(CLEAN, gap());
            }
            freshness(project, out);
            return;
        }
        freshness(project, out);
        let mut checked = 0;
        let mut unversioned: Vec<&str> = Vec::new();
        let mut uncovered: Vec<&str> = Vec::new();
        let mut local = 0;
        for package in project.packages.in_production() {
            if matches!(package.source, Source::Path(_) | Source::Project) || package.name.is_empty() {
                local += 1;
                continue;
            }
            let Some(version) = &package.version else {
                unversioned.push(&package.name);
                continue;
            };
            if !project.advisories.covers(&package.name) {
                uncovered.push(&package.name);
            }
            checked += 1;
            let known = project.advisories.lookup(&package.name);
            match known.and_then(|known| Ok((known, project.advisories.yanked(&package.name)?))) {
                Ok((advisories, yanked)) => {
                    let upgrade = package.upgrade(&advisories, &yanked);
                    let affecting = affecting(advisories, version);
                    if !affecting.is_empty() {
                        out.fail(finding(project, package, version, &affecting, upgrade.as_ref()));
                    }
                }
                Err(error) => {
                    out.gap(CLEAN, unreadable(&error));
                    return;
                }
            }
        }
        conclude(project, checked, &unversioned, &uncovered, local, out);
    }
}

fn freshness(project: &Project<'_>, out: &mut Assessment) {
    let provenance = project.advisories.provenance();
    let what = source_of(project);
    let (Some(today), Ok(date)) = (project.today, provenance.date.parse()) else {
        out.gap(FRESH, Gap::new(format!("the age of {what} is not known"), UPDATE));
        return;
    };
    let age = today.days_since(date);
    if age > FRESH_DAYS {
        out.gap(FRESH, Gap::new(format!("{what} is {age} days old"), UPDATE));
    } else {
        out.support(FRESH, Evidence::general(Layer::Deps, format!("{what} is {} days old", age.max(0))));
    }
}

/// The database, for people.
fn source_of(project: &Project<'_>) -> String {
    let provenance = project.advisories.provenance();
    if project.advisories.is_core() {
        format!("the built-in table of advisories ({})", provenance.source)
    } else {
        format!("the advisory database ({}, {} advisories)", provenance.date, provenance.advisories)
    }
}

fn conclude(
    project: &Project<'_>,
    checked: usize,
    unversioned: &[&str],
    uncovered: &[&str],
    local: usize,
    out: &mut Assessment,
) {
    if !unversioned.is_empty() {
        let reason = format!("no exact version is known of {}", named(unversioned));
        out.gap(CLEAN, Gap::new(reason, "lock the versions"));
    }
    if !uncovered.is_empty() {
        let covered = checked - uncovered.len();
        let reason = format!("{} covers {covered} of {checked} packages", source_of(project));
        out.gap(CLEAN, Gap::new(reason, UPDATE));
    }
    let of_the_project =
        if local > 0 { format!(", {local} of the project itself left out") } else { String::new() };
    let claim = format!(
        "{checked} packages of {} compared with {}{of_the_project}",
        listed_in(project),
        source_of(project)
    );
    out.support(CLEAN, Evidence::general(Layer::Deps, claim));
}

fn named(names: &[&str]) -> String {
    match names {
        [one] => format!("`{one}`"),
        [first, rest @ ..] => {
            format!("`{first}` and {} other package{}", rest.len(), if rest.len() == 1 { "" } else { "s" })
        }
        [] => String::new(),
    }
}

fn finding(
    project: &Project<'_>,
    package: &Package,
    version: &Version,
    advisories: &[Advisory],
    upgrade: Option<&Upgrade>,
) -> Finding {
    let reach = project.reach(package);
    let mut weighed: Vec<(Flaw, f64)> = advisories
        .iter()
        .map(|advisory| {
            let met = condition_of(advisory).and_then(|condition| is_met(project, condition));
            // One step at most, however many reasons there are (catalogue, section 1.4).
            let lower = met == Some(false) || reach.is_remote() || !package.is_certain();
            let severity = advisory.severity();
            let best = advisory.best_id();
            let others = advisory.ids().filter(|id| *id != best);
            let flaw = Flaw {
                names: std::iter::once(best).chain(others).map(str::to_owned).collect(),
                severity: if lower { severity.lowered() } else { severity },
                claim: Evidence::general(Layer::Deps, described(advisory, version, met)),
            };
            (flaw, advisory.score.as_ref().map_or(0.0, |score| score.value))
        })
        .collect();
    weighed.sort_by(|(a, a_score), (b, b_score)| {
        b.severity.cmp(&a.severity).then(b_score.total_cmp(a_score)).then(a.names.cmp(&b.names))
    });
    let list = weighed.into_iter().map(|(flaw, _)| flaw).collect();
    let flaws = Flaws { thing: format!("`{}`", display(package)), list };
    let place = match upgrade {
        Some(upgrade) => format!("fixed in {}", upgrade.version),
        None => "no fixed version is known".to_owned(),
    };
    let mut trail: Vec<Evidence> = Vec::new();
    if !package.path.is_empty() {
        let claim = format!("wanted by {}", package.path.join(" > "));
        trail.push(Evidence::general(Layer::Deps, claim));
    }
    trail.push(reach_evidence(&reach));
    for marker in &package.undecided {
        let when = marker.describe(&project.packages.target);
        let claim = format!("installed only where this holds, which is not known: {when}");
        trail.push(Evidence::general(Layer::Deps, claim));
    }
    trail.push(Evidence::general(Layer::Deps, format!("according to {}", source_of(project))));
    Finding::of_flaws(META.id, META.confidence, at(package.span, place), flaws)
        .with_trail(trail)
        .with_fix(Fix::advice(advice(package, advisories, upgrade)))
}

/// One advisory in a line: all names, how bad, fixed from when on, and the condition under which it matters.
fn described(advisory: &Advisory, version: &Version, met: Option<bool>) -> String {
    let best = advisory.best_id();
    let others: Vec<&str> = advisory.ids().filter(|id| *id != best).collect();
    let mut text = best.to_owned();
    if !others.is_empty() {
        text = format!("{text} ({})", others.join(", "));
    }
    if !advisory.summary.is_empty() {
        text = format!("{text}: {}", advisory.summary);
    }
    text = match (&advisory.score, &advisory.word) {
        (Some(score), _) => format!("{text}; CVSS {:.1}", score.value),
        (None, Some(word)) => format!("{text}; severity {word}"),
        (None, None) => format!("{text}; severity unknown"),
    };
    let fixed = fixed_versions(advisory, version);
    let fixed: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    text = if fixed.is_empty() {
        format!("{text}; not fixed")
    } else {
        format!("{text}; fixed in {}", fixed.join(", "))
    };
    if let Some(condition) = condition_of(advisory) {
        let is = match met {
            Some(true) => "which is so here",
            Some(false) => "which is not so here",
            None => "which is not known",
        };
        text = format!("{text}; matters only where {}, {is}", condition.describe());
    }
    text
}

fn reach_evidence(reach: &Reach) -> Evidence {
    match reach {
        Reach::Imported(span) => Evidence::at(Layer::Source, *span, "production imports it"),
        Reach::Through(parent, Some(span)) => {
            Evidence::at(Layer::Source, *span, format!("production uses it through `{parent}`"))
        }
        Reach::Through(parent, None) => {
            Evidence::general(Layer::Source, format!("production uses it through `{parent}`"))
        }
        Reach::Started => Evidence::general(Layer::Source, "production starts or loads it without an import"),
        Reach::Elsewhere(span) => Evidence::at(
            Layer::Source,
            *span,
            "only code imports it that production does not load: one step lower",
        ),
        Reach::Tests(span) => Evidence::at(Layer::Source, *span, "only tests import it: one step lower"),
        Reach::Nowhere => Evidence::general(Layer::Source, "nothing in the tree imports it: one step lower"),
        Reach::Unknown => {
            Evidence::general(Layer::Source, "no application was followed, so its use is not known")
        }
    }
}

/// The version to move to, how, and what that closes.
fn advice(package: &Package, advisories: &[Advisory], upgrade: Option<&Upgrade>) -> String {
    let name = &package.name;
    let Some(Upgrade { version, obstacles }) = upgrade else {
        return format!("replace `{name}`, or find out whether the flaw can be reached");
    };
    let closes = match advisories.len() {
        1 => "",
        _ => ": nothing known affects it",
    };
    if !obstacles.is_empty() {
        let listed: Vec<String> = obstacles.iter().map(|obstacle| obstacle.describe(name)).collect();
        let stand = if listed.len() == 1 { "stands" } else { "stand" };
        return format!(
            "allow `{name}` {version} or newer{closes}; {} {stand} in the way",
            listed.join(" and ")
        );
    }
    match package.path.first() {
        Some(parent) if package.locked => {
            format!("lock `{name}` {version} or newer, which `{parent}` brings along{closes}")
        }
        _ => format!("install `{name}` {version} or newer{closes}"),
    }
}

/// Whether the condition holds in production; `None` where that is not known.
fn is_met(project: &Project<'_>, condition: &Condition) -> Option<bool> {
    let contexts: Vec<Context<'_>> = project.apps.iter().flat_map(|app| project.contexts(app)).collect();
    if contexts.is_empty() || contexts.iter().any(|cx| cx.entry.guessed) {
        return None;
    }
    match condition {
        Condition::Debugger => {
            let is_off = |cx: &Context<'_>| {
                let debug = cx.setting_by_default("DEBUG");
                let off = matches!(debug, Fact { kind: FactKind::Bool(false) | FactKind::Absent, .. });
                off && !cx.runs_development_server() && !cx.has_call("werkzeug.debugger")
            };
            Some(!contexts.iter().all(is_off))
        }
        Condition::DevelopmentServer => Some(contexts.iter().any(Context::runs_development_server)),
        Condition::Windows => project.packages.target.linux.then_some(false),
        Condition::Forms => mentioned(project, &["form", "files", "values", "get_data"]),
        Condition::Sandbox => mentioned(project, &["SandboxedEnvironment"]),
        Condition::Word(word) => mentioned(project, &[word]),
    }
}

/// Whether a file that production loads, or any template, holds one of the words. A library may hold it where the
/// application does not, so its absence lowers a severity and never silences.
fn mentioned(project: &Project<'_>, words: &[&str]) -> Option<bool> {
    let loaded = project.apps.iter().flat_map(|app| &app.starts).flat_map(|start| &start.evaluation.loaded);
    let has = |text: &str| words.iter().any(|word| text.contains(word));
    let in_code = loaded.clone().any(|file| has(&project.tree.file(*file).text));
    let is_template = |path: &str| {
        [".html", ".jinja", ".jinja2", ".j2", ".xml", ".txt"].iter().any(|ending| path.ends_with(ending))
    };
    let in_templates = || project.tree.files.iter().any(|file| is_template(&file.path) && has(&file.text));
    Some(in_code || in_templates())
}
