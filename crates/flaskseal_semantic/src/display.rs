//! Displays, comprehensions, and what iteration gives.

use flaskseal_core::Span;
use flaskseal_models::Gives;
use flaskseal_python::{ast, ast::Expr};

use crate::heap::{Dict, List, Shape};
use crate::limits::Relation;
use crate::machine::{Evaluated, Frame, Machine, Raised};
use crate::value::{Key, Kind, Value};

/// What iteration over a value gives: elements known one by one, then any number of `rest`.
pub(crate) struct Elements {
    pub known: Vec<Value>,
    pub rest: Option<Value>,
}

impl<'a> Machine<'a> {
    pub(crate) fn sequence(&mut self, nodes: &'a [Expr]) -> Result<List, Raised> {
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

    pub(crate) fn dict_display(&mut self, node: &'a ast::ExprDict) -> Evaluated {
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

    pub(crate) fn comprehension(
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

    pub(crate) fn dict_comprehension(&mut self, node: &'a ast::ExprDictComp) -> Evaluated {
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

    pub(crate) fn note_yield(&mut self, value: Value) {
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
}

/// Puts a value under a key, known or not.
pub(crate) fn insert(dict: &mut Dict, key: &Value, value: Value) {
    match Key::of(key) {
        Some(key) => {
            dict.entries.insert(key, value);
        }
        None => dict.rest = crate::heap::join_rests(dict.rest.take(), Some(value)),
    }
}
