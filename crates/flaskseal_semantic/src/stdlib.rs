//! The parts of the standard library, and of small libraries like it, that start-up code computes with.

use flaskseal_core::Span;
use flaskseal_python::{Name, ast};

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::guard::Guard;
use crate::heap::{Dict, List, ObjectId, Shape};
use crate::machine::{Evaluated, Machine, Raised};
use crate::rope::{Hole, Rope, Source};
use crate::value::{Bytes, Key, Kind, Type, Value};

/// Top-level names of the standard library, Python 3.8 to 3.14.
static MODULES: &str = " __future__ abc argparse array ast asyncio atexit base64 bdb binascii bisect builtins bz2 \
    calendar cgi cmath cmd code codecs collections colorsys compileall concurrent configparser contextlib contextvars \
    copy copyreg csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings \
    ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc getopt getpass \
    gettext glob graphlib grp gzip hashlib heapq hmac html http imaplib imghdr importlib inspect io ipaddress \
    itertools json keyword linecache locale logging lzma mailbox marshal math mimetypes mmap multiprocessing netrc \
    numbers operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib poplib posix posixpath pprint \
    profile pstats pty pwd py_compile queue quopri random re readline reprlib resource runpy sched secrets select \
    selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat statistics string \
    stringprep struct subprocess sys sysconfig syslog tarfile tempfile termios textwrap threading time timeit tkinter \
    token tokenize tomllib trace traceback tracemalloc tty types typing unicodedata unittest urllib uuid venv warnings \
    wave weakref webbrowser wsgiref xml xmlrpc zipapp zipfile zipimport zlib zoneinfo _thread ";

