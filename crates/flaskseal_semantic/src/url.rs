//! `urllib.parse`: the parts of an URL, and what tests on a part say of the whole.
//!
//! Reference: <https://docs.python.org/3/library/urllib.parse.html>. `urlsplit` removes tabs and line ends from its
//! argument, so that a part has characters of the whole, but is not always a piece of it.

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::heap::ObjectId;
use crate::limits::Relation;
use crate::machine::Machine;
use crate::rope::{Rope, Segment};
use crate::value::{Kind, Type, Value};

/// The class of what `urlparse` and `urlsplit` give.
const CLASS: &str = "urllib.parse.ParseResult";
const FIELDS: [&str; 6] = ["scheme", "netloc", "path", "params", "query", "fragment"];

pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    match path {
        "urllib.parse.urlparse" | "urllib.parse.urlsplit" => {
            let url = arguments.get(0, "url")?.clone();
            let is_short = path.ends_with("urlsplit");
            Some(url.map(|url| {
                let rope = machine.text_of(url);
                let hidden = [("@url", rope.into()), ("@short", Value::bool(is_short))];
                machine.library_instance(CLASS, &hidden)
            }))
        }
        "urllib.parse.urljoin" => {
            let base = machine.text_of(arguments.get(0, "base")?);
            let url = arguments.get(1, "url")?.clone();
            Some(url.map(|url| {
                let rope = machine.text_of(url);
                let alphabet = rope.alphabet().union(base.alphabet()).union(Alphabet::of("/.:"));
                let how = ("urljoin", base.to_string());
                match rope.as_hole() {
                    Some(hole) => Rope::from(hole.made(Relation::Joined, alphabet, how)).into(),
                    None if rope.origin().is_none() => base.blurred(alphabet).into(),
                    None => rope.computed(alphabet, how).into(),
                }
            }))
        }
        _ => None,
    }
}

/// What a function of this module makes of a constant, where that is more than its `transfer` row says.
pub(crate) fn of_constant(path: &str, text: &str) -> Option<String> {
    match path {
        "urllib.parse.unquote" => Some(unquoted(text, false)),
        "urllib.parse.unquote_plus" => Some(unquoted(text, true)),
        _ => None,
    }
}

/// A text with its `%xx` replaced; what is no UTF-8 becomes replacement characters.
fn unquoted(text: &str, is_plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if is_plus && *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `parts.netloc` and its like.
pub(crate) fn attribute(machine: &Machine<'_>, id: ObjectId, name: &str) -> Option<Value> {
    let url = machine.heap.attribute(id, "@url")?.as_rope()?;
    field(url, name)
}

/// `parts[1]`, and a tuple of all fields for who takes it apart.
pub(crate) fn fields(machine: &Machine<'_>, id: ObjectId) -> Option<Vec<Value>> {
    let url = machine.heap.attribute(id, "@url")?.as_rope()?;
    let is_short =
        machine.heap.attribute(id, "@short").is_some_and(|short| matches!(short.kind, Kind::Bool(true)));
    let names = FIELDS.iter().filter(|name| !(is_short && **name == "params"));
    names.map(|name| field(url, name)).collect()
}

pub(crate) fn call_method(
    machine: &Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let url = machine.heap.attribute(id, "@url")?.as_rope()?;
    match name {
        "geturl" => Some(url.computed(url.alphabet(), "geturl").into()),
        "_replace" => {
            let mut alphabet = url.alphabet();
            for (_, value) in &arguments.keywords {
                alphabet = alphabet.union(machine.text_of(value).alphabet());
            }
            // Its parts are not told apart any more.
            Some(url.blurred(alphabet.union(Alphabet::of(":/?#"))).into())
        }
        _ => None,
    }
}

fn field(url: &Rope, name: &str) -> Option<Value> {
    let (scheme, host) = known_start(url);
    let part = |relation, gone: &str| {
        let gone = Alphabet::of(gone).union(Alphabet::of("\t\r\n"));
        Value::from(url.made(relation, url.alphabet().without(gone), ("url", name)))
    };
    Some(match name {
        "scheme" => match scheme {
            Some(scheme) => Value::str(scheme.to_ascii_lowercase()),
            None => part(Relation::Scheme, ":/?#"),
        },
        "netloc" => match host {
            Some(host) => Value::str(host),
            None => part(Relation::Host, "/?#"),
        },
        "hostname" => match host {
            Some(host) if !host.contains(['@', ':', '[']) && !host.is_empty() => {
                Value::str(host.to_ascii_lowercase())
            }
            _ => Value::either(part(Relation::Host, "/?#@"), Value::NONE),
        },
        "port" => Value::either(Value::new(Kind::Some(Type::Int), None), Value::NONE),
        "username" | "password" => Value::either(part(Relation::Characters, "/?#"), Value::NONE),
        "path" => part(Relation::Characters, "?#"),
        "params" => part(Relation::Characters, "?#"),
        "query" => part(Relation::Characters, "#"),
        "fragment" => part(Relation::Characters, ""),
        _ => return None,
    })
}

/// The scheme and the host that an URL begins with, where what is known of it says both.
fn known_start(url: &Rope) -> (Option<String>, Option<String>) {
    let text = match url.segments().first() {
        Some(Segment::Literal(text)) => &**text,
        _ => return (None, None),
    };
    let Some((scheme, rest)) = text.split_once("://") else { return (None, None) };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme {
        return (None, None);
    }
    let end = rest.find(['/', '?', '#']);
    let host = match (end, url.as_literal()) {
        (Some(end), _) => Some(&rest[..end]),
        (None, Some(_)) => Some(rest),
        (None, None) => None,
    };
    // Tabs and line ends are dropped; brackets may make it invalid.
    let host = host.filter(|host| !host.contains(['\t', '\r', '\n', '[', ']']));
    (Some(scheme.to_owned()), host.map(str::to_owned))
}
