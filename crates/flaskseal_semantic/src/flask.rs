//! Flask itself: applications, blueprints, configuration, routes.
//!
//! Configuration methods follow `flask/config.py`, application discovery `flask/cli.py`, and blueprints
//! `flask/sansio/blueprints.py` of Flask 3.1, with the differences of older versions where they matter.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::{Dict, ObjectId, Shape};
use crate::machine::{Machine, Raised};
use crate::rope::{Rope, Source};
use crate::value::{Key, Kind, Type, Value};

mod config;
mod route;

use config::{debug_flag, each_alternative, new_config, overlay};
use route::{add_hook, route_decorator, view_methods};

pub(crate) use config::config_method;
pub(crate) use route::{RouteValue, add_route, as_view, hooks, register_blueprint, routes, routes_of_all};

/// Attributes of an application that are entries of its configuration.
static FORWARDED: &[(&str, &str)] = &[
    ("debug", "DEBUG"),
    ("testing", "TESTING"),
    ("secret_key", "SECRET_KEY"),
    ("permanent_session_lifetime", "PERMANENT_SESSION_LIFETIME"),
];
/// The same, up to Flask 2.2.
static FORWARDED_BEFORE_2_3: &[(&str, &str)] = &[
    ("env", "ENV"),
    ("session_cookie_name", "SESSION_COOKIE_NAME"),
    ("send_file_max_age_default", "SEND_FILE_MAX_AGE_DEFAULT"),
    ("use_x_sendfile", "USE_X_SENDFILE"),
    ("propagate_exceptions", "PROPAGATE_EXCEPTIONS"),
    ("templates_auto_reload", "TEMPLATES_AUTO_RELOAD"),
];
static HTTP_METHODS: &[&str] = &["get", "post", "put", "delete", "patch"];
static HOOKS: &[&str] = &[
    "before_request",
    "after_request",
    "teardown_request",
    "teardown_appcontext",
    "before_first_request",
    "before_app_request",
    "after_app_request",
    "teardown_app_request",
    "before_app_first_request",
    "context_processor",
    "app_context_processor",
    "url_value_preprocessor",
    "url_defaults",
    "app_url_value_preprocessor",
    "app_url_defaults",
    "shell_context_processor",
];

fn is_app(base: &str) -> bool {
    matches!(base, "flask.Flask" | "quart.Quart" | "apiflask.APIFlask" | "flask_openapi3.OpenAPI")
}

fn is_blueprint(base: &str) -> bool {
    matches!(
        base,
        "flask.Blueprint"
            | "apiflask.APIBlueprint"
            | "flask_smorest.Blueprint"
            | "flask_openapi3.APIBlueprint"
            | "quart.Blueprint"
    )
}

fn base_of(machine: &Machine<'_>, id: ObjectId) -> Option<Arc<str>> {
    match &machine.heap.get(id).shape {
        Shape::Instance { class } => machine.library_base(class),
        _ => None,
    }
}

