//! What a template is made of. Every node has the bytes that it was read from.

use std::sync::Arc;

use flaskseal_core::TextRange;

/// A template: its nodes tile its text.
#[derive(Debug, Default)]
pub struct Template {
    pub body: Vec<Node>,
    pub problems: Vec<Problem>,
}

/// What Jinja would refuse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub range: TextRange,
    pub message: String,
}

/// A piece of text, an output or a statement with all its bodies.
#[derive(Debug)]
pub struct Node {
    pub range: TextRange,
    /// The tag that opens it, of what is more than one tag.
    pub tag: TextRange,
    pub kind: NodeKind,
}

#[derive(Debug)]
pub enum NodeKind {
    /// Literal text: what is left of the range after whitespace control.
    Text(TextRange),
    Comment,
    /// `{{ … }}`, and what `{% print %}` prints.
    Output(Vec<Expr>),
    If {
        branches: Vec<(Expr, Vec<Node>)>,
        otherwise: Option<Vec<Node>>,
    },
    For {
        target: Expr,
        iterable: Expr,
        condition: Option<Expr>,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Set {
        target: Expr,
        value: Expr,
    },
    /// `{% set x %}…{% endset %}`.
    SetBlock {
        target: Expr,
        filters: Vec<Filter>,
        body: Vec<Node>,
    },
    With {
        bindings: Vec<(Expr, Expr)>,
        body: Vec<Node>,
    },
    Block {
        name: Arc<str>,
        body: Vec<Node>,
    },
    Extends(Expr),
    Include {
        name: Expr,
        with_context: bool,
    },
    Import {
        name: Expr,
        alias: Arc<str>,
        with_context: bool,
    },
    /// The names, with the names that they get here.
    FromImport {
        name: Expr,
        names: Vec<(Arc<str>, Arc<str>)>,
        with_context: bool,
    },
    Macro {
        name: Arc<str>,
        parameters: Vec<Parameter>,
        body: Vec<Node>,
    },
    /// `{% call(x) f(y) %}…{% endcall %}`: the body is what `caller` prints.
    Call {
        parameters: Vec<Parameter>,
        call: Expr,
        body: Vec<Node>,
    },
    FilterBlock {
        filters: Vec<Filter>,
        body: Vec<Node>,
    },
    Autoescape {
        on: Expr,
        body: Vec<Node>,
    },
    Trans {
        variables: Vec<(Arc<str>, Expr)>,
        singular: Vec<Node>,
        plural: Vec<Node>,
    },
    Do(Expr),
    /// `break`, `continue`, `debug`, and tags of extensions: what they do is not known.
    Opaque(Arc<str>),
}

/// A parameter of a macro or of a `call` block.
#[derive(Debug)]
pub struct Parameter {
    pub name: Arc<str>,
    pub default: Option<Expr>,
}

/// A filter with its arguments: `|default("x", true)`.
#[derive(Debug)]
pub struct Filter {
    pub name: Arc<str>,
    /// The name alone.
    pub range: TextRange,
    pub arguments: Vec<Argument>,
}

#[derive(Debug)]
pub enum Argument {
    Positional(Expr),
    Keyword(Arc<str>, Expr),
    /// `*x`.
    Star(Expr),
    /// `**x`.
    DoubleStar(Expr),
}

impl Argument {
    pub fn value(&self) -> &Expr {
        match self {
            Self::Positional(value)
            | Self::Keyword(_, value)
            | Self::Star(value)
            | Self::DoubleStar(value) => value,
        }
    }
}

#[derive(Debug)]
pub struct Expr {
    pub range: TextRange,
    pub kind: ExprKind,
    /// Levels of nodes below and with this one; bounded by the parser.
    pub(crate) height: u16,
}

#[derive(Debug)]
pub enum ExprKind {
    Str(Arc<str>),
    /// A number, as it is written.
    Number,
    Bool(bool),
    None,
    Name(Arc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// `x.name`, which may be an attribute or an item.
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    /// `x[a:b:c]`: what is sliced, and every bound that is written.
    Slice(Box<Expr>, Vec<Expr>),
    Call(Box<Expr>, Vec<Argument>),
    Filter(Box<Expr>, Filter),
    /// `x is name(arguments)`, or `is not`.
    Test {
        value: Box<Expr>,
        name: Arc<str>,
        arguments: Vec<Argument>,
    },
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `a < b <= c`.
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    /// `a ~ b ~ c`.
    Concat(Vec<Expr>),
    /// `then if test else otherwise`.
    Conditional {
        test: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    /// What could not be read.
    Bad,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unary {
    Not,
    Minus,
    Plus,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    And,
    Or,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Expr {
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// A dotted name: `form.csrf_token`, calls left out.
    pub fn dotted(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(name) => Some(name.to_string()),
            ExprKind::Attribute(value, name) => Some(format!("{}.{name}", value.dotted()?)),
            ExprKind::Call(callee, _) => callee.dotted(),
            _ => None,
        }
    }

    /// Calls `see` with this expression and everything inside it.
    pub fn walk<'e>(&'e self, see: &mut dyn FnMut(&'e Self)) {
        see(self);
        let arguments = |arguments: &'e [Argument], see: &mut dyn FnMut(&'e Self)| {
            for argument in arguments {
                argument.value().walk(see);
            }
        };
        match &self.kind {
            ExprKind::Str(_)
            | ExprKind::Number
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Name(_)
            | ExprKind::Bad => {}
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
                for item in items {
                    item.walk(see);
                }
            }
            ExprKind::Dict(entries) => {
                for (key, value) in entries {
                    key.walk(see);
                    value.walk(see);
                }
            }
            ExprKind::Attribute(value, _) | ExprKind::Unary(_, value) => value.walk(see),
            ExprKind::Item(a, b) | ExprKind::Binary(_, a, b) => {
                a.walk(see);
                b.walk(see);
            }
            ExprKind::Slice(value, bounds) => {
                value.walk(see);
                for bound in bounds {
                    bound.walk(see);
                }
            }
            ExprKind::Call(callee, list) => {
                callee.walk(see);
                arguments(list, see);
            }
            ExprKind::Filter(value, filter) => {
                value.walk(see);
                arguments(&filter.arguments, see);
            }
            ExprKind::Test { value, arguments: list, .. } => {
                value.walk(see);
                arguments(list, see);
            }
            ExprKind::Compare(first, rest) => {
                first.walk(see);
                for (_, operand) in rest {
                    operand.walk(see);
                }
            }
            ExprKind::Conditional { test, then, otherwise } => {
                test.walk(see);
                then.walk(see);
                if let Some(otherwise) = otherwise {
                    otherwise.walk(see);
                }
            }
        }
    }
}

impl Node {
    /// The bodies of a statement, in the order of the text.
    pub fn bodies(&self) -> Vec<&[Self]> {
        match &self.kind {
            NodeKind::If { branches, otherwise } => branches
                .iter()
                .map(|(_, body)| body.as_slice())
                .chain(otherwise.iter().map(Vec::as_slice))
                .collect(),
            NodeKind::For { body, otherwise, .. } => vec![body, otherwise],
            NodeKind::Trans { singular, plural, .. } => vec![singular, plural],
            NodeKind::SetBlock { body, .. }
            | NodeKind::With { body, .. }
            | NodeKind::Block { body, .. }
            | NodeKind::Macro { body, .. }
            | NodeKind::Call { body, .. }
            | NodeKind::FilterBlock { body, .. }
            | NodeKind::Autoescape { body, .. } => vec![body],
            NodeKind::Text(_)
            | NodeKind::Comment
            | NodeKind::Output(_)
            | NodeKind::Set { .. }
            | NodeKind::Extends(_)
            | NodeKind::Include { .. }
            | NodeKind::Import { .. }
            | NodeKind::FromImport { .. }
            | NodeKind::Do(_)
            | NodeKind::Opaque(_) => Vec::new(),
        }
    }

    /// Calls `see` with this node and everything inside it, in the order of the text.
    pub fn walk<'n>(&'n self, see: &mut dyn FnMut(&'n Self)) {
        see(self);
        for body in self.bodies() {
            for node in body {
                node.walk(see);
            }
        }
    }
}

impl Template {
    /// Calls `see` with every node, in the order of the text.
    pub fn walk<'n>(&'n self, see: &mut dyn FnMut(&'n Node)) {
        for node in &self.body {
            node.walk(see);
        }
    }

    /// The template that it extends, where a tag outside of conditions says so.
    pub fn parent(&self) -> Option<&Expr> {
        self.body.iter().find_map(|node| match &node.kind {
            NodeKind::Extends(name) => Some(name),
            _ => None,
        })
    }
}
