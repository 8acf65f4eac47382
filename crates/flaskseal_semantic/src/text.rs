//! Methods of strings and bytes.

use flaskseal_core::Span;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::heap::List;
use crate::limits::{Limits, Relation};
use crate::machine::Machine;
use crate::origin::stronger;
use crate::rope::{Hole, Rope, Source};
use crate::truth::Truth;
use crate::value::{Bytes, Kind, Type, Value};

/// Calls a method of a string. `None` for a method that strings do not have.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    rope: &Rope,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    if let Some(union) = arguments.positional.first().filter(|value| matches!(value.kind, Kind::Union(_)))
        && name != "format"
        && name != "join"
    {
        let results = union.alternatives().into_iter().map(|alternative| {
            let mut arguments = arguments.clone();
            arguments.positional[0] = alternative.value;
            let value = call(machine, rope, name, &arguments).unwrap_or(Value::UNKNOWN);
            crate::value::Alternative { value, guard: alternative.guard }
        });
        return Some(Value::union(results));
    }
    let literal = rope.as_literal();
    let first = arguments.positional.first();
    let argument = first.and_then(Value::as_str);
    let hole = |alphabet: Alphabet| Value::from(rope.blurred(alphabet));
    let some_bool = || Value::new(Kind::Some(Type::Bool), None);
    Some(match name {
        "lower" | "casefold" => rope.map(str::to_lowercase, Alphabet::any_case).into(),
        "upper" => rope.map(str::to_uppercase, Alphabet::any_case).into(),
        "title" | "capitalize" | "swapcase" => match literal {
            Some(text) if name == "capitalize" => {
                let mut characters = text.chars();
                let head = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
                Value::str(head + &characters.as_str().to_lowercase())
            }
            Some(text) if name == "title" => Value::str(title(text)),
            _ => hole(rope.alphabet().any_case()),
        },
        "strip" | "lstrip" | "rstrip" => match literal {
            Some(text) => {
                let strip = |c: char| match argument {
                    Some(set) => set.contains(c),
                    None => c.is_whitespace(),
                };
                Value::str(match name {
                    "lstrip" => text.trim_start_matches(strip),
                    "rstrip" => text.trim_end_matches(strip),
                    _ => text.trim_matches(strip),
                })
            }
            // Environment variables keep their identity: nobody sets them with blanks that matter.
            None => match rope.as_hole() {
                Some(Hole { identity: Some(_), .. }) if first.is_none() => {
                    rope.made(Relation::Stripped, rope.alphabet(), name).into()
                }
                Some(Hole { identity: Some(_), .. }) => {
                    rope.made(Relation::Part, rope.alphabet(), (name, arguments.span)).into()
                }
                _ => rope.clone().into(),
            },
        },
        "startswith" | "endswith" => {
            let candidates: Vec<Value> = match first.map(|value| &value.kind) {
                Some(Kind::Tuple(values)) => values.to_vec(),
                _ => first.cloned().into_iter().collect(),
            };
            let mut uncertain = false;
            let mut possible: Vec<String> = Vec::new();
            for candidate in candidates {
                let Some(part) = candidate.as_str() else {
                    let folder = machine.text_of(&candidate);
                    let by_component = folder.literal_suffix().ends_with('/');
                    let below = crate::paths::lies_below(rope, &folder, by_component);
                    if name == "startswith" && below != Truth::EITHER {
                        return Some(crate::eval::truth_value(&below));
                    }
                    uncertain = true;
                    continue;
                };
                let known = if name == "startswith" { rope.literal_prefix() } else { rope.literal_suffix() };
                let matches =
                    if name == "startswith" { known.starts_with(part) } else { known.ends_with(part) };
                if matches {
                    return Some(Value::bool(true));
                }
                if literal.is_none() && part.chars().all(|c| rope.alphabet().contains(c)) {
                    possible.push(part.to_owned());
                }
            }
            if uncertain {
                return Some(some_bool());
            }
            // It begins with one of them, or with none.
            let tests = possible.iter().map(|part| match name {
                "startswith" => crate::truth::begins(rope, part),
                _ => crate::truth::about(rope, Limits::suffix(part.as_str()), Limits::default()),
            });
            crate::eval::truth_value(&tests.fold(Truth::NO, Truth::or))
        }
        "split" | "rsplit" => {
            let limit = arguments.get(1, "maxsplit").and_then(Value::as_int);
            match (literal, first.map(|value| &value.kind), argument) {
                (Some(text), None | Some(Kind::None), _) => {
                    let parts = text.split_whitespace().map(Value::str).collect();
                    machine.list(parts)
                }
                (Some(text), _, Some(separator)) if !separator.is_empty() => {
                    let parts: Vec<Value> = match limit.and_then(|limit| usize::try_from(limit).ok()) {
                        None => text.split(separator).map(Value::str).collect(),
                        Some(limit) if name == "split" => {
                            text.splitn(limit + 1, separator).map(Value::str).collect()
                        }
                        Some(limit) => {
                            let mut parts: Vec<Value> =
                                text.rsplitn(limit + 1, separator).map(Value::str).collect();
                            parts.reverse();
                            parts
                        }
                    };
                    machine.list(parts)
                }
                _ => machine.list_of(List { rest: Some(hole(rope.alphabet())), ..List::default() }),
            }
        }
        "splitlines" => match literal {
            Some(text) => {
                let parts = text.lines().map(Value::str).collect();
                machine.list(parts)
            }
            None => machine.list_of(List { rest: Some(hole(rope.alphabet())), ..List::default() }),
        },
        "partition" | "rpartition" => {
            let parts = match (literal, argument) {
                (Some(text), Some(separator)) if name == "partition" => text
                    .split_once(separator)
                    .map_or([text, "", ""], |(a, b)| [a, separator, b])
                    .map(Value::str),
                (Some(text), Some(separator)) => text
                    .rsplit_once(separator)
                    .map_or(["", "", text], |(a, b)| [a, separator, b])
                    .map(Value::str),
                _ => [hole(rope.alphabet()), hole(rope.alphabet()), hole(rope.alphabet())],
            };
            Value::tuple(parts)
        }
        "join" => join(machine, rope, first?),
        "replace" => match (argument, arguments.positional.get(1)) {
            (Some(from), Some(to)) => replace(rope, from, to),
            _ => hole(Alphabet::ALL),
        },
        "removeprefix" | "removesuffix" => match (literal, argument) {
            (Some(text), Some(part)) if name == "removeprefix" => {
                Value::str(text.strip_prefix(part).unwrap_or(text))
            }
            (Some(text), Some(part)) => Value::str(text.strip_suffix(part).unwrap_or(text)),
            _ => rope.clone().into(),
        },
        "format" | "format_map" => {
            if rope.origin().is_some() {
                let path = format!("builtins.str.{name}");
                machine.note_call(&path, Some(&rope.clone().into()), arguments);
            }
            match name {
                "format" => format(machine, rope, arguments),
                _ => hole(Alphabet::ALL),
            }
        }
        "encode"
            if argument
                .is_some_and(|name| !matches!(name.to_lowercase().as_str(), "utf-8" | "utf8" | "ascii")) =>
        {
            match literal {
                Some(text) if text.is_ascii() => {
                    Value::new(Kind::Bytes(Bytes::Known(text.as_bytes().into())), None)
                }
                _ => Value::new(Kind::Bytes(Bytes::Encoded(rope.clone())), None),
            }
        }
        "encode" => match literal {
            Some(text) => Value::new(Kind::Bytes(Bytes::Known(text.as_bytes().into())), None),
            None => Value::new(Kind::Bytes(Bytes::Encoded(rope.clone())), None),
        },
        "isdigit" | "isalpha" | "isalnum" | "isupper" | "islower" | "isspace" | "isidentifier"
        | "isnumeric" | "isdecimal" | "isascii" | "isprintable" => match literal {
            Some(text) if matches!(name, "isdigit" | "isnumeric" | "isdecimal") => {
                Value::bool(!text.is_empty() && text.chars().all(char::is_numeric))
            }
            Some(text) if name == "isalpha" => {
                Value::bool(!text.is_empty() && text.chars().all(char::is_alphabetic))
            }
            Some(text) if name == "isalnum" => {
                Value::bool(!text.is_empty() && text.chars().all(char::is_alphanumeric))
            }
            Some(text) if name == "isupper" => {
                Value::bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
            }
            Some(text) if name == "islower" => {
                Value::bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
            }
            Some(text) if name == "isspace" => {
                Value::bool(!text.is_empty() && text.chars().all(char::is_whitespace))
            }
            Some(text) if name == "isascii" => Value::bool(text.is_ascii()),
            Some(_) => some_bool(),
            None => {
                // All but `isascii` and `isprintable` are false for the empty text, which has no characters anyway.
                let wide = Alphabet::ALL_WIDE;
                let letters = Alphabet::ascii_range(b'a', b'z').any_case();
                let alphabet = match name {
                    "isdigit" | "isnumeric" | "isdecimal" => Alphabet::DIGITS.union(wide),
                    "isalpha" => letters.union(wide),
                    "isalnum" => letters.union(Alphabet::DIGITS).union(wide),
                    "isidentifier" => letters.union(Alphabet::DIGITS).union(Alphabet::of("_")).union(wide),
                    "isspace" => Alphabet::WHITE_SPACE,
                    "isascii" => Alphabet::ascii_range(0, 127),
                    "isprintable" => Alphabet::ascii_range(b' ', b'~').union(wide),
                    _ => Alphabet::ALL,
                };
                let limits = Limits::alphabet(alphabet);
                crate::eval::truth_value(&crate::truth::about(rope, limits, Limits::default()))
            }
        },
        "find" | "index" | "rfind" | "rindex" | "count" => match (literal, argument) {
            (Some(text), Some(part)) if name == "count" && !part.is_empty() => {
                Value::int(text.matches(part).count() as i64)
            }
            (Some(text), Some(part)) if name.starts_with('r') => {
                Value::int(text.rfind(part).map_or(-1, |byte| text[..byte].chars().count() as i64))
            }
            (Some(text), Some(part)) => {
                Value::int(text.find(part).map_or(-1, |byte| text[..byte].chars().count() as i64))
            }
            _ => Value::new(Kind::Some(Type::Int), None),
        },
        "zfill" | "ljust" | "rjust" | "center" | "expandtabs" => hole(Alphabet::ALL),
        "translate" | "__str__" | "__format__" | "__add__" | "__mod__" => hole(Alphabet::ALL),
        "__len__" => Value::new(Kind::Some(Type::Int), None),
        _ => return None,
    })
}

