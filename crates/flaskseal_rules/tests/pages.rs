//! Every rule page is its own test: the projects in it give just the findings that it announces. The pages below
//! `tests/flow` are tests of how request data is followed, through the findings of one rule.
#![allow(clippy::disallowed_methods, reason = "a test that reads its own pages")]

use std::path::Path;

use flaskseal_core::{AppAssessment, Date, Evidence, Gap, RuleId, Severity, Tree};
use flaskseal_mdtest::{Case, Kind, Observed as Said, Page, Subject, compare};
use flaskseal_project::{BuildOptions, Project};
use flaskseal_rules::Observed;

fn page(path: &Path) -> datatest_stable::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let page = Page::parse(&text).map_err(|error| format!("{}: {error:?}", path.display()))?;
    let rule = page.title.id.ok_or("the heading names no rule")?;
    let meta = flaskseal_rules::metas().find(|meta| meta.id == rule).ok_or("no rule has this id")?;
    assert_eq!(page.title.name, meta.name, "the page's heading has the rule's name");
    let mut problems = Vec::new();
    for case in &page.cases {
        if let Err(difference) = check(case, rule) {
            problems.push(format!("### {}\n{difference}", case.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n\n").into()) }
}

/// A page about the way of request data: the shell minds most characters, so FS404 sees where it arrives.
fn flow_page(path: &Path) -> datatest_stable::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let page = Page::parse(&text).map_err(|error| format!("{}: {error:?}", path.display()))?;
    let problems: Vec<String> = page
        .cases
        .iter()
        .filter_map(|case| {
            let rule = if case.name.starts_with("Paths") { 411 } else { 404 };
            let difference = check(case, RuleId::new(rule)).err()?;
            Some(format!("### {}\n{difference}", case.name))
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n\n").into()) }
}

fn check(case: &Case, rule: RuleId) -> Result<(), String> {
    let tree = case.tree();
    let parsed = flaskseal_project::parse(&tree);
    let run = case.run.clone().unwrap_or_default();
    let env: String = run.env.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    let options = BuildOptions {
        entries: run.entry.into_iter().collect(),
        env_files: if env.is_empty() { Vec::new() } else { vec![(env, "the page".to_owned())] },
        env_complete: run.complete,
        today: Date::new(2026, 11, 24),
        ..BuildOptions::default()
    };
    let project = Project::build(&tree, &parsed, &options);
    let apps = flaskseal_rules::assess(&project, &Observed::default(), &|id| id == rule);
    compare(case, &observe(&tree, apps, case))
}

/// What the rule said, once per place; the worst severity of several starts. Trails, support and gaps count where
/// the case speaks of them.
fn observe(tree: &Tree, apps: Vec<AppAssessment>, case: &Case) -> Vec<Said> {
    let mut observed: Vec<Said> = Vec::new();
    let speaks = |kind: Kind| case.expectations.iter().any(|expectation| expectation.kind == kind);
    let at = |span: Option<flaskseal_core::Span>| match span {
        Some(span) => {
            let file = tree.file(span.file);
            let (start, end) = (file.place(span.range.start), file.place(span.range.end));
            let end = if end.line == start.line { end.column } else { start.column };
            (file.path.to_string(), start.line, start.column, end)
        }
        None => (String::new(), 0, 0, 0),
    };
    let mut push = |span, kind, rule, severity: Option<Severity>, confidence, message: String| {
        let (path, line, column_start, column_end) = at(span);
        let known = observed.iter_mut().find(|known| {
            known.path == path
                && known.line == line
                && known.column_start == column_start
                && known.kind == kind
                && known.rule == rule
                && (kind == Kind::Finding || known.message == message)
        });
        match known {
            Some(known) => known.severity = known.severity.max(severity),
            None => observed.push(Said {
                path,
                line,
                column_start,
                column_end,
                kind,
                rule,
                severity,
                confidence,
                message,
            }),
        }
    };
    for app in apps {
        for finding in app.assessment.findings {
            let rule = Subject::Rule(finding.rule);
            let message = format!("{} {}", finding.message, finding.primary.claim);
            push(
                finding.primary.span,
                Kind::Finding,
                rule,
                Some(finding.severity),
                Some(finding.confidence),
                message,
            );
            if speaks(Kind::Trail) {
                for Evidence { span, claim, .. } in finding.trail {
                    push(span, Kind::Trail, rule, None, None, claim);
                }
            }
        }
        if speaks(Kind::Support) {
            for (control, Evidence { span, claim, .. }) in app.assessment.support {
                push(span, Kind::Support, Subject::Control(control), None, None, claim);
            }
        }
        if speaks(Kind::Gap) {
            for (control, Gap { span, reason, .. }) in app.assessment.gaps {
                push(span, Kind::Gap, Subject::Control(control), None, None, reason);
            }
        }
    }
    observed
}

datatest_stable::harness! {
    { test = page, root = "src", pattern = r"fs\d+_\w+\.md$" },
    { test = flow_page, root = "tests/flow", pattern = r"\.md$" },
}
