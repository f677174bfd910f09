//! From HTTP to what the engines understand.

pub mod accept;
pub mod call;
pub mod params;
pub mod request_id;
pub mod uses;

pub use call::{Call, DpopHeaders};
