//! Routes, blueprints and hooks, as `flask/sansio` has them.

use flaskseal_core::Span;

use super::{HTTP_METHODS, function_name};
use crate::call::Arguments;
use crate::heap::ObjectId;
use crate::machine::Machine;
use crate::value::{Alternative, Kind, Value};

pub(super) fn route_decorator(
    machine: &mut Machine<'_>,
    owner: Value,
    arguments: &Arguments,
    method: Option<&str>,
) -> Value {
    let rule = arguments.get(0, "rule").cloned().unwrap_or(Value::UNKNOWN);
    let endpoint = arguments.keyword("endpoint").cloned().unwrap_or(Value::NONE);
    let methods = match method {
        Some(method) => {
            let method = Value::str(method.to_uppercase());
            machine.list(vec![method])
        }
        None => arguments.keyword("methods").cloned().unwrap_or(Value::NONE),
    };
    machine
        .library_instance(
            "flask.route()",
            &[("@owner", owner), ("@rule", rule), ("@endpoint", endpoint), ("@methods", methods)],
        )
        .at(Some(arguments.span))
}

pub(crate) fn add_route(
    machine: &mut Machine<'_>,
    owner: ObjectId,
    rule: Value,
    endpoint: Value,
    methods: Value,
    view: Value,
    span: Span,
) {
    let endpoint = match endpoint.kind {
        Kind::None => match function_name(machine, &view) {
            Some(name) => Value::str(name),
            None => Value::UNKNOWN,
        },
        _ => endpoint,
    };
    let methods = match methods.kind {
        Kind::None => view_methods(machine, &view),
        _ => methods,
    };
    let Some(routes) = machine.heap.attribute(owner, "@routes").and_then(Value::as_object) else { return };
    machine.append(routes, Value::tuple([rule, endpoint, methods, view]).at(Some(span)));
}

pub(super) fn view_methods(machine: &mut Machine<'_>, view: &Value) -> Value {
    let class = view.as_object().and_then(|id| machine.heap.attribute(id, "@class")).cloned();
    let Some(class) = class else {
        let own = view.as_object().and_then(|id| machine.heap.attribute(id, "methods")).cloned();
        return own.unwrap_or_else(|| Value::tuple([Value::str("GET")]));
    };
    if let Some(methods) = machine.attribute_of_class(&class, "methods") {
        return methods;
    }
    let defined: Vec<Value> = HTTP_METHODS
        .iter()
        .chain(&["head", "options", "trace"])
        .filter(|method| machine.attribute_of_class(&class, method).is_some())
        .map(|method| Value::str(method.to_uppercase()))
        .collect();
    if defined.is_empty() { Value::tuple([Value::str("GET")]) } else { Value::tuple(defined) }
}

/// `View.as_view(name)`: a view function that remembers its class.
pub(crate) fn as_view(machine: &mut Machine<'_>, class: ObjectId) -> Value {
    machine.library_instance("flask.views.View.as_view()", &[("@class", Value::object(class))])
}

pub(super) fn add_hook(machine: &mut Machine<'_>, owner: ObjectId, hook: &str, function: &Value) {
    if let Some(hooks) = machine.heap.attribute(owner, "@hooks").and_then(Value::as_object) {
        machine.append(hooks, Value::tuple([Value::str(hook), function.clone()]));
    }
}

pub(crate) fn register_blueprint(
    machine: &mut Machine<'_>,
    owner: ObjectId,
    blueprint: &Value,
    arguments: &Arguments,
) {
    let Some(id) = blueprint.as_object() else { return };
    let name = match arguments.keyword("name") {
        Some(name) => name.clone(),
        None => machine.heap.attribute(id, "name").cloned().unwrap_or(Value::UNKNOWN),
    };
    let prefix = match arguments.keyword("url_prefix") {
        Some(prefix) if !matches!(prefix.kind, Kind::None) => prefix.clone(),
        _ => machine.heap.attribute(id, "url_prefix").cloned().unwrap_or(Value::NONE),
    };
    if let Some(list) = machine.heap.attribute(owner, "@blueprints").and_then(Value::as_object) {
        machine.append(list, Value::tuple([blueprint.clone(), name, prefix]).at(Some(arguments.span)));
    }
}

/// Blueprints in blueprints are followed this deep.
const MAX_NESTING: usize = 8;

/// A route of an application, as requests reach it.
#[derive(Clone, Debug)]
pub(crate) struct RouteValue {
    pub rule: Value,
    pub endpoint: Value,
    pub methods: Value,
    pub view: Value,
    pub at: Option<Span>,
}

/// All routes of an application: its own, and those of its blueprints under their prefixes and names.
pub(crate) fn routes(machine: &mut Machine<'_>, app: ObjectId) -> Vec<RouteValue> {
    let mut found = Vec::new();
    collect_routes(machine, app, None, None, 0, &mut found);
    found
}

/// The routes of everything that collects some, whoever may take them over.
pub(crate) fn routes_of_all(machine: &mut Machine<'_>) -> Vec<RouteValue> {
    let owners: Vec<ObjectId> =
        machine.heap.ids().filter(|id| machine.heap.attribute(*id, "@routes").is_some()).collect();
    let mut found = Vec::new();
    for owner in owners {
        // What is nested is an owner of its own.
        collect_routes(machine, owner, None, None, MAX_NESTING, &mut found);
    }
    found
}

