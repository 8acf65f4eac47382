//! Operators on values, and on containers in place.

use flaskseal_core::Span;
use flaskseal_python::ast;

use crate::heap::{Dict, List, ObjectId, Shape};
use crate::machine::{Machine, Raised};
use crate::origin::stronger;
use crate::rope::Rope;
use crate::truth::truth_value;
use crate::value::{Alternative, Bytes, Kind, Type, Value};

impl Machine<'_> {
    pub(crate) fn unary(&mut self, op: ast::UnaryOp, operand: &Value) -> Value {
        match op {
            ast::UnaryOp::Not => {
                let truth = self.truth(operand);
                truth_value(&truth.not())
            }
            _ => operand.map(|value| {
                let kind = match (op, &value.kind) {
                    (ast::UnaryOp::USub, Kind::Float(value)) => Kind::Float(-value),
                    (ast::UnaryOp::UAdd, Kind::Int(_) | Kind::Float(_)) => value.kind.clone(),
                    (ast::UnaryOp::USub, _) => match value.as_int().and_then(i64::checked_neg) {
                        Some(value) => Kind::Int(value),
                        None => Kind::Unknown,
                    },
                    (ast::UnaryOp::Invert, Kind::Int(value)) => Kind::Int(!value),
                    _ => Kind::Unknown,
                };
                Value::new(kind, value.at)
            }),
        }
    }

    pub(crate) fn binary(&mut self, left: &Value, op: ast::Operator, right: &Value, span: Span) -> Value {
        let (lefts, rights) = (left.alternatives(), right.alternatives());
        let mut results = Vec::new();
        for a in &lefts {
            for b in &rights {
                if let Some(guard) = a.guard.and(&b.guard) {
                    let value = self.binary_one(&a.value, op, &b.value, span);
                    results.push(Alternative { value, guard });
                }
            }
        }
        Value::union(results)
    }

    #[allow(clippy::cast_precision_loss, reason = "Python's own int to float conversion rounds, too")]
    fn binary_one(&mut self, left: &Value, op: ast::Operator, right: &Value, span: Span) -> Value {
        use ast::Operator::{Add, BitOr, Div, FloorDiv, LShift, Mod, Mult, Pow, Sub};
        // Text.
        match (op, &left.kind, &right.kind) {
            (Add, Kind::Str(a), Kind::Str(b)) => return Rope::concat([a.clone(), b.clone()]).into(),
            (Add, Kind::Str(a), Kind::Path(_) | Kind::Unknown) => {
                return Rope::concat([a.clone(), self.text_of(right)]).into();
            }
            (Add, Kind::Path(_) | Kind::Unknown, Kind::Str(b)) => {
                return Rope::concat([self.text_of(left), b.clone()]).into();
            }
            (Add, Kind::Str(_), Kind::Object(_)) | (Add | Mod, Kind::Object(_), _)
                if let Some(value) = crate::markup::binary(self, left, op, right, span) =>
            {
                return value;
            }
            (Mod, Kind::Str(format), _) => return self.percent_format(&format.clone(), right, span),
            (Mult, Kind::Str(rope), Kind::Int(count)) | (Mult, Kind::Int(count), Kind::Str(rope)) => {
                return match (rope.as_literal(), usize::try_from(*count)) {
                    (Some(text), Ok(count)) if text.len().saturating_mul(count) <= 4096 => {
                        Value::str(text.repeat(count))
                    }
                    (Some(_), Err(_)) => Value::str(""),
                    _ => rope.blurred(rope.alphabet()).into(),
                };
            }
            (Add, Kind::Bytes(Bytes::Known(a)), Kind::Bytes(Bytes::Known(b))) if a.len() + b.len() < 4096 => {
                return Value::new(Kind::Bytes(Bytes::Known([&**a, &**b].concat().into())), None);
            }
            (Mult, Kind::Bytes(Bytes::Known(bytes)), Kind::Int(count))
                if *count > 0 && bytes.len() as i64 <= 4096 / count =>
            {
                return Value::new(Kind::Bytes(Bytes::Known(bytes.repeat(*count as usize).into())), None);
            }
            (Add, Kind::Tuple(a), Kind::Tuple(b)) if a.len() + b.len() <= 1024 => {
                return Value::tuple([&**a, &**b].concat());
            }
            _ => {}
        }
        // Containers and instances.
        if left.as_object().is_some() || right.as_object().is_some() {
            return self.object_binary(left, op, right, span);
        }
        // Numbers.
        let number = |value: &Value| match &value.kind {
            Kind::Float(value) => Some(*value),
            _ => value.as_int().map(|value| value as f64),
        };
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int())
            && op != Div
        {
            let value = match op {
                Add => a.checked_add(b),
                Sub => a.checked_sub(b),
                Mult => a.checked_mul(b),
                // For a positive divisor, Python's floor is Euclid's quotient.
                FloorDiv if b > 0 => a.checked_div_euclid(b),
                Mod if b > 0 => a.checked_rem_euclid(b),
                Pow if b < 0 => return Value::new(Kind::Float((a as f64).powf(b as f64)), None),
                Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                LShift => u32::try_from(b).ok().filter(|b| *b < 62).and_then(|b| a.checked_mul(1 << b)),
                ast::Operator::RShift => u32::try_from(b).ok().filter(|b| *b < 63).map(|b| a >> b),
                BitOr => Some(a | b),
                ast::Operator::BitAnd => Some(a & b),
                ast::Operator::BitXor => Some(a ^ b),
                _ => None,
            };
            return Value::new(value.map_or(Kind::Some(Type::Int), Kind::Int), None);
        }
        if let (Some(a), Some(b)) = (number(left), number(right)) {
            let value = match op {
                Add => Some(a + b),
                Sub => Some(a - b),
                Mult => Some(a * b),
                Div if b != 0.0 => Some(a / b),
                FloorDiv if b != 0.0 => Some((a / b).floor()),
                Pow => Some(a.powf(b)),
                _ => None,
            };
            return Value::new(value.map_or(Kind::Some(Type::Float), Kind::Float), None);
        }
        match (&left.kind, &right.kind) {
            (Kind::Some(Type::Int), Kind::Int(_) | Kind::Some(Type::Int))
            | (Kind::Int(_), Kind::Some(Type::Int)) => {
                let kind = if op == Div { Type::Float } else { Type::Int };
                Value::new(Kind::Some(kind), None).tainted(stronger(left.origin(), right.origin()))
            }
            // What a library gives keeps its name through an operation: `db.a | db.b`, `path / "x"`.
            (Kind::Path(path), _) => {
                Value::path(path.clone()).tainted(stronger(left.origin(), right.origin()))
            }
            _ => Value::UNKNOWN.tainted(stronger(left.origin(), right.origin())),
        }
    }

    /// `x += y` where it changes `x` itself. Answers whether it did.
    pub(crate) fn augment_in_place(
        &mut self,
        current: &Value,
        op: ast::Operator,
        operand: &Value,
        span: Span,
    ) -> Result<bool, Raised> {
        let Some(id) = current.as_object() else { return Ok(false) };
        match (&self.heap.get(id).shape, op) {
            (Shape::List(_), ast::Operator::Add | ast::Operator::BitOr) => {
                let elements = self.elements(operand);
                for element in elements.known {
                    self.append(id, element);
                }
                if let Some(rest) = elements.rest {
                    self.append_unknown(id, rest);
                }
                Ok(true)
            }
            (Shape::Dict(_), ast::Operator::BitOr) => {
                self.dict_update(id, operand, span);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(crate) fn object_binary(
        &mut self,
        left: &Value,
        op: ast::Operator,
        right: &Value,
        span: Span,
    ) -> Value {
        let shapes = (
            left.as_object().map(|id| self.heap.get(id).shape.clone()),
            right.as_object().map(|id| self.heap.get(id).shape.clone()),
        );
        match (shapes, op) {
            ((Some(Shape::List(a)), Some(Shape::List(b))), ast::Operator::Add | ast::Operator::BitOr) => {
                let mut list = List { is_set: a.is_set, ..a };
                if list.rest.is_some() {
                    list.rest = b
                        .items
                        .into_iter()
                        .map(Some)
                        .chain([b.rest])
                        .fold(list.rest, crate::heap::join_rests);
                } else {
                    list.items.extend(b.items);
                    list.rest = b.rest;
                }
                self.list_of(list)
            }
            ((Some(Shape::List(list)), None), ast::Operator::Mult) => match right.as_int() {
                Some(count) if list.rest.is_none() && list.items.len() as i64 * count.max(0) <= 4096 => {
                    let items = std::iter::repeat_n(list.items, count.max(0) as usize).flatten().collect();
                    self.list(items)
                }
                _ => Value::UNKNOWN,
            },
            ((Some(Shape::Dict(dict)), _), ast::Operator::BitOr) => {
                let mut dict = Dict { class: None, ..dict };
                self.merge_into(&mut dict, right);
                self.dict(dict)
            }
            _ => crate::stdlib::instance_binary(self, left, op, right, span).unwrap_or(Value::UNKNOWN),
        }
    }

    pub(crate) fn append_unknown(&mut self, id: ObjectId, value: Value) {
        if let Some(list) = self.heap.list(id)
            && !list.rest.as_ref().is_some_and(|rest| rest.is_unknown() || rest.same(&value))
            && let Some(list) = self.heap.list_mut(id)
        {
            list.rest = crate::heap::join_rests(list.rest.take(), Some(value));
        }
    }

    /// `dict.update`, item by item in order.
    pub(crate) fn dict_update(&mut self, id: ObjectId, items: &Value, span: Span) {
        let mut other = Dict::default();
        self.merge_into(&mut other, items);
        for (key, value) in other.entries {
            let place = value.at.unwrap_or(span);
            self.note_setting(id, &key, place);
            let value = match value.may_be_absent() {
                true => {
                    let old = self.heap.dict(id).and_then(|dict| dict.entries.get(&key)).cloned();
                    Value::either(value.without_absent(), old.unwrap_or(Value::ABSENT))
                }
                false => value,
            };
            self.heap.set_entry(id, key, value);
        }
        if let Some(rest) = other.rest
            && let Some(dict) = self.heap.dict(id)
        {
            let mut dict = dict.clone();
            dict.rest = crate::heap::join_rests(dict.rest, Some(rest));
            self.heap.set_shape(id, Shape::Dict(dict));
        }
    }
}