fn forwarded(machine: &Machine<'_>, name: &str) -> Option<&'static str> {
    let old = machine.program.flask_version.is_some_and(|version| version < (2, 3));
    let table = FORWARDED.iter().chain(if old { FORWARDED_BEFORE_2_3 } else { &[] });
    table.into_iter().find(|(attribute, _)| *attribute == name).map(|(_, key)| *key)
}

/// The application that a context-local stands for, where there is only one.
pub(crate) fn app_behind(machine: &Machine<'_>, path: &str) -> Option<ObjectId> {
    match (path, machine.apps.as_slice()) {
        ("flask.current_app" | "flask.current_app._get_current_object()", [app]) => Some(*app),
        _ => None,
    }
}

pub(crate) fn path_attribute(machine: &mut Machine<'_>, path: &str, name: &str) -> Option<Value> {
    let app = app_behind(machine, path)?;
    if name == "_get_current_object" {
        return None;
    }
    let span = machine.heap.attribute(app, "config").and_then(|config| config.at);
    let place = span.unwrap_or_else(|| machine.span_of(flaskseal_core::TextRange::default()));
    machine.attribute(&Value::object(app), name, place).ok()
}

pub(crate) fn instance_attribute(machine: &mut Machine<'_>, id: ObjectId, name: &str) -> Option<Value> {
    let base = base_of(machine, id)?;
    if !is_app(&base) {
        return None;
    }
    if let Some(key) = forwarded(machine, name) {
        let config = machine.heap.attribute(id, "config")?.as_object()?;
        let value = machine.heap.dict(config)?.entries.get(&Key::Str(key.into())).cloned()?;
        // `ConfigAttribute(..., get_converter=_make_timedelta)`.
        if let (true, Kind::Int(seconds)) = (name == "permanent_session_lifetime", &value.kind) {
            #[allow(clippy::cast_precision_loss, reason = "durations are small")]
            let seconds = Value::new(Kind::Float(*seconds as f64), None);
            return Some(
                machine.library_instance("datetime.timedelta", &[("@seconds", seconds)]).at(value.at),
            );
        }
        return Some(value);
    }
    match name {
        "root_path" | "instance_path" => machine.heap.attribute(id, &format!("@{name}")).cloned(),
        "jinja_env" | "cli" | "logger" | "url_map" | "json" | "jinja_options" | "session_interface"
        | "wsgi_app" | "view_functions" => Some(Value::path(format!("flask.Flask().{name}"))),
        _ => None,
    }
}

/// Handles `app.debug = …` and its kin. Answers whether it did.
pub(crate) fn set_instance_attribute(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    value: &Value,
    span: Span,
) -> bool {
    let Some(base) = base_of(machine, id) else { return false };
    if !is_app(&base) {
        return false;
    }
    let Some(key) = forwarded(machine, name) else { return false };
    if let Some(config) = machine.heap.attribute(id, "config").and_then(Value::as_object) {
        machine.dict_set(config, &Value::str(key), value.clone(), span);
    }
    true
}

pub(crate) fn call_path(
    machine: &mut Machine<'_>,
    path: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if let Some(value) = crate::resource::call_path(machine, path, arguments) {
        return Ok(Some(value));
    }
    Ok(Some(match path {
        _ if is_app(path) => {
            let id = machine.instance(Value::path(path));
            initialise(machine, id, path, arguments);
            Value::object(id)
        }
        _ if is_blueprint(path) => {
            let id = machine.instance(Value::path(path));
            initialise(machine, id, path, arguments);
            Value::object(id)
        }
        "flask.Config" | "flask.config.Config" => {
            let dict = machine.dict(Dict { class: Some("flask.Config".into()), ..Dict::default() });
            if let (Some(id), Some(defaults)) = (dict.as_object(), arguments.get(1, "defaults")) {
                let defaults = defaults.clone();
                machine.dict_update(id, &defaults, arguments.span);
            }
            dict
        }
        // `Flask.__init__(self, ...)` in a subclass that does not use `super()`.
        _ if path.strip_suffix(".__init__").is_some_and(|base| is_app(base) || is_blueprint(base)) => {
            let base = path.trim_end_matches(".__init__");
            if let Some(id) = arguments.positional.first().and_then(Value::as_object) {
                let mut rest = arguments.clone();
                rest.positional.remove(0);
                initialise(machine, id, base, &rest);
            }
            Value::NONE
        }
        "connexion.App" | "connexion.FlaskApp" | "connexion.apps.flask_app.FlaskApp" => {
            let app = machine.instance(Value::path("flask.Flask"));
            initialise(machine, app, "flask.Flask", arguments);
            let id = machine.instance(Value::path("connexion.FlaskApp"));
            machine.heap.set_attribute(id, Name::new_static("app"), Value::object(app));
            machine.wrapped.insert(arguments.span, app);
            Value::object(id)
        }
        "flask.current_app._get_current_object" => match app_behind(machine, "flask.current_app") {
            Some(app) => Value::object(app),
            None => return Ok(None),
        },
        "flask_talisman.Talisman" => {
            talisman(machine, arguments);
            return Ok(None);
        }
        "flask_talisman.Talisman().init_app" => {
            talisman(machine, arguments);
            return Ok(None);
        }
        "dynaconf.FlaskDynaconf" | "dynaconf.contrib.FlaskDynaconf" | "dynaconf.FlaskDynaconf().init_app" => {
            if let Some(config) = config_of(machine, arguments) {
                overlay(machine, config, "Dynaconf's settings files and variables", false, arguments.span);
            }
            return Ok(None);
        }
        _ if machine.program.models.has_role(path, "route.method") && is_rule(arguments.get(0, "rule")) => {
            return Ok(Some(route_decorator(machine, Value::NONE, arguments, None)));
        }
        _ if machine.program.models.has_role(path, crate::message::WEBSOCKET) => return Ok(None),
        _ if path.ends_with(".route") && is_rule(arguments.get(0, "rule")) => {
            let nobody = Value::NONE;
            return Ok(Some(route_decorator(machine, nobody, arguments, None)));
        }
        _ if path.ends_with(".add_url_rule") && is_rule(arguments.get(0, "rule")) => {
            if let Some(view) = arguments.get(2, "view_func") {
                let rule = arguments.get(0, "rule").cloned().unwrap_or(Value::UNKNOWN);
                add_loose_route(machine, rule, view.clone(), arguments.span);
            }
            return Ok(None);
        }
        "flask.stream_with_context" => {
            arguments.get(0, "generator_or_function").cloned().unwrap_or(Value::UNKNOWN)
        }
        "flask.has_app_context" | "flask.has_request_context" => Value::new(Kind::Some(Type::Bool), None),
        _ => return Ok(None),
    }))
}

/// Text that can only be the rule of a route.
fn is_rule(value: Option<&Value>) -> bool {
    value.and_then(Value::as_rope).is_some_and(|rope| rope.literal_prefix().starts_with('/'))
}

/// A route of something that is not known. Nothing says that it is served, and everything that it would be.
fn add_loose_route(machine: &mut Machine<'_>, rule: Value, view: Value, span: Span) {
    if machine.serving {
        return;
    }
    let methods = view_methods(machine, &view);
    machine.loose_routes.push(RouteValue { rule, endpoint: Value::UNKNOWN, methods, view, at: Some(span) });
}

/// The configuration of the application that an extension is given.
fn config_of(machine: &Machine<'_>, arguments: &Arguments) -> Option<ObjectId> {
    let app = arguments.get(0, "app")?.as_object()?;
    machine.heap.attribute(app, "config")?.as_object()
}

/// Talisman writes the session cookie's attributes when it is initialised; `Secure` it sets with each request, while
/// debug is off (flask-talisman 1.1, `Talisman.init_app` and `_set_response_headers`).
fn talisman(machine: &mut Machine<'_>, arguments: &Arguments) {
    let Some(config) = config_of(machine, arguments) else { return };
    let span = arguments.span;
    let same_site =
        arguments.keyword("session_cookie_samesite").cloned().unwrap_or_else(|| Value::str("Lax"));
    machine.dict_set(config, &Value::str("SESSION_COOKIE_SAMESITE"), same_site.at(Some(span)), span);
    let http_only = arguments.keyword("session_cookie_http_only").cloned();
    if http_only.is_none_or(|value| machine.truth(&value).known() == Some(true)) {
        machine.dict_set(
            config,
            &Value::str("SESSION_COOKIE_HTTPONLY"),
            Value::bool(true).at(Some(span)),
            span,
        );
    }
}

pub(crate) fn instantiate_subclass(
    machine: &mut Machine<'_>,
    class: ObjectId,
    base: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if !is_app(base) && !is_blueprint(base) {
        return Ok(None);
    }
    let class = Value::object(class);
    let id = machine.instance(class.clone());
    machine.note_instantiation(&class, arguments);
    match machine.attribute_of_class(&class, "__init__") {
        Some(init) => {
            let bound = crate::object::bind(&init, &Value::object(id));
            machine.call(&bound, arguments.clone())?;
        }
        None => initialise(machine, id, base, arguments),
    }
    Ok(Some(Value::object(id)))
}

/// What the constructors of `Flask` and `Blueprint` do to a new instance.
pub(crate) fn initialise(machine: &mut Machine<'_>, id: ObjectId, base: &str, arguments: &Arguments) {
    let span = arguments.span;
    let set = |machine: &mut Machine<'_>, name: &'static str, value: Value| {
        machine.heap.set_attribute(id, Name::new_static(name), value);
    };
    let routes = machine.list(Vec::new());
    let hooks = machine.list(Vec::new());
    let nested = machine.list(Vec::new());
    set(machine, "@routes", routes);
    set(machine, "@hooks", hooks);
    set(machine, "@blueprints", nested);
    set(machine, "@created", Value::bool(true).at(Some(span)));
    if is_blueprint(base) {
        let name = arguments.get(0, "name").cloned().unwrap_or(Value::UNKNOWN);
        set(machine, "name", name);
        let import_name = arguments.get(1, "import_name").cloned().unwrap_or(Value::UNKNOWN);
        set(machine, "import_name", import_name);
        let prefix = arguments.keyword("url_prefix").cloned().unwrap_or(Value::NONE);
        set(machine, "url_prefix", prefix);
        for option in ["static_folder", "static_url_path", "template_folder", "subdomain"] {
            let value = arguments.keyword(option).cloned().unwrap_or(Value::NONE);
            machine.heap.set_attribute(id, Name::new(option), value);
        }
        return;
    }
    if !is_app(base) {
        return;
    }
    let import_name = arguments.get(0, "import_name").cloned().unwrap_or(Value::UNKNOWN);
    let (root_path, instance_path) = paths_of(machine, &import_name, arguments);
    set(machine, "import_name", import_name.clone());
    set(machine, "name", import_name);
    set(machine, "@root_path", root_path.clone());
    set(machine, "@instance_path", instance_path.clone());
    for (position, option) in [(1, "static_url_path"), (2, "static_folder")] {
        if let Some(value) = arguments.get(position, option) {
            machine.heap.set_attribute(id, Name::new(option), value.clone());
        }
    }
    let config = new_config(machine, id, span);
    let relative = arguments
        .get(8, "instance_relative_config")
        .is_some_and(|value| machine.truth(value).known() == Some(true));
    if let Some(config) = config.as_object() {
        machine.heap.set_attribute(
            config,
            Name::new_static("@root"),
            if relative { instance_path } else { root_path },
        );
    }
    set(machine, "config", config.at(Some(span)));
    let extensions = machine.dict(Dict::default());
    set(machine, "extensions", extensions);
    machine.apps.push(id);
}

/// `root_path` and `instance_path`, from the module that the import name says.
fn paths_of(machine: &mut Machine<'_>, import_name: &Value, arguments: &Arguments) -> (Value, Value) {
    let file: Option<FileId> = import_name.as_str().and_then(|name| match name {
        "__main__" => machine.main,
        name => match machine.program.locate(name) {
            crate::program::Located::File(file) => Some(file),
            _ => None,
        },
    });
    let rooted = |folder: &str| {
        let suffix = if folder.is_empty() { String::new() } else { format!("/{folder}") };
        Value::from(Rope::concat([Rope::hole(Source::Root), Rope::literal(suffix)]))
    };
    let (mut root, mut instance) = (Value::unknown_text(), Value::unknown_text());
    if let Some(file) = file {
        let file = machine.program.tree.file(file);
        root = rooted(file.folder());
        // A package's instance folder stands beside it, a module's inside its folder.
        let mut base = file.folder();
        if file.name() == "__init__.py" {
            let depth = import_name.as_str().map_or(0, |name| name.matches('.').count() + 1);
            for _ in 0..depth {
                base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
            }
        } else if let Some(name) = import_name.as_str() {
            for _ in 0..name.matches('.').count() {
                base = base.rsplit_once('/').map_or("", |(parent, _)| parent);
            }
        }
        instance = rooted(&if base.is_empty() { "instance".to_owned() } else { format!("{base}/instance") });
    }
    if let Some(given) = arguments.keyword("root_path") {
        root = given.clone();
    }
    if let Some(given) = arguments.get(7, "instance_path") {
        instance = machine.text_of(given).into();
    }
    (root, instance)
}

// Configuration.

// Routes and hooks.

/// Methods of applications and blueprints.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    base: &str,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if !is_app(base) && !is_blueprint(base) {
        return Ok(None);
    }
    let span = arguments.span;
    Ok(Some(match name {
        "route" => route_decorator(machine, Value::object(id), arguments, None),
        _ if HTTP_METHODS.contains(&name) => {
            route_decorator(machine, Value::object(id), arguments, Some(name))
        }
        "add_url_rule" => {
            let view = arguments.get(2, "view_func").cloned().unwrap_or(Value::NONE);
            let rule = arguments.get(0, "rule").cloned().unwrap_or(Value::UNKNOWN);
            let endpoint = arguments.get(1, "endpoint").cloned().unwrap_or(Value::NONE);
            let methods = arguments.keyword("methods").cloned().unwrap_or(Value::NONE);
            add_route(machine, id, rule, endpoint, methods, view, span);
            Value::NONE
        }
        "register_blueprint" => {
            if let Some(blueprint) = arguments.get(0, "blueprint") {
                let blueprint = blueprint.clone();
                each_alternative(machine, &blueprint, &mut |machine, blueprint| {
                    register_blueprint(machine, id, blueprint, arguments);
                    Ok(())
                })?;
            }
            Value::NONE
        }
        "register_error_handler" => {
            if let Some(function) = arguments.get(1, "f") {
                add_hook(machine, id, "errorhandler", &function.clone());
            }
            Value::NONE
        }
        "errorhandler"
        | "app_errorhandler"
        | "template_filter"
        | "app_template_filter"
        | "template_test"
        | "app_template_test"
        | "template_global"
        | "app_template_global"
        | "endpoint" => {
            let hook = Value::str(if name.ends_with("errorhandler") { "errorhandler" } else { name });
            machine.library_instance("flask.hook()", &[("@owner", Value::object(id)), ("@hook", hook)])
        }
        _ if HOOKS.contains(&name) => match arguments.positional.first() {
            Some(function) => {
                let function = function.clone();
                add_hook(machine, id, name, &function);
                function
            }
            None => Value::NONE,
        },
        "app_context" | "test_request_context" | "request_context" => {
            Value::path(format!("flask.Flask().{name}()"))
        }
        "open_resource" | "open_instance_resource" => {
            let root = machine
                .heap
                .attribute(id, if name == "open_resource" { "@root_path" } else { "@instance_path" })
                .cloned();
            match (root, arguments.positional.first()) {
                (Some(root), Some(file)) => {
                    let path =
                        Rope::concat([machine.text_of(&root), Rope::literal("/"), machine.text_of(file)]);
                    crate::stdlib::open_file(machine, &path.into())
                }
                _ => Value::UNKNOWN,
            }
        }
        "run" => {
            run(machine, id, arguments);
            Value::NONE
        }
        "make_config" => return Ok(None),
        "auto_find_instance_path" => {
            machine.heap.attribute(id, "@instance_path").cloned().unwrap_or(Value::UNKNOWN)
        }
        _ => return Ok(None),
    }))
}

