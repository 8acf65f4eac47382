//! `connexion`: an OpenAPI document says which function answers which request.
//!
//! Reference: <https://connexion.readthedocs.io/en/latest/routing.html>.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::flask::RouteValue;
use crate::machine::Machine;
use crate::value::Value;

/// A request that an OpenAPI document describes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The path, with `{name}` for its parameters.
    pub path: String,
    /// In capitals.
    pub method: String,
    /// The dotted name of the function that answers.
    pub function: String,
    /// The names of its query parameters.
    pub query: Vec<String>,
    pub has_body: bool,
}

/// More operations than this in one document are not followed.
const MAX_OPERATIONS: usize = 2000;

/// `app.add_api("openapi.yml")`: its operations become routes.
pub(crate) fn call_method(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    if machine.serving || !machine.program.models.has_role(path, "openapi.add") {
        return None;
    }
    let named = arguments.get(0, "specification").or_else(|| arguments.keyword("swagger_file"))?;
    let named = named.as_str()?.trim_start_matches("./").to_owned();
    for operation in operations(machine, &named) {
        add_route(machine, &operation, arguments.span);
    }
    Some(Value::UNKNOWN)
}

/// The operations of the documents of this name, wherever the folder of specifications is.
fn operations(machine: &Machine<'_>, named: &str) -> Vec<Operation> {
    let program = machine.program;
    let below = format!("/{named}");
    let is_named = |path: &str| path == named || path.ends_with(&below);
    let files = program.tree.files.iter().filter(|file| is_named(&file.path));
    files.flat_map(|file| (program.read_operations)(&file.text)).take(MAX_OPERATIONS).collect()
}

fn add_route(machine: &mut Machine<'_>, operation: &Operation, span: Span) {
    let Ok(view) = machine.import_string(&operation.function, span) else { return };
    let Some(id) = view.as_object() else { return };
    // Connexion hands over what Python can name.
    let python_name = |name: &str| name.replace(['-', '.', '['], "_").replace(']', "");
    let mut rule = String::new();
    for (index, part) in operation.path.split('{').enumerate() {
        match (index, part.split_once('}')) {
            (1.., Some((name, rest))) => {
                rule.extend(["<", &python_name(name), ">", rest]);
            }
            _ => rule.push_str(part),
        }
    }
    let named = operation.query.iter().map(|name| {
        Value::tuple([Value::str(python_name(name)), Value::str(format!("flask.request.args[{name:?}]"))])
    });
    let body =
        operation.has_body.then(|| Value::tuple([Value::str("body"), Value::str("flask.request.json")]));
    let named: Vec<Value> = named.chain(body).collect();
    machine.heap.set_attribute(id, Name::new_static("@inputs"), Value::tuple(named));
    let methods = machine.list(vec![Value::str(operation.method.clone())]);
    machine.loose_routes.push(RouteValue {
        rule: Value::str(rule),
        endpoint: Value::UNKNOWN,
        methods,
        view,
        at: Some(span),
    });
}

/// Adds what the document says that a view is given.
pub(crate) fn add_arguments(machine: &Machine<'_>, view: crate::heap::ObjectId, arguments: &mut Arguments) {
    let Some(named) = machine.heap.attribute(view, "@inputs").cloned() else { return };
    let crate::value::Kind::Tuple(named) = &named.kind else { return };
    for pair in named.iter() {
        let crate::value::Kind::Tuple(pair) = &pair.kind else { continue };
        let (Some(name), Some(path)) = (pair[0].as_str(), pair[1].as_str()) else { continue };
        let path: Arc<str> = path.into();
        let value = crate::request::input(machine, &path, arguments.span)
            .unwrap_or_else(|| crate::request::text(&path, arguments.span));
        arguments.keywords.push((Name::new(name), value));
    }
}
