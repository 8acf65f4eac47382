//! Documents that programs read at start: JSON, TOML and INI, as values.

use flaskseal_core::{Span, TextRange};

use crate::call::Arguments;
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

/// The value of a YAML document of plain data; `None` where it is not YAML.
pub(crate) fn yaml(machine: &mut Machine<'_>, text: &str, at: Option<Span>) -> Option<Value> {
    use saphyr::LoadableYamlNode;
    // Aliases can make a small text a huge tree, and recursion a deep one.
    if text.len() > 1 << 20
        || text.contains('&')
        || text.lines().any(|line| line.len() - line.trim_start().len() > 200)
    {
        return Some(Value::UNKNOWN.at(at));
    }
    let documents = saphyr::Yaml::load_from_str(text).ok()?;
    Some(documents.first().map_or(Value::NONE, |document| from_yaml(machine, document, at)))
}

fn from_yaml(machine: &mut Machine<'_>, value: &saphyr::Yaml<'_>, at: Option<Span>) -> Value {
    use saphyr::Scalar;
    match value {
        saphyr::Yaml::Value(Scalar::Null) => Value::NONE.at(at),
        saphyr::Yaml::Value(Scalar::Boolean(value)) => Value::bool(*value).at(at),
        saphyr::Yaml::Value(Scalar::Integer(value)) => Value::int(*value).at(at),
        saphyr::Yaml::Value(Scalar::FloatingPoint(value)) => Value::new(Kind::Float(**value), at),
        // YAML 1.1, which PyYAML reads, has more words for truth than 1.2.
        saphyr::Yaml::Value(Scalar::String(text)) => match text.as_ref() {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::bool(true).at(at),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::bool(false).at(at),
            text => Value::str(text).at(at),
        },
        saphyr::Yaml::Sequence(values) => {
            let items = values.iter().map(|value| from_yaml(machine, value, at)).collect();
            machine.list(items).at(at)
        }
        saphyr::Yaml::Mapping(entries) => {
            let mut dict = Dict::default();
            for (key, value) in entries {
                let key = from_yaml(machine, key, at);
                let value = from_yaml(machine, value, at);
                crate::display::insert(&mut dict, &key, value);
            }
            machine.dict(dict).at(at)
        }
        _ => Value::UNKNOWN.at(at),
    }
}

/// How a `configparser` was set up.
#[derive(Clone, Copy)]
pub(crate) struct IniOptions {
    /// `optionxform = str`: option names keep their case.
    pub keeps_case: bool,
    pub interpolation: Interpolation,
}

/// What makes values of what stands in the file.
#[derive(Clone, Copy)]
pub(crate) enum Interpolation {
    None,
    /// `%(name)s` stands for another option.
    Basic,
    /// `${name}` and `${section:name}` do, and are not followed.
    Extended,
    /// An object of the program's own, which is asked.
    Own(ObjectId),
}

/// Adds the sections of an INI text as `configparser` reads it: values as text, option names in lower case unless
/// the options say otherwise.
pub(crate) fn ini(
    machine: &mut Machine<'_>,
    sections: ObjectId,
    text: &str,
    at: Option<Span>,
    options: IniOptions,
) {
    let mut current: Option<ObjectId> = None;
    let mut section = "";
    let mut defaults: Vec<(Key, Value)> = Vec::new();
    let mut in_defaults = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_defaults = name == "DEFAULT";
            section = name;
            if in_defaults {
                continue;
            }
            let known = machine.heap.dict(sections).and_then(|dict| dict.entries.get(&Key::Str(name.into())));
            if let Some(known) = known.and_then(Value::as_object) {
                current = Some(known);
                continue;
            }
            let entries = defaults.iter().cloned().collect();
            let section = machine.heap.allocate(Shape::Dict(Dict { entries, ..Dict::default() }));
            machine.heap.set_entry(sections, Key::Str(name.into()), Value::object(section));
            current = Some(section);
        } else if let Some(position) = line.find(['=', ':']) {
            let name = line[..position].trim();
            let name = if options.keeps_case { name.to_owned() } else { name.to_lowercase() };
            let text = line[position + 1..].trim();
            let value = match options.interpolation {
                // `%(name)s` is filled in from the section and the defaults.
                Interpolation::Basic | Interpolation::Own(_) if text.contains("%(") => {
                    interpolated(machine, text, current, &defaults, options)
                }
                Interpolation::Extended if text.contains('$') => Value::unknown_text(),
                _ => Value::str(text),
            };
            let value = match options.interpolation {
                Interpolation::Own(id) => before_get(machine, id, [section, &name], value, at),
                _ => value,
            };
            let key = Key::Str(name.into());
            match current {
                _ if in_defaults => defaults.push((key, value.at(at))),
                Some(section) => machine.heap.set_entry(section, key, value.at(at)),
                None => {}
            }
        }
    }
}

/// What an interpolation of the program's own makes of the value of an option, named by section and name.
fn before_get(
    machine: &mut Machine<'_>,
    interpolation: ObjectId,
    [section, option]: [&str; 2],
    value: Value,
    at: Option<Span>,
) -> Value {
    let at = at.unwrap_or_else(|| machine.span_of(TextRange::default()));
    let given = [
        Value::UNKNOWN,
        Value::str(section.to_owned()),
        Value::str(option.to_owned()),
        value,
        Value::UNKNOWN,
    ];
    machine
        .attribute(&Value::object(interpolation), "before_get", at)
        .and_then(|method| machine.call(&method, Arguments::of(at, given)))
        .unwrap_or(Value::UNKNOWN)
}

fn interpolated(
    machine: &Machine<'_>,
    text: &str,
    section: Option<ObjectId>,
    defaults: &[(Key, Value)],
    options: IniOptions,
) -> Value {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%(") {
        let Some((name, after)) = after.split_once(")s") else { return Value::unknown_text() };
        let key = Key::Str(if options.keeps_case { name.into() } else { name.to_lowercase().into() });
        let own = section.and_then(|section| machine.heap.dict(section)?.entries.get(&key));
        let value = own.or_else(|| defaults.iter().find(|(known, _)| *known == key).map(|(_, value)| value));
        let Some(value) = value.and_then(Value::as_str) else { return Value::unknown_text() };
        result.push_str(before);
        result.push_str(value);
        rest = after;
    }
    Value::str(result + rest)
}
