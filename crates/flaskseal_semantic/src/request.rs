//! What a request carries: the values at the paths that models call inputs.
//!
//! Text becomes a hole that knows its origin. JSON and the like keep their access path, `flask.request.json["q"]`,
//! and carry the origin beside it. The same path under constant keys is the same value for as long as a request
//! lasts, so that a test on `request.args["q"]` says something of the next look at it.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_models::{Gives, Passes};

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::heap::List;
use crate::limits::{Identity, Limits};
use crate::machine::{Evaluated, Machine, Raised};
use crate::object::extend_path;
use crate::origin::{Origin, StepKind, stronger};
use crate::rope::{Hole, Rope, Source};
use crate::value::{Bytes, Key, Kind, Type, Value};

/// The text of an input.
pub(crate) fn text(path: &Arc<str>, span: Span) -> Value {
    Value::from(input_text(path, Alphabet::ALL, span)).at(Some(span))
}

fn input_text(path: &Arc<str>, alphabet: Alphabet, span: Span) -> Rope {
    let is_one_value = !path.contains("[*]") && !path.contains("()");
    let identity = if is_one_value { Identity::named(path) } else { Identity::named((path, span)) };
    let origin = Arc::new(Origin::request(path.clone(), span));
    let hole = Hole::new(Source::Path(path.clone()), alphabet);
    Rope::from(Hole { origin: Some(origin), identity: Some(identity), ..hole })
}

/// The value at a library's path, where the path is an input.
pub(crate) fn input(machine: &Machine<'_>, path: &Arc<str>, span: Span) -> Option<Value> {
    let gives = machine.program.models.input(path)?;
    if &**path == "flask.request.path" && machine.is_path_constant {
        return None;
    }
    Some(match gives {
        Gives::Text => text(path, span),
        Gives::Bytes => {
            Value::new(Kind::Bytes(Bytes::Encoded(input_text(path, Alphabet::ALL, span))), Some(span))
        }
        Gives::Texts | Gives::Files | Gives::File | Gives::Structure => {
            let origin = Arc::new(Origin::request(path.clone(), span));
            Value::path(path.clone()).at(Some(span)).tainted(Some(origin))
        }
    })
}

/// `input[key]`, where the object is a mapping of texts.
pub(crate) fn item(machine: &Machine<'_>, path: &Arc<str>, key: &Value, span: Span) -> Option<Value> {
    if machine.program.models.input(path) != Some(Gives::Texts) {
        return None;
    }
    Some(text(&item_path(path, key)?, span))
}

fn item_path(path: &str, key: &Value) -> Option<Arc<str>> {
    let value = match Key::of(key) {
        Some(Key::Str(text)) => extend_path(path, format_args!("[{text:?}]")),
        Some(Key::Int(index)) => extend_path(path, format_args!("[{index}]")),
        _ => extend_path(path, format_args!("[*]")),
    };
    value.as_path().map(Arc::from)
}

