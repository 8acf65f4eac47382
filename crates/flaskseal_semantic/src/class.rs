//! Classes: their definition, their order of resolution, their instances, and `super()`.

use std::sync::{Arc, OnceLock};

use flaskseal_core::Span;
use flaskseal_python::{Name, ast};

use crate::call::Arguments;
use crate::heap::{Class, ObjectId, Shape};
use crate::machine::{Evaluated, Machine, Raised};
use crate::object::bind;
use crate::value::{Alternative, Kind, Value};

/// Classes that a class inherits from; no real one has as many.
const MAX_ANCESTORS: usize = 64;

impl<'a> Machine<'a> {
    pub(crate) fn class_definition(&mut self, node: &'a ast::StmtClassDef) -> Result<(), Raised> {
        let mut bases = Vec::new();
        let mut keywords = Vec::new();
        if let Some(arguments) = &node.arguments {
            for base in &arguments.args {
                let value = self.eval(base)?;
                bases.push(value.without_absent());
            }
            for keyword in &arguments.keywords {
                let value = self.eval(&keyword.value)?;
                if let Some(name) = &keyword.arg {
                    keywords.push((name.id.clone(), value));
                }
            }
        }
        let span = self.span(node);
        let name = node.name.id.as_str();
        let frame = self.frame();
        let qualified_name: Arc<str> = match (&frame.class, &frame.function) {
            (None, None) => name.into(),
            (Some(_), _) => format!("{}.{name}", frame.qualified_name).into(),
            (None, Some(_)) => format!("{}.<locals>.{name}", frame.qualified_name).into(),
        };
        let module = match &self.heap.get(frame.module).shape {
            Shape::Module { name, .. } => name.clone(),
            _ => Arc::from(""),
        };
        let ancestors = self.linearise(&bases, span);
        let class =
            Class { qualified_name: qualified_name.clone(), module, ancestors, span, fact: OnceLock::new() };
        let id = self.heap.allocate(Shape::Class(Arc::new(class)));
        for (name, value) in keywords {
            self.heap.set_attribute(id, Name::new(format!("@{name}")), value);
        }
        let frame = self.namespace_frame(id, qualified_name, Some(id));
        let first_exit = self.exits.len();
        let flow = self.with_frame(frame, |machine| machine.block(&node.body));
        self.meet_returns(first_exit, flow)?;
        let mut value = Value::object(id).at(Some(span));
        self.finish_class(id);
        self.init_subclass(id, span)?;
        for decorator in node.decorator_list.iter().rev() {
            let decorator_value = self.eval(&decorator.expression)?;
            let place = self.span(&decorator.expression);
            value = self.decorate_class(&decorator_value, value, place)?;
        }
        self.bind(&node.name.id, value);
        Ok(())
    }

    /// C3, as far as the bases are known: a base that is not known ends the certainty, not the order.
    pub(crate) fn linearise(&mut self, bases: &[Value], span: Span) -> Vec<Value> {
        let order = self.resolution_order(bases);
        let is_full =
            |base: &Value| self.class_of(base).is_some_and(|class| class.ancestors.len() >= MAX_ANCESTORS);
        // Said once, and not again for everything that derives from the class.
        if order.len() >= MAX_ANCESTORS && !bases.iter().any(is_full) {
            self.incomplete("a class has too many ancestors", Some(span));
        }
        order
    }

    fn class_of(&self, value: &Value) -> Option<&Arc<Class>> {
        self.class(value.as_object()?)
    }

    fn resolution_order(&self, bases: &[Value]) -> Vec<Value> {
        if let [base] = bases {
            let inherited = self.class_of(base).map(|class| class.ancestors.as_slice()).unwrap_or_default();
            return std::iter::once(base).chain(inherited).take(MAX_ANCESTORS).cloned().collect();
        }
        let mut sequences: Vec<Vec<Value>> = bases
            .iter()
            .map(|base| {
                let ancestors =
                    base.as_object().and_then(|id| self.class(id)).map(|class| class.ancestors.clone());
                std::iter::once(base.clone()).chain(ancestors.unwrap_or_default()).collect()
            })
            .collect();
        sequences.push(bases.to_vec());
        let mut order = Vec::new();
        loop {
            sequences.retain(|sequence| !sequence.is_empty());
            let Some(first) = sequences.first() else { break };
            let in_tail = |candidate: &Value| {
                sequences.iter().any(|sequence| sequence[1..].iter().any(|other| other.same(candidate)))
            };
            // Python refuses an inconsistent order; the first candidate keeps this going all the same.
            let next = sequences.iter().map(|sequence| &sequence[0]).find(|candidate| !in_tail(candidate));
            let next = next.unwrap_or(&first[0]).clone();
            for sequence in &mut sequences {
                sequence.retain(|value| !value.same(&next));
            }
            order.push(next);
            if order.len() >= MAX_ANCESTORS {
                break;
            }
        }
        order
    }

