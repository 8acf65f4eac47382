//! Assignment, in place or not, and deletion.

use flaskseal_python::ast;

use crate::heap::{List, Shape};
use crate::machine::{Machine, Raised};
use crate::value::{Kind, Value};

impl<'a> Machine<'a> {
    pub(crate) fn assign(&mut self, target: &'a ast::Expr, value: Value) -> Result<(), Raised> {
        match target {
            ast::Expr::Name(name) => self.bind(&name.id, value),
            ast::Expr::Attribute(node) => {
                let object = self.eval(&node.value)?;
                let span = self.span(node);
                self.set_attribute(&object, &node.attr.id, value, span)?;
            }
            ast::Expr::Subscript(node) => {
                let object = self.eval(&node.value)?;
                if let ast::Expr::Slice(slice) = &*node.slice {
                    return self.assign_slice(&object, slice, &value);
                }
                let key = self.eval(&node.slice)?;
                let span = self.span(node);
                self.set_item(&object, &key, value, span)?;
            }
            ast::Expr::Tuple(node) => self.unpack(&node.elts, &value)?,
            ast::Expr::List(node) => self.unpack(&node.elts, &value)?,
            ast::Expr::Starred(node) => self.assign(&node.value, value)?,
            _ => {}
        }
        Ok(())
    }

    /// `items[a:b] = values`, or its deletion, where the bounds are known; otherwise anything may be anywhere.
    fn assign_slice(
        &mut self,
        object: &Value,
        slice: &'a ast::ExprSlice,
        value: &Value,
    ) -> Result<(), Raised> {
        let Some(id) = object.as_object() else { return Ok(()) };
        let Some(mut list) = self.heap.list(id).cloned() else { return Ok(()) };
        let elements = self.elements(value);
        let mut bounds = [Some(0), Some(list.items.len() as i64)];
        for (bound, node) in bounds.iter_mut().zip([&slice.lower, &slice.upper]) {
            if let Some(node) = node {
                let length = list.items.len() as i64;
                let index = self.eval(node)?.as_int();
                *bound =
                    index.map(|index| if index < 0 { (index + length).max(0) } else { index.min(length) });
            }
        }
        match bounds {
            [Some(start), Some(end)]
                if list.rest.is_none() && elements.rest.is_none() && slice.step.is_none() =>
            {
                let (start, end) = (start as usize, end.max(start) as usize);
                list.items.splice(start..end, elements.known);
            }
            _ => {
                let items = std::mem::take(&mut list.items);
                let all = items.into_iter().chain(elements.known).map(Some).chain([elements.rest]);
                list.rest = all.fold(list.rest, crate::heap::join_rests);
            }
        }
        self.heap.set_shape(id, Shape::List(list));
        Ok(())
    }

    fn unpack(&mut self, targets: &'a [ast::Expr], value: &Value) -> Result<(), Raised> {
        let elements = self.elements(value);
        let starred = targets.iter().position(ast::Expr::is_starred_expr);
        let exact = elements.rest.is_none();
        for (index, target) in targets.iter().enumerate() {
            let element = match starred {
                Some(star) if index == star && exact => {
                    let after = targets.len() - star - 1;
                    let end = elements.known.len().saturating_sub(after);
                    let middle = elements.known.get(star..end).unwrap_or_default().to_vec();
                    self.list(middle)
                }
                Some(star) if index > star && exact => {
                    let from_end = targets.len() - index;
                    let position = elements.known.len().checked_sub(from_end);
                    position
                        .and_then(|position| elements.known.get(position))
                        .cloned()
                        .unwrap_or(Value::UNKNOWN)
                }
                Some(star) if index == star => {
                    let known = elements.known.iter().skip(star).cloned().map(Some);
                    let rest = known.fold(elements.rest.clone(), crate::heap::join_rests);
                    self.list_of(List { rest, ..List::default() })
                }
                Some(star) if index > star => {
                    let known = elements.known.iter().skip(star).cloned().map(Some);
                    known.fold(elements.rest.clone(), crate::heap::join_rests).unwrap_or(Value::UNKNOWN)
                }
                _ => elements
                    .known
                    .get(index)
                    .or(elements.rest.as_ref())
                    .cloned()
                    .unwrap_or_else(|| self.part_of(value, index)),
            };
            self.assign(target, element)?;
        }
        Ok(())
    }

    /// An element of something that is not a known sequence.
    fn part_of(&self, value: &Value, index: usize) -> Value {
        match &value.kind {
            Kind::Path(path) if path.len() < 200 => Value::path(format!("{path}[{index}]")).at(value.at),
            _ => Value::UNKNOWN,
        }
    }

    pub(crate) fn augmented_assignment(&mut self, node: &'a ast::StmtAugAssign) -> Result<(), Raised> {
        let current = self.eval(&node.target)?;
        let operand = self.eval(&node.value)?;
        let span = self.span(node);
        if self.augment_in_place(&current, node.op, &operand, span)? {
            return Ok(());
        }
        let value = self.binary(&current, node.op, &operand, span);
        self.assign(&node.target, value)
    }

    pub(crate) fn delete(&mut self, target: &'a ast::Expr) -> Result<(), Raised> {
        match target {
            ast::Expr::Name(name) => {
                let scope = self.frame().scope;
                self.heap.remove_attribute(scope, &name.id);
            }
            ast::Expr::Attribute(node) => {
                let object = self.eval(&node.value)?;
                if let Some(id) = object.as_object() {
                    self.heap.remove_attribute(id, &node.attr.id);
                }
            }
            ast::Expr::Subscript(node) => {
                let object = self.eval(&node.value)?;
                if let ast::Expr::Slice(slice) = &*node.slice {
                    let nothing = self.list(Vec::new());
                    return self.assign_slice(&object, slice, &nothing);
                }
                let key = self.eval(&node.slice)?;
                self.delete_item(&object, &key);
            }
            _ => {}
        }
        Ok(())
    }
}
