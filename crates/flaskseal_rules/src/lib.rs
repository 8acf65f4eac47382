//! The rules: a folder per checklist item, a pair of files per rule.

use flaskseal_core::{AppAssessment, Assessment, EntryReport, Gap, RuleId, RuleMeta};
use flaskseal_project::{Context, Project};
use rayon::prelude::*;

mod access;
mod answer;
mod code;
mod credential;
mod debug;
mod deps;
mod flow;
mod headers;
mod host;
mod https;
mod identity;
mod input;
mod nginx;
mod purpose;
mod reach;
mod secret;
mod session;
mod session_cookie;
mod token;
mod view;

/// One numbered check.
pub trait Rule: Sync {
    fn meta(&self) -> &'static RuleMeta;

    /// Reads what is known of one start and writes down what follows. No I/O, no state, no order among rules.
    fn check(&self, _cx: &Context<'_>, _out: &mut Assessment) {}

    /// Reads what the deployment files say by themselves, whatever is started and whether or not anything is: asked
    /// once for a project. What it concludes counts for every application of it.
    fn check_deployment(&self, _project: &Project<'_>, _out: &mut Assessment) {}

    /// Reads the templates, with what all starts of all applications hand over to them: asked once for a project, as
    /// above.
    fn check_templates(&self, _project: &Project<'_>, _out: &mut Assessment) {}
}

/// Every rule, by id.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    let items: [&'static [&'static dyn Rule]; 7] =
        [debug::RULES, https::RULES, session::RULES, input::RULES, headers::RULES, deps::RULES, host::RULES];
    items.into_iter().flatten().copied()
}

/// Every rule's metadata, by id.
pub fn metas() -> impl Iterator<Item = &'static RuleMeta> {
    rules().map(Rule::meta)
}

/// Runs the selected rules on every start of every application of the project.
pub fn assess(project: &Project<'_>, selected: &(dyn Fn(RuleId) -> bool + Sync)) -> Vec<AppAssessment> {
    let rules: Vec<&'static dyn Rule> = rules().filter(|rule| selected(rule.meta().id)).collect();
    let mut deployment = Assessment::default();
    for rule in &rules {
        rule.check_deployment(project, &mut deployment);
        rule.check_templates(project, &mut deployment);
    }
    if project.apps.is_empty() {
        let mut nothing = nothing_followed(&rules);
        nothing.assessment.absorb(deployment);
        return vec![nothing];
    }
    project
        .apps
        .iter()
        .map(|app| {
            let contexts: Vec<Context<'_>> = project.contexts(app).collect();
            let pairs: Vec<(&Context<'_>, &dyn Rule)> =
                contexts.iter().flat_map(|context| rules.iter().map(move |rule| (context, *rule))).collect();
            let assessments: Vec<Assessment> = pairs
                .par_iter()
                .map(|(context, rule)| {
                    let mut assessment = Assessment::default();
                    rule.check(context, &mut assessment);
                    assessment
                })
                .collect();
            let mut total = deployment.clone();
            for assessment in assessments {
                total.absorb(assessment);
            }
            let entries = app
                .starts
                .iter()
                .map(|start| EntryReport {
                    display: start.entry.display.clone(),
                    span: start.entry.span,
                    found_by: start.entry.found_by.clone(),
                })
                .collect();
            AppAssessment { name: app.name.clone(), entries, assessment: total }
        })
        .collect()
}

/// There is Flask in the tree, and no application of it could be followed: nothing was judged, and nothing passes.
fn nothing_followed(rules: &[&'static dyn Rule]) -> AppAssessment {
    let mut assessment = Assessment::default();
    for control in rules.iter().flat_map(|rule| rule.meta().controls) {
        let gap =
            Gap::new("no Flask application could be followed", "name it with `--entry MODULE:CALLABLE`");
        if !assessment.gaps.iter().any(|(known, _)| known == control) {
            assessment.gap(*control, gap);
        }
    }
    AppAssessment { name: String::new(), entries: Vec::new(), assessment }
}
