//! Black-box tests over real HTTP.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests read the environment and the clock, and may stop where they stand"
)]

#[expect(dead_code, reason = "shared with the tests of bad days, which use more of it")]
mod support;

mod assertions;
mod bad_input;
mod bound;
mod cli;
mod client_authentication;
mod config_docs;
mod cors;
mod debug_output;
mod disabled_users;
mod discovery;
mod expiry_and_keys;
mod id_tokens;
mod introspection;
mod isolation;
mod lockout;
mod misses;
mod mtls;
mod openid_client;
mod operations;
mod postgresql;
mod proxies;
mod realms;
mod refresh;
mod registration;
mod seed_000;
mod seed_003;
mod userinfo;
