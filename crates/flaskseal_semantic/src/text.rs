//! Methods of strings and bytes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::cut::{Parts, Side};
use crate::heap::{Dict, List};
use crate::limits::{Limits, Relation};
use crate::machine::Machine;
use crate::origin::{Change, stronger};
use crate::rope::{Hole, Rope, Segment, Source};
use crate::truth::Truth;
use crate::value::{Bytes, Key, Kind, Type, Value};

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
    let anything = || {
        let given =
            arguments.positional.iter().fold(rope.origin(), |found, value| stronger(found, value.origin()));
        Value::from(
            rope.blurred(Alphabet::ALL).map_holes(|hole| Hole { origin: given.clone(), ..hole.clone() }),
        )
    };
    let some_bool = || Value::new(Kind::Some(Type::Bool), None);
    Some(match name {
        "lower" | "casefold" | "upper" | "swapcase" | "title" | "capitalize" => cased(rope, name).into(),
        "strip" | "lstrip" | "rstrip" => {
            let side = match name {
                "lstrip" => Side::Left,
                "rstrip" => Side::Right,
                _ => Side::Both,
            };
            match (first.map(|value| &value.kind), argument) {
                (None | Some(Kind::None), _) => crate::cut::strip(rope, side, None).into(),
                (_, Some(set)) => crate::cut::strip(rope, side, Some(set)).into(),
                _ => rope.made(Relation::Part, rope.alphabet(), (name, arguments.span)).into(),
            }
        }
        "startswith" | "endswith" if arguments.positional.len() > 1 => some_bool(),
        "startswith" | "endswith" => affix_test(machine, rope, name, first),
        "split" | "rsplit" => {
            let limit = arguments.get(1, "maxsplit").map(Value::as_int);
            let limit = match limit {
                None => Some(None),
                // A negative limit is none.
                Some(Some(limit)) => Some(usize::try_from(limit).ok()),
                Some(None) => None,
            };
            let from_right = name == "rsplit";
            let separator = arguments.get(0, "sep");
            let parts = match (limit, separator.map(|value| &value.kind), separator.and_then(Value::as_str)) {
                (Some(limit), None | Some(Kind::None), _) => crate::cut::split_space(rope, limit, from_right),
                (Some(limit), _, Some(separator)) if !separator.is_empty() => {
                    crate::cut::split(rope, separator, limit, from_right)
                }
                _ => Parts::Any(rope.made(Relation::Part, rope.alphabet(), (name, arguments.span))),
            };
            list_of_parts(machine, parts)
        }
        "splitlines" => {
            let keeps_ends =
                arguments.get(0, "keepends").is_some_and(|keeps| machine.truth(keeps) != Truth::NO);
            list_of_parts(machine, crate::cut::split_lines(rope, keeps_ends))
        }
        "partition" | "rpartition" => {
            let Some(separator) = argument.filter(|separator| !separator.is_empty()) else {
                return Some(Value::tuple([
                    rope.made(Relation::Part, rope.alphabet(), (name, 0, arguments.span)).into(),
                    anything(),
                    rope.made(Relation::Part, rope.alphabet(), (name, 2, arguments.span)).into(),
                ]));
            };
            let (before, found, after) = crate::cut::partition(rope, separator, name == "rpartition");
            let middle = match found {
                Some(true) => Value::str(separator),
                Some(false) => Value::str(""),
                None => Value::either(Value::str(separator), Value::str("")),
            };
            Value::tuple([before.into(), middle, after.into()])
        }
        "join" => join(machine, rope, first?),
        "replace" => {
            let is_limited = arguments.get(2, "count").is_some_and(|count| count.as_int() != Some(-1));
            match (argument, arguments.positional.get(1)) {
                (Some(from), Some(to)) => replace(machine, rope, from, to, is_limited).into(),
                _ => anything(),
            }
        }
        "removeprefix" | "removesuffix" => match argument {
            Some(affix) => crate::cut::remove_affix(rope, affix, name == "removeprefix").into(),
            None => rope.made(Relation::Part, rope.alphabet(), (name, arguments.span)).into(),
        },
        "format" | "format_map" => {
            if rope.origin().is_some() {
                let path = format!("builtins.str.{name}");
                machine.note_call(&path, Some(&rope.clone().into()), arguments);
            }
            match name {
                "format" => machine.format_text(rope, arguments),
                _ => {
                    let mut dict = Dict::default();
                    machine.merge_into(&mut dict, first?);
                    let mut given = Arguments::none(arguments.span);
                    given.open = dict.rest.is_some();
                    for (key, value) in dict.entries {
                        if let Some(name) = key.as_str() {
                            given.keywords.push((name.into(), value));
                        }
                    }
                    machine.format_text(rope, &given)
                }
            }
        }
        "encode" => {
            let encoding = arguments.get(0, "encoding").map_or(Some("utf-8"), Value::as_str);
            let errors = arguments.get(1, "errors").map_or(Some("strict"), Value::as_str);
            encode(rope, encoding, errors)
        }
        "isdigit" | "isalpha" | "isalnum" | "isupper" | "islower" | "isspace" | "isidentifier"
        | "isnumeric" | "isdecimal" | "isascii" | "isprintable" | "istitle" => {
            crate::truth::truth_value(&class_test(rope, name))
        }
        "find" | "index" | "rfind" | "rindex" | "count" => match (literal, argument) {
            (Some(text), Some(part)) if arguments.positional.len() == 1 && !part.is_empty() => {
                let found = match name {
                    "count" => return Some(Value::int(text.matches(part).count() as i64)),
                    "rfind" | "rindex" => text.rfind(part),
                    _ => text.find(part),
                };
                Value::int(found.map_or(-1, |byte| text[..byte].chars().count() as i64))
            }
            _ => Value::new(Kind::Some(Type::Int), None),
        },
        "ljust" | "rjust" | "center" => {
            let fill = match arguments.positional.get(1) {
                None => Some(' '),
                Some(fill) => fill.as_str().and_then(|text| text.chars().next()),
            };
            let Some(fill) = fill else { return Some(anything()) };
            let align = match name {
                "ljust" => None,
                "rjust" => Some('>'),
                _ => Some('^'),
            };
            let width = first.and_then(Value::as_int).unwrap_or(i64::MAX);
            match literal {
                Some(text) if text.chars().count() as i64 >= width => rope.clone().into(),
                _ => crate::format::padded(rope, fill, align).into(),
            }
        }
        "zfill" => {
            let width = first.and_then(Value::as_int).unwrap_or(i64::MAX);
            match literal {
                Some(text) if text.chars().count() as i64 >= width => rope.clone().into(),
                _ => rope.computed(rope.alphabet().union(Alphabet::of("0")), (name, width)).into(),
            }
        }
        "expandtabs" => match literal {
            Some(text) if !text.contains('\t') => rope.clone().into(),
            _ => {
                let alphabet = rope.alphabet().without(Alphabet::of("\t")).union(Alphabet::of(" "));
                rope.computed(alphabet, (name, arguments.span)).into()
            }
        },
        "translate" => match first.and_then(Value::as_object).and_then(|id| machine.heap.dict(id)).cloned() {
            Some(table) if table.rest.is_none() => translate(machine, rope, &table),
            _ => anything(),
        },
        "maketrans" => return make_table(machine, arguments),
        "__str__" => rope.clone().into(),
        "__format__" | "__add__" | "__mod__" => anything(),
        "__len__" => Value::new(Kind::Some(Type::Int), None),
        _ => return None,
    })
}

