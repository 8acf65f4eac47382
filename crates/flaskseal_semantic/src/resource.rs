//! Resources: classes that Flask-RESTful and its relatives put under rules.
//!
//! An API object and a namespace are what a blueprint is to Flask: they collect routes, and something takes them
//! over under a prefix. References: Flask-RESTful 0.3.10 `Api.add_resource`, Flask-RESTX 1.3 `Api` and `Namespace`,
//! flask-smorest 0.47 `Api.register_blueprint`.

use flaskseal_core::Span;
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::flask::{add_route, as_view, register_blueprint};
use crate::heap::{ObjectId, Shape};
use crate::machine::Machine;
use crate::value::{Kind, Value};

fn is_api(path: &str) -> bool {
    matches!(path, "flask_restful.Api" | "flask_restplus.Api" | "flask_restx.Api" | "flask_smorest.Api")
}

fn is_namespace(path: &str) -> bool {
    matches!(path, "flask_restplus.Namespace" | "flask_restx.Namespace")
}

/// `Api(app)`, `Namespace("users")`.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    let span = arguments.span;
    if is_api(path) {
        let prefix = arguments.keyword("prefix").cloned().unwrap_or(Value::NONE);
        let api = collector(machine, path, prefix);
        if let Some(app) = arguments.get(0, "app").cloned() {
            attach(machine, &app, api, Value::NONE, span);
        }
        return Some(Value::object(api));
    }
    if is_namespace(path) {
        return Some(Value::object(namespace(machine, path, arguments)));
    }
    None
}

fn namespace(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> ObjectId {
    let prefix = match arguments.keyword("path") {
        Some(path) => path.clone(),
        None => {
            let name = arguments.get(0, "name").cloned().unwrap_or(Value::UNKNOWN);
            machine.concat_values(&[Value::str("/"), name])
        }
    };
    let id = collector(machine, path, prefix);
    let name = arguments.get(0, "name").cloned().unwrap_or(Value::UNKNOWN);
    machine.heap.set_attribute(id, Name::new_static("@name"), name);
    id
}

fn collector(machine: &mut Machine<'_>, class: &str, prefix: Value) -> ObjectId {
    let id = machine.instance(Value::path(class));
    for name in ["@routes", "@hooks", "@blueprints"] {
        let list = machine.list(Vec::new());
        machine.heap.set_attribute(id, Name::new_static(name), list);
    }
    machine.heap.set_attribute(id, Name::new_static("url_prefix"), prefix);
    id
}

/// Lets an application, a blueprint or an API take over what another object collects.
fn attach(machine: &mut Machine<'_>, owner: &Value, collected: ObjectId, prefix: Value, span: Span) {
    let Some(owner) = owner.as_object() else { return };
    let Some(list) = machine.heap.attribute(owner, "@blueprints").and_then(Value::as_object) else { return };
    let prefix = match prefix.kind {
        Kind::None => machine.heap.attribute(collected, "url_prefix").cloned().unwrap_or(Value::NONE),
        _ => prefix,
    };
    let entry = Value::tuple([Value::object(collected), Value::NONE, prefix]).at(Some(span));
    machine.append(list, entry);
}

/// Methods of APIs and namespaces.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    base: &str,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    if !is_api(base) && !is_namespace(base) {
        return None;
    }
    let span = arguments.span;
    Some(match name {
        "init_app" => {
            let app = arguments.get(0, "app")?.clone();
            attach(machine, &app, id, Value::NONE, span);
            Value::NONE
        }
        "register_blueprint" => {
            let blueprint = arguments.get(0, "blp")?.clone();
            register_blueprint(machine, id, &blueprint, arguments);
            Value::NONE
        }
        "add_resource" => {
            let (resource, rules) = arguments.positional.split_first()?;
            let (resource, rules) = (resource.clone(), rules.to_vec());
            add_resource(machine, id, &resource, &rules, arguments.keyword("endpoint"), span);
            Value::NONE
        }
        "resource" | "route" => {
            let rules = Value::tuple(arguments.positional.clone());
            let endpoint = arguments.keyword("endpoint").cloned().unwrap_or(Value::NONE);
            machine.library_instance(
                "flask_restful.resource()",
                &[("@owner", Value::object(id)), ("@rules", rules), ("@endpoint", endpoint)],
            )
        }
        "add_namespace" => {
            let namespace = arguments.get(0, "ns")?.as_object()?;
            let prefix = arguments.get(1, "path").cloned().unwrap_or(Value::NONE);
            attach(machine, &Value::object(id), namespace, prefix, span);
            Value::NONE
        }
        "namespace" => {
            let class = base.replace(".Api", ".Namespace");
            let namespace = namespace(machine, &class, arguments);
            attach(machine, &Value::object(id), namespace, Value::NONE, span);
            Value::object(namespace)
        }
        // These give the class or function back as it is.
        "doc" | "expect" | "marshal_with" | "marshal_list_with" | "response" | "param" | "errorhandler"
        | "produces" | "header" | "deprecated" | "hide" => return None,
        _ => return None,
    })
}