pub(crate) fn is_module(name: &str) -> bool {
    MODULES.contains(&format!(" {name} "))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Calls a function or class of the standard library. `None` for one that is not computed here.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    path: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let first = arguments.positional.first().cloned();
    let span = arguments.span;
    Ok(Some(match (path, first) {
        ("os.getenv", key) => {
            let Some(key) = key.or_else(|| arguments.keyword("key").cloned()) else { return Ok(None) };
            let default = arguments.get(1, "default").cloned().unwrap_or(Value::NONE);
            crate::container::variable_or(machine, &key, &default)
        }
        ("os.putenv", Some(key)) => {
            if let (Some(key), Some(value)) = (Key::of(&key), arguments.positional.get(1)) {
                machine.heap.set_entry(machine.environ, key, value.clone());
            }
            Value::NONE
        }
        ("shlex.split", Some(line)) => match words(machine, &line) {
            Some(words) => words,
            None => return Ok(None),
        },
        ("os.path.expandvars", Some(value)) => expand_variables(machine, &value),
        ("datetime.timedelta", _) => timedelta(machine, arguments),
        (
            "json.loads" | "json.load" | "tomllib.loads" | "tomllib.load" | "toml.load" | "toml.loads"
            | "tomli.load" | "tomli.loads" | "yaml.safe_load" | "yaml.load",
            Some(source),
        ) => {
            let text = match machine.heap_text(&source) {
                Some((text, at)) => text.as_literal().map(|text| (text.to_owned(), at)),
                None => None,
            };
            match text {
                Some((text, at)) => {
                    let parsed = if path.starts_with("json") {
                        crate::document::json(machine, &text, at.or(Some(span)))
                    } else if path.starts_with("yaml") {
                        crate::document::yaml(machine, &text, at.or(Some(span)))
                    } else {
                        crate::document::toml(machine, &text, at.or(Some(span)))
                    };
                    match parsed {
                        Some(value) => value,
                        None => return Err(Raised::of("ValueError")),
                    }
                }
                None => {
                    machine.opaque_calls += 1;
                    return Ok(None);
                }
            }
        }
        ("ast.literal_eval", Some(value)) => match value.as_str() {
            Some("True") => Value::bool(true),
            Some("False") => Value::bool(false),
            Some("None") => Value::NONE,
            Some(text) => match text.parse() {
                Ok(number) => Value::int(number),
                Err(_) => Value::UNKNOWN,
            },
            None => return Ok(None),
        },
        ("distutils.util.strtobool" | "setuptools._distutils.util.strtobool", Some(value)) => {
            machine.may_raise("ValueError", &Guard::ALWAYS);
            value.map(|value| match value.as_str().map(str::to_lowercase).as_deref() {
                Some("y" | "yes" | "t" | "true" | "on" | "1") => Value::int(1),
                Some("n" | "no" | "f" | "false" | "off" | "0") => Value::int(0),
                _ => Value::new(Kind::Some(Type::Int), None),
            })
        }
        ("importlib.import_module", Some(name)) => match name.as_str() {
            Some(name) => {
                let relative = name.starts_with('.');
                let package =
                    arguments.get(1, "package").and_then(Value::as_str).unwrap_or_default().to_owned();
                let dotted = if relative { format!("{package}{name}") } else { name.to_owned() };
                machine.import_module(&dotted, span)?
            }
            None => Value::UNKNOWN,
        },
        ("importlib.reload", Some(module)) => module,
        ("werkzeug.utils.import_string", Some(name)) => match name.as_str() {
            Some(name) => machine.import_string(name, span)?,
            None => Value::UNKNOWN,
        },
        ("bytes.fromhex" | "builtins.bytes.fromhex" | "binascii.unhexlify", Some(value)) => {
            match value.as_str().and_then(unhex) {
                Some(bytes) => Value::new(Kind::Bytes(Bytes::Known(bytes.into())), value.at),
                None => return Ok(None),
            }
        }
        ("base64.b64decode" | "base64.urlsafe_b64decode" | "base64.standard_b64decode", Some(value)) => {
            let text = match &value.kind {
                Kind::Bytes(Bytes::Known(bytes)) => std::str::from_utf8(bytes).ok().map(str::to_owned),
                _ => value.as_str().map(str::to_owned),
            };
            match text.as_deref().and_then(unbase64) {
                Some(bytes) => Value::new(Kind::Bytes(Bytes::Known(bytes.into())), value.at),
                None => return Ok(None),
            }
        }
        ("functools.partial", Some(function)) => {
            let id = machine.instance(Value::path("functools.partial"));
            machine.heap.set_attribute(id, Name::new_static("@partial"), function);
            let rest = Value::tuple(arguments.positional[1..].to_vec());
            machine.heap.set_attribute(id, Name::new_static("@arguments"), rest);
            let mut dict = Dict::default();
            for (name, value) in &arguments.keywords {
                dict.entries.insert(Key::Str(name.as_str().into()), value.clone());
            }
            let keywords = machine.dict(dict);
            machine.heap.set_attribute(id, Name::new_static("@keywords"), keywords);
            Value::object(id)
        }
        ("functools.wraps", Some(function)) => {
            machine.library_instance("functools.wraps()", &[("@wraps", function)])
        }
        ("functools.lru_cache" | "functools.cache", Some(function)) => function,
        ("functools.reduce", Some(function)) => {
            let Some(iterable) = arguments.positional.get(1) else { return Ok(None) };
            let elements = machine.elements(iterable);
            if elements.rest.is_some() {
                return Ok(Some(Value::UNKNOWN));
            }
            let mut values = arguments.positional.get(2).cloned().into_iter().chain(elements.known);
            let Some(mut total) = values.next() else { return Err(Raised::of("TypeError")) };
            for value in values {
                total = machine.call(&function, Arguments::of(span, [total, value]))?;
            }
            total
        }
        ("copy.copy", Some(value)) => copy(machine, &value),
        ("copy.deepcopy", Some(value)) => deep_copy(machine, &value, 0),
        (
            "collections.OrderedDict" | "types.MappingProxyType" | "werkzeug.datastructures.ImmutableDict",
            _,
        ) => {
            return crate::builtins::call(machine, "dict", arguments);
        }
        ("collections.defaultdict", factory) => {
            let dict =
                machine.dict(Dict { class: Some("collections.defaultdict".into()), ..Dict::default() });
            if let (Some(id), Some(factory)) = (dict.as_object(), factory) {
                machine.heap.set_attribute(id, Name::new_static("@factory"), factory);
            }
            dict
        }
        ("collections.ChainMap", _) => {
            let mut dict = Dict::default();
            for mapping in arguments.positional.iter().rev() {
                machine.merge_into(&mut dict, mapping);
            }
            machine.dict(dict)
        }
        ("itertools.chain", _) => {
            let mut list = List::default();
            for iterable in &arguments.positional {
                let elements = machine.elements(iterable);
                list.items.extend(elements.known);
                list.rest = crate::heap::join_rests(list.rest, elements.rest);
            }
            machine.list_of(list)
        }
        ("collections.namedtuple" | "typing.NamedTuple", Some(name)) => {
            crate::fields::named_tuple(machine, &name, arguments)
        }
        ("types.SimpleNamespace" | "argparse.Namespace", _) => {
            let id = machine.instance(Value::path("types.SimpleNamespace"));
            for (name, value) in &arguments.keywords {
                machine.heap.set_attribute(id, name.clone(), value.clone());
            }
            Value::object(id)
        }
        ("dataclasses.field", _) => {
            let id = machine.instance(Value::path("dataclasses.field()"));
            if let Some(factory) = arguments.keyword("default_factory") {
                machine.heap.set_attribute(id, Name::new_static("@default_factory"), factory.clone());
            }
            match arguments.keyword("default") {
                Some(default) => default.clone(),
                None => Value::object(id),
            }
        }
        ("urllib.parse.quote" | "urllib.parse.quote_plus" | "werkzeug.urls.url_quote", Some(value))
            if value.as_str().is_some()
                && arguments.positional.len() == 1
                && arguments.keywords.is_empty() =>
        {
            Value::str(quote(value.as_str().unwrap_or_default(), path.ends_with("plus")))
        }
        ("typing.cast", _) => arguments.positional.get(1).cloned().unwrap_or(Value::UNKNOWN),
        ("typing.TypeVar" | "typing.NewType", _) => Value::UNKNOWN,
        (
            "configparser.ConfigParser" | "configparser.RawConfigParser" | "configparser.SafeConfigParser",
            _,
        ) => {
            let dict = machine.dict(Dict::default());
            let default = Value::bool(path != "configparser.RawConfigParser");
            let interpolation = arguments.keyword("interpolation").cloned().unwrap_or(default);
            let hidden = [("@sections", dict), ("@interpolation", interpolation)];
            machine.library_instance("configparser.ConfigParser", &hidden)
        }
        ("sys.modules.get", Some(name)) => match name.as_str().and_then(|name| machine.modules.get(name)) {
            Some(id) => Value::object(*id),
            None => Value::UNKNOWN,
        },
        ("operator.itemgetter" | "operator.attrgetter", _) => Value::UNKNOWN,
        (path, Some(left)) if let Some(op) = operator(path) => {
            let Some(right) = arguments.positional.get(1) else { return Ok(None) };
            machine.binary(&left, op, right, span)
        }
        ("sys.exit" | "os._exit" | "os.abort", _) => return Err(Raised::of("SystemExit")),
        _ => return Ok(None),
    }))
}

