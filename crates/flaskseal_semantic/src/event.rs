//! What the program does, as far as rules may ask about it.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_python::{Name, ast};

use crate::call::Arguments;
use crate::fact::{Fact, FactKind, MAX_ELEMENTS};
use crate::guard::Guard;
use crate::heap::{ObjectId, Shape};
use crate::machine::Machine;
use crate::rope::Source;
use crate::value::{Key, Kind, Value};

/// A call, or an operation written as the method that Python calls for it: `flask.session.__setitem__`.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The callee's canonical path. The method of an object that is not known is `*.method`.
    pub path: Arc<str>,
    pub positional: Vec<Fact>,
    pub keywords: Vec<(Name, Fact)>,
    /// There may be further arguments.
    pub open: bool,
    /// What each of those may be.
    pub further: Option<Box<Fact>>,
    /// The object whose method it is, where the path does not say it.
    pub receiver: Option<Box<Fact>>,
    /// The whole call expression.
    pub span: Span,
    /// The qualified name of the function or module whose code it is in.
    pub scope: Arc<str>,
    /// The function that it is in; `None` at module level.
    pub function: Option<Span>,
    /// Under which environment the call is reached.
    pub guard: Guard,
    pub context: Context,
    /// Something in the call comes from a request.
    pub is_tainted: bool,
}

/// When code runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Context {
    /// While production starts.
    Start,
    /// When a request is served, or whenever something calls the function.
    Request,
    /// Under `if __name__ == "__main__":`, or in a script, that production does not run.
    MainOnly,
}

impl Event {
    /// The argument at a position or under a keyword, whichever was used.
    pub fn argument(&self, index: usize, name: &str) -> Option<&Fact> {
        self.positional.get(index).or_else(|| self.keyword(name))
    }

    pub fn keyword(&self, name: &str) -> Option<&Fact> {
        self.keywords.iter().find(|(known, _)| known == name).map(|(_, fact)| fact)
    }
}

/// A decorated function: its decorators from the outermost to the innermost.
#[derive(Clone, Debug)]
pub struct Decorated {
    pub function: Span,
    pub qualified_name: Arc<str>,
    pub decorators: Vec<(Fact, Span)>,
}

/// A bound of the analysis that was hit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Incomplete {
    pub reason: &'static str,
    pub span: Option<Span>,
    pub scope: Arc<str>,
}

