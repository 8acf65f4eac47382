//! The developers' commands: `cargo xtask test`, `lint`, `bench`, `fuzz`, `docs`.
fn main() {}
