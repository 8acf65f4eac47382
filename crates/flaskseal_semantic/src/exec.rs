//! Statements.

use std::sync::{Arc, OnceLock};

use flaskseal_python::{Name, ast, ast::Stmt};

use crate::alphabet::Alphabet;
use crate::guard::Guard;
use crate::heap::{Code, Delta, Function, List, Mark, Shape, Taken};
use crate::limits::{Identity, Limits};
use crate::machine::{Evaluated, Exit, Flow, Frame, Machine, Raised};
use crate::origin::{Origin, StepKind};
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Value};

/// Rounds of a loop whose condition stays known.
const MAX_ROUNDS: usize = 512;
/// Clauses of an `if`.
const MAX_CLAUSES: usize = 1_000;

impl<'a> Machine<'a> {
    pub(crate) fn block(&mut self, body: &'a [Stmt]) -> Flow {
        for statement in body {
            match self.statement(statement) {
                Ok(Flow::Normal) => {}
                Ok(flow) => return flow,
                Err(raised) => return Flow::Raise(raised),
            }
        }
        Flow::Normal
    }

    fn statement(&mut self, statement: &'a Stmt) -> Result<Flow, Raised> {
        if !self.step(None) {
            return Ok(Flow::Normal);
        }
        match statement {
            Stmt::Expr(node) => {
                self.eval(&node.value)?;
            }
            Stmt::Assign(node) => {
                let value = self.eval(&node.value)?;
                for target in &node.targets {
                    self.assign(target, value.clone())?;
                }
            }
            Stmt::AnnAssign(node) => {
                if let Some(value) = &node.value {
                    let value = self.eval(value)?;
                    self.assign(&node.target, value)?;
                }
                self.note_annotation(&node.target, &node.annotation);
            }
            Stmt::AugAssign(node) => self.augmented_assignment(node)?,
            Stmt::If(node) => {
                // Each clause is a level of recursion; no real chain is as long as this.
                let rest = node.elif_else_clauses.get(..MAX_CLAUSES).unwrap_or(&node.elif_else_clauses);
                if rest.len() < node.elif_else_clauses.len() {
                    self.incomplete("a chain of `elif` is too long", Some(self.span(node)));
                }
                return self.if_chain(&node.test, &node.body, rest);
            }
            Stmt::For(node) => return self.for_loop(node),
            Stmt::While(node) => return self.while_loop(node),
            Stmt::Return(node) => return self.return_statement(node),
            Stmt::FunctionDef(node) => self.function_definition(node)?,
            Stmt::ClassDef(node) => self.class_definition(node)?,
            Stmt::Import(node) => self.import(node)?,
            Stmt::ImportFrom(node) => self.import_from(node)?,
            Stmt::Try(node) => return Ok(self.try_statement(node)),
            Stmt::With(node) => return self.with_statement(node),
            Stmt::Match(node) => return self.match_statement(node),
            Stmt::Raise(node) => {
                let value = match &node.exc {
                    Some(exception) => self.eval(exception)?,
                    None => Value::UNKNOWN,
                };
                return Err(Raised(Box::new(value)));
            }
            Stmt::Assert(node) => {
                let truth = self.condition(&node.test)?;
                if truth.yes.is_none() {
                    return Err(Raised::of("AssertionError"));
                }
                // What follows holds only where the assertion did. What it says of input does not count: `python -O`
                // leaves it out.
                if let Some(guard) = truth.yes.and_then(|yes| self.guard.and(&yes.without_texts())) {
                    self.guard = guard;
                }
                self.narrow(&node.test, true);
            }
            Stmt::Delete(node) => {
                for target in &node.targets {
                    self.delete(target)?;
                }
            }
            Stmt::Global(node) => {
                let names: Vec<Name> = node.names.iter().map(|name| name.id.clone()).collect();
                self.frame_mut().globals.extend(names);
            }
            Stmt::Nonlocal(node) => {
                let names: Vec<Name> = node.names.iter().map(|name| name.id.clone()).collect();
                self.frame_mut().nonlocals.extend(names);
            }
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::TypeAlias(_) | Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
        }
        Ok(Flow::Normal)
    }

    // Choice.

