//! Format strings: `str.format`, `%`, f-strings and `format()`, with their specifications.
//!
//! Syntax: <https://docs.python.org/3/library/string.html#format-string-syntax> and
//! <https://docs.python.org/3/library/stdtypes.html#printf-style-string-formatting>.

use std::sync::Arc;

use flaskseal_core::Span;

use crate::alphabet::Alphabet;
use crate::call::Arguments;
use crate::limits::Relation;
use crate::machine::Machine;
use crate::origin::{Origin, stronger};
use crate::rope::{Hole, Rope, Source};
use crate::value::{Key, Kind, Type, Value};

/// Padding beyond this is not written out.
const MAX_WIDTH: usize = 4096;
/// Every character that a number can be written with, whatever the specification.
const NUMBER: &str = "0123456789+-.,eE_ xXabcdefABCDEF%#oOinfINFNAT";

/// How a value becomes text before its specification applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conversion {
    None,
    Str,
    Repr,
    Ascii,
}

/// `[[fill]align][sign][z][#][0][width][,][.precision][type]`, as far as it matters for text.
#[derive(Clone, Copy, Debug)]
struct Spec {
    fill: char,
    align: Option<char>,
    width: usize,
    precision: Option<usize>,
    /// The presentation type.
    kind: Option<char>,
    /// A sign, a grouping or another option that only numbers have.
    is_of_numbers: bool,
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let characters: Vec<char> = text.chars().collect();
        let mut rest = &characters[..];
        let mut spec =
            Self { fill: ' ', align: None, width: 0, precision: None, kind: None, is_of_numbers: false };
        match rest {
            [fill, align @ ('<' | '>' | '^' | '='), after @ ..] => {
                (spec.fill, spec.align, rest) = (*fill, Some(*align), after);
            }
            [align @ ('<' | '>' | '^' | '='), after @ ..] => (spec.align, rest) = (Some(*align), after),
            _ => {}
        }
        while let [option @ ('+' | '-' | ' ' | 'z' | '#' | '0'), after @ ..] = rest {
            rest = after;
            match option {
                // For text, `0` pads on the right like any fill.
                '0' if spec.align.is_none() => spec.fill = '0',
                '0' => {}
                _ => spec.is_of_numbers = true,
            }
        }
        let number = |rest: &mut &[char]| {
            let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            let value = rest[..digits].iter().collect::<String>().parse().ok();
            *rest = &rest[digits..];
            value
        };
        spec.width = number(&mut rest).unwrap_or(0);
        while let [',' | '_', after @ ..] = rest {
            spec.is_of_numbers = true;
            rest = after;
        }
        if let ['.', after @ ..] = rest {
            rest = after;
            spec.precision = Some(number(&mut rest)?);
        }
        match rest {
            [] => Some(spec),
            [kind] => Some(Self { kind: Some(*kind), ..spec }),
            _ => None,
        }
    }

    /// A text under the specification.
    fn apply(self, rope: &Rope) -> Rope {
        let cut = match (self.precision, rope.as_literal()) {
            (Some(precision), Some(text)) => Rope::literal(text.chars().take(precision).collect::<String>()),
            (Some(precision), None) => rope.made(Relation::Part, rope.alphabet(), ("precision", precision)),
            (None, _) => rope.clone(),
        };
        if self.width == 0 {
            return cut;
        }
        if let Some(text) = cut.as_literal() {
            let missing = self.width.saturating_sub(text.chars().count());
            if missing > MAX_WIDTH {
                return Rope::hole_of(Source::Unknown, cut.alphabet().union(Alphabet::of_char(self.fill)));
            }
            let fill = |count: usize| self.fill.to_string().repeat(count);
            return Rope::literal(match self.align {
                Some('>') => fill(missing) + text,
                Some('^') => fill(missing / 2) + text + &fill(missing - missing / 2),
                _ => text.to_owned() + &fill(missing),
            });
        }
        padded(&cut, self.fill, self.align)
    }
}

/// A text with any number of fill characters around it.
pub(crate) fn padded(rope: &Rope, fill: char, align: Option<char>) -> Rope {
    let padding = || Rope::hole_of(Source::Unknown, Alphabet::of_char(fill));
    match align {
        Some('>') => Rope::concat([padding(), rope.clone()]),
        Some('^') => Rope::concat([padding(), rope.clone(), padding()]),
        _ => Rope::concat([rope.clone(), padding()]),
    }
}