impl Machine<'_> {
    pub(crate) fn note_call(&mut self, path: &str, receiver: Option<&Value>, arguments: &Arguments) {
        let Some(path) = self.lexicon.watched(self.program.models, path) else { return };
        let positional = crate::saved::read(self, &path, &arguments.positional);
        let positional: Vec<Fact> = positional.iter().map(|value| self.fact(value)).collect();
        let keywords: Vec<(Name, Fact)> =
            arguments.keywords.iter().map(|(name, value)| (name.clone(), self.fact(value))).collect();
        let receiver = receiver.map(|value| Box::new(self.receiver_fact(&path, value)));
        let further = arguments.further.as_ref().map(|value| Box::new(self.fact(value)));
        let named = keywords.iter().map(|(_, fact)| fact);
        let mut facts = positional.iter().chain(named).chain(receiver.as_deref()).chain(further.as_deref());
        let is_tainted = facts.any(|fact| fact.origin().is_some());
        let event = Event {
            path,
            positional,
            keywords,
            open: arguments.open,
            further,
            receiver,
            span: arguments.span,
            scope: self.frame().qualified_name.clone(),
            function: self
                .frames
                .iter()
                .rev()
                .find_map(|frame| frame.function.as_ref())
                .map(|function| function.span),
            guard: self.guard.clone(),
            context: self.context,
            is_tainted,
        };
        self.events.push(Arc::new(event));
    }

    /// The object whose method is called, without what it contains: an application would bring its configuration along
    /// with every call. Who serves is asked for it.
    fn receiver_fact(&self, path: &str, receiver: &Value) -> Fact {
        let Some(id) = receiver.as_object().filter(|_| !self.program.models.has_role(path, "app.run")) else {
            return self.fact(receiver);
        };
        let kind = match &self.heap.get(id).shape {
            Shape::Dict(_) => FactKind::Dict { entries: Vec::new(), open: true },
            Shape::Instance { class } => {
                let is_container = |value: &Value| {
                    let shape = value.as_object().map(|id| &self.heap.get(id).shape);
                    matches!(shape, Some(Shape::Dict(_) | Shape::List(_) | Shape::Instance { .. }))
                };
                let attributes = self.heap.get(id).attributes.iter();
                let attributes = attributes.filter(|(_, value)| !is_container(value)).take(MAX_ELEMENTS);
                FactKind::Instance(
                    self.class_fact(class),
                    attributes.map(|(name, value)| (Arc::from(name.as_str()), self.fact(value))).collect(),
                )
            }
            _ => return self.fact(receiver),
        };
        Fact { kind, at: receiver.at, taint: receiver.taint.clone() }
    }

    /// An operation on something that a library gives, as the method call that it is.
    pub(crate) fn note_operation(&mut self, object: &Value, method: &str, arguments: &[Value], span: Span) {
        let path = match &object.kind {
            Kind::Path(path) => format!("{path}.{method}"),
            Kind::Object(id) => match &self.heap.get(*id).shape {
                Shape::Instance { class } => match self.library_base(class) {
                    Some(base) => format!("{base}().{method}"),
                    None => return,
                },
                Shape::Dict(dict) => match &dict.class {
                    Some(class) => format!("{class}().{method}"),
                    None => return,
                },
                _ => return,
            },
            _ => return,
        };
        self.note_call(&path, Some(object), &Arguments::of(span, arguments.iter().cloned()));
    }

    /// `==` and its family, where one side comes from a library or a request: secrets are compared so.
    pub(crate) fn note_comparison(&mut self, op: ast::CmpOp, left: &Value, right: &Value, span: Span) {
        let path = match op {
            ast::CmpOp::Eq | ast::CmpOp::NotEq => "operator.eq",
            ast::CmpOp::In | ast::CmpOp::NotIn => "operator.contains",
            _ => return,
        };
        if comes_from_outside(left) || comes_from_outside(right) {
            self.note_call(path, None, &Arguments::of(span, [left.clone(), right.clone()]));
        }
    }

    pub(crate) fn note_instantiation(&mut self, class: &Value, arguments: &Arguments) {
        if let Some(base) = self.library_base(class) {
            self.note_call(&base, Some(class), arguments);
        }
    }

    pub(crate) fn note_decorators(&mut self, function: &Value, decorators: &[(Value, Span)]) {
        let Some(id) = function.as_object() else { return };
        let Shape::Function(code) = &self.heap.get(id).shape else { return };
        if decorators.is_empty() || self.known_decorated.contains(&code.span) {
            return;
        }
        let decorated = Decorated {
            function: code.span,
            qualified_name: code.qualified_name.clone(),
            decorators: decorators.iter().map(|(value, span)| (self.decorator_fact(value), *span)).collect(),
        };
        self.known_decorated.insert(decorated.function);
        self.decorated.push(decorated);
    }

    /// What a decorator is, without what it holds: `@app.route` would bring the application and all its routes along
    /// with every view.
    fn decorator_fact(&self, decorator: &Value) -> Fact {
        match decorator.as_object().map(|id| &self.heap.get(id).shape) {
            Some(Shape::Instance { class }) => {
                Fact { at: decorator.at, ..Fact::new(FactKind::Instance(self.class_fact(class), Vec::new())) }
            }
            _ => self.fact(decorator),
        }
    }

    /// Remembers where a configuration's key was written. The places live beside the entries, so that they branch
    /// and join as those do.
    pub(crate) fn note_setting(&mut self, dict: ObjectId, key: &Key, span: Span) {
        let is_configuration = self.heap.dict(dict).is_some_and(|dict| dict.class.is_some());
        if let (true, Some(name)) = (is_configuration, key.as_str()) {
            // A truth value, because its place is part of its identity.
            let place = Value::new(Kind::Bool(true), Some(span));
            self.heap.set_attribute(dict, Name::new(format!("@at:{name}")), place);
        }
    }

    pub(crate) fn note_annotation(&mut self, target: &ast::Expr, annotation: &ast::Expr) {
        // Annotated names of a class body are the fields of a dataclass or of a settings model.
        let (Some(class), ast::Expr::Name(name)) = (self.frame().class, target) else { return };
        if !self.frame().is_namespace {
            return;
        }
        let text = annotation_name(annotation);
        let order = self.heap.attribute(class, "@annotations").cloned();
        let mut entries = match order {
            Some(Value { kind: Kind::Tuple(entries), .. }) => entries.to_vec(),
            _ => Vec::new(),
        };
        let mut entry = vec![Value::str(name.id.as_str()), Value::str(text)];
        if let Some((keyword, pattern)) = annotation_pattern(annotation) {
            entry.extend([Value::str(keyword), Value::str(pattern)]);
        }
        entries.push(Value::tuple(entry));
        self.heap.set_attribute(class, Name::new_static("@annotations"), Value::tuple(entries));
    }
}

/// The outermost name of a type: `bool` of `bool | None`, `Optional` is looked through.
fn annotation_name(annotation: &ast::Expr) -> String {
    match annotation {
        ast::Expr::Name(name) => name.id.to_string(),
        ast::Expr::Attribute(node) => node.attr.id.to_string(),
        ast::Expr::StringLiteral(node) => node.value.to_str().to_owned(),
        ast::Expr::BinOp(node) => annotation_name(&node.left),
        ast::Expr::Subscript(node) => match &*node.value {
            ast::Expr::Name(name) if matches!(name.id.as_str(), "Optional" | "Annotated") => {
                match &*node.slice {
                    ast::Expr::Tuple(tuple) => tuple.elts.first().map(annotation_name).unwrap_or_default(),
                    slice => annotation_name(slice),
                }
            }
            value => annotation_name(value),
        },
        _ => String::new(),
    }
}

/// The regular expression that a type demands of text, under the keyword that says how it is used:
/// `Annotated[str, Field(pattern="^[a-z]+$")]`.
fn annotation_pattern(annotation: &ast::Expr) -> Option<(&str, &str)> {
    match annotation {
        ast::Expr::Call(node) => node.arguments.keywords.iter().find_map(|keyword| {
            let name = keyword.arg.as_ref()?.as_str();
            match &keyword.value {
                ast::Expr::StringLiteral(text) if matches!(name, "pattern" | "regex") => {
                    Some((name, text.value.to_str()))
                }
                _ => None,
            }
        }),
        ast::Expr::BinOp(node) => annotation_pattern(&node.left),
        ast::Expr::Subscript(node) => match &*node.slice {
            ast::Expr::Tuple(tuple) => tuple.elts.iter().find_map(annotation_pattern),
            slice => annotation_pattern(slice),
        },
        _ => None,
    }
}

fn comes_from_outside(value: &Value) -> bool {
    match &value.kind {
        Kind::Path(path) => path.ends_with([')', ']']) || path.contains("request"),
        Kind::Str(rope) => rope.holes().any(|hole| matches!(hole.source, Source::Path(_))),
        Kind::Union(alternatives) => {
            alternatives.iter().any(|alternative| comes_from_outside(&alternative.value))
        }
        _ => false,
    }
}