impl Machine<'_> {
    /// The text behind a value that is read from: a string, known bytes, or a file of the tree.
    fn heap_text(&self, value: &Value) -> Option<(Rope, Option<Span>)> {
        match &value.kind {
            Kind::Str(rope) => Some((rope.clone(), value.at)),
            Kind::Bytes(Bytes::Known(bytes)) => {
                Some((Rope::literal(std::str::from_utf8(bytes).ok()?), value.at))
            }
            Kind::Object(id) => {
                let text = self.heap.attribute(*id, "@content")?;
                Some((text.as_rope()?.clone(), text.at))
            }
            _ => None,
        }
    }
}

/// `$NAME` and `${NAME}` replaced; what is not set stays as it is written.
fn expand_variables(machine: &mut Machine<'_>, value: &Value) -> Value {
    let Some(text) = value.as_str().map(str::to_owned) else { return Value::unknown_text() };
    let mut parts: Vec<Value> = Vec::new();
    let mut rest = text.as_str();
    while let Some(position) = rest.find('$') {
        parts.push(Value::str(&rest[..position]));
        let after = &rest[position + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 3),
            None => {
                let end =
                    after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                (&after[..end], end + 1)
            }
        };
        let written = Value::str(&rest[position..position + length]);
        parts.push(if name.is_empty() {
            written
        } else {
            crate::container::variable_or(machine, &Value::str(name), &written)
        });
        rest = &rest[position + length..];
    }
    parts.push(Value::str(rest));
    machine.concat_values(&parts)
}