    fn if_chain(
        &mut self,
        test: &'a ast::Expr,
        body: &'a [Stmt],
        rest: &'a [ast::ElifElseClause],
    ) -> Result<Flow, Raised> {
        let truth = self.condition(test)?;
        Ok(self.branch(
            &truth,
            |machine| {
                machine.narrow(test, true);
                machine.block(body)
            },
            |machine| {
                machine.narrow(test, false);
                let Some((clause, rest)) = rest.split_first() else { return Flow::Normal };
                match &clause.test {
                    Some(test) => machine.if_chain(test, &clause.body, rest).unwrap_or_else(Flow::Raise),
                    None => machine.block(&clause.body),
                }
            },
        ))
    }

    fn return_statement(&mut self, node: &'a ast::StmtReturn) -> Result<Flow, Raised> {
        let Some(value) = &node.value else { return Ok(Flow::Return(Value::NONE)) };
        let value = self.eval(value)?;
        // A page that was put together piece by piece is answered here.
        let here = self.span(node);
        Ok(Flow::Return(value.map(|one| match one.as_rope() {
            Some(rope) if rope.origin().is_some() => one.clone().at(Some(here)),
            _ => one.clone(),
        })))
    }

    /// Narrows what a test says of plain names, on the path where it had this outcome; says whether it chose among
    /// values.
    pub(crate) fn narrow(&mut self, test: &'a ast::Expr, outcome: bool) -> bool {
        match test {
            ast::Expr::UnaryOp(node) if node.op == ast::UnaryOp::Not => self.narrow(&node.operand, !outcome),
            // `a and b` true says both; `a or b` false denies both.
            ast::Expr::BoolOp(node) if (node.op == ast::BoolOp::And) == outcome => {
                let mut is_narrowed = false;
                for value in &node.values {
                    if is_narrowed {
                        self.ask_again(value, outcome);
                    }
                    is_narrowed |= self.narrow(value, outcome);
                }
                is_narrowed
            }
            ast::Expr::Name(name) => self.narrow_name(name, |machine, value| {
                let truth = machine.truth(value);
                if outcome { truth.yes.is_some() } else { truth.no.is_some() }
            }),
            ast::Expr::Compare(node) if node.ops.len() == 1 => {
                let is_narrowed = self.narrow_alternatives(test, outcome);
                let ast::Expr::Name(name) = &*node.left else { return is_narrowed };
                let (same, is_equality) = match node.ops[0] {
                    ast::CmpOp::Is | ast::CmpOp::Eq => (outcome, true),
                    ast::CmpOp::IsNot | ast::CmpOp::NotEq => (!outcome, true),
                    _ => (outcome, false),
                };
                let Some(expected) = constant_of(&node.comparators[0]) else { return is_narrowed };
                is_equality
                    && self.narrow_name(name, |_, value| match equal_constants(value, &expected) {
                        Some(equal) => equal == same,
                        None => true,
                    })
                    || is_narrowed
            }
            _ => self.narrow_alternatives(test, outcome),
        }
    }

    fn narrow_name(&mut self, name: &ast::ExprName, keep: impl Fn(&Self, &Value) -> bool) -> bool {
        let scope = self.frame().scope;
        let Some(value) = self.heap.attribute(scope, &name.id) else { return false };
        let Kind::Union(alternatives) = &value.kind else { return false };
        let alternatives = alternatives.clone();
        let kept: Vec<Alternative> =
            alternatives.iter().filter(|alternative| keep(self, &alternative.value)).cloned().collect();
        let is_narrowed = !kept.is_empty() && kept.len() < alternatives.len();
        if is_narrowed {
            self.heap.set_attribute(scope, name.id.clone(), Value::union(kept));
        }
        is_narrowed
    }

    fn match_statement(&mut self, node: &'a ast::StmtMatch) -> Result<Flow, Raised> {
        let subject = self.eval(&node.subject)?;
        Ok(self.match_cases(&subject, &node.cases))
    }

    fn match_cases(&mut self, subject: &Value, cases: &'a [ast::MatchCase]) -> Flow {
        let Some((case, rest)) = cases.split_first() else { return Flow::Normal };
        let mut truth = self.pattern_truth(subject, &case.pattern);
        if truth.yes.is_some() {
            self.bind_pattern(subject, &case.pattern);
        }
        if let Some(guard) = &case.guard
            && truth.yes.is_some()
        {
            match self.condition(guard) {
                Ok(condition) => {
                    let yes = truth.yes.zip(condition.yes).and_then(|(a, b)| a.and(&b));
                    let no = match (truth.no, condition.no) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    truth = Truth { yes, no };
                }
                Err(raised) => return Flow::Raise(raised),
            }
        }
        self.branch(&truth, |machine| machine.block(&case.body), |machine| machine.match_cases(subject, rest))
    }

