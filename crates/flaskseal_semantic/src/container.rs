//! Methods of lists, sets, tuples and dicts.

use crate::call::Arguments;
use crate::heap::{Dict, List, ObjectId, Shape, join_rests};
use crate::machine::{Machine, Raised};
use crate::truth::Truth;
use crate::value::{Alternative, Key, Kind, Type, Value};

pub(crate) fn call_list(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let first = arguments.positional.first().cloned();
    if let ("append" | "add", Some(value)) = (name, &first) {
        machine.append(id, value.clone());
        return Ok(Some(Value::NONE));
    }
    let Some(list) = machine.heap.list(id).cloned() else { return Ok(None) };
    Ok(Some(match (name, first) {
        ("issubset", Some(outer)) => {
            let set = Value::object(id);
            let truth = machine.is_subset(&set, &outer).unwrap_or(Truth::EITHER);
            crate::truth::truth_value(&truth)
        }
        ("isdisjoint", Some(other)) => {
            let set = Value::object(id);
            let truth = machine.is_disjoint(&set, &other).unwrap_or(Truth::EITHER);
            crate::truth::truth_value(&truth)
        }
        ("extend" | "update", Some(value)) => {
            let elements = machine.elements(&value);
            for element in elements.known {
                machine.append(id, element);
            }
            if let Some(rest) = elements.rest {
                machine.append_unknown(id, rest);
            }
            Value::NONE
        }
        ("insert", Some(position)) => {
            let value = arguments.positional.get(1).cloned().unwrap_or(Value::UNKNOWN);
            match position.as_int() {
                Some(position) if list.rest.is_none() => {
                    let mut list = list;
                    let length = list.items.len() as i64;
                    let index = if position < 0 { (position + length).max(0) } else { position.min(length) };
                    list.items.insert(index as usize, value);
                    machine.heap.set_shape(id, Shape::List(list));
                }
                _ => machine.append_unknown(id, value),
            }
            Value::NONE
        }
        ("pop", position) => {
            let index = match position.map(|value| value.as_int()) {
                None => Some(-1),
                Some(index) => index,
            };
            match index {
                Some(index) if list.rest.is_none() => {
                    let mut list = list;
                    let index = if index < 0 { index + list.items.len() as i64 } else { index };
                    match usize::try_from(index).ok().filter(|index| *index < list.items.len()) {
                        Some(index) => {
                            let value = list.items.remove(index);
                            machine.heap.set_shape(id, Shape::List(list));
                            value
                        }
                        None => return Err(Raised::of("IndexError")),
                    }
                }
                _ => Value::UNKNOWN,
            }
        }
        ("remove" | "discard", Some(value)) => {
            let mut list = list;
            let known = value.as_str().is_some() || value.as_int().is_some() || value.as_object().is_some();
            let position = list.items.iter().position(|item| {
                let equal = machine.equals(item, &value);
                machine.truth(&equal).known() == Some(true)
            });
            match position {
                Some(position) if known => {
                    list.items.remove(position);
                }
                _ => {
                    let items = std::mem::take(&mut list.items);
                    list.rest = items.into_iter().map(Some).fold(list.rest, join_rests);
                }
            }
            machine.heap.set_shape(id, Shape::List(list));
            Value::NONE
        }
        ("clear", _) => {
            machine.heap.set_shape(id, Shape::List(List { is_set: list.is_set, ..List::default() }));
            Value::NONE
        }
        ("copy", _) => machine.list_of(list),
        ("sort" | "reverse", _) => {
            let mut list = list;
            let descending =
                arguments.keyword("reverse").is_some_and(|value| machine.truth(value).known() == Some(true));
            if name == "reverse" && list.rest.is_none() {
                list.items.reverse();
            } else if crate::builtins::sort_known(&mut list, arguments.keyword("key").is_none(), descending) {
            } else {
                let items = std::mem::take(&mut list.items);
                list.rest = items.into_iter().map(Some).fold(list.rest, join_rests);
            }
            machine.heap.set_shape(id, Shape::List(list));
            Value::NONE
        }
        ("union", _) => {
            let mut list = list;
            for other in &arguments.positional {
                let elements = machine.elements(other);
                for element in elements.known {
                    if !list.items.iter().any(|known| known.same(&element)) {
                        list.items.push(element);
                    }
                }
                list.rest = join_rests(list.rest, elements.rest);
            }
            machine.list_of(list)
        }
        ("intersection" | "difference" | "symmetric_difference", _) => {
            let rest = list.items.into_iter().map(Some).fold(list.rest, join_rests);
            machine.list_of(List { rest, is_set: true, ..List::default() })
        }
        ("index" | "count" | "__len__", _) => Value::new(Kind::Some(Type::Int), None),
        ("issubset" | "issuperset" | "isdisjoint" | "__contains__", _) => {
            Value::new(Kind::Some(Type::Bool), None)
        }
        ("__iter__", _) => Value::object(id),
        ("__next__", _) => {
            return crate::builtins::call(
                machine,
                "next",
                &Arguments::of(arguments.span, [Value::object(id)]),
            );
        }
        ("send" | "close" | "throw", _) => Value::UNKNOWN,
        _ => return Ok(None),
    }))
}