/// `open(path)`: a file whose text is known if the tree holds it.
pub(crate) fn open_file(machine: &mut Machine<'_>, path: &Value) -> Value {
    machine.may_raise("FileNotFoundError", &Guard::ALWAYS);
    let content = match machine.file_at(path) {
        Some(file) => {
            let text = machine.program.tree.file(file).text.clone();
            Value::str(text).at(Some(Span::new(file, 0, 0)))
        }
        None => Value::from(Rope::hole(Source::Path("open()".into()))),
    };
    machine.library_instance("io.TextIOWrapper", &[("@content", content)])
}

/// The lines that iterating over an open file gives, with their ends, where its text is known.
pub(crate) fn lines_of_file(machine: &Machine<'_>, file: ObjectId) -> Option<Vec<Value>> {
    const MAX_LINES: usize = 10_000;
    let content = machine.heap.attribute(file, "@content")?;
    let text = content.as_str()?;
    let lines = text.split_inclusive('\n').map(|line| Value::str(line).at(content.at));
    (text.lines().count() <= MAX_LINES).then(|| lines.collect())
}

/// The operator that a function of `operator` stands for.
fn operator(path: &str) -> Option<ast::Operator> {
    Some(match path.strip_prefix("operator.")?.trim_matches('_') {
        "add" | "concat" | "iadd" | "iconcat" => ast::Operator::Add,
        "sub" | "isub" => ast::Operator::Sub,
        "mul" | "imul" => ast::Operator::Mult,
        "truediv" | "itruediv" => ast::Operator::Div,
        "floordiv" | "ifloordiv" => ast::Operator::FloorDiv,
        "mod" | "imod" => ast::Operator::Mod,
        "pow" | "ipow" => ast::Operator::Pow,
        _ => return None,
    })
}

fn timedelta(machine: &mut Machine<'_>, arguments: &Arguments) -> Value {
    const UNITS: [(&str, f64); 7] = [
        ("days", 86_400.0),
        ("seconds", 1.0),
        ("microseconds", 1e-6),
        ("milliseconds", 1e-3),
        ("minutes", 60.0),
        ("hours", 3_600.0),
        ("weeks", 604_800.0),
    ];
    let mut total = 0.0;
    let mut known = !arguments.open;
    for (index, (unit, seconds)) in UNITS.iter().enumerate() {
        if let Some(value) = arguments.get(index, unit) {
            match number(value) {
                Some(count) => total += count * seconds,
                None => known = false,
            }
        }
    }
    let seconds = Value::new(if known { Kind::Float(total) } else { Kind::Some(Type::Float) }, None);
    machine.library_instance("datetime.timedelta", &[("@seconds", seconds)])
}

#[allow(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
fn number(value: &Value) -> Option<f64> {
    match value.kind {
        Kind::Float(value) => Some(value),
        _ => value.as_int().map(|value| value as f64),
    }
}