    /// Tells the nearest ancestor that asks for it of its new subclass.
    pub(crate) fn init_subclass(&mut self, id: ObjectId, span: Span) -> Result<(), Raised> {
        let Some(class) = self.class(id).cloned() else { return Ok(()) };
        let hook = class.ancestors.iter().find_map(|ancestor| {
            let value = self.heap.attribute(ancestor.as_object()?, "__init_subclass__")?;
            Some(value.without_absent())
        });
        let Some(hook) = hook else { return Ok(()) };
        let inner = match hook.as_object().map(|id| &self.heap.get(id).shape) {
            Some(Shape::ClassMethod(inner)) => inner.clone(),
            _ => hook,
        };
        let mut arguments = Arguments::none(span);
        for (name, value) in &self.heap.get(id).attributes {
            if let Some(keyword) = name.strip_prefix('@')
                && !matches!(keyword, "annotations" | "members" | "fields" | "open")
            {
                arguments.keywords.push((Name::new(keyword), value.clone()));
            }
        }
        let bound = bind(&inner, &Value::object(id));
        self.call(&bound, arguments)?;
        Ok(())
    }

    fn finish_class(&mut self, id: ObjectId) {
        let Some(class) = self.class(id).cloned() else { return };
        let derives = |path: &str| {
            class.ancestors.iter().any(|ancestor| ancestor.as_path().is_some_and(|known| known == path))
        };
        if derives("enum.Enum") || derives("enum.StrEnum") || derives("enum.IntEnum") || derives("enum.Flag")
        {
            let is_text = derives("builtins.str") || derives("enum.StrEnum");
            self.make_enum(id, is_text);
        }
    }

