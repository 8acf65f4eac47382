//! Python's `re`: what tests with a pattern say of a text, and what matching takes out of it.
//!
//! A successful match gives an object, a failed one `None`, each under a guard that says what the pattern says of the
//! subject. Patterns themselves are `pattern`'s matter.

use std::sync::Arc;

use flaskseal_python::Name;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::guard::Guard;
use crate::heap::{List, ObjectId};
use crate::limits::{Checks, Limits, Relation};
use crate::machine::Machine;
use crate::origin::stronger;
use crate::pattern::{Excluded, Mode, Pattern, Texts};
use crate::rope::{Hole, Rope, Source};
use crate::truth::Truth;
use crate::value::{Alternative, Kind, Type, Value};

/// The class of a compiled pattern, named after what makes it.
const COMPILED: &str = "re.compile";
/// The class of a match.
const MATCH: &str = "re.match";

/// A pattern, compiled or given as text, with its flags.
struct Expression {
    text: Option<Arc<str>>,
    flags: Value,
}

/// A call of a function of the module. `None` for what is not computed here.
pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    let name = path.strip_prefix("re.")?;
    let position_of_flags = match name {
        "compile" => 1,
        "match" | "search" | "fullmatch" | "findall" | "finditer" => 2,
        "split" => 3,
        "sub" | "subn" => 4,
        "escape" => return Some(escaped(machine, arguments.get(0, "pattern")?)),
        "purge" => return Some(Value::NONE),
        _ => return None,
    };
    let pattern = arguments.get(0, "pattern")?;
    let flags = arguments.get(position_of_flags, "flags").cloned().unwrap_or(Value::int(0));
    if name == "compile" {
        if pattern.as_object().is_some() {
            return Some(pattern.clone());
        }
        let hidden = [("@pattern", pattern.clone()), ("@flags", flags), ("pattern", pattern.clone())];
        return Some(machine.library_instance(COMPILED, &hidden));
    }
    let expression = Expression::of(machine, pattern, flags);
    let mut rest = arguments.clone();
    if rest.positional.is_empty() {
        rest.keywords.retain(|(name, _)| name != "pattern");
    } else {
        rest.positional.remove(0);
        rest.positional.truncate(position_of_flags - 1);
    }
    operate(machine, &expression, name, &rest)
}

/// A method of a compiled pattern or of a match.
pub(crate) fn call_method(
    machine: &mut Machine<'_>,
    id: ObjectId,
    class: &str,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    match class {
        COMPILED => {
            let expression = Expression::of(machine, &Value::object(id), Value::int(0));
            // A match that begins or ends elsewhere says nothing of the whole.
            if matches!(name, "match" | "search" | "fullmatch") && arguments.positional.len() > 1 {
                let none = Expression { text: None, ..expression };
                return operate(machine, &none, name, arguments);
            }
            operate(machine, &expression, name, arguments)
        }
        MATCH => match name {
            "group" if arguments.positional.is_empty() => group(machine, id, &Value::int(0)),
            "group" | "__getitem__" => {
                let groups: Option<Vec<Value>> =
                    arguments.positional.iter().map(|index| group(machine, id, index)).collect();
                let mut groups = groups?;
                Some(if groups.len() == 1 { groups.swap_remove(0) } else { Value::tuple(groups) })
            }
            "groups" => {
                let count = pattern_of(machine, id).map(|pattern| pattern.group_count());
                match count {
                    Some(count) => {
                        let groups: Option<Vec<Value>> =
                            (1..=count).map(|index| group(machine, id, &Value::int(index as i64))).collect();
                        Some(Value::tuple(groups?))
                    }
                    None => {
                        let any = group(machine, id, &Value::UNKNOWN)?;
                        Some(machine.list_of(List { rest: Some(any), ..List::default() }))
                    }
                }
            }
            "groupdict" => {
                let names: Vec<(String, usize)> = pattern_of(machine, id)
                    .map(|pattern| {
                        pattern.group_names().map(|(name, index)| (name.to_owned(), index)).collect()
                    })
                    .unwrap_or_default();
                let mut dict = crate::heap::Dict::default();
                for (name, index) in names {
                    let value = group(machine, id, &Value::int(index as i64))?;
                    dict.entries.insert(crate::value::Key::Str(name.into()), value);
                }
                if dict.entries.is_empty() {
                    dict.rest = group(machine, id, &Value::UNKNOWN);
                }
                Some(machine.dict(dict))
            }
            "start" | "end" => Some(Value::new(Kind::Some(Type::Int), None)),
            "span" => {
                let number = Value::new(Kind::Some(Type::Int), None);
                Some(Value::tuple([number.clone(), number]))
            }
            "expand" => {
                let subject = machine.heap.attribute(id, "string").cloned()?;
                Some(machine.text_of(&subject).blurred(Alphabet::ALL).into())
            }
            _ => None,
        },
        _ => None,
    }
}

