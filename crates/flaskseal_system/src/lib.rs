//! The one door to the outside: walking and reading a tree, reading and writing single files, the clock, the
//! environment and the terminal. It observes; it understands nothing of what it reads.

#![allow(clippy::disallowed_methods, reason = "this crate is the door that the lint sends everybody else to")]

mod discover;
pub use discover::{DiscoverOptions, discover};

mod kind;

mod ignored;

mod tracked;

mod decode;

mod file;
pub use file::{
    canonical, create_folder, files_of, is_file, is_folder, open_file, read_bytes, read_to_string,
    remove_file, write_atomically,
};

mod host;
pub use host::HostRoot;
mod environment;
pub use environment::read_environment;

mod clock;
pub use clock::today;

mod terminal;
pub use terminal::{stderr_is_terminal, stdout_wants_color, terminal_width, variable};

mod error;
pub use error::InputError;
