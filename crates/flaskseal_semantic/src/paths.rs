//! `os.path` and `pathlib`: paths as text, with what joining and resolving does to parts that are not known.

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::guard::Guard;
use crate::heap::ObjectId;
use crate::limits::{Checks, Limits, Relation};
use crate::machine::{Machine, Raised};
use crate::rope::{Hole, Rope, Segment, Source};
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Type, Value};

const SLASH: Alphabet = Alphabet::ascii_range(b'/', b'/');

/// Calls a function of `os.path` or `pathlib`, or one that makes a safe path.
pub(crate) fn call_path(
    machine: &mut Machine<'_>,
    path: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let first = arguments.positional.first().cloned();
    Ok(Some(match (path, first) {
        ("os.getcwd" | "pathlib.Path.cwd", _) => {
            let root = machine.program.roots.first().cloned().unwrap_or_default();
            let suffix = if root.is_empty() { String::new() } else { format!("/{root}") };
            let rope = Rope::concat([Rope::hole(Source::Root), Rope::literal(suffix)]);
            if path == "os.getcwd" { rope.into() } else { pure_path(machine, rope) }
        }
        ("os.path.join", Some(_)) => join(machine, &arguments.positional),
        ("os.path.dirname", Some(path)) => path.map(|path| parent(&machine.text_of(path)).into()),
        ("os.path.basename", Some(path)) => path.map(|path| file_name(&machine.text_of(path)).into()),
        ("os.path.isabs", Some(path)) => match machine.text_of(&path).segments().first() {
            Some(Segment::Literal(text)) => Value::bool(text.starts_with('/')),
            Some(Segment::Hole(hole)) if matches!(hole.source, Source::Root) => Value::bool(true),
            Some(Segment::Hole(hole)) => {
                let truth = crate::truth::about(
                    &hole.clone().into(),
                    Limits { first: SLASH, ..Limits::default() },
                    Limits::not_prefix("/"),
                );
                crate::truth::truth_value(&truth)
            }
            None => Value::bool(false),
        },
        ("os.path.split", Some(path)) => {
            let rope = machine.text_of(&path);
            Value::tuple([Value::from(parent(&rope)), Value::from(file_name(&rope))])
        }
        ("os.path.normpath", Some(path)) => match path.as_str() {
            Some(text) => Value::str(normal(text)),
            None => path.map(|path| resolve(machine, &machine.text_of(path), Alphabet::ALL).into()),
        },
        ("os.path.abspath" | "os.path.realpath", Some(path)) => {
            path.map(|path| resolve(machine, &machine.text_of(path), SLASH).into())
        }
        // Neither `..` nor links are followed.
        ("os.path.expanduser", Some(path)) => path.map(|path| {
            let rope = machine.text_of(path);
            if rope.origin().is_some() { rope.into() } else { resolve(machine, &rope, Alphabet::ALL).into() }
        }),
        ("os.fspath", Some(path)) => path.map(|path| machine.text_of(path).into()),
        ("os.path.exists" | "os.path.isfile" | "os.path.isdir", Some(path)) => exists(machine, &path),
        ("os.path.splitext", Some(path)) => split_extension(&machine.text_of(&path)),
        ("os.path.commonpath" | "os.path.commonprefix", Some(paths)) => {
            let relation = match path {
                "os.path.commonpath" => Relation::CommonPath,
                _ => Relation::CommonPrefix,
            };
            let paths = machine.elements(&paths).known;
            let ropes: Vec<Rope> = paths.iter().map(|path| machine.text_of(path)).collect();
            let client = ropes.iter().flat_map(Rope::holes).find(|hole| hole.origin.is_some());
            match client {
                Some(hole) => Rope::from(hole.made(relation, Alphabet::ALL, ())).into(),
                None => Value::unknown_text(),
            }
        }
        ("pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" | "pathlib.PurePosixPath", None) => {
            pure_path(machine, Rope::literal("."))
        }
        ("pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" | "pathlib.PurePosixPath", Some(_)) => {
            let joined = join(machine, &arguments.positional);
            pure_paths(machine, &joined)
        }
        ("werkzeug.utils.secure_filename" | "werkzeug.secure_filename", Some(name)) => {
            name.map(|name| secure_file_name(&machine.text_of(name)).into())
        }
        ("werkzeug.utils.safe_join" | "werkzeug.security.safe_join" | "flask.safe_join", Some(_)) => {
            let joined = safe_join(machine, &arguments.positional);
            match path {
                "flask.safe_join" => joined,
                _ => Value::either(joined, Value::NONE),
            }
        }
        _ => return Ok(None),
    }))
}

