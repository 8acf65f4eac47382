//! What is called when the callee is not code of the program: the built-ins, the standard library, Flask, and
//! everything else, which gives a value that is named after the call.

use std::sync::Arc;

use flaskseal_core::Span;

use crate::call::Arguments;
use crate::heap::{ObjectId, Shape};
use crate::machine::{Evaluated, Machine, Raised};
use crate::object::extend_path;
use crate::origin::Origin;
use crate::value::{Kind, Value};

/// Calls something by its canonical path; `taint` is the request data that it was computed from.
pub(crate) fn call_path(
    machine: &mut Machine<'_>,
    path: &str,
    taint: Option<Arc<Origin>>,
    arguments: Arguments,
) -> Evaluated {
    let span = arguments.span;
    // Whose method it is, the path says; what of the request is in that object, it does not.
    let receiver = taint
        .clone()
        .zip(path.rsplit_once('.'))
        .map(|(taint, (receiver, _))| Value::path(receiver).tainted(Some(taint)));
    machine.note_call(path, receiver.as_ref(), &arguments);
    machine.note_tried(receiver.as_ref(), &arguments);
    if let Some(class) = machine.program.models.raises(path) {
        return Err(Raised(Box::new(Value::path(class.clone()))));
    }
    crate::message::call_path(machine, path, &arguments);
    crate::saved::note_save(machine, path, taint.as_ref(), &arguments);
    if let Some(value) = crate::request::call(machine, path, taint.as_ref(), &arguments)? {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::folder::call_path(machine, path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::buffer::call_path(machine, path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::markup::call_path(machine, path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::paths::call_path(machine, path, &arguments)? {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::parsed::call_path(machine, path) {
        return Ok(value.at(Some(arguments.span)));
    }
    if let Some(value) = crate::url::call_path(machine, path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::regex::call_path(machine, path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    let known = if let Some(name) = path.strip_prefix("builtins.") {
        crate::builtins::call(machine, name, &arguments)?
    } else {
        match crate::flask::call_path(machine, path, &arguments)? {
            Some(value) => Some(value),
            None => match crate::stdlib::call(machine, path, &arguments)? {
                Some(value) => Some(value),
                None => crate::settings::call(machine, path, &arguments)?,
            },
        }
    };
    Ok(match known {
        Some(value) => value.at(Some(span)),
        None if let Some(value) = crate::transfer::call(machine, path, taint.as_ref(), &arguments) => {
            machine.opaque_calls += 1;
            value
        }
        None => {
            machine.opaque_calls += 1;
            crate::later::run(machine, path, None, &arguments);
            machine.escape_arguments(&arguments);
            crate::flask::note_middleware(machine, &arguments);
            crate::request::opaque(machine, path, taint, &arguments)?
        }
    })
}

/// What a method is called on, without a copy of its content.
enum Receiver {
    List,
    Dict(Option<Arc<str>>),
    Instance(Value),
    Class,
    Function,
    Property,
    Other,
}

impl Receiver {
    fn of(shape: &Shape<'_>) -> Self {
        match shape {
            Shape::List(_) => Self::List,
            Shape::Dict(dict) => Self::Dict(dict.class.clone()),
            Shape::Instance { class } => Self::Instance(class.clone()),
            Shape::Class(_) => Self::Class,
            Shape::Function(_) => Self::Function,
            Shape::Property { .. } => Self::Property,
            _ => Self::Other,
        }
    }
}

/// Calls a method of a built-in value, or of an instance whose class a library defines.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    receiver: &Value,
    name: &str,
    arguments: Arguments,
) -> Evaluated {
    let span = arguments.span;
    if let Some(path) = name.strip_prefix("super:") {
        return call_super(machine, receiver, path, &arguments);
    }
    let known = match &receiver.kind {
        Kind::Str(rope) => crate::text::call(machine, &rope.clone(), name, &arguments),
        Kind::Bytes(bytes) => crate::text::call_bytes(machine, &bytes.clone(), name, &arguments),
        Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) | Kind::Some(_) => Some(number_method(receiver, name)),
        Kind::Tuple(values) => crate::container::call_tuple(machine, &values.clone(), name, &arguments),
        Kind::Object(id) => {
            let id = *id;
            match Receiver::of(&machine.heap.get(id).shape) {
                Receiver::List => crate::container::call_list(machine, id, name, &arguments)?,
                Receiver::Dict(class) => {
                    if let Some(class) = class {
                        machine.note_call(&format!("{class}().{name}"), Some(receiver), &arguments);
                    }
                    match crate::flask::config_method(machine, id, name, &arguments)? {
                        Some(value) => Some(value),
                        None => crate::container::call_dict(machine, id, name, &arguments)?,
                    }
                }
                Receiver::Instance(class) => {
                    return call_instance_method(machine, id, &class, name, arguments);
                }
                Receiver::Class if name == "as_view" => Some(crate::flask::as_view(machine, id)),
                Receiver::Function => Some(function_method(machine, receiver, name, &arguments)?),
                Receiver::Property => property_method(machine, id, name, &arguments),
                Receiver::Class | Receiver::Other => None,
            }
        }
        _ => None,
    };
    Ok(match known {
        Some(value) => value.at(Some(span)),
        None => {
            machine.opaque_calls += 1;
            machine.escape_arguments(&arguments);
            let taint = machine.taint_of(receiver);
            machine.through(Value::UNKNOWN.at(Some(span)), &format!("*.{name}"), taint, &arguments)
        }
    })
}

fn call_instance_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    class: &Value,
    name: &str,
    arguments: Arguments,
) -> Evaluated {
    let span = arguments.span;
    let Some(base) = machine.library_base(class) else { return Ok(Value::UNKNOWN.at(Some(span))) };
    let path = format!("{base}().{name}");
    machine.note_call(&path, Some(&Value::object(id)), &arguments);
    if let Some(class) = machine.program.models.raises(&path) {
        return Err(Raised(Box::new(Value::path(class.clone()))));
    }
    if let Some(value) = crate::flask::call_method(machine, id, &base, name, &arguments)? {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::markup::call_method(machine, id, name, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::connexion::call_method(machine, &path, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::parsed::call_method(machine, id, &base, name, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::resource::call_method(machine, id, &base, name, &arguments) {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::stdlib::call_method(machine, id, &base, name, &arguments)? {
        return Ok(value.at(Some(span)));
    }
    if let Some(value) = crate::settings::call_method(machine, id, &base, name, &arguments)? {
        return Ok(value.at(Some(span)));
    }
    machine.opaque_calls += 1;
    crate::later::run(machine, &path, None, &arguments);
    machine.escape_arguments(&arguments);
    let taint = machine.taint_of(&Value::object(id));
    Ok(machine.through(extend_path(&path, format_args!("()")).at(Some(span)), &path, taint, &arguments))
}

/// Calls an instance of a library class.
pub(crate) fn call_instance(machine: &mut Machine<'_>, id: ObjectId, arguments: Arguments) -> Evaluated {
    let span = arguments.span;
    if let Some(function) = machine.heap.attribute(id, "@partial").cloned() {
        return crate::stdlib::call_partial(machine, id, &function, arguments);
    }
    let Shape::Instance { class } = machine.heap.get(id).shape.clone() else { return Ok(Value::UNKNOWN) };
    let Some(base) = machine.library_base(&class) else { return Ok(Value::UNKNOWN.at(Some(span))) };
    let path = format!("{base}()");
    machine.note_call(&path, Some(&Value::object(id)), &arguments);
    if let Some(value) = crate::settings::call_method(machine, id, &base, "__call__", &arguments)? {
        return Ok(value.at(Some(span)));
    }
    machine.opaque_calls += 1;
    let taint = machine.taint_of(&Value::object(id));
    Ok(machine.through(extend_path(&path, format_args!("()")).at(Some(span)), &path, taint, &arguments))
}

/// `super().method(...)` where a library defines the method.
fn call_super(machine: &mut Machine<'_>, receiver: &Value, path: &str, arguments: &Arguments) -> Evaluated {
    let Some((base, method)) = path.rsplit_once('.') else { return Ok(Value::UNKNOWN) };
    let Some(id) = receiver.as_object() else { return Ok(Value::UNKNOWN) };
    if method == "__init__" {
        machine.note_call(base, Some(receiver), arguments);
        crate::flask::initialise(machine, id, base, arguments);
        return Ok(Value::NONE);
    }
    let class = Value::path(base);
    call_instance_method(machine, id, &class, method, arguments.clone())
}

/// Makes an instance of a program's class that derives from a library's, where the library's constructor matters.
pub(crate) fn instantiate_subclass(
    machine: &mut Machine<'_>,
    class: ObjectId,
    base: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if let Some(value) = crate::flask::instantiate_subclass(machine, class, base, arguments)? {
        return Ok(Some(value));
    }
    if let Some(value) = crate::pydantic::instantiate_subclass(machine, class, base, arguments)? {
        return Ok(Some(value));
    }
    crate::stdlib::instantiate_subclass(machine, class, base, arguments)
}

/// A decorator with an effect of its own on the function; `None` for one that is an ordinary call.
pub(crate) fn decorate(
    machine: &mut Machine<'_>,
    decorator: &Value,
    function: &Value,
    span: Span,
) -> Result<Option<Value>, Raised> {
    if decorator.as_path().is_some_and(|path| crate::message::decorate(machine, path, function)) {
        return Ok(Some(function.clone()));
    }
    if let Some(value) = crate::flask::decorate(machine, decorator, function, span)? {
        return Ok(Some(value));
    }
    if let Some(id) = decorator.as_object()
        && let Some(wrapped) = machine.heap.attribute(id, "@wraps").cloned()
    {
        if let (Some(target), Some(name)) =
            (function.as_object(), crate::flask::function_name(machine, &wrapped))
        {
            machine.heap.set_attribute(
                target,
                flaskseal_python::Name::new_static("__name__"),
                Value::str(name),
            );
            if let Some(Shape::Function(function)) =
                wrapped.as_object().map(|id| machine.heap.get(id).shape.clone())
            {
                let text = crate::object::docstring(function.code);
                machine.heap.set_attribute(target, flaskseal_python::Name::new_static("__doc__"), text);
            }
            machine.heap.set_attribute(target, flaskseal_python::Name::new_static("__wrapped__"), wrapped);
        }
        return Ok(Some(function.clone()));
    }
    let path = match &decorator.kind {
        Kind::Path(path) => path.clone(),
        Kind::Method(method) if &*method.1 == "setter" => {
            if let Some(property) = method.0.as_object() {
                machine.heap.set_attribute(
                    property,
                    flaskseal_python::Name::new_static("@setter"),
                    function.clone(),
                );
                return Ok(Some(method.0.clone()));
            }
            return Ok(None);
        }
        _ => return Ok(None),
    };
    Ok(match &*path {
        "builtins.property" | "functools.cached_property" | "werkzeug.utils.cached_property" => {
            let id = machine.heap.allocate(Shape::Property { getter: function.clone() });
            if !path.starts_with("builtins")
                && let Some(name) = crate::flask::function_name(machine, function)
            {
                machine.heap.set_attribute(
                    id,
                    flaskseal_python::Name::new_static("@cached"),
                    Value::str(name),
                );
            }
            Some(Value::object(id))
        }
        "builtins.staticmethod" => {
            Some(Value::object(machine.heap.allocate(Shape::StaticMethod(function.clone()))))
        }
        "builtins.classmethod" => {
            Some(Value::object(machine.heap.allocate(Shape::ClassMethod(function.clone()))))
        }
        // These give back something that behaves like the function for what is asked here.
        "functools.lru_cache" | "functools.lru_cache()" | "functools.cache" => {
            if let Some(id) = function.as_object() {
                machine.heap.set_attribute(id, flaskseal_python::Name::new_static("@memo"), Value::tuple([]));
            }
            Some(function.clone())
        }
        "abc.abstractmethod" | "contextlib.contextmanager" | "typing.overload" | "typing.final" => {
            Some(function.clone())
        }
        _ => crate::parsed::decorate(machine, &path, function),
    })
}

pub(crate) fn decorate_class(
    machine: &mut Machine<'_>,
    decorator: &Value,
    class: ObjectId,
    span: Span,
) -> bool {
    if crate::resource::decorate_class(machine, decorator, class, span) {
        return true;
    }
    match decorator.as_path() {
        Some(
            "dataclasses.dataclass"
            | "dataclasses.dataclass()"
            | "attr.s"
            | "attr.s()"
            | "attrs.define"
            | "attrs.define()"
            | "attrs.frozen"
            | "attr.dataclass",
        ) => {
            crate::fields::make_dataclass(machine, class);
            true
        }
        Some("functools.total_ordering" | "enum.unique" | "typing.final") => true,
        _ => false,
    }
}

fn function_method(
    machine: &mut Machine<'_>,
    function: &Value,
    name: &str,
    arguments: &Arguments,
) -> Evaluated {
    match name {
        "__call__" => machine.call(function, arguments.clone()),
        _ => {
            let path = format!("*.{name}");
            machine.note_call(&path, Some(function), arguments);
            crate::later::run(machine, &path, Some(function), arguments);
            Ok(Value::UNKNOWN)
        }
    }
}

fn property_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    if name == "setter"
        && let Some(setter) = arguments.positional.first()
    {
        machine.heap.set_attribute(id, flaskseal_python::Name::new_static("@setter"), setter.clone());
    }
    Some(Value::object(id))
}

fn number_method(receiver: &Value, name: &str) -> Value {
    match (name, &receiver.kind) {
        ("is_integer", Kind::Float(value)) => Value::bool(value.fract() == 0.0),
        ("real" | "conjugate", _) => receiver.clone(),
        ("total_seconds", _) => Value::new(Kind::Some(crate::value::Type::Float), None),
        _ => Value::UNKNOWN,
    }
}
