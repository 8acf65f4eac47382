//! The Project: entries, applications and effective settings; every query that a rule may ask.
//!
//! Building is pure: a tree in, an understood tree out. Files are parsed once (`parse`), the deployment is read
//! once, and each distinct start of production is evaluated once.

use std::sync::{Arc, OnceLock};

use flaskseal_core::{Date, FileId, Ledger, LedgerEntry, LedgerKind, Span, TextRange, Tree};
use flaskseal_deploy::{Deployment, Value};
use flaskseal_deps::Store;
use flaskseal_models::{Models, Sink};
use flaskseal_semantic::{Called, Evaluation, Event, Outcome, Program, Target, evaluate, evaluate_file};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::memo::Memo;

mod context;
mod decorators;
mod entry;
mod memo;
mod openapi;
mod packages;
mod parse;
mod reach;
mod role;
mod routes;
mod template;

pub use context::Context;
pub use entry::{Entry, ServerKind};
pub use flaskseal_deploy as deploy;
pub use flaskseal_deps as deps;
pub use flaskseal_host as host;
pub use flaskseal_jinja as jinja;
pub use flaskseal_models as models;
pub use flaskseal_semantic as semantic;
pub use packages::{
    Audience, Environment, Imports, Install, InstallTool, Listing, LockFile, ManifestFile, Obstacle, Package,
    Packages, PythonChoice, Upgrade, of_image,
};
pub use parse::{ParsedTree, parse};
pub use reach::Reach;
pub use role::{Role, role_of};
pub use template::{Coding, Nature, Piece, Print, TemplateFile, Templates, Way, escapes};

/// What the user says about production where the tree does not.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// `MODULE:CALLABLE`, or a command line such as `gunicorn shop:app`; replaces what the tree says.
    pub entries: Vec<String>,
    /// Contents of `--env-file` files, with the names to print for them, in order; later ones win.
    pub env_files: Vec<(String, String)>,
    /// The environment is known to hold nothing but what the tree and `env_files` say.
    pub env_complete: bool,
    /// The name of the observed text that lists an installed environment.
    pub environment: Option<String>,
    /// The database of advisories; the core table, where there is none.
    pub advisories: Option<Arc<Store>>,
    /// The day to judge by. Nothing pure asks a clock.
    pub today: Option<Date>,
    /// The longest session lifetime that the policy allows, in hours; 24 unless somebody says otherwise.
    pub session_lifetime_hours: Option<u32>,
}

/// A tree, understood.
pub struct Project<'t> {
    pub tree: &'t Tree,
    pub parsed: &'t ParsedTree,
    pub deployment: Deployment,
    /// Applications in order of their folders, each with at least one start.
    pub apps: Vec<AppUnit>,
    pub session_lifetime_hours: u32,
    pub packages: Packages,
    /// What is known of flaws in packages.
    pub advisories: Arc<Store>,
    /// The day to judge by; `None` where nobody said.
    pub today: Option<Date>,
    /// The tree is that of a host: what its files say is what runs, and not what is meant to.
    pub is_observed: bool,
    imports: OnceLock<reach::ImportMap>,
    memo: Memo,
    /// By `FileId`.
    roles: Vec<Role>,
    /// The templates of the tree, with what the starts of all applications hand over to them.
    pub templates: Templates,
}

/// A Flask application of the tree, with every start of it.
#[derive(Debug)]
pub struct AppUnit {
    /// The folder of the application below the root; empty for the root itself.
    pub name: String,
    pub starts: Vec<Start>,
}

/// One start, evaluated.
#[derive(Debug)]
pub struct Start {
    pub entry: Entry,
    pub evaluation: Evaluation,
    memo: Memo,
}

/// The calls of each role, by their place in the evaluation's events: every rule asks for some.
struct CallsByRole(FxHashMap<Arc<str>, Vec<usize>>);