/// Calls a method of bytes: what the same method does to the text that they are.
pub(crate) fn call_bytes(
    machine: &mut Machine<'_>,
    bytes: &Bytes,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let rope = text_of_bytes(bytes);
    Some(match (name, bytes) {
        ("decode", _) => {
            let encoding = arguments.get(0, "encoding").map_or(Some("utf-8"), Value::as_str);
            decode(&rope, encoding).into()
        }
        ("hex", Bytes::Known(bytes)) if arguments.positional.is_empty() => {
            Value::str(crate::stdlib::hex(bytes))
        }
        // A separator may have been asked for.
        ("hex", _) => {
            let alphabet = if arguments.positional.is_empty() { Alphabet::HEX } else { Alphabet::ALL };
            rope.computed(alphabet, "hex").into()
        }
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
        (
            "strip" | "lstrip" | "rstrip" | "lower" | "upper" | "split" | "rsplit" | "splitlines"
            | "partition" | "rpartition" | "replace" | "removeprefix" | "removesuffix" | "startswith"
            | "endswith" | "title" | "capitalize" | "swapcase" | "ljust" | "rjust" | "center" | "zfill"
            | "isdigit" | "isalpha" | "isalnum",
            _,
        ) => {
            let mut given = arguments.clone();
            for value in &mut given.positional {
                if let Kind::Bytes(bytes) = &value.kind {
                    *value = Value::from(text_of_bytes(bytes)).at(value.at);
                }
            }
            // White space is ASCII's for bytes.
            if given.positional.is_empty() && name.ends_with("strip") {
                given.positional.push(Value::str(" \t\n\r\x0b\x0c"));
            }
            let result = call(machine, &rope, name, &given)?;
            encoded(machine, result)
        }
        _ => Value::UNKNOWN.tainted(rope.origin()),
    })
}