/// `repr(text)`: quotes around it, and what cannot be printed as escapes.
pub(crate) fn represented(rope: &Rope) -> Rope {
    if let Some(text) = rope.as_literal()
        && !text.contains(['\'', '\\'])
        && text.chars().all(|character| (' '..='~').contains(&character))
    {
        return Rope::literal(format!("'{text}'"));
    }
    let controls = Alphabet::ascii_range(0, 0x1f).union(Alphabet::of("\x7f"));
    let alphabet = rope.alphabet();
    let escapes = if alphabet.meets(controls.union(Alphabet::of("\\'")).union(Alphabet::ALL_WIDE)) {
        Alphabet::of("\\ntrxuU").union(Alphabet::HEX)
    } else {
        Alphabet::NONE
    };
    let inner = rope.computed(alphabet.without(controls).union(escapes), "repr");
    // The quote is a double one where the text has single ones only.
    let quote = || {
        if alphabet.contains('\'') {
            Rope::hole_of(Source::Unknown, Alphabet::of("'\""))
        } else {
            Rope::literal("'")
        }
    };
    Rope::concat([quote(), inner, quote()])
}

impl Machine<'_> {
    /// A value converted and under a specification; `None` for a specification that is not known.
    pub(crate) fn format_value(&self, value: &Value, conversion: Conversion, spec: Option<&str>) -> Value {
        let converted = match conversion {
            Conversion::None => value.clone(),
            Conversion::Str => value.map(|value| self.text_of(value).into()),
            Conversion::Repr | Conversion::Ascii => value.map(|value| match &value.kind {
                Kind::Str(rope) => {
                    let text = represented(rope);
                    match (conversion, text.as_literal()) {
                        (Conversion::Ascii, None) => text
                            .map_holes(|hole| {
                                let escapes = Alphabet::of("\\xuU").union(Alphabet::HEX);
                                let alphabet = hole.alphabet.without_wide().union(escapes);
                                Hole { alphabet, first: alphabet, ..hole.clone() }
                            })
                            .into(),
                        _ => text.into(),
                    }
                }
                Kind::None | Kind::Bool(_) | Kind::Int(_) | Kind::Some(_) => self.text_of(value).into(),
                _ => self.text_of(value).blurred(Alphabet::ALL).into(),
            }),
        };
        let Some(spec) = spec else {
            return converted.map(|value| self.text_of(value).blurred(Alphabet::ALL).into());
        };
        if spec.is_empty() {
            return converted;
        }
        let parsed = Spec::parse(spec);
        converted.map(|value| match (&value.kind, parsed) {
            (Kind::Str(rope), Some(spec))
                if !spec.is_of_numbers && spec.kind.is_none_or(|kind| kind == 's') =>
            {
                spec.apply(rope).into()
            }
            (Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) | Kind::Some(_), Some(spec)) => {
                number_text(value, spec)
            }
            // Something else decides for itself what a specification means: `f"{day:%Y-%m}"`.
            _ => self.text_of(value).blurred(Alphabet::ALL).into(),
        })
    }

    /// `str.format`: fields that are names, numbers, attributes and keys.
    pub(crate) fn format_text(&mut self, rope: &Rope, arguments: &Arguments) -> Value {
        let all = arguments.positional.iter().chain(arguments.keywords.iter().map(|(_, value)| value));
        let all = all.chain(&arguments.further);
        let origin = all.fold(rope.origin(), |found, value| stronger(found, self.taint_of(value)));
        if arguments.open && arguments.further.is_none() {
            return unknown(origin);
        }
        let mut automatic = 0;
        let parts = rope.as_literal().map(str::to_owned).and_then(|text| {
            let mut parts = Vec::new();
            self.format_fields(&text, arguments, &mut automatic, 0, &mut parts).map(|()| parts)
        });
        match parts {
            Some(parts) => self.concat_values(&parts),
            None => unknown(origin),
        }
    }

    fn format_fields(
        &mut self,
        text: &str,
        arguments: &Arguments,
        automatic: &mut usize,
        depth: usize,
        parts: &mut Vec<Value>,
    ) -> Option<()> {
        let mut literal = String::new();
        let mut rest = text;
        while let Some(position) = rest.find(['{', '}']) {
            literal.push_str(&rest[..position]);
            let bracket = &rest[position..=position];
            rest = &rest[position + 1..];
            if let Some(after) = rest.strip_prefix(bracket) {
                literal.push_str(bracket);
                rest = after;
                continue;
            }
            if bracket == "}" || depth > 1 {
                return None;
            }
            let (field, after) = rest.split_at(end_of_field(rest)?);
            rest = after.get(1..)?;
            parts.push(Value::str(std::mem::take(&mut literal)));
            let (head, spec) = match field.find(':') {
                Some(colon) => (&field[..colon], &field[colon + 1..]),
                None => (field, ""),
            };
            let (name, conversion) = match head.rsplit_once('!') {
                Some((name, "r")) => (name, Conversion::Repr),
                Some((name, "s")) => (name, Conversion::Str),
                Some((name, "a")) => (name, Conversion::Ascii),
                Some(_) => return None,
                None => (head, Conversion::None),
            };
            let value = self.field_value(name, arguments, automatic, arguments.span)?;
            let spec = if spec.contains('{') {
                let mut inner = Vec::new();
                self.format_fields(spec, arguments, automatic, depth + 1, &mut inner)?;
                self.concat_values(&inner).as_str().map(str::to_owned)
            } else {
                Some(spec.to_owned())
            };
            parts.push(self.format_value(&value, conversion, spec.as_deref()));
        }
        literal.push_str(rest);
        parts.push(Value::str(literal));
        Some(())
    }

    fn field_value(
        &mut self,
        name: &str,
        arguments: &Arguments,
        automatic: &mut usize,
        span: Span,
    ) -> Option<Value> {
        let (base, mut rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
        let mut value = if base.is_empty() {
            *automatic += 1;
            arguments.positional.get(*automatic - 1).or(arguments.further.as_ref()).cloned()?
        } else if let Ok(index) = base.parse::<usize>() {
            arguments.positional.get(index).or(arguments.further.as_ref()).cloned()?
        } else {
            arguments.keyword(base).or(arguments.further.as_ref()).cloned()?
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let (attribute, after) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
                value = self.attribute(&value, attribute, span).ok()?;
                rest = after;
            } else {
                let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
                let key = key.parse().map_or_else(|_| Value::str(key), Value::int);
                value = self.get_item(&value, &key, span).ok()?;
                rest = after;
            }
        }
        Some(value)
    }

    /// `format % arguments`.
    pub(crate) fn percent_format(&mut self, format: &Rope, arguments: &Value, span: Span) -> Value {
        if format.origin().is_some() {
            let given = Arguments::of(span, [arguments.clone()]);
            self.note_call("builtins.str.__mod__", Some(&format.clone().into()), &given);
        }
        let origin = stronger(format.origin(), self.taint_of(arguments));
        match self.percent_parts(format, arguments) {
            Some(parts) => self.concat_values(&parts),
            None => unknown(origin),
        }
    }

    fn percent_parts(&mut self, format: &Rope, arguments: &Value) -> Option<Vec<Value>> {
        let text = format.as_literal()?;
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
                let (name, after) = after.split_once(')')?;
                rest = after;
                let entry = arguments.as_object().and_then(|id| self.heap.dict(id));
                entry.and_then(|dict| dict.entries.get(&Key::Str(name.into()))).cloned()
            } else {
                next += 1;
                positional.get(next - 1).cloned()
            };
            let value = value.unwrap_or_else(|| Value::UNKNOWN.tainted(self.taint_of(arguments)));
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let (options, after) = rest.split_at(end);
            let conversion = after.chars().next()?;
            rest = &after[1..];
            // A width or precision from the arguments takes a value of its own.
            if options.contains('*') {
                return None;
            }
            parts.push(self.percent_value(&value, options, conversion)?);
        }
        parts.push(Value::str(rest));
        Some(parts)
    }

    fn percent_value(&self, value: &Value, options: &str, conversion: char) -> Option<Value> {
        let text = match conversion {
            's' => value.map(|value| self.text_of(value).into()),
            'r' => self.format_value(value, Conversion::Repr, Some("")),
            'a' => self.format_value(value, Conversion::Ascii, Some("")),
            'd' if options.is_empty() && value.as_int().is_some() => {
                return Some(Value::int(value.as_int().unwrap_or_default()));
            }
            'c' => return Some(value.map(|value| self.text_of(value).blurred(Alphabet::ALL).into())),
            // Anything but a number is an error.
            'd' | 'i' | 'o' | 'u' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let alphabet = match conversion {
                    'd' | 'i' | 'u' => Alphabet::DIGITS.union(Alphabet::of("+- ")),
                    _ => Alphabet::of(NUMBER),
                };
                // Blanks come with a width or a flag only.
                let alphabet =
                    if options.is_empty() { alphabet.without(Alphabet::of("+ ")) } else { alphabet };
                let hole = Hole::new(Source::Unknown, alphabet);
                return Some(Rope::from(Hole { origin: value.origin(), ..hole }).into());
            }
            _ => return None,
        };
        let (width, precision) = options.split_once('.').unwrap_or((options, ""));
        let is_left = width.contains('-');
        let width = width.trim_start_matches(['-', '+', ' ', '#', '0']);
        let precision = if precision.is_empty() { None } else { Some(precision.parse().ok()?) };
        let spec = Spec {
            fill: ' ',
            align: if is_left { None } else { Some('>') },
            width: if width.is_empty() { 0 } else { width.parse().ok()? },
            precision: precision.or(options.contains('.').then_some(0)),
            kind: None,
            is_of_numbers: false,
        };
        Some(text.map(|value| spec.apply(&self.text_of(value)).into()))
    }
}