    fn pattern_truth(&mut self, subject: &Value, pattern: &'a ast::Pattern) -> Truth {
        match pattern {
            ast::Pattern::MatchValue(node) => match self.eval(&node.value) {
                Ok(value) => {
                    let equal = self.equals(subject, &value);
                    self.truth(&equal)
                }
                Err(_) => Truth::EITHER,
            },
            ast::Pattern::MatchSingleton(node) => {
                let value = match node.value {
                    ast::Singleton::None => Value::NONE,
                    ast::Singleton::True => Value::bool(true),
                    ast::Singleton::False => Value::bool(false),
                };
                let equal = self.equals(subject, &value);
                self.truth(&equal)
            }
            ast::Pattern::MatchAs(node) => match &node.pattern {
                Some(pattern) => self.pattern_truth(subject, pattern),
                None => Truth::YES,
            },
            ast::Pattern::MatchOr(node) => {
                let mut no = Some(Guard::ALWAYS);
                let mut yes: Option<Guard> = None;
                for pattern in &node.patterns {
                    let truth = self.pattern_truth(subject, pattern);
                    let reached = no.clone();
                    let matched = truth.yes.and_then(|guard| guard.and(reached.as_ref()?));
                    yes = match (yes, matched) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    no = truth.no.and_then(|guard| guard.and(&no?));
                }
                Truth { yes, no }
            }
            _ => Truth::EITHER,
        }
    }

    fn bind_pattern(&mut self, subject: &Value, pattern: &'a ast::Pattern) {
        match pattern {
            ast::Pattern::MatchAs(node) => {
                if let Some(name) = &node.name {
                    self.bind(&name.id, subject.clone());
                }
                if let Some(pattern) = &node.pattern {
                    self.bind_pattern(subject, pattern);
                }
            }
            ast::Pattern::MatchSequence(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
            }
            ast::Pattern::MatchMapping(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
                if let Some(name) = &node.rest {
                    self.bind(&name.id, Value::UNKNOWN);
                }
            }
            ast::Pattern::MatchClass(node) => {
                for pattern in &node.arguments.patterns {
                    self.bind_pattern(&Value::UNKNOWN, pattern);
                }
                for keyword in &node.arguments.keywords {
                    self.bind_pattern(&Value::UNKNOWN, &keyword.pattern);
                }
            }
            ast::Pattern::MatchStar(node) => {
                if let Some(name) = &node.name {
                    self.bind(&name.id, Value::UNKNOWN);
                }
            }
            ast::Pattern::MatchOr(node) => {
                for pattern in &node.patterns {
                    self.bind_pattern(subject, pattern);
                }
            }
            ast::Pattern::MatchValue(_) | ast::Pattern::MatchSingleton(_) => {}
        }
    }

    // Loops.

    fn for_loop(&mut self, node: &'a ast::StmtFor) -> Result<Flow, Raised> {
        let iterable = self.eval(&node.iter)?;
        let elements = self.elements(&iterable);
        let first_exit = self.exits.len();
        let mut flow = Flow::Normal;
        for element in elements.known {
            self.assign(&node.target, element)?;
            flow = self.round(&node.body, first_exit);
            if !matches!(flow, Flow::Normal) {
                break;
            }
        }
        if let Some(rest) = elements.rest
            && matches!(flow, Flow::Normal)
        {
            let one = character_identity(&rest);
            // What every round that goes on to the next leaves of the character.
            let mut passing = Alphabet::NONE;
            flow = self.unknown_rounds(first_exit, |machine| {
                if let Err(raised) = machine.assign(&node.target, rest.clone()) {
                    return Flow::Raise(raised);
                }
                let flow = machine.round(&node.body, first_exit);
                if let (Flow::Normal, Some(one)) = (&flow, &one) {
                    let limits = machine.guard.limits(one).unwrap_or_default();
                    passing = passing.union(limits.alphabet);
                }
                flow
            });
            let breaks = |exit: &Exit<'_>| matches!(exit.flow, Flow::Break);
            if let Some(whole) = one.as_ref().and_then(|one| one.character_of())
                && matches!(flow, Flow::Normal)
                && self.fuel > 0
                && !self.exits[first_exit..].iter().any(breaks)
            {
                // The loop came to its end: every character passed.
                let all = Guard::about(whole, Limits::alphabet(passing));
                if let Some(guard) = self.guard.and(&all) {
                    self.guard = guard;
                }
            }
        }
        if matches!(flow, Flow::Normal) {
            flow = self.block(&node.orelse);
        }
        Ok(self.meet(first_exit, flow, |flow| matches!(flow, Flow::Break)))
    }