/// The result of a string's method as the same method of bytes gives it.
fn encoded(machine: &mut Machine<'_>, value: Value) -> Value {
    let mut lists = Vec::new();
    let value = value.map(|value| match &value.kind {
        Kind::Str(rope) => bytes_of(rope),
        Kind::Tuple(parts) => {
            let parts: Vec<Value> = parts
                .iter()
                .map(|part| part.map(|part| part.as_rope().map_or(Value::UNKNOWN, bytes_of)))
                .collect();
            Value::tuple(parts)
        }
        Kind::Object(id) => {
            lists.push(*id);
            value.clone()
        }
        _ => value.clone(),
    });
    for id in lists {
        if let Some(mut list) = machine.heap.list(id).cloned() {
            let encode = |part: &Value| part.map(|part| part.as_rope().map_or(Value::UNKNOWN, bytes_of));
            list.items = list.items.iter().map(encode).collect();
            list.rest = list.rest.as_ref().map(encode);
            machine.heap.set_shape(id, crate::heap::Shape::List(list));
        }
    }
    value
}

fn bytes_of(rope: &Rope) -> Value {
    let bytes = match rope.as_literal() {
        Some(text) => Bytes::Known(text.as_bytes().into()),
        None => Bytes::Encoded(rope.clone()),
    };
    Value::new(Kind::Bytes(bytes), None)
}

fn text_of_bytes(bytes: &Bytes) -> Rope {
    match bytes {
        Bytes::Known(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Rope::literal(text),
            Err(_) => Rope::hole(Source::Unknown),
        },
        Bytes::Encoded(rope) => rope.clone(),
    }
}

fn encode(rope: &Rope, encoding: Option<&str>, errors: Option<&str>) -> Value {
    let bytes = |rope: Rope| Value::new(Kind::Bytes(Bytes::Encoded(rope)), None);
    let name = encoding.map(|name| name.to_lowercase().replace('_', "-"));
    match (name.as_deref(), rope.as_literal()) {
        (Some("utf-8" | "utf8" | "u8"), Some(text)) => {
            return Value::new(Kind::Bytes(Bytes::Known(text.as_bytes().into())), None);
        }
        (Some("ascii" | "us-ascii" | "latin-1" | "latin1" | "iso-8859-1"), Some(text)) if text.is_ascii() => {
            return Value::new(Kind::Bytes(Bytes::Known(text.as_bytes().into())), None);
        }
        _ => {}
    }
    match (name.as_deref(), errors) {
        (Some("utf-8" | "utf8" | "u8"), _) => bytes(rope.clone()),
        (Some("ascii" | "us-ascii"), Some("strict" | "ignore")) => {
            let alphabet = rope.alphabet().without_wide();
            bytes(rope.made(Relation::Characters, alphabet, ("encode", errors)))
        }
        (Some("ascii" | "us-ascii"), Some("replace")) => {
            let alphabet = rope.alphabet().without_wide().union(Alphabet::of("?"));
            bytes(rope.computed(alphabet, "encode"))
        }
        (Some("ascii" | "us-ascii"), Some("xmlcharrefreplace")) => {
            let alphabet = rope.alphabet().without_wide().union(Alphabet::of("&#;0123456789"));
            bytes(rope.computed(alphabet, "encode"))
        }
        (Some("latin-1" | "latin1" | "iso-8859-1"), _) => bytes(rope.clone()),
        _ => bytes(rope.blurred(Alphabet::ALL)),
    }
}

