//! Flask itself: applications, blueprints, configuration, routes.
//!
//! Configuration methods follow `flask/config.py`, application discovery `flask/cli.py`, and blueprints
//! `flask/sansio/blueprints.py` of Flask 3.1, with the differences of older versions where they matter.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use flaskseal_models::{Setting, SettingDefault};
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::guard::{Guard, States};
use crate::heap::{Dict, List, ObjectId, Shape};
use crate::machine::{Flow, Machine, Raised};
use crate::rope::{Rope, Segment, Source};
use crate::value::{Alternative, Key, Kind, Type, Value};

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

fn new_config(machine: &mut Machine<'_>, app: ObjectId, span: Span) -> Value {
    let version = machine.program.flask_version;
    let mut dict = Dict { class: Some("flask.Config".into()), ..Dict::default() };
    let settings: Vec<Setting> = machine.program.models.settings("flask", version).cloned().collect();
    for setting in settings {
        let value = match setting.default {
            SettingDefault::None => Value::NONE,
            SettingDefault::Bool(value) => Value::bool(value),
            SettingDefault::Int(value) => Value::int(value),
            SettingDefault::Text(text) => Value::str(text),
            SettingDefault::Seconds(seconds) => {
                let seconds = Value::new(Kind::Float(seconds), None);
                machine.library_instance("datetime.timedelta", &[("@seconds", seconds)])
            }
        };
        dict.entries.insert(Key::Str(setting.name.into()), value);
    }
    let class_defaults = machine.class_attribute(app, "default_config");
    if let Some(defaults) = class_defaults {
        machine.merge_into(&mut dict, &defaults);
    }
    let debug = debug_flag(machine, version);
    dict.entries.insert(Key::Str("DEBUG".into()), debug);
    if version.is_some_and(|version| version < (2, 3)) {
        let env = crate::container::variable_or(machine, &Value::str("FLASK_ENV"), &Value::str("production"));
        dict.entries.insert(Key::Str("ENV".into()), env);
    }
    machine.dict(dict).at(Some(span))
}

/// What `flask.helpers.get_debug_flag` reads: on for every text but empty, `0`, `false` and `no`.
fn debug_flag(machine: &mut Machine<'_>, version: Option<(u32, u32)>) -> Value {
    let variable = machine.environment_variable("FLASK_DEBUG");
    let fallback = if version.is_some_and(|version| version < (2, 3)) {
        let env = crate::container::variable_or(machine, &Value::str("FLASK_ENV"), &Value::str("production"));
        machine.equals(&env, &Value::str("development"))
    } else {
        Value::bool(false)
    };
    let mut results = Vec::new();
    for Alternative { value, guard } in variable.alternatives() {
        match &value.kind {
            Kind::Absent => results.push(Alternative { value: fallback.clone(), guard }),
            Kind::Str(rope) => match rope.as_literal() {
                Some("") => results.push(Alternative { value: fallback.clone(), guard }),
                Some(text) => {
                    let on = !matches!(text.to_lowercase().as_str(), "0" | "false" | "no");
                    results.push(Alternative { value: Value::bool(on).at(value.at), guard });
                }
                None => {
                    // Nobody sets the variable that the tree does not set, as far as a verdict goes: what may be is
                    // kept under its guard.
                    for (on, text) in [(true, "1"), (false, "0")] {
                        if let Some(guard) = guard.and(&Guard::when("FLASK_DEBUG", States::equals(text))) {
                            results.push(Alternative { value: Value::bool(on), guard });
                        }
                    }
                }
            },
            _ => results.push(Alternative { value: Value::new(Kind::Some(Type::Bool), None), guard }),
        }
    }
    Value::union(results)
}

// Configuration.

