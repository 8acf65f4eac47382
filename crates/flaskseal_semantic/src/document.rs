//! Documents that programs read at start: JSON, TOML and INI, as values.

use flaskseal_core::Span;

use crate::heap::{Dict, ObjectId, Shape};
use crate::machine::Machine;
use crate::value::{Key, Kind, Value};

/// The value of a JSON text; `None` where it is not JSON.
pub(crate) fn json(machine: &mut Machine<'_>, text: &str, at: Option<Span>) -> Option<Value> {
    let parsed = serde_json::from_str(text).ok()?;
    Some(from_json(machine, &parsed, at))
}

fn from_json(machine: &mut Machine<'_>, value: &serde_json::Value, at: Option<Span>) -> Value {
    match value {
        serde_json::Value::Null => Value::NONE.at(at),
        serde_json::Value::Bool(value) => Value::bool(*value).at(at),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::int(value).at(at),
            (None, Some(value)) => Value::new(Kind::Float(value), at),
            _ => Value::UNKNOWN,
        },
        serde_json::Value::String(text) => Value::str(text.as_str()).at(at),
        serde_json::Value::Array(values) => {
            let items = values.iter().map(|value| from_json(machine, value, at)).collect();
            machine.list(items).at(at)
        }
        serde_json::Value::Object(entries) => {
            let mut dict = Dict::default();
            for (key, value) in entries {
                let value = from_json(machine, value, at);
                dict.entries.insert(Key::Str(key.as_str().into()), value);
            }
            machine.dict(dict).at(at)
        }
    }
}

/// The value of a TOML document; `None` where it is not TOML.
pub(crate) fn toml(machine: &mut Machine<'_>, text: &str, at: Option<Span>) -> Option<Value> {
    let parsed: toml::Table = toml::from_str(text).ok()?;
    Some(from_toml(machine, &toml::Value::Table(parsed), at))
}

fn from_toml(machine: &mut Machine<'_>, value: &toml::Value, at: Option<Span>) -> Value {
    match value {
        toml::Value::String(text) => Value::str(text.as_str()).at(at),
        toml::Value::Integer(value) => Value::int(*value).at(at),
        toml::Value::Float(value) => Value::new(Kind::Float(*value), at),
        toml::Value::Boolean(value) => Value::bool(*value).at(at),
        toml::Value::Datetime(_) => Value::UNKNOWN.at(at),
        toml::Value::Array(values) => {
            let items = values.iter().map(|value| from_toml(machine, value, at)).collect();
            machine.list(items).at(at)
        }
        toml::Value::Table(entries) => {
            let mut dict = Dict::default();
            for (key, value) in entries {
                let value = from_toml(machine, value, at);
                dict.entries.insert(Key::Str(key.as_str().into()), value);
            }
            machine.dict(dict).at(at)
        }
    }
}

/// Adds the sections of an INI text as `configparser` reads it: option names in lower case, values as text.
pub(crate) fn ini(machine: &mut Machine<'_>, sections: ObjectId, text: &str, at: Option<Span>) {
    let mut current: Option<ObjectId> = None;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let section = machine.heap.allocate(Shape::Dict(Dict::default()));
            machine.heap.set_entry(sections, Key::Str(name.into()), Value::object(section));
            current = Some(section);
        } else if let (Some(section), Some(position)) = (current, line.find(['=', ':'])) {
            let key = Key::Str(line[..position].trim().to_lowercase().into());
            let value = Value::str(line[position + 1..].trim()).at(at);
            machine.heap.set_entry(section, key, value);
        }
    }
}
