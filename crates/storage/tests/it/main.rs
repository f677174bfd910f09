//! Storage on SQLite and on PostgreSQL. The cases for PostgreSQL need `COUNTERSIGN_TEST_PG`, the URL of a database
//! in which schemas may be created; without it they are skipped, unless `COUNTERSIGN_REQUIRE_PG=1`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod admin;
mod audit;
mod commit;
mod conformance;
mod crash;
mod expiry;
mod faults;
mod open;
mod records;
mod schema;
mod server;
mod support;
mod tenants;