fn unknown(origin: Option<Arc<Origin>>) -> Value {
    Rope::from(Hole { origin, ..Hole::new(Source::Unknown, Alphabet::ALL) }).into()
}

/// Where a replacement field ends; fields in its specification belong to it.
fn end_of_field(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A number under a specification: exact for whole numbers with padding, else what numbers are written with.
fn number_text(value: &Value, spec: Spec) -> Value {
    let is_plain = !spec.is_of_numbers && spec.precision.is_none() && matches!(spec.kind, None | Some('d'));
    if let (Kind::Int(number), true) = (&value.kind, is_plain && spec.width <= MAX_WIDTH) {
        let text = number.to_string();
        let missing = spec.width.saturating_sub(text.len());
        let fill = |count: usize| spec.fill.to_string().repeat(count);
        let is_zero_padded = spec.fill == '0' && spec.align.is_none();
        return Value::str(match spec.align {
            Some('<') => text + &fill(missing),
            Some('^') => fill(missing / 2) + &text + &fill(missing - missing / 2),
            Some('=') => return number_hole(value, spec),
            _ if is_zero_padded && *number < 0 => format!("-{}{}", fill(missing), number.unsigned_abs()),
            _ => fill(missing) + &text,
        });
    }
    // As a character, a number is any.
    if spec.kind == Some('c') {
        return Value::unknown_text().tainted(value.taint.clone());
    }
    number_hole(value, spec)
}

fn number_hole(value: &Value, spec: Spec) -> Value {
    let is_whole = !spec.is_of_numbers && matches!(spec.kind, None | Some('d'));
    let mut alphabet = match value.kind {
        Kind::Int(_) | Kind::Some(Type::Int) if is_whole => Alphabet::DIGITS.union(Alphabet::of("-")),
        // `d` leaves no fraction of a float either.
        Kind::Some(Type::Float) | Kind::Float(_) if is_whole && spec.kind.is_some() => {
            Alphabet::DIGITS.union(Alphabet::of("-"))
        }
        _ => Alphabet::of(NUMBER),
    };
    if spec.width > 0 {
        alphabet = alphabet.union(Alphabet::of_char(spec.fill));
    }
    if matches!(value.kind, Kind::Bool(_) | Kind::Some(Type::Bool)) {
        alphabet = alphabet.union(Alphabet::of("TrueFals"));
    }
    Rope::from(Hole { origin: value.taint.clone(), ..Hole::new(Source::Unknown, alphabet) }).into()
}