/// The text of encoded text. Of encodings that keep ASCII, the rest is any text beyond it.
pub(crate) fn decode(rope: &Rope, encoding: Option<&str>) -> Rope {
    match encoding.map(|name| name.to_lowercase().replace('_', "-")).as_deref() {
        Some("utf-8" | "utf8" | "u8" | "ascii" | "us-ascii") => rope.clone(),
        Some("latin-1" | "latin1" | "iso-8859-1" | "cp1252" | "windows-1252")
            if !rope.alphabet().meets(Alphabet::ALL_WIDE) =>
        {
            rope.clone()
        }
        Some("latin-1" | "latin1" | "iso-8859-1") => {
            rope.computed(rope.alphabet().union(Alphabet::ALL_WIDE), "decode")
        }
        _ => rope.blurred(Alphabet::ALL),
    }
}

/// Case mapping. Beyond ASCII only `lower` and `upper` of known text are computed.
fn cased(rope: &Rope, name: &str) -> Rope {
    if let Some(text) = rope.as_literal() {
        let mapped = match name {
            "lower" => Some(text.to_lowercase()),
            "upper" => Some(text.to_uppercase()),
            _ if !text.is_ascii() => None,
            "casefold" => Some(text.to_ascii_lowercase()),
            "swapcase" => Some(text.chars().map(swapped).collect()),
            "capitalize" => {
                let (head, tail) = text.split_at(text.len().min(1));
                Some(head.to_ascii_uppercase() + &tail.to_ascii_lowercase())
            }
            _ => Some(title(text)),
        };
        if let Some(mapped) = mapped {
            return Rope::literal(mapped);
        }
    }
    // These map each character by itself, ASCII at least.
    let by_character = matches!(name, "lower" | "upper" | "swapcase" | "casefold");
    let is_ascii = |segment: &Segment| match segment {
        Segment::Literal(text) => text.is_ascii(),
        Segment::Hole(_) => true,
    };
    if !by_character || !rope.segments().iter().all(is_ascii) {
        return rope.made(Relation::Cased, rope.alphabet().any_case(), name);
    }
    let narrowed = |alphabet: Alphabet| match name {
        "upper" => alphabet.any_case().without(Alphabet::ascii_range(b'a', b'z')),
        "lower" | "casefold" => alphabet.any_case().without(Alphabet::ascii_range(b'A', b'Z')),
        _ => alphabet.any_case(),
    };
    Rope::of_segments(rope.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => Segment::Literal(match name {
            "upper" => text.to_ascii_uppercase().into(),
            "swapcase" => text.chars().map(swapped).collect::<String>().into(),
            _ => text.to_ascii_lowercase().into(),
        }),
        // Variables of the environment keep their name: what they are compared with is in that case.
        Segment::Hole(hole) if matches!(hole.source, Source::Env(_)) => {
            hole.changed(hole.alphabet.any_case()).into()
        }
        Segment::Hole(hole) => {
            let made = hole.made(Relation::Cased, narrowed(hole.alphabet), name);
            Hole { first: narrowed(hole.first), checks: hole.checks, ..made }.into()
        }
    }))
}

fn swapped(character: char) -> char {
    if character.is_ascii_lowercase() {
        character.to_ascii_uppercase()
    } else {
        character.to_ascii_lowercase()
    }
}

