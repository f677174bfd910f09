//! Wrong credentials that cost no slow hash: generated secrets, unknown clients, certificates, assertions, bearers
//! (docs/decisions/0042).
//!
//! None of them can be guessed, so the bound is not there to keep guesses few but to keep their work small. What is
//! right is never refused here, whatever else comes from its source: the bucket is asked only about what is wrong.

use domain::Refusal;

use super::client::too_many;
use crate::{bucket::BucketKey, extract::Call};

/// What a wrong credential is told: 429 once its source has brought too many, `refusal` before. Nothing of the former is
/// recorded.
pub fn refuse(call: &Call, refusal: Refusal) -> Refusal {
    let taken = call.app.miss_buckets.take(key(call), call.app.clock.steady());
    taken.map_or_else(too_many, |()| refusal)
}

/// Whether a source has brought so many that no more is read or written for wrong ones.
pub fn are_many(call: &Call) -> bool {
    call.app.miss_buckets.wait(&key(call), call.app.clock.steady()).is_some()
}

fn key(call: &Call) -> BucketKey {
    BucketKey::new(call.facts.tenant.id, &["miss", &call.source.lock_unit().to_string()])
}
