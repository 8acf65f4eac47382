//! Runs a program from its production entry and says what came of it.

use std::ops::Range;
use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_python::ast;

use crate::app::{App, app_facts};
use crate::call::Arguments;
use crate::called::Called;
use crate::environment::Environment;
use crate::event::{Context, Decorated, Event, Incomplete};
use crate::fact::Fact;
use crate::heap::{ObjectId, Shape};
use crate::machine::{Flow, Machine, Raised};
use crate::program::{Located, Program};
use crate::value::Value;

/// What production starts.
#[derive(Clone, Debug)]
pub enum Target {
    /// `gunicorn pkg.mod:expression`: a module, and an attribute or a call in it. Without an expression, the
    /// server's default names.
    Module { module: String, expression: Option<ast::Expr> },
    /// A file that runs as a script: with its package, where `python -m` runs it.
    Script { file: FileId, package: Option<String> },
    /// A file that is imported under its own name, as mod_wsgi and uWSGI do.
    File { file: FileId, callable: Option<String> },
    /// A file of which nothing is known to start it: it is imported, and its own functions are called.
    Orphan { file: FileId },
    /// What the `flask` command finds: in a module, or where none is named in `wsgi.py` or `app.py`.
    Discover { module: Option<String>, expression: Option<ast::Expr> },
}

/// How far the start-up came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Started,
    /// The module that the entry names is not in the tree.
    ModuleNotFound(String),
    /// The module runs, but what the entry names is not in it or is no Flask application.
    NoApplication(String),
    /// The start-up ends with an exception, as far as the analysis sees.
    Raised(String),
}

/// Everything that was learned by evaluating one entry.
#[derive(Debug)]
pub struct Evaluation {
    pub outcome: Outcome,
    /// Flask applications in order of creation; the one that the entry serves first.
    pub apps: Vec<App>,
    pub events: Vec<Arc<Event>>,
    /// Those of the events that come from functions which were called on their own.
    pub(crate) alone: Range<usize>,
    pub decorated: Vec<Decorated>,
    pub functions: Vec<FunctionResult>,
    /// How many views there are, whoever serves them.
    pub views: usize,
    pub incomplete: Vec<Incomplete>,
    /// Files that production imports.
    pub loaded: Vec<FileId>,
    pub calls_resolved: usize,
    pub calls_unresolved: usize,
}

/// What a function returns: a view, or a function that is called on its own, with arguments that are not known.
#[derive(Clone, Debug)]
pub struct FunctionResult {
    pub span: Span,
    pub qualified_name: Arc<str>,
    pub returns: Arc<Fact>,
    /// It was called as the router does, or when something went wrong there.
    pub is_view: bool,
}

impl FunctionResult {
    pub(crate) fn of(function: &crate::heap::Function<'_>, returns: Fact, is_view: bool) -> Self {
        let qualified_name = function.qualified_name.clone();
        Self { span: function.span, qualified_name, returns: Arc::new(returns), is_view }
    }
}

/// Elements of a list in a script's calls.
const MAX_SCRIPT_ELEMENTS: usize = 10_000;

/// Start-ups whose steps all scripts of a tree have together.
const SCRIPT_STARTS: u64 = 4;

