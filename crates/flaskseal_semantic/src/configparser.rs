//! `configparser.ConfigParser`: sections of options, read from files of the tree or set by the program.

use flaskseal_core::Span;

use crate::call::Arguments;
use crate::document::{IniOptions, Interpolation};
use crate::heap::{Dict, ObjectId, Shape};
use crate::machine::{Machine, Raised};
use crate::stdlib::converted;
use crate::value::{Key, Kind, Value};

/// Calls a method of a parser.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let first = arguments.positional.first().cloned();
    let hidden = |machine: &Machine<'_>, name: &str| machine.heap.attribute(id, name).cloned();
    let Some(sections) = hidden(machine, "@sections").and_then(|value| value.as_object()) else {
        return Ok(None);
    };
    let options = IniOptions {
        keeps_case: hidden(machine, "optionxform")
            .is_some_and(|value| value.as_path() == Some("builtins.str")),
        interpolation: match hidden(machine, "@interpolation") {
            Some(Value { kind: Kind::None | Kind::Bool(false), .. }) => Interpolation::None,
            Some(value) => match (value.as_object(), value.as_path()) {
                (Some(id), _) => Interpolation::Own(id),
                (_, Some("configparser.ExtendedInterpolation()")) => Interpolation::Extended,
                _ => Interpolation::Basic,
            },
            None => Interpolation::Basic,
        },
    };
    let section_of = |machine: &Machine<'_>, section: &Value| {
        let key = Key::of(section)?;
        machine.heap.dict(sections)?.entries.get(&key)?.as_object()
    };
    Ok(Some(match (name, first) {
        ("read" | "read_file", Some(source)) => {
            let sources = match source.as_str() {
                Some(_) => vec![source],
                None => {
                    let elements = machine.elements(&source);
                    if elements.known.is_empty() { vec![source] } else { elements.known }
                }
            };
            for source in sources {
                if let Some(file) = machine.file_at(&source) {
                    let text = machine.program.tree.file(file).text.clone();
                    crate::document::ini(machine, sections, &text, Some(Span::new(file, 0, 0)), options);
                } else if !machine.environment.complete
                    && let Some(dict) = machine.heap.dict(sections).cloned()
                {
                    let open = Dict { rest: Some(Value::UNKNOWN), ..dict };
                    machine.heap.set_shape(sections, Shape::Dict(open));
                }
            }
            Value::NONE
        }
        ("sections", _) => {
            let names =
                machine.heap.dict(sections).map(|dict| dict.entries.keys().map(Key::to_value).collect());
            machine.list(names.unwrap_or_default())
        }
        ("items" | "options", Some(section)) => match section_of(machine, &section) {
            Some(id) if name == "items" => {
                return crate::container::call_dict(machine, id, "items", arguments);
            }
            Some(id) => return crate::container::call_dict(machine, id, "keys", arguments),
            None => Value::UNKNOWN,
        },
        ("read_string", Some(text)) => {
            if let Some(text) = text.as_str() {
                let text = text.to_owned();
                crate::document::ini(machine, sections, &text, Some(arguments.span), options);
            }
            Value::NONE
        }
        ("get" | "getboolean" | "getint" | "getfloat", Some(section)) => {
            let fallback = arguments.keyword("fallback").cloned();
            let found = section_of(machine, &section).zip(arguments.positional.get(1).and_then(|option| {
                option.as_str().map(|text| {
                    Key::Str(if options.keeps_case { text.into() } else { text.to_lowercase().into() })
                })
            }));
            let value =
                found.and_then(|(section, option)| machine.heap.dict(section)?.entries.get(&option).cloned());
            match (value, fallback) {
                (Some(value), _) => converted(&value, name),
                (None, Some(fallback))
                    if machine.heap.dict(sections).is_some_and(|dict| dict.rest.is_none()) =>
                {
                    fallback
                }
                (None, _) => Value::UNKNOWN,
            }
        }
        ("add_section", Some(section)) => {
            let options = machine.dict(Dict::default());
            if let Some(key) = Key::of(&section) {
                machine.heap.set_entry(sections, key, options);
            }
            Value::NONE
        }
        ("set", Some(section)) => {
            let option = arguments.positional.get(1).and_then(Value::as_str).map(str::to_owned);
            let value = arguments.positional.get(2).cloned().unwrap_or(Value::NONE);
            if let (Some(section), Some(option)) = (section_of(machine, &section), option) {
                let option = if options.keeps_case { option } else { option.to_lowercase() };
                machine.heap.set_entry(section, Key::Str(option.into()), value);
            }
            Value::NONE
        }
        ("has_section", Some(section)) => Value::bool(section_of(machine, &section).is_some()),
        _ => return Ok(None),
    }))
}