/// Calls a method of a `pathlib.Path`.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Result<Option<Value>, Raised> {
    let Some(path) = machine.heap.attribute(id, "@path").cloned() else { return Ok(None) };
    let rope = machine.text_of(&path);
    let first = arguments.positional.first().cloned();
    Ok(Some(match (name, first) {
        // `absolute` and `expanduser` leave every `..` where it is.
        ("absolute" | "expanduser", _) if rope.origin().is_some() => pure_path(machine, rope),
        ("resolve" | "absolute" | "expanduser", _) => {
            let rope = resolve(machine, &rope, SLASH);
            pure_path(machine, rope)
        }
        ("joinpath", _) => {
            let mut parts = vec![path];
            parts.extend(arguments.positional.iter().cloned());
            let joined = join(machine, &parts);
            pure_paths(machine, &joined)
        }
        ("exists" | "is_file" | "is_dir", _) => exists(machine, &path),
        ("as_posix" | "__str__" | "__fspath__", _) => path,
        ("with_name", Some(name)) => {
            let joined = join(machine, &[parent(&rope).into(), name]);
            pure_paths(machine, &joined)
        }
        ("with_suffix", _) => pure_path(machine, rope.blurred(Alphabet::ALL)),
        ("is_relative_to", Some(base)) => {
            let truth = lies_below(&rope, &machine.text_of(&base), true);
            crate::truth::truth_value(&truth)
        }
        ("relative_to", Some(base)) => {
            machine.may_raise("ValueError", &Guard::ALWAYS);
            let truth = lies_below(&rope, &machine.text_of(&base), true);
            if let Some(guard) = truth.yes.and_then(|yes| machine.guard.and(&yes)) {
                machine.guard = guard;
            }
            pure_path(machine, rope.made(Relation::Part, rope.alphabet(), "relative"))
        }
        ("open", _) => crate::stdlib::open_file(machine, &path),
        ("read_text", _) => {
            let file = crate::stdlib::open_file(machine, &path);
            let content = file.as_object().and_then(|id| machine.heap.attribute(id, "@content").cloned());
            content.unwrap_or_else(Value::unknown_text)
        }
        ("mkdir" | "touch" | "write_text" | "unlink", _) => Value::NONE,
        _ => return Ok(None),
    }))
}

/// An attribute of a `pathlib.Path`.
pub(crate) fn attribute(machine: &mut Machine<'_>, id: ObjectId, name: &str) -> Option<Value> {
    let path = machine.heap.attribute(id, "@path")?.clone();
    let rope = machine.text_of(&path);
    Some(match name {
        "name" => file_name(&rope).into(),
        "stem" => match split_extension(&file_name(&rope)).kind {
            Kind::Tuple(parts) => parts.first()?.clone(),
            _ => return None,
        },
        "suffix" => match split_extension(&file_name(&rope)).kind {
            Kind::Tuple(parts) => parts.get(1)?.clone(),
            _ => return None,
        },
        "parent" => pure_path(machine, parent(&rope)),
        "parents" => machine.library_instance("pathlib.Path.parents", &[("@of", rope.into())]),
        _ => return None,
    })
}

/// `base in path.parents`.
pub(crate) fn parents_contain(machine: &Machine<'_>, parents: ObjectId, base: &Value) -> Option<Truth> {
    let rope = machine.text_of(machine.heap.attribute(parents, "@of")?);
    Some(lies_below(&rope, &machine.text_of(base), true))
}

/// `left / right`, where one side is a path.
pub(crate) fn divide(machine: &mut Machine<'_>, left: &Value, right: &Value) -> Option<Value> {
    let path = |value: &Value| value.as_object().and_then(|id| machine.heap.attribute(id, "@path").cloned());
    let base = path(left).or_else(|| path(right).map(|_| left.clone()))?;
    let joined = join(machine, &[base, right.clone()]);
    Some(pure_paths(machine, &joined))
}

/// A path for each text that it can be.
fn pure_paths(machine: &mut Machine<'_>, texts: &Value) -> Value {
    texts.map(|text| {
        let rope = machine.text_of(text);
        pure_path(machine, rope)
    })
}

pub(crate) fn pure_path(machine: &mut Machine<'_>, rope: Rope) -> Value {
    machine.library_instance("pathlib.Path", &[("@path", rope.into())])
}

/// `os.path.join`: an absolute part replaces what comes before it. What a client sends may be absolute or not, and
/// both are kept apart.
fn join(machine: &mut Machine<'_>, parts: &[Value]) -> Value {
    let relative: Vec<Value> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| if index == 0 { part.clone() } else { relative_part(machine, part) })
        .collect();
    let mut joined = join_relative(machine, &relative);
    for index in 1..parts.len() {
        if let Some(absolute) = absolute_part(machine, &parts[index]) {
            let mut rest = relative[index..].to_vec();
            rest[0] = absolute;
            let absolute = join_relative(machine, &rest);
            joined = Value::either(joined, absolute);
        }
    }
    joined
}

