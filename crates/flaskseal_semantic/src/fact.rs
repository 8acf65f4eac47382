//! Values as rules see them: cut loose from the evaluator's heap, bounded in size, each with its place.

use std::sync::Arc;

use flaskseal_core::Span;

use crate::alphabet::Alphabet;
use crate::guard::Guard;
use crate::heap::{ObjectId, Shape};
use crate::machine::Machine;
use crate::origin::{Origin, stronger};
use crate::rope::{Hole, Rope, Source};
use crate::value::{Bytes, Kind, Type, Value};

#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    pub kind: FactKind,
    /// Where the value was written or made; `None` for defaults of a library.
    pub at: Option<Span>,
    /// The request data that a value other than text is, or was computed from; text says so itself.
    pub taint: Option<Arc<Origin>>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum FactKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rope),
    Bytes(Arc<[u8]>),
    /// Text that was encoded and is not known.
    EncodedText(Rope),
    /// A list, set or tuple. `open`: there may be further elements.
    Sequence {
        items: Vec<Fact>,
        open: bool,
    },
    Dict {
        entries: Vec<(Fact, Fact)>,
        open: bool,
    },
    /// What a library defines or returns, by its access path: `secrets.token_hex()`, `flask.request.form["q"]`.
    Path(Arc<str>),
    Instance(Arc<ClassFact>, Vec<(Arc<str>, Fact)>),
    Class(Arc<ClassFact>),
    Function(Arc<FunctionFact>),
    /// A truth value, a whole number, a number: known by type only.
    SomeBool,
    SomeInt,
    SomeFloat,
    /// One of several; at least two. The guard says under which environment.
    OneOf(Vec<(Fact, Guard)>),
    /// Not set on this path.
    Absent,
    Unknown,
}

#[derive(PartialEq, Eq, Debug)]
pub struct ClassFact {
    /// Qualified, with its module: `shop.config.ProductionConfig`, or a library's path.
    pub name: Arc<str>,
    /// Where the program defines it; `None` for a library's.
    pub span: Option<Span>,
    /// Names of all ancestors in method resolution order, as `name` has them.
    pub ancestors: Vec<Arc<str>>,
}

impl ClassFact {
    /// Whether it is this class or derives from it.
    pub fn is(&self, name: &str) -> bool {
        *self.name == *name || self.ancestors.iter().any(|ancestor| **ancestor == *name)
    }
}

#[derive(PartialEq, Eq, Debug)]
pub struct FunctionFact {
    pub qualified_name: Arc<str>,
    pub span: Span,
}

/// Containers are cut below this depth, and after this many elements.
const MAX_DEPTH: usize = 4;
pub(crate) const MAX_ELEMENTS: usize = 64;

impl Fact {
    pub const UNKNOWN: Self = Self::new(FactKind::Unknown);

    pub const fn new(kind: FactKind) -> Self {
        Self { kind, at: None, taint: None }
    }

    /// The fact's alternatives with their guards; itself, where it is not one of several.
    pub fn alternatives(&self) -> Vec<(&Self, &Guard)> {
        match &self.kind {
            FactKind::OneOf(alternatives) => alternatives.iter().map(|(fact, guard)| (fact, guard)).collect(),
            _ => {
                static ALWAYS: Guard = Guard::ALWAYS;
                vec![(self, &ALWAYS)]
            }
        }
    }

    /// What the fact is where no open environment variable is set: what runs by default.
    pub fn by_default(&self) -> Self {
        let FactKind::OneOf(alternatives) = &self.kind else { return self.clone() };
        let mut possible: Vec<_> =
            alternatives.iter().filter(|(_, guard)| guard.holds_by_default()).cloned().collect();
        match possible.len() {
            0 => Self::UNKNOWN,
            1 => possible.swap_remove(0).0,
            _ => Self::new(FactKind::OneOf(possible)),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            FactKind::Str(rope) => rope.as_literal(),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            FactKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            FactKind::Int(value) => Some(value),
            FactKind::Bool(value) => Some(i64::from(value)),
            _ => None,
        }
    }