fn add_resource(
    machine: &mut Machine<'_>,
    owner: ObjectId,
    resource: &Value,
    rules: &[Value],
    endpoint: Option<&Value>,
    span: Span,
) {
    for alternative in resource.alternatives() {
        let Some(class) = alternative.value.as_object().filter(|id| machine.class(*id).is_some()) else {
            continue;
        };
        let endpoint = endpoint.cloned().unwrap_or_else(|| default_endpoint(machine, owner, class));
        let view = as_view(machine, class);
        for rule in rules {
            add_route(machine, owner, rule.clone(), endpoint.clone(), Value::NONE, view.clone(), span);
        }
    }
}

/// The endpoint that a class has without one of its own: `UserList` is `userlist` in Flask-RESTful, `user_list` or, in a
/// namespace, `users_user_list` in Flask-RESTX, and `UserList` where a blueprint's `route` decorates it. References:
/// Flask-RESTful 0.3.10 `Api._register_view`, Flask-RESTX 1.3 `Api.default_endpoint`, flask-smorest 0.47
/// `Blueprint.route`, APIFlask 3.0 `APIScaffold.add_url_rule`.
fn default_endpoint(machine: &mut Machine<'_>, owner: ObjectId, class: ObjectId) -> Value {
    let qualified = machine.class(class).map_or("", |class| &class.qualified_name);
    let name = qualified.rsplit('.').next().unwrap_or(qualified);
    let collector = match &machine.heap.get(owner).shape {
        Shape::Instance { class } => class.as_path().unwrap_or_default(),
        _ => "",
    };
    match collector {
        "flask_restful.Api" => return Value::str(name.to_lowercase()),
        _ if !is_api(collector) && !is_namespace(collector) => return Value::str(name.to_owned()),
        _ => {}
    }
    let name = Value::str(underscored(name));
    match machine.heap.attribute(owner, "@name").cloned() {
        Some(namespace) => machine.concat_values(&[namespace, Value::str("_"), name]),
        None => name,
    }
}

/// `CamelCase` as `camel_case`, an abbreviation as one word: what Flask-RESTX's `camel_to_dash` makes of a name.
fn underscored(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 8);
    for (place, &letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| letters[before]);
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                let ends_word = before.is_ascii_lowercase() || before.is_ascii_digit();
                ends_word || letters.get(place + 1).is_some_and(char::is_ascii_lowercase)
            });
        if begins_word {
            text.push('_');
        }
        text.push(letter);
    }
    text.to_lowercase()
}

/// `@namespace.route("/users")` and `@blueprint.route("/users")` on a class.
pub(crate) fn decorate_class(
    machine: &mut Machine<'_>,
    decorator: &Value,
    class: ObjectId,
    span: Span,
) -> bool {
    let Some(id) = decorator.as_object() else { return false };
    let Shape::Instance { class: kind } = &machine.heap.get(id).shape else { return false };
    let is_route = kind.as_path() == Some("flask.route()");
    if !is_route && kind.as_path() != Some("flask_restful.resource()") {
        return false;
    }
    let hidden = |machine: &Machine<'_>, name: &str| machine.heap.attribute(id, name).cloned();
    let Some(owner) = hidden(machine, "@owner").and_then(|owner| owner.as_object()) else { return false };
    let rules = match hidden(machine, if is_route { "@rule" } else { "@rules" }) {
        Some(Value { kind: Kind::Tuple(rules), .. }) => rules.to_vec(),
        Some(rule) => vec![rule],
        None => return false,
    };
    let endpoint = hidden(machine, "@endpoint").filter(|endpoint| !matches!(endpoint.kind, Kind::None));
    add_resource(machine, owner, &Value::object(class), &rules, endpoint.as_ref(), span);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_flask_restx() {
        for (name, expected) in [
            ("ChallengeList", "challenge_list"),
            ("Challenge", "challenge"),
            ("HTTPStatus", "http_status"),
            ("UserV2List", "user_v2_list"),
            ("getIDs", "get_i_ds"),
            ("lower", "lower"),
            ("ABC", "abc"),
            ("User_List", "user__list"),
            ("AAaBBb", "a_aa_b_bb"),
            ("X1Y", "x1_y"),
            ("A_B", "a_b"),
        ] {
            assert_eq!(underscored(name), expected);
        }
    }
}