fn title(text: &str) -> String {
    let mut after_letter = false;
    text.chars()
        .map(|character| {
            let mapped =
                if after_letter { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() };
            after_letter = character.is_ascii_alphabetic();
            mapped
        })
        .collect()
}

/// `text.startswith(...)` and `text.endswith(...)`.
fn affix_test(machine: &mut Machine<'_>, rope: &Rope, name: &str, first: Option<&Value>) -> Value {
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
                return crate::truth::truth_value(&below);
            }
            uncertain = true;
            continue;
        };
        let known = if name == "startswith" { rope.literal_prefix() } else { rope.literal_suffix() };
        let matches = if name == "startswith" { known.starts_with(part) } else { known.ends_with(part) };
        if matches {
            return Value::bool(true);
        }
        if rope.as_literal().is_none() && part.chars().all(|c| rope.alphabet().contains(c)) {
            possible.push(part.to_owned());
        }
    }
    if uncertain {
        return Value::new(Kind::Some(Type::Bool), None);
    }
    // It begins with one of them, or with none.
    let tests = possible.iter().map(|part| match name {
        "startswith" => crate::truth::begins(rope, part),
        _ => crate::truth::ends(rope, part),
    });
    crate::truth::truth_value(&tests.fold(Truth::NO, Truth::or))
}

/// `text.isalnum()` and its family.
fn class_test(rope: &Rope, name: &str) -> Truth {
    let letters = Alphabet::LETTERS.union(Alphabet::WIDE_ALPHANUMERIC);
    let alphabet = match name {
        "isdigit" | "isnumeric" | "isdecimal" => Alphabet::DIGITS.union(Alphabet::WIDE_ALPHANUMERIC),
        "isalpha" => letters,
        "isalnum" => letters.union(Alphabet::DIGITS),
        "isidentifier" => Alphabet::WORD.union(Alphabet::ALL_WIDE),
        "isspace" => Alphabet::WHITE_SPACE,
        "isascii" => Alphabet::ascii_range(0, 127),
        "isprintable" => Alphabet::ascii_range(b' ', b'~').union(Alphabet::ALL_WIDE),
        _ => Alphabet::ALL,
    };
    if let Some(text) = rope.as_literal()
        && text.is_ascii()
    {
        let all = text.chars().all(|character| alphabet.contains(character));
        return Truth::of_bool(match name {
            "isascii" | "isprintable" => all,
            "isupper" => {
                text.contains(|c: char| c.is_ascii_uppercase())
                    && !text.contains(|c: char| c.is_ascii_lowercase())
            }
            "islower" => {
                text.contains(|c: char| c.is_ascii_lowercase())
                    && !text.contains(|c: char| c.is_ascii_uppercase())
            }
            "istitle" => text.contains(|c: char| c.is_ascii_alphabetic()) && title(text) == text,
            "isidentifier" => all && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()),
            _ => all && !text.is_empty(),
        });
    }
    if name == "isascii" && !rope.alphabet().meets(Alphabet::ALL_WIDE) {
        return Truth::YES;
    }
    let denied = match name {
        "isupper" => Alphabet::ascii_range(b'a', b'z'),
        "islower" => Alphabet::ascii_range(b'A', b'Z'),
        _ => alphabet.complement(),
    };
    let is_impossible = rope.segments().iter().any(|segment| match segment {
        Segment::Literal(text) => text.chars().any(|c| c.is_ascii() && denied.contains(c)),
        Segment::Hole(_) => false,
    });
    if is_impossible {
        return Truth::NO;
    }
    let mut limits = Limits::alphabet(denied.complement());
    if name == "isidentifier" {
        limits.first = limits.first.without(Alphabet::DIGITS);
    }
    crate::truth::about_parts(rope, limits, Limits::default())
}

fn list_of_parts(machine: &mut Machine<'_>, parts: Parts) -> Value {
    match parts {
        Parts::Known(parts) => machine.list(parts.into_iter().map(Value::from).collect()),
        Parts::Any(part) => machine.list_of(List { rest: Some(part.into()), ..List::default() }),
    }
}