/// `match[1]`, `match["name"]`.
pub(crate) fn item(machine: &mut Machine<'_>, id: ObjectId, key: &Value) -> Option<Value> {
    machine.heap.attribute(id, "@regex")?;
    group(machine, id, key)
}

impl Expression {
    fn of(machine: &Machine<'_>, pattern: &Value, flags: Value) -> Self {
        if let Some(id) = pattern.as_object() {
            let hidden = |name: &str| machine.heap.attribute(id, name).cloned();
            let text = hidden("@pattern").and_then(|text| text.as_str().map(Arc::from));
            return Self { text, flags: hidden("@flags").unwrap_or(Value::UNKNOWN) };
        }
        Self { text: pattern.as_str().map(Arc::from), flags }
    }

    fn pattern(&self, machine: &mut Machine<'_>) -> Option<Arc<Pattern>> {
        parse(machine, self.text.as_deref()?, &self.flags)
    }
}

fn parse(machine: &mut Machine<'_>, text: &str, flags: &Value) -> Option<Arc<Pattern>> {
    let flags = flags.as_int()?;
    let of_flags = machine.patterns.entry(flags).or_default();
    if let Some(known) = of_flags.get(text) {
        return known.clone();
    }
    let pattern = Pattern::of_python(text, flags).map(Arc::new);
    of_flags.insert(text.into(), pattern.clone());
    pattern
}

/// What a pattern does with a subject: the arguments are those that follow the pattern.
fn operate(
    machine: &mut Machine<'_>,
    expression: &Expression,
    name: &str,
    arguments: &Arguments,
) -> Option<Value> {
    let pattern = expression.pattern(machine);
    let pattern = pattern.as_deref();
    let how: &str = expression.text.as_deref().unwrap_or_default();
    Some(match name {
        "match" | "search" | "fullmatch" => {
            let mode = match name {
                "match" => Mode::Match,
                "search" => Mode::Search,
                _ => Mode::FullMatch,
            };
            let subject = arguments.get(0, "string")?.clone();
            subject.map(|subject| test(machine, expression, pattern, mode, subject))
        }
        "findall" => {
            let subject = arguments.get(0, "string")?.clone();
            let element = subject.map(|subject| {
                let rope = machine.text_of(subject);
                match pattern {
                    Some(pattern) if pattern.group_count() > 1 => Value::tuple(
                        (1..=pattern.group_count())
                            .map(|index| taken(&rope, Some(pattern), index, how, true))
                            .collect::<Vec<_>>(),
                    ),
                    Some(pattern) => taken(&rope, Some(pattern), pattern.group_count(), how, true),
                    None => taken(&rope, None, 0, how, true),
                }
            });
            machine.list_of(List { rest: Some(element), ..List::default() })
        }
        "finditer" => {
            let subject = arguments.get(0, "string")?.clone();
            let found = match_object(machine, expression, &subject);
            machine.list_of(List { rest: Some(found), is_iterator: true, ..List::default() })
        }
        "split" => {
            let subject = arguments.get(0, "string")?.clone();
            let is_limited = arguments.get(1, "maxsplit").is_some();
            let part = subject.map(|subject| {
                let rope = machine.text_of(subject);
                let separators = match pattern {
                    Some(pattern) if !is_limited && pattern.group_count() == 0 => {
                        pattern.excluded().characters
                    }
                    _ => Alphabet::NONE,
                };
                let alphabet = rope.alphabet().intersection(separators.complement());
                rope.made(Relation::Part, alphabet, ("re.split", how)).into()
            });
            machine.list_of(List { rest: Some(part), ..List::default() })
        }
        "sub" | "subn" => {
            let replacement = arguments.get(0, "repl")?.clone();
            let subject = arguments.get(1, "string")?.clone();
            let is_limited = arguments.get(2, "count").is_some_and(|count| count.as_int() != Some(0));
            let replacement = replacement_of(machine, expression, &subject, &replacement, arguments);
            let result = subject.map(|subject| {
                let rope = machine.text_of(subject);
                substituted(&rope, pattern, &replacement, is_limited, how)
            });
            match name {
                "subn" => Value::tuple([result, Value::new(Kind::Some(Type::Int), None)]),
                _ => result,
            }
        }
        _ => return None,
    })
}

/// `re.match(pattern, subject)` and its relatives.
fn test(
    machine: &mut Machine<'_>,
    expression: &Expression,
    pattern: Option<&Pattern>,
    mode: Mode,
    subject: &Value,
) -> Value {
    let rope = machine.text_of(subject);
    let truth = pattern.map_or(Truth::EITHER, |pattern| success(pattern, mode, &rope));
    let found = match_object(machine, expression, subject);
    let yes = truth.yes.map(|guard| Alternative { value: found, guard });
    let no = truth.no.map(|guard| Alternative { value: Value::NONE, guard });
    Value::union(yes.into_iter().chain(no))
}

