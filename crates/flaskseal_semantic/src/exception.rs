//! Exceptions and the contexts of `with`.

use std::sync::Arc;

use flaskseal_python::ast;

use crate::guard::Guard;
use crate::heap::{Delta, Mark, Shape, Taken};
use crate::machine::{Evaluated, Exit, Flow, Machine, Raised};
use crate::origin::{Origin, StepKind};
use crate::value::{Alternative, Kind, Value};

impl<'a> Machine<'a> {
    pub(crate) fn try_statement(&mut self, node: &'a ast::StmtTry) -> Flow {
        let first_exit = self.exits.len();
        let opaque_before = self.opaque_calls;
        let mark = self.heap.mark();
        let guard_before = self.guard.clone();
        let outer = self.tried.take();
        self.tries += 1;
        let mut flow = self.block(&node.body);
        self.tries -= 1;
        let tried = std::mem::replace(&mut self.tried, outer);
        let opaque = self.opaque_calls > opaque_before;
        if matches!(flow, Flow::Normal) {
            flow = self.block(&node.orelse);
        }
        if opaque && !node.handlers.is_empty() {
            // Somewhere in the body, anything may have been raised: before most of it had an effect.
            let delta = self.heap.unchanged(mark);
            self.exits.push(Exit {
                flow: Flow::Raise(Raised(Box::new(Value::UNKNOWN))),
                delta,
                guard: guard_before,
            });
        }
        for handler in &node.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            flow = self.handler(handler, first_exit, mark, flow, tried.as_ref());
        }
        if self.tries == 0 {
            // Nobody further out will catch what is left.
            let mut index = first_exit;
            while index < self.exits.len() {
                if matches!(self.exits[index].flow, Flow::Raise(_)) {
                    self.exits.remove(index);
                } else {
                    index += 1;
                }
            }
        }
        if node.finalbody.is_empty() {
            return flow;
        }
        match self.block(&node.finalbody) {
            Flow::Normal => flow,
            other => other,
        }
    }

    /// Runs a handler once, on all paths that raised what it catches, and lets it meet the path that did not raise.
    /// `mark` is where the `try` began.
    fn handler(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        first_exit: usize,
        mark: Mark,
        flow: Flow,
        tried: Option<&Arc<Origin>>,
    ) -> Flow {
        let caught = match &handler.type_ {
            Some(class) => self.eval(class).unwrap_or(Value::UNKNOWN),
            None => Value::path("builtins.BaseException"),
        };
        let mut exceptions: Vec<Raised> = Vec::new();
        let mut paths: Vec<(Delta<'a>, Guard)> = Vec::new();
        for exit in self.exits.split_off(first_exit.min(self.exits.len())) {
            let raised = match &exit.flow {
                Flow::Raise(raised) if self.catches(&caught, raised) != Some(false) => raised.clone(),
                _ => {
                    self.exits.push(exit);
                    continue;
                }
            };
            // Another handler may be the one for an exception that is not known.
            if raised.0.is_unknown() && handler.type_.is_some() {
                self.exits.push(exit.clone());
            }
            exceptions.push(raised);
            paths.push((exit.delta, exit.guard));
        }
        let other = match flow {
            Flow::Raise(raised) if self.catches(&caught, &raised) != Some(false) => {
                let here = self.heap.mark();
                paths.push((self.heap.unchanged(here), self.guard.clone()));
                exceptions.push(raised);
                None
            }
            flow => Some(flow),
        };
        if paths.is_empty() {
            return other.unwrap_or(Flow::Normal);
        }
        let met = self.heap.meeting(mark, &paths);
        let delta = self.lift_since(mark, first_exit);
        let other = other.map(|flow| (flow, delta, self.guard.clone()));
        self.heap.apply(met);
        let mut values: Vec<Value> = Vec::new();
        for raised in exceptions {
            let value = match raised.0.is_unknown() {
                true => self.some_exception(&caught),
                false => self.exception_value(&raised),
            };
            // `invalid literal for int() with base 10: '<script>'`
            let repeats = value.as_path().is_some_and(|path| !path.starts_with("werkzeug."));
            let origin = tried.filter(|_| repeats).map(|origin| {
                let place = self.span(handler);
                Arc::new(origin.step(place, StepKind::Through("an exception".into())))
            });
            let value = value.tainted(origin);
            if !values.iter().any(|known| known.same(&value)) {
                values.push(value);
            }
        }
        let handled_guard = paths.into_iter().map(|(_, guard)| guard).reduce(|a, b| a.or(&b));
        let handled_guard = handled_guard.unwrap_or_default();
        self.guard = handled_guard.clone();
        if let Some(name) = &handler.name {
            let exceptions = values.into_iter().map(|value| Alternative { value, guard: Guard::ALWAYS });
            self.bind(&name.id, Value::union(exceptions));
        }
        let handled = self.block(&handler.body);
        match (handled, other) {
            (handled, None) => handled,
            (Flow::Normal, Some((Flow::Normal, delta, guard))) => {
                self.heap.join(delta, Taken::under(&guard), Taken::under(&handled_guard));
                self.guard = guard.or(&handled_guard);
                Flow::Normal
            }
            (handled, Some((Flow::Normal, delta, guard))) => {
                let handled_delta = self.lift_since(mark, first_exit);
                let handled_guard = std::mem::replace(&mut self.guard, guard);
                self.leave(Exit { flow: handled, delta: handled_delta, guard: handled_guard });
                self.heap.apply(delta);
                Flow::Normal
            }
            (handled, Some((flow, delta, guard))) => {
                self.leave(Exit { flow, delta, guard });
                handled
            }
        }
    }

    /// Whether a handler for `caught` catches this exception; `None` where it may.
    fn catches(&self, caught: &Value, raised: &Raised) -> Option<bool> {
        let candidates: Vec<Value> = match &caught.kind {
            Kind::Tuple(values) => values.to_vec(),
            _ => vec![caught.clone()],
        };
        let class = raised.class(self);
        let mut answer = Some(false);
        for candidate in candidates {
            match self.is_subclass(&class, &candidate) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => answer = None,
            }
        }
        answer
    }

    /// An exception of which nothing is known but the handler that catches it.
    fn some_exception(&mut self, caught: &Value) -> Value {
        match &caught.kind {
            Kind::Path(path) => Value::path(format!("{path}()")),
            Kind::Tuple(classes) => {
                let exceptions: Vec<Alternative> = classes
                    .iter()
                    .map(|class| Alternative { value: self.some_exception(class), guard: Guard::ALWAYS })
                    .collect();
                Value::union(exceptions)
            }
            Kind::Object(_) => Value::object(self.instance(caught.clone())),
            _ => Value::path("builtins.Exception()"),
        }
    }

    fn exception_value(&mut self, raised: &Raised) -> Value {
        match &raised.0.kind {
            Kind::Path(path) if !path.ends_with(')') => Value::path(format!("{path}()")),
            Kind::Unknown => Value::path("builtins.Exception()"),
            _ => (*raised.0).clone(),
        }
    }

    pub(crate) fn with_statement(&mut self, node: &'a ast::StmtWith) -> Result<Flow, Raised> {
        let mut managers = Vec::new();
        for item in &node.items {
            let manager = self.eval(&item.context_expr)?;
            managers.push(manager.clone());
            let span = self.span(&item.context_expr);
            let entered = self.enter_context(&manager, span)?;
            if let Some(target) = &item.optional_vars {
                self.assign(target, entered)?;
            }
        }
        let mut flow = self.block(&node.body);
        for manager in managers.iter().rev() {
            flow = self.exit_context(manager, flow, self.span(node));
        }
        Ok(flow)
    }

    /// Leaves a context: a manager of the program has its `__exit__`, and some managers swallow an exception.
    fn exit_context(&mut self, manager: &Value, flow: Flow, span: flaskseal_core::Span) -> Flow {
        let raised = matches!(flow, Flow::Raise(_));
        let swallows = match &manager.kind {
            Kind::Path(path) => &**path == "contextlib.suppress()",
            Kind::Object(id) => match &self.heap.get(*id).shape {
                // A generator under `contextlib.contextmanager`: its own handlers may catch what the body raises.
                Shape::List(list) => list.is_iterator,
                Shape::Instance { .. } if self.class_attribute(*id, "__exit__").is_some() => {
                    let arguments =
                        crate::call::Arguments::of(span, [Value::UNKNOWN, Value::UNKNOWN, Value::UNKNOWN]);
                    let left = self
                        .attribute(manager, "__exit__", span)
                        .and_then(|exit| self.call(&exit, arguments));
                    left.is_ok_and(|value| self.truth(&value).known() == Some(true))
                }
                _ => false,
            },
            _ => false,
        };
        if raised && swallows { Flow::Normal } else { flow }
    }

    fn enter_context(&mut self, manager: &Value, span: flaskseal_core::Span) -> Evaluated {
        match &manager.kind {
            // What libraries give is nearly always its own context manager: a file, a connection, an archive.
            Kind::Path(path) if &**path != "tempfile.TemporaryDirectory()" => Ok(manager.clone()),
            Kind::Path(path) => Ok(Value::path(format!("{path}.__enter__()")).at(Some(span))),
            Kind::Object(id) => match &self.heap.get(*id).shape {
                // A generator function under `contextlib.contextmanager` gave the list of what it yields.
                Shape::List(list) => Ok(list.items.first().cloned().unwrap_or(Value::UNKNOWN)),
                Shape::Instance { .. } if self.class_attribute(*id, "__enter__").is_some() => {
                    let enter = self.attribute(manager, "__enter__", span)?;
                    self.call(&enter, crate::call::Arguments::none(span))
                }
                _ => Ok(manager.clone()),
            },
            _ => Ok(Value::UNKNOWN),
        }
    }
}
