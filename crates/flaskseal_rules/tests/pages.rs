//! Every rule page is its own test: the projects in it give just the findings that it announces. The pages below
//! `tests/flow` are tests of how request data is followed, through the findings of one rule.
#![allow(clippy::disallowed_methods, reason = "a test that reads its own pages")]

use std::collections::BTreeMap;
use std::path::Path;

use flaskseal_core::{
    AppAssessment, Blind, Date, Evidence, FileId, Gap, Kind as FileKind, Machine, RuleId, Severity,
    SourceFile, Status, Tree,
};
use flaskseal_live::{Live, Site};
use flaskseal_mdtest::{Case, Kind, Observed as Said, Page, Subject, compare};
use flaskseal_project::{BuildOptions, Project};
use flaskseal_rules::{HostView, Observed};

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
    let (mut tree, machine) = apart(case);
    let environment = case.files.iter().find(|(path, _)| path == ENVIRONMENT);
    tree.observe(environment.map(|(path, text)| SourceFile::new(path.as_str(), text.as_str())));
    let parsed = flaskseal_project::parse(&tree);
    let run = case.run.clone().unwrap_or_default();
    let env: String = run.env.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    let options = BuildOptions {
        entries: run.entry.into_iter().collect(),
        env_files: if env.is_empty() { Vec::new() } else { vec![(env, "the page".to_owned())] },
        env_complete: run.complete,
        today: Date::new(2026, 11, 24),
        environment: environment.map(|(path, _)| path.clone()),
        ..BuildOptions::default()
    };
    let project = Project::build(&tree, &parsed, &options);
    let facts = machine.map(|machine| flaskseal_project::host::observe(&machine)).unwrap_or_default();
    let texts = facts.tree();
    let parsed_host = flaskseal_project::parse(&texts);
    let of_host = Project::of_host(&texts, &parsed_host, &options);
    let first = FileId((tree.files.len() + tree.observed.len()) as u32);
    let view = HostView { project: &of_host, facts: &facts, first };
    let seen = case.files.iter().any(|(path, _)| path.starts_with(HOST));
    let answers = case.observed();
    let site = if answers.is_empty() { None } else { Some(Site::from_transcripts(&answers)?) };
    let live = site.as_ref().map(|site| Live::new(site, tree.answered(Live::texts(site))));
    let selected = |id| id == rule;
    let apps = match &live {
        // A site without source is judged by itself.
        Some(live) if tree.files.is_empty() => vec![flaskseal_rules::assess_site(live, &selected)],
        live => {
            let observed = Observed { host: seen.then_some(&view), live: live.as_ref() };
            flaskseal_rules::assess(&project, &observed, &selected)
        }
    };
    tree.observe(facts.shown());
    compare(case, &observe(&tree, apps, case))
}

/// The metadata of an installed environment.
const ENVIRONMENT: &str = "@environment";

/// What the paths of a host's files begin with.
const HOST: &str = "@host/";

/// The project of a case, and the machine that its `@host/` blocks make.
fn apart(case: &Case) -> (Tree, Option<Image>) {
    let (host, own): (Vec<_>, Vec<_>) =
        case.files.iter().cloned().partition(|(path, _)| path.starts_with(HOST));
    let machine = (!host.is_empty()).then(|| Image::of(&host));
    (Tree::from_texts(own.into_iter().filter(|(path, _)| path != ENVIRONMENT)), machine)
}

/// A machine in memory. `@host/modes` has lines `0640 998:998 /srv/shop/.env`; a path ends in `/` for a folder, and what
/// has no line is root's, with 0644 and 0755. `@host/links` has lines `/proc/7/fd/3 socket:[12]`.
struct Image {
    files: BTreeMap<String, (String, Status)>,
    links: BTreeMap<String, String>,
}

impl Image {
    fn of(blocks: &[(String, String)]) -> Self {
        let status = |kind, mode, owner, group| Status { kind, mode, owner, group, size: 0, modified: 0 };
        let mut image = Self { files: BTreeMap::new(), links: BTreeMap::new() };
        let mut put = |path: &str, text: &str, status: Status| {
            for (at, _) in path.match_indices('/') {
                let folder = if at == 0 { "/" } else { &path[..at] };
                let known = Status { kind: FileKind::Folder, mode: 0o755, owner: 0, group: 0, ..status };
                image.files.entry(folder.to_owned()).or_insert((String::new(), known));
            }
            let text =
                image.files.get(path).map_or(text, |(known, _)| if text.is_empty() { known } else { text });
            let text = text.to_owned();
            image.files.insert(path.to_owned(), (text, status));
        };
        let is_table = |path: &str| matches!(path, "@host/modes" | "@host/links");
        for (path, text) in blocks.iter().filter(|(path, _)| !is_table(path)) {
            put(&path[HOST.len() - 1..], text, status(FileKind::File, 0o644, 0, 0));
        }
        for (_, text) in blocks.iter().filter(|(path, _)| path == "@host/modes") {
            for line in text.lines() {
                let [mode, owners, path] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let (owner, group) = owners.split_once(':').expect("owner:group");
                let kind = if path.ends_with('/') { FileKind::Folder } else { FileKind::File };
                let mode = u32::from_str_radix(mode, 8).expect("an octal mode");
                let id = |text: &str| text.parse().expect("a number");
                let status = status(kind, mode, id(owner), id(group));
                put(path.trim_end_matches('/'), "", status);
            }
        }
        for (_, text) in blocks.iter().filter(|(path, _)| path == "@host/links") {
            let pairs = text.lines().filter_map(|line| line.split_once(' '));
            image.links.extend(pairs.map(|(path, target)| (path.to_owned(), target.to_owned())));
        }
        image
    }
}

impl Machine for Image {
    fn read(&self, path: &str, _: usize) -> Result<Vec<u8>, Blind> {
        match self.files.get(path).ok_or(Blind::Missing)? {
            (text, status) if status.kind == FileKind::File => Ok(text.clone().into_bytes()),
            _ => Err(Blind::Special),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Blind> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let all = self.files.keys().chain(self.links.keys());
        let mut names: Vec<String> = all
            .filter_map(|path| path.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() && !self.files.contains_key(folder) { Err(Blind::Missing) } else { Ok(names) }
    }

    fn status(&self, path: &str) -> Result<Status, Blind> {
        self.files.get(path).map(|(_, status)| *status).ok_or(Blind::Missing)
    }

    fn link(&self, path: &str) -> Result<String, Blind> {
        self.links.get(path).cloned().ok_or(Blind::Missing)
    }
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
            let path = if file.path.starts_with('/') {
                format!("@host{}", file.path)
            } else {
                file.path.to_string()
            };
            (path, start.line, start.column, end)
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
                && (kind == Kind::Finding && !known.path.is_empty() || known.message == message)
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
