//! Python's built-in functions, types and exceptions.

use std::sync::{Arc, LazyLock, OnceLock};

use rustc_hash::FxHashMap;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::format::Conversion;
use crate::heap::{Dict, List, Shape};
use crate::limits::Limits;
use crate::machine::{Machine, Raised};
use crate::origin::stronger;
use crate::rope::{Hole, Rope, Source};
use crate::truth::Truth;
use crate::value::{Alternative, Bytes, Key, Kind, Type, Value};

mod reflect;
mod sequence;

use reflect::{get_attribute, has_attribute, is_instance, type_of, visible_names};
pub(crate) use sequence::sort_known;
use sequence::{collect, range, zip};

static FUNCTIONS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
    "__import__",
    "NotImplemented",
    "Ellipsis",
    "__debug__",
];

/// Exceptions with the one that each derives from.
static EXCEPTIONS: &[(&str, &str)] = &[
    ("BaseException", "object"),
    ("Exception", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("SystemExit", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("ArithmeticError", "Exception"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("AssertionError", "Exception"),
    ("AttributeError", "Exception"),
    ("BufferError", "Exception"),
    ("EOFError", "Exception"),
    ("ImportError", "Exception"),
    ("ModuleNotFoundError", "ImportError"),
    ("LookupError", "Exception"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("MemoryError", "Exception"),
    ("NameError", "Exception"),
    ("UnboundLocalError", "NameError"),
    ("OSError", "Exception"),
    ("IOError", "Exception"),
    ("EnvironmentError", "Exception"),
    ("BlockingIOError", "OSError"),
    ("ConnectionError", "OSError"),
    ("ConnectionRefusedError", "ConnectionError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("TimeoutError", "OSError"),
    ("RuntimeError", "Exception"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("StopIteration", "Exception"),
    ("SyntaxError", "Exception"),
    ("SystemError", "Exception"),
    ("TypeError", "Exception"),
    ("ValueError", "Exception"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("Warning", "Exception"),
    ("DeprecationWarning", "Warning"),
    ("RuntimeWarning", "Warning"),
    ("UserWarning", "Warning"),
];

/// The same, to be looked up.
static BASES: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| EXCEPTIONS.iter().copied().collect());

/// The access path of a built-in name: `builtins.len`.
pub(crate) fn path_of(name: &str) -> Option<Arc<str>> {
    static PATHS: LazyLock<FxHashMap<&str, Arc<str>>> = LazyLock::new(|| {
        let names = FUNCTIONS.iter().copied().chain(EXCEPTIONS.iter().map(|(name, _)| *name));
        names.map(|name| (name, format!("builtins.{name}").into())).collect()
    });
    PATHS.get(name).cloned()
}

/// Whether an exception of a library or of Python derives from another; `None` where that is not known.
pub(crate) fn exception_derives(class: &str, of: &str) -> Option<bool> {
    let normalise = |name: &str| match name {
        "IOError" | "EnvironmentError" => "OSError".to_owned(),
        _ => name.to_owned(),
    };
    let Some(of) = of.strip_prefix("builtins.").map(normalise) else {
        // A library's exception is none of Python's own.
        return if class.starts_with("builtins.") { Some(false) } else { None };
    };
    let Some(mut class) = class.strip_prefix("builtins.").map(normalise) else {
        return if of == "Exception" || of == "BaseException" { Some(true) } else { None };
    };
    loop {
        if class == of {
            return Some(true);
        }
        match BASES.get(class.as_str()) {
            Some(base) => class = normalise(base),
            None => return Some(class == of),
        }
    }
}

/// Calls a built-in. `None` where its result is not known.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let first = arguments.positional.first().cloned();
    let span = arguments.span;
    if BASES.contains_key(name) {
        let id = machine.instance(Value::path(format!("builtins.{name}")));
        let args = Value::tuple(arguments.positional.clone());
        machine.heap.set_attribute(id, "args".into(), args);
        return Ok(Some(Value::object(id)));
    }
    Ok(Some(match (name, first) {
        ("str", None) => Value::str(""),
        ("str", Some(value)) => value.map(|value| match &value.kind {
            Kind::Bytes(Bytes::Encoded(rope)) if arguments.positional.len() > 1 => rope.clone().into(),
            Kind::Bytes(Bytes::Known(bytes)) if arguments.positional.len() > 1 => {
                match std::str::from_utf8(bytes) {
                    Ok(text) => Value::str(text).at(value.at),
                    Err(_) => Value::unknown_text(),
                }
            }
            _ => Value::from(machine.text_of(value)).at(value.at),
        }),
        ("repr", Some(value)) => machine.format_value(&value, Conversion::Repr, Some("")),
        ("ascii", Some(value)) => machine.format_value(&value, Conversion::Ascii, Some("")),
        ("format", Some(value)) if arguments.positional.len() == 1 => machine.text_of(&value).into(),
        ("format", Some(value)) => {
            let spec = arguments.positional.get(1).and_then(Value::as_str).map(str::to_owned);
            machine.format_value(&value, Conversion::None, spec.as_deref())
        }
        ("str.maketrans", _) => return Ok(crate::text::make_table(machine, arguments)),
        // `map(str.strip, names)`: a method as a function.
        (name, Some(value)) if name.starts_with("str.") => {
            let method = name.trim_start_matches("str.").to_owned();
            let rope = machine.text_of(&value);
            let mut rest = arguments.clone();
            rest.positional.remove(0);
            return Ok(crate::text::call(machine, &rope, &method, &rest));
        }
        ("bool", None) => Value::bool(false),
        ("bool", Some(value)) => {
            let truth = machine.truth(&value);
            crate::truth::truth_value(&truth).at(value.at)
        }
        ("int", None) => Value::int(0),
        ("int", Some(value)) => return integer(machine, &value, arguments).map(Some),
        ("float", Some(value)) => value.map(|value| match (&value.kind, value.as_str()) {
            (_, Some(text)) => {
                text.trim().parse().map_or(Value::UNKNOWN, |value| Value::new(Kind::Float(value), None))
            }
            (Kind::Float(_), _) => value.clone(),
            #[allow(clippy::cast_precision_loss, reason = "as Python does")]
            _ => match value.as_int() {
                Some(value) => Value::new(Kind::Float(value as f64), None),
                None => Value::new(Kind::Some(Type::Float), None).tainted(value.origin()),
            },
        }),
        ("len", Some(value)) => {
            let method =
                value.as_object().filter(|id| matches!(machine.heap.get(*id).shape, Shape::Instance { .. }));
            if let Some(id) = method
                && machine.class_attribute(id, "__len__").is_some()
            {
                let method = machine.attribute(&value, "__len__", span)?;
                return machine.call(&method, Arguments::none(span)).map(Some);
            }
            length(machine, &value)
        }
        ("list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter", argument) => {
            let list = match &argument {
                Some(value) => {
                    let elements = machine.elements(value);
                    List { items: elements.known, rest: elements.rest, ..List::default() }
                }
                None => List::default(),
            };
            collect(machine, name, list, arguments)
        }
        ("dict", argument) => {
            let mut dict = Dict::default();
            if let Some(value) = &argument {
                machine.merge_into(&mut dict, value);
            }
            for (name, value) in &arguments.keywords {
                dict.entries.insert(Key::Str(name.as_str().into()), value.clone());
            }
            if arguments.open {
                dict.rest = Some(Value::UNKNOWN);
            }
            machine.dict(dict)
        }
        ("range", Some(_)) => range(machine, &arguments.positional),
        ("enumerate", Some(value)) => {
            let elements = machine.elements(&value);
            let start = arguments.get(1, "start").and_then(Value::as_int).unwrap_or(0);
            let items =
                elements.known.into_iter().zip(start..).map(|(v, i)| Value::tuple(vec![Value::int(i), v]));
            let items = items.collect();
            let rest = elements.rest.map(|v| Value::tuple(vec![Value::new(Kind::Some(Type::Int), None), v]));
            machine.list_of(List { items, rest, ..List::default() })
        }
        ("zip", Some(_)) => zip(machine, &arguments.positional),
        ("map", Some(function)) => {
            let Some(iterable) = arguments.positional.get(1) else { return Ok(None) };
            let elements = machine.elements(iterable);
            let mut list = List::default();
            for element in elements.known {
                list.items.push(machine.call(&function, Arguments::of(span, [element]))?);
            }
            if let Some(rest) = elements.rest {
                list.rest = Some(machine.call(&function, Arguments::of(span, [rest]))?);
            }
            machine.list_of(list)
        }
        ("filter", Some(function)) => {
            let Some(iterable) = arguments.positional.get(1) else { return Ok(None) };
            let elements = machine.elements(iterable);
            let mut list = List::default();
            if let Some(rest) = elements.rest {
                let keep = match function.kind {
                    Kind::None => rest.clone(),
                    _ => machine.call(&function, Arguments::of(span, [rest.clone()]))?,
                };
                // What passes is what the function says of it.
                list.rest = machine.truth(&keep).yes.map(|guard| rest.under(&guard));
            }
            for element in elements.known {
                let keep = match function.kind {
                    Kind::None => element.clone(),
                    _ => machine.call(&function, Arguments::of(span, [element.clone()]))?,
                };
                match machine.truth(&keep).known() {
                    Some(true) => list.items.push(element),
                    Some(false) => {}
                    None => list.rest = crate::heap::join_rests(list.rest, Some(element)),
                }
            }
            machine.list_of(list)
        }
        ("any" | "all", Some(value)) => {
            let elements = machine.elements(&value);
            let is_any = name == "any";
            // `all` is `not any(not ...)`.
            let negated = |truth: Truth| if is_any { truth } else { truth.not() };
            let mut total = if elements.rest.is_some() { Truth::EITHER } else { Truth::NO };
            for element in elements.known {
                total = total.or(negated(machine.truth(&element)));
                if total.no.is_none() {
                    break;
                }
            }
            crate::truth::truth_value(&negated(total))
        }
        ("sum" | "min" | "max", Some(value)) => {
            let values = if arguments.positional.len() > 1 {
                arguments.positional.clone()
            } else {
                let elements = machine.elements(&value);
                if elements.rest.is_some() {
                    let taint = machine.taint_of(&value);
                    return Ok(Some(Value::UNKNOWN.tainted(taint)));
                }
                elements.known
            };
            let numbers: Option<Vec<i64>> = values.iter().map(Value::as_int).collect();
            match numbers {
                Some(numbers) if name == "sum" => numbers
                    .iter()
                    .try_fold(0_i64, |a, b| a.checked_add(*b))
                    .map_or(Value::UNKNOWN, Value::int),
                Some(numbers) => {
                    let chosen = if name == "min" { numbers.iter().min() } else { numbers.iter().max() };
                    chosen.map_or(Value::UNKNOWN, |value| Value::int(*value))
                }
                None if name == "sum" => {
                    let taint =
                        values.iter().fold(None, |found, value| stronger(found, machine.taint_of(value)));
                    Value::UNKNOWN.tainted(taint)
                }
                None => values.into_iter().reduce(Value::either).unwrap_or(Value::UNKNOWN),
            }
        }
        ("next", Some(value)) => {
            let iterator =
                value.as_object().filter(|id| machine.heap.list(*id).is_some_and(|list| list.is_iterator));
            let mut elements = machine.elements(&value);
            if let Some(id) = iterator {
                // What is left stays to be taken.
                let known = if elements.known.is_empty() { Vec::new() } else { elements.known.split_off(1) };
                let rest =
                    List { items: known, rest: elements.rest.clone(), is_iterator: true, is_set: false };
                machine.heap.set_shape(id, Shape::List(rest));
            }
            let default = arguments.positional.get(1).cloned();
            match (elements.known.into_iter().next(), elements.rest, default) {
                (Some(element), _, _) => element,
                // There may be none.
                (None, Some(element), Some(default)) => Value::either(element, default),
                (None, Some(element), None) => {
                    machine.may_raise("StopIteration", &crate::guard::Guard::ALWAYS);
                    element
                }
                (None, None, Some(default)) => default,
                (None, None, None) => return Err(Raised::of("StopIteration")),
            }
        }
        ("abs", Some(value)) => value.as_int().and_then(i64::checked_abs).map_or(Value::UNKNOWN, Value::int),
        ("round", Some(value)) => match value.kind {
            Kind::Int(_) => value,
            #[allow(clippy::cast_possible_truncation, reason = "bounded by the guard")]
            Kind::Float(number) if arguments.positional.len() == 1 && number.abs() < 1e15 => {
                Value::int(number.round_ties_even() as i64)
            }
            _ => Value::UNKNOWN,
        },
        ("chr", Some(value)) => value
            .as_int()
            .and_then(|code| u32::try_from(code).ok())
            .and_then(char::from_u32)
            .map_or_else(|| text_from(&value, Alphabet::ALL), |character| Value::str(character.to_string())),
        ("ord", Some(value)) => value.as_str().and_then(|text| text.chars().next()).map_or_else(
            || Value::new(Kind::Some(Type::Int), None).tainted(value.origin()),
            |c| Value::int(i64::from(c as u32)),
        ),
        ("hex" | "oct" | "bin", Some(value)) => match (name, value.as_int()) {
            (_, None) => text_from(&value, Alphabet::of("-0123456789abcdefox")),
            (base, Some(number)) => {
                let size = number.unsigned_abs();
                let digits = match base {
                    "hex" => format!("{size:#x}"),
                    "oct" => format!("{size:#o}"),
                    _ => format!("{size:#b}"),
                };
                Value::str(if number < 0 { format!("-{digits}") } else { digits })
            }
        },
        ("bytes" | "bytearray", None) => Value::new(Kind::Bytes(Bytes::Known(Arc::new([]))), None),
        ("bytes" | "bytearray", Some(value)) => value.map(|value| match &value.kind {
            Kind::Str(rope) => match rope.as_literal() {
                Some(text) => Value::new(Kind::Bytes(Bytes::Known(text.as_bytes().into())), value.at),
                None => Value::new(Kind::Bytes(Bytes::Encoded(rope.clone())), value.at),
            },
            Kind::Bytes(_) => value.clone(),
            Kind::Int(length @ 0..=4096) => {
                Value::new(Kind::Bytes(Bytes::Known(vec![0; *length as usize].into())), None)
            }
            _ => Value::UNKNOWN,
        }),
        ("getattr", Some(object)) => return get_attribute(machine, &object, arguments).map(Some),
        ("hasattr", Some(object)) => {
            match arguments.positional.get(1) {
                Some(name) if name.as_str().is_some() => {
                    has_attribute(machine, &object, name.as_str().unwrap_or_default())
                }
                // Which one it is, a client may still choose; but it is a name.
                Some(Value { kind: Kind::Str(rope), .. }) if machine.taint_of(&object).is_none() => {
                    let name = Limits::alphabet(Alphabet::WORD.union(Alphabet::WIDE_ALPHANUMERIC));
                    crate::truth::truth_value(&crate::truth::about(rope, name, Limits::default()))
                }
                _ => Value::new(Kind::Some(Type::Bool), None),
            }
        }
        ("setattr", Some(object)) => {
            if let (Some(name), Some(value)) =
                (arguments.positional.get(1).and_then(Value::as_str), arguments.positional.get(2))
            {
                machine.set_attribute(&object, &name.into(), value.clone(), span)?;
            }
            Value::NONE
        }
        ("delattr", Some(object)) => {
            if let (Some(id), Some(name)) =
                (object.as_object(), arguments.positional.get(1).and_then(Value::as_str))
            {
                let name = name.to_owned();
                machine.heap.remove_attribute(id, &name);
            }
            Value::NONE
        }
        ("dict.fromkeys", Some(keys)) => {
            let elements = machine.elements(&keys);
            let default = arguments.positional.get(1).cloned().unwrap_or(Value::NONE);
            let mut dict = Dict { rest: elements.rest.map(|_| default.clone()), ..Dict::default() };
            for key in elements.known {
                crate::display::insert(&mut dict, &key, default.clone());
            }
            machine.dict(dict)
        }
        ("object.__setattr__", Some(object)) => {
            if let (Some(id), Some(name), Some(value)) = (
                object.as_object(),
                arguments.positional.get(1).and_then(Value::as_str),
                arguments.positional.get(2),
            ) {
                machine.heap.set_attribute(id, name.into(), value.clone());
            }
            Value::NONE
        }
        ("isinstance", Some(value)) => {
            let Some(class) = arguments.positional.get(1) else { return Ok(None) };
            is_instance(machine, &value, class)
        }
        ("issubclass", Some(class)) => {
            let Some(of) = arguments.positional.get(1) else { return Ok(None) };
            machine.is_subclass(&class, of).map_or(Value::new(Kind::Some(Type::Bool), None), Value::bool)
        }
        ("callable", Some(value)) => match &value.kind {
            Kind::Bound(_) | Kind::Method(_) => Value::bool(true),
            Kind::Object(id) => match machine.heap.get(*id).shape {
                Shape::Function(_) | Shape::Class(_) => Value::bool(true),
                Shape::List(_) | Shape::Dict(_) | Shape::Module { .. } => Value::bool(false),
                Shape::Instance { .. } => Value::bool(machine.class_attribute(*id, "__call__").is_some()),
                _ => Value::new(Kind::Some(Type::Bool), None),
            },
            Kind::Path(_) | Kind::Unknown | Kind::Union(_) => Value::new(Kind::Some(Type::Bool), None),
            _ => Value::bool(false),
        },
        ("type", Some(value)) if arguments.positional.len() == 1 => type_of(machine, &value),
        ("type", Some(name)) => {
            // `type("Config", (Base,), {...})`: a class made by hand.
            let bases =
                arguments.positional.get(1).map(|bases| machine.elements(bases).known).unwrap_or_default();
            let qualified_name: Arc<str> = name.as_str().unwrap_or("?").into();
            let class = crate::heap::Class {
                qualified_name,
                module: Arc::from(""),
                ancestors: machine.linearise(&bases, span),
                span,
                fact: OnceLock::new(),
            };
            let id = machine.heap.allocate(Shape::Class(Arc::new(class)));
            if let Some(dict) = arguments.positional.get(2).and_then(Value::as_object)
                && let Some(dict) = machine.heap.dict(dict).cloned()
            {
                for (key, value) in dict.entries {
                    if let Some(name) = key.as_str() {
                        machine.heap.set_attribute(id, name.into(), value);
                    }
                }
            }
            machine.init_subclass(id, span)?;
            Value::object(id)
        }
        ("vars" | "dir", Some(value)) => {
            if name == "vars" {
                return machine.attribute(&value, "__dict__", span).map(Some);
            }
            let names = visible_names(machine, &value);
            let items = names.into_iter().map(Value::str).collect();
            machine.list(items)
        }
        ("globals", _) => {
            let module = machine.frame().module;
            machine.attribute(&Value::object(module), "__dict__", span)?
        }
        ("locals", _) => Value::UNKNOWN,
        ("object", None) => {
            let id = machine.instance(Value::path("builtins.object"));
            Value::object(id)
        }
        ("super", Some(_)) => machine.super_object(span),
        ("property", Some(getter)) => Value::object(machine.heap.allocate(Shape::Property { getter })),
        ("staticmethod", Some(function)) => {
            Value::object(machine.heap.allocate(Shape::StaticMethod(function)))
        }
        ("classmethod", Some(function)) => Value::object(machine.heap.allocate(Shape::ClassMethod(function))),
        ("print", _) => {
            crate::buffer::print(machine, arguments);
            Value::NONE
        }
        ("open", Some(path)) => crate::stdlib::open_file(machine, &path),
        ("__import__", Some(name)) => match name.as_str() {
            Some(name) => {
                let top = name.split('.').next().unwrap_or(name).to_owned();
                machine.import_module(name, span)?;
                machine.import_module(&top, span)?
            }
            None => Value::UNKNOWN,
        },
        ("exit" | "quit", _) => return Err(Raised::of("SystemExit")),
        ("input", _) => Value::from(Rope::hole(Source::Unknown)),
        ("hash" | "id", _) => Value::new(Kind::Some(Type::Int), None),
        _ => return Ok(None),
    }))
}

fn integer(machine: &mut Machine<'_>, value: &Value, arguments: &Arguments) -> Result<Value, Raised> {
    let base = arguments.get(1, "base").and_then(Value::as_int).unwrap_or(10);
    let mut raises = false;
    let result = value.map(|value| match &value.kind {
        Kind::Str(rope) => match rope.as_literal() {
            Some(text) => {
                let text = text.trim().replace('_', "");
                let digits = if base == 16 { text.trim_start_matches("0x") } else { &text };
                match u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) {
                    Some(base) => match i64::from_str_radix(digits, base) {
                        Ok(value) => Value::int(value),
                        Err(_) => {
                            raises = true;
                            Value::ABSENT
                        }
                    },
                    None => Value::UNKNOWN,
                }
            }
            None => Value::new(Kind::Some(Type::Int), None).tainted(rope.origin()),
        },
        #[allow(clippy::cast_possible_truncation, reason = "bounded by the guard")]
        Kind::Float(number) if number.abs() < 1e15 => Value::int(number.trunc() as i64),
        Kind::None => {
            raises = true;
            Value::ABSENT
        }
        _ => value
            .as_int()
            .map_or_else(|| Value::new(Kind::Some(Type::Int), None).tainted(value.origin()), Value::int),
    });
    if matches!(result.kind, Kind::Absent) {
        return Err(Raised::of(if matches!(value.kind, Kind::None) { "TypeError" } else { "ValueError" }));
    }
    let is_certain =
        |alternative: &Alternative| matches!(alternative.value.kind, Kind::Int(_) | Kind::Bool(_));
    if raises || !value.alternatives().iter().all(is_certain) {
        machine.may_raise("ValueError", &crate::guard::Guard::ALWAYS);
    }
    Ok(result.without_absent().at(value.at))
}

fn length(machine: &Machine<'_>, value: &Value) -> Value {
    let unknown = Value::new(Kind::Some(Type::Int), None);
    match &value.kind {
        Kind::Str(rope) => rope.as_literal().map_or(unknown, |text| Value::int(text.chars().count() as i64)),
        Kind::Bytes(Bytes::Known(bytes)) => Value::int(bytes.len() as i64),
        Kind::Tuple(values) => Value::int(values.len() as i64),
        Kind::Object(id) => match &machine.heap.get(*id).shape {
            Shape::List(list) if list.rest.is_none() => Value::int(list.items.len() as i64),
            Shape::Dict(dict) if dict.rest.is_none() && !dict.entries.values().any(Value::may_be_absent) => {
                Value::int(dict.entries.len() as i64)
            }
            _ => unknown,
        },
        _ => unknown,
    }
}

/// Text that a value determines, of these characters.
fn text_from(value: &Value, alphabet: Alphabet) -> Value {
    Rope::from(Hole { origin: value.origin(), ..Hole::new(Source::Unknown, alphabet) }).into()
}