fn match_object(machine: &mut Machine<'_>, expression: &Expression, subject: &Value) -> Value {
    let found = machine.library_instance(
        MATCH,
        &[
            ("@regex", expression.text.as_deref().map_or(Value::UNKNOWN, Value::str)),
            ("@flags", expression.flags.clone()),
            ("string", subject.clone()),
        ],
    );
    if let Some(id) = found.as_object() {
        let compiled = expression.text.as_deref().map_or(Value::UNKNOWN, Value::str);
        let hidden = [("@pattern", compiled), ("@flags", expression.flags.clone())];
        let compiled = machine.library_instance(COMPILED, &hidden);
        machine.heap.set_attribute(id, Name::new_static("re"), compiled);
    }
    found
}

/// What success and failure say of the subject.
pub(crate) fn success(pattern: &Pattern, mode: Mode, subject: &Rope) -> Truth {
    let texts = pattern.subject(mode);
    if let Some(text) = subject.as_literal() {
        let is_possible = text.chars().all(|character| texts.alphabet.contains(character))
            && text.starts_with(&*texts.prefix)
            && texts.listed.as_ref().is_none_or(|listed| listed.contains(text));
        return if is_possible { Truth::EITHER } else { Truth::NO };
    }
    let anywhere = pattern.excluded();
    match subject.as_hole() {
        Some(_) => {
            let no = match mode {
                Mode::Search => without(&anywhere),
                Mode::Match => not_at_start(&pattern.excluded_at_start()),
                Mode::FullMatch => Limits::default(),
            };
            crate::truth::about(subject, limits_of(&texts), no)
        }
        // Of text of several parts, only what holds of every part is said.
        None => {
            let no = if mode == Mode::Search { without(&anywhere) } else { Limits::default() };
            let yes = Limits::alphabet(texts.alphabet);
            let of_all = |limits: &Limits| {
                subject
                    .holes()
                    .filter_map(|hole| hole.identity.as_ref())
                    .try_fold(Guard::ALWAYS, |guard, identity| {
                        guard.and(&Guard::about(identity, limits.clone()))
                    })
            };
            Truth { yes: of_all(&yes), no: of_all(&no) }
        }
    }
}

fn limits_of(texts: &Texts) -> Limits {
    match &texts.listed {
        Some(listed) => Limits::one_of(listed.iter().map(|text| Arc::from(text.as_str()))),
        None => Limits {
            alphabet: texts.alphabet,
            first: texts.first,
            prefix: texts.prefix.as_str().into(),
            checks: Checks { newline_last: texts.newline_last, ..Checks::NONE },
            ..Limits::default()
        },
    }
}

/// What a text is like that a pattern was found in; nothing, where the pattern is not understood.
pub(crate) fn limits_of_pattern(machine: &mut Machine<'_>, pattern: &str, mode: Mode) -> Limits {
    match parse(machine, pattern, &Value::int(0)) {
        Some(pattern) => limits_of(&pattern.subject(mode)),
        None => Limits::default(),
    }
}

fn without(excluded: &Excluded) -> Limits {
    let alphabet = excluded.characters.complement();
    Limits {
        absent: excluded.texts.iter().map(|text| Arc::from(text.as_str())).collect(),
        ..Limits::alphabet(alphabet)
    }
}

fn not_at_start(excluded: &Excluded) -> Limits {
    Limits {
        first: excluded.characters.complement(),
        not_prefixes: excluded.texts.iter().map(|text| Arc::from(text.as_str())).collect(),
        ..Limits::default()
    }
}

fn pattern_of(machine: &mut Machine<'_>, id: ObjectId) -> Option<Arc<Pattern>> {
    let text = machine.heap.attribute(id, "@regex")?.clone();
    let flags = machine.heap.attribute(id, "@flags")?.clone();
    parse(machine, text.as_str()?, &flags)
}

/// A group of a match, by number or name.
fn group(machine: &mut Machine<'_>, id: ObjectId, index: &Value) -> Option<Value> {
    let subject = machine.heap.attribute(id, "string")?.clone();
    let pattern = pattern_of(machine, id);
    let how: Arc<str> = machine.heap.attribute(id, "@regex")?.as_str().unwrap_or_default().into();
    let index = match (&index.kind, &pattern) {
        (Kind::Int(index), _) => usize::try_from(*index).ok(),
        (_, Some(pattern)) => index.as_str().and_then(|name| pattern.group_named(name)),
        _ => None,
    };
    let value = subject.map(|subject| {
        let rope = machine.text_of(subject);
        match index {
            Some(index) => taken(&rope, pattern.as_deref(), index, &how, false),
            None => taken(&rope, None, 0, &how, false),
        }
    });
    let is_certain = match (index, &pattern) {
        (Some(index), Some(pattern)) => pattern.group_is_certain(index),
        // A pattern that is not understood is taken to match as its author expects.
        _ => true,
    };
    Some(if is_certain { value } else { Value::either(value, Value::NONE) })
}