/// The source of what `join` puts behind the parts that are known.
pub const JOINED: &str = "builtins.str.join()";

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
    let source = Source::Path(JOINED.into());
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

fn replace(machine: &Machine<'_>, rope: &Rope, from: &str, to: &Value, is_limited: bool) -> Rope {
    let to = machine.text_of(to);
    if let (Some(text), Some(to), false) = (rope.as_literal(), to.as_literal(), is_limited) {
        return Rope::literal(text.replace(from, to));
    }
    // Nothing to replace.
    if !from.is_empty() && from.chars().any(|character| !rope.alphabet().contains(character)) {
        return rope.clone();
    }
    let is_character = from.chars().count() == 1;
    // One character that is replaced everywhere is gone; a longer text's characters may occur elsewhere, and even the
    // text itself may come together of what was around it.
    let removed = if is_character && !is_limited { Alphabet::of(from) } else { Alphabet::NONE };
    let origin = stronger(rope.origin(), to.origin());
    // A text of one character alone, as `..`, cannot come together of what was around it.
    let is_run = from.chars().all(|one| from.starts_with(one));
    let is_gone =
        !is_limited && is_run && !from.is_empty() && from.chars().all(|one| !to.alphabet().contains(one));
    let note = |mut hole: Hole| {
        if is_gone {
            let known = hole.absent.iter().flat_map(|absent| absent.iter().cloned());
            hole.absent = Some(Arc::new(known.chain([Arc::from(from)]).collect()));
        }
        if let (Some(to), false) = (to.as_literal(), from.is_empty()) {
            hole.change(|| Change::Replaced { from: from.into(), to: to.into() });
        }
        hole
    };
    let changed = |hole: &Hole| {
        let left = hole.alphabet.without(removed);
        if to.as_literal() == Some("") {
            let relation =
                if is_limited || !is_character { Relation::Characters } else { Relation::Without(removed) };
            return note(hole.made(relation, left, ("replace", from, is_limited)));
        }
        let changed =
            Rope::from(hole.clone()).computed(left.union(to.alphabet()), ("replace", from, to.to_string()));
        match changed.as_hole() {
            Some(changed) => note(Hole { origin: origin.clone(), ..changed.clone() }),
            None => hole.changed(Alphabet::ALL),
        }
    };
    let to_literal = to.as_literal();
    let by_part = !is_limited && !from.is_empty() && (is_character || !may_lie_across(rope, from));
    match (rope.as_hole(), to_literal) {
        (Some(hole), _) => changed(hole).into(),
        (None, Some(to)) if by_part => {
            Rope::of_segments(rope.segments().iter().map(|segment| match segment {
                Segment::Literal(text) => Segment::Literal(text.replace(from, to).into()),
                Segment::Hole(hole) if from.chars().any(|character| !hole.alphabet.contains(character)) => {
                    Segment::Hole(hole.clone())
                }
                Segment::Hole(hole) => changed(hole).into(),
            }))
        }
        _ => {
            let alphabet = rope.alphabet().without(removed).union(to.alphabet());
            let whole = rope.computed(alphabet, ("replace", from, to.to_string(), is_limited));
            whole.map_holes(|hole| Hole { origin: origin.clone(), ..hole.clone() })
        }
    }
}

/// Whether a text can lie across the border of two segments.
fn may_lie_across(rope: &Rope, text: &str) -> bool {
    let cuts: Vec<usize> = text.char_indices().map(|(index, _)| index).skip(1).collect();
    let can_hold = |segment: &Segment, part: &str| match segment {
        Segment::Literal(literal) => literal.contains(part),
        Segment::Hole(hole) => part.chars().all(|character| hole.alphabet.contains(character)),
    };
    rope.segments().iter().enumerate().any(|(index, segment)| {
        let has_before = index > 0;
        let has_after = index + 1 < rope.segments().len();
        cuts.iter().any(|cut| {
            let (head, tail) = text.split_at(*cut);
            let ends = match segment {
                Segment::Literal(literal) => literal.ends_with(head),
                hole @ Segment::Hole(_) => can_hold(hole, head),
            };
            let begins = match segment {
                Segment::Literal(literal) => literal.starts_with(tail),
                hole @ Segment::Hole(_) => can_hold(hole, tail),
            };
            // A hole beside it may hold the rest, or be empty and let the next literal do so.
            (has_after && ends && matches!(segment, Segment::Literal(_)))
                || (has_before && begins && matches!(segment, Segment::Literal(_)))
                || (has_after && ends && matches!(rope.segments()[index + 1], Segment::Hole(_)))
        })
    })
}

