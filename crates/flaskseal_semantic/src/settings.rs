//! Libraries that read settings from the environment: python-dotenv, environs and python-decouple.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::ObjectId;
use crate::machine::{Machine, Raised};
use crate::value::{Alternative, Key, Kind, Type, Value};

pub(crate) fn call(
    machine: &mut Machine<'_>,
    path: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    Ok(Some(match path {
        "dotenv.load_dotenv" | "dotenv.main.load_dotenv" => {
            load_dotenv(machine, arguments);
            Value::new(Kind::Some(Type::Bool), None)
        }
        "dotenv.find_dotenv" => match dotenv_file(machine, None) {
            Some(file) => Value::from(machine.absolute_path(file)),
            None => Value::str(""),
        },
        "dotenv.dotenv_values" => {
            let named = arguments.get(0, "dotenv_path").cloned();
            let mut dict = crate::heap::Dict::default();
            match dotenv_file(machine, named.as_ref()) {
                Some(file) => {
                    for (name, value) in dotenv_entries(machine, file) {
                        dict.entries.insert(Key::Str(name), value);
                    }
                }
                None => dict.rest = (!machine.environment.complete).then_some(Value::unknown_text()),
            }
            machine.dict(dict)
        }
        "pydantic_settings.SettingsConfigDict" | "pydantic.ConfigDict" => {
            return crate::builtins::call(machine, "dict", arguments);
        }
        "pydantic.AliasChoices" => Value::tuple(arguments.positional.clone()),
        "pydantic.Field" => {
            let id = machine.instance(Value::path("pydantic.Field()"));
            if let Some(default) = arguments.positional.first() {
                machine.heap.set_attribute(id, Name::new_static("default"), default.clone());
            }
            for (name, value) in &arguments.keywords {
                machine.heap.set_attribute(id, name.clone(), value.clone());
            }
            Value::object(id)
        }
        "environs.Env" => machine.library_instance("environs.Env", &[("@prefix", Value::str(""))]),
        "decouple.config" => return read_decouple(machine, arguments).map(Some),
        "decouple.Csv" => Value::path("decouple.Csv()"),
        "decouple.AutoConfig" | "decouple.Config" => machine.library_instance("decouple.Config", &[]),
        "starlette.config.Config" => machine.library_instance("starlette.config.Config", &[]),
        _ => return Ok(None),
    }))
}

pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    class: &str,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    match class {
        "environs.Env" => environs_method(machine, id, name, arguments),
        "pydantic_settings.BaseSettings" | "pydantic.BaseModel" | "pydantic.BaseSettings"
            if matches!(name, "model_dump" | "dict") =>
        {
            let attributes =
                machine.heap.get(id).attributes.iter().filter(|(name, _)| !name.starts_with(['_', '@']));
            let entries =
                attributes.map(|(name, value)| (Key::Str(name.as_str().into()), value.clone())).collect();
            Ok(Some(machine.dict(crate::heap::Dict { entries, ..crate::heap::Dict::default() })))
        }
        "decouple.Config" | "starlette.config.Config" if matches!(name, "__call__" | "get") => {
            read_decouple(machine, arguments).map(Some)
        }
        _ => Ok(None),
    }
}

// python-dotenv.

