//! Revocation (RFC 7009): the whole grant (CONTRACT 4.13), and only the caller's own (DECISIONS 5.3).

use domain::{AuthenticatedClient, FamilyEnd, PresentedToken, Session, StoredRefresh, Write};

/// What revoking an access token changes; nothing when it is not the caller's.
pub fn access(
    caller: &AuthenticatedClient,
    presented: &PresentedToken,
    session: Option<&Session>,
) -> Vec<Write> {
    let own = |session: &&Session| {
        session.digest.matches(&presented.digest) && session.client_id == caller.client().client_id
    };
    let Some(session) = session.filter(own) else {
        return Vec::new();
    };
    let mut writes = vec![Write::RemoveSession(session.locator)];
    // The family first: it is the row on which rotations and ends of a grant meet.
    if let Some(family) = session.family {
        writes.insert(0, Write::EndFamily { family, end: FamilyEnd::Revoked });
    }
    writes
}

/// What revoking a refresh token changes; nothing when it is not the caller's.
pub fn refresh(
    caller: &AuthenticatedClient,
    presented: &PresentedToken,
    stored: Option<&StoredRefresh>,
) -> Vec<Write> {
    let own = |stored: &&StoredRefresh| {
        stored.token.digest.matches(&presented.digest) && stored.family.client_id == caller.client().client_id
    };
    stored
        .filter(own)
        .map(|stored| Write::EndFamily { family: stored.family.locator, end: FamilyEnd::Revoked })
        .into_iter()
        .collect()
}
