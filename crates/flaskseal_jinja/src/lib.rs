//! Jinja2 templates: a tolerant parser, and the place in HTML, CSS or JavaScript at which each expression is printed.
//!
//! Pure: text in, tree and problems out, and it never fails. What Jinja would refuse costs one problem, and the rest
//! of the file is read all the same; tags of extensions that are not known stay in the tree as opaque nodes. What a
//! value is, which template another one names and whether something is escaped are not known here.

mod chunk;
mod expression;
mod html;
mod markup;
mod parse;
mod script;
mod tree;
mod url;

pub use html::{Attribute, Quote, Tag};
pub use markup::{Markup, Output, Start};
pub use parse::{parse, parse_expression};
pub use script::Place as ScriptPlace;
pub use tree::{
    Argument, Binary, Comparison, Expr, ExprKind, Filter, Node, NodeKind, Parameter, Problem, Template, Unary,
};
pub use url::UrlPlace;

pub use html::{Position, Value};