    fn while_loop(&mut self, node: &'a ast::StmtWhile) -> Result<Flow, Raised> {
        let first_exit = self.exits.len();
        let mut flow = Flow::Normal;
        for _ in 0..MAX_ROUNDS {
            let truth = self.condition(&node.test)?;
            match truth.known() {
                Some(false) => {
                    flow = self.block(&node.orelse);
                    return Ok(self.meet(first_exit, flow, |flow| matches!(flow, Flow::Break)));
                }
                Some(true) if self.fuel > 0 => {
                    flow = self.round(&node.body, first_exit);
                    if !matches!(flow, Flow::Normal) {
                        return Ok(self.meet(first_exit, flow, |flow| matches!(flow, Flow::Break)));
                    }
                    // `while True:` with a body that may leave: the paths that left are what follows the loop.
                    if self.exits[first_exit..].iter().any(|exit| !matches!(exit.flow, Flow::Raise(_))) {
                        break;
                    }
                }
                _ => break,
            }
        }
        if matches!(flow, Flow::Normal) {
            flow = self.unknown_rounds(first_exit, |machine| machine.round(&node.body, first_exit));
        }
        Ok(self.meet(first_exit, flow, |flow| matches!(flow, Flow::Break)))
    }

    /// One execution of a loop's body; `continue` ends it.
    fn round(&mut self, body: &'a [Stmt], first_exit: usize) -> Flow {
        let flow = self.block(body);
        self.meet(first_exit, flow, |flow| matches!(flow, Flow::Continue))
    }

    /// Any number of rounds: none, one, or several whose changes never settle.
    fn unknown_rounds(&mut self, _first_exit: usize, mut round: impl FnMut(&mut Self) -> Flow) -> Flow {
        let before = self.heap.mark();
        let flow = self.branch(&Truth::EITHER, &mut round, |_| Flow::Normal);
        if !matches!(flow, Flow::Normal) || !self.heap.has_changed(before) {
            return flow;
        }
        let settled = self.heap.snapshot(before);
        let flow = self.branch(&Truth::EITHER, &mut round, |_| Flow::Normal);
        self.heap.widen(before, &settled);
        flow
    }

    // Exceptions and contexts.

