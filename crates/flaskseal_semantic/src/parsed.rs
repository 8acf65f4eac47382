//! Parsers of requests: what the types that they declare leave of what a client sends.

use std::sync::Arc;

use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::{Dict, ObjectId, Shape};
use crate::machine::Machine;
use crate::object::extend_path;
use crate::value::{Key, Kind, Type, Value};

const ARGUMENTS: &str = "view.arguments";
const KEYWORDS: &str = "view.keywords";

/// Makes a parser that keeps what it is told.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str) -> Option<Value> {
    machine.program.models.has_role(path, "parser.base").then(|| {
        let types = machine.dict(Dict::default());
        machine.library_instance(path, &[("@types", types)])
    })
}

pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    base: &str,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let models = machine.program.models;
    match name {
        "load" if models.has_role(base, "schema.base") => load(machine, id, arguments),
        "add_argument" if models.has_role(base, "parser.base") => {
            declare(machine, id, arguments);
            Some(Value::object(id))
        }
        "parse_args" if models.has_role(base, "parser.base") => parse_args(machine, id, base, arguments),
        _ => None,
    }
}

/// Where a decorator parses the request and hands the result to the view, the view is given it: `@use_args(schema)`.
pub(crate) fn decorate(machine: &mut Machine<'_>, decorator: &str, function: &Value) -> Option<Value> {
    let decorator = decorator.strip_suffix("()")?;
    let models = machine.program.models;
    let role = [ARGUMENTS, KEYWORDS].into_iter().find(|role| models.has_role(decorator, role))?;
    let given = Value::path(models.gives(decorator)?.clone());
    let id = function.as_object()?;
    let mut all = match machine.heap.attribute(id, "@parsed").map(|value| &value.kind) {
        Some(Kind::Tuple(known)) => known.to_vec(),
        _ => Vec::new(),
    };
    // The outermost decorator hands over first.
    all.insert(0, Value::tuple([Value::str(role), given]));
    machine.heap.set_attribute(id, Name::new_static("@parsed"), Value::tuple(all));
    Some(function.clone())
}

/// Adds what decorators hand over to a view.
pub(crate) fn add_arguments(machine: &Machine<'_>, view: ObjectId, arguments: &mut Arguments) {
    crate::connexion::add_arguments(machine, view, arguments);
    let Some(Kind::Tuple(parsed)) = machine.heap.attribute(view, "@parsed").map(|value| &value.kind) else {
        return;
    };
    for handed in parsed.iter() {
        let Kind::Tuple(pair) = &handed.kind else { continue };
        let [role, given] = &**pair else { continue };
        let given = given.as_path().map(Arc::from);
        let Some(request) = given.and_then(|given| crate::request::input(machine, &given, arguments.span))
        else {
            continue;
        };
        match role.as_str() {
            Some(KEYWORDS) => {
                arguments.open = true;
                arguments.further = Some(request);
            }
            _ => arguments.positional.push(request),
        }
    }
}

/// `Schema().load(data)`: the declared fields, each of its type; `None` where the class declares none that are seen.
fn load(machine: &mut Machine<'_>, id: ObjectId, arguments: &Arguments) -> Option<Value> {
    let data = arguments.get(0, "data")?.clone();
    let is_many = |value: &Value| machine.truth(value).known() != Some(false);
    if arguments.keyword("many").is_some_and(is_many) {
        return None;
    }
    let Shape::Instance { class } = &machine.heap.get(id).shape else { return None };
    let class = class.as_object()?;
    let ancestors = machine.class(class).map(|class| class.ancestors.clone()).unwrap_or_default();
    let classes = std::iter::once(class).chain(ancestors.iter().filter_map(Value::as_object));
    let mut fields: Vec<(Name, bool)> = Vec::new();
    for class in classes {
        for (name, value) in &machine.heap.get(class).attributes {
            let called = value.as_path().and_then(|path| path.strip_suffix("()"));
            let Some(called) = called.filter(|called| called.contains("fields.")) else { continue };
            if fields.iter().all(|(known, _)| known != name) {
                fields.push((name.clone(), machine.program.models.has_role(called, "field.number")));
            }
        }
    }
    if fields.is_empty() {
        return None;
    }
    let mut dict = Dict::default();
    for (name, is_number) in fields {
        let Some(given) = part(machine, &data, &name, arguments) else { continue };
        let value = if is_number { number(&given) } else { given };
        dict.entries.insert(Key::Str(name.as_str().into()), value);
    }
    Some(machine.dict(dict))
}

/// What the data holds under a name; `None` where it holds nothing.
fn part(machine: &mut Machine<'_>, data: &Value, name: &Name, arguments: &Arguments) -> Option<Value> {
    if let Some(dict) = data.as_object().and_then(|id| machine.heap.dict(id)) {
        return dict.entries.get(&Key::Str(name.as_str().into())).or(dict.rest.as_ref()).cloned();
    }
    machine.get_item(data, &Value::str(name.as_str()), arguments.span).ok()
}

fn number(value: &Value) -> Value {
    Value::new(Kind::Some(Type::Int), value.at).tainted(value.origin())
}

/// `parser.add_argument(name, type=int)`: what is no text is noted.
fn declare(machine: &mut Machine<'_>, id: ObjectId, arguments: &Arguments) {
    let Some(name) = arguments.get(0, "name").and_then(Value::as_str).map(str::to_owned) else { return };
    let Some(types) = machine.heap.attribute(id, "@types").and_then(Value::as_object) else { return };
    let models = machine.program.models;
    let is_number = arguments.keyword("type").and_then(Value::as_path).is_some_and(|path| {
        matches!(path, "builtins.int" | "builtins.float" | "builtins.bool")
            || models.has_role(path, "field.number")
    });
    let choices = arguments.keyword("choices").filter(|choices| machine.taint_of(choices).is_none());
    let value = match (choices, is_number) {
        (Some(_), _) => Value::unknown_text(),
        (None, true) => Value::new(Kind::Some(Type::Int), None),
        (None, false) => return,
    };
    machine.dict_set(types, &Value::str(name), value, arguments.span);
}

/// What the parser gives: attributes for what was declared with a type, and request data under every other name.
fn parse_args(machine: &mut Machine<'_>, id: ObjectId, base: &str, arguments: &Arguments) -> Option<Value> {
    let path = format!("{base}().parse_args()");
    let all = crate::request::input(machine, &path.as_str().into(), arguments.span)?;
    let types = machine.heap.attribute(id, "@types").and_then(Value::as_object)?;
    let types = machine.heap.dict(types).cloned().unwrap_or_default();
    let parsed = machine.library_instance(&path, &[("@further", all)]);
    if let Some(parsed) = parsed.as_object() {
        for (name, value) in types.entries {
            if let Some(name) = name.as_str() {
                machine.heap.set_attribute(parsed, Name::new(name), value);
            }
        }
    }
    Some(parsed)
}

/// An attribute or an item that an object has of what it was made from: `Model(**request.json).name`.
pub(crate) fn further(machine: &Machine<'_>, id: ObjectId, name: &str) -> Option<Value> {
    let further = machine.heap.attribute(id, "@further")?;
    Some(match further.as_path() {
        Some(path) if further.taint.is_some() => {
            extend_path(path, format_args!("[{name:?}]")).tainted(further.taint.clone())
        }
        _ => further.clone(),
    })
}
