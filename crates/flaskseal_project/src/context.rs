//! What a rule sees: one start of one application, and everything around it.

use std::sync::Arc;

use flaskseal_core::{Evidence, FileId, Layer, Span, TextRange};
use flaskseal_models::{Models, Sink};
use flaskseal_semantic::{
    App, Context as When, Decorated, Evaluation, Event, Fact, FactKind, Route, SettingFact, VariableValue,
};

use crate::decorators::DecoratorIndex;
use crate::entry::{Entry, ServerKind};
use crate::routes::RouteIndex;
use crate::{AppUnit, Project, Start};

/// One start of an application, for the rules to judge.
#[derive(Clone, Copy)]
pub struct Context<'p> {
    pub project: &'p Project<'p>,
    pub unit: &'p AppUnit,
    pub entry: &'p Entry,
    pub evaluation: &'p Evaluation,
    start: &'p Start,
    /// The application that is served; `None` where none was found.
    pub app: Option<&'p App>,
}

impl<'p> Context<'p> {
    pub(crate) fn new(project: &'p Project<'p>, unit: &'p AppUnit, start: &'p Start) -> Self {
        Self {
            project,
            unit,
            entry: &start.entry,
            evaluation: &start.evaluation,
            start,
            app: start.evaluation.apps.first(),
        }
    }

    /// An effective setting of the application.
    pub fn setting(&self, name: &str) -> Option<&'p SettingFact> {
        self.app?.setting(name)
    }

    /// What a setting is where no open variable is set: `Absent` where nothing sets it, `Unknown` where something
    /// outside the tree may.
    pub fn setting_by_default(&self, name: &str) -> Fact {
        let nothing = Fact::new(FactKind::Absent);
        let Some(app) = self.app else { return Fact::UNKNOWN };
        match app.setting(name) {
            Some(setting) if !app.open || !setting.written.is_empty() => setting.value.by_default(),
            None if !app.open => nothing,
            _ => Fact::UNKNOWN,
        }
    }

    /// The routes that the function at this place answers: as their view, below their decorator, whatever other
    /// decorators make of it, or as a method of their view class.
    pub fn routes_of(&self, function: Span) -> impl Iterator<Item = &'p Route> + use<'p> {
        let routes = self.app.map(|app| app.routes.as_slice()).unwrap_or_default();
        let index = self.once(|| RouteIndex::of(routes));
        let found = index.of_function(function, || self.headline(function));
        found.into_iter().filter_map(|index| routes.get(index))
    }

    /// The decorators of a function, where it has any.
    pub fn decorated(&self, function: Span) -> Option<&'p Decorated> {
        self.evaluation.decorated.get(self.decorators().of_function(function)?)
    }

    /// The function that has the decorator at this very place.
    pub fn decorated_at(&self, decorator: Span) -> Option<&'p Decorated> {
        self.evaluation.decorated.get(self.decorators().of_decorator(decorator)?)
    }

    fn decorators(&self) -> Arc<DecoratorIndex> {
        self.once(|| DecoratorIndex::of(&self.evaluation.decorated))
    }

    /// The `def` line of a function, whose span begins at its decorators.
    pub fn headline(&self, function: Span) -> Span {
        let text = self.text(function);
        let is_plain = text.starts_with("def ") || text.starts_with("async def ");
        let marks = ["\ndef ", "\nasync def ", " def ", " async def ", "\tdef ", "\tasync def "];
        let found = marks.iter().filter_map(|mark| text.find(mark)).min().map(|at| at + 1);
        let start = found.filter(|_| !is_plain).unwrap_or(0);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim_end();
        let start = function.range.start + start as u32;
        Span::new(function.file, start, start + line.len() as u32)
    }

    /// Calls with a role, in code that production loads, in the order of their places. Main-only code and tests are
    /// left out.
    pub fn calls(&self, role: &'static str) -> impl Iterator<Item = &'p Event> + use<'p> {
        self.all_calls(role).filter(|event| event.context != When::MainOnly)
    }

    /// Calls with a role, those that only `python FILE` runs among them.
    pub fn all_calls(&self, role: &'static str) -> impl Iterator<Item = &'p Event> + use<'p> {
        self.start.calls(self.project, role).into_iter()
    }

    /// Calls with request data at arguments that some language reads, with those arguments, in the order in which they
    /// were seen.
    pub fn tainted_calls(&self) -> Vec<(&'p Event, Vec<&'static Sink>)> {
        let calls = self.start.tainted_calls(self.project);
        let events = &self.start.evaluation.events;
        calls.0.iter().filter_map(|(index, sinks)| Some((&**events.get(*index)?, sinks.clone()))).collect()
    }

    /// What `make` makes of this start: made once, whoever asks. The type is what is asked for; `make` must not hand
    /// work to other threads.
    pub fn once<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.start.memo.once(make)
    }

    /// The arguments of a call that some language reads.
    pub fn sinks(&self, event: &Event) -> Vec<&'static Sink> {
        Models::bundled().sinks(&event.path)
    }

    /// Whether what is called has the role.
    pub fn is(&self, event: &Event, role: &str) -> bool {
        Models::bundled().has_role(&event.path, role)
    }

    pub fn has_call(&self, role: &'static str) -> bool {
        self.calls(role).next().is_some()
    }

    /// The development server serves production: `flask run`, or a script that calls `app.run`.
    pub fn runs_development_server(&self) -> bool {
        match self.entry.server {
            ServerKind::FlaskRun => true,
            ServerKind::Script => self.calls("app.run").next().is_some(),
            ServerKind::Wsgi | ServerKind::Unknown => false,
        }
    }

    /// A variable of the start's environment: what the deployment or the command line says of it.
    pub fn variable(&self, name: &str) -> Option<&'p VariableValue> {
        self.entry.environment.get(name).map(|variable| &variable.setting)
    }

    /// Whether deployment files describe this start, so that a variable they do not set is one that is missing.
    pub fn is_deployed(&self) -> bool {
        self.entry.process.is_some() && self.entry.span.is_some()
    }

    pub fn text(&self, span: Span) -> &'p str {
        self.project.tree.file(span.file).slice(span.range)
    }

    pub fn path(&self, file: FileId) -> &'p str {
        &self.project.tree.file(file).path
    }

    /// Evidence in a file of the tree; the layer follows from what the file is.
    pub fn evidence(&self, span: Span, claim: impl Into<String>) -> Evidence {
        let is_deploy = self.project.deployment.files.iter().any(|(file, _)| *file == span.file);
        let layer = if is_deploy { Layer::Deploy } else { Layer::Source };
        Evidence::at(layer, span, claim)
    }

    /// The bytes between the quotes of a string literal, for redaction: the span itself where it is no literal.
    pub fn inside_quotes(&self, span: Span) -> Span {
        let text = self.text(span);
        let Some(open) = text.find(['"', '\'']) else { return span };
        let quote = &text[open..=open];
        let triple = quote.repeat(3);
        let mark = if text[open..].starts_with(&triple) { triple.as_str() } else { quote };
        let start = open + mark.len();
        match text.rfind(mark) {
            Some(end) if end >= start => Span {
                file: span.file,
                range: TextRange::new(span.range.start + start as u32, span.range.start + end as u32),
            },
            _ => span,
        }
    }
}
