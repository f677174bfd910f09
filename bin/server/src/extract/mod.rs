//! From HTTP to what the engines understand.

pub mod accept;
pub mod call;
pub mod certificate;
pub mod params;
pub mod request_id;

pub use call::Call;