/// Evaluates the start-up from an entry, then every function that requests can reach, then what only `python FILE`
/// would run: in the loaded files and in `scripts`. What is `called` already is not called again.
pub fn evaluate(
    program: &Program<'_>,
    environment: &Environment,
    target: &Target,
    scripts: &[FileId],
    called: &Called,
) -> Evaluation {
    let mut machine = Machine::new(program, environment);
    begin(&mut machine);
    let (outcome, served) = start(&mut machine, target);
    // The application that the entry serves comes first.
    if let Some(served) = served
        && let Some(position) = machine.apps.iter().position(|app| *app == served)
    {
        machine.apps[..=position].rotate_right(1);
    }
    let mut routes: Vec<Vec<crate::flask::RouteValue>> =
        machine.apps.clone().into_iter().map(|app| crate::flask::routes(&mut machine, app)).collect();
    let apps = machine.apps.clone();
    let mut apps: Vec<App> =
        apps.iter().zip(&routes).map(|(app, routes)| app_facts(&mut machine, *app, routes)).collect();
    if outcome != Outcome::Started || machine.reads_unseen_settings {
        // The real start goes on where the analysis saw it end, or something unseen takes part in it: nothing is known
        // to stay as it was then.
        apps.iter_mut().for_each(App::forget_certainty);
    }
    let mut functions = Vec::new();
    let mut alone = 0..0;
    let mut views = 0;
    let orphan = match target {
        Target::Orphan { file } => Some(*file),
        _ => None,
    };
    routes.push(std::mem::take(&mut machine.loose_routes));
    if orphan.is_some() {
        routes.push(crate::flask::routes_of_all(&mut machine));
        machine.heap.commit();
        views = routes.iter().map(Vec::len).sum();
        (functions, alone) = serve(&mut machine, &routes, orphan, called);
    } else if !machine.apps.is_empty() {
        load_lazy_imports(&mut machine);
        machine.heap.commit();
        views = routes.iter().map(Vec::len).sum();
        (functions, alone) = serve(&mut machine, &routes, None, called);
        run_main_blocks(&mut machine, scripts);
    }
    Evaluation {
        outcome,
        loaded: loaded_files(&machine),
        apps,
        events: machine.events,
        alone,
        decorated: machine.decorated,
        functions,
        views,
        incomplete: machine.incomplete.into_iter().collect(),
        calls_resolved: machine.calls_resolved,
        calls_unresolved: machine.calls_unresolved,
    }
}

/// The files of the modules that are loaded, in order.
fn loaded_files(machine: &Machine<'_>) -> Vec<FileId> {
    let mut loaded: Vec<FileId> = machine
        .modules
        .values()
        .filter_map(|id| match machine.heap.get(*id).shape {
            Shape::Module { file, .. } => file,
            _ => None,
        })
        .chain(machine.main)
        .collect();
    loaded.sort();
    loaded.dedup();
    loaded
}

/// Code runs inside a frame; this one stands for the server that calls the application.
fn begin(machine: &mut Machine<'_>) {
    let server = machine.heap.allocate(Shape::Module { name: "".into(), file: None });
    machine.frames.push(crate::machine::Frame {
        scope: server,
        closure: Arc::default(),
        module: server,
        file: FileId(0),
        function: None,
        is_namespace: true,
        class: None,
        qualified_name: "".into(),
        globals: Vec::new(),
        nonlocals: Vec::new(),
        yields: None,
    });
}

fn nowhere() -> Span {
    Span::new(FileId(0), 0, 0)
}

