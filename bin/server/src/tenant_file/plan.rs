//! The difference between what a file asks for and what is stored: a pure function.

use std::collections::BTreeSet;

use domain::{AuthMethod, Authenticator, ClientSecrets, Fault, Timestamp, User};

use super::{
    builtin,
    change::Change,
    check::{Desired, DesiredAuthenticator, DesiredClient, DesiredUser, NewSecret},
    stored::{Stored, StoredUser},
    written,
};
use crate::keyring;

/// What has to change, in the order in which it must be written: what goes makes room for what comes, and policies
/// are there before and after what lives under them.
///
/// # Errors
/// [`Fault::Inconsistent`] when a stored policy cannot be written as a file has it.
pub(super) fn plan(
    desired: Desired,
    stored: &Stored,
    prune: bool,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let mut plan = Plan::default();
    let removed = if prune { Removed::of(&desired, stored) } else { Removed::default() };
    plan.first.extend(tenant(&desired, stored));
    plan.first.extend(policies(&desired, stored)?);
    plan.first.extend(removed.first);
    plan.last.extend(removed.last);
    plan.last.extend(keys(&desired, stored, now));
    for client in desired.clients {
        plan.client(client, stored);
    }
    for user in desired.users {
        plan.user(user, stored, prune, now);
    }
    Ok(plan.first.into_iter().chain(plan.changed).chain(plan.added).chain(plan.last).collect())
}

fn tenant(desired: &Desired, stored: &Stored) -> Option<Change> {
    let name = desired.name.clone();
    let Some(tenant) = &stored.tenant else { return Some(Change::AddTenant(name)) };
    (tenant.settings != desired.settings).then(|| {
        let profile = (tenant.settings.profile != desired.settings.profile).then(|| "profile".to_owned());
        let keys =
            written::differing(&written::settings(&tenant.settings), &written::settings(&desired.settings));
        let keys = profile.into_iter().chain(keys).collect();
        Change::PutSettings { name, settings: Box::new(desired.settings.clone()), keys }
    })
}

fn policies(desired: &Desired, stored: &Stored) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for policy in &desired.policies {
        match stored.policies.get(&policy.code) {
            None => changes.push(Change::AddPolicy(Box::new(policy.clone()))),
            Some(old) if old != policy => {
                let keys = written::differing(&written::policy(old)?, &written::policy(policy)?);
                changes.push(Change::PutPolicy { policy: Box::new(policy.clone()), keys });
            }
            Some(_same) => {}
        }
    }
    Ok(changes)
}

/// Algorithms that have no key yet: what waits for them must not wait for the background job, too.
fn keys(desired: &Desired, stored: &Stored, now: Timestamp) -> Vec<Change> {
    let add = |alg| Change::AddKey { alg, from: stored.new_key_from(alg, &desired.settings, now) };
    keyring::missing(&stored.keys, &desired.settings, now).into_iter().map(add).collect()
}

/// What the file does not name.
#[derive(Default)]
struct Removed {
    first: Vec<Change>,
    last: Vec<Change>,
}

impl Removed {
    fn of(desired: &Desired, stored: &Stored) -> Self {
        let users: BTreeSet<&str> = desired.users.iter().map(|user| user.user_name.as_str()).collect();
        let clients: BTreeSet<_> = desired.clients.iter().map(|desired| &desired.client.client_id).collect();
        let policies: BTreeSet<_> = desired.policies.iter().map(|policy| &policy.code).collect();
        let gone = stored.users.values().filter(|stored| !users.contains(stored.user.user_name.as_str()));
        let user = |stored: &StoredUser| Change::RemoveUser {
            user: stored.user.id,
            user_name: stored.user.user_name.clone(),
        };
        let clients = stored.clients.keys().filter(|id| !clients.contains(id));
        let built_in = builtin::policies(desired.settings.profile);
        let policies = stored
            .policies
            .keys()
            .filter(|code| !policies.contains(code) && !built_in.iter().any(|policy| policy.code == **code));
        Self {
            first: gone.map(user).chain(clients.cloned().map(Change::RemoveClient)).collect(),
            last: policies.cloned().map(Change::RemovePolicy).collect(),
        }
    }
}