/// The file that `load_dotenv` finds: the named one, or the nearest `.env` from the calling file upwards.
pub(crate) fn dotenv_file(machine: &Machine<'_>, named: Option<&Value>) -> Option<FileId> {
    if let Some(named) = named.filter(|value| !matches!(value.kind, Kind::None)) {
        // pydantic takes several; the last one counts.
        if let Kind::Tuple(files) = &named.kind {
            return files.iter().rev().find_map(|file| machine.file_at(file));
        }
        return machine.file_at(named);
    }
    let mut folder = machine.program.tree.file(machine.frame().file).folder();
    loop {
        let path = if folder.is_empty() { ".env".to_owned() } else { format!("{folder}/.env") };
        if let Some(file) = machine.program.tree.find(&path) {
            return Some(file);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}

fn load_dotenv(machine: &mut Machine<'_>, arguments: &Arguments) {
    let named = arguments.get(0, "dotenv_path").cloned();
    let overrides =
        arguments.keyword("override").is_some_and(|value| machine.truth(value).known() == Some(true));
    let Some(file) = dotenv_file(machine, named.as_ref()) else { return };
    for (name, value) in dotenv_entries(machine, file) {
        let current = machine.environment_variable(&name);
        let new = if overrides {
            value
        } else {
            Value::union(current.alternatives().into_iter().map(|alternative| match alternative.value.kind {
                Kind::Absent => Alternative { value: value.clone(), guard: alternative.guard },
                _ => alternative,
            }))
        };
        machine.heap.set_entry(machine.environ, Key::Str(name), new);
    }
}

/// The assignments of a `.env` file, as python-dotenv reads them.
pub(crate) fn dotenv_entries(machine: &Machine<'_>, file: FileId) -> Vec<(Arc<str>, Value)> {
    let text = &machine.program.tree.file(file).text;
    (machine.program.read_dotenv)(text)
        .into_iter()
        .map(|(name, value, range)| (Arc::from(name), Value::str(value).at(Some(Span { file, range }))))
        .collect()
}

// environs.

fn environs_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    match name {
        "read_env" => {
            load_dotenv(machine, arguments);
            return Ok(Some(Value::NONE));
        }
        "prefixed" => {
            let prefix = arguments.positional.first().and_then(Value::as_str).unwrap_or_default().to_owned();
            let outer =
                machine.heap.attribute(id, "@prefix").and_then(Value::as_str).unwrap_or_default().to_owned();
            let prefixed =
                machine.library_instance("environs.Env", &[("@prefix", Value::str(outer + &prefix))]);
            return Ok(Some(prefixed));
        }
        _ => {}
    }
    let kind = if name == "__call__" { "str" } else { name };
    if !matches!(
        kind,
        "str"
            | "bool"
            | "int"
            | "float"
            | "list"
            | "dict"
            | "json"
            | "url"
            | "path"
            | "timedelta"
            | "log_level"
            | "decimal"
            | "uuid"
            | "date"
            | "datetime"
            | "enum"
    ) {
        return Ok(None);
    }
    let Some(key) = arguments.positional.first().and_then(Value::as_str) else {
        return Ok(Some(Value::UNKNOWN));
    };
    let prefix = machine.heap.attribute(id, "@prefix").and_then(Value::as_str).unwrap_or_default();
    let key = format!("{prefix}{key}");
    let default = arguments.get(1, "default").cloned();
    read(machine, &key, default.as_ref(), kind, "EnvError", arguments.span).map(Some)
}

/// Reads a variable and converts its text; the default is taken as it is.
fn read(
    machine: &mut Machine<'_>,
    name: &str,
    default: Option<&Value>,
    kind: &str,
    missing: &str,
    span: Span,
) -> Result<Value, Raised> {
    let variable = machine.environment_variable(name).under(&machine.guard);
    let mut results = Vec::new();
    for Alternative { value, guard } in variable.alternatives() {
        match value.kind {
            Kind::Absent => match default {
                Some(default) => results.push(Alternative { value: default.clone(), guard }),
                None => machine.may_raise(missing, &guard),
            },
            _ => results.push(Alternative { value: convert(machine, &value, kind), guard }),
        }
    }
    if results.is_empty() {
        return Err(Raised::of(missing));
    }
    Ok(Value::union(results).at(Some(span)))
}

/// Text from the environment as a type.
fn convert(machine: &mut Machine<'_>, value: &Value, kind: &str) -> Value {
    let at = value.at;
    let Some(text) = value.as_str() else {
        return match kind {
            "bool" => Value::new(Kind::Some(Type::Bool), at),
            "int" => Value::new(Kind::Some(Type::Int), at),
            "float" => Value::new(Kind::Some(Type::Float), at),
            "str" | "url" | "path" => value.clone(),
            _ => Value::UNKNOWN.at(at),
        };
    };
    match kind {
        "bool" => match text.to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Value::bool(true).at(at),
            "0" | "false" | "f" | "no" | "n" | "off" | "" => Value::bool(false).at(at),
            _ => Value::new(Kind::Some(Type::Bool), at),
        },
        "int" => text.trim().parse().map_or(Value::UNKNOWN, Value::int).at(at),
        "float" => text.trim().parse().map_or(Value::UNKNOWN, |value| Value::new(Kind::Float(value), at)),
        "list" => {
            let items: Vec<Value> = text.split(',').map(|part| Value::str(part.trim()).at(at)).collect();
            machine.list(items).at(at)
        }
        "json" => {
            let text = text.to_owned();
            crate::document::json(machine, &text, at).unwrap_or(Value::UNKNOWN)
        }
        "timedelta" => match text.trim().parse::<f64>() {
            Ok(seconds) => {
                let seconds = Value::new(Kind::Float(seconds), None);
                machine.library_instance("datetime.timedelta", &[("@seconds", seconds)]).at(at)
            }
            Err(_) => Value::UNKNOWN,
        },
        "str" => value.clone(),
        _ => Value::UNKNOWN.at(at),
    }
}