    /// Turns the plain attributes of an enumeration into its members.
    fn make_enum(&mut self, id: ObjectId, is_text: bool) {
        let plain: Vec<(Name, Value)> = self
            .heap
            .get(id)
            .attributes
            .iter()
            .filter(|(name, value)| !name.starts_with(['_', '@']) && self.is_plain(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut members = Vec::new();
        for (index, (name, value)) in plain.into_iter().enumerate() {
            let value = match value.as_path() {
                Some("enum.auto()") if is_text => Value::str(name.to_lowercase()),
                Some("enum.auto()") => Value::int(index as i64 + 1),
                _ => value,
            };
            let member = self.instance(Value::object(id));
            self.heap.set_attribute(member, Name::new_static("value"), value.clone());
            self.heap.set_attribute(member, Name::new_static("name"), Value::str(name.as_str()));
            if is_text {
                self.heap.set_attribute(member, Name::new_static("@str"), value);
            }
            let member = Value::object(member);
            members.push(member.clone());
            self.heap.set_attribute(id, name, member);
        }
        let members = Value::tuple(members);
        self.heap.set_attribute(id, Name::new_static("@members"), members);
    }

    fn is_plain(&self, value: &Value) -> bool {
        match value.as_object() {
            Some(id) => {
                matches!(self.heap.get(id).shape, Shape::List(_) | Shape::Dict(_) | Shape::Instance { .. })
            }
            None => true,
        }
    }

    pub(crate) fn enum_members(&self, class: ObjectId) -> Option<Vec<Value>> {
        match self.heap.attribute(class, "@members") {
            Some(Value { kind: Kind::Tuple(members), .. }) => Some(members.to_vec()),
            _ => None,
        }
    }

    /// Makes an instance of a class of the program and runs its `__init__`.
    pub(crate) fn instantiate(&mut self, class: ObjectId, arguments: Arguments) -> Evaluated {
        let span = arguments.span;
        if let Some(members) = self.enum_members(class) {
            return Ok(self.enum_by_value(&members, arguments.positional.first()));
        }
        let class_value = Value::object(class);
        let base = self.library_base(&class_value);
        if let Some(base) = &base
            && let Some(value) = crate::library::instantiate_subclass(self, class, base, &arguments)?
        {
            return Ok(value.at(Some(span)));
        }
        let id = self.instance(class_value.clone());
        let instance = Value::object(id).at(Some(span));
        if let Some(fields) = self.heap.attribute(class, "@fields").cloned() {
            self.init_dataclass(id, &fields, &arguments)?;
        } else if let Some(init) = self.attribute_of_class(&class_value, "__init__") {
            let bound = bind(&init, &instance);
            self.call(&bound, arguments)?;
        } else if base.is_some() {
            self.note_instantiation(&class_value, &arguments);
            // A library's constructor commonly keeps its keyword arguments as attributes.
            for (name, value) in arguments.keywords {
                self.heap.set_attribute(id, name, value);
            }
            if let Some(further) = arguments.further {
                self.heap.set_attribute(id, Name::new_static("@further"), further);
            }
        }
        Ok(instance)
    }

    fn enum_by_value(&mut self, members: &[Value], value: Option<&Value>) -> Value {
        let Some(value) = value else { return Value::UNKNOWN };
        let mut results = Vec::new();
        for member in members {
            let Some(id) = member.as_object() else { continue };
            let member_value = self.heap.attribute(id, "value").cloned().unwrap_or(Value::UNKNOWN);
            let equal = self.equals(value, &member_value);
            if let Some(guard) = self.truth(&equal).yes {
                results.push(Alternative { value: member.clone(), guard });
            }
        }
        Value::union(results)
    }

    /// Fields of a dataclass, in order, with their defaults: `@fields` is a tuple of (name, default) pairs.
    fn init_dataclass(&mut self, id: ObjectId, fields: &Value, arguments: &Arguments) -> Result<(), Raised> {
        let Kind::Tuple(fields) = &fields.kind else { return Ok(()) };
        let mut positional = arguments.positional.iter();
        for field in fields.iter() {
            let Kind::Tuple(pair) = &field.kind else { continue };
            let (Some(name), default) = (pair[0].as_str(), &pair[1]) else { continue };
            let given = arguments.keyword(name).cloned().or_else(|| positional.next().cloned());
            let value = match given.or_else(|| arguments.further.clone()) {
                Some(value) => value,
                None => match self.heap_factory(default) {
                    Some(factory) => self.call(&factory, Arguments::none(arguments.span))?,
                    None => default.clone(),
                },
            };
            self.heap.set_attribute(id, Name::new(name), value);
        }
        if let Some(post) = self.class_attribute(id, "__post_init__") {
            let bound = bind(&post, &Value::object(id));
            self.call(&bound, Arguments::none(arguments.span))?;
        }
        Ok(())
    }

    fn heap_factory(&self, default: &Value) -> Option<Value> {
        self.heap.attribute(default.as_object()?, "@default_factory").cloned()
    }

    pub(crate) fn super_object(&mut self, span: Span) -> Value {
        let Some(function) = self.frame().function.clone() else { return Value::UNKNOWN };
        let (Some(class), crate::heap::Code::Def(node)) = (function.class, function.code) else {
            return Value::UNKNOWN;
        };
        let first = node.parameters.posonlyargs.iter().chain(&node.parameters.args).next();
        let receiver = first.and_then(|parameter| {
            self.heap.attribute(self.frame().scope, &parameter.parameter.name.id).cloned()
        });
        let Some(receiver) = receiver else { return Value::UNKNOWN };
        let id = self.instance(Value::path("builtins.super()"));
        self.heap.set_attribute(id, Name::new_static("@class"), Value::object(class));
        self.heap.set_attribute(id, Name::new_static("@receiver"), receiver);
        Value::object(id).at(Some(span))
    }

    /// An attribute of `super()`: looked up after the class in the receiver's order.
    pub(crate) fn super_attribute(&mut self, id: ObjectId, name: &str, span: Span) -> Option<Evaluated> {
        let class = self.heap.attribute(id, "@class")?.as_object()?;
        let receiver = self.heap.attribute(id, "@receiver")?.clone();
        let receiver_id = receiver.as_object()?;
        let receiver_class = match &self.heap.get(receiver_id).shape {
            Shape::Instance { class } => class.as_object(),
            Shape::Class(_) => Some(receiver_id),
            _ => None,
        };
        let order = match receiver_class.and_then(|id| self.class(id).map(|class| (id, class.clone()))) {
            Some((id, class)) => std::iter::once(Value::object(id)).chain(class.ancestors.clone()).collect(),
            None => Vec::new(),
        };
        let after = order.iter().skip_while(|value| value.as_object() != Some(class)).skip(1);
        for ancestor in after {
            match &ancestor.kind {
                Kind::Object(base) => {
                    if let Some(value) = self.heap.attribute(*base, name).cloned() {
                        return Some(match &self.heap.get(receiver_id).shape {
                            Shape::Instance { .. } => self.bind_instance_attribute(&value, receiver_id, span),
                            _ => self.bind_class_attribute(&value, receiver_id),
                        });
                    }
                }
                Kind::Path(path) if &**path != "builtins.object" => {
                    return Some(Ok(Value::new(
                        Kind::Method(Arc::new((receiver, Arc::from(format!("super:{path}.{name}"))))),
                        Some(span),
                    )));
                }
                _ => {}
            }
        }
        Some(Ok(Value::path("builtins.object.method")))
    }
}