/// An operator with an instance of a library class on a side: paths and durations.
pub(crate) fn instance_binary(
    machine: &mut Machine<'_>,
    left: &Value,
    op: ast::Operator,
    right: &Value,
    _span: Span,
) -> Option<Value> {
    let hidden = |machine: &Machine<'_>, value: &Value, name: &str| {
        value.as_object().and_then(|id| machine.heap.attribute(id, name).cloned())
    };
    if op == ast::Operator::Div
        && let Some(path) = crate::paths::divide(machine, left, right)
    {
        return Some(path);
    }
    let seconds =
        |machine: &Machine<'_>, value: &Value| hidden(machine, value, "@seconds").and_then(|v| number(&v));
    let result = match (op, seconds(machine, left), seconds(machine, right)) {
        (ast::Operator::Add, Some(a), Some(b)) => a + b,
        (ast::Operator::Sub, Some(a), Some(b)) => a - b,
        (ast::Operator::Mult, Some(a), None) => a * number(right)?,
        (ast::Operator::Mult, None, Some(b)) => b * number(left)?,
        _ => return None,
    };
    let seconds = Value::new(Kind::Float(result), None);
    Some(machine.library_instance("datetime.timedelta", &[("@seconds", seconds)]))
}

/// `instance[key]` where a library class defines what that is.
pub(crate) fn instance_item(machine: &mut Machine<'_>, id: ObjectId, key: &Value) -> Option<Value> {
    if let Some(group) = crate::regex::item(machine, id, key) {
        return Some(group);
    }
    if let Some(fields) = crate::url::fields(machine, id) {
        return usize::try_from(key.as_int()?).ok().and_then(|index| fields.get(index)).cloned();
    }
    let sections = machine.heap.attribute(id, "@sections")?.as_object()?;
    let key = Key::of(key)?;
    machine.heap.dict(sections)?.entries.get(&key).cloned()
}

/// Methods of instances of the standard library.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    class: &str,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let hidden = |machine: &Machine<'_>, name: &str| machine.heap.attribute(id, name).cloned();
    Ok(match class {
        "pathlib.Path" => return crate::paths::call_method(machine, id, name, arguments),
        "urllib.parse.ParseResult" => crate::url::call_method(machine, id, name, arguments),
        "re.compile" | "re.match" => crate::regex::call_method(machine, id, class, name, arguments),
        "datetime.timedelta" if name == "total_seconds" => hidden(machine, "@seconds"),
        "io.TextIOWrapper" => match name {
            "read" | "readline" | "getvalue" => hidden(machine, "@content"),
            "readlines" => match hidden(machine, "@content") {
                Some(text) => crate::text::call(
                    machine,
                    text.as_rope().unwrap_or(&Rope::literal("")),
                    "splitlines",
                    arguments,
                ),
                None => None,
            },
            "close" | "write" | "flush" => Some(Value::NONE),
            "__enter__" => Some(Value::object(id)),
            _ => None,
        },
        "configparser.ConfigParser" => return crate::configparser::call_method(machine, id, name, arguments),
        // What `%(name)s` stands for was put in before.
        "configparser.Interpolation" | "configparser.BasicInterpolation" if name == "before_get" => {
            arguments.get(3, "value").cloned()
        }
        "io.StringIO" | "io.BytesIO" => crate::buffer::call_method(machine, id, name, arguments),
        _ => None,
    })
}

pub(crate) fn converted(value: &Value, method: &str) -> Value {
    let Some(text) = value.as_str() else {
        return match method {
            "getboolean" | "getint" | "getfloat" => Value::UNKNOWN,
            _ => value.clone(),
        };
    };
    match method {
        "getboolean" => match text.to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => Value::bool(true).at(value.at),
            "0" | "no" | "false" | "off" => Value::bool(false).at(value.at),
            _ => Value::UNKNOWN,
        },
        "getint" => text.parse().map_or(Value::UNKNOWN, Value::int),
        "getfloat" => text.parse().map_or(Value::UNKNOWN, |number| Value::new(Kind::Float(number), None)),
        _ => value.clone(),
    }
}