/// Methods of `flask.Config` that a dict does not have.
pub(crate) fn config_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    if machine.heap.dict(id).is_none_or(|dict| dict.class.as_deref() != Some("flask.Config")) {
        return Ok(None);
    }
    let span = arguments.span;
    let first = arguments.positional.first().cloned();
    let mut loaded = true;
    let silent = arguments
        .get(if name == "from_file" { 2 } else { 1 }, "silent")
        .is_some_and(|value| machine.truth(value).known() != Some(false));
    match (name, first) {
        ("from_object", Some(object)) => {
            each_alternative(machine, &object, &mut |machine, object| {
                from_object(machine, id, object, span)
            })?;
        }
        ("from_pyfile", Some(path)) => {
            each_alternative(machine, &path, &mut |machine, path| {
                loaded &= from_pyfile(machine, id, path, silent, span)?;
                Ok(())
            })?;
        }
        ("from_envvar", Some(variable)) => {
            let variable = variable.as_str().unwrap_or_default().to_owned();
            let value = machine.environment_variable(&variable);
            let mut named = Vec::new();
            for alternative in value.alternatives() {
                match alternative.value.kind {
                    Kind::Absent if silent || machine.environment.complete => {}
                    // The deployment must set it, or the application would not start.
                    Kind::Absent => {}
                    _ => named.push(alternative),
                }
            }
            let is_known = named.iter().any(|alternative| alternative.value.as_str().is_some());
            if is_known {
                let path = Value::union(named);
                each_alternative(machine, &path, &mut |machine, path| {
                    loaded &= from_pyfile(machine, id, path, silent, span)?;
                    Ok(())
                })?;
            } else if machine.environment.complete {
                loaded = false;
                if !silent {
                    return Err(Raised::of("RuntimeError"));
                }
            } else {
                overlay(machine, id, &format!("the file that `{variable}` names"), silent, span);
            }
        }
        ("from_file" | "from_json", Some(path)) => from_file(machine, id, &path, name, arguments, silent)?,
        ("from_mapping", mapping) => {
            let mut dict = Dict::default();
            if let Some(mapping) = mapping {
                machine.merge_into(&mut dict, &mapping);
            }
            for (name, value) in &arguments.keywords {
                dict.entries.insert(Key::Str(name.as_str().into()), value.clone());
            }
            let is_open = dict.rest.is_some() || arguments.open;
            set_upper(machine, id, dict.entries, span);
            if is_open {
                overlay(machine, id, "a mapping that is not known", true, span);
            }
        }
        ("from_prefixed_env", prefix) => {
            let prefix = prefix.or_else(|| arguments.keyword("prefix").cloned());
            let prefix = prefix.as_ref().map_or(Some("FLASK"), Value::as_str).unwrap_or("FLASK").to_owned();
            from_prefixed_env(machine, id, &prefix, span);
        }
        ("get_namespace", _) => return Ok(Some(Value::UNKNOWN)),
        _ => return Ok(None),
    }
    Ok(Some(match name {
        "from_object" => Value::NONE,
        _ if loaded => Value::bool(true),
        _ if machine.environment.complete => Value::bool(false),
        _ => Value::new(Kind::Some(Type::Bool), None),
    }))
}

