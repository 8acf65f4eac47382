//! The rules: a folder per checklist item, a pair of files per rule.

use flaskseal_core::{
    AppAssessment, Assessment, ControlId, EntryReport, FileId, Gap, Layer, RuleId, RuleMeta,
};
use flaskseal_live::Live;
use flaskseal_project::host::Host;
use flaskseal_project::{Context, Project};
use rayon::prelude::*;

mod access;
mod answer;
mod by_file;
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
mod layers;
mod nginx;

mod purpose;
mod reach;
mod secret;
mod served;
mod session;
mod session_cookie;
mod token;
mod view;
mod vocabulary;

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

    /// Reads what was seen of the host besides its files: sockets, processes, modes. The files themselves are read like
    /// those of a tree, by `check_deployment`, for rules that name the layer.
    fn check_host(&self, _host: &HostView<'_>, _project: &Project<'_>, _out: &mut Assessment) {}

    /// Reads what the running site showed. `starts` are those of the application that the site belongs to; none where
    /// the site is all that is known. Support says that the rule's whole question is answered: it overrules what the
    /// rule found in files.
    fn check_live(&self, _live: &Live<'_>, _starts: &[Context<'_>], _out: &mut Assessment) {}
}

/// What was observed besides the tree.
#[derive(Clone, Copy, Default)]
pub struct Observed<'a> {
    pub host: Option<&'a HostView<'a>>,
    pub live: Option<&'a Live<'a>>,
}

/// A host, as it was seen.
pub struct HostView<'a> {
    /// Its files, read as a tree of their own.
    pub project: &'a Project<'a>,
    /// What was seen besides.
    pub facts: &'a Host,
    /// The id of the first of these files in the tree that the report is about.
    pub first: FileId,
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