fn start<'a>(machine: &mut Machine<'a>, target: &'a Target) -> (Outcome, Option<ObjectId>) {
    match target {
        Target::Module { module, expression } => {
            if matches!(machine.program.locate(module), Located::Elsewhere) {
                return (Outcome::ModuleNotFound(module.clone()), None);
            }
            match machine.import_module(module, nowhere()) {
                Ok(value) => served_by(machine, &value, module, expression.as_ref(), &["application", "app"]),
                Err(raised) => (raised_outcome(machine, &raised), None),
            }
        }
        Target::File { file, callable } => {
            let name = machine.program.dotted_name(*file);
            let id = machine.new_module(name.clone().into(), *file, &name);
            machine.modules.insert(name.clone().into(), id);
            let Some(module) = machine.program.module(*file) else {
                return (Outcome::ModuleNotFound(name), None);
            };
            if let Flow::Raise(raised) =
                machine.run_module(id, *file, name.clone().into(), &module.syntax.body)
            {
                return (raised_outcome(machine, &raised), None);
            }
            let names: Vec<&str> = match callable {
                Some(callable) => vec![callable],
                None => vec!["application", "app"],
            };
            served_by(machine, &Value::object(id), &name, None, &names)
        }
        Target::Orphan { file } => {
            let name = machine.program.dotted_name(*file);
            let outcome = match machine.run_file(*file, &name) {
                Ok(_) => Outcome::NoApplication(name),
                Err(raised) => raised_outcome(machine, &raised),
            };
            (outcome, None)
        }
        Target::Script { file, package } => {
            machine.main = Some(*file);
            let id = machine.new_module("__main__".into(), *file, "__main__");
            if let Some(package) = package {
                if let Err(raised) = machine.import_module(package, nowhere()) {
                    return (raised_outcome(machine, &raised), None);
                }
                machine.heap.set_attribute(id, "__package__".into(), Value::str(package.as_str()));
            }
            machine.modules.insert("__main__".into(), id);
            let Some(module) = machine.program.module(*file) else {
                return (Outcome::ModuleNotFound(machine.program.dotted_name(*file)), None);
            };
            if let Flow::Raise(raised) = machine.run_module(id, *file, "__main__".into(), &module.syntax.body)
            {
                let outcome = raised_outcome(machine, &raised);
                return (outcome, machine.apps.first().copied());
            }
            match machine.apps.first() {
                Some(app) => (Outcome::Started, Some(*app)),
                None => (Outcome::NoApplication("the script makes no Flask application".into()), None),
            }
        }
        Target::Discover { module, expression } => {
            let candidates: Vec<&str> = match module {
                Some(module) => vec![module],
                None => vec!["wsgi", "app"],
            };
            for candidate in candidates {
                if matches!(machine.program.locate(candidate), Located::Elsewhere) {
                    continue;
                }
                let value = match machine.import_module(candidate, nowhere()) {
                    Ok(value) => value,
                    Err(raised) => return (raised_outcome(machine, &raised), None),
                };
                if expression.is_some() {
                    return served_by(machine, &value, candidate, expression.as_ref(), &[]);
                }
                return discover(machine, &value, candidate);
            }
            (Outcome::ModuleNotFound(module.clone().unwrap_or_else(|| "wsgi.py or app.py".into())), None)
        }
    }
}

/// `flask.cli.find_best_app`: `app` or `application`, the only instance, or a factory.
fn discover(machine: &mut Machine<'_>, module: &Value, name: &str) -> (Outcome, Option<ObjectId>) {
    let Some(id) = module.as_object() else { return (Outcome::ModuleNotFound(name.into()), None) };
    for attribute in ["app", "application"] {
        let value = machine.heap.attribute(id, attribute).cloned();
        if let Some(app) = value.and_then(|value| application_of(machine, &value)) {
            return (Outcome::Started, Some(app));
        }
    }
    let values: Vec<Value> = machine.heap.get(id).attributes.values().cloned().collect();
    let mut instances: Vec<ObjectId> =
        values.iter().filter_map(|value| application_of(machine, value)).collect();
    instances.dedup();
    if let [app] = instances.as_slice() {
        return (Outcome::Started, Some(*app));
    }
    for factory in ["create_app", "make_app"] {
        if let Some(function) = machine.heap.attribute(id, factory).cloned() {
            return match machine.call(&function, Arguments::none(nowhere())) {
                Ok(value) => finish(machine, &value, factory),
                Err(raised) => (raised_outcome(machine, &raised), None),
            };
        }
    }
    (Outcome::NoApplication(name.into()), None)
}

fn served_by<'a>(
    machine: &mut Machine<'a>,
    module: &Value,
    name: &str,
    expression: Option<&'a ast::Expr>,
    defaults: &[&str],
) -> (Outcome, Option<ObjectId>) {
    let Some(id) = module.as_object() else { return (Outcome::ModuleNotFound(name.into()), None) };
    let file = match machine.heap.get(id).shape {
        Shape::Module { file: Some(file), .. } => file,
        _ => FileId(0),
    };
    let result = match expression {
        Some(expression) => {
            let frame = crate::machine::Frame { scope: id, module: id, file, ..machine.frame().clone() };
            let first_exit = machine.exits.len();
            let result = machine.with_frame(frame, |machine| machine.eval(expression));
            machine.exits.truncate(first_exit);
            match (result, expression) {
                // `flask --app pkg:create_app`: a factory by its name alone is called.
                (Ok(value), ast::Expr::Name(_)) if is_function(machine, &value) => {
                    machine.call(&value, Arguments::none(nowhere()))
                }
                (result, _) => result,
            }
        }
        None => {
            let found = defaults.iter().find_map(|default| machine.heap.attribute(id, default).cloned());
            match found {
                Some(value) => Ok(value),
                None => {
                    return (
                        Outcome::NoApplication(format!("{name} has no `{}`", defaults.join("` or `"))),
                        None,
                    );
                }
            }
        }
    };
    match result {
        Ok(value) => finish(machine, &value, name),
        Err(raised) => (raised_outcome(machine, &raised), None),
    }
}

