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