/// A method of an input, or of something that was computed from one: `request.args.get("q")`.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    path: &str,
    taint: Option<&Arc<Origin>>,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let Some((receiver, method)) = path.rsplit_once('.') else { return Ok(None) };
    let span = arguments.span;
    match machine.program.models.input(receiver) {
        Some(Gives::Texts) => return texts_method(machine, &receiver.into(), method, arguments),
        Some(Gives::Files) if matches!(method, "get" | "pop" | "setdefault") => {
            let Some(key) = arguments.get(0, "key") else { return Ok(None) };
            let Some(path) = item_path(receiver, key) else { return Ok(None) };
            let origin = Arc::new(Origin::request(path.clone(), span));
            let file = Value::path(path).at(Some(span)).tainted(Some(origin));
            return Ok(Some(Value::either(file, Value::NONE)));
        }
        Some(Gives::Files) if method == "getlist" => {
            let Some(path) = item_path(receiver, arguments.get(0, "key").unwrap_or(&Value::UNKNOWN)) else {
                return Ok(None);
            };
            let origin = Arc::new(Origin::request(path.clone(), span));
            let file = Value::path(path).at(Some(span)).tainted(Some(origin));
            return Ok(Some(machine.list_of(List { rest: Some(file), ..List::default() })));
        }
        _ => {}
    }
    let Some(taint) = taint else {
        // What a table or a store has under a client's key is its own.
        let default = match method {
            "get" | "pop" => arguments.positional.get(1),
            _ => return Ok(None),
        };
        let has_client_key = arguments.positional.first().is_some_and(|key| machine.taint_of(key).is_some());
        let is_lookup = arguments.positional.len() <= 2 && arguments.keywords.is_empty();
        if !has_client_key || !is_lookup || path.starts_with("flask.") {
            return Ok(None);
        }
        let found = extend_path(path, format_args!("()")).at(Some(span));
        return Ok(Some(match default {
            Some(default) if default.as_object().is_none() => Value::either(found, default.clone()),
            _ => found,
        }));
    };
    let inner = |suffix: std::fmt::Arguments<'_>| {
        extend_path(receiver, suffix).at(Some(span)).tainted(Some(taint.clone()))
    };
    Ok(match method {
        // Mappings.
        "get" | "pop" | "setdefault" if !arguments.positional.is_empty() => {
            let Some(path) = item_path(receiver, &arguments.positional[0]) else { return Ok(None) };
            let found = Value::path(path).at(Some(span)).tainted(Some(taint.clone()));
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            Some(Value::either(found, default))
        }
        "items" if arguments.positional.is_empty() => {
            let key = Value::from(tainted_text(receiver, "keys", taint, span)).at(Some(span));
            let pair = Value::tuple([key, inner(format_args!("[*]"))]);
            Some(machine.list_of(List { rest: Some(pair), ..List::default() }))
        }
        "keys" if arguments.positional.is_empty() => {
            let key = Value::from(tainted_text(receiver, "keys", taint, span)).at(Some(span));
            Some(machine.list_of(List { rest: Some(key), ..List::default() }))
        }
        "values" if arguments.positional.is_empty() => {
            Some(machine.list_of(List { rest: Some(inner(format_args!("[*]"))), ..List::default() }))
        }
        "copy" if arguments.positional.is_empty() => Some(inner(format_args!(""))),
        // Files and streams.
        "read" | "readline" | "getvalue" => {
            let rope = tainted_text(receiver, method, taint, span);
            Some(Value::new(Kind::Bytes(Bytes::Encoded(rope)), Some(span)))
        }
        // What JSON calls a string has a string's methods.
        _ if is_text_method(method) => {
            let rope = structure_text(&receiver.into(), taint, span);
            crate::text::call(machine, &rope, method, arguments)
        }
        _ => None,
    })
}

/// Names that only text has, of what a structure can hold.
fn is_text_method(name: &str) -> bool {
    matches!(
        name,
        "capitalize"
            | "casefold"
            | "center"
            | "encode"
            | "endswith"
            | "expandtabs"
            | "format"
            | "isalnum"
            | "isalpha"
            | "isascii"
            | "isdecimal"
            | "isdigit"
            | "isidentifier"
            | "islower"
            | "isnumeric"
            | "isprintable"
            | "isspace"
            | "istitle"
            | "isupper"
            | "join"
            | "ljust"
            | "lower"
            | "lstrip"
            | "partition"
            | "removeprefix"
            | "removesuffix"
            | "replace"
            | "rfind"
            | "rjust"
            | "rpartition"
            | "rsplit"
            | "rstrip"
            | "split"
            | "splitlines"
            | "startswith"
            | "strip"
            | "swapcase"
            | "title"
            | "translate"
            | "upper"
            | "zfill"
    )
}

fn tainted_text(path: &str, what: &str, taint: &Arc<Origin>, span: Span) -> Rope {
    let source = Source::Path(format!("{path}.{what}()").into());
    let identity = Identity::named((path, what, span));
    let hole = Hole::new(source, Alphabet::ALL);
    Hole { origin: Some(taint.clone()), identity: Some(identity), ..hole }.into()
}

