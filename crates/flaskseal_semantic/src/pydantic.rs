//! Models of pydantic: what they keep of the values that they are given, and settings that they read.

use flaskseal_python::Name;

use crate::call::Arguments;
use crate::guard::Guard;
use crate::heap::{ObjectId, Shape};
use crate::machine::{Machine, Raised};
use crate::pattern::Mode;
use crate::rope::{Hole, Rope};
use crate::settings::{dotenv_entries, dotenv_file, setting_field};
use crate::value::{Key, Kind, Type, Value};

/// A settings model: each field from its environment variable, or its default.
pub(crate) fn instantiate_subclass(
    machine: &mut Machine<'_>,
    class: ObjectId,
    base: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let is_settings = matches!(base, "pydantic_settings.BaseSettings" | "pydantic.BaseSettings");
    if !is_settings && base != "pydantic.BaseModel" {
        return Ok(None);
    }
    let class_value = Value::object(class);
    crate::fields::make_dataclass(machine, class);
    let fields = machine.heap.attribute(class, "@fields").cloned();
    let options = settings_options(machine, &class_value);
    let env_file = options.env_file.as_ref().and_then(|named| dotenv_file(machine, Some(named)));
    let from_file = env_file.map(|file| dotenv_entries(machine, file)).unwrap_or_default();
    let annotations = annotations_of(machine, class);
    let id = machine.instance(class_value);
    if let Some(Value { kind: Kind::Tuple(fields), .. }) = fields {
        for field in fields.iter() {
            let Kind::Tuple(pair) = &field.kind else { continue };
            let Some(name) = pair[0].as_str().map(str::to_owned) else { continue };
            if name == "model_config" {
                continue;
            }
            let (default, aliases) = field_default(machine, &pair[1]);
            let declared = annotations.iter().find(|declared| declared.name == name);
            let annotation = declared.map(|declared| declared.kind.as_str());
            let value = match arguments.keyword(&name).or(arguments.further.as_ref()) {
                Some(value) => {
                    let pattern = declared.and_then(|declared| declared.pattern.clone());
                    let pattern = pattern.or_else(|| field_pattern(machine, &pair[1]));
                    validated(machine, value, annotation, pattern)
                }
                None if is_settings => {
                    let kind = match annotation {
                        Some("bool") => "bool",
                        Some("int") => "int",
                        Some("float") => "float",
                        Some("list" | "List" | "set" | "tuple" | "dict" | "Dict") => "json",
                        Some("timedelta") => "timedelta",
                        _ => "str",
                    };
                    let own = format!("{}{name}", options.prefix);
                    let is_set = |alias: &&String| {
                        machine.environment.get(alias).is_some()
                            || from_file.iter().any(|(known, _)| known.eq_ignore_ascii_case(alias))
                    };
                    let variable = aliases.iter().find(is_set).or(aliases.first()).cloned().unwrap_or(own);
                    setting_field(machine, &variable, &from_file, default, kind, arguments.span)?
                }
                None => default.unwrap_or(Value::UNKNOWN),
            };
            machine.heap.set_attribute(id, Name::new(&name), value);
        }
    }
    Ok(Some(Value::object(id)))
}

/// What a model keeps of a value that it was given: a number where it says so, text that a pattern matches.
fn validated(
    machine: &mut Machine<'_>,
    value: &Value,
    annotation: Option<&str>,
    pattern: Option<(Mode, String)>,
) -> Value {
    if let Some((mode, pattern)) = pattern {
        let limits = crate::regex::limits_of_pattern(machine, &pattern, mode);
        return value.map(|one| {
            let text = machine.text_of(one);
            let Some(hole) = text.as_hole().filter(|hole| hole.origin.is_some()) else { return one.clone() };
            let identity = hole.identity.clone().unwrap_or_else(|| machine.fresh_text());
            let hole = Hole { identity: Some(identity.clone()), ..hole.clone() };
            Value::from(Rope::from(hole)).at(one.at).under(&Guard::about(&identity, limits.clone()))
        });
    }
    let number = match annotation {
        Some("int") => Type::Int,
        Some("float") => Type::Float,
        Some("bool") => Type::Bool,
        // Hexadecimal digits and hyphens, dates: nothing that a client writes as it likes.
        Some("UUID" | "UUID1" | "UUID3" | "UUID4" | "UUID5" | "date" | "datetime" | "time" | "timedelta") => {
            return value.map(|one| match one.origin() {
                Some(_) => Value::unknown_text().at(one.at),
                None => one.clone(),
            });
        }
        _ => return value.clone(),
    };
    value.map(|one| match one.origin() {
        Some(origin) => Value::new(Kind::Some(number), one.at).tainted(Some(origin)),
        None => one.clone(),
    })
}

