//! How a client proves itself (DECISIONS 5; RFC 6749 §2.3; CONTRACT 2).
//!
//! A pure engine in three steps:
//!
//! 1. [`parse`] reads what transport and parameters present, before any lookup.
//! 2. The host looks up the [`Facts`] and calls [`begin`] (or [`by_bearer`] for a bearer token).
//! 3. Where that asks for a slow hash ([`AuthStep::NeedHash`]), the host does the work in a lane of its own and
//!    calls [`resume`]; where it asks for a signature ([`AuthStep::NeedSignature`]), the host finds the keys, verifies,
//!    and calls [`resume_assertion`].
//!
//! Every outcome comes with the writes that must become durable before it is told. When they conflict, the host
//! looks up the facts again and begins again; what the slow hash found may be used again only if [`begin`] asks
//! for the same hash.
//!
//! Nothing is stored for a visitor who names no client, or one that holds no chosen secret (DECISIONS 3.6).

mod assertion;
mod attest;
mod basic;
mod bearer;
mod certificate;
mod decide;
mod lock;
mod present;
mod reason;

pub use assertion::{
    ASSERTION_TYPE, Assertion, AssertionAlg, SignatureBy, SignatureFinding, resume_assertion,
};
pub use bearer::by_bearer;
pub use certificate::{needs_chain, needs_registration};
pub use decide::{
    AuthStep, Facts, NeedHash, begin, generated_digest, is_chosen_secret, proven_before, resume,
};
pub use present::{Inputs, Presented, Scheme, parse, scheme_tried};
pub use reason::{Reason, replayed};

#[cfg(test)]
mod tests;