    fn try_statement(&mut self, node: &'a ast::StmtTry) -> Flow {
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

    fn with_statement(&mut self, node: &'a ast::StmtWith) -> Result<Flow, Raised> {
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

    // Definitions.

    fn function_definition(&mut self, node: &'a ast::StmtFunctionDef) -> Result<(), Raised> {
        let function = self.make_function(Code::Def(node), &node.parameters, &node.name.id)?;
        let mut value = function.clone();
        let mut decorators = Vec::new();
        for decorator in &node.decorator_list {
            let evaluated = self.eval(&decorator.expression)?;
            decorators.push((evaluated, self.span(&decorator.expression)));
        }
        self.note_decorators(&function, &decorators);
        for (decorator, span) in decorators.into_iter().rev() {
            value = self.decorate(&decorator, value, span)?;
        }
        self.bind(&node.name.id, value);
        Ok(())
    }

    pub(crate) fn make_function(
        &mut self,
        code: Code<'a>,
        parameters: &'a ast::Parameters,
        name: &str,
    ) -> Evaluated {
        let mut defaults = Vec::new();
        for parameter in parameters.posonlyargs.iter().chain(&parameters.args).chain(&parameters.kwonlyargs) {
            if let Some(default) = &parameter.default {
                let value = self.eval(default)?;
                defaults.push((parameter.parameter.name.id.clone(), value));
            }
        }
        let span = match code {
            Code::Def(node) => self.span(node),
            Code::Lambda(node) => self.span(node),
        };
        let frame = self.frame();
        let closure = frame.scopes_for_definition();
        let qualified_name = match (&frame.class, &frame.function) {
            (None, None) => Arc::from(name),
            (Some(_), _) => Arc::from(format!("{}.{name}", frame.qualified_name)),
            (None, Some(_)) => Arc::from(format!("{}.<locals>.{name}", frame.qualified_name)),
        };
        let function = Function {
            code,
            qualified_name,
            file: frame.file,
            module: frame.module,
            closure,
            defaults,
            class: frame.class,
            span,
            fact: OnceLock::new(),
        };
        let id = self.heap.allocate(Shape::Function(Arc::new(function)));
        Ok(Value::object(id).at(Some(span)))
    }

    pub(crate) fn namespace_frame(
        &self,
        scope: crate::heap::ObjectId,
        name: Arc<str>,
        class: Option<crate::heap::ObjectId>,
    ) -> Frame<'a> {
        let frame = self.frame();
        let closure = frame.scopes_for_definition();
        Frame {
            scope,
            closure,
            module: frame.module,
            file: frame.file,
            function: None,
            is_namespace: true,
            class,
            qualified_name: name,
            globals: Vec::new(),
            nonlocals: Vec::new(),
            yields: None,
        }
    }

    // Assignment.

    pub(crate) fn assign(&mut self, target: &'a ast::Expr, value: Value) -> Result<(), Raised> {
        match target {
            ast::Expr::Name(name) => self.bind(&name.id, value),
            ast::Expr::Attribute(node) => {
                let object = self.eval(&node.value)?;
                let span = self.span(node);
                self.set_attribute(&object, &node.attr.id, value, span)?;
            }
            ast::Expr::Subscript(node) => {
                let object = self.eval(&node.value)?;
                if let ast::Expr::Slice(slice) = &*node.slice {
                    return self.assign_slice(&object, slice, &value);
                }
                let key = self.eval(&node.slice)?;
                let span = self.span(node);
                self.set_item(&object, &key, value, span)?;
            }
            ast::Expr::Tuple(node) => self.unpack(&node.elts, &value)?,
            ast::Expr::List(node) => self.unpack(&node.elts, &value)?,
            ast::Expr::Starred(node) => self.assign(&node.value, value)?,
            _ => {}
        }
        Ok(())
    }

    /// `items[a:b] = values`, or its deletion, where the bounds are known; otherwise anything may be anywhere.
    fn assign_slice(
        &mut self,
        object: &Value,
        slice: &'a ast::ExprSlice,
        value: &Value,
    ) -> Result<(), Raised> {
        let Some(id) = object.as_object() else { return Ok(()) };
        let Some(mut list) = self.heap.list(id).cloned() else { return Ok(()) };
        let elements = self.elements(value);
        let mut bounds = [Some(0), Some(list.items.len() as i64)];
        for (bound, node) in bounds.iter_mut().zip([&slice.lower, &slice.upper]) {
            if let Some(node) = node {
                let length = list.items.len() as i64;
                let index = self.eval(node)?.as_int();
                *bound =
                    index.map(|index| if index < 0 { (index + length).max(0) } else { index.min(length) });
            }
        }
        match bounds {
            [Some(start), Some(end)]
                if list.rest.is_none() && elements.rest.is_none() && slice.step.is_none() =>
            {
                let (start, end) = (start as usize, end.max(start) as usize);
                list.items.splice(start..end, elements.known);
            }
            _ => {
                let items = std::mem::take(&mut list.items);
                let all = items.into_iter().chain(elements.known).map(Some).chain([elements.rest]);
                list.rest = all.fold(list.rest, crate::heap::join_rests);
            }
        }
        self.heap.set_shape(id, Shape::List(list));
        Ok(())
    }

    fn unpack(&mut self, targets: &'a [ast::Expr], value: &Value) -> Result<(), Raised> {
        let elements = self.elements(value);
        let starred = targets.iter().position(ast::Expr::is_starred_expr);
        let exact = elements.rest.is_none();
        for (index, target) in targets.iter().enumerate() {
            let element = match starred {
                Some(star) if index == star && exact => {
                    let after = targets.len() - star - 1;
                    let end = elements.known.len().saturating_sub(after);
                    let middle = elements.known.get(star..end).unwrap_or_default().to_vec();
                    self.list(middle)
                }
                Some(star) if index > star && exact => {
                    let from_end = targets.len() - index;
                    let position = elements.known.len().checked_sub(from_end);
                    position
                        .and_then(|position| elements.known.get(position))
                        .cloned()
                        .unwrap_or(Value::UNKNOWN)
                }
                Some(star) if index == star => {
                    let known = elements.known.iter().skip(star).cloned().map(Some);
                    let rest = known.fold(elements.rest.clone(), crate::heap::join_rests);
                    self.list_of(List { rest, ..List::default() })
                }
                Some(star) if index > star => {
                    let known = elements.known.iter().skip(star).cloned().map(Some);
                    known.fold(elements.rest.clone(), crate::heap::join_rests).unwrap_or(Value::UNKNOWN)
                }
                _ => elements
                    .known
                    .get(index)
                    .or(elements.rest.as_ref())
                    .cloned()
                    .unwrap_or_else(|| self.part_of(value, index)),
            };
            self.assign(target, element)?;
        }
        Ok(())
    }

    /// An element of something that is not a known sequence.
    fn part_of(&self, value: &Value, index: usize) -> Value {
        match &value.kind {
            Kind::Path(path) if path.len() < 200 => Value::path(format!("{path}[{index}]")).at(value.at),
            _ => Value::UNKNOWN,
        }
    }

    fn augmented_assignment(&mut self, node: &'a ast::StmtAugAssign) -> Result<(), Raised> {
        let current = self.eval(&node.target)?;
        let operand = self.eval(&node.value)?;
        let span = self.span(node);
        if self.augment_in_place(&current, node.op, &operand, span)? {
            return Ok(());
        }
        let value = self.binary(&current, node.op, &operand, span);
        self.assign(&node.target, value)
    }

    fn delete(&mut self, target: &'a ast::Expr) -> Result<(), Raised> {
        match target {
            ast::Expr::Name(name) => {
                let scope = self.frame().scope;
                self.heap.remove_attribute(scope, &name.id);
            }
            ast::Expr::Attribute(node) => {
                let object = self.eval(&node.value)?;
                if let Some(id) = object.as_object() {
                    self.heap.remove_attribute(id, &node.attr.id);
                }
            }
            ast::Expr::Subscript(node) => {
                let object = self.eval(&node.value)?;
                if let ast::Expr::Slice(slice) = &*node.slice {
                    let nothing = self.list(Vec::new());
                    return self.assign_slice(&object, slice, &nothing);
                }
                let key = self.eval(&node.slice)?;
                self.delete_item(&object, &key);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The value of a literal that narrowing compares with.
fn constant_of(node: &ast::Expr) -> Option<Value> {
    Some(match node {
        ast::Expr::NoneLiteral(_) => Value::NONE,
        ast::Expr::BooleanLiteral(node) => Value::bool(node.value),
        ast::Expr::StringLiteral(node) => Value::str(node.value.to_str()),
        ast::Expr::NumberLiteral(node) => match &node.value {
            ast::Number::Int(value) => Value::int(value.as_i64()?),
            _ => return None,
        },
        _ => return None,
    })
}

/// `None` where they may be equal or not.
fn equal_constants(value: &Value, constant: &Value) -> Option<bool> {
    match (&value.kind, &constant.kind) {
        (Kind::None, Kind::None) => Some(true),
        (Kind::None, _) => Some(false),
        (Kind::Str(a), Kind::Str(b)) => Some(a.as_literal()? == b.as_literal()?),
        (Kind::Int(_) | Kind::Bool(_), Kind::Int(_) | Kind::Bool(_)) => {
            Some(value.as_int() == constant.as_int())
        }
        (Kind::Str(_) | Kind::Int(_) | Kind::Bool(_) | Kind::Object(_) | Kind::Tuple(_), Kind::None) => {
            Some(false)
        }
        _ => None,
    }
}

/// The identity of a loop's element, where it is one character of a text.
fn character_identity(element: &Value) -> Option<Arc<Identity>> {
    let identity = element.as_rope()?.as_hole()?.identity.clone()?;
    identity.character_of().is_some().then_some(identity)
}
