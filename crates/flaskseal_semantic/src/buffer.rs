//! `io.StringIO` and `io.BytesIO`: text that is written piece by piece.

use crate::call::Arguments;
use crate::heap::ObjectId;
use crate::machine::Machine;
use crate::value::{Bytes, Kind, Value};

/// `StringIO("begin")`.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    if !matches!(path, "io.StringIO" | "io.BytesIO") {
        return None;
    }
    let content = match arguments.positional.first() {
        Some(value) if !matches!(value.kind, Kind::None) => value.clone(),
        _ if path == "io.BytesIO" => Value::new(Kind::Bytes(Bytes::Known([].into())), None),
        _ => Value::str(""),
    };
    Some(machine.library_instance(path, &[("@content", content)]))
}

/// `print(..., file=buffer)`.
pub(crate) fn print(machine: &mut Machine<'_>, arguments: &Arguments) {
    let buffer = arguments.keyword("file").and_then(Value::as_object);
    let Some((id, content)) =
        buffer.and_then(|id| Some((id, machine.heap.attribute(id, "@content")?.clone())))
    else {
        return;
    };
    if !matches!(content.kind, Kind::Str(_)) {
        return;
    }
    let or = |name: &str, default: &str| match arguments.keyword(name) {
        Some(value) if !matches!(value.kind, Kind::None) => value.clone(),
        _ => Value::str(default),
    };
    let (between, end) = (or("sep", " "), or("end", "\n"));
    let mut pieces = vec![content];
    for (index, value) in arguments.positional.iter().enumerate() {
        if index > 0 {
            pieces.push(between.clone());
        }
        pieces.push(machine.text_of(value).into());
    }
    pieces.push(end);
    let longer = machine.concat_values(&pieces);
    machine.heap.set_attribute(id, "@content".into(), longer);
}

/// Calls a method of a buffer. Where it is read from or written to in the middle is not followed.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let content = machine.heap.attribute(id, "@content")?.clone();
    Some(match name {
        "write" => {
            let added = arguments.positional.first()?.clone();
            let longer = match (&content.kind, &added.kind) {
                (Kind::Bytes(_), _) => {
                    machine.binary(&content, flaskseal_python::ast::Operator::Add, &added, arguments.span)
                }
                _ => machine.concat_values(&[content, added]),
            };
            machine.heap.set_attribute(id, "@content".into(), longer);
            Value::UNKNOWN
        }
        "getvalue" | "read" | "getbuffer" => content,
        "seek" | "close" | "flush" | "truncate" => Value::NONE,
        "__enter__" => Value::object(id),
        _ => return None,
    })
}
