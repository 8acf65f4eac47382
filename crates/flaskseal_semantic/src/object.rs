//! Objects: attributes, items, classes and their order of resolution.

use std::sync::{Arc, OnceLock};

use flaskseal_core::Span;
use flaskseal_python::{Name, ast};

use crate::call::Arguments;
use crate::guard::{Guard, States};
use crate::heap::{Class, Dict, List, ObjectId, Shape};
use crate::limits::Relation;
use crate::machine::{Evaluated, Machine, Raised};
use crate::value::{Alternative, Bytes, Key, Kind, Value};

/// Longer access paths say nothing that a shorter one does not.
const MAX_PATH: usize = 200;
/// Classes that a class inherits from; no real one has as many.
const MAX_ANCESTORS: usize = 64;

pub(crate) fn extend_path(path: &str, suffix: std::fmt::Arguments<'_>) -> Value {
    if path.len() > MAX_PATH { Value::UNKNOWN } else { Value::path(format!("{path}{suffix}")) }
}

impl<'a> Machine<'a> {
    // Attributes.

    pub(crate) fn attribute(&mut self, object: &Value, name: &str, span: Span) -> Evaluated {
        if let Kind::Union(alternatives) = &object.kind {
            let alternatives = alternatives.clone();
            let mut results = Vec::new();
            for alternative in &*alternatives {
                // `None.x` and the like would have ended the path.
                if matches!(alternative.value.kind, Kind::None | Kind::Absent) {
                    continue;
                }
                if let Ok(value) = self.attribute(&alternative.value, name, span) {
                    results.push(Alternative { value, guard: alternative.guard.clone() });
                }
            }
            return Ok(Value::union(results));
        }
        let here = Some(span);
        Ok(match &object.kind {
            Kind::Path(path) => {
                let value = self.path_attribute(path, name);
                let input = match &value.kind {
                    Kind::Path(path) => crate::request::input(self, path, span),
                    _ => None,
                };
                input.unwrap_or_else(|| value.at(here).tainted(object.taint.clone()))
            }
            Kind::Object(id) => self.object_attribute(*id, name, span)?,
            Kind::Str(_)
            | Kind::Bytes(_)
            | Kind::Tuple(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Bool(_)
            | Kind::Some(_) => Value::new(Kind::Method(Arc::new((object.clone(), Arc::from(name)))), here),
            Kind::Bound(bound) => self.object_attribute(bound.1, name, span)?,
            Kind::None => return Err(Raised::of("AttributeError")),
            _ => Value::UNKNOWN.at(here).tainted(object.origin()),
        })
    }

    fn path_attribute(&mut self, path: &Arc<str>, name: &str) -> Value {
        if matches!(name, "__name__" | "__qualname__") && !path.ends_with([')', ']']) {
            return Value::str(path.rsplit('.').next().unwrap_or(path));
        }
        if &**path == "os" && name == "environ" {
            return Value::object(self.environ);
        }
        if let Some(value) = crate::flask::path_attribute(self, path, name) {
            return value;
        }
        if let Some(value) = crate::stdlib::constant(path, name) {
            return value;
        }
        if path.len() > MAX_PATH {
            return Value::UNKNOWN;
        }
        let attribute = self.lexicon.attribute(self.program.models, path, name);
        if let Some(value) = self.heap.attribute(self.placed, &attribute.written) {
            return value.without_absent().under(&self.guard);
        }
        self.at_path(attribute.canonical)
    }

    /// The value at a library's path, under the name that its definition has.
    pub(crate) fn canonical(&mut self, path: &str) -> Value {
        self.at_path(self.program.models.canonical(path))
    }

    fn at_path(&self, canonical: Arc<str>) -> Value {
        if &*canonical == "os.environ" {
            return Value::object(self.environ);
        }
        Value::path(canonical)
    }

    fn object_attribute(&mut self, id: ObjectId, name: &str, span: Span) -> Evaluated {
        if let Some(value) = self.heap.attribute(id, name) {
            let value = value.without_absent().under(&self.guard);
            return match &self.heap.get(id).shape {
                Shape::Class(_) => self.bind_class_attribute(&value, id),
                _ => Ok(value),
            };
        }
        let here = Some(span);
        if matches!(self.heap.get(id).shape, Shape::List(_) | Shape::Dict(_)) {
            // Containers are not copied to be asked for a method.
            return Ok(Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here));
        }
        match self.heap.get(id).shape.clone() {
            Shape::Module { name: module, file } => {
                Ok(self.module_attribute(id, &module, file, name).at(here))
            }
            Shape::Instance { class } => {
                if class.as_path() == Some("builtins.super()") {
                    return self.super_attribute(id, name, span).unwrap_or(Ok(Value::UNKNOWN));
                }
                match name {
                    "__class__" => return Ok(class),
                    "__dict__" => {
                        let entries = self.heap.get(id).attributes.iter();
                        let entries =
                            entries.map(|(name, value)| (Key::Str(name.as_str().into()), value.clone()));
                        let dict = Dict { entries: entries.collect(), ..Dict::default() };
                        return Ok(self.dict(dict));
                    }
                    _ => {}
                }
                if class.as_path() == Some("pathlib.Path")
                    && let Some(value) = crate::paths::attribute(self, id, name)
                {
                    return Ok(value.at(here));
                }
                if class.as_path() == Some("urllib.parse.ParseResult")
                    && let Some(value) = crate::url::attribute(self, id, name)
                {
                    return Ok(value.at(here));
                }
                if let Some(value) = crate::flask::instance_attribute(self, id, name) {
                    return Ok(value.at(here));
                }
                if let Some(value) = self.class_attribute(id, name) {
                    return self.bind_instance_attribute(&value, id, span);
                }
                if self.class_attribute(id, "__getattr__").is_some() {
                    return Ok(Value::UNKNOWN.at(here));
                }
                if let Some(further) = crate::parsed::further(self, id, name) {
                    return Ok(further.at(here));
                }
                let base = self.library_base(&class);
                let inherited = base
                    .as_deref()
                    .and_then(|base| crate::request::input(self, &format!("{base}().{name}").into(), span));
                if let Some(input) = inherited {
                    return Ok(input);
                }
                Ok(match base {
                    Some(_) => Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here),
                    None if self.tries > 0 => return Err(Raised::of("AttributeError")),
                    None => Value::UNKNOWN.at(here),
                })
            }
            Shape::Class(class) => {
                match name {
                    "__name__" => {
                        let name = class.qualified_name.rsplit('.').next().unwrap_or_default();
                        return Ok(Value::str(name));
                    }
                    "__qualname__" => return Ok(Value::str(class.qualified_name.clone())),
                    "__module__" => return Ok(Value::str(class.module.clone())),
                    "__mro__" => {
                        let object = Value::path("builtins.object");
                        let own = std::iter::once(Value::object(id)).chain(class.ancestors.iter().cloned());
                        let mro: Vec<Value> =
                            own.filter(|class| !class.same(&object)).chain([object.clone()]).collect();
                        return Ok(Value::tuple(mro));
                    }
                    "__dict__" => {
                        let entries = self.heap.get(id).attributes.iter();
                        let entries =
                            entries.map(|(name, value)| (Key::Str(name.as_str().into()), value.clone()));
                        let dict = Dict { entries: entries.collect(), ..Dict::default() };
                        return Ok(self.dict(dict));
                    }
                    _ => {}
                }
                for ancestor in &class.ancestors {
                    match &ancestor.kind {
                        Kind::Object(base) => {
                            if let Some(value) = self.heap.attribute(*base, name) {
                                let value = value.without_absent().under(&self.guard);
                                return self.bind_class_attribute(&value, id);
                            }
                        }
                        Kind::Path(path) if !path.starts_with("builtins.object") => {
                            if matches!(name, "as_view" | "query" | "from_env") || !path.starts_with("enum.")
                            {
                                return Ok(match name {
                                    // Class methods of a library that need the class they are called on.
                                    "as_view" => Value::new(
                                        Kind::Method(Arc::new((Value::object(id), Arc::from(name)))),
                                        here,
                                    ),
                                    _ => extend_path(path, format_args!(".{name}")).at(here),
                                });
                            }
                        }
                        _ => return Ok(Value::UNKNOWN.at(here)),
                    }
                }
                if self.tries > 0 {
                    return Err(Raised::of("AttributeError"));
                }
                Ok(Value::UNKNOWN.at(here))
            }
            Shape::Function(function) => Ok(match name {
                "__name__" => {
                    let name = function.qualified_name.rsplit('.').next().unwrap_or_default();
                    Value::str(name)
                }
                "__qualname__" => Value::str(function.qualified_name.clone()),
                "__doc__" => docstring(function.code),
                "__wrapped__" => Value::UNKNOWN,
                _ => Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here),
            }),
            Shape::List(_) | Shape::Dict(_) | Shape::Property { .. } => {
                Ok(Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here))
            }
            Shape::Scope | Shape::StaticMethod(_) | Shape::ClassMethod(_) => Ok(Value::UNKNOWN.at(here)),
        }
    }

    fn bind_class_attribute(&mut self, value: &Value, class: ObjectId) -> Evaluated {
        let Some(id) = value.as_object() else { return Ok(value.clone()) };
        Ok(match &self.heap.get(id).shape {
            Shape::StaticMethod(inner) => inner.clone(),
            Shape::ClassMethod(inner) => bind(inner, &Value::object(class)),
            _ => value.clone(),
        })
    }

    fn bind_instance_attribute(&mut self, value: &Value, instance: ObjectId, span: Span) -> Evaluated {
        let Some(id) = value.as_object() else { return Ok(value.clone()) };
        match self.heap.get(id).shape.clone() {
            Shape::Function(_) => Ok(bind(value, &Value::object(instance))),
            Shape::StaticMethod(inner) => Ok(inner),
            Shape::ClassMethod(inner) => {
                let class = match &self.heap.get(instance).shape {
                    Shape::Instance { class } => class.clone(),
                    _ => Value::UNKNOWN,
                };
                Ok(bind(&inner, &class))
            }
            Shape::Property { getter } => {
                let bound = bind(&getter, &Value::object(instance));
                let result = self.call(&bound, Arguments::none(span))?;
                if let Some(name) = self.heap.attribute(id, "@cached").and_then(Value::as_str).map(Name::new)
                {
                    self.heap.set_attribute(instance, name, result.clone());
                }
                Ok(result)
            }
            _ => Ok(value.clone()),
        }
    }

    /// What the class of an instance, or one of its ancestors in the program, defines under a name.
    pub(crate) fn class_attribute(&self, instance: ObjectId, name: &str) -> Option<Value> {
        let Shape::Instance { class } = &self.heap.get(instance).shape else { return None };
        self.attribute_of_class(class, name)
    }

    pub(crate) fn attribute_of_class(&self, class: &Value, name: &str) -> Option<Value> {
        let id = class.as_object()?;
        if let Some(value) = self.heap.attribute(id, name) {
            return Some(value.without_absent());
        }
        let class = self.class(id)?;
        class.ancestors.iter().find_map(|ancestor| {
            let value = self.heap.attribute(ancestor.as_object()?, name)?;
            Some(value.without_absent())
        })
    }

    /// The nearest ancestor that a library defines; the class itself, where it is one.
    pub(crate) fn library_base(&self, class: &Value) -> Option<Arc<str>> {
        match &class.kind {
            Kind::Path(path) => Some(path.clone()),
            Kind::Object(id) => self.class(*id)?.ancestors.iter().find_map(|ancestor| match &ancestor.kind {
                Kind::Path(path) if &**path != "builtins.object" => Some(path.clone()),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Whether a class derives from another; `None` where it may.
    pub(crate) fn is_subclass(&self, class: &Value, of: &Value) -> Option<bool> {
        match (&class.kind, &of.kind) {
            (Kind::Path(a), Kind::Path(b)) => {
                if a == b || &**b == "builtins.object" {
                    return Some(true);
                }
                crate::builtins::exception_derives(a, b)
            }
            (Kind::Object(a), Kind::Object(b)) if a == b => Some(true),
            (Kind::Object(a), _) => {
                let class = self.class(*a)?;
                let mut answer = Some(false);
                for ancestor in &class.ancestors {
                    match self.is_subclass(ancestor, of) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => answer = None,
                    }
                }
                answer
            }
            (Kind::Path(_), Kind::Object(_)) => Some(false),
            _ => None,
        }
    }

    pub(crate) fn set_attribute(
        &mut self,
        object: &Value,
        name: &Name,
        value: Value,
        span: Span,
    ) -> Result<(), Raised> {
        match &object.kind {
            Kind::Object(id) => {
                if crate::flask::set_instance_attribute(self, *id, name, &value, span) {
                    return Ok(());
                }
                if let Some(property) = self.class_attribute(*id, name)
                    && let Some(property) = property.as_object()
                    && let Some(setter) = self.heap.attribute(property, "@setter").cloned()
                {
                    let bound = bind(&setter, object);
                    self.call(&bound, Arguments::of(span, [value]))?;
                    return Ok(());
                }
                self.note_operation(object, "__setattr__", &[Value::str(name.as_str()), value.clone()], span);
                self.heap.set_attribute(*id, name.clone(), value);
            }
            Kind::Path(path) => {
                if let Some(app) = crate::flask::app_behind(self, path) {
                    return self.set_attribute(&Value::object(app), name, value, span);
                }
                self.note_operation(object, "__setattr__", &[Value::str(name.as_str()), value.clone()], span);
                // One object per path: `flask.g`, a module. What calls give may be many.
                if !path.contains(['(', '[']) {
                    self.heap.set_attribute(self.placed, Name::new(format!("{path}.{name}")), value);
                }
            }
            Kind::Union(alternatives) => {
                for alternative in alternatives.clone().iter() {
                    self.set_attribute(&alternative.value, name, value.clone(), span)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    // Items.

    pub(crate) fn get_item(&mut self, object: &Value, key: &Value, span: Span) -> Evaluated {
        if let Kind::Union(alternatives) = &object.kind {
            let alternatives = alternatives.clone();
            let mut results = Vec::new();
            for alternative in alternatives.iter() {
                if let Ok(value) = self.get_item(&alternative.value, key, span) {
                    results.push(Alternative { value, guard: alternative.guard.clone() });
                }
            }
            return Ok(Value::union(results));
        }
        let here = Some(span);
        match &object.kind {
            Kind::Path(path) => {
                let value = match Key::of(key) {
                    Some(Key::Str(text)) => extend_path(path, format_args!("[{text:?}]")),
                    Some(Key::Int(index)) => extend_path(path, format_args!("[{index}]")),
                    _ => extend_path(path, format_args!("[*]")),
                };
                self.note_operation(object, "__getitem__", std::slice::from_ref(key), span);
                if let Some(text) = crate::request::item(self, path, key, span) {
                    return Ok(text);
                }
                // A look-up with a key from the request, `COLOURS[request.args["c"]]`, gives what is there.
                Ok(value.at(here).tainted(object.taint.clone()))
            }
            Kind::Tuple(values) => Ok(match key.as_int() {
                Some(index) => indexed(values, index).ok_or_else(|| Raised::of("IndexError"))?,
                None => values.iter().cloned().reduce(Value::either).unwrap_or(Value::UNKNOWN),
            }),
            Kind::Str(rope) => Ok(match (rope.as_literal(), key.as_int()) {
                (Some(text), Some(index)) => {
                    let characters: Vec<char> = text.chars().collect();
                    let index = if index < 0 { index + characters.len() as i64 } else { index };
                    let character = usize::try_from(index).ok().and_then(|index| characters.get(index));
                    Value::str(character.ok_or_else(|| Raised::of("IndexError"))?.to_string()).at(here)
                }
                _ => {
                    let index = key.as_int();
                    let relation = if index == Some(0) { Relation::First } else { Relation::Character };
                    let place = if index.is_some() { None } else { Some(span) };
                    Value::from(rope.made(relation, rope.alphabet(), (index, place))).at(here)
                }
            }),
            Kind::Bytes(Bytes::Known(bytes)) => Ok(match key.as_int() {
                Some(index) => {
                    let index = if index < 0 { index + bytes.len() as i64 } else { index };
                    let byte = usize::try_from(index).ok().and_then(|index| bytes.get(index));
                    Value::int(i64::from(*byte.ok_or_else(|| Raised::of("IndexError"))?))
                }
                None => Value::UNKNOWN,
            }),
            Kind::Object(id) if *id == self.environ => self.environment_item(key, span),
            Kind::Object(id) => {
                let id = *id;
                match &self.heap.get(id).shape {
                    Shape::List(list) => match key.as_int() {
                        Some(index) if list.rest.is_none() => {
                            let value = indexed(&list.items, index);
                            value.ok_or_else(|| Raised::of("IndexError"))
                        }
                        // Known elements come first.
                        Some(index @ 0..) if !list.is_set && list.items.get(index as usize).is_some() => {
                            Ok(list.items[index as usize].clone())
                        }
                        index => {
                            // A test on one of several elements says nothing of another.
                            let rest = list.rest.as_ref().map(|rest| rest.element(index));
                            let all = list.items.iter().cloned().chain(rest);
                            Ok(all.reduce(Value::either).unwrap_or(Value::UNKNOWN))
                        }
                    },
                    Shape::Dict(_) => self.dict_item(id, key, span),
                    Shape::Class(_) => match key.as_str() {
                        // `Settings["production"]`: an enumeration's member by name.
                        Some(name) if self.heap.attribute(id, name).is_some() => {
                            Ok(self.heap.attribute(id, name).cloned().unwrap_or(Value::UNKNOWN))
                        }
                        _ => Ok(object.clone()),
                    },
                    Shape::Instance { .. } => {
                        if let Some(Value { kind: Kind::Tuple(values), .. }) =
                            self.heap.attribute(id, "@tuple")
                        {
                            let values = values.clone();
                            return self.get_item(&Value::tuple(values), key, span);
                        }
                        if self.class_attribute(id, "__getitem__").is_some() {
                            let method = self.attribute(object, "__getitem__", span)?;
                            return self.call(&method, Arguments::of(span, [key.clone()]));
                        }
                        // A form's field, by its name.
                        if let Some(name) = key.as_str()
                            && self.is_form(id)
                            && let Some(field) = self.class_attribute(id, name)
                        {
                            return Ok(field.at(here));
                        }
                        if let Some(name) = key.as_str()
                            && let Some(further) = crate::parsed::further(self, id, name)
                        {
                            return Ok(self.heap.attribute(id, name).cloned().unwrap_or(further).at(here));
                        }
                        Ok(crate::stdlib::instance_item(self, id, key).unwrap_or(Value::UNKNOWN).at(here))
                    }
                    _ => Ok(Value::UNKNOWN.at(here)),
                }
            }
            _ => Ok(Value::UNKNOWN.at(here).tainted(object.origin())),
        }
    }

    fn is_form(&self, id: ObjectId) -> bool {
        let Shape::Instance { class } = &self.heap.get(id).shape else { return false };
        let base = self.library_base(class);
        base.as_deref().is_some_and(|base| self.program.models.has_role(base, "form.base"))
    }

    pub(crate) fn dict_item(&mut self, id: ObjectId, key: &Value, span: Span) -> Evaluated {
        // The common case without a copy: a known key, present on every path.
        if let Some(key) = Key::of(key)
            && let Some(value) = self.heap.dict(id).and_then(|dict| dict.entries.get(&key))
            && !value.may_be_absent()
        {
            return Ok(value.under(&self.guard).at(Some(span)));
        }
        let Some(dict) = self.heap.dict(id).cloned() else { return Ok(Value::UNKNOWN) };
        let mut results = Vec::new();
        let mut missing = None;
        for Alternative { value: key, guard } in key.alternatives() {
            if let Some(known) = Key::of(&key) {
                match dict.entries.get(&known) {
                    Some(value) if !matches!(value.kind, Kind::Absent) => {
                        if value.may_be_absent() && self.tries > 0 {
                            self.may_raise("KeyError", &guard);
                        }
                        results.push(Alternative { value: value.without_absent().under(&self.guard), guard });
                    }
                    _ if self.heap.attribute(id, "@factory").is_some() => {
                        // `defaultdict`: the missing entry is made.
                        let factory = self.heap.attribute(id, "@factory").cloned().unwrap_or(Value::UNKNOWN);
                        let made = self.call(&factory, Arguments::none(span))?;
                        self.heap.set_entry(id, known, made.clone());
                        results.push(Alternative { value: made, guard });
                    }
                    _ => match &dict.rest {
                        Some(rest) => results
                            .push(Alternative { value: Value::either(rest.clone(), Value::UNKNOWN), guard }),
                        None if dict.class.as_deref() == Some("collections.defaultdict") => {
                            results.push(Alternative { value: Value::UNKNOWN, guard });
                        }
                        // Nobody catches it, so production would not work: something unseen sets it.
                        None if self.tries == 0 && is_configuration(&dict) => {
                            if !self.serving {
                                self.reads_unseen_settings = true;
                                self.incomplete("a setting is read that nothing visible sets", Some(span));
                            }
                            results.push(Alternative { value: Value::path("flask.Config().get()"), guard });
                        }
                        None => missing = Some(guard),
                    },
                }
                continue;
            }
            // A key that the environment chooses: each entry under the condition that chooses it.
            let variable =
                key.as_rope().and_then(|rope| rope.as_hole()).and_then(|hole| match &hole.source {
                    crate::rope::Source::Env(name) => Some(name.clone()),
                    _ => None,
                });
            let mut taken = Vec::new();
            for (entry, value) in &dict.entries {
                let mut entry_guard = guard.clone();
                if let (Some(variable), Some(text)) = (&variable, entry.as_str()) {
                    match entry_guard.and(&Guard::when(variable.clone(), States::equals(text))) {
                        Some(guard) => entry_guard = guard,
                        None => continue,
                    }
                }
                taken.push(Alternative { value: value.without_absent(), guard: entry_guard });
            }
            results.extend(taken);
            if let Some(rest) = &dict.rest {
                results.push(Alternative { value: rest.clone(), guard: guard.clone() });
            }
            self.may_raise("KeyError", &guard);
        }
        match missing {
            Some(_) if results.is_empty() => Err(Raised::of("KeyError")),
            Some(guard) => {
                self.may_raise("KeyError", &guard);
                Ok(Value::union(results))
            }
            None => Ok(Value::union(results).at(Some(span))),
        }
    }

    pub(crate) fn set_item(
        &mut self,
        object: &Value,
        key: &Value,
        value: Value,
        span: Span,
    ) -> Result<(), Raised> {
        match &object.kind {
            Kind::Path(_) => self.note_operation(object, "__setitem__", &[key.clone(), value], span),
            Kind::Union(alternatives) => {
                for alternative in alternatives.clone().iter() {
                    self.set_item(&alternative.value, key, value.clone(), span)?;
                }
            }
            Kind::Object(id) => {
                let id = *id;
                if let Some(dict) = self.heap.dict(id) {
                    if dict.class.is_some() {
                        self.note_operation(object, "__setitem__", &[key.clone(), value.clone()], span);
                    }
                    self.dict_set(id, key, value, span);
                    return Ok(());
                }
                match self.heap.get(id).shape.clone() {
                    Shape::List(mut list) => {
                        match key.as_int() {
                            Some(index) if list.rest.is_none() => {
                                let length = list.items.len() as i64;
                                let index = if index < 0 { index + length } else { index };
                                if let Some(slot) =
                                    usize::try_from(index).ok().and_then(|i| list.items.get_mut(i))
                                {
                                    *slot = value;
                                }
                            }
                            _ => {
                                list.rest = crate::heap::join_rests(list.rest, Some(value.clone()));
                                for item in &mut list.items {
                                    *item = Value::either(item.clone(), value.clone());
                                }
                            }
                        }
                        self.heap.set_shape(id, Shape::List(list));
                    }
                    Shape::Instance { .. } if self.class_attribute(id, "__setitem__").is_some() => {
                        let method = self.attribute(object, "__setitem__", span)?;
                        self.call(&method, Arguments::of(span, [key.clone(), value]))?;
                    }
                    Shape::Instance { class: Value { kind: Kind::Path(_), .. } } => {
                        self.note_operation(object, "__setitem__", &[key.clone(), value], span);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes a dict entry; a configuration remembers where.
    pub(crate) fn dict_set(&mut self, id: ObjectId, key: &Value, value: Value, span: Span) {
        match Key::of(key) {
            Some(key) => {
                self.note_setting(id, &key, span);
                self.heap.set_entry(id, key, value);
            }
            None => {
                let Some(dict) = self.heap.dict(id) else { return };
                if dict.rest.as_ref().is_some_and(|rest| rest.is_unknown() || rest.same(&value)) {
                    return;
                }
                let mut dict = dict.clone();
                // Under an unknown key: any entry may be this one now, and there may be a new one.
                dict.rest = crate::heap::join_rests(dict.rest, Some(value));
                self.heap.set_shape(id, Shape::Dict(dict));
            }
        }
    }

    pub(crate) fn delete_item(&mut self, object: &Value, key: &Value) {
        let Some(id) = object.as_object() else { return };
        if let Some(list) = self.heap.list(id) {
            let mut list = list.clone();
            let length = list.items.len() as i64;
            let index = key.as_int().map(|index| if index < 0 { index + length } else { index });
            match index
                .and_then(|index| usize::try_from(index).ok())
                .filter(|index| *index < list.items.len())
            {
                Some(index) if list.rest.is_none() => {
                    list.items.remove(index);
                }
                _ => {
                    let items = std::mem::take(&mut list.items);
                    list.rest = items.into_iter().map(Some).fold(list.rest, crate::heap::join_rests);
                }
            }
            self.heap.set_shape(id, Shape::List(list));
        } else if id == self.environ {
            if let Some(key) = Key::of(key) {
                self.heap.set_entry(id, key, Value::ABSENT);
            }
        } else if let Some(key) = Key::of(key) {
            self.heap.remove_entry(id, &key);
        }
    }

    // The environment.

    /// A variable of the process: its value, `Absent` where it is not set, or both under their guards.
    pub(crate) fn environment_variable(&mut self, name: &str) -> Value {
        if let Some(dict) = self.heap.dict(self.environ)
            && let Some(value) = dict.entries.get(&Key::Str(name.into()))
        {
            return value.clone();
        }
        self.environment_default(name)
    }

    fn environment_default(&self, name: &str) -> Value {
        use crate::environment::VariableValue;
        let hole = || Value::from(crate::rope::Rope::hole(crate::rope::Source::Env(name.into())));
        let either = |set: Value, unset: Value| {
            Value::union([
                Alternative { value: set, guard: Guard::when(name, States::SET) },
                Alternative { value: unset, guard: Guard::when(name, States::UNSET) },
            ])
        };
        match self.environment.get(name) {
            Some(variable) => match &variable.setting {
                VariableValue::Known(text) => Value::str(text.clone()).at(variable.span),
                VariableValue::External => hole().at(variable.span),
                VariableValue::Fallback(text) => either(hole(), Value::str(text.clone()).at(variable.span)),
            },
            None if self.environment.complete => Value::ABSENT,
            None => either(hole(), Value::ABSENT),
        }
    }

    fn environment_item(&mut self, key: &Value, span: Span) -> Evaluated {
        let Some(name) = key.as_str() else {
            self.may_raise("KeyError", &Guard::ALWAYS);
            return Ok(Value::unknown_text().at(Some(span)));
        };
        let value = self.environment_variable(name);
        match &value.kind {
            Kind::Absent => Err(Raised::of("KeyError")),
            Kind::Union(alternatives) => {
                let absent =
                    alternatives.iter().find(|alternative| matches!(alternative.value.kind, Kind::Absent));
                let Some(guard) = absent.map(|alternative| alternative.guard.clone()) else {
                    return Ok(value.at(Some(span)));
                };
                self.may_raise("KeyError", &guard);
                // What follows runs only where the variable is set.
                if let Some(guard) = self.guard.and(&Guard::when(name, States::SET)) {
                    self.guard = guard;
                }
                Ok(value.without_absent().at(Some(span)))
            }
            _ => Ok(value.at(Some(span))),
        }
    }

    // Classes.

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

    // Containers under operators.

    /// `x += y` where it changes `x` itself. Answers whether it did.
    pub(crate) fn augment_in_place(
        &mut self,
        current: &Value,
        op: ast::Operator,
        operand: &Value,
        span: Span,
    ) -> Result<bool, Raised> {
        let Some(id) = current.as_object() else { return Ok(false) };
        match (&self.heap.get(id).shape, op) {
            (Shape::List(_), ast::Operator::Add | ast::Operator::BitOr) => {
                let elements = self.elements(operand);
                for element in elements.known {
                    self.append(id, element);
                }
                if let Some(rest) = elements.rest {
                    self.append_unknown(id, rest);
                }
                Ok(true)
            }
            (Shape::Dict(_), ast::Operator::BitOr) => {
                self.dict_update(id, operand, span);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) fn append_unknown(&mut self, id: ObjectId, value: Value) {
        if let Some(list) = self.heap.list(id)
            && !list.rest.as_ref().is_some_and(|rest| rest.is_unknown() || rest.same(&value))
            && let Some(list) = self.heap.list_mut(id)
        {
            list.rest = crate::heap::join_rests(list.rest.take(), Some(value));
        }
    }

    /// `dict.update`, item by item in order.
    pub(crate) fn dict_update(&mut self, id: ObjectId, items: &Value, span: Span) {
        let mut other = Dict::default();
        self.merge_into(&mut other, items);
        for (key, value) in other.entries {
            let place = value.at.unwrap_or(span);
            self.note_setting(id, &key, place);
            let value = match value.may_be_absent() {
                true => {
                    let old = self.heap.dict(id).and_then(|dict| dict.entries.get(&key)).cloned();
                    Value::either(value.without_absent(), old.unwrap_or(Value::ABSENT))
                }
                false => value,
            };
            self.heap.set_entry(id, key, value);
        }
        if let Some(rest) = other.rest
            && let Some(dict) = self.heap.dict(id)
        {
            let mut dict = dict.clone();
            dict.rest = crate::heap::join_rests(dict.rest, Some(rest));
            self.heap.set_shape(id, Shape::Dict(dict));
        }
    }

    pub(crate) fn object_binary(
        &mut self,
        left: &Value,
        op: ast::Operator,
        right: &Value,
        span: Span,
    ) -> Value {
        let shapes = (
            left.as_object().map(|id| self.heap.get(id).shape.clone()),
            right.as_object().map(|id| self.heap.get(id).shape.clone()),
        );
        match (shapes, op) {
            ((Some(Shape::List(a)), Some(Shape::List(b))), ast::Operator::Add | ast::Operator::BitOr) => {
                let mut list = List { is_set: a.is_set, ..a };
                if list.rest.is_some() {
                    list.rest = b
                        .items
                        .into_iter()
                        .map(Some)
                        .chain([b.rest])
                        .fold(list.rest, crate::heap::join_rests);
                } else {
                    list.items.extend(b.items);
                    list.rest = b.rest;
                }
                self.list_of(list)
            }
            ((Some(Shape::List(list)), None), ast::Operator::Mult) => match right.as_int() {
                Some(count) if list.rest.is_none() && list.items.len() as i64 * count.max(0) <= 4096 => {
                    let items = std::iter::repeat_n(list.items, count.max(0) as usize).flatten().collect();
                    self.list(items)
                }
                _ => Value::UNKNOWN,
            },
            ((Some(Shape::Dict(dict)), _), ast::Operator::BitOr) => {
                let mut dict = Dict { class: None, ..dict };
                self.merge_into(&mut dict, right);
                self.dict(dict)
            }
            _ => crate::stdlib::instance_binary(self, left, op, right, span).unwrap_or(Value::UNKNOWN),
        }
    }
}

/// A function of a class, bound to its receiver; anything else as it is.
pub(crate) fn bind(function: &Value, receiver: &Value) -> Value {
    match function.kind {
        Kind::Object(id) => Value::new(Kind::Bound(Arc::new((receiver.clone(), id))), function.at),
        _ => function.clone(),
    }
}

pub(crate) fn docstring(code: crate::heap::Code<'_>) -> Value {
    let crate::heap::Code::Def(node) = code else { return Value::NONE };
    match node.body.first() {
        Some(ast::Stmt::Expr(statement)) => match &*statement.value {
            ast::Expr::StringLiteral(text) => Value::str(text.value.to_str()),
            _ => Value::NONE,
        },
        _ => Value::NONE,
    }
}

fn indexed(values: &[Value], index: i64) -> Option<Value> {
    let index = if index < 0 { index + values.len() as i64 } else { index };
    usize::try_from(index).ok().and_then(|index| values.get(index)).cloned()
}

fn is_configuration(dict: &Dict) -> bool {
    dict.class.as_deref() == Some("flask.Config")
}
