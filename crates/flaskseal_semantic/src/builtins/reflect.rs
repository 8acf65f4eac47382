//! `getattr` and its kin: what objects are and have.

use crate::builtins::exception_derives;
use crate::call::Arguments;
use crate::heap::Shape;
use crate::machine::{Machine, Raised};
use crate::rope::{Rope, Source};
use crate::value::{Alternative, Kind, Type, Value};

pub(super) fn get_attribute(
    machine: &mut Machine<'_>,
    object: &Value,
    arguments: &Arguments,
) -> Result<Value, Raised> {
    let span = arguments.span;
    let default = arguments.positional.get(2);
    let Some(name) = arguments.positional.get(1) else { return Ok(Value::UNKNOWN) };
    let mut results = Vec::new();
    for Alternative { value: name, guard } in name.alternatives() {
        if let Some(name) = name.as_str() {
            let has = has_attribute(machine, object, name);
            let truth = machine.truth(&has);
            if truth.yes.is_some() {
                let value = machine.attribute(object, name, span)?;
                results.push(Alternative { value, guard: guard.clone() });
            }
            if truth.no.is_some() {
                match default {
                    Some(default) => results.push(Alternative { value: default.clone(), guard }),
                    None if truth.yes.is_none() => return Err(Raised::of("AttributeError")),
                    None => {}
                }
            }
            continue;
        }
        // A name that the environment chooses: every public attribute under the condition that chooses it.
        let variable = name.as_rope().and_then(Rope::as_hole).and_then(|hole| match &hole.source {
            Source::Env(variable) => Some(variable.clone()),
            _ => None,
        });
        if let Some(variable) = variable
            && let Some(id) = object.as_object()
        {
            for attribute in visible_names(machine, object) {
                if let Some(value) = machine.heap.attribute(id, &attribute).cloned() {
                    let states = crate::guard::States::equals(attribute);
                    if let Some(guard) = guard.and(&crate::guard::Guard::when(variable.clone(), states)) {
                        results.push(Alternative { value, guard });
                    }
                }
            }
        } else {
            for attribute in names_beginning_as(machine, object, &name) {
                let value = machine.attribute(object, &attribute, span)?;
                results.push(Alternative { value, guard: guard.clone() });
            }
            results.push(Alternative { value: Value::UNKNOWN, guard: guard.clone() });
        }
        if let Some(default) = default {
            results.push(Alternative { value: default.clone(), guard });
        }
    }
    Ok(Value::union(results).at(Some(span)))
}

/// The attributes that a name with a known beginning may mean, where they are few: `getattr(self, "do_" + action)`.
fn names_beginning_as(machine: &Machine<'_>, object: &Value, name: &Value) -> Vec<String> {
    const MAX_NAMES: usize = 16;
    let prefix = name.as_rope().map(Rope::literal_prefix).unwrap_or_default();
    if prefix.is_empty() {
        return Vec::new();
    }
    let names = visible_names(machine, object).into_iter().filter(|name| name.starts_with(prefix));
    let names: Vec<String> = names.collect();
    if names.len() > MAX_NAMES { Vec::new() } else { names }
}

/// Names of an object's own attributes that do not begin with an underscore.
pub(super) fn visible_names(machine: &Machine<'_>, object: &Value) -> Vec<String> {
    let Some(id) = object.as_object() else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    let mut add = |id| {
        for (name, value) in &machine.heap.get(id).attributes {
            if !name.starts_with(['_', '@']) && !matches!(value.kind, Kind::Absent) {
                names.push(name.to_string());
            }
        }
    };
    add(id);
    let class = match &machine.heap.get(id).shape {
        Shape::Class(class) => Some(class.clone()),
        Shape::Instance { class } => class.as_object().and_then(|id| {
            add(id);
            machine.class(id).cloned()
        }),
        _ => None,
    };
    if let Some(class) = class {
        class.ancestors.iter().filter_map(Value::as_object).for_each(add);
    }
    names.sort();
    names.dedup();
    names
}

