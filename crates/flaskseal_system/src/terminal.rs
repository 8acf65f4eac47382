//! The terminal and the environment that describe how output should look.

use std::io::{IsTerminal as _, stderr};

/// A variable of the environment; absent when it is empty or not Unicode.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub fn stderr_is_terminal() -> bool {
    stderr().is_terminal()
}

/// Whether standard output should be coloured when nobody asked: `NO_COLOR`, then `FORCE_COLOR`, then
/// `CLICOLOR_FORCE`, then whether it is a terminal that can.
pub fn stdout_wants_color() -> bool {
    if variable("NO_COLOR").is_some() {
        return false;
    }
    if variable("FORCE_COLOR").is_some_and(|value| value != "0" && value != "false") {
        return true;
    }
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Columns of the terminal at standard output, where it is one.
pub fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}
