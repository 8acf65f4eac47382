//! The abstract interpreter: its state, and how paths of execution part and meet.

use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange};
use flaskseal_python::{Name, Ranged, ast, range_of};
use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::environment::Environment;
use crate::event::{Context, Decorated, Event, Incomplete};
use crate::flask::RouteValue;
use crate::guard::Guard;
use crate::heap::{Class, Delta, Dict, Function, Heap, List, Mark, ObjectId, Shape, Taken};
use crate::lexicon::Lexicon;
use crate::limits::Identity;
use crate::origin::Origin;
use crate::pattern::Pattern;
use crate::program::{Located, Program};
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Value};

/// How a statement ends.
#[derive(Clone, Debug)]
pub(crate) enum Flow {
    Normal,
    Return(Value),
    Raise(Raised),
    Break,
    Continue,
}

/// An exception on its way. Boxed: it travels in every `Result`.
#[derive(Clone, Debug)]
pub(crate) struct Raised(pub Box<Value>);

pub(crate) type Evaluated = Result<Value, Raised>;

/// A path that left the straight line and waits to be met again: at the end of its function, loop or `try`.
#[derive(Clone, Debug)]
pub(crate) struct Exit<'a> {
    pub flow: Flow,
    pub delta: Delta<'a>,
    pub guard: Guard,
}

/// A running function, class body or module.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub scope: ObjectId,
    /// Scopes that names are looked up in after `scope`, innermost last.
    pub closure: Arc<[ObjectId]>,
    pub module: ObjectId,
    pub file: FileId,
    pub function: Option<Arc<Function<'a>>>,
    /// A class body or a module: its scope is no closure for functions defined in it.
    pub is_namespace: bool,
    /// The class whose body this is; methods defined here learn it for `super()`.
    pub class: Option<ObjectId>,
    pub qualified_name: Arc<str>,
    pub globals: Vec<Name>,
    pub nonlocals: Vec<Name>,
    /// What a generator has yielded.
    pub yields: Option<ObjectId>,
}

impl Frame<'_> {
    /// The scopes that names are looked up in from a scope inside this one.
    pub(crate) fn scopes_for_inner(&self) -> Arc<[ObjectId]> {
        self.closure.iter().copied().chain([self.scope]).collect()
    }

    /// The same for a function or class that is defined here: names of a namespace are not seen from inside.
    pub(crate) fn scopes_for_definition(&self) -> Arc<[ObjectId]> {
        if self.is_namespace { self.closure.clone() } else { self.scopes_for_inner() }
    }
}

/// Steps for a start-up: far more than real ones need, and a bound for the rest.
const START_FUEL: u64 = 1_000_000;
/// Steps for one view, and how deep its calls are followed: a flow from request to sink is seen from here or not at all.
const VIEW_FUEL: u64 = 60_000;
const MAX_VIEW_DEPTH: usize = 14;
/// The same for any other function. Every function has its turn, so what it calls need not be followed far.
const REQUEST_FUEL: u64 = 12_000;
const MAX_START_DEPTH: usize = 48;
const MAX_REQUEST_DEPTH: usize = 5;

