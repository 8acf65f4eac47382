//! An application's configuration: defaults, and the methods that fill it, as `flask/config.py` has them.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_models::{Setting, SettingDefault};
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::guard::{Guard, States};
use crate::heap::{Dict, List, ObjectId, Shape};
use crate::machine::{Flow, Machine, Raised};
use crate::rope::{Rope, Segment, Source};
use crate::value::{Alternative, Key, Kind, Type, Value};

pub(super) fn new_config(machine: &mut Machine<'_>, app: ObjectId, span: Span) -> Value {
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
pub(super) fn debug_flag(machine: &mut Machine<'_>, version: Option<(u32, u32)>) -> Value {
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
pub(super) fn each_alternative(
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
pub(super) fn overlay(machine: &mut Machine<'_>, config: ObjectId, what: &str, optional: bool, span: Span) {
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
