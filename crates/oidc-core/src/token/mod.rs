//! The token endpoint (RFC 6749 §3.2): its request, issuing, and a driver for embedding hosts.

mod hid;
mod issuing;
mod request;

pub mod embed;

pub use embed::{Endpoint, Outcome};
pub(crate) use hid::unsupported as hid_unsupported;
pub use hid::{DeviceRef, HidParameters, Mode};
pub use issuing::{Issued, Issuing};
pub use request::{GrantRequest, TokenRequest};
