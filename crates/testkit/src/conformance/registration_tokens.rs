//! Initial access tokens.

use std::collections::BTreeSet;

use domain::{AdminWrite, Applied, AuthMethod, Locator, RegistrationToken, SecretDigest};

use super::TestStore;
use super::fixture::{NOW, administer, later, locator};
use super::races::race;
use crate::scopes;

fn token(n: u32, max_uses: u32) -> RegistrationToken {
    RegistrationToken {
        locator: locator(n),
        digest: SecretDigest::of(&n.to_be_bytes()),
        label: "partner".to_owned(),
        max_uses,
        uses: 0,
        created_at: NOW,
        expires_at: later(60),
        scopes: scopes("api openid"),
        auth_methods: BTreeSet::from([AuthMethod::PrivateKeyJwt]),
    }
}

fn insert(n: u32, max_uses: u32) -> AdminWrite {
    AdminWrite::InsertRegistrationToken(Box::new(token(n, max_uses)))
}

fn uses(store: &mut dyn TestStore, id: &Locator) -> Option<u32> {
    store.registration_token(id).expect("the store answers").map(|token| token.uses)
}

/// That `token` is stored, in every member.
#[track_caller]
fn reads_back(store: &mut dyn TestStore, token: &RegistrationToken) {
    let found = store.registration_token(&token.locator).expect("the store answers").expect("it is there");
    assert!(found.digest.matches(&token.digest));
    // A digest shows nothing of itself.
    assert_eq!(format!("{found:?}"), format!("{token:?}"));
}

#[track_caller]
fn refused(store: &mut dyn TestStore, writes: Vec<AdminWrite>) {
    assert_eq!(store.admin(writes).expect("the store answers"), Applied::Conflict);
}

/// It reads back, is inserted once, and its uses end with the last; a list that wants one more does nothing at all.
pub fn a_registration_token_is_used_as_often_as_it_says(store: &mut dyn TestStore) {
    let bare = RegistrationToken {
        label: String::new(),
        scopes: scopes(""),
        auth_methods: BTreeSet::new(),
        ..token(2, u32::MAX)
    };
    administer(store, vec![insert(1, 2), AdminWrite::InsertRegistrationToken(Box::new(bare.clone()))]);
    reads_back(store, &bare);
    refused(store, vec![insert(1, 5)]);
    administer(store, vec![AdminWrite::UseRegistrationToken(locator(1))]);
    reads_back(store, &RegistrationToken { uses: 1, ..token(1, 2) });
    let twice = || AdminWrite::UseRegistrationToken(locator(1));
    refused(store, vec![insert(3, 1), twice(), twice()]);
    assert_eq!(uses(store, &locator(3)), None);
    administer(store, vec![twice()]);
    refused(store, vec![twice()]);
    assert_eq!(uses(store, &locator(1)), Some(2));
}

/// Nobody else's: neither found, nor used, nor revoked elsewhere; and gone once it is revoked.
pub fn a_registration_token_is_of_one_tenant_and_can_be_revoked(store: &mut dyn TestStore) {
    administer(store, vec![insert(1, 2)]);
    let mut other = store.other_tenant();
    assert_eq!(uses(&mut *other, &locator(1)), None);
    refused(&mut *other, vec![AdminWrite::UseRegistrationToken(locator(1))]);
    refused(&mut *other, vec![AdminWrite::RemoveRegistrationToken(locator(1))]);
    reads_back(store, &token(1, 2));
    administer(store, vec![AdminWrite::RemoveRegistrationToken(locator(1))]);
    assert_eq!(uses(store, &locator(1)), None);
    refused(store, vec![AdminWrite::UseRegistrationToken(locator(1))]);
    refused(store, vec![AdminWrite::RemoveRegistrationToken(locator(1))]);
}

/// The last use, taken by two.
pub fn of_two_last_uses_of_a_registration_token_one_wins(store: &mut dyn TestStore) {
    for n in 0..20 {
        administer(store, vec![insert(n, 1)]);
        let take = |store: &mut dyn TestStore| {
            store.admin(vec![AdminWrite::UseRegistrationToken(locator(n))]).expect("the store answers")
        };
        let ends = race(store, take, take);
        assert_eq!(ends.iter().filter(|end| **end == Applied::Committed).count(), 1, "{ends:?}");
        assert_eq!(uses(store, &locator(n)), Some(1));
    }
}
