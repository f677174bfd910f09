//! Revocation (RFC 7009): the whole grant (CONTRACT 4.13), and only the caller's own (DECISIONS 5.3).

use domain::{AuthenticatedClient, FamilyEnd, PresentedToken, Session, StoredRefresh, Write};

use crate::jwt_access;

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

/// What revoking a JWT access token changes; nothing when it is not the caller's. Whether it still stands does not
/// matter: denying twice is denying once.
pub fn jwt(caller: &AuthenticatedClient, read: &jwt_access::Read) -> Vec<Write> {
    if *read.client_id() != caller.client().client_id {
        return Vec::new();
    }
    let family = read.family().map(|family| Write::EndFamily { family: *family, end: FamilyEnd::Revoked });
    family.into_iter().chain([Write::Remember(read.denial())]).collect()
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