fn is_function(machine: &Machine<'_>, value: &Value) -> bool {
    value.as_object().is_some_and(|id| matches!(machine.heap.get(id).shape, Shape::Function(_)))
}

fn finish(machine: &mut Machine<'_>, value: &Value, name: &str) -> (Outcome, Option<ObjectId>) {
    match application_of(machine, value) {
        Some(app) => (Outcome::Started, Some(app)),
        // Wrapped in middleware that is not followed; the application was made all the same.
        None => match machine.apps.last() {
            Some(app) => (Outcome::Started, Some(*app)),
            None => (Outcome::NoApplication(name.to_owned()), None),
        },
    }
}

fn application_of(machine: &Machine<'_>, value: &Value) -> Option<ObjectId> {
    if let Some(app) = value.at.and_then(|at| machine.wrapped.get(&at)) {
        return Some(*app);
    }
    let ids = value.alternatives().into_iter().filter_map(|alternative| alternative.value.as_object());
    ids.into_iter().find(|id| machine.apps.contains(id))
}

fn raised_outcome(machine: &Machine<'_>, raised: &Raised) -> Outcome {
    let class = raised.class(machine);
    let name = machine.class_fact(&class).name.clone();
    Outcome::Raised(name.trim_start_matches("builtins.").to_owned())
}

// Requests.

/// Runs the modules that functions import when they are called, once and for all of them.
fn load_lazy_imports(machine: &mut Machine<'_>) {
    let mut seen = rustc_hash::FxHashSet::default();
    loop {
        let mut modules: Vec<(Arc<str>, ObjectId, FileId)> = machine
            .modules
            .iter()
            .filter_map(|(name, id)| match machine.heap.get(*id).shape {
                Shape::Module { file: Some(file), .. } if !seen.contains(name) => {
                    Some((name.clone(), *id, file))
                }
                _ => None,
            })
            .collect();
        if modules.is_empty() {
            return;
        }
        modules.sort();
        for (name, id, file) in modules {
            seen.insert(name.clone());
            let Some(module) = machine.program.module(file) else { continue };
            for import in lazy_imports(&module.syntax.body) {
                machine.context = Context::Request;
                machine.refuel();
                let scope = machine.heap.allocate(Shape::Scope);
                let frame = crate::machine::Frame { scope, module: id, file, ..machine.frame().clone() };
                machine.with_frame(frame, |machine| {
                    let _ = match import {
                        ast::Stmt::Import(node) => machine.import(node),
                        ast::Stmt::ImportFrom(node) => machine.import_from(node),
                        _ => Ok(()),
                    };
                });
            }
        }
    }
}

/// The import statements inside functions.
fn lazy_imports(body: &[ast::Stmt]) -> Vec<&ast::Stmt> {
    struct Finder<'b> {
        depth: usize,
        found: Vec<&'b ast::Stmt>,
    }
    impl<'b> ast::statement_visitor::StatementVisitor<'b> for Finder<'b> {
        fn visit_stmt(&mut self, statement: &'b ast::Stmt) {
            match statement {
                ast::Stmt::Import(_) | ast::Stmt::ImportFrom(_) if self.depth > 0 => {
                    self.found.push(statement);
                }
                ast::Stmt::FunctionDef(_) => {
                    self.depth += 1;
                    ast::statement_visitor::walk_stmt(self, statement);
                    self.depth -= 1;
                }
                _ => ast::statement_visitor::walk_stmt(self, statement),
            }
        }
    }
    let mut finder = Finder { depth: 0, found: Vec::new() };
    ast::statement_visitor::StatementVisitor::visit_body(&mut finder, body);
    finder.found
}

