//! Calls: arguments, binding, and what is called.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_models::Port;
use flaskseal_python::{Name, ast};

use crate::heap::{Code, Dict, Function, ObjectId, Shape};
use crate::machine::{Evaluated, Flow, Frame, Machine};
use crate::origin::StepKind;
use crate::value::{Alternative, Key, Kind, Value};

#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub positional: Vec<Value>,
    pub keywords: Vec<(Name, Value)>,
    /// There may be more, from `*args` or `**kwargs` that are not known.
    pub open: bool,
    /// What each of those may be.
    pub further: Option<Value>,
    pub span: Span,
}

impl Arguments {
    pub(crate) fn none(span: Span) -> Self {
        Self { positional: Vec::new(), keywords: Vec::new(), open: false, further: None, span }
    }

    pub(crate) fn of(span: Span, positional: impl IntoIterator<Item = Value>) -> Self {
        Self { positional: positional.into_iter().collect(), ..Self::none(span) }
    }

    pub(crate) fn keyword(&self, name: &str) -> Option<&Value> {
        self.keywords.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The argument that a row of the models names; `None` for ports that are no single argument.
    pub(crate) fn at(&self, port: &Port) -> Option<&Value> {
        let Port::Argument { index, name } = port else { return None };
        let named = || self.keyword(name.as_deref()?);
        index.and_then(|index| self.positional.get(index)).or_else(named)
    }

    /// The argument at a position or under a keyword, whichever was used.
    pub(crate) fn get(&self, index: usize, name: &str) -> Option<&Value> {
        self.positional.get(index).or_else(|| self.keyword(name))
    }
}

/// The same function more often than this on the stack is recursion that no constant ends.
const MAX_RECURSION: usize = 3;

impl<'a> Machine<'a> {
    pub(crate) fn call(&mut self, callee: &Value, arguments: Arguments) -> Evaluated {
        let span = arguments.span;
        if let Kind::Union(alternatives) = &callee.kind {
            return self.call_either(&alternatives.clone(), &arguments);
        }
        match &callee.kind {
            Kind::Object(id) => match self.heap.get(*id).shape.clone() {
                Shape::Function(function) => self.call_function(&function, *id, arguments),
                Shape::Class(_) => self.instantiate(*id, arguments),
                Shape::Instance { .. } => {
                    if self.class_attribute(*id, "__call__").is_some() {
                        let method = self.attribute(callee, "__call__", span)?;
                        return self.call(&method, arguments);
                    }
                    crate::library::call_instance(self, *id, arguments)
                }
                Shape::StaticMethod(inner) | Shape::ClassMethod(inner) => self.call(&inner, arguments),
                _ => Ok(Value::UNKNOWN.at(Some(span))),
            },
            Kind::Bound(bound) => {
                let (receiver, function) = &**bound;
                let mut arguments = arguments;
                arguments.positional.insert(0, receiver.clone());
                match self.heap.get(*function).shape.clone() {
                    Shape::Function(code) => self.call_function(&code, *function, arguments),
                    _ => self.call(&Value::object(*function), arguments),
                }
            }
            Kind::Method(method) => {
                let (receiver, name) = &**method;
                crate::library::call_method(self, receiver, name, arguments)
            }
            Kind::Path(path) => {
                self.calls_resolved += 1;
                crate::library::call_path(self, &path.clone(), callee.taint.clone(), arguments)
            }
            _ => {
                self.calls_unresolved += 1;
                self.opaque_calls += 1;
                self.escape_arguments(&arguments);
                Ok(self.through(Value::UNKNOWN.at(Some(span)), "?", callee.taint.clone(), &arguments))
            }
        }
    }

    /// One of several callables, each on its own copy of the state.
    fn call_either(&mut self, alternatives: &[Alternative], arguments: &Arguments) -> Evaluated {
        let Some((first, rest)) = alternatives.split_first() else { return Ok(Value::UNKNOWN) };
        if rest.is_empty() {
            return self.call(&first.value, arguments.clone());
        }
        let rest_guard = rest.iter().map(|a| a.guard.clone()).reduce(|a, b| a.or(&b));
        let truth = crate::truth::Truth { yes: Some(first.guard.clone()), no: rest_guard };
        let (mut yes, mut no) = (None, None);
        let flow = self.branch(
            &truth,
            |machine| match machine.call(&first.value, arguments.clone()) {
                Ok(value) => {
                    yes = Some(value);
                    Flow::Normal
                }
                Err(raised) => Flow::Raise(raised),
            },
            |machine| match machine.call_either(rest, arguments) {
                Ok(value) => {
                    no = Some(value);
                    Flow::Normal
                }
                Err(raised) => Flow::Raise(raised),
            },
        );
        let results: Vec<Alternative> = yes
            .map(|value| Alternative { value, guard: first.guard.clone() })
            .into_iter()
            .chain(no.map(|value| Alternative { value, guard: truth.no.clone().unwrap_or_default() }))
            .collect();
        match flow {
            Flow::Raise(raised) if results.is_empty() => Err(raised),
            _ => Ok(Value::union(results)),
        }
    }