pub(crate) fn call_tuple(
    machine: &mut Machine<'_>,
    values: &[Value],
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    match name {
        "index" => {
            let wanted = arguments.positional.first()?;
            let position = values.iter().position(|value| {
                let equal = machine.equals(value, wanted);
                machine.truth(&equal).known() == Some(true)
            });
            Some(
                position
                    .map_or(Value::new(Kind::Some(Type::Int), None), |position| Value::int(position as i64)),
            )
        }
        "count" => Some(Value::new(Kind::Some(Type::Int), None)),
        _ => None,
    }
}

pub(crate) fn call_dict(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if id == machine.environ {
        return environ_method(machine, name, arguments);
    }
    let Some(dict) = machine.heap.dict(id) else { return Ok(None) };
    let (is_open, rest, class) = (dict.rest.is_some(), dict.rest.clone(), dict.class.clone());
    let span = arguments.span;
    let first = arguments.positional.first().cloned();
    Ok(Some(match (name, first) {
        ("get", Some(key)) => {
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            get(machine, id, &key, &default, span)
        }
        ("setdefault", Some(key)) => {
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            match Key::of(&key).map(|known| (dict.entries.get(&known).cloned(), known)) {
                Some((Some(value), _)) if !value.may_be_absent() => value,
                Some((value, _)) => {
                    let value = match value {
                        Some(value) => Value::union(value.alternatives().into_iter().map(|alternative| {
                            match alternative.value.kind {
                                Kind::Absent => {
                                    Alternative { value: default.clone(), guard: alternative.guard }
                                }
                                _ => alternative,
                            }
                        })),
                        None if is_open => Value::either(default, Value::UNKNOWN),
                        None => default,
                    };
                    machine.dict_set(id, &key, value.clone(), span);
                    value
                }
                None => Value::UNKNOWN,
            }
        }
        ("update", items) => {
            if let Some(items) = items {
                machine.dict_update(id, &items, span);
            }
            for (name, value) in &arguments.keywords {
                let place = value.at.unwrap_or(span);
                machine.dict_set(id, &Value::str(name.as_str()), value.clone(), place);
            }
            if arguments.open
                && let Some(current) = machine.heap.dict(id).cloned()
            {
                let rest = join_rests(current.rest.clone(), Some(Value::UNKNOWN));
                machine.heap.set_shape(id, Shape::Dict(Dict { rest, ..current }));
            }
            Value::NONE
        }
        ("pop", Some(key)) => {
            let default = arguments.get(1, "default").cloned();
            let value = match &default {
                Some(default) => get(machine, id, &key, default, span),
                None => machine.dict_item(id, &key, span)?,
            };
            if let Some(key) = Key::of(&key) {
                machine.heap.remove_entry(id, &key);
            }
            value
        }
        ("items", _) => {
            let items = present(dict)
                .map(|(key, value)| Value::tuple(vec![key.to_value(), value.without_absent()]))
                .collect();
            let rest = rest.map(|value| Value::tuple(vec![Value::UNKNOWN, value]));
            machine.list_of(List { items, rest, ..List::default() })
        }
        ("keys", _) => {
            let items = present(dict).map(|(key, _)| key.to_value()).collect();
            let rest = rest.map(|_| Value::UNKNOWN);
            machine.list_of(List { items, rest, ..List::default() })
        }
        ("values", _) => {
            let items = present(dict).map(|(_, value)| value.without_absent()).collect();
            machine.list_of(List { items, rest, ..List::default() })
        }
        ("copy", _) => {
            let copy = Dict { class: None, ..dict.clone() };
            machine.dict(copy)
        }
        ("clear", _) => {
            machine.heap.set_shape(id, Shape::Dict(Dict { class, ..Dict::default() }));
            Value::NONE
        }
        ("popitem", _) => Value::UNKNOWN,
        // A section of a configparser.
        ("getboolean" | "getint" | "getfloat", Some(key)) => {
            let value = get(machine, id, &key, &Value::NONE, span);
            match arguments.get(1, "fallback") {
                Some(fallback) if matches!(value.kind, Kind::None) => fallback.clone(),
                _ => crate::stdlib::converted(&value, name),
            }
        }
        ("__contains__", Some(key)) => machine.contains(&Value::object(id), &key),
        ("__getitem__", Some(key)) => machine.get_item(&Value::object(id), &key, span)?,
        ("__setitem__", Some(key)) => {
            let value = arguments.positional.get(1).cloned().unwrap_or(Value::UNKNOWN);
            machine.set_item(&Value::object(id), &key, value, span)?;
            Value::NONE
        }
        _ => return Ok(None),
    }))
}

fn present(dict: &Dict) -> impl Iterator<Item = (&Key, &Value)> {
    dict.entries.iter().filter(|(_, value)| !matches!(value.kind, Kind::Absent))
}