// python-decouple.

fn read_decouple(machine: &mut Machine<'_>, arguments: &Arguments) -> Result<Value, Raised> {
    let span = arguments.span;
    let Some(name) = arguments.get(0, "option").and_then(Value::as_str).map(str::to_owned) else {
        return Ok(Value::UNKNOWN);
    };
    // decouple reads `.env` beside or above the caller when the environment has no such variable.
    let fallback = dotenv_file(machine, None).and_then(|file| {
        dotenv_entries(machine, file).into_iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    });
    let default = fallback.clone().or_else(|| arguments.get(1, "default").cloned());
    let raw = read(machine, &name, default.as_ref(), "str", "UndefinedValueError", span)?;
    let Some(cast) = arguments.get(2, "cast").cloned() else { return Ok(raw) };
    let mut results = Vec::new();
    for Alternative { value, guard } in raw.alternatives() {
        // decouple converts the default, too.
        let value = match (cast.as_path(), &value.kind) {
            (Some("builtins.bool"), Kind::Bool(_) | Kind::Int(_)) => {
                crate::truth::truth_value(&machine.truth(&value)).at(value.at)
            }
            (Some("builtins.bool"), _) => convert(machine, &value, "bool"),
            (Some("builtins.int"), Kind::Str(_)) => convert(machine, &value, "int"),
            (Some("builtins.float"), Kind::Str(_)) => convert(machine, &value, "float"),
            (Some("decouple.Csv()"), _) => convert(machine, &value, "list"),
            (Some("builtins.str"), _) => value,
            _ => machine.call(&cast, Arguments::of(span, [value]))?,
        };
        results.push(Alternative { value, guard });
    }
    Ok(Value::union(results))
}

pub(crate) fn setting_field(
    machine: &mut Machine<'_>,
    variable: &str,
    from_file: &[(Arc<str>, Value)],
    default: Option<Value>,
    kind: &str,
    span: Span,
) -> Result<Value, Raised> {
    let in_file = from_file
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(variable))
        .map(|(_, value)| value.clone());
    let default = match in_file {
        Some(value) => Some(convert(machine, &value, kind)),
        None => default,
    };
    // Names are matched without regard to case; the environment's own spelling is the upper-case one.
    let exact = machine.environment_variable(variable);
    let name = if matches!(exact.kind, Kind::Str(_)) { variable.to_owned() } else { variable.to_uppercase() };
    read(machine, &name, default.as_ref(), kind, "ValueError", span)
}