/// The text of something that keeps its access path: `str(request.json["q"])`.
pub(crate) fn structure_text(path: &Arc<str>, taint: &Arc<Origin>, span: Span) -> Rope {
    let is_one_value = !path.contains("[*]") && !path.contains("()");
    let identity = if is_one_value { Identity::named(path) } else { Identity::named((path, span)) };
    let hole = Hole::new(Source::Path(path.clone()), Alphabet::ALL);
    Hole { origin: Some(taint.at_path(path)), identity: Some(identity), ..hole }.into()
}

fn texts_method(
    machine: &mut Machine<'_>,
    path: &Arc<str>,
    method: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let span = arguments.span;
    let all = || text(&format!("{path}[*]").into(), span);
    Ok(Some(match method {
        "get" | "pop" | "setdefault" => {
            let Some(key) = arguments.get(0, "key") else { return Ok(None) };
            let Some(path) = item_path(path, key) else { return Ok(None) };
            let found = text(&path, span);
            let found = match arguments.get(2, "type").cloned() {
                Some(convert) if !matches!(convert.kind, Kind::None) => {
                    machine.call(&convert, Arguments::of(span, [found]))?
                }
                _ => found,
            };
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            Value::either(found, default)
        }
        "getlist" | "get_all" => {
            let Some(path) = item_path(path, arguments.get(0, "key").unwrap_or(&Value::UNKNOWN)) else {
                return Ok(None);
            };
            // Several texts are under the key; no test on one says something of another.
            let found = text(&format!("{path}[*]").into(), span);
            let found = match arguments.get(1, "type").cloned() {
                Some(convert) if method == "getlist" && !matches!(convert.kind, Kind::None) => {
                    machine.call(&convert, Arguments::of(span, [found]))?
                }
                _ => found,
            };
            machine.list_of(List { rest: Some(found), ..List::default() })
        }
        "keys" | "listkeys" => {
            let key = text(&format!("{path}.keys()").into(), span);
            machine.list_of(List { rest: Some(key), ..List::default() })
        }
        "values" => machine.list_of(List { rest: Some(all()), ..List::default() }),
        "items" => {
            let pair = Value::tuple([text(&format!("{path}.keys()").into(), span), all()]);
            machine.list_of(List { rest: Some(pair), ..List::default() })
        }
        "lists" => {
            let values = machine.list_of(List { rest: Some(all()), ..List::default() });
            let pair = Value::tuple([text(&format!("{path}.keys()").into(), span), values]);
            machine.list_of(List { rest: Some(pair), ..List::default() })
        }
        "to_dict" | "copy" => {
            let origin = Arc::new(Origin::request(path.clone(), span));
            Value::path(path.clone()).at(Some(span)).tainted(Some(origin))
        }
        _ => return Ok(None),
    }))
}

/// What the router gives to a view for each converter of its rule: `/user/<int:id>`.
pub(crate) fn view_arguments(rule: &str, span: Span) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut rest = rule;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((inside, after)) = after.split_once('>') else { break };
        rest = after;
        let (converter, name) = inside.rsplit_once(':').unwrap_or(("default", inside));
        let (kind, options) = converter.split_once('(').unwrap_or((converter, ""));
        let path: Arc<str> = format!("flask.request.view_args[{name:?}]").into();
        let text = |alphabet: Alphabet| input_text(&path, alphabet, span);
        let slash = Alphabet::of("/");
        let value = match kind {
            "int" | "float" => {
                let number = if kind == "int" { Type::Int } else { Type::Float };
                let origin = Arc::new(Origin::request(path.clone(), span));
                Value::new(Kind::Some(number), Some(span)).tainted(Some(origin))
            }
            "uuid" => {
                let alphabet = Alphabet::HEX.any_case().union(Alphabet::of("-"));
                Value::from(Rope::hole_of(Source::Path(path.clone()), alphabet)).at(Some(span))
            }
            "any" => {
                let texts = options
                    .trim_end_matches(')')
                    .split(',')
                    .map(|text| text.trim().trim_matches(['"', '\'']));
                let limits = Limits::one_of(texts.map(Arc::from));
                Value::from(Rope::hole_of(Source::Path(path.clone()), limits.alphabet)).at(Some(span))
            }
            "path" => {
                let rope = text(Alphabet::ALL);
                let rope = rope.map_holes(|hole| Hole { first: hole.first.without(slash), ..hole.clone() });
                Value::from(rope).at(Some(span))
            }
            "default" | "string" => Value::from(text(Alphabet::ALL.without(slash))).at(Some(span)),
            // The application's own converter may give anything.
            _ => Value::from(text(Alphabet::ALL)).at(Some(span)),
        };
        found.push((name.to_owned(), value));
    }
    found
}

