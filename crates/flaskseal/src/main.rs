//! The command; everything it does is in the library.

/// Analysis allocates many small things on many threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    flaskseal::command::main(std::env::args_os())
}
