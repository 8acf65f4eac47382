//! Real Flask as the measure of the evaluator: an application is booted in a process of its own, by its production
//! entry and in its production environment, and what came of it is read back. Development only: this executes
//! the application, which `flaskseal check` never does.

mod dump;
pub use dump::{OracleDump, OracleRoute, OracleValue};

mod boot;
pub use boot::{BootError, Oracle};

mod compare;
pub use compare::{Comparison, compare};
