//! What answers messages instead of requests: handlers of Socket.IO events and views of WebSockets.

use std::sync::Arc;

use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::{Function, ObjectId, Shape};
use crate::machine::Machine;
use crate::value::Value;

const HANDLER: &str = "message.handler";
const NAMESPACE: &str = "message.namespace";
/// The role of what puts a WebSocket under a rule.
pub(crate) const WEBSOCKET: &str = "websocket.route";

/// `@socketio.on("event")`, `@sock.route("/path")`: notes that the function answers messages.
pub(crate) fn decorate(machine: &mut Machine<'_>, decorator: &str, function: &Value) -> bool {
    // `@socketio.event` has no parentheses.
    let decorator = decorator.strip_suffix("()").unwrap_or(decorator);
    let models = machine.program.models;
    if ![HANDLER, WEBSOCKET].iter().any(|role| models.has_role(decorator, role)) {
        return false;
    }
    let Some(id) = function.as_object() else { return false };
    note(machine, id, decorator);
    true
}

/// Notes by which decorator a function came to answer messages.
fn note(machine: &mut Machine<'_>, function: ObjectId, decorator: &str) {
    machine.heap.set_attribute(function, Name::new_static("@answers"), Value::path(decorator));
}

/// `socketio.on_event("event", handler)`.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) {
    let Some(handler) = arguments.get(1, "handler").and_then(Value::as_object) else { return };
    if machine.program.models.has_role(path, HANDLER) {
        note(machine, handler, path);
    }
}

/// A function that answers messages.
pub(crate) struct Handler<'a> {
    pub id: ObjectId,
    pub function: Arc<Function<'a>>,
    /// What made it one: a decorator, or the class of its methods.
    by: Arc<str>,
}

/// Every function that answers messages.
pub(crate) fn handlers<'a>(machine: &Machine<'a>) -> Vec<Handler<'a>> {
    let handler = |id: ObjectId, by: &str| match &machine.heap.get(id).shape {
        Shape::Function(function) => Some(Handler { id, function: function.clone(), by: by.into() }),
        _ => None,
    };
    let mut found = Vec::new();
    for id in machine.heap.ids() {
        match &machine.heap.get(id).shape {
            Shape::Function(_) => {
                let by = machine.heap.attribute(id, "@answers").and_then(Value::as_path);
                found.extend(by.and_then(|by| handler(id, by)));
            }
            Shape::Class(_) => {
                let base = machine.library_base(&Value::object(id));
                let base = base.filter(|base| machine.program.models.has_role(base, NAMESPACE));
                let Some(base) = base else { continue };
                let attributes = machine.heap.get(id).attributes.iter();
                let methods = attributes.filter(|(name, _)| name.starts_with("on_"));
                found.extend(methods.filter_map(|(_, method)| handler(method.as_object()?, &base)));
            }
            _ => {}
        }
    }
    found
}

/// What a handler is called with; `None` where no row says it.
pub(crate) fn arguments(machine: &mut Machine<'_>, handler: &Handler<'_>) -> Option<Arguments> {
    let given = machine.program.models.gives(&handler.by)?.clone();
    let function = &handler.function;
    let mut arguments = Arguments::none(function.span);
    if let Some(class) = function.class {
        arguments.positional.push(Value::object(machine.instance(Value::object(class))));
    }
    match crate::request::input(machine, &given, function.span) {
        Some(message) => {
            arguments.open = true;
            arguments.further = Some(message);
        }
        // The socket, whose messages are the input.
        None => arguments.positional.push(Value::path(given)),
    }
    Some(arguments)
}