/// Four heaps, written one after the other.
#[derive(Default)]
struct Plan {
    first: Vec<Change>,
    changed: Vec<Change>,
    added: Vec<Change>,
    last: Vec<Change>,
}

impl Plan {
    fn client(&mut self, desired: DesiredClient, stored: &Stored) {
        let DesiredClient { client, secret } = desired;
        let Some(old) = stored.clients.get(&client.client_id) else {
            return self.added.push(Change::AddClient { client: Box::new(client), secret });
        };
        let client_id = client.client_id.clone();
        let has_secret = old.secrets.generated.is_some() || old.secrets.chosen.is_some();
        let needed = client.needs_secret();
        let by_hmac = client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
        let named = Box::new(client.clone());
        if *old.client != client {
            let keys = written::differing(&written::client(&old.client), &written::client(&client));
            self.changed.push(Change::UpdateClient { client: Box::new(client), keys });
        }
        if !needed && has_secret {
            self.changed.push(Change::ForgetClientSecrets(client_id));
        } else if !has_secret && !matches!(secret, NewSecret::None) {
            self.changed.push(Change::AddClientSecret { client: named, secret });
        } else if !by_hmac && old.secrets.sealed.is_some() {
            let secrets = ClientSecrets { sealed: None, ..old.secrets.clone() };
            self.changed.push(Change::UnsealClientSecret(client_id, secrets));
        }
    }

    fn user(&mut self, desired: DesiredUser, stored: &Stored, prune: bool, now: Timestamp) {
        let Some(old) = stored.users.get(&desired.user_name) else {
            return self.added.push(Change::AddUser(Box::new(desired)));
        };
        let user = merged(&old.user, &desired);
        if user != old.user {
            let keys = written::differing(&written::user(&old.user), &written::user(&user));
            let user = Box::new(User { updated_at: now, ..user });
            self.changed.push(Change::UpdateUser { user, keys });
        }
        if prune {
            let named =
                |one: &&Authenticator| desired.authenticators.iter().any(|d| d.policy.code == one.policy);
            for one in old.authenticators.values().filter(|one| !named(one)) {
                self.first.push(Change::RemoveAuthenticator {
                    user: one.user_id,
                    user_name: desired.user_name.clone(),
                    policy: one.policy.clone(),
                });
            }
        }
        for one in desired.authenticators {
            self.authenticator(one, old);
        }
    }

    fn authenticator(&mut self, desired: DesiredAuthenticator, of: &StoredUser) {
        let user_name = of.user.user_name.clone();
        let Some(old) = of.authenticators.get(&desired.policy.code) else {
            let (user, authenticator) = (of.user.id, Box::new(desired));
            return self.added.push(Change::AddAuthenticator { user, user_name, authenticator });
        };
        let mut new = old.clone();
        let mut keys = Vec::new();
        if let Some(status) = desired.status.filter(|status| *status != old.status) {
            new.status = status;
            keys.push("status");
        }
        if let Some(from) = desired.valid_from.filter(|from| *from != old.valid_from) {
            new.valid_from = from;
            keys.push("valid_from");
        }
        if let Some(until) = desired.valid_until.filter(|until| *until != old.valid_until) {
            new.valid_until = until;
            keys.push("valid_until");
        }
        if !keys.is_empty() {
            self.changed.push(Change::UpdateAuthenticator { user_name, authenticator: Box::new(new), keys });
        }
    }
}

/// The stored user with what the file says of them; id, subject and what the file leaves out stay.
fn merged(old: &User, desired: &DesiredUser) -> User {
    User {
        id: old.id,
        subject_id: old.subject_id.clone(),
        external_id: desired.external_id.clone(),
        user_name: old.user_name.clone(),
        status: desired.status.unwrap_or(old.status),
        attributes: desired.attributes.clone(),
        groups: desired.groups.clone(),
        roles: desired.roles.clone(),
        updated_at: old.updated_at,
    }
}
