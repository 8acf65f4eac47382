//! Expressions.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_python::{ast, ast::Expr};

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::guard::Guard;
use crate::heap::{Code, Dict, List, Shape};
use crate::limits::{Limits, Relation};
use crate::machine::{Evaluated, Flow, Frame, Machine, Raised};
use crate::rope::Rope;
use crate::truth::{Truth, truth_value};
use crate::value::{Alternative, Bytes, Kind, Type, Value};

impl<'a> Machine<'a> {
    pub(crate) fn eval(&mut self, node: &'a Expr) -> Evaluated {
        let span = self.span(node);
        if !self.step(Some(span)) {
            return Ok(Value::UNKNOWN.at(Some(span)));
        }
        let here = Some(span);
        Ok(match node {
            Expr::Name(name) => self.lookup(&name.id, span),
            Expr::Attribute(node) => {
                let object = self.eval(&node.value)?;
                self.attribute(&object, &node.attr.id, span)?
            }
            Expr::Call(node) => return self.eval_call(node, span),
            Expr::StringLiteral(node) => Value::new(Kind::Str(Rope::literal(node.value.to_str())), here),
            Expr::BytesLiteral(node) => {
                let bytes: Vec<u8> = node.value.bytes().collect();
                Value::new(Kind::Bytes(Bytes::Known(bytes.into())), here)
            }
            Expr::NumberLiteral(node) => {
                let kind = match &node.value {
                    ast::Number::Int(value) => value.as_i64().map_or(Kind::Some(Type::Int), Kind::Int),
                    ast::Number::Float(value) => Kind::Float(*value),
                    ast::Number::Complex { .. } => Kind::Unknown,
                };
                Value::new(kind, here)
            }
            Expr::BooleanLiteral(node) => Value::new(Kind::Bool(node.value), here),
            Expr::NoneLiteral(_) => Value::new(Kind::None, here),
            Expr::EllipsisLiteral(_) => Value::new(Kind::Path(Arc::from("builtins.Ellipsis")), here),
            Expr::FString(node) => self.f_string(node)?.at(here),
            Expr::TString(_) => Value::UNKNOWN.at(here),
            Expr::Tuple(node) => match self.sequence(&node.elts)? {
                List { items, rest: None, .. } => Value::tuple(items).at(here),
                list => self.list_of(list).at(here),
            },
            Expr::List(node) => {
                let list = self.sequence(&node.elts)?;
                self.list_of(list).at(here)
            }
            Expr::Set(node) => {
                let list = self.sequence(&node.elts)?;
                self.list_of(List { is_set: true, ..list }).at(here)
            }
            Expr::Dict(node) => self.dict_display(node)?.at(here),
            Expr::Subscript(node) => {
                let object = self.eval(&node.value)?;
                if let Expr::Slice(slice) = &*node.slice {
                    return Ok(self.slice(&object, &node.value, slice)?.at(here));
                }
                let key = self.eval(&node.slice)?;
                self.get_item(&object, &key, span)?
            }
            Expr::BinOp(node) => {
                let left = self.eval(&node.left)?;
                let right = self.eval(&node.right)?;
                self.binary(&left, node.op, &right, span).at(here)
            }
            Expr::UnaryOp(node) => {
                let operand = self.eval(&node.operand)?;
                self.unary(node.op, &operand).at(here)
            }
            Expr::BoolOp(node) => self.bool_op(node)?,
            Expr::Compare(node) => self.comparison(node)?.at(here),
            Expr::If(node) => self.conditional(&node.test, &node.body, &node.orelse)?,
            Expr::Named(node) => {
                let value = self.eval(&node.value)?;
                self.assign(&node.target, value.clone())?;
                value
            }
            Expr::Lambda(node) => {
                static NO_PARAMETERS: std::sync::LazyLock<ast::Parameters> =
                    std::sync::LazyLock::new(Default::default);
                let parameters: &'a ast::Parameters = node.parameters.as_deref().unwrap_or(&NO_PARAMETERS);
                self.make_function(Code::Lambda(node), parameters, "<lambda>")?
            }
            Expr::ListComp(node) => {
                let list = self.comprehension(&node.generators, |machine| machine.eval(&node.elt))?;
                self.list_of(list).at(here)
            }
            Expr::Generator(node) => {
                let list = self.comprehension(&node.generators, |machine| machine.eval(&node.elt))?;
                self.list_of(List { is_iterator: true, ..list }).at(here)
            }
            Expr::SetComp(node) => {
                let list = self.comprehension(&node.generators, |machine| machine.eval(&node.elt))?;
                self.list_of(List { is_set: true, ..list }).at(here)
            }
            Expr::DictComp(node) => self.dict_comprehension(node)?.at(here),
            Expr::Await(node) => self.eval(&node.value)?,
            Expr::Yield(node) => {
                let value = match &node.value {
                    Some(value) => self.eval(value)?,
                    None => Value::NONE,
                };
                self.note_yield(value);
                Value::UNKNOWN.at(here)
            }
            Expr::YieldFrom(node) => {
                let value = self.eval(&node.value)?;
                let returned = value.as_object().and_then(|id| self.heap.attribute(id, "@returned")).cloned();
                let elements = self.elements(&value);
                for element in elements.known.into_iter().chain(elements.rest) {
                    self.note_yield(element);
                }
                returned.unwrap_or(Value::UNKNOWN).at(here)
            }
            Expr::Starred(node) => self.eval(&node.value)?,
            Expr::Slice(_) | Expr::IpyEscapeCommand(_) => Value::UNKNOWN.at(here),
        })
    }

