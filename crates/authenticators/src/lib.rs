//! How a user proves themselves under an authentication policy: lock-out, expiry, reasons, password rules
//! (CONTRACT 5.5, 7.2, 10.1, 11.3; DECISIONS 4.2, 5.6).
//!
//! Pure engines: [`password`] judges an attempt, [`constraints`] a password about to be set, and [`enrol`] makes
//! the records that a new or changed password leads to.

pub mod constraints;
pub mod enrol;
pub mod password;