pub(crate) fn call_partial(
    machine: &mut Machine<'_>,
    id: ObjectId,
    function: &Value,
    arguments: Arguments,
) -> Evaluated {
    let mut all = Arguments::none(arguments.span);
    if let Some(Value { kind: Kind::Tuple(values), .. }) = machine.heap.attribute(id, "@arguments") {
        all.positional.extend(values.iter().cloned());
    }
    all.positional.extend(arguments.positional);
    if let Some(dict) = machine
        .heap
        .attribute(id, "@keywords")
        .and_then(Value::as_object)
        .and_then(|id| machine.heap.dict(id))
    {
        for (key, value) in &dict.entries {
            if let Some(name) = key.as_str()
                && !arguments.keywords.iter().any(|(known, _)| known == name)
            {
                all.keywords.push((name.into(), value.clone()));
            }
        }
    }
    all.keywords.extend(arguments.keywords);
    all.open = arguments.open;
    machine.call(function, all)
}

fn copy(machine: &mut Machine<'_>, value: &Value) -> Value {
    match value.as_object().map(|id| (id, machine.heap.get(id).shape.clone())) {
        Some((_, shape @ (Shape::List(_) | Shape::Dict(_)))) => Value::object(machine.heap.allocate(shape)),
        Some((id, shape @ Shape::Instance { .. })) => {
            let attributes = machine.heap.get(id).attributes.clone();
            let copied = machine.heap.allocate(shape);
            for (name, value) in attributes {
                machine.heap.set_attribute(copied, name, value);
            }
            Value::object(copied)
        }
        _ => value.clone(),
    }
}

fn deep_copy(machine: &mut Machine<'_>, value: &Value, depth: usize) -> Value {
    if depth > 16 {
        return Value::UNKNOWN;
    }
    match value.as_object().map(|id| machine.heap.get(id).shape.clone()) {
        Some(Shape::List(mut list)) => {
            list.items = list.items.iter().map(|item| deep_copy(machine, item, depth + 1)).collect();
            machine.list_of(list)
        }
        Some(Shape::Dict(mut dict)) => {
            for value in dict.entries.values_mut() {
                *value = deep_copy(machine, value, depth + 1);
            }
            machine.dict(dict)
        }
        Some(Shape::Instance { .. }) => copy(machine, value),
        _ => value.clone(),
    }
}

/// `shlex.split("ls -l " + folder)`: the words that are known, then one that stands for all others. `None` where quotes
/// are in the way, or no word is known.
fn words(machine: &mut Machine<'_>, line: &Value) -> Option<Value> {
    let rope = machine.text_of(line);
    let known = rope.literal_prefix();
    if known.contains(['"', '\'', '\\', '#']) {
        return None;
    }
    let is_whole = rope.as_literal().is_some();
    let end = if is_whole { known.len() } else { known.rfind(char::is_whitespace)? };
    let mut items: Vec<Value> = known.get(..end)?.split_whitespace().map(Value::str).collect();
    if items.is_empty() {
        return None;
    }
    if !is_whole {
        let hole = Hole::new(Source::Path("shlex.split()".into()), Alphabet::ALL);
        items.push(Value::from(Rope::from(Hole { origin: rope.origin(), ..hole })).at(line.at));
    }
    Some(machine.list(items))
}

/// A class of the program that derives from one of the standard library whose constructor matters.
pub(crate) fn instantiate_subclass(
    machine: &mut Machine<'_>,
    class: ObjectId,
    base: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    match base {
        "builtins.dict" | "collections.OrderedDict" | "collections.UserDict"
            if machine.attribute_of_class(&Value::object(class), "__init__").is_none() =>
        {
            crate::builtins::call(machine, "dict", arguments)
        }
        "typing.NamedTuple" => Ok(Some(crate::fields::instantiate(machine, class, arguments))),
        _ => Ok(None),
    }
}

// Encodings.

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Both alphabets of RFC 4648, with or without padding, as Python's lenient decoder takes them.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// RFC 3986 percent-encoding with Python's defaults: `quote` keeps `/`, `quote_plus` does not and writes blanks
/// as `+`.
fn quote(text: &str, plus: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                char::from(byte).to_string()
            }
            b'/' if !plus => "/".to_owned(),
            b' ' if plus => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