/// The part where what a client sends does not begin with a separator.
fn relative_part(machine: &Machine<'_>, part: &Value) -> Value {
    part.map(|part| match beginning(&machine.text_of(part), |first| first.without(SLASH)) {
        Some(relative) => relative.into(),
        None => part.clone(),
    })
}

/// The part where what a client sends begins with a separator; `None` where it cannot.
fn absolute_part(machine: &Machine<'_>, part: &Value) -> Option<Value> {
    let absolute = part.alternatives().into_iter().filter_map(|Alternative { value, guard }| {
        let text = beginning(&without_empty_start(&machine.text_of(&value)), |_| SLASH)?;
        Some(Alternative { value: text.into(), guard })
    });
    let absolute: Vec<_> = absolute.collect();
    (!absolute.is_empty()).then(|| Value::union(absolute))
}

/// The text from the first part on that a separator can stand in, where what comes before it may be nothing: padding.
fn without_empty_start(rope: &Rope) -> Rope {
    let may_be_empty =
        |segment: &&Segment| matches!(segment, Segment::Hole(hole) if !hole.first.contains('/'));
    let skipped = rope.segments().iter().take_while(may_be_empty).count();
    Rope::of_segments(rope.segments().iter().skip(skipped).cloned())
}

/// The text with other first characters, where a client decides whether it begins with a separator.
fn beginning(rope: &Rope, first: impl Fn(Alphabet) -> Alphabet) -> Option<Rope> {
    let Some((Segment::Hole(hole), rest)) = rope.segments().split_first() else { return None };
    if hole.origin.is_none() || !hole.first.contains('/') {
        return None;
    }
    let hole = Hole { first: first(hole.first), ..Hole::clone(hole) };
    Some(Rope::of_segments(std::iter::once(hole.into()).chain(rest.iter().cloned())))
}

fn join_relative(machine: &mut Machine<'_>, parts: &[Value]) -> Value {
    let mut values = Vec::new();
    for part in parts {
        let is_absolute = part.as_str().is_some_and(|text| text.starts_with('/'))
            || machine.text_of(part).segments().first().is_some_and(
                |segment| matches!(segment, Segment::Hole(hole) if matches!(hole.source, Source::Root)),
            );
        if is_absolute {
            values.clear();
        } else if let Some(last) = values.last()
            && !machine.text_of(last).literal_suffix().ends_with('/')
        {
            values.push(Value::str("/"));
        }
        values.push(part.clone());
    }
    let joined = machine.concat_values(&values);
    joined.map(|value| match value.as_rope() {
        Some(rope) => Value::from(rope.clone()),
        None => Value::unknown_text(),
    })
}

/// What comes of joining parts that must stay below the first.
fn safe_join(machine: &mut Machine<'_>, parts: &[Value]) -> Value {
    let relative: Vec<Value> = parts.iter().map(|part| relative_part(machine, part)).collect();
    let joined = join_relative(machine, &relative);
    let below = |hole: &Hole| {
        let checks =
            Checks { below_folder: hole.origin.is_some() || hole.checks.below_folder, ..hole.checks };
        Hole { checks, ..hole.clone() }
    };
    joined.map(|value| match value.as_rope() {
        Some(rope) => rope.map_holes(below).into(),
        None => value.clone(),
    })
}

pub(crate) fn parent(rope: &Rope) -> Rope {
    match rope.rsplit_once('/') {
        Some((head, _)) => head,
        None if rope.as_literal().is_some() => Rope::literal(""),
        None if rope.origin().is_some() => rope.made(Relation::Part, rope.alphabet(), "parent"),
        // The parent of the checked folder itself is outside what is known.
        None => Rope::hole(Source::Unknown),
    }
}

fn file_name(rope: &Rope) -> Rope {
    if let Some((_, tail)) = rope.rsplit_once('/') {
        return tail;
    }
    if rope.as_literal().is_some() {
        return rope.clone();
    }
    // From the last part that may hold a separator on.
    let mut name: Vec<Rope> = Vec::new();
    for segment in rope.segments().iter().rev() {
        match segment {
            Segment::Literal(text) => name.push(Rope::literal(text.clone())),
            Segment::Hole(hole) if hole.alphabet.contains('/') => {
                let alphabet = hole.alphabet.without(SLASH);
                name.push(hole.made(Relation::Name, alphabet, ()).into());
                break;
            }
            Segment::Hole(hole) => name.push(hole.clone().into()),
        }
    }
    name.reverse();
    Rope::concat(name)
}

