//! How many clients anyone may register, by day: of a tenant, and from one source.
//!
//! Each registration takes the first free number of its day, as an identifier that is good once: exact on all nodes,
//! and forgotten when the day is over.

use domain::port::RememberedLookup as _;
use domain::{
    AdminWrite, Detail, OAuthErrorCode, Refusal, Remembered, RememberedFor, RememberedKey, Timestamp,
};
use storage::TenantStore;

use crate::{extract::Call, registration::Registrar, respond::Stop};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// What takes the registrar's place in the quota, or a use of its token: nothing for an administrator.
pub(super) async fn writes(call: &Call, registrar: &Registrar) -> Result<Vec<AdminWrite>, Stop> {
    match registrar {
        Registrar::Administrator { .. } | Registrar::Itself => return Ok(Vec::new()),
        Registrar::Holder(allowance) => return Ok(vec![AdminWrite::UseRegistrationToken(allowance.token)]),
        Registrar::Anyone => {}
    }
    let settings = &call.facts.tenant.settings;
    let limits = [
        ("tenant".to_owned(), settings.open_registrations_per_day),
        (call.source.lock_unit().to_string(), settings.open_registrations_per_source),
    ];
    let day = call.now.millis().div_euclid(DAY);
    // Each look halves what is left.
    let looks = limits.iter().map(|(_, most)| u32::BITS.saturating_sub(most.leading_zeros())).sum();
    let free = call.read_aside(looks, move |store| {
        limits.iter().map(|(of, most)| first(store, day, of, *most)).collect()
    });
    let free: Vec<Option<RememberedKey>> = free.await?;
    let end = day.saturating_add(1).saturating_mul(DAY);
    let once = |key| {
        let id =
            Remembered { purpose: RememberedFor::Registration, key, expires_at: Timestamp::from_millis(end) };
        AdminWrite::UseOnce(id)
    };
    let writes: Option<Vec<_>> = free.into_iter().map(|key| key.map(once)).collect();
    let wait = end.saturating_sub(call.now.millis()) / 1000;
    writes.ok_or_else(|| {
        let text = "No more clients can be registered today";
        Refusal::new(OAuthErrorCode::TooManyRequests, "registration_quota", text)
            .with(Detail::RetryAfter(wait.saturating_add(1)))
            .into()
    })
}

/// The first of `most` numbers that is free; they are taken in order.
fn first(
    store: &mut TenantStore,
    day: i64,
    of: &str,
    most: u32,
) -> Result<Option<RememberedKey>, domain::Fault> {
    let key = |number: u32| RememberedKey::of(&[of.as_bytes(), &day.to_be_bytes(), &number.to_be_bytes()]);
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low.midpoint(high);
        if store.remembered(RememberedFor::Registration, &key(middle))? {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok((low < most).then(|| key(low)))
}