/// Runs the selected rules on every start of every application of the project, and on what was observed of it. A
/// running site counts for the project's one application; where there are several it is judged by itself, since
/// nothing says whose it is.
pub fn assess(
    project: &Project<'_>,
    observed: &Observed<'_>,
    selected: &(dyn Fn(RuleId) -> bool + Sync),
) -> Vec<AppAssessment> {
    let rules: Vec<&'static dyn Rule> = rules().filter(|rule| selected(rule.meta().id)).collect();
    // What each rule says of all applications together.
    let whole: Vec<Assessment> = rules
        .par_iter()
        .map(|rule| {
            let mut declared = Assessment::default();
            rule.check_deployment(project, &mut declared);
            rule.check_templates(project, &mut declared);
            declared
        })
        .collect();
    let seen: Vec<Assessment> = rules
        .par_iter()
        .map(|rule| observed.host.map(|host| on_host(*rule, host, project)).unwrap_or_default())
        .collect();
    let live = observed.live.filter(|_| project.apps.len() < 2);
    let mut apps = Vec::new();
    if project.apps.is_empty() {
        let live = on_site(&rules, live, &[]);
        let mut nothing = nothing_followed(&rules, &decided(&rules, &live));
        for (((rule, mut declared), seen), live) in rules.iter().zip(whole.clone()).zip(&seen).zip(live) {
            layers::settle(&mut declared, seen.clone(), rule.meta());
            layers::settle(&mut declared, live, rule.meta());
            nothing.assessment.absorb(declared);
        }
        apps.push(nothing);
    }
    apps.extend(project.apps.iter().map(|app| {
        let contexts: Vec<Context<'_>> = project.contexts(app).collect();
        let pairs: Vec<(usize, &Context<'_>)> =
            contexts.iter().flat_map(|context| (0..rules.len()).map(move |rule| (rule, context))).collect();
        let assessments: Vec<Assessment> = pairs
            .par_iter()
            .map(|(rule, context)| {
                let mut assessment = Assessment::default();
                rules[*rule].check(context, &mut assessment);
                assessment
            })
            .collect();
        let mut by_rule = whole.clone();
        for ((rule, _), assessment) in pairs.iter().zip(assessments) {
            by_rule[*rule].absorb(assessment);
        }
        let live = on_site(&rules, live, &contexts);
        let mut total = Assessment::default();
        for (((rule, mut declared), seen), live) in rules.iter().zip(by_rule).zip(&seen).zip(live) {
            layers::settle(&mut declared, seen.clone(), rule.meta());
            layers::settle(&mut declared, live, rule.meta());
            total.absorb(declared);
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
    }));
    if live.is_none() {
        apps.extend(observed.live.map(|live| site(live, &rules)));
    }
    apps
}

/// Runs the selected rules on what a running site showed, without any source.
pub fn assess_site(live: &Live<'_>, selected: &dyn Fn(RuleId) -> bool) -> AppAssessment {
    let rules: Vec<&'static dyn Rule> = rules().filter(|rule| selected(rule.meta().id)).collect();
    site(live, &rules)
}

fn site(live: &Live<'_>, rules: &[&'static dyn Rule]) -> AppAssessment {
    let seen = on_site(rules, Some(live), &[]);
    let decided = decided(rules, &seen);
    let mut assessment = Assessment::default();
    for seen in seen {
        assessment.absorb(seen);
    }
    // What a site shows from outside is not the whole of a control.
    for control in rules.iter().flat_map(|rule| rule.meta().controls) {
        let is_open = !decided.contains(control)
            && !assessment.gaps.iter().any(|(known, _)| known == control)
            && !assessment.not_applicable.iter().any(|(known, _)| known == control);
        if is_open {
            assessment.gap(*control, Gap::new("the site alone does not show it", ""));
        }
    }
    let entry = EntryReport {
        display: live.site.url.to_string(),
        span: None,
        found_by: "the running site".to_owned(),
    };
    AppAssessment { name: live.site.host().to_owned(), entries: vec![entry], assessment }
}

/// What each rule sees of the site; nothing where there is none.
fn on_site(rules: &[&'static dyn Rule], live: Option<&Live<'_>>, starts: &[Context<'_>]) -> Vec<Assessment> {
    let see = |rule: &&'static dyn Rule| {
        let mut seen = Assessment::default();
        if let Some(live) = live {
            rule.check_live(live, starts, &mut seen);
        }
        seen
    };
    rules.iter().map(see).collect()
}

/// The controls that what each rule saw decides.
fn decided(rules: &[&'static dyn Rule], seen: &[Assessment]) -> Vec<ControlId> {
    let of_rule = |(rule, seen): (&&'static dyn Rule, &Assessment)| {
        let found = if seen.findings.is_empty() { &[] } else { rule.meta().controls };
        let proved = seen.support.iter().map(|(control, _)| *control);
        found.iter().copied().chain(proved).collect::<Vec<_>>()
    };
    rules.iter().zip(seen).flat_map(of_rule).collect()
}

/// What a rule sees on the host: its files, read like those of a tree, and the facts beside them.
fn on_host(rule: &dyn Rule, host: &HostView<'_>, project: &Project<'_>) -> Assessment {
    let mut seen = Assessment::default();
    if rule.meta().layers.contains(&Layer::Host) {
        rule.check_deployment(host.project, &mut seen);
        rule.check_host(host, project, &mut seen);
        seen.observed(Layer::Host, host.first);
    }
    seen
}

/// There is Flask in the tree, and no application of it could be followed: nothing was judged, and nothing passes.
fn nothing_followed(rules: &[&'static dyn Rule], decided: &[ControlId]) -> AppAssessment {
    let mut assessment = Assessment::default();
    for control in rules.iter().flat_map(|rule| rule.meta().controls) {
        if decided.contains(control) {
            continue;
        }
        let gap =
            Gap::new("no Flask application could be followed", "name it with `--entry MODULE:CALLABLE`");
        if !assessment.gaps.iter().any(|(known, _)| known == control) {
            assessment.gap(*control, gap);
        }
    }
    AppAssessment { name: String::new(), entries: Vec::new(), assessment }
}