/// `secure_filename` leaves ASCII letters, digits, `_`, `.` and `-`, and takes dots and underscores off both ends
/// (Werkzeug 3.1, `werkzeug.utils`).
fn secure_file_name(rope: &Rope) -> Rope {
    let letters = Alphabet::ascii_range(b'a', b'z').any_case().union(Alphabet::DIGITS);
    let alphabet = letters.union(Alphabet::of("_.-"));
    match rope.as_literal() {
        Some(text) if !text.is_empty() && text.chars().all(|c| letters.contains(c)) => rope.clone(),
        _ => {
            let name = rope.computed(alphabet, "secure");
            name.map_holes(|hole| Hole { first: letters.union(Alphabet::of("-")), ..hole.clone() })
        }
    }
}

fn split_extension(rope: &Rope) -> Value {
    if let Some(text) = rope.as_literal() {
        let name = text.rfind('/').map_or(0, |slash| slash + 1);
        let dot = text[name..].rfind('.').filter(|dot| *dot > 0).map_or(text.len(), |dot| name + dot);
        return Value::tuple([Value::str(&text[..dot]), Value::str(&text[dot..])]);
    }
    if rope.origin().is_none() {
        return Value::tuple([Value::unknown_text(), Value::unknown_text()]);
    }
    let stem = rope.made(Relation::Part, rope.alphabet(), "stem");
    let extension = rope.made(Relation::Part, rope.alphabet().without(SLASH), "extension");
    Value::tuple([Value::from(stem), Value::from(extension)])
}

/// A normalised path: below the tree's root where that is what it is, and else one text that begins with one of `first`,
/// of which only tests can say where it lies.
fn resolve(machine: &Machine<'_>, rope: &Rope, first: Alphabet) -> Rope {
    match machine.relative_path(rope) {
        Some(relative) if relative.is_empty() => Rope::hole(Source::Root),
        Some(relative) => Rope::concat([Rope::hole(Source::Root), Rope::literal(format!("/{relative}"))]),
        None => match rope.holes().find(|hole| hole.origin.is_some()) {
            Some(hole) if hole.checks.below_folder => rope.clone(),
            Some(hole) => Hole { first, ..hole.made(Relation::Resolved, Alphabet::ALL, ()) }.into(),
            // Where the machine decides, what is written stays readable.
            None if rope.holes().all(|hole| !matches!(hole.source, Source::Unknown)) => rope.clone(),
            None => rope.blurred(Alphabet::ALL),
        },
    }
}

/// Whether a path lies below a folder, where it was resolved before: then the answer says so of what it was made of.
/// `by_component`: a sibling whose name begins alike is told apart.
pub(crate) fn lies_below(path: &Rope, folder: &Rope, by_component: bool) -> Truth {
    let is_resolved = path.as_hole().and_then(|hole| hole.identity.as_ref()).is_some_and(|identity| {
        matches!(
            identity.made_of,
            Some((_, Relation::Resolved | Relation::CommonPath | Relation::CommonPrefix))
        )
    });
    if !is_resolved || folder.origin().is_some() {
        return Truth::EITHER;
    }
    // An absolute path lies below no relative one.
    let is_absolute = path.as_hole().is_some_and(|hole| hole.first == SLASH);
    if is_absolute
        && matches!(folder.segments().first(), Some(Segment::Literal(text)) if !text.starts_with('/'))
    {
        return Truth::NO;
    }
    let checks = match by_component {
        true => Checks { below_folder: true, ..Checks::NONE },
        false => Checks { below_prefix: true, ..Checks::NONE },
    };
    crate::truth::about(path, Limits::checked(checks), Limits::default())
}

/// `path == folder`, where the path is what several have in common.
pub(crate) fn common_equals(path: &Rope, folder: &Rope) -> Option<Truth> {
    let identity = path.as_hole()?.identity.as_ref()?;
    let (_, relation) = identity.made_of.as_ref()?;
    match relation {
        Relation::CommonPath => Some(lies_below(path, folder, true)),
        Relation::CommonPrefix => Some(lies_below(path, folder, folder.literal_suffix().ends_with('/'))),
        _ => None,
    }
}

fn exists(machine: &Machine<'_>, path: &Value) -> Value {
    let rope = machine.text_of(path);
    if let Some(relative) = machine.relative_path(&rope) {
        let tree = machine.program.tree;
        let folder = format!("{relative}/");
        let found = tree.exists(&relative) || tree.paths.iter().any(|known| known.path.starts_with(&folder));
        if found {
            return Value::bool(true);
        }
        if machine.environment.complete {
            return Value::bool(false);
        }
    }
    // What the tree does not hold may exist on the server.
    Value::new(Kind::Some(Type::Bool), None)
}

/// `os.path.normpath` of a known path.
fn normal(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let is_absolute = text.starts_with('/');
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
