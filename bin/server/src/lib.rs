//! The Countersign server: HTTP and process concerns around the pure engines.

pub mod app;
pub mod bucket;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cors;
pub mod extract;
pub mod facts;
pub mod flow;
pub mod jobs;
pub mod keyring;
pub mod lane;
pub mod metrics;
pub mod operator;
pub mod proven;
pub mod respond;
pub mod routes;
pub mod server;
pub mod setup;
pub mod telemetry;
pub mod tenant_file;
