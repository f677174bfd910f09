//! `[[users.authenticators]]`

use std::collections::BTreeSet;

use ::authenticators::constraints::UserFacts;
use domain::{AuthenticationPolicy, AuthenticatorStatus, Timestamp};

use super::{DesiredAuthenticator, NewPassword, Scene, secrets};
use crate::tenant_file::{
    date,
    document::{AuthenticatorDoc, DateDoc, StatusDoc, UserDoc},
    phc,
    problem::{Place, Problems},
};

pub(super) fn check(
    user: &UserDoc,
    scene: Scene<'_>,
    problems: &mut Problems<'_>,
) -> Vec<DesiredAuthenticator> {
    let mut named = BTreeSet::new();
    let mut found = Vec::new();
    for doc in &user.authenticators {
        let (offset, doc) = (doc.span().start, doc.get_ref());
        let place = Place::new(offset, format!("user {}, authenticator {}", user.user_name, doc.policy));
        problems.check(named.insert(&doc.policy), &place, "policy", "is named twice");
        let policy = scene.policy(&doc.policy, &place, "policy", problems);
        let (valid_from, valid_until) = dates(doc, &place, problems);
        let Some(policy) = policy else { continue };
        found.push(DesiredAuthenticator {
            policy: policy.clone(),
            status: doc.status.map(status),
            valid_from,
            valid_until,
            password: password(doc, user, (policy, scene), &place, problems),
        });
    }
    found
}

const fn status(status: StatusDoc) -> AuthenticatorStatus {
    match status {
        StatusDoc::Enabled => AuthenticatorStatus::Enabled,
        StatusDoc::Disabled => AuthenticatorStatus::Disabled,
    }
}

fn dates(
    doc: &AuthenticatorDoc,
    place: &Place,
    problems: &mut Problems<'_>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut at = |value: Option<&DateDoc>, key| {
        let read = value.and_then(date::read);
        let text = "must be an RFC 3339 date-time with an offset, such as 2026-01-31T00:00:00Z";
        problems.check(read.is_some() == value.is_some(), place, key, text);
        read
    };
    let from = at(doc.valid_from.as_ref(), "valid_from");
    let until = at(doc.valid_until.as_ref(), "valid_until");
    let ordered = from.zip(until).is_none_or(|(from, until)| from < until);
    problems.check(ordered, place, "valid_until", "must be later than valid_from");
    (from, until)
}

/// The first password. Of an authenticator that exists already, only the form is looked at (DECISIONS 5.8).
fn password(
    doc: &AuthenticatorDoc,
    user: &UserDoc,
    (policy, scene): (&AuthenticationPolicy, Scene<'_>),
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<NewPassword> {
    let given = [doc.password.is_some(), doc.password_file.is_some(), doc.password_hash.is_some()];
    let given = given.into_iter().filter(|given| *given).count();
    problems.check(given <= 1, place, "password", "give one of password, password_file and password_hash");
    let stored = scene.around.stored.users.get(&user.user_name);
    if given > 1 || stored.is_some_and(|stored| stored.authenticators.contains_key(&policy.code)) {
        return None;
    }
    if let Some(text) = &doc.password_hash {
        let hash = phc::read(text);
        problems.check(hash.is_some(), place, "password_hash", "must be an Argon2id hash in PHC form");
        return hash.map(NewPassword::Hash);
    }
    let (secret, key) = if let Some(secret) = &doc.password {
        (domain::Secret::new(secret.expose().to_owned()), "password")
    } else if let Some(path) = &doc.password_file {
        let read = secrets::from_file(path, scene.around);
        (read.map_err(|error| problems.add(place, "password_file", error)).ok()?, "password_file")
    } else {
        let text =
            "is needed (or password_file, or password_hash), because the authenticator does not exist yet";
        problems.add(place, "password", text);
        return None;
    };
    let facts = UserFacts {
        user_name: &user.user_name,
        external_id: user.external_id.as_deref(),
        attributes: &user.attributes,
    };
    secrets::chosen(&secret, policy, &facts, (place, key), problems);
    Some(NewPassword::Chosen(secret))
}