/// `text.translate(table)`, where all of the table is known.
fn translate(machine: &Machine<'_>, rope: &Rope, table: &Dict) -> Value {
    let mut removed = Alphabet::NONE;
    let mut added = Alphabet::NONE;
    let mut known: Vec<(char, Cow<'static, str>)> = Vec::new();
    let mut is_exact = true;
    for (key, value) in &table.entries {
        let Key::Int(code) = key else { continue };
        let Some(character) = u32::try_from(*code).ok().and_then(char::from_u32) else { continue };
        removed = removed.union(Alphabet::of_char(character));
        let text = match &value.kind {
            Kind::None => Some(Cow::Borrowed("")),
            Kind::Int(code) => {
                u32::try_from(*code).ok().and_then(char::from_u32).map(|c| Cow::Owned(c.to_string()))
            }
            _ => value.as_str().map(|text| Cow::Owned(text.to_owned())),
        };
        if let Some(text) = text {
            added = added.union(Alphabet::of(&text));
            known.push((character, text));
        } else {
            is_exact = false;
            added = added.union(machine.text_of(value).alphabet());
        }
    }
    let map = |text: &str| -> String {
        let mut mapped = String::with_capacity(text.len());
        for character in text.chars() {
            match known.iter().find(|(from, _)| *from == character) {
                Some((_, to)) => mapped.push_str(to),
                None => mapped.push(character),
            }
        }
        mapped
    };
    if !is_exact {
        return rope.blurred(rope.alphabet().union(added)).into();
    }
    let how: Vec<(char, &str)> = known.iter().map(|(from, to)| (*from, &**to)).collect();
    Rope::of_segments(rope.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => Segment::Literal(map(text).into()),
        Segment::Hole(hole) => {
            let left = hole.alphabet.without(removed);
            if added == Alphabet::NONE {
                return hole.made(Relation::Without(removed), left, ("translate", &how)).into();
            }
            let changed = Rope::from(hole.clone()).computed(left.union(added), ("translate", &how));
            changed.as_hole().cloned().unwrap_or_else(|| hole.changed(Alphabet::ALL)).into()
        }
    }))
    .into()
}

/// `str.maketrans`, as a table for `translate`.
pub(crate) fn make_table(machine: &mut Machine<'_>, arguments: &Arguments) -> Option<Value> {
    let code = |text: &str| {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Some(Key::Int(i64::from(u32::from(only)))),
            _ => None,
        }
    };
    let mut table = Dict::default();
    match &arguments.positional[..] {
        [mapping] => {
            let mut given = Dict::default();
            machine.merge_into(&mut given, mapping);
            table.rest = given.rest;
            for (key, value) in given.entries {
                let key = match &key {
                    Key::Str(text) => code(text)?,
                    _ => key,
                };
                table.entries.insert(key, value);
            }
        }
        [from, to, gone @ ..] => {
            for (from, to) in from.as_str()?.chars().zip(to.as_str()?.chars()) {
                let to = Value::int(i64::from(u32::from(to)));
                table.entries.insert(Key::Int(i64::from(u32::from(from))), to);
            }
            if let [gone, ..] = gone {
                for character in gone.as_str()?.chars() {
                    table.entries.insert(Key::Int(i64::from(u32::from(character))), Value::NONE);
                }
            }
        }
        [] => return None,
    }
    Some(machine.dict(table))
}