/// The pattern that `Field(pattern=...)`, or `Field(regex=...)` of pydantic 1, demands.
fn field_pattern(machine: &Machine<'_>, default: &Value) -> Option<(Mode, String)> {
    let id = default.as_object()?;
    let text = |name: &str| machine.heap.attribute(id, name)?.as_str().map(str::to_owned);
    text("pattern").map(|text| (Mode::Search, text)).or_else(|| Some((Mode::Match, text("regex")?)))
}

struct SettingsOptions {
    prefix: String,
    env_file: Option<Value>,
}

/// `model_config = SettingsConfigDict(env_prefix=…, env_file=…)`, or the inner class `Config` of pydantic 1.
fn settings_options(machine: &mut Machine<'_>, class: &Value) -> SettingsOptions {
    let mut options = SettingsOptions { prefix: String::new(), env_file: None };
    if let Some(config) =
        machine.attribute_of_class(class, "model_config").and_then(|value| value.as_object())
        && let Some(dict) = machine.heap.dict(config)
    {
        let entry = |name: &str| dict.entries.get(&Key::Str(name.into())).cloned();
        options.prefix = entry("env_prefix").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        options.env_file = entry("env_file");
    }
    if let Some(config) =
        machine.attribute_of_class(class, "Config").filter(|value| value.as_object().is_some())
    {
        let entry = |name: &str| machine.attribute_of_class(&config, name);
        if let Some(prefix) = entry("env_prefix").and_then(|v| v.as_str().map(str::to_owned)) {
            options.prefix = prefix;
        }
        options.env_file = entry("env_file").or(options.env_file);
    }
    options
}

/// A field as its class declares it.
struct Declared {
    name: String,
    /// The outermost name of its type.
    kind: String,
    /// What text has to match.
    pattern: Option<(Mode, String)>,
}

fn annotations_of(machine: &Machine<'_>, class: ObjectId) -> Vec<Declared> {
    let ancestors = machine.class(class).map(|class| class.ancestors.clone()).unwrap_or_default();
    let classes = std::iter::once(class).chain(ancestors.iter().filter_map(Value::as_object));
    let mut found = Vec::new();
    for id in classes {
        if let Some(Value { kind: Kind::Tuple(entries), .. }) = machine.heap.attribute(id, "@annotations") {
            for entry in entries.iter() {
                if let Kind::Tuple(pair) = &entry.kind
                    && let (Some(name), Some(kind)) = (pair[0].as_str(), pair[1].as_str())
                {
                    let pattern = match (pair.get(2).and_then(Value::as_str), pair.get(3)) {
                        (Some(keyword), Some(pattern)) => pattern.as_str().map(|pattern| {
                            // pydantic 1 matches from the beginning, pydantic 2 anywhere.
                            let mode = if keyword == "regex" { Mode::Match } else { Mode::Search };
                            (mode, pattern.to_owned())
                        }),
                        _ => None,
                    };
                    found.push(Declared { name: name.to_owned(), kind: kind.to_owned(), pattern });
                }
            }
        }
    }
    found
}

/// A field's default and the names of its variable, where `Field(…)` says some.
fn field_default(machine: &Machine<'_>, default: &Value) -> (Option<Value>, Vec<String>) {
    match &default.kind {
        Kind::Unknown => (None, Vec::new()),
        Kind::Object(id) if matches!(&machine.heap.get(*id).shape, Shape::Instance { class } if class.as_path() == Some("pydantic.Field()")) =>
        {
            let attribute = |name: &str| machine.heap.attribute(*id, name).cloned();
            let alias = ["validation_alias", "alias", "env"].iter().find_map(|name| attribute(name));
            let names = match alias.map(|alias| alias.kind) {
                Some(Kind::Tuple(names)) => {
                    names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
                }
                Some(Kind::Str(name)) => name.as_literal().map(str::to_owned).into_iter().collect(),
                _ => Vec::new(),
            };
            (attribute("default"), names)
        }
        _ => (Some(default.clone()), Vec::new()),
    }
}