impl Machine<'_> {
    /// The request data in a value and in what it contains.
    pub(crate) fn taint_of(&self, value: &Value) -> Option<Arc<Origin>> {
        self.taint_at_depth(value, 0)
    }

    fn taint_at_depth(&self, value: &Value, depth: usize) -> Option<Arc<Origin>> {
        const MAX_DEPTH: usize = 3;
        const MAX_ELEMENTS: usize = 16;
        let Some(id) = value.as_object().filter(|_| depth < MAX_DEPTH) else { return value.origin() };
        let object = self.heap.get(id);
        let of = |values: &mut dyn Iterator<Item = &Value>| {
            values
                .take(MAX_ELEMENTS)
                .fold(None, |found, value| stronger(found, self.taint_at_depth(value, depth + 1)))
        };
        match &object.shape {
            crate::heap::Shape::List(list) => of(&mut list.items.iter().chain(&list.rest)),
            crate::heap::Shape::Dict(dict) if dict.class.is_none() => {
                of(&mut dict.entries.values().chain(&dict.rest))
            }
            crate::heap::Shape::Instance { .. } => of(&mut object.attributes.values()),
            _ => None,
        }
    }

    /// Remembers what goes into a call, for whoever catches what it raises.
    pub(crate) fn note_tried(&mut self, receiver: Option<&Value>, arguments: &Arguments) {
        if self.tries == 0 || !self.serving {
            return;
        }
        let values = receiver.into_iter().chain(&arguments.positional);
        let origin = values.fold(self.tried.take(), |found, value| stronger(found, value.origin()));
        self.tried = origin;
    }

    /// The result of a call that is not understood: computed from the request data that went into it.
    pub(crate) fn through(
        &self,
        result: Value,
        path: &str,
        receiver: Option<Arc<Origin>>,
        arguments: &Arguments,
    ) -> Value {
        let values = arguments.positional.iter().chain(arguments.keywords.iter().map(|(_, value)| value));
        let values = values.chain(&arguments.further);
        let of = |value| self.taint_of(value).or_else(|| crate::saved::content(self, value)?.origin());
        let origin = values.fold(receiver, |found, value| stronger(found, of(value)));
        let Some(origin) = origin else { return result };
        let transfer = self.program.models.transfer(path);
        if self.program.models.is_store(path) || transfer.is_some_and(|row| row.gives == Passes::Nothing) {
            return result;
        }
        let step = StepKind::Through(path.into());
        result.tainted(Some(Arc::new(origin.step(arguments.span, step))))
    }
}

/// The result of calling a path that nothing else knows.
pub(crate) fn opaque(
    machine: &Machine<'_>,
    path: &str,
    taint: Option<Arc<Origin>>,
    arguments: &Arguments,
) -> Evaluated {
    let span = arguments.span;
    let result = extend_path(path, format_args!("()")).at(Some(span));
    if let Kind::Path(path) = &result.kind
        && let Some(value) = input(machine, path, span)
    {
        return Ok(value);
    }
    Ok(machine.through(result, path, taint, arguments))
}
