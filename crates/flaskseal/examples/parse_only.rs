//! The physical limit of a check: walks a tree, reads it and parses its Python with the product's own parser on all
//! cores, and does nothing else. `cargo xtask bench` measures the gate against it.

use std::path::Path;
use std::process::ExitCode;

use flaskseal_system::{DiscoverOptions, InputError};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    ExitCode::from(u8::from(parse(Path::new(&folder)).is_err()))
}

fn parse(folder: &Path) -> Result<(), InputError> {
    let tree = flaskseal_system::discover(folder, &DiscoverOptions::default())?;
    let parsed = flaskseal_project::parse(&tree);
    std::hint::black_box(parsed);
    Ok(())
}
