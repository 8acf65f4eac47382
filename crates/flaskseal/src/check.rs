//! One run of the gate: a request becomes a tree, the tree becomes a report.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use flaskseal_core::{
    FileId, GateReport, Ledger, LedgerEntry, LedgerKind, RuleId, RuleMeta, SourceFile, TextRange, Tree,
};
use flaskseal_judge::{Baseline, Date, Policy};
use flaskseal_live::{Live, Site, Watch};
use flaskseal_probe::Route;
use flaskseal_project::host::Host;
use flaskseal_project::{BuildOptions, Project};
use flaskseal_rules::{HostView, Observed};
use flaskseal_system::{DiscoverOptions, HostRoot, InputError};

use crate::arguments::ProjectArguments;
use crate::configuration::Configuration;
use crate::database;
use crate::selection::Selection;

/// Everything that a run depends on, besides the tree itself.
pub struct Request {
    pub root: PathBuf,
    pub discover: DiscoverOptions,
    pub build: BuildOptions,
    /// An installed environment to look into.
    pub environment: Option<PathBuf>,
    pub selection: Selection,
    pub policy: Policy,
    pub baseline: Option<Baseline>,
    /// The root folder of the machine to look at.
    pub host: Option<PathBuf>,
    pub today: Date,
    /// Judge a tree in which nothing looks like Flask.
    pub force: bool,
    /// What the report should tell about the run itself.
    pub notes: Vec<String>,
}

/// What a run came to.
pub struct Outcome {
    pub tree: Tree,
    pub report: GateReport,
    /// The rules that ran.
    pub rules: Vec<&'static RuleMeta>,
}

/// There is nothing to judge: bad input, unless forced (catalogue, section 1.1).
#[derive(thiserror::Error, Debug)]
#[error(
    "no Flask application found under {root}: {seen}\n  name its entry with `--entry MODULE:CALLABLE`, or judge the \
     tree all the same with `--force`"
)]
pub struct NothingToJudge {
    root: String,
    seen: String,
}

impl Request {
    /// Reads what the configuration names: environment files and the clock.
    pub fn new(
        configuration: &Configuration,
        arguments: &ProjectArguments,
        baseline: Option<Baseline>,
    ) -> anyhow::Result<Self> {
        let env_files = configuration
            .env_file
            .value
            .iter()
            .map(|path| Ok((flaskseal_system::read_to_string(path)?, path.display().to_string())))
            .collect::<Result<_, InputError>>()
            .context("an environment file cannot be used")?;
        let models = configuration
            .models
            .value
            .iter()
            .map(|path| Ok((path.display().to_string(), flaskseal_system::read_to_string(path)?)))
            .collect::<Result<Vec<_>, InputError>>()
            .context("a file of models cannot be used")?;
        if !models.is_empty() {
            flaskseal_project::models::Models::add(&models).context("a file of models cannot be used")?;
        }
        let in_use = models.iter().map(|(name, _)| format!("what libraries do is also read from {name}"));
        let today = day(arguments.run.now)?;
        let (advisories, complaint) = database::open(arguments.db.as_deref())?;
        Ok(Self {
            root: arguments.path.clone(),
            discover: DiscoverOptions { exclude: configuration.exclude.value.clone() },
            environment: arguments.env.clone(),
            build: BuildOptions {
                environment: arguments.env.as_ref().map(|folder| format!("{}/*.dist-info", folder.display())),
                entries: configuration.entry.value.clone(),
                env_files,
                env_complete: configuration.env_complete.value,
                session_lifetime_hours: configuration.session_lifetime_hours.value,
                today: Some(today),
                advisories,
            },
            selection: configuration.selection(),
            policy: Policy {
                fail_on: configuration.fail_on.value,
                require: configuration.require.value.clone(),
                ignores: configuration.ignore.value.clone(),
                honour_inline: configuration.inline_ignores.value,
                root: arguments.path.display().to_string(),
            },
            baseline,
            host: arguments.host_root.clone().or_else(|| arguments.host.then(|| PathBuf::from("/"))),
            today,
            force: arguments.force,
            notes: configuration
                .notes
                .iter()
                .cloned()
                .chain(in_use)
                .chain(configuration.unused())
                .chain(complaint)
                .collect(),
        })
    }
}

