//! Items of containers, and of the environment.

use flaskseal_core::Span;

use crate::call::Arguments;
use crate::guard::{Guard, States};
use crate::heap::{Dict, ObjectId, Shape};
use crate::limits::Relation;
use crate::machine::{Evaluated, Machine, Raised};
use crate::object::extend_path;
use crate::value::{Alternative, Bytes, Key, Kind, Value};

impl Machine<'_> {
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
}

fn indexed(values: &[Value], index: i64) -> Option<Value> {
    let index = if index < 0 { index + values.len() as i64 } else { index };
    usize::try_from(index).ok().and_then(|index| values.get(index)).cloned()
}

fn is_configuration(dict: &Dict) -> bool {
    dict.class.as_deref() == Some("flask.Config")
}
