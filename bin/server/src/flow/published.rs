//! What a client publishes at its `jwks_uri`, looked through, and once more where the client may have changed it.

use domain::ClientId;

use crate::{
    extract::Call,
    fetch::{KeySet, Wanted},
};

/// What `judge` finds in the set. Where that `may_be_outdated`, the set is fetched again at once and judged anew; how often is
/// the fetcher's to limit. `None` when there is no set to be had.
pub(super) async fn judged<T: Copy>(
    call: &Call,
    (client, uri): (&ClientId, &str),
    judge: impl Fn(&KeySet) -> T,
    may_be_outdated: impl Fn(T) -> bool,
) -> Option<T> {
    let tenant = &call.facts.tenant;
    let (of, private) = (client.as_str(), tenant.settings.fetch_private);
    let wanted = Wanted { tenant: tenant.id, of, uri, question: &[], private };
    let key_sets = &call.app.outbound.keys;
    let begun = call.app.clock.steady();
    let held = key_sets.held(&wanted, begun).await?;
    let first = judge(&held.document);
    // What was fetched for this very request is not fetched for it again.
    if !may_be_outdated(first) || held.is_fetched_since(begun) {
        return Some(first);
    }
    let newer = key_sets.newer(&wanted, &held, call.app.clock.steady()).await;
    Some(newer.map_or(first, |newer| judge(&newer.document)))
}