pub(super) fn has_attribute(machine: &mut Machine<'_>, object: &Value, name: &str) -> Value {
    let unknown = Value::new(Kind::Some(Type::Bool), None);
    match &object.kind {
        Kind::Object(id) => {
            let id = *id;
            if let Some(value) = machine.heap.attribute(id, name) {
                return match value.may_be_absent() {
                    true => value.map(|value| Value::bool(!matches!(value.kind, Kind::Absent))),
                    false => Value::bool(true),
                };
            }
            match machine.heap.get(id).shape.clone() {
                Shape::Instance { class } => {
                    if machine.class_attribute(id, name).is_some() {
                        Value::bool(true)
                    } else if machine.library_base(&class).is_some() {
                        unknown
                    } else {
                        Value::bool(false)
                    }
                }
                Shape::Class(class) => {
                    if machine.attribute_of_class(object, name).is_some() {
                        Value::bool(true)
                    } else if class
                        .ancestors
                        .iter()
                        .all(|a| a.as_object().is_some() || a.as_path() == Some("builtins.object"))
                    {
                        Value::bool(false)
                    } else {
                        unknown
                    }
                }
                Shape::Module { file: Some(_), .. } => Value::bool(false),
                Shape::Function(_) => {
                    Value::bool(matches!(name, "__name__" | "__doc__" | "__wrapped__" | "__call__"))
                }
                _ => unknown,
            }
        }
        Kind::None => Value::bool(false),
        Kind::Str(_) => {
            Value::bool(matches!(name, "lower" | "split" | "strip" | "encode" | "format" | "upper" | "join"))
        }
        _ => unknown,
    }
}

pub(super) fn is_instance(machine: &mut Machine<'_>, value: &Value, class: &Value) -> Value {
    if let Kind::Tuple(classes) = &class.kind {
        let mut uncertain = false;
        for class in classes.iter() {
            let answer = is_instance(machine, value, class);
            match machine.truth(&answer).known() {
                Some(true) => return Value::bool(true),
                Some(false) => {}
                None => uncertain = true,
            }
        }
        return if uncertain { Value::new(Kind::Some(Type::Bool), None) } else { Value::bool(false) };
    }
    if let Kind::Union(alternatives) = &value.kind {
        let alternatives = alternatives.clone();
        return Value::union(alternatives.iter().map(|alternative| Alternative {
            value: is_instance(machine, &alternative.value, class),
            guard: alternative.guard.clone(),
        }));
    }
    let own = type_of(machine, value);
    let answer = match (own.as_path(), class.as_path()) {
        (Some("builtins.bool"), Some("builtins.int")) => Some(true),
        (Some(own), Some(class)) if own.starts_with("builtins.") && class.starts_with("builtins.") => {
            Some(own == class || class == "builtins.object" || exception_derives(own, class) == Some(true))
        }
        (Some(own), Some(class)) if own == class => Some(true),
        (Some(own), _) if own.starts_with("builtins.") && class.as_object().is_some() => Some(false),
        _ => machine.is_subclass(&own, class),
    };
    answer.map_or(Value::new(Kind::Some(Type::Bool), None), Value::bool)
}

pub(super) fn type_of(machine: &Machine<'_>, value: &Value) -> Value {
    Value::path(match &value.kind {
        Kind::None => "types.NoneType",
        Kind::Bool(_) | Kind::Some(Type::Bool) => "builtins.bool",
        Kind::Int(_) | Kind::Some(Type::Int) => "builtins.int",
        Kind::Float(_) | Kind::Some(Type::Float) => "builtins.float",
        Kind::Str(_) => "builtins.str",
        Kind::Bytes(_) => "builtins.bytes",
        Kind::Tuple(_) => "builtins.tuple",
        Kind::Object(id) => match &machine.heap.get(*id).shape {
            Shape::List(list) if list.is_set => "builtins.set",
            Shape::List(_) => "builtins.list",
            Shape::Dict(_) => "builtins.dict",
            Shape::Class(_) => "builtins.type",
            Shape::Function(_) => "types.FunctionType",
            Shape::Module { .. } => "types.ModuleType",
            Shape::Instance { class } => return class.clone(),
            _ => return Value::UNKNOWN,
        },
        _ => return Value::UNKNOWN,
    })
}
