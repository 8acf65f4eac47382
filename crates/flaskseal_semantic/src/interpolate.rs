//! Text that is put together of values: f-strings, and `str()` of anything.

use flaskseal_python::ast;

use crate::alphabet::Alphabet;
use crate::format::Conversion;
use crate::guard::Guard;
use crate::machine::{Evaluated, Machine, Raised};
use crate::rope::{Hole, Rope, Source};
use crate::value::{Alternative, Bytes, Kind, Type, Value};

/// Texts that are put together of more combinations of alternatives are not told apart.
const MAX_COMBINATIONS: usize = 16;

impl<'a> Machine<'a> {
    pub(crate) fn f_string(&mut self, node: &'a ast::ExprFString) -> Evaluated {
        let mut parts = Vec::new();
        for part in &node.value {
            match part {
                ast::FStringPart::Literal(literal) => parts.push(Value::str(&*literal.value)),
                ast::FStringPart::FString(string) => {
                    for element in &string.elements {
                        match element {
                            ast::InterpolatedStringElement::Literal(literal) => {
                                parts.push(Value::str(&*literal.value));
                            }
                            ast::InterpolatedStringElement::Interpolation(node) => {
                                let value = self.eval(&node.expression)?;
                                let conversion = match node.conversion {
                                    ast::ConversionFlag::None => Conversion::None,
                                    ast::ConversionFlag::Str => Conversion::Str,
                                    ast::ConversionFlag::Repr => Conversion::Repr,
                                    ast::ConversionFlag::Ascii => Conversion::Ascii,
                                };
                                let spec = match &node.format_spec {
                                    None => Some(String::new()),
                                    Some(spec) => self.format_spec(spec)?,
                                };
                                parts.push(self.format_value(&value, conversion, spec.as_deref()));
                            }
                        }
                    }
                }
            }
        }
        Ok(self.concat_values(&parts))
    }

    /// A specification's text; `None` where a part of it is not known.
    fn format_spec(&mut self, spec: &'a ast::InterpolatedStringFormatSpec) -> Result<Option<String>, Raised> {
        let mut text = Some(String::new());
        for element in &spec.elements {
            let part = match element {
                ast::InterpolatedStringElement::Literal(literal) => Some(literal.value.to_string()),
                ast::InterpolatedStringElement::Interpolation(node) => {
                    let value = self.eval(&node.expression)?;
                    let is_constant = matches!(value.kind, Kind::Int(_) | Kind::Str(_));
                    self.text_of(&value).as_literal().filter(|_| is_constant).map(str::to_owned)
                }
            };
            text = text.zip(part).map(|(text, part)| text + &part);
        }
        Ok(text)
    }

    /// `str()` of each value, joined; the product of their alternatives while it stays small.
    pub(crate) fn concat_values(&mut self, parts: &[Value]) -> Value {
        if let Some(value) = self.combinations(parts) {
            return value;
        }
        // What no client has a hand in need not be told apart.
        let fewer: Vec<Value> = parts.iter().map(|part| self.with_constants_as_one(part)).collect();
        self.combinations(&fewer).unwrap_or_else(|| {
            // Every part as one text, of which what its alternatives have in common is known.
            Rope::concat(parts.iter().map(|part| self.text_of(part))).into()
        })
    }

    /// Every way to put alternatives of the parts together; `None` where there are too many.
    fn combinations(&self, parts: &[Value]) -> Option<Value> {
        let mut results = vec![(Vec::<Rope>::new(), Guard::ALWAYS)];
        for part in parts {
            let alternatives = part.alternatives();
            let mut next = Vec::new();
            for (mut ropes, guard) in results {
                for (index, alternative) in alternatives.iter().enumerate() {
                    if let Some(guard) = guard.and(&alternative.guard) {
                        let is_last = index + 1 == alternatives.len();
                        let mut own = if is_last { std::mem::take(&mut ropes) } else { ropes.clone() };
                        own.push(self.text_of(&alternative.value));
                        next.push((own, guard));
                    }
                }
            }
            if next.len() > MAX_COMBINATIONS {
                return None;
            }
            results = next;
        }
        let alternatives = results
            .into_iter()
            .map(|(ropes, guard)| Alternative { value: Value::from(Rope::concat(ropes)), guard });
        Some(Value::union(alternatives))
    }

    fn with_constants_as_one(&self, part: &Value) -> Value {
        let (of_client, constant): (Vec<_>, Vec<_>) =
            part.alternatives().into_iter().partition(|one| one.value.origin().is_some());
        if constant.len() < 2 {
            return part.clone();
        }
        let guard = constant.iter().map(|one| one.guard.clone()).reduce(|a, b| a.or(&b));
        let text = self.text_of(&Value::union(constant));
        let one = Alternative { value: text.into(), guard: guard.unwrap_or_default() };
        Value::union(of_client.into_iter().chain([one]))
    }

    /// `str(value)`; of a union, what all its alternatives have in common.
    pub(crate) fn text_of(&self, value: &Value) -> Rope {
        let unknown = |origin| Rope::from(Hole { origin, ..Hole::new(Source::Unknown, Alphabet::ALL) });
        let number = |characters| {
            let hole = Hole::new(Source::Unknown, Alphabet::of(characters));
            Rope::from(Hole { origin: value.taint.clone(), ..hole })
        };
        match &value.kind {
            Kind::Str(rope) => rope.clone(),
            Kind::None => Rope::literal("None"),
            Kind::Bool(true) => Rope::literal("True"),
            Kind::Bool(false) => Rope::literal("False"),
            Kind::Int(value) => Rope::literal(value.to_string()),
            Kind::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                Rope::literal(format!("{value:.1}"))
            }
            Kind::Some(Type::Bool) => Rope::hole_of(Source::Unknown, Alphabet::of("TrueFals")),
            Kind::Some(Type::Int) => number("0123456789-"),
            Kind::Some(Type::Float) | Kind::Float(_) => number("0123456789-+.einfa"),
            Kind::Path(path) => match &value.taint {
                Some(taint) => {
                    let at = value.at.unwrap_or(taint.at);
                    crate::request::structure_text(path, taint, at)
                }
                None => Rope::hole(Source::Path(path.clone())),
            },
            Kind::Bytes(Bytes::Encoded(rope)) => rope.blurred(Alphabet::ALL),
            Kind::Object(id) => match self.heap.attribute(*id, "@path") {
                Some(Value { kind: Kind::Str(rope), .. }) => rope.clone(),
                _ => match self.heap.attribute(*id, "@str") {
                    Some(Value { kind: Kind::Str(rope), .. }) => rope.clone(),
                    _ => unknown(self.taint_of(value)),
                },
            },
            Kind::Union(alternatives) => {
                let texts = alternatives.iter().map(|alternative| self.text_of(&alternative.value));
                let alphabet = texts.fold(Alphabet::NONE, |set, text| set.union(text.alphabet()));
                Hole { origin: value.origin(), ..Hole::new(Source::Unknown, alphabet) }.into()
            }
            _ => unknown(value.origin()),
        }
    }
}
