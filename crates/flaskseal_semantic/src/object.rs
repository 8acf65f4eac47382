//! Attributes of objects.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_python::{Name, ast};

use crate::call::Arguments;
use crate::heap::{Dict, ObjectId, Shape};
use crate::machine::{Evaluated, Machine, Raised};
use crate::value::{Alternative, Key, Kind, Value};

/// Longer access paths say nothing that a shorter one does not.
const MAX_PATH: usize = 200;

pub(crate) fn extend_path(path: &str, suffix: std::fmt::Arguments<'_>) -> Value {
    if path.len() > MAX_PATH { Value::UNKNOWN } else { Value::path(format!("{path}{suffix}")) }
}

impl Machine<'_> {
    pub(crate) fn attribute(&mut self, object: &Value, name: &str, span: Span) -> Evaluated {
        if let Kind::Union(alternatives) = &object.kind {
            let alternatives = alternatives.clone();
            let mut results = Vec::new();
            for alternative in &*alternatives {
                // `None.x` and the like would have ended the path.
                if matches!(alternative.value.kind, Kind::None | Kind::Absent) {
                    continue;
                }
                if let Ok(value) = self.attribute(&alternative.value, name, span) {
                    results.push(Alternative { value, guard: alternative.guard.clone() });
                }
            }
            return Ok(Value::union(results));
        }
        let here = Some(span);
        Ok(match &object.kind {
            Kind::Path(path) => {
                let value = self.path_attribute(path, name);
                let input = match &value.kind {
                    Kind::Path(path) => crate::request::input(self, path, span),
                    _ => None,
                };
                input.unwrap_or_else(|| value.at(here).tainted(object.taint.clone()))
            }
            Kind::Object(id) => self.object_attribute(*id, name, span)?,
            Kind::Str(_)
            | Kind::Bytes(_)
            | Kind::Tuple(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Bool(_)
            | Kind::Some(_) => Value::new(Kind::Method(Arc::new((object.clone(), Arc::from(name)))), here),
            Kind::Bound(bound) => self.object_attribute(bound.1, name, span)?,
            Kind::None => return Err(Raised::of("AttributeError")),
            _ => Value::UNKNOWN.at(here).tainted(object.origin()),
        })
    }

    fn path_attribute(&mut self, path: &Arc<str>, name: &str) -> Value {
        if matches!(name, "__name__" | "__qualname__") && !path.ends_with([')', ']']) {
            return Value::str(path.rsplit('.').next().unwrap_or(path));
        }
        if &**path == "os" && name == "environ" {
            return Value::object(self.environ);
        }
        if let Some(value) = crate::flask::path_attribute(self, path, name) {
            return value;
        }
        if let Some(value) = crate::constant::constant(path, name) {
            return value;
        }
        if path.len() > MAX_PATH {
            return Value::UNKNOWN;
        }
        let attribute = self.lexicon.attribute(self.program.models, path, name);
        if let Some(value) = self.heap.attribute(self.placed, &attribute.written) {
            return value.without_absent().under(&self.guard);
        }
        self.at_path(attribute.canonical)
    }

    /// The value at a library's path, under the name that its definition has.
    pub(crate) fn canonical(&mut self, path: &str) -> Value {
        self.at_path(self.program.models.canonical(path))
    }

    fn at_path(&self, canonical: Arc<str>) -> Value {
        if &*canonical == "os.environ" {
            return Value::object(self.environ);
        }
        Value::path(canonical)
    }

    fn object_attribute(&mut self, id: ObjectId, name: &str, span: Span) -> Evaluated {
        if let Some(value) = self.heap.attribute(id, name) {
            let value = value.without_absent().under(&self.guard);
            return match &self.heap.get(id).shape {
                Shape::Class(_) => self.bind_class_attribute(&value, id),
                _ => Ok(value),
            };
        }
        let here = Some(span);
        if matches!(self.heap.get(id).shape, Shape::List(_) | Shape::Dict(_)) {
            // Containers are not copied to be asked for a method.
            return Ok(Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here));
        }
        match self.heap.get(id).shape.clone() {
            Shape::Module { name: module, file } => {
                Ok(self.module_attribute(id, &module, file, name).at(here))
            }
            Shape::Instance { class } => {
                if class.as_path() == Some("builtins.super()") {
                    return self.super_attribute(id, name, span).unwrap_or(Ok(Value::UNKNOWN));
                }
                match name {
                    "__class__" => return Ok(class),
                    "__dict__" => {
                        let entries = self.heap.get(id).attributes.iter();
                        let entries =
                            entries.map(|(name, value)| (Key::Str(name.as_str().into()), value.clone()));
                        let dict = Dict { entries: entries.collect(), ..Dict::default() };
                        return Ok(self.dict(dict));
                    }
                    _ => {}
                }
                if class.as_path() == Some("pathlib.Path")
                    && let Some(value) = crate::paths::attribute(self, id, name)
                {
                    return Ok(value.at(here));
                }
                if class.as_path() == Some("urllib.parse.ParseResult")
                    && let Some(value) = crate::url::attribute(self, id, name)
                {
                    return Ok(value.at(here));
                }
                if let Some(value) = crate::flask::instance_attribute(self, id, name) {
                    return Ok(value.at(here));
                }
                if let Some(value) = self.class_attribute(id, name) {
                    return self.bind_instance_attribute(&value, id, span);
                }
                if self.class_attribute(id, "__getattr__").is_some() {
                    return Ok(Value::UNKNOWN.at(here));
                }
                if let Some(further) = crate::parsed::further(self, id, name) {
                    return Ok(further.at(here));
                }
                let base = self.library_base(&class);
                let inherited = base
                    .as_deref()
                    .and_then(|base| crate::request::input(self, &format!("{base}().{name}").into(), span));
                if let Some(input) = inherited {
                    return Ok(input);
                }
                Ok(match base {
                    Some(_) => Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here),
                    None if self.tries > 0 => return Err(Raised::of("AttributeError")),
                    None => Value::UNKNOWN.at(here),
                })
            }
            Shape::Class(class) => {
                match name {
                    "__name__" => {
                        let name = class.qualified_name.rsplit('.').next().unwrap_or_default();
                        return Ok(Value::str(name));
                    }
                    "__qualname__" => return Ok(Value::str(class.qualified_name.clone())),
                    "__module__" => return Ok(Value::str(class.module.clone())),
                    "__mro__" => {
                        let object = Value::path("builtins.object");
                        let own = std::iter::once(Value::object(id)).chain(class.ancestors.iter().cloned());
                        let mro: Vec<Value> =
                            own.filter(|class| !class.same(&object)).chain([object.clone()]).collect();
                        return Ok(Value::tuple(mro));
                    }
                    "__dict__" => {
                        let entries = self.heap.get(id).attributes.iter();
                        let entries =
                            entries.map(|(name, value)| (Key::Str(name.as_str().into()), value.clone()));
                        let dict = Dict { entries: entries.collect(), ..Dict::default() };
                        return Ok(self.dict(dict));
                    }
                    _ => {}
                }
                for ancestor in &class.ancestors {
                    match &ancestor.kind {
                        Kind::Object(base) => {
                            if let Some(value) = self.heap.attribute(*base, name) {
                                let value = value.without_absent().under(&self.guard);
                                return self.bind_class_attribute(&value, id);
                            }
                        }
                        Kind::Path(path) if !path.starts_with("builtins.object") => {
                            if matches!(name, "as_view" | "query" | "from_env") || !path.starts_with("enum.")
                            {
                                return Ok(match name {
                                    // Class methods of a library that need the class they are called on.
                                    "as_view" => Value::new(
                                        Kind::Method(Arc::new((Value::object(id), Arc::from(name)))),
                                        here,
                                    ),
                                    _ => extend_path(path, format_args!(".{name}")).at(here),
                                });
                            }
                        }
                        _ => return Ok(Value::UNKNOWN.at(here)),
                    }
                }
                if self.tries > 0 {
                    return Err(Raised::of("AttributeError"));
                }
                Ok(Value::UNKNOWN.at(here))
            }
            Shape::Function(function) => Ok(match name {
                "__name__" => {
                    let name = function.qualified_name.rsplit('.').next().unwrap_or_default();
                    Value::str(name)
                }
                "__qualname__" => Value::str(function.qualified_name.clone()),
                "__doc__" => docstring(function.code),
                "__wrapped__" => Value::UNKNOWN,
                _ => Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here),
            }),
            Shape::List(_) | Shape::Dict(_) | Shape::Property { .. } => {
                Ok(Value::new(Kind::Method(Arc::new((Value::object(id), Arc::from(name)))), here))
            }
            Shape::Scope | Shape::StaticMethod(_) | Shape::ClassMethod(_) => Ok(Value::UNKNOWN.at(here)),
        }
    }

    pub(crate) fn bind_class_attribute(&mut self, value: &Value, class: ObjectId) -> Evaluated {
        let Some(id) = value.as_object() else { return Ok(value.clone()) };
        Ok(match &self.heap.get(id).shape {
            Shape::StaticMethod(inner) => inner.clone(),
            Shape::ClassMethod(inner) => bind(inner, &Value::object(class)),
            _ => value.clone(),
        })
    }

    pub(crate) fn bind_instance_attribute(
        &mut self,
        value: &Value,
        instance: ObjectId,
        span: Span,
    ) -> Evaluated {
        let Some(id) = value.as_object() else { return Ok(value.clone()) };
        match self.heap.get(id).shape.clone() {
            Shape::Function(_) => Ok(bind(value, &Value::object(instance))),
            Shape::StaticMethod(inner) => Ok(inner),
            Shape::ClassMethod(inner) => {
                let class = match &self.heap.get(instance).shape {
                    Shape::Instance { class } => class.clone(),
                    _ => Value::UNKNOWN,
                };
                Ok(bind(&inner, &class))
            }
            Shape::Property { getter } => {
                let bound = bind(&getter, &Value::object(instance));
                let result = self.call(&bound, Arguments::none(span))?;
                if let Some(name) = self.heap.attribute(id, "@cached").and_then(Value::as_str).map(Name::new)
                {
                    self.heap.set_attribute(instance, name, result.clone());
                }
                Ok(result)
            }
            _ => Ok(value.clone()),
        }
    }

    /// What the class of an instance, or one of its ancestors in the program, defines under a name.
    pub(crate) fn class_attribute(&self, instance: ObjectId, name: &str) -> Option<Value> {
        let Shape::Instance { class } = &self.heap.get(instance).shape else { return None };
        self.attribute_of_class(class, name)
    }

    pub(crate) fn attribute_of_class(&self, class: &Value, name: &str) -> Option<Value> {
        let id = class.as_object()?;
        if let Some(value) = self.heap.attribute(id, name) {
            return Some(value.without_absent());
        }
        let class = self.class(id)?;
        class.ancestors.iter().find_map(|ancestor| {
            let value = self.heap.attribute(ancestor.as_object()?, name)?;
            Some(value.without_absent())
        })
    }

    /// The nearest ancestor that a library defines; the class itself, where it is one.
    pub(crate) fn library_base(&self, class: &Value) -> Option<Arc<str>> {
        match &class.kind {
            Kind::Path(path) => Some(path.clone()),
            Kind::Object(id) => self.class(*id)?.ancestors.iter().find_map(|ancestor| match &ancestor.kind {
                Kind::Path(path) if &**path != "builtins.object" => Some(path.clone()),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Whether a class derives from another; `None` where it may.
    pub(crate) fn is_subclass(&self, class: &Value, of: &Value) -> Option<bool> {
        match (&class.kind, &of.kind) {
            (Kind::Path(a), Kind::Path(b)) => {
                if a == b || &**b == "builtins.object" {
                    return Some(true);
                }
                crate::builtins::exception_derives(a, b)
            }
            (Kind::Object(a), Kind::Object(b)) if a == b => Some(true),
            (Kind::Object(a), _) => {
                let class = self.class(*a)?;
                let mut answer = Some(false);
                for ancestor in &class.ancestors {
                    match self.is_subclass(ancestor, of) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => answer = None,
                    }
                }
                answer
            }
            (Kind::Path(_), Kind::Object(_)) => Some(false),
            _ => None,
        }
    }

    pub(crate) fn set_attribute(
        &mut self,
        object: &Value,
        name: &Name,
        value: Value,
        span: Span,
    ) -> Result<(), Raised> {
        match &object.kind {
            Kind::Object(id) => {
                if crate::flask::set_instance_attribute(self, *id, name, &value, span) {
                    return Ok(());
                }
                if let Some(property) = self.class_attribute(*id, name)
                    && let Some(property) = property.as_object()
                    && let Some(setter) = self.heap.attribute(property, "@setter").cloned()
                {
                    let bound = bind(&setter, object);
                    self.call(&bound, Arguments::of(span, [value]))?;
                    return Ok(());
                }
                self.note_operation(object, "__setattr__", &[Value::str(name.as_str()), value.clone()], span);
                self.heap.set_attribute(*id, name.clone(), value);
            }
            Kind::Path(path) => {
                if let Some(app) = crate::flask::app_behind(self, path) {
                    return self.set_attribute(&Value::object(app), name, value, span);
                }
                self.note_operation(object, "__setattr__", &[Value::str(name.as_str()), value.clone()], span);
                // One object per path: `flask.g`, a module. What calls give may be many.
                if !path.contains(['(', '[']) {
                    self.heap.set_attribute(self.placed, Name::new(format!("{path}.{name}")), value);
                }
            }
            Kind::Union(alternatives) => {
                for alternative in alternatives.clone().iter() {
                    self.set_attribute(&alternative.value, name, value.clone(), span)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A function of a class, bound to its receiver; anything else as it is.
pub(crate) fn bind(function: &Value, receiver: &Value) -> Value {
    match function.kind {
        Kind::Object(id) => Value::new(Kind::Bound(Arc::new((receiver.clone(), id))), function.at),
        _ => function.clone(),
    }
}

pub(crate) fn docstring(code: crate::heap::Code<'_>) -> Value {
    let crate::heap::Code::Def(node) = code else { return Value::NONE };
    match node.body.first() {
        Some(ast::Stmt::Expr(statement)) => match &*statement.value {
            ast::Expr::StringLiteral(text) => Value::str(text.value.to_str()),
            _ => Value::NONE,
        },
        _ => Value::NONE,
    }
}
