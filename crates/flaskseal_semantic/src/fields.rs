//! Fields that a class declares: named tuples and dataclasses.

use std::sync::{Arc, OnceLock};

use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::{Class, ObjectId, Shape};
use crate::machine::Machine;
use crate::value::{Kind, Value};

/// `collections.namedtuple(name, fields)`: the class.
pub(crate) fn named_tuple(machine: &mut Machine<'_>, name: &Value, arguments: &Arguments) -> Value {
    let fields: Vec<Value> = match arguments.get(1, "field_names") {
        Some(fields) => match fields.as_str() {
            Some(text) => text.split([',', ' ']).filter(|part| !part.is_empty()).map(Value::str).collect(),
            None => machine.elements(fields).known,
        },
        None => Vec::new(),
    };
    let defaults =
        arguments.keyword("defaults").map(|defaults| machine.elements(defaults).known).unwrap_or_default();
    let without = fields.len().saturating_sub(defaults.len());
    let fields: Vec<Value> = fields
        .into_iter()
        .enumerate()
        .map(|(index, field)| {
            let field = match &field.kind {
                Kind::Tuple(pair) => pair.first().cloned().unwrap_or(Value::UNKNOWN),
                _ => field,
            };
            let default = index.checked_sub(without).and_then(|index| defaults.get(index)).cloned();
            Value::tuple([field, default.unwrap_or(Value::UNKNOWN)])
        })
        .collect();
    let class = Class {
        qualified_name: name.as_str().unwrap_or("?").into(),
        module: "".into(),
        ancestors: Vec::new(),
        span: arguments.span,
        fact: OnceLock::new(),
    };
    let id = machine.heap.allocate(Shape::Class(Arc::new(class)));
    machine.heap.set_attribute(id, Name::new_static("@fields"), Value::tuple(fields));
    Value::object(id)
}

/// Records the fields of a dataclass: those of its ancestors first, each with its default.
pub(crate) fn make_dataclass(machine: &mut Machine<'_>, class: ObjectId) {
    let mut fields: Vec<Value> = Vec::new();
    let ancestors = machine.class(class).map(|class| class.ancestors.clone()).unwrap_or_default();
    let classes: Vec<ObjectId> =
        ancestors.iter().rev().filter_map(Value::as_object).chain(std::iter::once(class)).collect();
    for id in classes {
        let Some(Value { kind: Kind::Tuple(annotations), .. }) = machine.heap.attribute(id, "@annotations")
        else {
            continue;
        };
        for annotation in annotations.clone().iter() {
            let Kind::Tuple(pair) = &annotation.kind else { continue };
            let Some(name) = pair[0].as_str() else { continue };
            let default = machine.heap.attribute(id, name).cloned().unwrap_or(Value::UNKNOWN);
            let field = Value::tuple([pair[0].clone(), default]);
            let same =
                |known: &Value| matches!(&known.kind, Kind::Tuple(known) if known[0].as_str() == Some(name));
            match fields.iter().position(same) {
                Some(index) => fields[index] = field,
                None => fields.push(field),
            }
        }
    }
    machine.heap.set_attribute(class, Name::new_static("@fields"), Value::tuple(fields));
}

/// An instance of a class that derives from `typing.NamedTuple`.
pub(crate) fn instantiate(machine: &mut Machine<'_>, class: ObjectId, arguments: &Arguments) -> Value {
    make_dataclass(machine, class);
    let fields = machine.heap.attribute(class, "@fields").cloned();
    let id = machine.instance(Value::object(class));
    if let Some(Value { kind: Kind::Tuple(fields), .. }) = fields {
        let mut positional = arguments.positional.iter();
        for field in fields.iter() {
            let Kind::Tuple(pair) = &field.kind else { continue };
            let Some(name) = pair[0].as_str() else { continue };
            let value = positional.next().cloned().or_else(|| arguments.keyword(name).cloned());
            machine.heap.set_attribute(id, name.into(), value.unwrap_or_else(|| pair[1].clone()));
        }
    }
    Value::object(id)
}
