//! The flaskseal command: is this Flask app, as production runs it, safe to deploy?
//!
//! Arguments and configuration become one `Request`, a request becomes a tree, a tree becomes a report: the first and
//! the last step touch the world, what lies between is a pure function (`check::gate`).

pub mod arguments;

pub mod configuration;

mod selection;
pub use selection::{Selection, Selector};

pub mod outputs;

pub mod check;

mod baseline;

mod database;

mod checksum;

mod download;

mod explain;

mod rules;

mod packages;

mod progress;

mod site;

mod suggest;

pub mod command;