/// The calls with request data at arguments that some language reads, by their place in the evaluation's events.
struct TaintedCalls(Vec<(usize, Vec<&'static Sink>)>);

impl Start {
    fn new(entry: Entry, evaluation: Evaluation) -> Self {
        Self { entry, evaluation, memo: Memo::default() }
    }

    /// The calls with a role, in the order in which they were seen, tests left out.
    pub(crate) fn calls(&self, project: &Project<'_>, role: &str) -> Vec<&Event> {
        let calls = self.memo.once(|| {
            let mut calls: FxHashMap<Arc<str>, Vec<usize>> = FxHashMap::default();
            for (index, event) in self.evaluation.events.iter().enumerate() {
                if project.role(event.span.file) == Role::Test {
                    continue;
                }
                for role in Models::bundled().roles(&event.path) {
                    let known = calls.entry(role.clone()).or_default();
                    if known.last() != Some(&index) {
                        known.push(index);
                    }
                }
            }
            CallsByRole(calls)
        });
        let indices = calls.0.get(role).map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|index| self.evaluation.events.get(*index)).map(Arc::as_ref).collect()
    }

    /// The calls with request data at arguments that some language reads, tests left out.
    pub(crate) fn tainted_calls(&self, project: &Project<'_>) -> Arc<TaintedCalls> {
        self.memo.once(|| {
            let events = self.evaluation.events.iter().enumerate();
            let tainted =
                events.filter(|(_, event)| event.is_tainted && project.role(event.span.file) != Role::Test);
            let with_sinks = tainted.map(|(index, event)| (index, Models::bundled().sinks(&event.path)));
            TaintedCalls(with_sinks.filter(|(_, sinks)| !sinks.is_empty()).collect())
        })
    }
}

/// Files that may be what production starts, tried in the order of how usual that is. A tree of many applications is
/// a collection of examples, and each of them counts.
const MAX_CANDIDATES: usize = 2_000;
/// Files that use Flask and that no application loads, as far as the analysis sees.
const MAX_ORPHANS: usize = 2_000;

impl<'t> Project<'t> {
    /// Understands a tree. Cannot fail: what is not understood becomes a gap.
    pub fn build(tree: &'t Tree, parsed: &'t ParsedTree, options: &BuildOptions) -> Self {
        let deployment = flaskseal_deploy::read(tree);
        let packages = Packages::read(tree, parsed, &deployment, options.environment.as_deref());
        let mut project = Self {
            tree,
            parsed,
            deployment,
            apps: Vec::new(),
            session_lifetime_hours: options.session_lifetime_hours.unwrap_or(24),
            templates: Templates::default(),
            packages,
            advisories: options.advisories.clone().unwrap_or_else(|| Arc::new(Store::core())),
            today: options.today,
            is_observed: false,
            imports: OnceLock::new(),
            memo: Memo::default(),
            roles: tree.files.iter().map(|file| role_of(&file.path)).collect(),
        };
        if project.has_flask() || !options.entries.is_empty() {
            let starts = project.starts(options);
            project.apps = group(tree, starts);
        }
        let starts: Vec<&Start> = project.apps.iter().flat_map(|app| &app.starts).collect();
        project.templates = Templates::read(tree, &starts, project.flask_version());
        project
    }

    /// The texts of a host, understood like the deployment files of a tree.
    pub fn of_host(tree: &'t Tree, parsed: &'t ParsedTree, options: &BuildOptions) -> Self {
        let options = BuildOptions { today: options.today, ..BuildOptions::default() };
        Self { is_observed: true, ..Self::build(tree, parsed, &options) }
    }

    /// Whether anything in the tree is a Flask application or depends on Flask.
    pub fn has_flask(&self) -> bool {
        self.packages.names("flask")
            || self.tree.files.iter().any(|file| mentions_flask(&file.path, &file.text))
    }

    /// The version of Flask, where a manifest pins it: major and minor.
    pub fn flask_version(&self) -> Option<(u32, u32)> {
        self.packages.flask()
    }

    /// Whether a manifest names this distribution (normalised as PEP 503 says).
    pub fn installs(&self, distribution: &str) -> bool {
        self.packages.names(distribution)
    }

    /// What a file of the tree is for.
    pub fn role(&self, file: FileId) -> Role {
        self.roles.get(file.0 as usize).copied().unwrap_or(Role::Source)
    }

    /// What `make` makes of the project: made once for all starts, whoever asks. As for `Context::once`, the type is
    /// what is asked for, and `make` must not hand work to other threads.
    pub fn once<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.memo.once(make)
    }

    fn imports(&self) -> &reach::ImportMap {
        self.imports.get_or_init(|| reach::ImportMap::of(self))
    }

    fn program(&self, roots: Vec<String>) -> Program<'_> {
        Program {
            tree: self.tree,
            parsed: &self.parsed.modules,
            models: Models::bundled(),
            roots,
            installed: self.packages.import_names(),
            read_dotenv,
            read_operations: openapi::operations,
            flask_version: self.packages.flask(),
        }
    }

    fn starts(&self, options: &BuildOptions) -> Vec<Start> {
        let extra: Vec<(String, Vec<(String, Value)>)> = options
            .env_files
            .iter()
            .map(|(text, name)| {
                let parsed = flaskseal_deploy::dotenv::parse(text);
                let values = parsed.tree.values(&|_| None);
                (name.clone(), values.into_iter().map(|(b, v)| (b.name.value.clone(), v)).collect())
            })
            .collect();
        let complete = options.env_complete;
        // A project without a manifest may have anything installed.
        let loads_dotenv = self.packages.is_silent() || self.installs("python-dotenv");
        let mut entries: Vec<Entry> = Vec::new();
        if options.entries.is_empty() {
            for process in self.deployment.production() {
                if let Some(entry) = Entry::of_process(self.tree, process, &extra, complete, loads_dotenv)
                    && !entries.iter().any(|known| known.same_start(&entry))
                {
                    entries.push(entry);
                }
            }
        } else {
            for line in &options.entries {
                // `module:callable("with blanks")` names an application; everything else is a command line.
                let first = line.split(['(', ' ', '\t']).next().unwrap_or(line);
                let names_application = first.contains(':') && !first.contains(['=', '/', '\'', '"']);
                let line = if names_application {
                    format!("gunicorn '{}'", line.replace('\'', "\""))
                } else {
                    line.clone()
                };
                for process in flaskseal_deploy::read_command(self.tree, &line) {
                    if let Some(entry) =
                        Entry::of_process(self.tree, &process, &extra, complete, loads_dotenv)
                    {
                        entries.push(Entry { span: None, found_by: "--entry".to_owned(), ..entry });
                    }
                }
            }
        }
        let scripts = self.scripts();
        let mut starts: Vec<Start> = entries
            .into_par_iter()
            .map(|mut entry| {
                let mut program = self.program(entry.roots.clone());
                self.read_server_settings(&mut program, &mut entry);
                let nothing = Called::default();
                let evaluation = evaluate(&program, &entry.environment, &entry.target, &scripts, &nothing);
                Start::new(entry, evaluation)
            })
            .collect();
        // An entry whose application is not in this tree says nothing about it.
        starts.retain(|start| !start.evaluation.apps.is_empty() || options.entries.len() == 1);
        if starts.is_empty() {
            starts = self.guesses(&extra, complete, &scripts);
        }
        starts
    }

    /// gunicorn's configuration file says more about the start: what to serve, from where, with which variables.
    fn read_server_settings(&self, program: &mut Program<'_>, entry: &mut Entry) {
        let Some(file) = entry.server_settings_file else { return };
        entry.server_settings = evaluate_file(program, &entry.environment, file);
        let setting = |name: &str| {
            entry.server_settings.iter().find(|(known, _)| &**known == name).map(|(_, fact)| fact)
        };
        if let Some(folder) = setting("chdir").and_then(|fact| fact.as_str())
            && !folder.starts_with('/')
        {
            let joined = match program.roots.first() {
                Some(root) if !root.is_empty() => format!("{root}/{folder}"),
                _ => folder.to_owned(),
            };
            program.roots.insert(0, joined);
        }
        if let Target::Module { module, .. } = &entry.target
            && module.is_empty()
            && let Some(target) = setting("wsgi_app").and_then(|fact| fact.as_str()).and_then(entry::wsgi_app)
        {
            entry.target = target;
        }
        let given_by_flag = entry
            .process
            .as_ref()
            .is_some_and(|process| process.options.iter().any(|option| option.name == "env"));
        if let Some(flaskseal_semantic::FactKind::Sequence { items, .. }) =
            setting("raw_env").map(|fact| &fact.kind)
            && !given_by_flag
        {
            let variables: Vec<_> = items
                .iter()
                .filter_map(|item| {
                    let (name, value) = item.as_str()?.split_once('=')?;
                    let setting = flaskseal_semantic::VariableValue::Known(value.into());
                    Some(flaskseal_semantic::Variable { name: name.into(), setting, span: item.at })
                })
                .collect();
            for variable in variables {
                entry.environment.set(variable);
            }
        }
    }

    /// Python files that run something when they are run as a script.
    fn scripts(&self) -> Vec<FileId> {
        let is_script = |id: &FileId| {
            let file = self.tree.file(*id);
            file.path.ends_with(".py")
                && role_of(&file.path) == Role::Source
                && file.text.contains("__main__")
                && file.text.contains(".run(")
                && file.text.contains("flask")
                || file.path.ends_with(".py")
                    && role_of(&file.path) == Role::Source
                    && file.text.contains(".run(")
                    && file.text.contains("create_app")
        };
        self.tree.ids().filter(is_script).take(32).collect()
    }

    fn guesses(
        &self,
        extra: &[(String, Vec<(String, Value)>)],
        complete: bool,
        scripts: &[FileId],
    ) -> Vec<Start> {
        const USUAL: &[&str] = &[
            "wsgi.py",
            "app.py",
            "application.py",
            "main.py",
            "run.py",
            "server.py",
            "manage.py",
            "__init__.py",
        ];
        let mut candidates: Vec<(usize, usize, FileId)> = self
            .tree
            .ids()
            .filter_map(|id| {
                let file = self.tree.file(id);
                if role_of(&file.path) != Role::Source || !file.path.ends_with(".py") {
                    return None;
                }
                let makes = file.text.contains("Flask(")
                    || file.text.contains("def create_app")
                    || file.text.contains("def make_app");
                let rank = USUAL.iter().position(|name| *name == file.name());
                let serves =
                    rank.is_some() && (file.text.contains("create_app") || file.text.contains(" app"));
                if !makes && !serves {
                    return None;
                }
                let rank = rank.unwrap_or(USUAL.len());
                Some((file.path.matches('/').count(), rank + if makes { 0 } else { 2 }, id))
            })
            .collect();
        candidates.sort();
        candidates.truncate(MAX_CANDIDATES);
        let mut tried: Vec<FileId> = Vec::new();
        let mut found: Vec<Start> = Vec::new();
        // By the folders for imports; the environment is the same for all.
        let mut called: FxHashMap<Vec<String>, Called> = FxHashMap::default();
        for (_, _, id) in candidates {
            // A file that an accepted start loads already is part of that application.
            if found.iter().any(|start| start.evaluation.loaded.binary_search(&id).is_ok())
                || tried.contains(&id)
            {
                continue;
            }
            let entry = Entry::guess(self.tree, id, extra, complete);
            let program = self.program(entry.roots.clone());
            let called = called.entry(entry.roots.clone()).or_default();
            let evaluation = evaluate(&program, &entry.environment, &entry.target, scripts, called);
            if evaluation.apps.is_empty() {
                // What a failed start imported without making an application will not make one by itself, unless
                // it has a factory of its own.
                let has_factory = |file: &FileId| self.tree.file(*file).text.contains("def create_app");
                tried.extend(evaluation.loaded.iter().copied().filter(|file| !has_factory(file)));
            } else {
                called.add(&evaluation);
                found.push(Start::new(entry, evaluation));
            }
        }
        found.extend(self.orphans(&found, extra, complete));
        found
    }

    /// Files with views that no guessed start loads: parts of an application that is put together in a way
    /// that is not seen, or of one that is not here. They are judged as they stand.
    fn orphans(
        &self,
        found: &[Start],
        extra: &[(String, Vec<(String, Value)>)],
        complete: bool,
    ) -> Vec<Start> {
        let is_loaded =
            |id: &FileId| found.iter().any(|start| start.evaluation.loaded.binary_search(id).is_ok());
        let orphans: Vec<FileId> = self
            .tree
            .ids()
            .filter(|id| {
                let file = self.tree.file(*id);
                role_of(&file.path) == Role::Source
                    && mentions_flask(&file.path, &file.text)
                    && !is_loaded(id)
            })
            .take(MAX_ORPHANS)
            .collect();
        let evaluated = orphans.into_par_iter().map(|id| {
            let entry = Entry::orphan(self.tree, id, extra, complete);
            let program = self.program(entry.roots.clone());
            let evaluation = evaluate(&program, &entry.environment, &entry.target, &[], &Called::default());
            Start::new(entry, evaluation)
        });
        evaluated.filter(|start| start.evaluation.views > 0).collect()
    }

    /// Every application with every start of it, for rules.
    pub fn contexts<'p>(&'p self, app: &'p AppUnit) -> impl Iterator<Item = Context<'p>> {
        app.starts.iter().map(move |start| Context::new(self, app, start))
    }

    /// Comments of a Python file, for suppressions.
    pub fn comment_ranges(&self, file: FileId) -> Option<Vec<TextRange>> {
        self.parsed.modules[file.0 as usize].as_ref()?;
        Some(flaskseal_python::comment_ranges(&self.tree.file(file).text))
    }

    /// What the analysis could not see, besides what the tree already says.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger {
            python_files: self.parsed.modules.iter().flatten().count(),
            python_lines: self
                .tree
                .ids()
                .filter(|id| self.parsed.modules[id.0 as usize].is_some())
                .map(|id| self.tree.file(id).text.bytes().filter(|byte| *byte == b'\n').count())
                .sum(),
            deployment_files: self.deployment.files.len(),
            answers: 0,
            ..Ledger::default()
        };
        let entry = |kind, span: Option<Span>, message: String| LedgerEntry {
            kind,
            path: span.map(|span| self.tree.file(span.file).path.to_string()).unwrap_or_default(),
            span,
            message,
        };
        for (file, problem) in self.parsed.problems(self.tree) {
            let what = match problem.kind {
                flaskseal_python::ProblemKind::PythonTwo => "is Python 2, which this does not judge",
                flaskseal_python::ProblemKind::Syntax => "does not parse",
                flaskseal_python::ProblemKind::TooDeep => "is not parsed",
            };
            let span = Some(Span { file, range: problem.range });
            ledger.entries.push(entry(LedgerKind::Unreadable, span, format!("{what}: {}", problem.message)));
        }
        for (span, message) in &self.deployment.problems {
            ledger.entries.push(entry(LedgerKind::Unreadable, Some(*span), message.clone()));
        }
        let mut production = std::collections::BTreeSet::new();
        for start in self.apps.iter().flat_map(|app| &app.starts) {
            production.extend(start.evaluation.loaded.iter().copied());
            ledger.calls_resolved += start.evaluation.calls_resolved;
            ledger.calls_unresolved += start.evaluation.calls_unresolved;
            for incomplete in &start.evaluation.incomplete {
                let message = format!("analysis of `{}` incomplete: {}", incomplete.scope, incomplete.reason);
                ledger.entries.push(entry(LedgerKind::Incomplete, incomplete.span, message));
            }
            if start.entry.guessed {
                let message = "nothing in the tree says what production starts; judged as guessed. Name it with `--entry`";
                ledger.entries.push(entry(LedgerKind::MissingLayer, None, message.to_owned()));
            }
            match &start.evaluation.outcome {
                Outcome::Started => {}
                Outcome::Raised(class) => ledger.entries.push(entry(
                    LedgerKind::Incomplete,
                    start.entry.span,
                    format!("`{}` seems to end its start with {class}", start.entry.display),
                )),
                Outcome::ModuleNotFound(name) => ledger.entries.push(entry(
                    LedgerKind::Incomplete,
                    start.entry.span,
                    format!("`{}` names the module `{name}`, which is not in the tree", start.entry.display),
                )),
                Outcome::NoApplication(name) => ledger.entries.push(entry(
                    LedgerKind::Incomplete,
                    start.entry.span,
                    format!("`{}`: no Flask application in {name}", start.entry.display),
                )),
            }
        }
        ledger.production_files = production.len();
        ledger.entries.sort();
        ledger.entries.dedup();
        ledger
    }
}

