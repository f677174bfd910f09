//! How often registrations are changed: each change is written, audited, and makes nodes read the tenant again.
//!
//! Administrators are trusted not to do it for its own sake, as with the quota of new clients.

use crate::{
    bucket::BucketKey, extract::Call, flow::client::too_many, registration::Registrar, respond::Stop,
};

/// Takes from the buckets of the client `id`, which is changing itself, and of its source over all clients.
///
/// # Errors
/// [`Stop::Refused`] with `temporarily_unavailable`, 429 and `Retry-After`.
pub(super) fn change(call: &Call, registrar: &Registrar, id: &str) -> Result<(), Stop> {
    if *registrar != Registrar::Itself {
        return Ok(());
    }
    let (tenant, now) = (call.facts.tenant.id, call.app.clock.steady());
    let key = BucketKey::new(tenant, &["change", id]);
    call.app.change_buckets.take(key, now).map_err(too_many)?;
    source(call)
}

/// Takes from the bucket of the source over all clients of the tenant.
///
/// # Errors
/// As [`change`].
pub(super) fn source(call: &Call) -> Result<(), Stop> {
    let source = call.source.lock_unit().to_string();
    let key = BucketKey::new(call.facts.tenant.id, &["change of", &source]);
    let taken = call.app.source_change_buckets.take(key, call.app.clock.steady());
    taken.map_err(|wait| too_many(wait).into())
}
