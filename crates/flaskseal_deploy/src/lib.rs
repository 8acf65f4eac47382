//! Deployment files: what is started, with which environment, as whom.

mod syntax;
pub use syntax::{Mapped, Parsed, Problem, Spanned};

mod value;
pub use value::{Dialect, Operator, Parameter, Part, Value};

pub mod shell;