/// Runs an effect for each alternative of a value on a path of its own.
fn each_alternative(
    machine: &mut Machine<'_>,
    value: &Value,
    effect: &mut dyn FnMut(&mut Machine<'_>, &Value) -> Result<(), Raised>,
) -> Result<(), Raised> {
    let Kind::Union(alternatives) = &value.kind else { return effect(machine, value) };
    let alternatives = alternatives.clone();
    each_of(machine, &alternatives, effect)
}

fn each_of(
    machine: &mut Machine<'_>,
    alternatives: &[Alternative],
    effect: &mut dyn FnMut(&mut Machine<'_>, &Value) -> Result<(), Raised>,
) -> Result<(), Raised> {
    let Some((first, rest)) = alternatives.split_first() else { return Ok(()) };
    if rest.is_empty() {
        return effect(machine, &first.value);
    }
    let no = rest.iter().map(|alternative| alternative.guard.clone()).reduce(|a, b| a.or(&b));
    let truth = crate::truth::Truth { yes: Some(first.guard.clone()), no };
    // Both closures need the effect; only one runs at a time.
    let effect = std::cell::RefCell::new(effect);
    let flow_of = |result: Result<(), Raised>| match result {
        Ok(()) => Flow::Normal,
        Err(raised) => Flow::Raise(raised),
    };
    let flow = machine.branch(
        &truth,
        |machine| flow_of((*effect.borrow_mut())(machine, &first.value)),
        |machine| {
            let mut effect = effect.borrow_mut();
            flow_of(each_of(machine, rest, &mut **effect))
        },
    );
    match flow {
        Flow::Raise(raised) => Err(raised),
        _ => Ok(()),
    }
}

fn from_object(
    machine: &mut Machine<'_>,
    config: ObjectId,
    object: &Value,
    span: Span,
) -> Result<(), Raised> {
    match &object.kind {
        Kind::Str(rope) => {
            if let Some(text) = rope.as_literal() {
                let text = text.to_owned();
                let object = machine.import_string(&text, span)?;
                return match object.kind {
                    Kind::Object(_) => from_object(machine, config, &object, span),
                    _ => {
                        overlay(machine, config, &format!("`{text}`"), false, span);
                        Ok(())
                    }
                };
            }
            let candidates = named_by_environment(machine, rope, span);
            if candidates.is_empty() {
                overlay(machine, config, "an object whose name is not known", false, span);
                return Ok(());
            }
            let object = Value::union(candidates);
            each_alternative(machine, &object, &mut |machine, object| {
                from_object(machine, config, object, span)
            })
        }
        Kind::Object(id) => {
            let id = *id;
            if let Shape::Dict(_) = machine.heap.get(id).shape {
                // `dir()` of a dict has no upper-case names.
                return Ok(());
            }
            for name in upper_names(machine, id) {
                let value = machine.attribute(object, &name, span)?;
                let value = match is_conditional(machine, id, &name) {
                    // Where a class body's condition did not hold, what was set before stays.
                    true => {
                        let before = machine
                            .heap
                            .dict(config)
                            .and_then(|dict| dict.entries.get(&Key::Str(name.as_str().into())));
                        Value::either(value, before.cloned().unwrap_or(Value::ABSENT))
                    }
                    false => value,
                };
                machine.dict_set(config, &Value::str(name), value, span);
            }
            let has_library_base = match &machine.heap.get(id).shape {
                Shape::Instance { class } => {
                    machine.library_base(class).is_some_and(|base| &*base != "pydantic_settings.BaseSettings")
                }
                Shape::Module { .. } => machine.heap.attribute(id, "@open").is_some(),
                _ => machine
                    .library_base(object)
                    .is_some_and(|base| !base.starts_with("builtins.") && !base.starts_with("abc.")),
            };
            if has_library_base {
                overlay(machine, config, "attributes that a library defines", true, span);
            }
            Ok(())
        }
        Kind::None => Ok(()),
        _ => {
            overlay(machine, config, "an object that is not known", false, span);
            Ok(())
        }
    }
}

/// Whether an object has an attribute on some paths only.
fn is_conditional(machine: &Machine<'_>, id: ObjectId, name: &str) -> bool {
    let class = match &machine.heap.get(id).shape {
        Shape::Instance { class } => class.as_object(),
        Shape::Class(_) => Some(id),
        _ => None,
    };
    let ancestors =
        class.and_then(|class| machine.class(class)).map(|class| class.ancestors.clone()).unwrap_or_default();
    let owners = [Some(id), class].into_iter().flatten().chain(ancestors.iter().filter_map(Value::as_object));
    let mut values = owners.filter_map(|owner| machine.heap.attribute(owner, name));
    values.next().is_some_and(Value::may_be_absent)
}

/// The attributes that a partly known name can mean: `f"config.{env}"` names each class under its condition.
fn named_by_environment(machine: &mut Machine<'_>, rope: &Rope, span: Span) -> Vec<Alternative> {
    let (prefix, hole, suffix) = match rope.segments() {
        [Segment::Literal(prefix), Segment::Hole(hole)] => (prefix.clone(), hole, ""),
        [Segment::Literal(prefix), Segment::Hole(hole), Segment::Literal(suffix)] => {
            (prefix.clone(), hole, &**suffix)
        }
        _ => return Vec::new(),
    };
    let Some(split) = prefix.rfind(['.', ':']) else { return Vec::new() };
    let (module, head) = (&prefix[..split], &prefix[split + 1..]);
    let Ok(module) = machine.import_module(module, span) else { return Vec::new() };
    let Some(id) = module.as_object() else { return Vec::new() };
    let variable = match &hole.source {
        Source::Env(name) if hole.alphabet == crate::alphabet::Alphabet::ALL => Some(name.clone()),
        _ => None,
    };
    let names: Vec<Name> = machine.heap.get(id).attributes.keys().cloned().collect();
    let mut candidates = Vec::new();
    for name in names {
        let Some(middle) = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(suffix)) else {
            continue;
        };
        let value = machine.heap.attribute(id, &name).cloned().unwrap_or(Value::UNKNOWN);
        let is_candidate = value.as_object().is_some_and(|id| {
            matches!(
                machine.heap.get(id).shape,
                Shape::Class(_) | Shape::Module { .. } | Shape::Instance { .. }
            )
        });
        if name.starts_with(['_', '@']) || !is_candidate {
            continue;
        }
        let guard = match &variable {
            Some(variable) => Guard::when(variable.clone(), States::equals(middle)),
            None => Guard::ALWAYS,
        };
        candidates.push(Alternative { value, guard });
    }
    candidates
}

/// `dir(object)`, upper-case names only, in the order that `dir` has.
fn upper_names(machine: &Machine<'_>, id: ObjectId) -> Vec<String> {
    let mut owners = vec![id];
    let class = match &machine.heap.get(id).shape {
        Shape::Instance { class } => class.as_object().inspect(|class| owners.push(*class)),
        Shape::Class(_) => Some(id),
        _ => None,
    };
    if let Some(class) = class.and_then(|class| machine.class(class)) {
        owners.extend(class.ancestors.iter().filter_map(Value::as_object));
    }
    let mut names: Vec<String> = owners
        .iter()
        .flat_map(|owner| machine.heap.get(*owner).attributes.iter())
        .filter(|(name, value)| is_upper(name) && !matches!(value.kind, Kind::Absent))
        .map(|(name, _)| name.to_string())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// `str.isupper`: a cased letter, and no lower-case one.
fn is_upper(name: &str) -> bool {
    name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase) && !name.starts_with('@')
}

fn set_upper(machine: &mut Machine<'_>, config: ObjectId, entries: crate::heap::Entries, span: Span) {
    for (key, value) in entries {
        if key.as_str().is_some_and(is_upper) {
            machine.dict_set(config, &key.to_value(), value, span);
        }
    }
}

/// Settings may come, or certainly come, from something outside the tree.
fn overlay(machine: &mut Machine<'_>, config: ObjectId, what: &str, optional: bool, span: Span) {
    let list = match machine.heap.attribute(config, "@overlays").and_then(Value::as_object) {
        Some(list) => list,
        None => {
            let list = machine.heap.allocate(Shape::List(List::default()));
            machine.heap.set_attribute(config, Name::new_static("@overlays"), Value::object(list));
            list
        }
    };
    let entry = Value::tuple([Value::str(what).at(Some(span)), Value::bool(optional)]);
    machine.append(list, entry);
    if !optional && let Some(dict) = machine.heap.dict(config).cloned() {
        // Whatever is set may have been set anew.
        for (key, value) in &dict.entries {
            machine.heap.set_entry(
                config,
                key.clone(),
                Value::either(value.clone(), Value::UNKNOWN.at(Some(span))),
            );
        }
        let dict = machine.heap.dict(config).cloned().unwrap_or(dict);
        let rest = crate::heap::join_rests(dict.rest.clone(), Some(Value::UNKNOWN.at(Some(span))));
        machine.heap.set_shape(config, Shape::Dict(Dict { rest, ..dict }));
    }
}

fn path_below(machine: &mut Machine<'_>, config: ObjectId, path: &Value) -> Value {
    let rope = machine.text_of(path);
    let is_absolute = rope.literal_prefix().starts_with('/')
        || matches!(rope.segments().first(), Some(Segment::Hole(hole)) if matches!(hole.source, Source::Root));
    match machine.heap.attribute(config, "@root") {
        Some(root) if !is_absolute => {
            let root = machine.text_of(root);
            Rope::concat([root, Rope::literal("/"), rope]).into()
        }
        _ => rope.into(),
    }
}

fn from_pyfile(
    machine: &mut Machine<'_>,
    config: ObjectId,
    path: &Value,
    silent: bool,
    span: Span,
) -> Result<bool, Raised> {
    let full = path_below(machine, config, path);
    let Some(file) = machine.file_at(&full).filter(|file| machine.program.module(*file).is_some()) else {
        if machine.environment.complete
            && machine.text_of(&full).holes().all(|hole| matches!(hole.source, Source::Root))
        {
            return if silent { Ok(false) } else { Err(Raised::of("FileNotFoundError")) };
        }
        let what = match path.as_str() {
            Some(text) => format!("`{text}`, which is not in the tree"),
            None => "a file that is not known".to_owned(),
        };
        overlay(machine, config, &what, silent, span);
        return Ok(false);
    };
    let module = machine.run_file(file, "config")?;
    for name in upper_names(machine, module) {
        if let Some(value) = machine.heap.attribute(module, &name).cloned() {
            let value = value.without_absent();
            let place = value.at.unwrap_or(span);
            machine.dict_set(config, &Value::str(name), value, place);
        }
    }
    Ok(true)
}

fn from_file(
    machine: &mut Machine<'_>,
    config: ObjectId,
    path: &Value,
    method: &str,
    arguments: &Arguments,
    silent: bool,
) -> Result<(), Raised> {
    let span = arguments.span;
    let full = path_below(machine, config, path);
    let Some(file) = machine.file_at(&full) else {
        if machine.environment.complete {
            return if silent { Ok(()) } else { Err(Raised::of("FileNotFoundError")) };
        }
        overlay(machine, config, "a file that is not in the tree", silent, span);
        return Ok(());
    };
    let opened = crate::stdlib::open_file(machine, &full);
    let loaded = if method == "from_json" {
        let text = machine.program.tree.file(file).text.clone();
        crate::document::json(machine, &text, Some(Span::new(file, 0, 0)))
    } else {
        match arguments.get(1, "load").cloned() {
            Some(load) => Some(machine.call(&load, Arguments::of(span, [opened]))?),
            None => None,
        }
    };
    match loaded.as_ref().and_then(Value::as_object).and_then(|id| machine.heap.dict(id)).cloned() {
        Some(dict) => set_upper(machine, config, dict.entries, span),
        None => overlay(machine, config, "a file that is not understood", false, span),
    }
    Ok(())
}

fn from_prefixed_env(machine: &mut Machine<'_>, config: ObjectId, prefix: &str, span: Span) {
    let prefix = format!("{prefix}_");
    let mut names: Vec<Arc<str>> =
        machine.environment.variables.iter().map(|variable| variable.name.clone()).collect();
    if let Some(dict) = machine.heap.dict(machine.environ) {
        names.extend(dict.entries.keys().filter_map(|key| key.as_str().map(Arc::from)));
    }
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| name.starts_with(&prefix)) {
        let key = &name[prefix.len()..];
        let value = machine.environment_variable(name);
        if matches!(value.kind, Kind::Absent) {
            continue;
        }
        let value = match value.as_str().map(str::to_owned) {
            Some(text) => crate::document::json(machine, &text, value.at).unwrap_or(value),
            None => value,
        };
        let mut parts = key.split("__").peekable();
        let mut target = config;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                let place = value.at.unwrap_or(span);
                machine.dict_set(target, &Value::str(part), value.clone(), place);
                break;
            }
            let inner =
                machine.heap.dict(target).and_then(|dict| dict.entries.get(&Key::Str(part.into()))).cloned();
            target =
                match inner.and_then(|value| value.as_object()).filter(|id| machine.heap.dict(*id).is_some())
                {
                    Some(id) => id,
                    None => {
                        let id = machine.heap.allocate(Shape::Dict(Dict::default()));
                        machine.dict_set(target, &Value::str(part), Value::object(id), span);
                        id
                    }
                };
        }
    }
    if !machine.environment.complete {
        overlay(machine, config, &format!("environment variables that begin with `{prefix}`"), true, span);
    }
}

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
            crate::eval::truth_value(&truth).at(value.at)
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

fn route_decorator(
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

fn view_methods(machine: &mut Machine<'_>, view: &Value) -> Value {
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

fn add_hook(machine: &mut Machine<'_>, owner: ObjectId, hook: &str, function: &Value) {
    if let Some(hooks) = machine.heap.attribute(owner, "@hooks").and_then(Value::as_object) {
        machine.append(hooks, Value::tuple([Value::str(hook), function.clone()]));
    }
}

fn register_blueprint(machine: &mut Machine<'_>, owner: ObjectId, blueprint: &Value, arguments: &Arguments) {
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
