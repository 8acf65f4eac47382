//! Real servers for tests: started on free ports of loopback, waited for, and ended by their own process id.
//!
//! `cargo xtask test` installs what they need: Python's environments, nginx, Caddy. And a browser to visit them.

#![allow(clippy::disallowed_methods, reason = "starts servers and makes files for tests")]
#![allow(clippy::missing_panics_doc, reason = "a test whose server does not start has failed")]

mod ask;
mod certificate;
mod chromium;
mod program;
mod server;
mod shop;

pub use ask::ask;
pub use certificate::{Authority, self_signed};
pub use chromium::{Chromium, browse};
pub use program::{caddy, nginx, python, root};
pub use server::{Server, free_port};
pub use shop::{Shop, example};
