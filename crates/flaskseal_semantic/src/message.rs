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

/// What a handler of events is given, as an input of the models.
const MESSAGE: &str = "flask_socketio.message";
/// What the view of a WebSocket is given; an input of the models is its method.
const SOCKET: &str = "simple_websocket.Server()";

/// `@socketio.on("event")`, `@sock.route("/path")`: notes that the function answers messages.
pub(crate) fn decorate(machine: &mut Machine<'_>, decorator: &str, function: &Value) -> bool {
    // `@socketio.event` has no parentheses.
    let decorator = decorator.strip_suffix("()").unwrap_or(decorator);
    let models = machine.program.models;
    let Some(role) = [HANDLER, WEBSOCKET].into_iter().find(|role| models.has_role(decorator, role)) else {
        return false;
    };
    let Some(id) = function.as_object() else { return false };
    machine.heap.set_attribute(id, Name::new_static("@answers"), Value::str(role));
    true
}

/// `socketio.on_event("event", handler)`.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) {
    let Some(handler) = arguments.get(1, "handler").and_then(Value::as_object) else { return };
    if machine.program.models.has_role(path, HANDLER) {
        machine.heap.set_attribute(handler, Name::new_static("@answers"), Value::str(HANDLER));
    }
}

/// Every function that answers messages.
pub(crate) fn handlers<'a>(machine: &Machine<'a>) -> Vec<(ObjectId, Arc<Function<'a>>)> {
    let function = |id: ObjectId| match &machine.heap.get(id).shape {
        Shape::Function(function) => Some((id, function.clone())),
        _ => None,
    };
    let mut found = Vec::new();
    for id in machine.heap.ids() {
        match &machine.heap.get(id).shape {
            Shape::Function(_) if machine.heap.attribute(id, "@answers").is_some() => {
                found.extend(function(id));
            }
            Shape::Class(_) => {
                let base = machine.library_base(&Value::object(id));
                if base.is_some_and(|base| machine.program.models.has_role(&base, NAMESPACE)) {
                    let attributes = machine.heap.get(id).attributes.iter();
                    let methods = attributes.filter(|(name, _)| name.starts_with("on_"));
                    found.extend(methods.filter_map(|(_, method)| function(method.as_object()?)));
                }
            }
            _ => {}
        }
    }
    found
}

/// What a handler is called with.
pub(crate) fn arguments(
    machine: &mut Machine<'_>,
    id: ObjectId,
    function: &Function<'_>,
) -> Option<Arguments> {
    let mut arguments = Arguments::none(function.span);
    if let Some(class) = function.class {
        arguments.positional.push(Value::object(machine.instance(Value::object(class))));
    }
    if machine.heap.attribute(id, "@answers").and_then(Value::as_str) == Some(WEBSOCKET) {
        arguments.positional.push(Value::path(SOCKET));
        return Some(arguments);
    }
    arguments.open = true;
    arguments.further = Some(crate::request::input(machine, &MESSAGE.into(), function.span)?);
    Some(arguments)
}