fn mentions_flask(path: &str, text: &str) -> bool {
    path.ends_with(".py")
        && text.contains("flask")
        && text.lines().any(|line| {
            let line = line.trim_start();
            line.strip_prefix("from flask").or_else(|| line.strip_prefix("import flask")).is_some()
        })
}

fn read_dotenv(text: &str) -> Vec<(String, String, TextRange)> {
    let parsed = flaskseal_deploy::dotenv::parse(text);
    let values = parsed.tree.values(&|_| None);
    values
        .into_iter()
        .filter_map(|(binding, value)| {
            Some((binding.name.value.clone(), value.as_known()?.to_owned(), binding.range))
        })
        .collect()
}

/// Starts of the same application stand together: those that create it at the same place.
fn group(tree: &Tree, starts: Vec<Start>) -> Vec<AppUnit> {
    let mut apps: Vec<(Option<Span>, AppUnit)> = Vec::new();
    for start in starts {
        let created = start.evaluation.apps.first().and_then(|app| app.span);
        if let Some((_, unit)) = apps.iter_mut().find(|(place, _)| *place == created) {
            unit.starts.push(start);
        } else {
            let name = start.entry.roots.first().cloned().unwrap_or_default();
            apps.push((created, AppUnit { name, starts: vec![start] }));
        }
    }
    let mut apps: Vec<AppUnit> = apps.into_iter().map(|(_, unit)| unit).collect();
    // Two applications in one folder are told apart by the file that makes them.
    let names: Vec<String> = apps.iter().map(|app| app.name.clone()).collect();
    for (index, app) in apps.iter_mut().enumerate() {
        if names.iter().filter(|name| **name == names[index]).count() > 1
            && let Some(span) = app.starts[0].evaluation.apps.first().and_then(|app| app.span)
        {
            app.name = tree.file(span.file).path.to_string();
        }
    }
    apps
}

/// A short name for a fact's place, for tests and messages.
pub fn place(tree: &Tree, span: Span) -> String {
    let file = tree.file(span.file);
    let place = file.place(span.range.start);
    format!("{}:{}:{}", file.path, place.line, place.column)
}