/// What `app.run` does to the configuration before it serves: its own `debug` wins, then the environment's.
fn run(machine: &mut Machine<'_>, app: ObjectId, arguments: &Arguments) {
    let Some(config) = machine.heap.attribute(app, "config").and_then(Value::as_object) else { return };
    let given = arguments.get(2, "debug").filter(|value| !matches!(value.kind, Kind::None)).cloned();
    let value = match given {
        Some(value) => {
            let truth = machine.truth(&value);
            crate::truth::truth_value(&truth).at(value.at)
        }
        None if machine.environment_variable("FLASK_DEBUG").as_str().is_some() => {
            debug_flag(machine, machine.program.flask_version)
        }
        None => return,
    };
    // The place of the argument is FS101's; the configuration itself was not written.
    machine.heap.set_entry(config, Key::Str("DEBUG".into()), value);
}

/// Remembers which application a middleware was wrapped around, by the place of the call.
pub(crate) fn note_middleware(machine: &mut Machine<'_>, arguments: &Arguments) {
    let Some(first) = arguments.positional.first() else { return };
    let inner = match &first.kind {
        Kind::Object(id) => machine.apps.contains(id).then_some(*id),
        _ => first.at.and_then(|at| machine.wrapped.get(&at).copied()),
    };
    if let Some(app) = inner {
        machine.wrapped.insert(arguments.span, app);
    }
}