/// `dict.get`: the entry, or the default where there is none.
fn get(
    machine: &mut Machine<'_>,
    id: ObjectId,
    key: &Value,
    default: &Value,
    span: flaskseal_core::Span,
) -> Value {
    let mut results = Vec::new();
    for Alternative { value: key, guard } in key.alternatives() {
        let Some(dict) = machine.heap.dict(id) else { return Value::UNKNOWN };
        match Key::of(&key) {
            Some(known) => match dict.entries.get(&known) {
                Some(value) => {
                    for alternative in value.alternatives() {
                        let Some(guard) = alternative.guard.and(&guard) else { continue };
                        let value = match alternative.value.kind {
                            Kind::Absent => default.clone(),
                            _ => alternative.value,
                        };
                        results.push(Alternative { value, guard });
                    }
                }
                None => {
                    if let Some(rest) = dict.rest.clone() {
                        results.push(Alternative { value: rest, guard: guard.clone() });
                    }
                    results.push(Alternative { value: default.clone(), guard });
                }
            },
            None => {
                let is_open = dict.rest.is_some();
                let known: Vec<std::sync::Arc<str>> =
                    dict.entries.keys().filter_map(|key| key.as_str().map(Into::into)).collect();
                if let Ok(value) = machine.dict_item(id, &key, span) {
                    results.push(Alternative { value, guard: guard.clone() });
                }
                // The default, unless the key is one of the known ones.
                let mut otherwise = Some(guard);
                if let Some(crate::rope::Source::Env(variable)) =
                    key.as_rope().and_then(|rope| rope.as_hole()).map(|hole| hole.source.clone())
                    && !is_open
                {
                    for text in known {
                        let differs =
                            crate::guard::Guard::when(variable.clone(), crate::guard::States::differs(text));
                        otherwise = otherwise.and_then(|guard| guard.and(&differs));
                    }
                }
                if let Some(guard) = otherwise {
                    results.push(Alternative { value: default.clone(), guard });
                }
            }
        }
    }
    Value::union(results).under(&machine.guard)
}

fn environ_method(
    machine: &mut Machine<'_>,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let span = arguments.span;
    let first = arguments.positional.first().cloned().or_else(|| arguments.keyword("key").cloned());
    Ok(Some(match (name, first) {
        ("get", Some(key)) => {
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            variable_or(machine, &key, &default).at(Some(span))
        }
        ("setdefault", Some(key)) => {
            let default = arguments.get(1, "value").cloned().unwrap_or(Value::NONE);
            let value = variable_or(machine, &key, &default);
            if let Some(key) = Key::of(&key) {
                machine.heap.set_entry(machine.environ, key, value.clone());
            }
            value
        }
        ("update", items) => {
            let environ = machine.environ;
            if let Some(items) = items {
                machine.dict_update(environ, &items, span);
            }
            for (name, value) in &arguments.keywords {
                machine.heap.set_entry(environ, Key::Str(name.as_str().into()), value.clone());
            }
            Value::NONE
        }
        ("pop", Some(key)) => {
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            let value = variable_or(machine, &key, &default);
            if let Some(key) = Key::of(&key) {
                machine.heap.set_entry(machine.environ, key, Value::ABSENT);
            }
            value
        }
        ("copy" | "items" | "keys" | "values", _) => {
            let dict = machine.environ_snapshot();
            let copy = machine.dict(dict);
            if name == "copy" {
                copy
            } else {
                let id = copy.as_object().expect("a dict is an object");
                return call_dict(machine, id, name, arguments);
            }
        }
        _ => return Ok(None),
    }))
}

/// An environment variable, or a default where it is not set.
pub(crate) fn variable_or(machine: &mut Machine<'_>, key: &Value, default: &Value) -> Value {
    let Some(name) = key.as_str() else { return Value::either(Value::unknown_text(), default.clone()) };
    let value = machine.environment_variable(name).under(&machine.guard);
    Value::union(value.alternatives().into_iter().flat_map(|alternative| {
        match alternative.value.kind {
            Kind::Absent => default
                .alternatives()
                .into_iter()
                .filter_map(|inner| {
                    Some(Alternative { value: inner.value, guard: inner.guard.and(&alternative.guard)? })
                })
                .collect(),
            _ => vec![alternative],
        }
    }))
}

impl Machine<'_> {
    /// `os.environ` as a plain dict.
    pub(crate) fn environ_snapshot(&mut self) -> Dict {
        let mut dict = self.heap.dict(self.environ).cloned().unwrap_or_default();
        let known: Vec<_> = self.environment.variables.iter().map(|variable| variable.name.clone()).collect();
        for name in known {
            let key = Key::Str(name.clone());
            if !dict.entries.contains_key(&key) {
                let value = self.environment_variable(&name);
                dict.entries.insert(key, value);
            }
        }
        if !self.environment.complete {
            dict.rest = Some(Value::unknown_text());
        }
        dict
    }
}