    /// The fact as text: `str(fact)`. What has no text of its own is one hole.
    pub fn to_rope(&self) -> Rope {
        let hole = |source, alphabet| Hole { origin: self.origin(), ..Hole::new(source, alphabet) };
        match &self.kind {
            FactKind::Str(rope) | FactKind::EncodedText(rope) => rope.clone(),
            FactKind::None => Rope::literal("None"),
            FactKind::Bool(value) => Rope::literal(if *value { "True" } else { "False" }),
            FactKind::Int(value) => Rope::literal(value.to_string()),
            FactKind::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Rope::literal(text),
                Err(_) => hole(Source::Unknown, Alphabet::ALL).into(),
            },
            FactKind::SomeBool => hole(Source::Unknown, Alphabet::of("TrueFals")).into(),
            FactKind::SomeInt => hole(Source::Unknown, Alphabet::of("0123456789-")).into(),
            FactKind::SomeFloat | FactKind::Float(_) => {
                hole(Source::Unknown, Alphabet::of("0123456789-+.einfa")).into()
            }
            FactKind::Path(path) => hole(Source::Path(path.clone()), Alphabet::ALL).into(),
            _ => hole(Source::Unknown, Alphabet::ALL).into(),
        }
    }

    /// The request data in it, at any depth; where there are several, the one that says most.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        let of_all = |facts: &mut dyn Iterator<Item = &Self>| {
            facts.fold(None, |found, fact| stronger(found, fact.origin()))
        };
        let inner = match &self.kind {
            FactKind::Str(rope) | FactKind::EncodedText(rope) => rope.origin(),
            FactKind::Sequence { items, .. } => of_all(&mut items.iter()),
            FactKind::Dict { entries, .. } => {
                of_all(&mut entries.iter().flat_map(|(key, value)| [key, value]))
            }
            FactKind::Instance(_, attributes) => of_all(&mut attributes.iter().map(|(_, fact)| fact)),
            FactKind::OneOf(alternatives) => of_all(&mut alternatives.iter().map(|(fact, _)| fact)),
            _ => None,
        };
        stronger(self.taint.clone(), inner)
    }

    /// The access path of what a library defines or gives, also where it is text: `flask.request.args["q"]`.
    pub fn source_path(&self) -> Option<&str> {
        match &self.kind {
            FactKind::Path(path) => Some(path),
            FactKind::Str(rope) => match &rope.as_hole()?.source {
                Source::Path(path) => Some(path),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn as_path(&self) -> Option<&str> {
        match &self.kind {
            FactKind::Path(path) => Some(path),
            _ => None,
        }
    }

    /// `bool(value)`; `None` where it can be either. A string is true when it is not empty, whatever it says.
    pub fn truth(&self) -> Option<bool> {
        match &self.kind {
            FactKind::None => Some(false),
            FactKind::Bool(value) => Some(*value),
            FactKind::Int(value) => Some(*value != 0),
            FactKind::Float(value) => Some(*value != 0.0),
            FactKind::Str(rope) => rope.is_empty().map(|empty| !empty),
            FactKind::Bytes(bytes) => Some(!bytes.is_empty()),
            FactKind::Sequence { items, open } => match (items.is_empty(), open) {
                (false, _) => Some(true),
                (true, false) => Some(false),
                (true, true) => None,
            },
            FactKind::Dict { entries, open } => match (entries.is_empty(), open) {
                (false, _) => Some(true),
                (true, false) => Some(false),
                (true, true) => None,
            },
            FactKind::Class(_) | FactKind::Function(_) | FactKind::Instance(..) => Some(true),
            FactKind::OneOf(alternatives) => {
                let mut truths = alternatives.iter().map(|(fact, _)| fact.truth());
                let first = truths.next()??;
                truths.all(|truth| truth == Some(first)).then_some(first)
            }
            _ => None,
        }
    }

    /// Known wholly: no part of it is unknown, open or one of several.
    pub fn is_known(&self) -> bool {
        match &self.kind {
            FactKind::None
            | FactKind::Bool(_)
            | FactKind::Int(_)
            | FactKind::Float(_)
            | FactKind::Bytes(_) => true,
            FactKind::Str(rope) => rope.as_literal().is_some(),
            FactKind::Sequence { items, open } => !open && items.iter().all(Self::is_known),
            FactKind::Dict { entries, open } => {
                !open && entries.iter().all(|(key, value)| key.is_known() && value.is_known())
            }
            _ => false,
        }
    }
}

impl Machine<'_> {
    pub(crate) fn fact(&self, value: &Value) -> Fact {
        self.fact_at_depth(value, 0)
    }

    fn fact_at_depth(&self, value: &Value, depth: usize) -> Fact {
        let kind = match &value.kind {
            Kind::None => FactKind::None,
            Kind::Bool(value) => FactKind::Bool(*value),
            Kind::Int(value) => FactKind::Int(*value),
            Kind::Float(value) => FactKind::Float(*value),
            // What tests said of a text on the way here, they say of it wherever it is.
            Kind::Str(rope) => FactKind::Str(rope.under(&self.guard).unwrap_or_else(|| rope.clone())),
            Kind::Bytes(Bytes::Known(bytes)) => FactKind::Bytes(bytes.clone()),
            Kind::Bytes(Bytes::Encoded(rope)) => FactKind::EncodedText(rope.clone()),
            Kind::Path(path) => FactKind::Path(path.clone()),
            Kind::Some(Type::Bool) => FactKind::SomeBool,
            Kind::Some(Type::Int) => FactKind::SomeInt,
            Kind::Some(Type::Float) => FactKind::SomeFloat,
            Kind::Absent => FactKind::Absent,
            Kind::Unknown => FactKind::Unknown,
            Kind::Method(method) => match &method.0.kind {
                Kind::Path(path) => FactKind::Path(format!("{path}.{}", method.1).into()),
                _ => FactKind::Unknown,
            },
            _ if depth >= MAX_DEPTH => FactKind::Unknown,
            Kind::Union(alternatives) => FactKind::OneOf(
                alternatives
                    .iter()
                    .map(|alternative| {
                        (self.fact_at_depth(&alternative.value, depth + 1), alternative.guard.clone())
                    })
                    .collect(),
            ),
            Kind::Tuple(values) => self.sequence_fact(values, false, depth),
            Kind::Bound(bound) => self.object_fact(bound.1, depth),
            Kind::Object(id) => self.object_fact(*id, depth),
        };
        let taint = match &kind {
            FactKind::Path(path) => value.taint.as_ref().map(|origin| origin.at_path(path)),
            _ => value.taint.clone(),
        };
        Fact { kind, at: value.at, taint }
    }

    fn sequence_fact(&self, values: &[Value], open: bool, depth: usize) -> FactKind {
        let items =
            values.iter().take(self.max_elements).map(|value| self.fact_at_depth(value, depth + 1)).collect();
        FactKind::Sequence { items, open: open || values.len() > self.max_elements }
    }

    fn object_fact(&self, id: ObjectId, depth: usize) -> FactKind {
        if id == self.environ {
            return FactKind::Path("os.environ".into());
        }
        let object = self.heap.get(id);
        match &object.shape {
            Shape::List(list) => {
                // Further elements with request data are shown by one that stands for all.
                let further = list.rest.iter().filter(|rest| rest.origin().is_some());
                let items: Vec<Value> = list.items.iter().chain(further).cloned().collect();
                self.sequence_fact(&items, list.rest.is_some(), depth)
            }
            Shape::Dict(dict) => FactKind::Dict {
                entries: dict
                    .entries
                    .iter()
                    .take(self.max_elements)
                    .map(|(key, value)| (self.fact(&key.to_value()), self.fact_at_depth(value, depth + 1)))
                    .collect(),
                open: dict.rest.is_some() || dict.entries.len() > self.max_elements,
            },
            Shape::Function(function) => {
                let fact = || {
                    let qualified_name = function.qualified_name.clone();
                    Arc::new(FunctionFact { qualified_name, span: function.span })
                };
                FactKind::Function(function.fact.get_or_init(fact).clone())
            }
            Shape::Class(_) => FactKind::Class(self.class_fact(&Value::object(id))),
            Shape::Instance { class } => {
                let attributes = object
                    .attributes
                    .iter()
                    .take(self.max_elements)
                    .map(|(name, value)| (Arc::from(name.as_str()), self.fact_at_depth(value, depth + 1)))
                    .collect();
                FactKind::Instance(self.class_fact(class), attributes)
            }
            Shape::Module { name, .. } => FactKind::Path(name.clone()),
            Shape::StaticMethod(inner) | Shape::ClassMethod(inner) | Shape::Property { getter: inner } => {
                self.fact_at_depth(inner, depth + 1).kind
            }
            Shape::Scope => FactKind::Unknown,
        }
    }

    pub(crate) fn class_fact(&self, class: &Value) -> Arc<ClassFact> {
        let known = class.as_object().and_then(|id| self.class(id));
        let Some(known) = known else {
            return Arc::new(ClassFact { name: self.class_name(class), span: None, ancestors: Vec::new() });
        };
        let fact = || {
            let ancestors = known.ancestors.iter().map(|ancestor| self.class_name(ancestor)).collect();
            Arc::new(ClassFact { name: self.class_name(class), span: Some(known.span), ancestors })
        };
        known.fact.get_or_init(fact).clone()
    }

    fn class_name(&self, class: &Value) -> Arc<str> {
        match &class.kind {
            Kind::Path(path) => path.clone(),
            Kind::Object(id) => match self.class(*id) {
                Some(class) => format!("{}.{}", class.module, class.qualified_name).into(),
                None => "?".into(),
            },
            _ => "?".into(),
        }
    }
}
