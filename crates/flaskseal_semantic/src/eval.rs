//! Expressions.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_models::Gives;
use flaskseal_python::{ast, ast::Expr};

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::format::Conversion;
use crate::guard::{Guard, States};
use crate::heap::{Code, Dict, List, Shape};
use crate::limits::{Checks, Identity, Limits, Relation};
use crate::machine::{Evaluated, Flow, Frame, Machine, Raised};
use crate::origin::stronger;
use crate::rope::{Hole, Rope, Source};
use crate::truth::Truth;
use crate::value::{Alternative, Bytes, Key, Kind, Type, Value};

/// What iteration over a value gives: elements known one by one, then any number of `rest`.
pub(crate) struct Elements {
    pub known: Vec<Value>,
    pub rest: Option<Value>,
}

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

    // Displays and comprehensions.

    fn sequence(&mut self, nodes: &'a [Expr]) -> Result<List, Raised> {
        let mut list = List::default();
        for node in nodes {
            if let Expr::Starred(starred) = node {
                let value = self.eval(&starred.value)?;
                let elements = self.elements(&value);
                list.items.extend(elements.known);
                list.rest = crate::heap::join_rests(list.rest, elements.rest);
            } else {
                let value = self.eval(node)?;
                if list.rest.is_some() {
                    list.rest = crate::heap::join_rests(list.rest, Some(value));
                } else {
                    list.items.push(value);
                }
            }
        }
        Ok(list)
    }

    fn dict_display(&mut self, node: &'a ast::ExprDict) -> Evaluated {
        let mut dict = Dict::default();
        for item in &node.items {
            match &item.key {
                Some(key) => {
                    let key = self.eval(key)?;
                    let value = self.eval(&item.value)?;
                    insert(&mut dict, &key, value);
                }
                None => {
                    let value = self.eval(&item.value)?;
                    self.merge_into(&mut dict, &value);
                }
            }
        }
        Ok(self.dict(dict))
    }

    /// Adds the items of a mapping, or of a sequence of pairs.
    pub(crate) fn merge_into(&mut self, dict: &mut Dict, value: &Value) {
        if value.as_object() == Some(self.environ) {
            let environ = self.environ_snapshot();
            dict.rest = crate::heap::join_rests(dict.rest.take(), environ.rest);
            dict.entries.extend(environ.entries);
            return;
        }
        match value.as_object().map(|id| &self.heap.get(id).shape) {
            Some(Shape::Dict(other)) => {
                dict.rest = crate::heap::join_rests(dict.rest.take(), other.rest.clone());
                for (key, value) in &other.entries {
                    dict.entries.insert(key.clone(), value.clone());
                }
            }
            Some(Shape::List(_)) => {
                let elements = self.elements(value);
                for pair in elements.known {
                    let mut pair = self.elements(&pair).known.into_iter();
                    if let (Some(key), Some(value)) = (pair.next(), pair.next()) {
                        insert(dict, &key, value);
                    }
                }
                if elements.rest.is_some() {
                    dict.rest = Some(Value::UNKNOWN);
                }
            }
            _ => match &value.kind {
                Kind::Tuple(pairs) => {
                    for pair in pairs.iter() {
                        let mut pair = self.elements(pair).known.into_iter();
                        if let (Some(key), Some(value)) = (pair.next(), pair.next()) {
                            insert(dict, &key, value);
                        }
                    }
                }
                // `os.environ` and what a library gives may hold anything.
                Kind::Path(path) if self.program.models.input(path) == Some(Gives::Texts) => {
                    let at = value.at.unwrap_or(Span::new(self.frame().file, 0, 0));
                    dict.rest = Some(crate::request::text(&format!("{path}[*]").into(), at));
                }
                _ => dict.rest = Some(Value::UNKNOWN.at(value.at).tainted(value.origin())),
            },
        }
    }

    fn comprehension(
        &mut self,
        generators: &'a [ast::Comprehension],
        mut element: impl FnMut(&mut Self) -> Evaluated,
    ) -> Result<List, Raised> {
        let mut list = List::default();
        let scope = self.heap.allocate(Shape::Scope);
        let frame = self.frame();
        let closure = frame.scopes_for_inner();
        // A class body's names are visible to the first iterable only; to show them to all is a small generosity.
        let frame = Frame { scope, closure, class: None, is_namespace: false, ..frame.clone() };
        self.frames.push(frame);
        let result = self.generate(generators, true, &mut |machine, certain| {
            let value = element(machine)?;
            if certain && list.rest.is_none() {
                list.items.push(value);
            } else {
                list.rest = crate::heap::join_rests(list.rest.take(), Some(value));
            }
            Ok(())
        });
        self.frames.pop();
        result.map(|()| list)
    }

    fn generate(
        &mut self,
        generators: &'a [ast::Comprehension],
        certain: bool,
        body: &mut dyn FnMut(&mut Self, bool) -> Result<(), Raised>,
    ) -> Result<(), Raised> {
        let Some((generator, rest)) = generators.split_first() else { return body(self, certain) };
        let iterable = self.eval(&generator.iter)?;
        let elements = self.elements(&iterable);
        let known = elements.known.into_iter().map(|value| (value, certain));
        for (value, certain) in known.chain(elements.rest.map(|value| (value, false))) {
            if self.fuel == 0 {
                break;
            }
            self.assign(&generator.target, value)?;
            let mut certain = certain;
            let mut skipped = false;
            let outer = self.guard.clone();
            for condition in &generator.ifs {
                let truth = self.condition(condition)?;
                match truth.known() {
                    Some(true) => {}
                    Some(false) => {
                        skipped = true;
                        break;
                    }
                    None => certain = false,
                }
                // What passes the filter is what the condition says.
                if let Some(guard) = truth.yes.and_then(|yes| self.guard.and(&yes)) {
                    self.guard = guard;
                }
            }
            let result = if skipped { Ok(()) } else { self.generate(rest, certain, body) };
            self.guard = outer;
            result?;
        }
        Ok(())
    }

    fn dict_comprehension(&mut self, node: &'a ast::ExprDictComp) -> Evaluated {
        let pairs = self.comprehension(&node.generators, |machine| {
            let key = match &node.key {
                Some(key) => machine.eval(key)?,
                None => Value::UNKNOWN,
            };
            let value = machine.eval(&node.value)?;
            Ok(Value::tuple(vec![key, value]))
        })?;
        let mut dict = Dict::default();
        for pair in pairs.items {
            if let Kind::Tuple(pair) = &pair.kind {
                insert(&mut dict, &pair[0], pair[1].clone());
            }
        }
        if let Some(rest) = pairs.rest {
            let value = match &rest.kind {
                Kind::Tuple(pair) => pair[1].clone(),
                _ => Value::UNKNOWN,
            };
            dict.rest = crate::heap::join_rests(dict.rest, Some(value));
        }
        Ok(self.dict(dict))
    }

    fn note_yield(&mut self, value: Value) {
        let Some(yields) = self.frame().yields else { return };
        self.append(yields, value);
    }

    /// Appends to a list, set or collected generator.
    pub(crate) fn append(&mut self, list: crate::heap::ObjectId, value: Value) {
        let Some(current) = self.heap.list(list) else { return };
        let is_known = match &current.rest {
            Some(rest) => rest.is_unknown() || rest.same(&value),
            None => current.is_set && current.items.iter().any(|known| known.same(&value)),
        };
        if !is_known && let Some(list) = self.heap.list_mut(list) {
            match list.rest.take() {
                Some(rest) => list.rest = crate::heap::join_rests(Some(rest), Some(value)),
                None => list.items.push(value),
            }
        }
    }

    pub(crate) fn elements(&mut self, value: &Value) -> Elements {
        let unknown = |element: Value| Elements { known: Vec::new(), rest: Some(element) };
        match &value.kind {
            Kind::Tuple(values) => Elements { known: values.to_vec(), rest: None },
            Kind::Str(rope) => match rope.as_literal() {
                Some(text) if text.len() <= 256 => {
                    let characters = text.chars().map(|c| Value::str(c.to_string()).at(value.at));
                    Elements { known: characters.collect(), rest: None }
                }
                _ => unknown(
                    Value::from(rope.made(Relation::Character, rope.alphabet(), value.at)).at(value.at),
                ),
            },
            Kind::Object(id) => match &self.heap.get(*id).shape {
                Shape::List(list) => {
                    let elements = Elements { known: list.items.clone(), rest: list.rest.clone() };
                    if list.is_iterator {
                        let drained = List { is_iterator: true, ..List::default() };
                        self.heap.set_shape(*id, Shape::List(drained));
                    }
                    elements
                }
                Shape::Dict(dict) => {
                    let known = dict.entries.iter().filter(|(_, value)| !matches!(value.kind, Kind::Absent));
                    Elements {
                        known: known.map(|(key, _)| key.to_value()).collect(),
                        rest: dict.rest.as_ref().map(|_| Value::UNKNOWN),
                    }
                }
                Shape::Class(_) => match self.enum_members(*id) {
                    Some(members) => Elements { known: members, rest: None },
                    None => unknown(Value::UNKNOWN),
                },
                Shape::Instance { .. } if let Some(fields) = crate::url::fields(self, *id) => {
                    Elements { known: fields, rest: None }
                }
                Shape::Instance { .. } => match self.heap.attribute(*id, "@tuple") {
                    Some(Value { kind: Kind::Tuple(values), .. }) => {
                        Elements { known: values.to_vec(), rest: None }
                    }
                    _ => match crate::stdlib::lines_of_file(self, *id) {
                        Some(lines) => Elements { known: lines, rest: None },
                        None => unknown(Value::UNKNOWN),
                    },
                },
                _ => unknown(Value::UNKNOWN),
            },
            // Iterating over `request.args` gives names.
            Kind::Path(path) if self.program.models.input(path) == Some(Gives::Texts) => {
                let at = value.at.unwrap_or(Span::new(self.frame().file, 0, 0));
                unknown(crate::request::text(&format!("{path}.keys()").into(), at))
            }
            Kind::Path(path) if path.len() < 200 => {
                unknown(Value::path(format!("{path}[*]")).at(value.at).tainted(value.taint.clone()))
            }
            Kind::None => Elements { known: Vec::new(), rest: None },
            Kind::Union(alternatives) => {
                let alternatives = alternatives.clone();
                let mut rest = None;
                for alternative in &*alternatives {
                    let elements = self.elements(&alternative.value);
                    for element in elements.known.into_iter().chain(elements.rest) {
                        rest = crate::heap::join_rests(rest, Some(element));
                    }
                }
                Elements { known: Vec::new(), rest: rest.or(Some(Value::UNKNOWN)) }
            }
            _ => unknown(Value::UNKNOWN.at(value.at).tainted(value.origin())),
        }
    }

    // Operators.

    fn f_string(&mut self, node: &'a ast::ExprFString) -> Evaluated {
        let mut parts = Vec::new();
        for part in &node.value {
            match part {
                ast::FStringPart::Literal(literal) => parts.push(Value::str(&*literal.value)),
                ast::FStringPart::FString(string) => {
                    for element in &string.elements {
                        match element {
                            ast::InterpolatedStringElement::Literal(literal) => {
                                parts.push(Value::str(&*literal.value));
                            }
                            ast::InterpolatedStringElement::Interpolation(node) => {
                                let value = self.eval(&node.expression)?;
                                let conversion = match node.conversion {
                                    ast::ConversionFlag::None => Conversion::None,
                                    ast::ConversionFlag::Str => Conversion::Str,
                                    ast::ConversionFlag::Repr => Conversion::Repr,
                                    ast::ConversionFlag::Ascii => Conversion::Ascii,
                                };
                                let spec = match &node.format_spec {
                                    None => Some(String::new()),
                                    Some(spec) => self.format_spec(spec)?,
                                };
                                parts.push(self.format_value(&value, conversion, spec.as_deref()));
                            }
                        }
                    }
                }
            }
        }
        Ok(self.concat_values(&parts))
    }

    /// A specification's text; `None` where a part of it is not known.
    fn format_spec(&mut self, spec: &'a ast::InterpolatedStringFormatSpec) -> Result<Option<String>, Raised> {
        let mut text = Some(String::new());
        for element in &spec.elements {
            let part = match element {
                ast::InterpolatedStringElement::Literal(literal) => Some(literal.value.to_string()),
                ast::InterpolatedStringElement::Interpolation(node) => {
                    let value = self.eval(&node.expression)?;
                    let is_constant = matches!(value.kind, Kind::Int(_) | Kind::Str(_));
                    self.text_of(&value).as_literal().filter(|_| is_constant).map(str::to_owned)
                }
            };
            text = text.zip(part).map(|(text, part)| text + &part);
        }
        Ok(text)
    }

    /// `str()` of each value, joined; the product of their alternatives while it stays small.
    pub(crate) fn concat_values(&mut self, parts: &[Value]) -> Value {
        if let Some(value) = self.combinations(parts) {
            return value;
        }
        // What no client has a hand in need not be told apart.
        let fewer: Vec<Value> = parts.iter().map(|part| self.with_constants_as_one(part)).collect();
        self.combinations(&fewer).unwrap_or_else(|| {
            // Every part as one text, of which what its alternatives have in common is known.
            Rope::concat(parts.iter().map(|part| self.text_of(part))).into()
        })
    }

    /// Every way to put alternatives of the parts together; `None` where there are too many.
    fn combinations(&self, parts: &[Value]) -> Option<Value> {
        let mut results = vec![(Vec::<Rope>::new(), Guard::ALWAYS)];
        for part in parts {
            let alternatives = part.alternatives();
            let mut next = Vec::new();
            for (mut ropes, guard) in results {
                for (index, alternative) in alternatives.iter().enumerate() {
                    if let Some(guard) = guard.and(&alternative.guard) {
                        let is_last = index + 1 == alternatives.len();
                        let mut own = if is_last { std::mem::take(&mut ropes) } else { ropes.clone() };
                        own.push(self.text_of(&alternative.value));
                        next.push((own, guard));
                    }
                }
            }
            if next.len() > MAX_COMBINATIONS {
                return None;
            }
            results = next;
        }
        let alternatives = results
            .into_iter()
            .map(|(ropes, guard)| Alternative { value: Value::from(Rope::concat(ropes)), guard });
        Some(Value::union(alternatives))
    }

    fn with_constants_as_one(&self, part: &Value) -> Value {
        let (of_client, constant): (Vec<_>, Vec<_>) =
            part.alternatives().into_iter().partition(|one| one.value.origin().is_some());
        if constant.len() < 2 {
            return part.clone();
        }
        let guard = constant.iter().map(|one| one.guard.clone()).reduce(|a, b| a.or(&b));
        let text = self.text_of(&Value::union(constant));
        let one = Alternative { value: text.into(), guard: guard.unwrap_or_default() };
        Value::union(of_client.into_iter().chain([one]))
    }

    /// `str(value)`; of a union, what all its alternatives have in common.
    pub(crate) fn text_of(&self, value: &Value) -> Rope {
        let unknown = |origin| Rope::from(Hole { origin, ..Hole::new(Source::Unknown, Alphabet::ALL) });
        let number = |characters| {
            let hole = Hole::new(Source::Unknown, Alphabet::of(characters));
            Rope::from(Hole { origin: value.taint.clone(), ..hole })
        };
        match &value.kind {
            Kind::Str(rope) => rope.clone(),
            Kind::None => Rope::literal("None"),
            Kind::Bool(true) => Rope::literal("True"),
            Kind::Bool(false) => Rope::literal("False"),
            Kind::Int(value) => Rope::literal(value.to_string()),
            Kind::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                Rope::literal(format!("{value:.1}"))
            }
            Kind::Some(Type::Bool) => Rope::hole_of(Source::Unknown, Alphabet::of("TrueFals")),
            Kind::Some(Type::Int) => number("0123456789-"),
            Kind::Some(Type::Float) | Kind::Float(_) => number("0123456789-+.einfa"),
            Kind::Path(path) => match &value.taint {
                Some(taint) => {
                    let at = value.at.unwrap_or(taint.at);
                    crate::request::structure_text(path, taint, at)
                }
                None => Rope::hole(Source::Path(path.clone())),
            },
            Kind::Bytes(Bytes::Encoded(rope)) => rope.blurred(Alphabet::ALL),
            Kind::Object(id) => match self.heap.attribute(*id, "@path") {
                Some(Value { kind: Kind::Str(rope), .. }) => rope.clone(),
                _ => match self.heap.attribute(*id, "@str") {
                    Some(Value { kind: Kind::Str(rope), .. }) => rope.clone(),
                    _ => unknown(self.taint_of(value)),
                },
            },
            Kind::Union(alternatives) => {
                let texts = alternatives.iter().map(|alternative| self.text_of(&alternative.value));
                let alphabet = texts.fold(Alphabet::NONE, |set, text| set.union(text.alphabet()));
                Hole { origin: value.origin(), ..Hole::new(Source::Unknown, alphabet) }.into()
            }
            _ => unknown(value.origin()),
        }
    }

    fn unary(&mut self, op: ast::UnaryOp, operand: &Value) -> Value {
        match op {
            ast::UnaryOp::Not => {
                let truth = self.truth(operand);
                truth_value(&truth.not())
            }
            _ => operand.map(|value| {
                let kind = match (op, &value.kind) {
                    (ast::UnaryOp::USub, Kind::Float(value)) => Kind::Float(-value),
                    (ast::UnaryOp::UAdd, Kind::Int(_) | Kind::Float(_)) => value.kind.clone(),
                    (ast::UnaryOp::USub, _) => match value.as_int().and_then(i64::checked_neg) {
                        Some(value) => Kind::Int(value),
                        None => Kind::Unknown,
                    },
                    (ast::UnaryOp::Invert, Kind::Int(value)) => Kind::Int(!value),
                    _ => Kind::Unknown,
                };
                Value::new(kind, value.at)
            }),
        }
    }

    fn comparison(&mut self, node: &'a ast::ExprCompare) -> Evaluated {
        let mut left = self.eval(&node.left)?;
        let mut result: Option<Value> = None;
        for (op, right) in node.ops.iter().zip(&node.comparators) {
            let right = self.eval(right)?;
            let span = self.span(node);
            self.note_comparison(*op, &left, &right, span);
            let value = self.compare(&left, *op, &right);
            result = Some(match result {
                None => value,
                // A chain is true where every link is.
                Some(previous) => {
                    let (a, b) = (self.truth(&previous), self.truth(&value));
                    let yes = a.yes.zip(b.yes).and_then(|(a, b)| a.and(&b));
                    let no = match (a.no, b.no) {
                        (Some(a), Some(b)) => Some(a.or(&b)),
                        (a, b) => a.or(b),
                    };
                    truth_value(&Truth { yes, no })
                }
            });
            left = right;
        }
        Ok(result.unwrap_or(Value::UNKNOWN))
    }

    fn compare(&mut self, left: &Value, op: ast::CmpOp, right: &Value) -> Value {
        match op {
            ast::CmpOp::Eq => self.equals(left, right),
            ast::CmpOp::NotEq => {
                let equal = self.equals(left, right);
                truth_value(&self.truth(&equal).not())
            }
            ast::CmpOp::Is => self.identical(left, right),
            ast::CmpOp::IsNot => {
                let same = self.identical(left, right);
                truth_value(&self.truth(&same).not())
            }
            ast::CmpOp::In => self.contains(right, left),
            ast::CmpOp::NotIn => {
                let contained = self.contains(right, left);
                truth_value(&self.truth(&contained).not())
            }
            ast::CmpOp::LtE if let Some(truth) = self.is_subset(left, right) => truth_value(&truth),
            ast::CmpOp::GtE if let Some(truth) = self.is_subset(right, left) => truth_value(&truth),
            ast::CmpOp::Lt | ast::CmpOp::LtE | ast::CmpOp::Gt | ast::CmpOp::GtE => {
                pairwise(left, right, |a, b| match order(a, b) {
                    Some(ordering) => Value::bool(match op {
                        ast::CmpOp::Lt => ordering.is_lt(),
                        ast::CmpOp::LtE => ordering.is_le(),
                        ast::CmpOp::Gt => ordering.is_gt(),
                        _ => ordering.is_ge(),
                    }),
                    None => Value::new(Kind::Some(Type::Bool), None),
                })
            }
        }
    }

    /// `set(text) <= {...}`: what it says of the text. `None` for anything else.
    pub(crate) fn is_subset(&mut self, inner: &Value, outer: &Value) -> Option<Truth> {
        let (whole, inner) = self.characters_of(inner)?;
        let outer = self.elements(outer);
        if outer.rest.is_some() {
            return None;
        }
        let alphabet = outer.known.iter().try_fold(Alphabet::NONE, |set, member| {
            member.as_str().map(|text| set.union(Alphabet::of(text)))
        })?;
        let yes = Guard::about(&whole, Limits::alphabet(alphabet.intersection(inner)));
        Some(Truth { yes: Some(yes), no: Some(Guard::ALWAYS) })
    }

    /// `set(text).isdisjoint(...)`, either way round: what it says of the text.
    pub(crate) fn is_disjoint(&mut self, one: &Value, other: &Value) -> Option<Truth> {
        let ((whole, inner), other) = match self.characters_of(one) {
            Some(found) => (found, other),
            None => (self.characters_of(other)?, one),
        };
        let others = self.elements(other).known;
        let gone = others.iter().filter_map(Value::as_str).filter(|text| text.chars().count() == 1);
        let gone = gone.fold(Alphabet::NONE, |set, text| set.union(Alphabet::of(text)));
        let yes = Guard::about(&whole, Limits::alphabet(inner.without(gone)));
        Some(Truth { yes: Some(yes), no: Some(Guard::ALWAYS) })
    }

    /// The text of which a set has all characters, and which they can be.
    pub(crate) fn characters_of(&self, set: &Value) -> Option<(Identity, Alphabet)> {
        let list = self.heap.list(set.as_object()?)?;
        let rest = list.rest.as_ref().filter(|_| list.is_set && list.items.is_empty())?;
        let hole = rest.as_rope()?.as_hole()?;
        Some((hole.identity.as_ref()?.character_of()?.clone(), hole.alphabet))
    }

    /// `==`, with the environment under which it holds.
    pub(crate) fn equals(&self, left: &Value, right: &Value) -> Value {
        pairwise(left, right, |a, b| self.equals_one(a, b))
    }

    fn equals_one(&self, a: &Value, b: &Value) -> Value {
        let unknown = Value::new(Kind::Some(Type::Bool), None);
        match (&a.kind, &b.kind) {
            // Built-in types and functions are what their names say: `type == bool`.
            (Kind::Path(x), Kind::Path(y))
                if [x, y].iter().all(|path| path.starts_with("builtins.") && !path.ends_with([')', ']'])) =>
            {
                Value::bool(x == y)
            }
            (Kind::Unknown | Kind::Path(_), _) | (_, Kind::Unknown) => unknown,
            (Kind::Str(x), Kind::Str(y))
                if let Some(truth) =
                    crate::paths::common_equals(x, y).or_else(|| crate::paths::common_equals(y, x)) =>
            {
                truth_value(&truth)
            }
            (Kind::Str(x), Kind::Str(y)) => match (x.as_literal(), y.as_literal()) {
                (Some(x), Some(y)) => Value::bool(x == y),
                (None, Some(text)) => equals_hole(x, text),
                (Some(text), None) => equals_hole(y, text),
                (None, None) => truth_value(&crate::truth::same(x, y)),
            },
            (Kind::Bytes(Bytes::Known(x)), Kind::Bytes(Bytes::Known(y))) => Value::bool(x == y),
            (Kind::None, Kind::None) => Value::bool(true),
            (Kind::Float(x), Kind::Float(y)) => Value::bool((x - y).abs() < f64::EPSILON),
            (Kind::Int(_) | Kind::Bool(_), Kind::Int(_) | Kind::Bool(_)) => {
                Value::bool(a.as_int() == b.as_int())
            }
            (Kind::Tuple(x), Kind::Tuple(y)) if x.len() != y.len() => Value::bool(false),
            (Kind::Tuple(x), Kind::Tuple(y)) => {
                let mut all = Truth::YES;
                for (a, b) in x.iter().zip(y.iter()) {
                    match self.truth(&self.equals(a, b)).known() {
                        Some(true) => {}
                        Some(false) => return Value::bool(false),
                        None => all = Truth::EITHER,
                    }
                }
                truth_value(&all)
            }
            (Kind::Object(x), Kind::Object(y)) if x == y => Value::bool(true),
            (Kind::Object(_), Kind::None) | (Kind::None, Kind::Object(_)) => Value::bool(false),
            (Kind::Object(x), Kind::Object(y)) => {
                match (&self.heap.get(*x).shape, &self.heap.get(*y).shape) {
                    (Shape::Function(_) | Shape::Class(_) | Shape::Module { .. }, _) => Value::bool(false),
                    _ => unknown,
                }
            }
            (Kind::Object(_) | Kind::Some(_) | Kind::Bound(_) | Kind::Method(_), _)
            | (_, Kind::Object(_) | Kind::Some(_) | Kind::Path(_)) => unknown,
            (Kind::Bytes(_), Kind::Bytes(_)) => unknown,
            (Kind::Int(_) | Kind::Bool(_), Kind::Float(y))
            | (Kind::Float(y), Kind::Int(_) | Kind::Bool(_)) => {
                let whole = a.as_int().or(b.as_int()).unwrap_or_default();
                Value::bool((whole as f64 - y).abs() < f64::EPSILON)
            }
            // Values of different built-in types are never equal.
            _ => Value::bool(false),
        }
    }

    fn identical(&mut self, left: &Value, right: &Value) -> Value {
        pairwise(left, right, |a, b| match (&a.kind, &b.kind) {
            (Kind::Unknown | Kind::Path(_), Kind::Path(_))
                if a.same(b) && !matches!(a.kind, Kind::Unknown) =>
            {
                Value::bool(true)
            }
            (Kind::Unknown | Kind::Path(_), _) | (_, Kind::Unknown | Kind::Path(_)) => {
                Value::new(Kind::Some(Type::Bool), None)
            }
            (Kind::None, Kind::None) => Value::bool(true),
            (Kind::Bool(x), Kind::Bool(y)) => Value::bool(x == y),
            (Kind::Object(x), Kind::Object(y)) => Value::bool(x == y),
            (Kind::None, _) | (_, Kind::None) => Value::bool(false),
            (Kind::Bool(_), Kind::Some(Type::Bool)) | (Kind::Some(Type::Bool), Kind::Bool(_)) => {
                Value::new(Kind::Some(Type::Bool), None)
            }
            (Kind::Bool(_), _) | (_, Kind::Bool(_)) => Value::bool(false),
            _ => Value::new(Kind::Some(Type::Bool), None),
        })
    }

    /// `item in container`.
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Value {
        let unknown = || Value::new(Kind::Some(Type::Bool), None);
        if let Kind::Union(containers) = &container.kind {
            let containers = containers.clone();
            // `in None` would have ended the path.
            let possible = containers.iter().filter(|container| !matches!(container.value.kind, Kind::None));
            let results = possible.map(|container| Alternative {
                value: self.contains(&container.value, item),
                guard: container.guard.clone(),
            });
            return Value::union(results.collect::<Vec<_>>());
        }
        if let (Kind::Str(text), Some(part)) = (&container.kind, item.as_str()) {
            return match text.as_literal() {
                Some(text) => Value::bool(text.contains(part)),
                None if !part.chars().all(|c| text.alphabet().contains(c)) => Value::bool(false),
                None => truth_value(&crate::truth::occurs(text, part)),
            };
        }
        if let (Some(text), Kind::Str(part)) = (container.as_str(), &item.kind) {
            // What occurs in a constant has no other characters.
            let alphabet = Alphabet::of(text);
            let no = match crate::truth::is_character(part) {
                true => Limits::alphabet(alphabet.without_wide().complement()),
                false => Limits::default(),
            };
            return truth_value(&crate::truth::about(part, Limits::alphabet(alphabet), no));
        }
        if let Some(id) = container.as_object()
            && id == self.environ
            && let Some(name) = item.as_str()
        {
            let value = self.environment_variable(name);
            let is_set = value.map(|value| match value.kind {
                Kind::Absent => Value::bool(false),
                _ => Value::bool(true),
            });
            return is_set;
        }
        if let Some(id) = container.as_object()
            && let Some(dict) = self.heap.dict(id)
        {
            // What a library gives may equal any key.
            let Some(key) = Key::of(item).filter(|_| item.as_path().is_none()) else {
                let keys: Vec<Value> = dict.entries.keys().map(Key::to_value).collect();
                let open = dict.rest.is_some();
                return match self.taint_of(container) {
                    None if open => listed(item),
                    _ => self.any_equal(item, &keys, open),
                };
            };
            return match (dict.entries.get(&key), &dict.rest) {
                (Some(value), _) => value.map(|value| Value::bool(!matches!(value.kind, Kind::Absent))),
                (None, None) => Value::bool(false),
                (None, Some(_)) => unknown(),
            };
        }
        if let Some(truth) =
            container.as_object().and_then(|id| crate::paths::parents_contain(self, id, item))
        {
            return truth_value(&truth);
        }
        match &container.kind {
            Kind::Tuple(_) | Kind::Object(_) => {
                let taint = self.taint_of(container);
                let elements = self.elements(container);
                match elements.rest {
                    Some(_) if taint.is_none() => listed(item),
                    rest => self.any_equal(item, &elements.known, rest.is_some()),
                }
            }
            // A setting, a table of a library: no client fills it.
            // `in None` ends the path, whatever is asked.
            Kind::None => listed(item),
            Kind::Path(_) | Kind::Unknown if container.taint.is_none() => listed(item),
            _ => unknown(),
        }
    }

    fn any_equal(&mut self, item: &Value, candidates: &[Value], open: bool) -> Value {
        let mut total = if open { Truth::EITHER } else { Truth::NO };
        for candidate in candidates {
            let equal = self.equals(item, candidate);
            let truth = self.truth(&equal);
            let yes = match (total.yes, truth.yes) {
                (Some(a), Some(b)) => Some(a.or(&b)),
                (a, b) => a.or(b),
            };
            let no = total.no.zip(truth.no).and_then(|(a, b)| a.and(&b));
            total = Truth { yes, no };
        }
        truth_value(&total)
    }

    pub(crate) fn binary(&mut self, left: &Value, op: ast::Operator, right: &Value, span: Span) -> Value {
        let (lefts, rights) = (left.alternatives(), right.alternatives());
        let mut results = Vec::new();
        for a in &lefts {
            for b in &rights {
                if let Some(guard) = a.guard.and(&b.guard) {
                    let value = self.binary_one(&a.value, op, &b.value, span);
                    results.push(Alternative { value, guard });
                }
            }
        }
        Value::union(results)
    }

    #[allow(clippy::cast_precision_loss, reason = "Python's own int to float conversion rounds, too")]
    fn binary_one(&mut self, left: &Value, op: ast::Operator, right: &Value, span: Span) -> Value {
        use ast::Operator::{Add, BitOr, Div, FloorDiv, LShift, Mod, Mult, Pow, Sub};
        // Text.
        match (op, &left.kind, &right.kind) {
            (Add, Kind::Str(a), Kind::Str(b)) => return Rope::concat([a.clone(), b.clone()]).into(),
            (Add, Kind::Str(a), Kind::Path(_) | Kind::Unknown) => {
                return Rope::concat([a.clone(), self.text_of(right)]).into();
            }
            (Add, Kind::Path(_) | Kind::Unknown, Kind::Str(b)) => {
                return Rope::concat([self.text_of(left), b.clone()]).into();
            }
            (Add, Kind::Str(_), Kind::Object(_)) | (Add | Mod, Kind::Object(_), _)
                if let Some(value) = crate::markup::binary(self, left, op, right, span) =>
            {
                return value;
            }
            (Mod, Kind::Str(format), _) => return self.percent_format(&format.clone(), right, span),
            (Mult, Kind::Str(rope), Kind::Int(count)) | (Mult, Kind::Int(count), Kind::Str(rope)) => {
                return match (rope.as_literal(), usize::try_from(*count)) {
                    (Some(text), Ok(count)) if text.len().saturating_mul(count) <= 4096 => {
                        Value::str(text.repeat(count))
                    }
                    (Some(_), Err(_)) => Value::str(""),
                    _ => rope.blurred(rope.alphabet()).into(),
                };
            }
            (Add, Kind::Bytes(Bytes::Known(a)), Kind::Bytes(Bytes::Known(b))) if a.len() + b.len() < 4096 => {
                return Value::new(Kind::Bytes(Bytes::Known([&**a, &**b].concat().into())), None);
            }
            (Mult, Kind::Bytes(Bytes::Known(bytes)), Kind::Int(count))
                if *count > 0 && bytes.len() as i64 <= 4096 / count =>
            {
                return Value::new(Kind::Bytes(Bytes::Known(bytes.repeat(*count as usize).into())), None);
            }
            (Add, Kind::Tuple(a), Kind::Tuple(b)) if a.len() + b.len() <= 1024 => {
                return Value::tuple([&**a, &**b].concat());
            }
            _ => {}
        }
        // Containers and instances.
        if left.as_object().is_some() || right.as_object().is_some() {
            return self.object_binary(left, op, right, span);
        }
        // Numbers.
        let number = |value: &Value| match &value.kind {
            Kind::Float(value) => Some(*value),
            _ => value.as_int().map(|value| value as f64),
        };
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int())
            && op != Div
        {
            let value = match op {
                Add => a.checked_add(b),
                Sub => a.checked_sub(b),
                Mult => a.checked_mul(b),
                // For a positive divisor, Python's floor is Euclid's quotient.
                FloorDiv if b > 0 => a.checked_div_euclid(b),
                Mod if b > 0 => a.checked_rem_euclid(b),
                Pow if b < 0 => return Value::new(Kind::Float((a as f64).powf(b as f64)), None),
                Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                LShift => u32::try_from(b).ok().filter(|b| *b < 62).and_then(|b| a.checked_mul(1 << b)),
                ast::Operator::RShift => u32::try_from(b).ok().filter(|b| *b < 63).map(|b| a >> b),
                BitOr => Some(a | b),
                ast::Operator::BitAnd => Some(a & b),
                ast::Operator::BitXor => Some(a ^ b),
                _ => None,
            };
            return Value::new(value.map_or(Kind::Some(Type::Int), Kind::Int), None);
        }
        if let (Some(a), Some(b)) = (number(left), number(right)) {
            let value = match op {
                Add => Some(a + b),
                Sub => Some(a - b),
                Mult => Some(a * b),
                Div if b != 0.0 => Some(a / b),
                FloorDiv if b != 0.0 => Some((a / b).floor()),
                Pow => Some(a.powf(b)),
                _ => None,
            };
            return Value::new(value.map_or(Kind::Some(Type::Float), Kind::Float), None);
        }
        match (&left.kind, &right.kind) {
            (Kind::Some(Type::Int), Kind::Int(_) | Kind::Some(Type::Int))
            | (Kind::Int(_), Kind::Some(Type::Int)) => {
                let kind = if op == Div { Type::Float } else { Type::Int };
                Value::new(Kind::Some(kind), None).tainted(stronger(left.origin(), right.origin()))
            }
            // What a library gives keeps its name through an operation: `db.a | db.b`, `path / "x"`.
            (Kind::Path(path), _) => {
                Value::path(path.clone()).tainted(stronger(left.origin(), right.origin()))
            }
            _ => Value::UNKNOWN.tainted(stronger(left.origin(), right.origin())),
        }
    }

    // Slices.

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
        if !matches!(&generator.iter, Expr::Name(_)) || !matches!(&generator.target, Expr::Name(_)) {
            return Ok(None);
        }
        let iterable = self.eval(&generator.iter)?;
        let Kind::Str(rope) = &iterable.kind else { return Ok(None) };
        let Some(whole) = rope.as_hole().and_then(|hole| hole.identity.clone()) else { return Ok(None) };
        let characters = self.elements(&iterable);
        let Some(character) = characters.rest.filter(|_| characters.known.is_empty()) else {
            return Ok(None);
        };
        let one = character.as_rope().and_then(Rope::as_hole).and_then(|hole| hole.identity.clone());
        let Some(one) = one else { return Ok(None) };
        let scope = self.heap.allocate(Shape::Scope);
        let frame = self.frame();
        let closure = frame.scopes_for_inner();
        let frame = Frame { scope, closure, class: None, is_namespace: false, ..frame.clone() };
        self.frames.push(frame);
        let truth = self.assign(&generator.target, character).and_then(|()| {
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
        // Every character passes, or one of them does not.
        let limits = truth?.yes.map(|guard| guard.limits(&one).unwrap_or_default());
        let alphabet = limits.map_or(Alphabet::NONE, |limits| limits.alphabet);
        let all = Guard::about(&whole, Limits::alphabet(alphabet));
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

/// `item in container`, where the container's elements are not known but none of a client's making.
fn listed(item: &Value) -> Value {
    let checks = Checks { listed: true, ..Checks::NONE };
    match &item.kind {
        Kind::Str(rope) => {
            truth_value(&crate::truth::about(rope, Limits::checked(checks), Limits::default()))
        }
        _ => Value::new(Kind::Some(Type::Bool), None),
    }
}

/// Texts that are put together of more combinations of alternatives are not told apart.
const MAX_COMBINATIONS: usize = 16;

/// Puts a value under a key, known or not.
pub(crate) fn insert(dict: &mut Dict, key: &Value, value: Value) {
    match Key::of(key) {
        Some(key) => {
            dict.entries.insert(key, value);
        }
        None => dict.rest = crate::heap::join_rests(dict.rest.take(), Some(value)),
    }
}

/// A condition as a value: `True` under one guard, `False` under the other.
pub(crate) fn truth_value(truth: &Truth) -> Value {
    let side = |guard: &Option<Guard>, value: bool| {
        guard.as_ref().map(|guard| Alternative { value: Value::bool(value), guard: guard.clone() })
    };
    match (side(&truth.yes, true), side(&truth.no, false)) {
        (Some(yes), Some(no)) if yes.guard.is_always() && no.guard.is_always() => {
            Value::new(Kind::Some(Type::Bool), None)
        }
        (yes, no) => Value::union(yes.into_iter().chain(no)),
    }
}

/// Whether unknown text equals a literal: where the text is an environment variable, the answer is a guard.
fn equals_hole(rope: &Rope, text: &str) -> Value {
    if let Some(hole) = rope.as_hole()
        && let Source::Env(name) = &hole.source
        && hole.alphabet == Alphabet::ALL
    {
        return truth_value(&Truth {
            yes: Some(Guard::when(name.clone(), States::equals(text))),
            no: Some(Guard::when(name.clone(), States::differs(text))),
        });
    }
    let possible = text.chars().all(|character| rope.alphabet().contains(character))
        && text.starts_with(rope.literal_prefix())
        && text.ends_with(rope.literal_suffix());
    if possible {
        let mut characters = text.chars();
        let no = match (characters.next(), characters.next()) {
            (Some(only), None) if only.is_ascii() && crate::truth::is_character(rope) => {
                Limits::alphabet(Alphabet::of_char(only).complement())
            }
            _ => Limits::default(),
        };
        truth_value(&crate::truth::about(rope, Limits::equals(text), no))
    } else {
        Value::bool(false)
    }
}

/// Applies a function to every pair of alternatives that can occur together.
fn pairwise(left: &Value, right: &Value, function: impl Fn(&Value, &Value) -> Value) -> Value {
    if !matches!(left.kind, Kind::Union(_)) && !matches!(right.kind, Kind::Union(_)) {
        return function(left, right);
    }
    let rights = right.alternatives();
    let mut results = Vec::new();
    for a in left.alternatives() {
        for b in &rights {
            if let Some(guard) = a.guard.and(&b.guard) {
                results.push(Alternative { value: function(&a.value, &b.value), guard });
            }
        }
    }
    Value::union(results)
}

#[allow(clippy::cast_precision_loss, reason = "comparison with a float is what Python does, too")]
fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (&a.kind, &b.kind) {
        (Kind::Str(a), Kind::Str(b)) => Some(a.as_literal()?.cmp(b.as_literal()?)),
        (Kind::Float(a), Kind::Float(b)) => a.partial_cmp(b),
        (Kind::Float(a), _) => a.partial_cmp(&(b.as_int()? as f64)),
        (_, Kind::Float(b)) => (a.as_int()? as f64).partial_cmp(b),
        (Kind::Tuple(x), Kind::Tuple(y)) => {
            for (a, b) in x.iter().zip(y.iter()) {
                match order(a, b)? {
                    std::cmp::Ordering::Equal => {}
                    other => return Some(other),
                }
            }
            Some(x.len().cmp(&y.len()))
        }
        _ => Some(a.as_int()?.cmp(&b.as_int()?)),
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
