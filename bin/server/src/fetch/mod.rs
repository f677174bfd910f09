//! What the server fetches from others: only what a tenant's file or a registration names, and only from where it may.

pub mod target;