/// Applies `@app.route(...)` and its kin.
pub(crate) fn decorate(
    machine: &mut Machine<'_>,
    decorator: &Value,
    function: &Value,
    span: Span,
) -> Result<Option<Value>, Raised> {
    let Some(id) = decorator.as_object() else { return Ok(None) };
    let Shape::Instance { class } = &machine.heap.get(id).shape else { return Ok(None) };
    let hidden =
        |machine: &Machine<'_>, name: &str| machine.heap.attribute(id, name).cloned().unwrap_or(Value::NONE);
    match class.as_path() {
        Some("flask.route()") => {
            let (rule, endpoint, methods) =
                (hidden(machine, "@rule"), hidden(machine, "@endpoint"), hidden(machine, "@methods"));
            match hidden(machine, "@owner").as_object() {
                Some(owner) => add_route(machine, owner, rule, endpoint, methods, function.clone(), span),
                None => add_loose_route(machine, rule, function.clone(), span),
            }
            Ok(Some(function.clone()))
        }
        Some("flask.hook()") => {
            let hook = hidden(machine, "@hook");
            if let (Some(owner), Some(hook)) = (hidden(machine, "@owner").as_object(), hook.as_str()) {
                add_hook(machine, owner, hook, function);
            }
            Ok(Some(function.clone()))
        }
        _ => Ok(None),
    }
}

pub(crate) fn function_name(machine: &Machine<'_>, view: &Value) -> Option<String> {
    let id = match &view.kind {
        Kind::Object(id) => *id,
        Kind::Bound(bound) => bound.1,
        _ => return None,
    };
    match &machine.heap.get(id).shape {
        Shape::Function(function) => {
            if let Some(name) = machine.heap.attribute(id, "__name__").and_then(Value::as_str) {
                return Some(name.to_owned());
            }
            Some(function.qualified_name.rsplit('.').next().unwrap_or_default().to_owned())
        }
        _ => machine.heap.attribute(id, "__name__").and_then(Value::as_str).map(str::to_owned),
    }
}