    pub(crate) fn condition(&mut self, node: &'a Expr) -> Result<Truth, Raised> {
        match node {
            Expr::UnaryOp(inner) if inner.op == ast::UnaryOp::Not => {
                Ok(self.condition(&inner.operand)?.not())
            }
            Expr::BoolOp(inner) => {
                // Guards of a conjunction meet; evaluated as conditions, `a and b` keeps them apart.
                let is_and = inner.op == ast::BoolOp::And;
                let mut total = if is_and { Truth::YES } else { Truth::NO };
                let outer = self.guard.clone();
                for value in &inner.values {
                    // An operand is asked only where those before it leave the answer open.
                    let open = if is_and { &total.yes } else { &total.no };
                    if let Some(guard) = open.as_ref().and_then(|open| outer.and(open)) {
                        self.guard = guard;
                    }
                    let truth = self.condition(value);
                    self.guard = outer.clone();
                    let truth = truth?;
                    let (a, b) = if is_and { (total, truth) } else { (total.not(), truth.not()) };
                    let yes = a.yes.zip(b.yes).and_then(|(a, b)| a.and(&b));
                    let no = match (a.no, b.no) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    let decided = yes.is_none();
                    let joined = Truth { yes, no };
                    total = if is_and { joined } else { joined.not() };
                    if decided {
                        break;
                    }
                }
                Ok(total)
            }
            _ => {
                let value = self.eval(node)?;
                Ok(self.truth(&value))
            }
        }
    }

    fn conditional(&mut self, test: &'a Expr, body: &'a Expr, orelse: &'a Expr) -> Evaluated {
        let truth = self.condition(test)?;
        self.choose(
            &truth,
            |machine| {
                machine.narrow(test, true);
                machine.eval(body)
            },
            |machine| {
                machine.narrow(test, false);
                machine.eval(orelse)
            },
        )
    }

    /// One of two expressions, with their side effects kept apart.
    fn choose(
        &mut self,
        truth: &Truth,
        then: impl FnOnce(&mut Self) -> Evaluated,
        otherwise: impl FnOnce(&mut Self) -> Evaluated,
    ) -> Evaluated {
        let mut results: Vec<Alternative> = Vec::new();
        let mut raised = None;
        let (mut yes_value, mut no_value) = (None, None);
        let outcome = |result: Evaluated, slot: &mut Option<Value>| match result {
            Ok(value) => {
                *slot = Some(value);
                Flow::Normal
            }
            Err(exception) => Flow::Raise(exception),
        };
        let flow = self.branch(
            truth,
            |machine| {
                let result = then(machine);
                outcome(result, &mut yes_value)
            },
            |machine| {
                let result = otherwise(machine);
                outcome(result, &mut no_value)
            },
        );
        if let Flow::Raise(exception) = flow {
            raised = Some(exception);
        }
        if let Some(value) = yes_value {
            results.push(Alternative { value, guard: truth.yes.clone().unwrap_or_default() });
        }
        if let Some(value) = no_value {
            results.push(Alternative { value, guard: truth.no.clone().unwrap_or_default() });
        }
        match (results.is_empty(), raised) {
            (true, Some(exception)) => Err(exception),
            _ => Ok(Value::union(results)),
        }
    }

    fn bool_op(&mut self, node: &'a ast::ExprBoolOp) -> Evaluated {
        // The parser gives two operands at least; what it makes of broken text need not.
        let Some((first, rest)) = node.values.split_first() else { return Ok(Value::UNKNOWN) };
        let value = self.eval(first)?;
        self.bool_rest(value, node.op, first, rest)
    }