/// Calls every view as requests do, then every other function of the loaded modules once, with arguments that are not
/// known: those of one file, where only it is asked for. What it does to the application's state does not last.
/// Answers with the results, and which of the events come from functions that are no views.
fn serve(
    machine: &mut Machine<'_>,
    routes: &[Vec<crate::flask::RouteValue>],
    only: Option<FileId>,
    called: &Called,
) -> (Vec<FunctionResult>, Range<usize>) {
    machine.context = Context::Request;
    machine.serving = true;
    let mut results = crate::serve::views(machine, routes);
    let mut seen: rustc_hash::FxHashSet<Span> = results.iter().map(|result| result.span).collect();
    let functions = machine
        .heap
        .ids()
        .filter_map(|id| match &machine.heap.get(id).shape {
            Shape::Function(function) => Some((id, function.clone())),
            _ => None,
        })
        .filter(|(_, function)| {
            only.is_none_or(|file| file == function.file)
                && !matches!(function.code, crate::heap::Code::Lambda(_))
                && seen.insert(function.span)
        });
    let (known, functions): (Vec<_>, Vec<_>) =
        functions.partition(|(_, function)| called.function(function.span).is_some());
    let first = machine.events.len();
    results.extend(machine.run_all(&functions, |machine, (id, function)| {
        let returns = isolated(machine, |machine| {
            let arguments = request_arguments(machine, function);
            match machine.call_function(function, *id, arguments) {
                Ok(value) => machine.fact(&value),
                Err(_) => Fact::UNKNOWN,
            }
        });
        FunctionResult::of(function, returns, false)
    }));
    let alone = first..machine.events.len();
    if !known.is_empty() {
        results.extend(known.iter().filter_map(|(_, function)| called.function(function.span)).cloned());
        add_called(machine, called);
    }
    results.sort_by_key(|result| result.span);
    (results, alone)
}

/// Adds what an earlier start noted in the files that this one loads, too.
fn add_called(machine: &mut Machine<'_>, called: &Called) {
    for file in loaded_files(machine) {
        machine.events.extend(called.events(file).iter().cloned());
        for decorated in called.decorated(file) {
            if machine.known_decorated.insert(decorated.function) {
                machine.decorated.push(decorated.clone());
            }
        }
    }
}

/// Runs what stands under `if __name__ == "__main__":`, for findings that say so.
fn run_main_blocks(machine: &mut Machine<'_>, scripts: &[FileId]) {
    machine.context = Context::MainOnly;
    machine.serving = false;
    let mut modules: Vec<(FileId, ObjectId)> = machine
        .modules
        .values()
        .filter_map(|id| match machine.heap.get(*id).shape {
            Shape::Module { file: Some(file), .. } => Some((file, *id)),
            _ => None,
        })
        .collect();
    modules.sort_unstable();
    for (file, id) in &modules {
        let program = machine.program;
        let Some(module) = program.module(*file).filter(|_| machine.main != Some(*file)) else { continue };
        for statement in &module.syntax.body {
            if let ast::Stmt::If(node) = statement
                && is_main_test(&node.test)
            {
                isolated(machine, |machine| {
                    machine.run_module(*id, *file, program.dotted_name(*file).into(), &node.body)
                });
            }
        }
    }
    for file in scripts.iter().filter(|file| !modules.iter().any(|(loaded, _)| loaded == *file)) {
        let _ = isolated(machine, |machine| machine.run_file(*file, "__main__"));
    }
}

/// `__name__ == "__main__"`, either way round.
fn is_main_test(test: &ast::Expr) -> bool {
    let ast::Expr::Compare(node) = test else { return false };
    let sides = [&*node.left, node.comparators.first().unwrap_or(&node.left)];
    sides.iter().any(|side| matches!(side, ast::Expr::Name(name) if name.id == "__name__"))
        && sides
            .iter()
            .any(|side| matches!(side, ast::Expr::StringLiteral(text) if text.value.to_str() == "__main__"))
}

