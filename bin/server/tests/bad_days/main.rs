//! Bad days, over the real binary (docs/bad-days.md).

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read the environment and the clock, and may stop where they stand"
)]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use the rest")]
#[allow(clippy::allow_attributes, reason = "what is unused changes with every test")]
mod support;

mod bystander;
mod crowd;

mod clock;
mod connections;
mod crash;
mod disk;
mod flood;
mod handshakes;
mod http2;
mod nodes;
mod overload;
mod postgresql;
mod power;
mod victim;