#[derive(Clone)]
pub(crate) struct Machine<'a> {
    pub program: &'a Program<'a>,
    pub environment: &'a Environment,
    pub heap: Heap<'a>,
    pub frames: Vec<Frame<'a>>,
    pub exits: Vec<Exit<'a>>,
    /// How many `try` statements are running; without one, an exception ends the path.
    pub tries: usize,
    /// Request data that went into calls since the innermost `try` began: an exception's text may repeat it.
    pub tried: Option<Arc<Origin>>,
    /// The condition of the current path.
    pub guard: Guard,
    pub fuel: u64,
    /// Modules by dotted name.
    pub modules: FxHashMap<Arc<str>, ObjectId>,
    /// `os.environ`: what the environment says, and what the program writes into it.
    pub environ: ObjectId,
    /// What the program has put on objects of libraries, by access path: `flask.g.user`.
    pub placed: ObjectId,
    /// Files that hold what a client sent, by a name for their paths.
    pub saved: ObjectId,
    /// What holds whenever a view is called, because every request went through the application's hooks.
    pub base_guard: Guard,
    /// Calls are followed this deep.
    pub max_depth: usize,
    pub events: Vec<Arc<Event>>,
    /// Containers in facts are cut after this many elements.
    pub max_elements: usize,
    pub incomplete: IndexSet<Incomplete, FxBuildHasher>,
    /// Calls whose effect is not known, counted: each may raise.
    pub opaque_calls: usize,
    pub calls_resolved: usize,
    pub calls_unresolved: usize,
    /// Names given to texts so far.
    pub texts_named: u64,
    /// The module that runs as `__main__`.
    pub main: Option<FileId>,
    /// Flask applications, in the order of their creation.
    pub apps: Vec<ObjectId>,
    /// Routes of something that is not in the tree: `from elsewhere import app`.
    pub loose_routes: Vec<RouteValue>,
    pub decorated: Vec<Decorated>,
    /// The functions of `decorated`, and in a worker those that were known before.
    pub known_decorated: FxHashSet<Span>,
    /// Applications inside middleware, by the place of the call that wrapped them.
    pub wrapped: FxHashMap<Span, ObjectId>,
    pub context: Context,
    /// Functions are called one by one; modules are not run any more.
    pub serving: bool,
    /// A setting was read at the start that nothing visible sets: something unseen does.
    pub reads_unseen_settings: bool,
    /// A view is called, as the router does.
    pub in_view: bool,
    /// The view that is being called, and where its answers are returned: by the places where those were made.
    pub answering: Option<(Span, FxHashMap<Span, Span>)>,
    /// A test is asked again that runs code of the program.
    pub is_asking: bool,
    /// The request's path is a constant: the view is served under rules without converters.
    pub is_path_constant: bool,
    pub lexicon: Lexicon,
    /// What dotted names stand for.
    pub located: FxHashMap<Arc<str>, Located>,
    /// Whether a function yields, by where it stands.
    pub generators: FxHashMap<Span, bool>,
    /// Regular expressions by their flags and text; `None` for those that are not understood.
    pub patterns: FxHashMap<i64, FxHashMap<Box<str>, Option<Arc<Pattern>>>>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(program: &'a Program<'a>, environment: &'a Environment) -> Self {
        let mut heap = Heap::default();
        let environ = heap.allocate(Shape::Dict(Dict::default()));
        let placed = heap.allocate(Shape::Scope);
        let saved = heap.allocate(Shape::Scope);
        Self {
            program,
            environment,
            heap,
            frames: Vec::new(),
            exits: Vec::new(),
            tries: 0,
            tried: None,
            guard: Guard::ALWAYS,
            fuel: START_FUEL,
            modules: FxHashMap::default(),
            environ,
            placed,
            saved,
            base_guard: Guard::ALWAYS,
            max_depth: MAX_START_DEPTH,
            events: Vec::new(),
            max_elements: crate::fact::MAX_ELEMENTS,
            incomplete: IndexSet::default(),
            opaque_calls: 0,
            calls_resolved: 0,
            calls_unresolved: 0,
            texts_named: 0,
            main: None,
            apps: Vec::new(),
            loose_routes: Vec::new(),
            decorated: Vec::new(),
            known_decorated: FxHashSet::default(),
            wrapped: FxHashMap::default(),
            context: Context::Start,
            serving: false,
            reads_unseen_settings: false,
            in_view: false,
            answering: None,
            is_asking: false,
            is_path_constant: false,
            lexicon: Lexicon::default(),
            located: FxHashMap::default(),
            generators: FxHashMap::default(),
            patterns: FxHashMap::default(),
        }
    }

    pub(crate) fn refuel(&mut self) {
        (self.fuel, self.max_depth) = match (self.serving, self.in_view) {
            (false, _) => (START_FUEL, MAX_START_DEPTH),
            (true, true) => (VIEW_FUEL, MAX_VIEW_DEPTH),
            (true, false) => (REQUEST_FUEL, MAX_REQUEST_DEPTH),
        };
    }

    pub(crate) fn frame(&self) -> &Frame<'a> {
        self.frames.last().expect("code runs inside a frame")
    }

    pub(crate) fn frame_mut(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("code runs inside a frame")
    }

    pub(crate) fn span(&self, node: &impl Ranged) -> Span {
        Span { file: self.frame().file, range: range_of(node) }
    }

    pub(crate) fn span_of(&self, range: TextRange) -> Span {
        Span { file: self.frame().file, range }
    }

    /// Spends a step. When none is left, says so once and lets everything further be unknown.
    pub(crate) fn step(&mut self, at: Option<Span>) -> bool {
        if self.fuel == 0 {
            return false;
        }
        self.fuel -= 1;
        if self.fuel == 0 {
            self.incomplete("the analysis budget was used up", at);
        }
        true
    }

    pub(crate) fn incomplete(&mut self, reason: &'static str, span: Option<Span>) {
        let scope = self.frames.last().map_or_else(|| Arc::from(""), |frame| frame.qualified_name.clone());
        self.incomplete.insert(Incomplete { reason, span, scope });
    }

    /// The identity of a text that was not there before, and will not be again.
    pub(crate) fn fresh_text(&mut self) -> Arc<Identity> {
        self.texts_named += 1;
        Identity::named(("fresh", self.texts_named))
    }

    pub(crate) fn too_deep(&self) -> bool {
        self.frames.len() >= self.max_depth
    }

    // Objects.

    pub(crate) fn list(&mut self, items: Vec<Value>) -> Value {
        Value::object(self.heap.allocate(Shape::List(List { items, ..List::default() })))
    }

    pub(crate) fn list_of(&mut self, list: List) -> Value {
        Value::object(self.heap.allocate(Shape::List(list)))
    }

    pub(crate) fn dict(&mut self, dict: Dict) -> Value {
        Value::object(self.heap.allocate(Shape::Dict(dict)))
    }

    pub(crate) fn instance(&mut self, class: Value) -> ObjectId {
        self.heap.allocate(Shape::Instance { class })
    }

    /// An instance of a library class, with attributes that only the evaluator sees (their names begin with `@`).
    pub(crate) fn library_instance(&mut self, class: &str, hidden: &[(&str, Value)]) -> Value {
        let id = self.instance(Value::path(class));
        for (name, value) in hidden {
            self.heap.set_attribute(id, Name::new(name), value.clone());
        }
        Value::object(id)
    }

    pub(crate) fn class(&self, id: ObjectId) -> Option<&Arc<Class>> {
        match &self.heap.get(id).shape {
            Shape::Class(class) => Some(class),
            _ => None,
        }
    }

    // Paths.

    /// Runs two alternatives from the same state and lets them meet. A guard of `None` says that the alternative
    /// cannot be taken.
    pub(crate) fn branch(
        &mut self,
        truth: &Truth,
        then: impl FnOnce(&mut Self) -> Flow,
        otherwise: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        let (yes, no) = match (&truth.yes, &truth.no) {
            (Some(yes), Some(no)) => (yes.clone(), no.clone()),
            (Some(_), None) => return then(self),
            (None, _) => return otherwise(self),
        };
        let outer = self.guard.clone();
        let (Some(then_guard), else_guard) = (outer.and(&yes), outer.and(&no)) else {
            return otherwise(self);
        };
        let Some(else_guard) = else_guard else {
            return then(self);
        };
        let mark = self.heap.mark();
        let first_exit = self.exits.len();
        self.guard = then_guard;
        let then_flow = then(self);
        let then_guard = std::mem::replace(&mut self.guard, else_guard);
        let delta = self.lift(mark, first_exit);
        let else_flow = otherwise(self);
        match (then_flow, else_flow) {
            (Flow::Normal, Flow::Normal) => {
                let (theirs, ours) =
                    (Taken { when: &yes, knowing: &then_guard }, Taken { when: &no, knowing: &self.guard });
                self.heap.join(delta, theirs, ours);
                // What both say of a text stays.
                self.guard = match then_guard.says_of_texts() && self.guard.says_of_texts() {
                    true => outer.with_texts_of(&then_guard.or(&self.guard)),
                    false => outer,
                };
                Flow::Normal
            }
            (Flow::Normal, flow) => {
                let else_delta = self.lift(mark, first_exit);
                let guard = std::mem::replace(&mut self.guard, then_guard);
                self.leave(Exit { flow, delta: else_delta, guard });
                self.heap.apply(delta);
                Flow::Normal
            }
            (flow, else_flow) => {
                self.leave(Exit { flow, delta, guard: then_guard });
                else_flow
            }
        }
    }

    /// Takes the writes since a mark off the heap, and keeps paths that were left since then valid.
    fn lift(&mut self, mark: Mark, first_exit: usize) -> Delta<'a> {
        for exit in self.exits.iter_mut().skip(first_exit) {
            self.heap.rebase(&mut exit.delta, mark);
        }
        self.heap.lift(mark)
    }

    pub(crate) fn lift_since(&mut self, mark: Mark, first_exit: usize) -> Delta<'a> {
        self.lift(mark, first_exit.min(self.exits.len()))
    }

    pub(crate) fn leave(&mut self, exit: Exit<'a>) {
        if self.tries > 0 || !matches!(exit.flow, Flow::Raise(_)) {
            self.exits.push(exit);
        }
    }

    /// An exception may arise here; the current path goes on without it.
    pub(crate) fn may_raise(&mut self, exception: &str, guard: &Guard) {
        if self.tries > 0
            && let Some(guard) = self.guard.and(guard)
        {
            let here = self.heap.mark();
            let delta = self.heap.unchanged(here);
            let flow = Flow::Raise(Raised::of(exception));
            self.exits.push(Exit { flow, delta, guard });
        }
    }

    /// Meets the paths since `first_exit` that wait for this point. With `current` on another way, it becomes an
    /// exit itself.
    pub(crate) fn meet(
        &mut self,
        first_exit: usize,
        mut current: Flow,
        waits: impl Fn(&Flow) -> bool,
    ) -> Flow {
        if waits(&current) {
            current = Flow::Normal;
        }
        let (paths, others): (Vec<_>, Vec<_>) =
            self.exits.drain(first_exit.min(self.exits.len())..).partition(|exit| waits(&exit.flow));
        self.exits.extend(others);
        if paths.is_empty() {
            return current;
        }
        let other = (!matches!(current, Flow::Normal)).then_some(current);
        self.join_paths(first_exit, paths.into_iter().map(|exit| (exit.delta, exit.guard)).collect(), other);
        Flow::Normal
    }

    /// The value of a function whose body ended with `flow`, and under which guard it returns: all its returns meet.
    pub(crate) fn meet_returns(&mut self, first_exit: usize, flow: Flow) -> Result<(Value, Guard), Raised> {
        let (result, raised) = match flow {
            Flow::Return(value) => (Some(value), None),
            Flow::Raise(raised) => (None, Some(raised)),
            Flow::Normal | Flow::Break | Flow::Continue => (Some(Value::NONE), None),
        };
        let (returns, others): (Vec<_>, Vec<_>) = self
            .exits
            .drain(first_exit.min(self.exits.len())..)
            .partition(|exit| matches!(exit.flow, Flow::Return(_)));
        self.exits.extend(others);
        if returns.is_empty() {
            return match (result, raised) {
                (Some(value), _) => Ok((value, self.guard.clone())),
                (None, raised) => Err(raised.unwrap_or_else(|| Raised::of("BaseException"))),
            };
        }
        let mut values: Option<Alternative> =
            result.map(|value| Alternative { value, guard: self.guard.clone() });
        let mut paths = Vec::new();
        for Exit { flow, delta, guard } in returns {
            let Flow::Return(value) = flow else { continue };
            let their = Alternative { value, guard: guard.clone() };
            values = Some(match values {
                Some(our) => {
                    let guard = our.guard.or(&their.guard);
                    Alternative { value: Value::union([our, their]), guard }
                }
                None => their,
            });
            paths.push((delta, guard));
        }
        self.join_paths(first_exit, paths, raised.map(Flow::Raise));
        Ok((values.map_or(Value::UNKNOWN, |met| met.value), self.guard.clone()))
    }

    /// Lets paths that were left go on together: with the current one, or without it where that goes another way.
    fn join_paths(&mut self, first_exit: usize, paths: Vec<(Delta<'a>, Guard)>, other: Option<Flow>) {
        if let ([(delta, guard)], None) = (paths.as_slice(), &other) {
            let ours = self.guard.clone();
            self.guard = ours.or(guard);
            self.heap.join(delta.clone(), Taken::under(guard), Taken::under(&ours));
            return;
        }
        let Some(mark) = paths.iter().map(|(delta, _)| delta.since()).min() else { return };
        let here = self.heap.mark();
        let own = (self.heap.unchanged(here), self.guard.clone());
        let paths: Vec<_> = other.is_none().then_some(own).into_iter().chain(paths).collect();
        let met = self.heap.meeting(mark, &paths);
        let delta = self.lift(mark, first_exit);
        if let Some(flow) = other {
            let guard = self.guard.clone();
            self.leave(Exit { flow, delta, guard });
        }
        self.heap.apply(met);
        let guards = paths.into_iter().map(|(_, guard)| guard);
        self.guard = guards.reduce(|a, b| a.or(&b)).unwrap_or_default();
    }

    // Names.

    pub(crate) fn lookup(&mut self, name: &str, at: Span) -> Value {
        let frame = self.frame();
        let is_global = frame.globals.iter().any(|global| global == name);
        let mut found = None;
        if !is_global {
            let scopes = std::iter::once(frame.scope).chain(frame.closure.iter().rev().copied());
            for scope in scopes {
                if let Some(value) = self.heap.attribute(scope, name) {
                    if value.may_be_absent() {
                        found = Some(value.without_absent());
                    } else {
                        found = Some(value.clone());
                    }
                    break;
                }
            }
        }
        let found = found.or_else(|| self.heap.attribute(frame.module, name).map(Value::without_absent));
        if let Some(value) = found {
            return value.under(&self.guard);
        }
        if let Some(path) = crate::builtins::path_of(name) {
            return Value::path(path);
        }
        // A star import of something that is not in the tree may have brought the name. What it is called is all that
        // is known; the methods of anything are still seen.
        Value::path(format!("?.{name}")).at(Some(at))
    }

    pub(crate) fn bind(&mut self, name: &Name, value: Value) {
        let frame = self.frame();
        let mut target = frame.scope;
        if frame.globals.contains(name) {
            target = frame.module;
        } else if frame.nonlocals.contains(name) {
            let owner = frame.closure.iter().rev().find(|scope| self.heap.attribute(**scope, name).is_some());
            target = owner.copied().unwrap_or(target);
        }
        self.heap.set_attribute(target, name.clone(), value);
    }

    pub(crate) fn with_frame<T>(&mut self, frame: Frame<'a>, run: impl FnOnce(&mut Self) -> T) -> T {
        self.frames.push(frame);
        let result = run(self);
        self.frames.pop();
        result
    }

    /// Runs the body of a module in its namespace.
    pub(crate) fn run_module(
        &mut self,
        module: ObjectId,
        file: FileId,
        name: Arc<str>,
        body: &'a [ast::Stmt],
    ) -> Flow {
        let frame = Frame {
            scope: module,
            closure: Arc::default(),
            module,
            file,
            function: None,
            is_namespace: true,
            class: None,
            qualified_name: name,
            globals: Vec::new(),
            nonlocals: Vec::new(),
            yields: None,
        };
        let first_exit = self.exits.len();
        let flow = self.with_frame(frame, |machine| machine.block(body));
        match self.meet_returns(first_exit, flow) {
            Ok(_) => Flow::Normal,
            Err(raised) => Flow::Raise(raised),
        }
    }
}

impl Raised {
    pub(crate) fn of(exception: &str) -> Self {
        Self(Box::new(Value::path(format!("builtins.{exception}"))))
    }

    /// The exception's class, as far as it is known: a path, or a class of the program.
    pub(crate) fn class(&self, machine: &Machine<'_>) -> Value {
        match &self.0.kind {
            Kind::Object(id) => match &machine.heap.get(*id).shape {
                Shape::Instance { class } => class.clone(),
                _ => (*self.0).clone(),
            },
            Kind::Path(path) => Value::path(path.trim_end_matches("()")),
            _ => Value::UNKNOWN,
        }
    }
}