/// Runs something by itself, as a request does: with a budget of its own, and without lasting effects.
pub(crate) fn isolated<'a, T>(machine: &mut Machine<'a>, run: impl FnOnce(&mut Machine<'a>) -> T) -> T {
    let texts_named = machine.texts_named;
    let result = taken_back(machine, |machine| {
        machine.refuel();
        machine.guard = machine.base_guard.clone();
        run(machine)
    });
    machine.texts_named = texts_named;
    result
}

/// Runs something whose effects on the program's state do not last; what it noted does.
pub(crate) fn taken_back<'a, T>(machine: &mut Machine<'a>, run: impl FnOnce(&mut Machine<'a>) -> T) -> T {
    let mark = machine.heap.mark();
    let exits = machine.exits.len();
    let apps = machine.apps.len();
    let modules = machine.modules.len();
    let loose_routes = machine.loose_routes.len();
    let wrapped = machine.wrapped.clone();
    let result = run(machine);
    machine.exits.truncate(exits);
    machine.apps.truncate(apps);
    machine.loose_routes.truncate(loose_routes);
    machine.wrapped = wrapped;
    if machine.modules.len() != modules {
        machine.forget_modules_since(mark);
    }
    machine.heap.reset(mark);
    result
}

pub(crate) fn request_arguments(
    machine: &mut Machine<'_>,
    function: &crate::heap::Function<'_>,
) -> Arguments {
    let mut arguments = Arguments::none(function.span);
    let crate::heap::Code::Def(node) = function.code else { return arguments };
    let parameters = node.parameters.posonlyargs.iter().chain(&node.parameters.args);
    for (index, parameter) in parameters.enumerate() {
        let name = &parameter.parameter.name.id;
        let is_static = node.decorator_list.iter().any(
            |decorator| matches!(&decorator.expression, ast::Expr::Name(name) if name.id == "staticmethod"),
        );
        let value = match function.class {
            Some(class) if index == 0 && !is_static => Value::object(machine.instance(Value::object(class))),
            _ => Value::path(format!("flask.request.view_args[\"{name}\"]")),
        };
        arguments.positional.push(value);
    }
    arguments.open = true;
    arguments
}

impl Machine<'_> {
    /// Forgets modules whose objects a reset is about to drop.
    fn forget_modules_since(&mut self, mark: crate::heap::Mark) {
        self.modules.retain(|_, id| !mark.is_before_object(*id));
    }
}

/// The variables of a Python file that configures a server, such as `gunicorn.conf.py`.
pub fn evaluate_file(
    program: &Program<'_>,
    environment: &Environment,
    file: FileId,
) -> Vec<(Arc<str>, Fact)> {
    let mut machine = Machine::new(program, environment);
    begin(&mut machine);
    let Ok(module) = machine.run_file(file, "__config__") else { return Vec::new() };
    let attributes = machine.heap.get(module).attributes.iter();
    attributes
        .filter(|(name, _)| !name.starts_with(['_', '@']))
        .map(|(name, value)| (Arc::from(name.as_str()), machine.fact(value)))
        .collect()
}

/// The calls with a role that a file makes which runs as a script, from the first working directory of the program.
/// Lists in them are whole, however long. It is one of so many `scripts`, which have the steps of a few start-ups
/// together.
pub fn evaluate_script(
    program: &Program<'_>,
    environment: &Environment,
    file: FileId,
    scripts: usize,
) -> Vec<Arc<Event>> {
    let mut machine = Machine::new(program, environment);
    machine.fuel = machine.fuel.min(machine.fuel * SCRIPT_STARTS / (scripts.max(1) as u64));
    machine.max_elements = MAX_SCRIPT_ELEMENTS;
    machine.main = Some(file);
    begin(&mut machine);
    // However it ends: what was called until then was called.
    let _ = machine.run_file(file, "__main__");
    machine.events
}
