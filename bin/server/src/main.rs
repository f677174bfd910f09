//! The `countersign` binary.

use std::process::ExitCode;

/// A request makes some hundred small allocations, on one thread, and a commit as many on another. See
/// docs/decisions/0022-what-made-it-faster.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign_server::cli::main()
}
