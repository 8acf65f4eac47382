//! Statements.

use std::sync::{Arc, OnceLock};

use flaskseal_python::{Name, ast, ast::Stmt};

use crate::alphabet::Alphabet;
use crate::guard::Guard;
use crate::heap::{Code, Function, Shape};
use crate::limits::{Identity, Limits};
use crate::machine::{Evaluated, Exit, Flow, Frame, Machine, Raised};
use crate::truth::Truth;
use crate::value::Value;

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
                self.narrow_returning(&node.value);
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
        let Some(expression) = &node.value else { return Ok(Flow::Return(Value::NONE)) };
        let value = self.eval(expression)?;
        // A page that was put together piece by piece is answered here.
        let here = self.span(&**expression);
        let value = value.map(|one| match one.as_rope() {
            Some(rope) if rope.origin().is_some() => one.clone().at(Some(here)),
            _ => one.clone(),
        });
        let running =
            self.frames.last().and_then(|frame| frame.function.as_ref()).map(|running| running.span);
        if let Some((view, places)) = &mut self.answering
            && Some(*view) == running
        {
            for alternative in value.alternatives() {
                if let Some(at) = alternative.value.at {
                    places.entry(at).or_insert(here);
                }
            }
        }
        Ok(Flow::Return(value))
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
            let one = element_identity(&rest);
            // What every round that goes on to the next leaves of the element.
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
            if let Some((whole, between)) = one.as_ref().and_then(|one| one.element_of())
                && matches!(flow, Flow::Normal)
                && self.fuel > 0
                && !self.exits[first_exit..].iter().any(breaks)
            {
                // The loop came to its end: every element passed.
                let all = Guard::about(whole, Limits::alphabet(passing.union(between)));
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
}

/// The identity of a loop's element, where it is one character of a text or one of its pieces.
fn element_identity(element: &Value) -> Option<Arc<Identity>> {
    let identity = element.as_rope()?.as_hole()?.identity.clone()?;
    identity.element_of().is_some().then_some(identity)
}
