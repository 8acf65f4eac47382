//! Python syntax: tree, errors, comments and spans. Knows nothing of Flask, does no I/O and never fails: text in,
//! tree plus problems out.
//!
//! This is the only crate that names the parser. Its versions promise no stability, so an upgrade is one small
//! change here; `ast` is the tree that `flaskseal_semantic` walks.

mod nesting;
mod parse;

pub use parse::{Module, Problem, ProblemKind, comment_ranges, parse, parse_expression, range_of};
pub use ruff_python_ast as ast;
pub use ruff_python_ast::name::Name;
pub use ruff_text_size::Ranged;
