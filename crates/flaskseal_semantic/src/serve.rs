//! Requests to views: each view is called as the router calls it, with what its rules take from the path.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_python::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::call::Arguments;
use crate::evaluate::{FunctionResult, isolated, request_arguments};
use crate::flask::RouteValue;
use crate::guard::Guard;
use crate::heap::{Function, ObjectId, Shape};
use crate::machine::Machine;
use crate::value::{Kind, Value};

/// One way to call a view.
struct Entry {
    /// What the router calls: a function, or what a decorator made of it.
    view: ObjectId,
    /// The rules under which it is called.
    rules: Vec<String>,
    /// The function that was written as the view, below its decorators.
    function: Option<(Span, Arc<str>)>,
    /// The blueprints of its endpoints; empty text for the application itself.
    blueprints: Vec<String>,
    /// What its blueprint runs before it.
    hooks: Vec<ObjectId>,
}

/// Calls every view of the routes.
pub(crate) fn views(machine: &mut Machine<'_>, routes: &[Vec<RouteValue>]) -> Vec<FunctionResult> {
    let mut written: FxHashMap<FileId, Vec<(Span, Arc<str>)>> = FxHashMap::default();
    for id in machine.heap.ids() {
        if let Shape::Function(function) = &machine.heap.get(id).shape {
            let known = written.entry(function.span.file).or_default();
            known.push((function.span, function.qualified_name.clone()));
        }
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut index_of: FxHashMap<ObjectId, usize> = FxHashMap::default();
    for route in routes.iter().flatten() {
        let rules = route.rule.alternatives();
        let rules: Vec<String> =
            rules.iter().map(|rule| rule.value.as_str().unwrap_or("<unknown>").to_owned()).collect();
        for alternative in route.view.alternatives() {
            let Some(view) = alternative.value.as_object() else { continue };
            let function = route.at.and_then(|at| innermost(written.get(&at.file)?, at));
            let index = *index_of.entry(view).or_insert_with(|| {
                let (blueprints, hooks) = (Vec::new(), Vec::new());
                entries.push(Entry { view, rules: Vec::new(), function, blueprints, hooks });
                entries.len() - 1
            });
            entries[index].rules.extend(rules.iter().cloned());
            let blueprint = route.endpoint.as_str().and_then(|endpoint| endpoint.rsplit_once('.'));
            entries[index].blueprints.push(blueprint.map_or_else(String::new, |(name, _)| name.to_owned()));
        }
    }
    let mut results = Vec::new();
    let mark = machine.heap.mark();
    machine.in_view = true;
    run_hooks(machine);
    let hooks = blueprint_hooks(machine);
    for entry in &mut entries {
        entry.rules.sort();
        entry.rules.dedup();
        let is_of = |owner: &str| {
            let is_below = |name: &String| name == owner || name.starts_with(&format!("{owner}."));
            entry.blueprints.iter().all(is_below)
        };
        entry.hooks = hooks.iter().filter(|(owner, _)| is_of(owner)).map(|(_, hook)| *hook).collect();
    }
    let called = machine.run_all(&entries, |machine, entry| {
        machine.is_path_constant = entry.rules.iter().all(|rule| !rule.contains('<'));
        match machine.heap.get(entry.view).shape.clone() {
            Shape::Function(function) => {
                let mut arguments = arguments(&entry.rules, function.span);
                let result = isolated(machine, |machine| {
                    enter(machine, entry);
                    // A method that a class exposes answers for an instance of it.
                    if let Some(class) = function.class {
                        arguments.positional.push(Value::object(machine.instance(Value::object(class))));
                    }
                    crate::parsed::add_arguments(machine, entry.view, &mut arguments);
                    let written = entry.function.as_ref().map_or(function.span, |(span, _)| *span);
                    machine.answering = Some((written, FxHashMap::default()));
                    let value = machine.call_function(&function, entry.view, arguments).ok()?;
                    machine.note_view_return(VIEW, entry.function.as_ref(), &function, &value);
                    Some(machine.fact(&value))
                });
                let result = result.map(|returns| FunctionResult::of(&function, returns, true));
                result.into_iter().collect()
            }
            Shape::Instance { .. } => class_view(machine, entry),
            _ => Vec::new(),
        }
    });
    results.extend(called.into_iter().flatten());
    machine.is_path_constant = false;
    machine.base_guard = Guard::ALWAYS;
    results.extend(error_handlers(machine));
    results.extend(message_handlers(machine));
    machine.in_view = false;
    machine.heap.reset(mark);
    results
}

/// Calls what answers when a view or the router does not.
fn error_handlers(machine: &mut Machine<'_>) -> Vec<FunctionResult> {
    let Some(app) = machine.apps.first().copied() else { return Vec::new() };
    let hooks = crate::flask::hooks(machine, app);
    let handlers: Vec<ObjectId> = hooks
        .iter()
        .filter(|hook| hook.name.ends_with("errorhandler"))
        .flat_map(|hook| hook.function.alternatives())
        .filter_map(|alternative| alternative.value.as_object())
        .collect();
    let mut results = Vec::new();
    for id in handlers {
        let Shape::Function(function) = machine.heap.get(id).shape.clone() else { continue };
        let result = isolated(machine, |machine| {
            let arguments = request_arguments(machine, &function);
            machine.answering = Some((function.span, FxHashMap::default()));
            let value = machine.call_function(&function, id, arguments).ok()?;
            machine.note_view_return(VIEW, None, &function, &value);
            Some(machine.fact(&value))
        });
        results.extend(result.map(|returns| FunctionResult::of(&function, returns, true)));
    }
    results
}

/// Calls what answers messages instead of requests: those of a WebSocket.
fn message_handlers(machine: &mut Machine<'_>) -> Vec<FunctionResult> {
    let mut results = Vec::new();
    for handler in crate::message::handlers(machine) {
        let result = isolated(machine, |machine| {
            let arguments = crate::message::arguments(machine, &handler)?;
            let value = machine.call_function(&handler.function, handler.id, arguments).ok()?;
            Some(machine.fact(&value))
        });
        results.extend(result.map(|returns| FunctionResult::of(&handler.function, returns, true)));
    }
    results
}

/// Runs what every request goes through before its view: what hooks leave in `flask.g`, and what their tests say of
/// requests that came through.
fn run_hooks(machine: &mut Machine<'_>) {
    let Some(app) = machine.apps.first().copied() else { return };
    let hooks = crate::flask::hooks(machine, app);
    for hook in hooks.iter().filter(|hook| hook.runs_before_every_view()) {
        for alternative in hook.function.alternatives() {
            let Some(id) = alternative.value.as_object() else { continue };
            let Shape::Function(function) = machine.heap.get(id).shape.clone() else { continue };
            machine.refuel();
            machine.guard = machine.base_guard.clone();
            let exits = machine.exits.len();
            // An answer other than `None` ends the request; what holds on the other paths holds for the view.
            if let Some(guard) = machine.call_for_guard(&function, id) {
                machine.base_guard = guard;
            }
            machine.exits.truncate(exits);
        }
    }
}

/// What blueprints run before their own views, by the blueprint's name.
fn blueprint_hooks(machine: &mut Machine<'_>) -> Vec<(String, ObjectId)> {
    let Some(app) = machine.apps.first().copied() else { return Vec::new() };
    let hooks = crate::flask::hooks(machine, app).into_iter().filter(|hook| hook.name == "before_request");
    let mut found = Vec::new();
    for hook in hooks {
        let Some(owner) = hook.blueprint.filter(|owner| !owner.is_empty()) else { continue };
        let functions = hook.function.alternatives();
        let functions = functions.iter().filter_map(|alternative| alternative.value.as_object());
        found.extend(functions.map(|function| (owner.clone(), function)));
    }
    found
}

/// A request on its way to a view: what its blueprint runs first leaves its traces, and lets only some through.
fn enter(machine: &mut Machine<'_>, entry: &Entry) {
    for &hook in &entry.hooks {
        let Shape::Function(function) = machine.heap.get(hook).shape.clone() else { continue };
        let exits = machine.exits.len();
        if let Some(guard) = machine.call_for_guard(&function, hook) {
            machine.guard = guard;
        }
        machine.exits.truncate(exits);
    }
}

/// The function of a file whose text, its decorators included, holds a place; the innermost one.
fn innermost(functions: &[(Span, Arc<str>)], at: Span) -> Option<(Span, Arc<str>)> {
    let holding = functions.iter().filter(|(span, _)| span.range.encloses(at.range));
    holding.min_by_key(|(span, _)| span.range.end - span.range.start).cloned()
}

fn arguments(rules: &[String], span: Span) -> Arguments {
    let mut arguments = Arguments::none(span);
    let mut seen = FxHashSet::default();
    for rule in rules {
        for (name, value) in crate::request::view_arguments(rule, span) {
            if seen.insert(name.clone()) {
                arguments.keywords.push((Name::new(&name), value));
            }
        }
    }
    arguments
}

/// The path of the event for what a view answers.
const VIEW: &str = "flask.view.return";
/// The same for a resource: text is sent as JSON.
const RESOURCE: &str = "flask.resource.return";

/// Whether a class answers with what an extension makes JSON of, unless it makes a response itself.
fn is_resource(machine: &Machine<'_>, class: ObjectId) -> bool {
    const RESOURCES: [&str; 3] =
        ["flask_restful.Resource", "flask_restplus.Resource", "flask_restx.Resource"];
    let ancestors = machine.class(class).map(|class| class.ancestors.clone()).unwrap_or_default();
    ancestors.iter().filter_map(Value::as_path).any(|path| RESOURCES.contains(&path))
}

/// The method of a class with what its `decorators` make of it. Reference: Flask 3.1 `View.as_view`; Flask-RESTful
/// calls them `method_decorators`.
fn decorated(machine: &mut Machine<'_>, class: ObjectId, method: Value) -> Value {
    let mut answer = method;
    for name in ["method_decorators", "decorators"] {
        let Some(decorators) = machine.attribute_of_class(&Value::object(class), name) else { continue };
        if decorators.as_object().is_some_and(|id| machine.heap.dict(id).is_some()) {
            continue;
        }
        for decorator in machine.elements(&decorators).known {
            let at = answer.at.unwrap_or_else(|| Span::new(FileId(0), 0, 0));
            if !matches!(decorator.kind, Kind::Object(_)) {
                continue;
            }
            if let Ok(wrapped) = machine.decorate(&decorator, answer.clone(), at)
                && matches!(wrapped.kind, Kind::Object(_) | Kind::Bound(_))
            {
                answer = wrapped;
            }
        }
    }
    answer
}

/// `View.as_view()`: a fresh instance answers each request, with the method that is named like the request's.
fn class_view(machine: &mut Machine<'_>, entry: &Entry) -> Vec<FunctionResult> {
    const METHODS: [&str; 8] =
        ["get", "post", "put", "patch", "delete", "head", "options", "dispatch_request"];
    let Some(class) = machine.heap.attribute(entry.view, "@class").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut results = Vec::new();
    let path = if is_resource(machine, class) { RESOURCE } else { VIEW };
    for method in METHODS {
        let Some(value) = machine.attribute_of_class(&Value::object(class), method) else { continue };
        let Some(id) = value.as_object() else { continue };
        let Shape::Function(function) = machine.heap.get(id).shape.clone() else { continue };
        let result = isolated(machine, |machine| {
            enter(machine, entry);
            let made = machine.call(&Value::object(class), Arguments::none(function.span)).ok();
            let instance = match made {
                Some(value) if matches!(value.kind, Kind::Object(_)) => value,
                _ => Value::object(machine.instance(Value::object(class))),
            };
            let mut arguments = arguments(&entry.rules, function.span);
            crate::parsed::add_arguments(machine, id, &mut arguments);
            machine.answering = Some((function.span, FxHashMap::default()));
            let answer = decorated(machine, class, Value::new(Kind::Bound(Arc::new((instance, id))), None));
            let value = machine.call(&answer, arguments).ok()?;
            machine.note_view_return(path, None, &function, &value);
            Some(machine.fact(&value))
        });
        results.extend(result.map(|returns| FunctionResult::of(&function, returns, true)));
    }
    results
}

impl<'a> Machine<'a> {
    /// Under which guard a hook lets a request through: where it returns `None`.
    fn call_for_guard(&mut self, function: &Arc<Function<'a>>, id: ObjectId) -> Option<Guard> {
        let value = self.call_function(function, id, Arguments::none(function.span)).ok()?;
        let passed = value.alternatives().into_iter().filter(|alternative| {
            matches!(alternative.value.kind, Kind::None | Kind::Unknown | Kind::Path(_))
        });
        let passed = passed.map(|alternative| alternative.guard).reduce(|a, b| a.or(&b))?;
        Some(self.guard.with_texts_of(&passed))
    }

    /// What a view answers, as an event of its own, at the place where the view returns it.
    fn note_view_return(
        &mut self,
        path: &str,
        written: Option<&(Span, Arc<str>)>,
        called: &Function<'_>,
        value: &Value,
    ) {
        let places = self.answering.take().map(|(_, places)| places).unwrap_or_default();
        // Each return statement is an answer of its own.
        for alternative in value.alternatives() {
            let before = self.events.len();
            let value = alternative.value;
            let place = value.at.map_or(called.span, |at| places.get(&at).copied().unwrap_or(at));
            let arguments = Arguments::of(place, [value]);
            self.note_call(path, None, &arguments);
            if let Some(event) = self.events.get_mut(before).and_then(Arc::get_mut) {
                let (span, name) = match written {
                    Some((span, name)) => (*span, name.clone()),
                    None => (called.span, called.qualified_name.clone()),
                };
                event.scope = name;
                event.function = Some(span);
            }
        }
    }
}