    pub(crate) fn call_function(
        &mut self,
        function: &Arc<Function<'a>>,
        id: ObjectId,
        arguments: Arguments,
    ) -> Evaluated {
        let span = arguments.span;
        self.calls_resolved += 1;
        let recursion = self
            .frames
            .iter()
            .filter(|frame| frame.function.as_ref().is_some_and(|running| running.span == function.span))
            .count();
        if recursion >= MAX_RECURSION || self.too_deep() || !self.step(Some(span)) {
            if self.too_deep() && !self.serving {
                self.incomplete("calls are nested too deep", Some(span));
            }
            self.opaque_calls += 1;
            let mut arguments = arguments;
            if function.class.is_some() && !arguments.positional.is_empty() {
                // One attribute of an object's does not make everything that its methods give a client's.
                arguments.positional.remove(0);
            }
            let result = Value::UNKNOWN.at(Some(span));
            return Ok(self.through(result, &function.qualified_name, None, &arguments));
        }
        // A cached function without arguments gives the same object again.
        let is_memo = arguments.positional.is_empty() && arguments.keywords.is_empty() && !arguments.open;
        let is_memo = is_memo && self.heap.attribute(id, "@memo").is_some();
        if let Some(value) = self.heap.attribute(id, "@memoized").filter(|_| is_memo) {
            return Ok(value.clone());
        }
        let scope = self.heap.allocate(Shape::Scope);
        let is_generator = match function.code {
            Code::Def(node) => *self.generators.entry(function.span).or_insert_with(|| yields(&node.body)),
            Code::Lambda(_) => false,
        };
        let yields = is_generator.then(|| {
            let list = crate::heap::List { is_iterator: true, ..crate::heap::List::default() };
            self.heap.allocate(Shape::List(list))
        });
        let frame = Frame {
            scope,
            closure: function.closure.clone(),
            module: function.module,
            file: function.file,
            function: Some(function.clone()),
            is_namespace: false,
            class: None,
            qualified_name: function.qualified_name.clone(),
            globals: Vec::new(),
            nonlocals: Vec::new(),
            yields,
        };
        self.bind_parameters(scope, function, self.passed(function, arguments));
        let before = yields.is_some().then(|| self.heap.mark());
        let guard = self.guard.clone();
        let first_exit = self.exits.len();
        let code = function.code;
        self.frames.push(frame);
        let flow = match code {
            Code::Def(node) => self.block(&node.body),
            Code::Lambda(node) => match self.eval(&node.body) {
                Ok(value) => Flow::Return(value),
                Err(raised) => Flow::Raise(raised),
            },
        };
        self.frames.pop();
        let result = self.meet_returns(first_exit, flow).map(|(value, returned)| {
            // What came back passed the function's own tests: `check(x)` that raises says something of `x` here.
            self.guard = guard.with_texts_of(&returned);
            value
        });
        if result.is_err() {
            self.guard = guard;
        }
        if let (Some(list), Some(before)) = (yields, before) {
            let yielded = self.heap.get(list).shape.clone();
            self.heap.forget_order(before);
            self.heap.set_shape(list, yielded);
        }
        match yields {
            Some(list) => result.map(|returned| {
                self.heap.set_attribute(list, Name::new_static("@returned"), returned);
                Value::object(list).at(Some(span))
            }),
            None => result.map(|value| {
                let value = value.at(Some(span));
                if is_memo {
                    self.heap.set_attribute(id, Name::new_static("@memoized"), value.clone());
                }
                value
            }),
        }
    }

    /// Arguments on their way into a function: request data remembers the step.
    fn passed(&self, function: &Function<'a>, mut arguments: Arguments) -> Arguments {
        if !self.serving || self.frames.last().is_some_and(|frame| frame.function.is_none()) {
            return arguments;
        }
        let parameters: Vec<&Name> = match function.code {
            Code::Def(node) => {
                let parameters = node.parameters.posonlyargs.iter().chain(&node.parameters.args);
                parameters.map(|parameter| &parameter.parameter.name.id).collect()
            }
            Code::Lambda(_) => return arguments,
        };
        let step = |value: &mut Value, parameter: &str| {
            if value.origin().is_some() {
                let (at, function) = (arguments.span, function.qualified_name.clone());
                *value = value.step(at, &StepKind::Passed { function, parameter: parameter.into() });
            }
        };
        for (index, value) in arguments.positional.iter_mut().enumerate() {
            step(value, parameters.get(index).map_or("*", |name| name.as_str()));
        }
        for (name, value) in &mut arguments.keywords {
            step(value, name.as_str());
        }
        arguments
    }