/// The part of a text that a group matched. `may_be_empty`: a group that took no part gives the empty text.
fn taken(rope: &Rope, pattern: Option<&Pattern>, index: usize, how: &str, may_be_empty: bool) -> Value {
    let texts = pattern.map_or_else(Texts::any, |pattern| pattern.group(index));
    let alphabet = rope.alphabet().intersection(texts.alphabet);
    if let Some(listed) = &texts.listed {
        // The pattern's author chose these texts; of single characters, anything can be spelled.
        if listed.iter().any(|text| text.chars().count() == 1) && listed.len() > 1 {
            return rope.made(Relation::Part, alphabet, (how, index)).into();
        }
        return match listed.iter().next() {
            Some(only) if listed.len() == 1 && !may_be_empty => Value::str(only.as_str()),
            _ => Rope::hole_of(Source::Unknown, alphabet).into(),
        };
    }
    let part = rope.made(Relation::Part, alphabet, (how, index));
    if texts.prefix.is_empty() || may_be_empty {
        let first = texts.first.intersection(alphabet);
        return part.map_holes(|hole| Hole { first, ..hole.clone() }).into();
    }
    Rope::concat([Rope::literal(texts.prefix), part]).into()
}

/// The text that stands in for each match: what a template says, or what a function gives.
fn replacement_of(
    machine: &mut Machine<'_>,
    expression: &Expression,
    subject: &Value,
    replacement: &Value,
    arguments: &Arguments,
) -> Rope {
    let is_function = matches!(replacement.kind, Kind::Object(_) | Kind::Bound(_) | Kind::Path(_))
        && replacement.taint.is_none();
    if !is_function {
        let rope = machine.text_of(replacement);
        let refers = rope.alphabet().contains('\\');
        let pattern = expression.pattern(machine);
        if !refers {
            return rope;
        }
        // `\1` and `\g<name>` bring parts of the subject back.
        let text = machine.text_of(subject);
        let groups = match &pattern {
            Some(pattern) => (0..=pattern.group_count())
                .fold(Alphabet::NONE, |set, index| set.union(pattern.group(index).alphabet)),
            None => Alphabet::ALL,
        };
        // An escape in a template, such as `\n`, can be any of these.
        let escapes = Alphabet::of("\x07\x08\x0c\n\r\t\x0b\0");
        let alphabet = rope
            .alphabet()
            .union(text.alphabet().intersection(groups))
            .union(escapes)
            .union(Alphabet::ALL_WIDE);
        let origin = stronger(rope.origin(), text.origin());
        return Hole { origin, ..Hole::new(Source::Unknown, alphabet) }.into();
    }
    let found = match_object(machine, expression, subject);
    match machine.call(replacement, Arguments::of(arguments.span, [found])) {
        Ok(value) => machine.text_of(&value),
        Err(_) => Rope::hole(Source::Unknown),
    }
}

/// A text after every match was replaced.
fn substituted(
    rope: &Rope,
    pattern: Option<&Pattern>,
    replacement: &Rope,
    is_limited: bool,
    how: &str,
) -> Value {
    let removed = match pattern {
        Some(pattern) if !is_limited => pattern.excluded().characters,
        _ => Alphabet::NONE,
    };
    let left = rope.alphabet().intersection(removed.complement());
    if replacement.as_literal() == Some("") {
        // Where nothing but single characters goes, the rest is all the rest.
        let relation = match pattern {
            Some(pattern) if pattern.is_of_characters() => Relation::Without(pattern.group(0).alphabet),
            _ => Relation::Characters,
        };
        return rope.made(relation, left, ("re.sub", how)).into();
    }
    let alphabet = left.union(replacement.alphabet());
    let origin = stronger(rope.origin(), replacement.origin());
    let changed = rope.computed(alphabet, ("re.sub", how, replacement.to_string()));
    changed.map_holes(|hole| Hole { origin: origin.clone(), ..hole.clone() }).into()
}

/// `re.escape`: no character of the text means anything to `re` any more. The backslashes are not written out.
fn escaped(machine: &mut Machine<'_>, value: &Value) -> Value {
    let special = Alphabet::of(".^$*+?{}[]|()");
    value.map(|value| {
        let rope = machine.text_of(value);
        match rope.as_literal() {
            Some(text) => Value::str(escape(text)),
            None => {
                rope.computed(rope.alphabet().without(special).union(Alphabet::of("\\")), "re.escape").into()
            }
        }
    })
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
