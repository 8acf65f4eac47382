//! `markupsafe.Markup`: text that is HTML, and that escapes what is put into it.
//!
//! A markup is an instance with its text under `@str`. Reference: MarkupSafe 3.0, `Markup`.

use flaskseal_python::ast;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::heap::{Dict, List, ObjectId, Shape};
use crate::limits::Identity;
use crate::machine::Machine;
use crate::origin::Change;
use crate::rope::{Hole, Rope, Segment};
use crate::value::{Kind, Value};

const CLASS: &str = "markupsafe.Markup";

/// `Markup(x)` declares that x is HTML; `escape(x)` makes it so.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    let first = arguments.positional.first().cloned();
    match (path, first) {
        (CLASS, Some(value)) => Some(value.map(|value| {
            let rope = machine.text_of(value);
            markup(machine, rope)
        })),
        (CLASS, None) => Some(markup(machine, Rope::literal(""))),
        ("markupsafe.escape" | "markupsafe.Markup.escape" | "markupsafe.escape_silent", Some(value)) => {
            Some(value.map(|value| {
                let rope = escaped(machine, value);
                markup(machine, rope)
            }))
        }
        _ => None,
    }
}

/// A method of a markup: what the text's method does, with operands escaped.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let rope = text(machine, id)?;
    if matches!(name, "unescape" | "striptags") {
        return Some(rope.blurred(Alphabet::ALL).into());
    }
    let mut arguments = arguments.clone();
    if matches!(name, "format" | "join" | "replace" | "format_map") {
        for value in &mut arguments.positional {
            *value = escaped_value(machine, value);
        }
        for (_, value) in &mut arguments.keywords {
            *value = escaped_value(machine, value);
        }
    }
    let result = crate::text::call(machine, &rope, name, &arguments)?;
    Some(result.map(|value| marked(machine, value)))
}

/// A text as a markup; of a sequence, each of its texts: `escape(x).split()`.
fn marked(machine: &mut Machine<'_>, value: &Value) -> Value {
    match &value.kind {
        Kind::Str(rope) => markup(machine, rope.clone()),
        _ => each(machine, value, marked).unwrap_or_else(|| value.clone()),
    }
}

/// A container with something done to each of its elements; `None` for what is none.
fn each(
    machine: &mut Machine<'_>,
    value: &Value,
    made: fn(&mut Machine<'_>, &Value) -> Value,
) -> Option<Value> {
    let id = match &value.kind {
        Kind::Tuple(values) => {
            let values: Vec<Value> = values.iter().map(|value| made(machine, value)).collect();
            return Some(Value::tuple(values));
        }
        Kind::Object(id) => *id,
        _ => return None,
    };
    match machine.heap.get(id).shape.clone() {
        Shape::List(list) => {
            let items = list.items.iter().map(|item| made(machine, item)).collect();
            let rest = list.rest.as_ref().map(|rest| made(machine, rest));
            Some(machine.list_of(List { items, rest, ..list }))
        }
        Shape::Dict(dict) => {
            let entries =
                dict.entries.iter().map(|(key, value)| (key.clone(), made(machine, value))).collect();
            let rest = dict.rest.as_ref().map(|rest| made(machine, rest));
            Some(machine.dict(Dict { entries, rest, ..dict }))
        }
        _ => None,
    }
}

/// `+`, `%` and `*` with a markup on a side.
pub(crate) fn binary(
    machine: &mut Machine<'_>,
    left: &Value,
    op: ast::Operator,
    right: &Value,
    span: flaskseal_core::Span,
) -> Option<Value> {
    let is_markup = |machine: &Machine<'_>, value: &Value| {
        value.as_object().is_some_and(|id| text(machine, id).is_some())
    };
    let (is_left, is_right) = (is_markup(machine, left), is_markup(machine, right));
    if !is_left && !is_right {
        return None;
    }
    let result = match op {
        ast::Operator::Add => {
            let (left, right) = (escaped(machine, left), escaped(machine, right));
            Value::from(Rope::concat([left, right]))
        }
        ast::Operator::Mod if is_left => {
            let format = escaped(machine, left);
            let given = escaped_value(machine, right);
            machine.percent_format(&format, &given, span)
        }
        _ => return None,
    };
    Some(result.map(|value| match &value.kind {
        Kind::Str(rope) => markup(machine, rope.clone()),
        _ => value.clone(),
    }))
}

fn markup(machine: &mut Machine<'_>, rope: Rope) -> Value {
    machine.library_instance(CLASS, &[("@str", rope.into())])
}

fn text(machine: &Machine<'_>, id: ObjectId) -> Option<Rope> {
    match &machine.heap.get(id).shape {
        Shape::Instance { class } if class.as_path() == Some(CLASS) => {
            machine.heap.attribute(id, "@str")?.as_rope().cloned()
        }
        _ => None,
    }
}

/// What is HTML as it is, and everything else with its special characters replaced.
fn escaped(machine: &Machine<'_>, value: &Value) -> Rope {
    if let Some(rope) = value.as_object().and_then(|id| text(machine, id)) {
        return rope;
    }
    let entities = Alphabet::of("&;#0123456789abcdefghijklmnopqrstuvwxyz");
    let special = Alphabet::of("<>\"'");
    let rope = machine.text_of(value);
    let segments = rope.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            Rope::literal(text.replace('"', "&#34;").replace('\'', "&#39;"))
        }
        Segment::Hole(hole) if hole.alphabet.meets(special.union(Alphabet::of("&"))) => {
            let alphabet = hole.alphabet.without(special).union(entities);
            let identity = hole.identity.as_ref().map(|identity| Identity::named((&**identity, "escape")));
            let mut escaped = Hole { identity, ..hole.changed(alphabet) };
            escaped.change(|| Change::EscapedForHtml);
            escaped.into()
        }
        Segment::Hole(hole) => hole.clone().into(),
    });
    Rope::concat(segments.collect::<Vec<_>>())
}

fn escaped_value(machine: &mut Machine<'_>, value: &Value) -> Value {
    if let Some(container) = each(machine, value, escaped_value) {
        return container;
    }
    value.map(|value| match &value.kind {
        // `%d` and the like need their number.
        Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) | Kind::Some(_) => value.clone(),
        _ => escaped(machine, value).into(),
    })
}