    fn bind_parameters(&mut self, scope: ObjectId, function: &Function<'a>, arguments: Arguments) {
        let parameters = match function.code {
            Code::Def(node) => &*node.parameters,
            Code::Lambda(node) => match node.parameters.as_deref() {
                Some(parameters) => parameters,
                None => return,
            },
        };
        let Arguments { positional, mut keywords, open, further, .. } = arguments;
        let further = further.unwrap_or(Value::UNKNOWN);
        let mut positional = positional.into_iter();
        let default_of = |name: &Name| {
            let default =
                function.defaults.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            match default {
                // More arguments than are known may replace the default.
                Some(default) if open => Value::either(default, further.clone()),
                Some(default) => default,
                None if open => further.clone(),
                None => Value::UNKNOWN,
            }
        };
        for parameter in parameters.posonlyargs.iter().chain(&parameters.args) {
            let name = &parameter.parameter.name.id;
            let value = match positional.next() {
                Some(value) => value,
                None => match keywords.iter().position(|(known, _)| known == name) {
                    Some(index) => keywords.remove(index).1,
                    None => default_of(name),
                },
            };
            self.heap.set_attribute(scope, name.clone(), value);
        }
        if let Some(rest) = &parameters.vararg {
            let items: Vec<Value> = positional.collect();
            let value = if open {
                self.list_of(crate::heap::List {
                    items,
                    rest: Some(further.clone()),
                    ..crate::heap::List::default()
                })
            } else {
                Value::tuple(items)
            };
            self.heap.set_attribute(scope, rest.name.id.clone(), value);
        }
        for parameter in &parameters.kwonlyargs {
            let name = &parameter.parameter.name.id;
            let value = match keywords.iter().position(|(known, _)| known == name) {
                Some(index) => keywords.remove(index).1,
                None => default_of(name),
            };
            self.heap.set_attribute(scope, name.clone(), value);
        }
        if let Some(rest) = &parameters.kwarg {
            let entries =
                keywords.into_iter().map(|(name, value)| (Key::Str(name.as_str().into()), value)).collect();
            let dict = Dict { entries, rest: open.then_some(further), class: None };
            let value = self.dict(dict);
            self.heap.set_attribute(scope, rest.name.id.clone(), value);
        }
    }

    /// Applies a function's decorator.
    pub(crate) fn decorate(&mut self, decorator: &Value, function: Value, span: Span) -> Evaluated {
        if let Some(value) = crate::library::decorate(self, decorator, &function, span)? {
            return Ok(value);
        }
        let result = self.call(decorator, Arguments::of(span, [function.clone()]))?;
        // A decorator that is not understood most likely returns something that behaves like the function.
        Ok(match result.kind {
            Kind::Unknown | Kind::Path(_) | Kind::None => function,
            _ => result,
        })
    }

    pub(crate) fn decorate_class(&mut self, decorator: &Value, class: Value, span: Span) -> Evaluated {
        if let Some(id) = class.as_object()
            && crate::library::decorate_class(self, decorator, id, span)
        {
            return Ok(class);
        }
        let result = self.call(decorator, Arguments::of(span, [class.clone()]))?;
        Ok(match result.kind {
            Kind::Object(_) => result,
            _ => class,
        })
    }

    /// Containers handed to code that is not known may be changed by it. Lists and plain dicts become open;
    /// applications and their configuration do not: that would say nothing about everything.
    pub(crate) fn escape_arguments(&mut self, arguments: &Arguments) {
        let values = arguments.positional.iter().chain(arguments.keywords.iter().map(|(_, value)| value));
        for id in values.filter_map(Value::as_object).collect::<Vec<_>>() {
            let is_closed = match &self.heap.get(id).shape {
                Shape::List(list) => list.rest.is_none(),
                Shape::Dict(dict) => dict.rest.is_none() && dict.class.is_none() && id != self.environ,
                _ => false,
            };
            if !is_closed {
                continue;
            }
            match self.heap.get(id).shape.clone() {
                Shape::List(list) => {
                    let rest = Some(Value::UNKNOWN);
                    self.heap.set_shape(id, Shape::List(crate::heap::List { rest, ..list }));
                }
                Shape::Dict(dict) => {
                    let rest = Some(Value::UNKNOWN);
                    self.heap.set_shape(id, Shape::Dict(Dict { rest, ..dict }));
                }
                _ => {}
            }
        }
    }
}

/// Whether a function's own body yields.
pub(crate) fn yields(body: &[ast::Stmt]) -> bool {
    struct Finder(bool);
    impl<'b> ast::visitor::Visitor<'b> for Finder {
        fn visit_stmt(&mut self, statement: &'b ast::Stmt) {
            if !self.0 && !matches!(statement, ast::Stmt::FunctionDef(_) | ast::Stmt::ClassDef(_)) {
                ast::visitor::walk_stmt(self, statement);
            }
        }
        fn visit_expr(&mut self, expression: &'b ast::Expr) {
            match expression {
                ast::Expr::Yield(_) | ast::Expr::YieldFrom(_) => self.0 = true,
                ast::Expr::Lambda(_) => {}
                _ if self.0 => {}
                _ => ast::visitor::walk_expr(self, expression),
            }
        }
    }
    let mut finder = Finder(false);
    ast::visitor::Visitor::visit_body(&mut finder, body);
    finder.0
}