/// The day to judge by: the one that was named, or the clock's.
pub(crate) fn day(named: Option<Date>) -> anyhow::Result<Date> {
    let today = named.or_else(|| {
        let (year, month, day) = flaskseal_system::today();
        Date::new(year, month, day)
    });
    today.context("the clock names a day that no calendar has; use --now YYYY-MM-DD")
}

/// How a running site is looked at.
#[derive(Clone, Copy)]
pub struct Look<'l> {
    /// Asks it, told which addresses the application is known to have.
    pub ask: &'l (dyn Fn(Vec<Route>) -> anyhow::Result<Site> + Sync),
    /// Is told of the search for keys.
    pub watch: Watch<'l>,
}

/// Reads the tree and judges it, with the running site where there is one to look at. `phase` is told what begins.
pub fn run(
    request: &Request,
    look: Option<Look<'_>>,
    phase: &(dyn Fn(&'static str) + Sync),
) -> anyhow::Result<Outcome> {
    phase("reading the tree");
    let mut tree = read(request)?;
    let seen = match &request.host {
        Some(root) => {
            phase("looking at the host");
            let machine = HostRoot::open(root)?;
            Some(Seen::of(flaskseal_project::host::observe(&machine), &mut tree))
        }
        None => None,
    };
    let (report, rules) = gate(&tree, seen.as_ref(), request, look, phase)?;
    Ok(Outcome { tree, report, rules })
}

/// Reads the tree, and the environment that was named beside it.
pub(crate) fn read(request: &Request) -> Result<Tree, InputError> {
    let mut tree = flaskseal_system::discover(&request.root, &request.discover)?;
    if let (Some(folder), Some(name)) = (&request.environment, &request.build.environment) {
        let text = flaskseal_system::read_environment(folder)?;
        tree.observe([SourceFile::new(name.as_str(), text)]);
    }
    Ok(tree)
}

/// A host, as it was seen, and where its texts stand in the tree that the report is about.
pub struct Seen {
    host: Host,
    texts: Tree,
    first: FileId,
}

impl Seen {
    /// Gives the texts of a host a place in the tree of the report.
    pub fn of(host: Host, tree: &mut Tree) -> Self {
        let texts = host.tree();
        let first = tree.observe(host.shown());
        Self { host, texts, first }
    }

    /// What would have mattered and could not be seen.
    fn ledger(&self) -> impl Iterator<Item = LedgerEntry> {
        self.host.unseen.iter().map(|unseen| LedgerEntry {
            kind: LedgerKind::Unreadable,
            path: format!("host: {}", unseen.what),
            span: None,
            message: unseen.why.clone(),
        })
    }
}

/// Judges what a running site showed, without a tree: pure.
pub fn judge_site(
    site: &Site,
    selection: &Selection,
    policy: &Policy,
    today: Date,
    watch: Watch<'_>,
) -> Outcome {
    let tree = Tree::default();
    let selected = |rule: RuleId| selection.selects(rule);
    let app = flaskseal_rules::assess_site(&observed(&tree, site, watch), &selected);
    let rules: Vec<&'static RuleMeta> = flaskseal_rules::metas().filter(|rule| selected(rule.id)).collect();
    let mut ledger = Ledger::default();
    note_site(site, &mut ledger);
    ledger.entries.push(LedgerEntry {
        kind: LedgerKind::Note,
        path: site.url.to_string(),
        span: None,
        message: format!(
            "what the site alone does not show needs its source: `flaskseal check PATH --url {}`",
            site.url
        ),
    });
    let report = flaskseal_judge::judge(&tree, vec![app], ledger, &rules, policy, None, today, &|_| None);
    Outcome { tree, report, rules }
}

/// Gives the site's answers their places in the tree.
fn observed<'s>(tree: &Tree, site: &'s Site, watch: Watch<'s>) -> Live<'s> {
    let mut live = Live::new(site, tree.answered(Live::texts(site)));
    live.watch = Some(watch);
    live
}

fn note_site(site: &Site, ledger: &mut Ledger) {
    ledger.answers = site.exchanges.len();
    if let Some(Ok(offer)) = &site.offer {
        let beyond: Vec<String> = flaskseal_tls::deviations(&offer.facts, site.terms.profile)
            .into_iter()
            .map(|one| one.message)
            .collect();
        let beyond = if beyond.is_empty() { "as it asks".to_owned() } else { beyond.join("; ") };
        ledger.entries.push(LedgerEntry {
            kind: LedgerKind::Note,
            path: site.url.to_string(),
            span: None,
            message: format!("TLS, judged by {}: {beyond}", flaskseal_tls::source(site.terms.profile)),
        });
    }
    ledger.entries.extend(site.missed.iter().map(|missed| LedgerEntry {
        kind: LedgerKind::Incomplete,
        path: site.url.to_string(),
        span: None,
        message: missed.clone(),
    }));
}

/// The addresses without parameters that the applications of a project have.
fn routes(project: &Project<'_>) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for app in &project.apps {
        let contexts: Vec<_> = project.contexts(app).collect();
        for route in contexts.iter().filter_map(|context| context.app).flat_map(|app| &app.routes) {
            let Some(path) = route.rule.as_str().filter(|path| path.starts_with('/') && !path.contains('<'))
            else {
                continue;
            };
            let answers_get =
                route.methods.as_ref().is_some_and(|methods| methods.iter().any(|method| method == "GET"));
            let is_known = routes.iter().any(|known| known.path == path && known.answers_get);
            if route.methods.is_some() && !is_known {
                routes.retain(|known| known.path != path);
                routes.push(Route { path: path.to_owned(), answers_get });
            }
        }
    }
    // One address that does not answer GET shows what is said to a method that is not allowed.
    let refused = routes.iter().position(|route| !route.answers_get).map(|index| routes.remove(index));
    routes.retain(|route| route.answers_get);
    refused.into_iter().chain(routes).collect()
}

/// Judges a tree, and the host that it runs on where that was seen: pure, except for the look at the running site. The
/// report is the same whatever the number of threads.
pub fn gate(
    tree: &Tree,
    seen: Option<&Seen>,
    request: &Request,
    look: Option<Look<'_>>,
    phase: &(dyn Fn(&'static str) + Sync),
) -> anyhow::Result<(GateReport, Vec<&'static RuleMeta>)> {
    phase("finding what production runs");
    let parsed = flaskseal_project::parse(tree);
    let project = Project::build(tree, &parsed, &request.build);
    // The configuration of a web server can be judged by itself, and so can templates.
    let has_web_server = !project.deployment.web.is_empty();
    let has_templates = project.templates.files.iter().any(flaskseal_project::TemplateFile::has_tags);
    let has_anything = project.has_flask() || has_web_server || has_templates || seen.is_some();
    if !has_anything && !request.force && request.build.entries.is_empty() {
        bail!(NothingToJudge { root: request.policy.root.clone(), seen: what_was_seen(tree) });
    }
    let site = look.map(|look| (look.ask)(routes(&project))).transpose()?;
    let live = site.as_ref().zip(look).map(|(site, look)| observed(tree, site, look.watch));
    phase("checking");
    let selected = |rule: RuleId| request.selection.selects(rule);
    let parsed_host = seen.map(|seen| flaskseal_project::parse(&seen.texts));
    let host_project = seen
        .zip(parsed_host.as_ref())
        .map(|(seen, parsed)| Project::of_host(&seen.texts, parsed, &request.build));
    let host = seen.zip(host_project.as_ref()).map(|(seen, project)| HostView {
        project,
        facts: &seen.host,
        first: seen.first,
    });
    let apps =
        flaskseal_rules::assess(&project, &Observed { host: host.as_ref(), live: live.as_ref() }, &selected);
    phase("judging");
    let rules: Vec<&'static RuleMeta> = flaskseal_rules::metas().filter(|rule| selected(rule.id)).collect();
    let mut ledger = project.ledger();
    if let Some(site) = &site {
        note_site(site, &mut ledger);
    }
    ledger.entries.extend(seen.iter().flat_map(|seen| seen.ledger()));
    if !project.has_flask() && (has_web_server || has_templates || seen.is_some()) {
        let judged = match (has_web_server, has_templates) {
            (false, false) => "the host is",
            (true, false) => "the configuration of the web server is",
            (false, true) => "templates are",
            (true, true) => "templates and the configuration of the web server are",
        };
        ledger.entries.push(LedgerEntry {
            kind: LedgerKind::MissingLayer,
            path: String::new(),
            span: None,
            message: format!("no Flask application was found: only {judged} judged"),
        });
    }
    ledger.entries.extend(tree.ledger.iter().cloned());
    ledger.entries.extend(request.notes.iter().map(|note| LedgerEntry {
        kind: LedgerKind::Note,
        path: String::new(),
        span: None,
        message: note.clone(),
    }));
    let comments = |file: FileId| -> Option<Vec<TextRange>> { project.comment_ranges(file) };
    let baseline = request.baseline.as_ref();
    let report = flaskseal_judge::judge(
        tree,
        apps,
        ledger,
        &rules,
        &request.policy,
        baseline,
        request.today,
        &comments,
    );
    Ok((report, rules))
}

/// One clause on what stands in a tree without Flask, and the files that might have been it.
fn what_was_seen(tree: &Tree) -> String {
    const SHOWN: usize = 5;
    let python = tree.files.iter().filter(|file| file.path.ends_with(".py")).count();
    let mut seen = match (python, tree.paths.len()) {
        (_, 0) => "no file is there".to_owned(),
        (0, _) => "no Python file was read".to_owned(),
        (1, _) => "the one Python file that was read does not use it".to_owned(),
        (count, _) => format!("none of the {count} Python files that were read uses it"),
    };
    let unread: Vec<&LedgerEntry> =
        tree.ledger.iter().filter(|entry| entry.kind == LedgerKind::Unreadable).collect();
    for entry in unread.iter().take(SHOWN) {
        let _ = write!(seen, "\n  not read: {} {}", entry.path, entry.message);
    }
    if unread.len() > SHOWN {
        let _ = write!(seen, "\n  and {} more that could not be read", unread.len() - SHOWN);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(force: bool) -> Request {
        Request {
            root: ".".into(),
            discover: DiscoverOptions::default(),
            build: BuildOptions::default(),
            environment: None,
            selection: Selection::default(),
            policy: Policy::default(),
            baseline: None,
            host: None,
            today: Date::new(2026, 9, 1).unwrap(),
            force,
            notes: vec!["a note".to_owned()],
        }
    }

    #[test]
    fn a_tree_without_flask_is_refused_and_says_what_was_seen() {
        let mut tree = Tree::from_texts([("a.py".to_owned(), "x = 1\n".to_owned())]);
        tree.ledger.extend((0..7).map(|n| LedgerEntry {
            kind: LedgerKind::Unreadable,
            path: format!("b{n}.py"),
            span: None,
            message: "is not UTF-8".to_owned(),
        }));
        let message = gate(&tree, None, &request(false), None, &|_| ()).unwrap_err().to_string();
        assert!(message.starts_with("no Flask application found under .: the one Python file"), "{message}");
        assert!(message.contains("not read: b4.py is not UTF-8\n  and 2 more"), "{message}");
        let empty = gate(&Tree::default(), None, &request(false), None, &|_| ()).unwrap_err().to_string();
        assert!(empty.contains("no file is there"), "{empty}");
    }

    #[test]
    fn a_web_server_is_judged_without_an_application_and_the_report_says_so() {
        let text = "server { location /static { alias /srv/static/; } }".to_owned();
        let tree = Tree::from_texts([("site.conf".to_owned(), text)]);
        let (report, _) = gate(&tree, None, &request(false), None, &|_| ()).unwrap();
        assert!(report.ledger.entries.iter().any(|entry| entry.message.starts_with("no Flask application")));
        let rules: Vec<String> =
            report.findings.iter().map(|finding| finding.finding.rule.to_string()).collect();
        assert!(rules.contains(&"FS751".to_owned()), "{rules:?}");
        assert!(!report.gate.passed);
    }

    #[test]
    fn what_could_not_be_read_and_what_was_overruled_reach_the_report() {
        let mut tree = Tree::default();
        tree.ledger.push(LedgerEntry {
            kind: LedgerKind::Unreadable,
            path: "b.py".to_owned(),
            span: None,
            message: "is not UTF-8".to_owned(),
        });
        let (report, _) = gate(&tree, None, &request(true), None, &|_| ()).unwrap();
        let messages: Vec<&str> = report.ledger.entries.iter().map(|entry| &*entry.message).collect();
        assert!(messages.contains(&"is not UTF-8") && messages.contains(&"a note"), "{messages:?}");
    }
}
