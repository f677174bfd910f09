//! What each fuzz target does with its bytes. The same modules are compiled into a test of the server, which runs
//! every file of `fixtures/fuzz` through them (docs/fuzzing.md).

pub mod targets;