pub(crate) fn call_bytes(bytes: &Bytes, name: &str, arguments: &Arguments) -> Option<Value> {
    let text = match bytes {
        Bytes::Known(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Rope::literal(text),
            Err(_) => Rope::hole(Source::Unknown),
        },
        Bytes::Encoded(rope) => rope.clone(),
    };
    Some(match (name, bytes) {
        ("decode", _) => text.into(),
        ("hex", Bytes::Known(bytes)) => Value::str(crate::stdlib::hex(bytes)),
        ("hex", _) => Rope::hole_of(Source::Unknown, Alphabet::HEX).into(),
        ("strip" | "lower" | "upper" | "rstrip" | "lstrip", Bytes::Known(known))
            if arguments.positional.is_empty() =>
        {
            let changed = match name {
                "lower" => known.to_ascii_lowercase(),
                "upper" => known.to_ascii_uppercase(),
                "lstrip" => known.trim_ascii_start().to_vec(),
                "rstrip" => known.trim_ascii_end().to_vec(),
                _ => known.trim_ascii().to_vec(),
            };
            Value::new(Kind::Bytes(Bytes::Known(changed.into())), None)
        }
        _ => Value::UNKNOWN,
    })
}

fn title(text: &str) -> String {
    let mut after_letter = false;
    text.chars()
        .flat_map(|c| {
            let mapped: Vec<char> =
                if after_letter { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
            after_letter = c.is_alphabetic();
            mapped
        })
        .collect()
}

/// `separator.join(parts)`. Where the number of parts is not known, the text is that of the known parts alone, or
/// goes on with one more and then with anything that parts and separators can be.
fn join(machine: &mut Machine<'_>, separator: &Rope, parts: &Value) -> Value {
    let elements = machine.elements(parts);
    let mut values = Vec::new();
    for part in elements.known {
        if !values.is_empty() {
            values.push(Value::from(separator.clone()));
        }
        values.push(part);
    }
    let Some(rest) = elements.rest else { return machine.concat_values(&values) };
    let text = machine.text_of(&rest);
    let source = text.as_hole().map_or(Source::Unknown, |hole| hole.source.clone());
    let tail = Rope::hole_of(source, text.alphabet().union(separator.alphabet()));
    let alone = machine.concat_values(&values);
    if !values.is_empty() {
        values.push(Value::from(separator.clone()));
    }
    // Every further part is like this one, so that the tail need not say where it comes from.
    values.extend([rest, Value::from(tail)]);
    let longer = machine.concat_values(&values);
    Value::either(alone, longer)
}

fn replace(rope: &Rope, from: &str, to: &Value) -> Value {
    let to = match to.as_rope() {
        Some(to) => to.clone(),
        None => Hole { origin: to.origin(), ..Hole::new(Source::Unknown, Alphabet::ALL) }.into(),
    };
    if let (Some(text), Some(to)) = (rope.as_literal(), to.as_literal()) {
        return Value::str(text.replace(from, to));
    }
    let added = to.alphabet();
    // One character that is replaced everywhere is gone; a longer text's characters may occur elsewhere.
    let removed = if from.chars().count() == 1 { Alphabet::of(from) } else { Alphabet::NONE };
    let origin = stronger(rope.origin(), to.origin());
    let changed = |alphabet| Rope::from(Hole { origin: origin.clone(), ..blurred(rope, alphabet) });
    match rope.as_hole() {
        Some(hole) => changed(hole.alphabet.without(removed).union(added)).into(),
        // A literal part may hold what is replaced across its border only if the text is longer than one.
        None if from.chars().count() == 1 && to.as_literal().is_some() => {
            let to = to.as_literal().unwrap_or_default().to_owned();
            rope.map(|text| text.replace(from, &to), |alphabet| alphabet.without(removed).union(added)).into()
        }
        None => changed(rope.alphabet().union(added)).into(),
    }
}

fn blurred(rope: &Rope, alphabet: Alphabet) -> Hole {
    Hole::new(rope.as_hole().map_or(Source::Unknown, |hole| hole.source.clone()), alphabet)
}

/// `str.format` with fields that are names, numbers and attribute paths; other fields become holes.
fn format(machine: &mut Machine<'_>, rope: &Rope, arguments: &Arguments) -> Value {
    let all = arguments.positional.iter().chain(arguments.keywords.iter().map(|(_, value)| value));
    let origin = all.fold(rope.origin(), |found, value| stronger(found, machine.taint_of(value)));
    let unknown = || Value::from(Rope::from(Hole { origin, ..Hole::new(Source::Unknown, Alphabet::ALL) }));
    let Some(text) = rope.as_literal() else { return unknown() };
    let mut parts: Vec<Value> = Vec::new();
    let mut literal = String::new();
    let mut automatic = 0;
    let mut rest = text;
    while let Some(position) = rest.find(['{', '}']) {
        literal.push_str(&rest[..position]);
        let bracket = rest.as_bytes()[position];
        rest = &rest[position + 1..];
        if rest.as_bytes().first() == Some(&bracket) {
            literal.push(char::from(bracket));
            rest = &rest[1..];
            continue;
        }
        if bracket == b'}' {
            return unknown();
        }
        let Some(end) = rest.find('}') else { return unknown() };
        let field = &rest[..end];
        if field.contains('{') {
            return unknown();
        }
        rest = &rest[end + 1..];
        parts.push(Value::str(std::mem::take(&mut literal)));
        let name = field.split([':', '!']).next().unwrap_or("");
        let value = field_value(machine, name, arguments, &mut automatic, arguments.span);
        parts.push(if field == name { value } else { machine.formatted(&value) });
    }
    literal.push_str(rest);
    parts.push(Value::str(literal));
    machine.concat_values(&parts)
}

fn field_value(
    machine: &mut Machine<'_>,
    name: &str,
    arguments: &Arguments,
    automatic: &mut usize,
    span: Span,
) -> Value {
    let (base, attributes) = match name.find(['.', '[']) {
        Some(position) => name.split_at(position),
        None => (name, ""),
    };
    let value = if base.is_empty() {
        *automatic += 1;
        arguments.positional.get(*automatic - 1).cloned()
    } else if let Ok(index) = base.parse::<usize>() {
        arguments.positional.get(index).cloned()
    } else {
        arguments.keyword(base).cloned()
    };
    let value = value.unwrap_or(Value::UNKNOWN);
    match attributes.strip_prefix('.') {
        Some(attribute) if !attribute.contains(['.', '[']) => {
            machine.attribute(&value, attribute, span).unwrap_or(Value::UNKNOWN)
        }
        _ if attributes.is_empty() => value,
        _ => machine.formatted(&Value::UNKNOWN),
    }
}

impl Machine<'_> {
    /// `format % arguments` for `%s`, `%d`, `%%` and `%(name)s`; other conversions become holes.
    pub(crate) fn percent_format(&mut self, format: &Rope, arguments: &Value, span: Span) -> Value {
        if format.origin().is_some() {
            let given = Arguments::of(span, [arguments.clone()]);
            self.note_call("builtins.str.__mod__", Some(&format.clone().into()), &given);
        }
        let origin = stronger(format.origin(), self.taint_of(arguments));
        let unknown =
            || Value::from(Rope::from(Hole { origin, ..Hole::new(Source::Unknown, Alphabet::ALL) }));
        let Some(text) = format.as_literal() else { return unknown() };
        let positional: Vec<Value> = match &arguments.kind {
            Kind::Tuple(values) => values.to_vec(),
            _ => vec![arguments.clone()],
        };
        let mut next = 0;
        let mut parts: Vec<Value> = Vec::new();
        let mut rest = text;
        while let Some(position) = rest.find('%') {
            parts.push(Value::str(&rest[..position]));
            rest = &rest[position + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                parts.push(Value::str("%"));
                rest = after;
                continue;
            }
            let value = if let Some(after) = rest.strip_prefix('(') {
                let Some((name, after)) = after.split_once(')') else { return unknown() };
                rest = after;
                let entry = arguments.as_object().and_then(|id| self.heap.dict(id));
                entry.and_then(|dict| dict.entries.get(&crate::value::Key::Str(name.into()))).cloned()
            } else {
                next += 1;
                positional.get(next - 1).cloned()
            };
            let value = value.unwrap_or(Value::UNKNOWN);
            let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) else {
                return unknown();
            };
            let conversion = rest.as_bytes()[end];
            let plain = end == 0 && (conversion == b's' || conversion == b'd');
            parts.push(if plain { value } else { self.formatted(&value) });
            rest = &rest[end + 1..];
        }
        parts.push(Value::str(rest));
        self.concat_values(&parts)
    }
}
