//! What expires: which rows are due, and how they are removed.

use domain::Timestamp;

use crate::commit::{Pace, Removal};
use crate::failure::Result;
use crate::link::Link;
use crate::table::{RowKey, refresh, registration_tokens, remembered_ids, sessions, source_failures};

/// A kind of rows that expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sessions,
    SourceFailures,
    RememberedIds,
    RegistrationTokens,
    RefreshTokens,
    RefreshFamilies,
}

impl Kind {
    /// All, in the order in which they go: families after their tokens.
    pub(crate) const ALL: [Self; 6] = [
        Self::Sessions,
        Self::SourceFailures,
        Self::RememberedIds,
        Self::RegistrationTokens,
        Self::RefreshTokens,
        Self::RefreshFamilies,
    ];

    /// At most `limit` rows that have expired, of all tenants.
    pub(crate) fn due(self, link: &mut Link, now: Timestamp, limit: i64) -> Result<Due> {
        Ok(match self {
            Self::Sessions => Due::Sessions(sessions::due(link, now, limit)?, limit),
            Self::SourceFailures => Due::SourceFailures(source_failures::due(link, now, limit)?),
            Self::RememberedIds => Due::RememberedIds(remembered_ids::due(link, now, limit)?),
            Self::RegistrationTokens => Due::RegistrationTokens(registration_tokens::due(link, now, limit)?),
            Self::RefreshTokens => Due::RefreshTokens(refresh::due_tokens(link, now, limit)?),
            Self::RefreshFamilies => Due::RefreshFamilies(refresh::due_families(link, now, limit)?),
        })
    }
}

/// The keys of rows that were due when they were looked for.
#[derive(Debug)]
pub(crate) enum Due {
    /// With how many were asked for.
    Sessions(Vec<sessions::Due>, i64),
    SourceFailures(Vec<source_failures::Key>),
    RememberedIds(Vec<remembered_ids::Key>),
    RegistrationTokens(Vec<RowKey>),
    RefreshTokens(Vec<RowKey>),
    RefreshFamilies(Vec<RowKey>),
}

impl Due {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Sessions(rows, _) => rows.len(),
            Self::RegistrationTokens(keys) | Self::RefreshTokens(keys) | Self::RefreshFamilies(keys) => {
                keys.len()
            }
            Self::SourceFailures(keys) => keys.len(),
            Self::RememberedIds(keys) => keys.len(),
        }
    }

    /// Sessions go gently as long as the oldest of them has been due for a minute at most: a log-in or a refresh writes
    /// more rows that expire than a batch then takes along, so it is seen here when they pile up.
    pub(crate) fn pace(&self, now: Timestamp) -> Pace {
        match self {
            Self::Sessions(rows, _) if rows.first().is_some_and(|row| row.is_due_since(now) <= GENTLY) => {
                Pace::Gentle
            }
            _ => Pace::Firm,
        }
    }

    /// By statements that are kept prepared: for sessions, of which there are most, one for some neighbours in time, for
    /// the others one for each row.
    pub(crate) fn removals(self, now: Timestamp) -> Vec<Removal> {
        match self {
            Self::Sessions(rows, limit) => stretches(rows, limit),
            Self::SourceFailures(keys) => {
                each(keys, move |link, key| source_failures::remove_due(link, key, now))
            }
            Self::RememberedIds(keys) => {
                each(keys, move |link, key| remembered_ids::remove_due(link, key, now))
            }
            Self::RegistrationTokens(keys) => each(keys, registration_tokens::remove_due),
            Self::RefreshTokens(keys) => each(keys, refresh::remove_due_token),
            Self::RefreshFamilies(keys) => each(keys, refresh::remove_due_family),
        }
    }

    /// Removes all, of what there may be many in as few statements as there are tenants.
    pub(crate) fn remove_all(&self, link: &mut Link, now: Timestamp) -> Result<usize> {
        match self {
            Self::Sessions(rows, _) => sessions::remove_all_due(link, rows),
            Self::RememberedIds(keys) => remembered_ids::remove_all_due(link, keys, now),
            Self::RefreshTokens(keys) => refresh::remove_all_due_tokens(link, keys),
            Self::RefreshFamilies(keys) => refresh::remove_all_due_families(link, keys),
            Self::SourceFailures(keys) => {
                keys.iter().map(|key| source_failures::remove_due(link, key, now)).sum()
            }
            Self::RegistrationTokens(keys) => {
                keys.iter().map(|key| registration_tokens::remove_due(link, key)).sum()
            }
        }
    }
}

/// A removal for each key.
pub(crate) fn each<K: Send + 'static>(
    keys: Vec<K>,
    remove: impl Fn(&mut Link, &K) -> Result<usize> + Clone + Send + 'static,
) -> Vec<Removal> {
    let removal = |key| {
        let remove = remove.clone();
        Removal::new(1, move |link: &mut Link| remove(link, &key))
    };
    keys.into_iter().map(removal).collect()
}

/// How long a session may be due before it is urgent, milliseconds.
const GENTLY: i64 = 60_000;

/// How many sessions one statement removes.
const STRETCH: usize = 32;

/// Removes sessions by stretches of time, a few in each, which takes a third of the time that a statement for each of
/// them takes. Where many expire at the very same millisecond, or it is not known how many do, they go one by one.
fn stretches(rows: Vec<sessions::Due>, limit: i64) -> Vec<Removal> {
    let whole = !usize::try_from(limit).is_ok_and(|limit| rows.len() >= limit);
    let last = rows.last().map(|row| row.expires_at);
    let (mut removals, mut stretch) = (Vec::new(), Vec::new());
    for moment in rows.chunk_by(|one, next| one.expires_at == next.expires_at) {
        let known = whole || moment.first().map(|row| row.expires_at) != last;
        if !known || stretch.len().saturating_add(moment.len()) > STRETCH {
            removals.extend(until_the_last(&std::mem::take(&mut stretch)));
        }
        if known && moment.len() <= STRETCH {
            stretch.extend_from_slice(moment);
        } else {
            removals.extend(each(moment.iter().map(sessions::Due::key).collect(), sessions::remove_due));
        }
    }
    removals.extend(until_the_last(&stretch));
    removals
}

/// Removes what expired until the last of these did.
fn until_the_last(stretch: &[sessions::Due]) -> Option<Removal> {
    let last = stretch.last()?.expires_at;
    Some(Removal::new(stretch.len(), move |link: &mut Link| sessions::remove_expired(link, last)))
}