fn collect_routes(
    machine: &mut Machine<'_>,
    owner: ObjectId,
    prefix: Option<&Value>,
    name: Option<&Value>,
    depth: usize,
    found: &mut Vec<RouteValue>,
) {
    if depth > MAX_NESTING {
        return;
    }
    let list = |machine: &mut Machine<'_>, attribute: &str| -> Vec<Value> {
        let list = machine.heap.attribute(owner, attribute).cloned();
        list.map(|list| machine.elements(&list))
            .map(|e| e.known.into_iter().chain(e.rest).collect())
            .unwrap_or_default()
    };
    for route in list(machine, "@routes") {
        for Alternative { value: route, .. } in route.alternatives() {
            let Kind::Tuple(parts) = &route.kind else { continue };
            let [rule, endpoint, methods, view] = &**parts else { continue };
            let rule = match prefix {
                Some(prefix) => join_rules(machine, prefix, rule),
                None => rule.clone(),
            };
            let endpoint = match name {
                Some(name) => machine.concat_values(&[name.clone(), Value::str("."), endpoint.clone()]),
                None => endpoint.clone(),
            };
            found.push(RouteValue {
                rule,
                endpoint,
                methods: methods.clone(),
                view: view.clone(),
                at: route.at,
            });
        }
    }
    for blueprint in list(machine, "@blueprints") {
        for Alternative { value: entry, .. } in blueprint.alternatives() {
            let Kind::Tuple(parts) = &entry.kind else { continue };
            let [blueprint, own_name, own_prefix] = &**parts else { continue };
            let Some(id) = blueprint.as_object() else { continue };
            let own_prefix = (!matches!(own_prefix.kind, Kind::None)).then_some(own_prefix);
            let prefix = match (prefix, own_prefix) {
                (Some(outer), Some(inner)) => Some(join_rules(machine, outer, inner)),
                (outer, inner) => outer.or(inner).cloned(),
            };
            // What is no blueprint has no name of its own.
            let name = match (name, &own_name.kind) {
                (outer, Kind::None) => outer.cloned(),
                (Some(outer), _) => {
                    Some(machine.concat_values(&[outer.clone(), Value::str("."), own_name.clone()]))
                }
                (None, _) => Some(own_name.clone()),
            };
            collect_routes(machine, id, prefix.as_ref(), name.as_ref(), depth + 1, found);
        }
    }
}

/// `"/".join((prefix.rstrip("/"), rule.lstrip("/")))`, as Flask joins them; an empty rule is the prefix itself.
fn join_rules(machine: &mut Machine<'_>, prefix: &Value, rule: &Value) -> Value {
    match (prefix.as_str(), rule.as_str()) {
        (Some(prefix), Some("")) => Value::str(prefix),
        (Some(prefix), Some(rule)) => {
            Value::str(format!("{}/{}", prefix.trim_end_matches('/'), rule.trim_start_matches('/')))
        }
        _ => machine.concat_values(&[prefix.clone(), rule.clone()]),
    }
}

/// A function that an application or a blueprint runs around requests.
pub(crate) struct HookValue {
    pub name: String,
    pub function: Value,
    /// The blueprint's name, as endpoints have it; empty where it is not known.
    pub blueprint: Option<String>,
}

impl HookValue {
    /// Whether every request goes through it before its view is called.
    pub(crate) fn runs_before_every_view(&self) -> bool {
        self.name == "before_app_request" || self.name == "before_request" && self.blueprint.is_none()
    }
}

/// Functions that an application and its blueprints run around requests.
pub(crate) fn hooks(machine: &mut Machine<'_>, app: ObjectId) -> Vec<HookValue> {
    let mut owners: Vec<(ObjectId, Option<String>)> = vec![(app, None)];
    let mut found = Vec::new();
    let mut index = 0;
    while let Some((owner, owner_name)) = owners.get(index).cloned() {
        index += 1;
        for (attribute, is_hook) in [("@hooks", true), ("@blueprints", false)] {
            let Some(list) = machine.heap.attribute(owner, attribute).cloned() else { continue };
            let elements = machine.elements(&list);
            for entry in elements.known.into_iter().chain(elements.rest) {
                for Alternative { value: entry, .. } in entry.alternatives() {
                    let Kind::Tuple(parts) = &entry.kind else { continue };
                    match (is_hook, &**parts) {
                        (true, [name, function]) => found.push(HookValue {
                            name: name.as_str().unwrap_or_default().to_owned(),
                            function: function.clone(),
                            blueprint: owner_name.clone(),
                        }),
                        (false, [blueprint, name, ..]) => {
                            let Some(id) = blueprint.as_object() else { continue };
                            if owners.iter().any(|(known, _)| *known == id) {
                                continue;
                            }
                            let name = match (&owner_name, name.as_str()) {
                                (_, None) => String::new(),
                                (Some(outer), Some(_)) if outer.is_empty() => String::new(),
                                (Some(outer), Some(name)) => format!("{outer}.{name}"),
                                (None, Some(name)) => name.to_owned(),
                            };
                            owners.push((id, Some(name)));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}