    fn bool_rest(&mut self, value: Value, op: ast::BoolOp, operand: &'a Expr, rest: &'a [Expr]) -> Evaluated {
        let Some((next, rest)) = rest.split_first() else { return Ok(value) };
        let is_and = op == ast::BoolOp::And;
        let truth = self.truth(&value);
        let goes_on = if is_and { truth } else { truth.not() };
        // The value of the operation is this operand where it decides: only its deciding alternatives are.
        let decided = Value::union(value.alternatives().into_iter().filter_map(|alternative| {
            let truth = self.truth(&alternative.value);
            let side = if is_and { truth.no } else { truth.yes };
            let guard = side?.and(&alternative.guard)?;
            Some(Alternative { value: alternative.value, guard })
        }));
        self.choose(
            &goes_on,
            |machine| {
                machine.narrow(operand, is_and);
                let value = machine.eval(next)?;
                machine.bool_rest(value, op, next, rest)
            },
            |_| Ok(decided),
        )
    }

    fn slice(&mut self, object: &Value, whole: &Expr, node: &'a ast::ExprSlice) -> Evaluated {
        let bound =
            |machine: &mut Self, node: &'a Option<Box<Expr>>| -> Result<Option<Option<i64>>, Raised> {
                match node {
                    None => Ok(Some(None)),
                    Some(node) if from_end(node, whole).is_some() => Ok(Some(from_end(node, whole))),
                    Some(node) => {
                        let value = machine.eval(node)?;
                        Ok(match &value.kind {
                            Kind::None => Some(None),
                            _ => value.as_int().map(Some),
                        })
                    }
                }
            };
        let bounds = (bound(self, &node.lower)?, bound(self, &node.upper)?, bound(self, &node.step)?);
        let (Some(lower), Some(upper), Some(None | Some(1))) = bounds else {
            return Ok(match &object.kind {
                Kind::Str(rope) => {
                    let place = self.span(node);
                    // Where it begins may be known.
                    let rope = match bounds.0 {
                        Some(lower) => crate::cut::slice(rope, lower, None),
                        None => rope.clone(),
                    };
                    rope.made(Relation::Part, rope.alphabet(), place).into()
                }
                _ => Value::UNKNOWN.tainted(object.origin()),
            });
        };
        let range = |length: usize| {
            let length = length as i64;
            let clamp = |index: i64| if index < 0 { (index + length).max(0) } else { index.min(length) };
            let start = lower.map_or(0, clamp);
            (start as usize, upper.map_or(length, clamp).max(start) as usize)
        };
        let machine = &mut *self;
        let mut results = Vec::new();
        for Alternative { value, guard } in object.alternatives() {
            let sliced = match &value.kind {
                Kind::Str(rope) => crate::cut::slice(rope, lower, upper).into(),
                Kind::Bytes(Bytes::Known(bytes)) => {
                    let (start, end) = range(bytes.len());
                    Value::new(Kind::Bytes(Bytes::Known(bytes[start..end].into())), None)
                }
                Kind::Tuple(values) => {
                    let (start, end) = range(values.len());
                    Value::tuple(values[start..end].to_vec())
                }
                Kind::Object(id) => match machine.heap.list(*id).cloned() {
                    Some(list) if list.rest.is_none() => {
                        let (start, end) = range(list.items.len());
                        machine.list(list.items[start..end].to_vec())
                    }
                    Some(list) => machine.list_of(List {
                        rest: list
                            .items
                            .iter()
                            .cloned()
                            .map(Some)
                            .fold(list.rest.clone(), crate::heap::join_rests),
                        items: Vec::new(),
                        ..List::default()
                    }),
                    None => Value::UNKNOWN,
                },
                Kind::Path(path) if path.len() < 200 => {
                    Value::path(format!("{path}[:]")).tainted(value.taint.clone())
                }
                _ => Value::UNKNOWN.tainted(value.origin()),
            };
            results.push(Alternative { value: sliced, guard });
        }
        Ok(Value::union(results))
    }

    fn eval_call(&mut self, node: &'a ast::ExprCall, span: Span) -> Evaluated {
        let callee = self.eval(&node.func)?;
        if callee.as_path() == Some("builtins.super") && node.arguments.is_empty() {
            return Ok(self.super_object(span));
        }
        if let Some(path @ ("builtins.all" | "builtins.any")) = callee.as_path()
            && let Some(truth) = self.quantified(&node.arguments, path == "builtins.all")?
        {
            return Ok(truth_value(&truth).at(Some(span)));
        }
        let arguments = self.arguments(&node.arguments, span)?;
        self.call(&callee, arguments)
    }

    /// `all(c in ALLOWED for c in text)` and `any(c in DENIED for c in text)`: what they say of the text. `None` for
    /// anything else.
    fn quantified(&mut self, node: &'a ast::Arguments, is_all: bool) -> Result<Option<Truth>, Raised> {
        let [argument] = &*node.args else { return Ok(None) };
        let (element, generators) = match argument {
            Expr::Generator(node) => (&*node.elt, &node.generators),
            Expr::ListComp(node) => (&*node.elt, &node.generators),
            _ => return Ok(None),
        };
        let [generator] = &generators[..] else { return Ok(None) };
        // What is evaluated here is evaluated again where it turns out to be something else.
        let is_harmless = match &generator.iter {
            Expr::Name(_) => true,
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(split) => split.attr.id == "split" && split.value.is_name_expr(),
                _ => false,
            },
            _ => false,
        };
        if !is_harmless || !matches!(&generator.target, Expr::Name(_)) {
            return Ok(None);
        }
        let iterable = self.eval(&generator.iter)?;
        let elements = self.elements(&iterable);
        let Some(rest) = elements.rest.filter(|_| elements.known.is_empty()) else { return Ok(None) };
        let one = rest.as_rope().and_then(Rope::as_hole).and_then(|hole| hole.identity.clone());
        let Some(one) = one else { return Ok(None) };
        let Some((whole, between)) = one.element_of().map(|(whole, between)| (whole.clone(), between)) else {
            return Ok(None);
        };
        let scope = self.heap.allocate(Shape::Scope);
        let frame = self.frame();
        let closure = frame.scopes_for_inner();
        let frame = Frame { scope, closure, class: None, is_namespace: false, ..frame.clone() };
        self.frames.push(frame);
        let truth = self.assign(&generator.target, rest).and_then(|()| {
            // What a filter leaves out passes.
            let mut passes = Truth::NO;
            for filter in &generator.ifs {
                passes = passes.or(self.condition(filter)?.not());
            }
            let tested = self.condition(element)?;
            Ok(passes.or(if is_all { tested } else { tested.not() }))
        });
        self.frames.pop();
        if self.fuel == 0 {
            return Ok(None);
        }
        // Every element passes, or one of them does not.
        let limits = truth?.yes.map(|guard| guard.limits(&one).unwrap_or_default());
        let alphabet = limits.map_or(Alphabet::NONE, |limits| limits.alphabet);
        let all = Guard::about(&whole, Limits::alphabet(alphabet.union(between)));
        let truth = Truth { yes: Some(all), no: Some(Guard::ALWAYS) };
        Ok(Some(if is_all { truth } else { truth.not() }))
    }

    fn arguments(&mut self, node: &'a ast::Arguments, span: Span) -> Result<Arguments, Raised> {
        let mut arguments = Arguments::none(span);
        for argument in &node.args {
            if let Expr::Starred(starred) = argument {
                let value = self.eval(&starred.value)?;
                let elements = self.elements(&value);
                arguments.positional.extend(elements.known);
                arguments.open |= elements.rest.is_some();
                arguments.further = crate::heap::join_rests(arguments.further, elements.rest);
            } else {
                let value = self.eval(argument)?;
                let place = self.span(argument);
                arguments.positional.push(value.at(Some(place)));
            }
        }
        for keyword in &node.keywords {
            let value = self.eval(&keyword.value)?;
            match &keyword.arg {
                Some(name) => {
                    let place = self.span(&keyword.value);
                    arguments.keywords.push((name.id.clone(), value.at(Some(place))));
                }
                None => {
                    let mut dict = Dict::default();
                    self.merge_into(&mut dict, &value);
                    arguments.open |= dict.rest.is_some();
                    arguments.further = crate::heap::join_rests(arguments.further, dict.rest.take());
                    for (key, value) in dict.entries {
                        if let Some(name) = key.as_str() {
                            arguments.keywords.push((name.into(), value));
                        }
                    }
                }
            }
        }
        Ok(arguments)
    }
}

/// `len(text) - 3` as a bound of `text`: as many from its end. Where the text is shorter, less is left than this says.
fn from_end(bound: &Expr, whole: &Expr) -> Option<i64> {
    let Expr::BinOp(ast::ExprBinOp { left, op: ast::Operator::Sub, right, .. }) = bound else { return None };
    let (Expr::Call(call), Expr::NumberLiteral(number)) = (&**left, &**right) else { return None };
    let (Expr::Name(function), Expr::Name(whole)) = (&*call.func, whole) else { return None };
    let [Expr::Name(measured)] = &*call.arguments.args else { return None };
    let ast::Number::Int(number) = &number.value else { return None };
    let number = number.as_i64().filter(|number| *number > 0)?;
    (function.id == "len" && measured.id == whole.id).then_some(-number)
}
