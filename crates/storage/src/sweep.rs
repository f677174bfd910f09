//! What expires: which rows are due, and how they are removed.

use domain::Timestamp;

use crate::commit::Removal;
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
            Self::Sessions => Due::Sessions(sessions::due(link, now, limit)?),
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
    Sessions(Vec<RowKey>),
    SourceFailures(Vec<source_failures::Key>),
    RememberedIds(Vec<remembered_ids::Key>),
    RegistrationTokens(Vec<RowKey>),
    RefreshTokens(Vec<RowKey>),
    RefreshFamilies(Vec<RowKey>),
}

impl Due {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Sessions(keys)
            | Self::RegistrationTokens(keys)
            | Self::RefreshTokens(keys)
            | Self::RefreshFamilies(keys) => keys.len(),
            Self::SourceFailures(keys) => keys.len(),
            Self::RememberedIds(keys) => keys.len(),
        }
    }

    /// One statement for each row, each of them kept prepared.
    pub(crate) fn removals(self, now: Timestamp) -> Vec<Removal> {
        match self {
            Self::Sessions(keys) => each(keys, sessions::remove_due),
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
            Self::Sessions(keys) => sessions::remove_all_due(link, keys),
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
        Box::new(move |link: &mut Link| remove(link, &key)) as Removal
    };
    keys.into_iter().map(removal).collect()
}
