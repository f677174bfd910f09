//! Changes → writes: here secrets are made and hashed, ids are reserved, and audit rows are written.

use authenticators::enrol;
use domain::{
    AdminWrite, AuditEvent, AuditOutcome, AuthMethod, Authenticator, Client, ClientSecrets, Env, Fault,
    Origin, Secret, SigningKeyRecord, SubjectId, Tenant, Timestamp, User, UserId, encoding, machine_secret,
    port::{KeyedDigest as _, SecretHasher as _},
};

use jose::OpenSslSigner;

use super::{
    change::Change,
    check::{DesiredAuthenticator, DesiredUser, NewPassword, NewSecret},
    sealed_secret,
    stored::Stored,
};
use crate::{keyring, setup::Setup};

/// What a list of changes comes to.
#[derive(Default)]
pub(super) struct Work {
    pub(super) writes: Vec<AdminWrite>,
    pub(super) audit: Vec<AuditEvent>,
    /// What was made, for whom, and must be shown now or never.
    pub(super) shown_once: Vec<(String, Secret)>,
}

/// The keys of an export that open here: only those that were sealed for this tenant under this master key do.
#[derive(Default)]
pub(super) struct Imported(Vec<SigningKeyRecord>);

impl Imported {
    /// Those of `keys` that open.
    pub(super) fn of(setup: &Setup, tenant: &Tenant, keys: Vec<SigningKeyRecord>) -> Self {
        let opens = |key: &SigningKeyRecord| OpenSslSigner::open(key, tenant.id, &setup.master).is_ok();
        Self(keys.into_iter().filter(opens).collect())
    }
}

/// Turns changes into writes. It hashes what people chose, which takes its time.
///
/// # Errors
/// Those of storage, of the hasher, and of randomness.
pub(super) fn prepare(
    setup: &Setup,
    tenant: &Tenant,
    (stored, imported): (&Stored, Imported),
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Work, Fault> {
    let new_users = changes.iter().filter(|change| matches!(change, Change::AddUser(_))).count();
    let next_user = match i64::try_from(new_users) {
        Ok(count) if count > 0 => setup.database.tenant(tenant.id).reserve_user_ids(count)?.number(),
        _ => 0,
    };
    let origin = setup.operator_origin()?;
    let env = Env { now, entropy: setup.entropy.as_ref() };
    // The keys that there are, or that come with the file.
    let keys = stored.keys.iter().chain(&imported.0).cloned().collect();
    let mut work = Work::default();
    work.writes.extend(imported.0.into_iter().map(|key| AdminWrite::InsertKey(Box::new(key))));
    let mut hand = Hand { setup, tenant, keys, env, origin, next_user, work };
    for change in changes {
        hand.audit(&change)?;
        hand.carry_out(change)?;
    }
    Ok(hand.work)
}

struct Hand<'a> {
    setup: &'a Setup,
    tenant: &'a Tenant,
    keys: Vec<SigningKeyRecord>,
    env: Env<'a>,
    origin: Origin,
    next_user: i64,
    work: Work,
}

impl Hand<'_> {
    fn audit(&mut self, change: &Change) -> Result<(), Fault> {
        let (kind, reason) = (change.kind(), change.reason());
        let mut event = AuditEvent::new(&self.env, &self.origin, kind, AuditOutcome::Success, reason)?;
        event.client_id = change.client().map(|id| id.as_str().to_owned());
        event.user_name = change.user().map(str::to_owned);
        self.work.audit.push(crate::operator::signed(event.detail(change.object())));
        Ok(())
    }

    fn carry_out(&mut self, change: Change) -> Result<(), Fault> {
        let write = match change {
            // The tenant's row has just been made, with its settings.
            Change::AddTenant(_) => return Ok(()),
            Change::PutSettings { settings, .. } => AdminWrite::PutSettings(*settings),
            Change::AddPolicy(policy) | Change::PutPolicy { policy, .. } => AdminWrite::PutPolicy(*policy),
            Change::RemovePolicy(code) => AdminWrite::RemovePolicy(code),
            Change::RemoveAuthenticator { user, policy, .. } => AdminWrite::RemoveAuthenticator(user, policy),
            Change::RemoveUser { user, .. } => AdminWrite::RemoveUser(user),
            Change::RemoveClient(id) => AdminWrite::RemoveClient(id),
            Change::UpdateUser { user, .. } => AdminWrite::UpdateUser(user),
            Change::UpdateAuthenticator { authenticator, .. } => AdminWrite::UpdateAuthenticator {
                user_id: authenticator.user_id,
                policy: authenticator.policy,
                status: authenticator.status,
                valid_from: authenticator.valid_from,
                valid_until: authenticator.valid_until,
            },
            Change::AddAuthenticator { user, authenticator, .. } => {
                self.authenticator(user, *authenticator)?
            }
            Change::AddUser(user) => return self.user(*user),
            Change::UpdateClient { client, .. } => AdminWrite::UpdateClient(client),
            Change::AddClient { mut client, secret } => {
                client.generation = self.env.generation()?;
                let secrets = self.secrets(&client, secret)?;
                AdminWrite::InsertClient(client, secrets)
            }
            Change::AddClientSecret { client, secret } => {
                let secrets = self.secrets(&client, secret)?;
                AdminWrite::SetClientSecrets(client.client_id, secrets)
            }
            Change::UnsealClientSecret(id, secrets) => AdminWrite::SetClientSecrets(id, secrets),
            Change::ForgetClientSecrets(id) => AdminWrite::SetClientSecrets(id, ClientSecrets::default()),
            Change::AddKey { alg, .. } if keyring::signs(&self.keys, alg, self.env.now) => return Ok(()),
            Change::AddKey { alg, from } => {
                let kid = keyring::free_kid(&self.keys, self.env.now);
                let now = self.env.now;
                let key = keyring::new_key(self.setup, self.tenant, (alg, &kid), (now, from.unwrap_or(now)))?;
                self.keys.push(key.clone());
                AdminWrite::InsertKey(Box::new(key))
            }
        };
        self.work.writes.push(write);
        Ok(())
    }

    fn secrets(&mut self, client: &Client, secret: NewSecret) -> Result<ClientSecrets, Fault> {
        let id = &client.client_id;
        let by_hmac = client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
        let (master, tenant) = (&self.setup.master, &self.tenant.name);
        let sealed =
            |secret: &Secret| by_hmac.then(|| sealed_secret::seal(master, tenant, id, secret)).transpose();
        let digest = |secret: &Secret| Some(self.setup.master.keyed(secret.expose().as_bytes()));
        Ok(match secret {
            NewSecret::None => ClientSecrets::default(),
            NewSecret::Stored(secrets) => secrets,
            NewSecret::Made(secret) => {
                ClientSecrets { generated: digest(&secret), chosen: None, sealed: sealed(&secret)? }
            }
            NewSecret::Chosen(secret) => ClientSecrets {
                generated: None,
                chosen: Some(self.setup.hasher.hash(&secret)?),
                sealed: None,
            },
            NewSecret::Generate => {
                let secret = machine_secret::mint(&self.env)?;
                let generated = digest(&secret);
                let sealed = sealed(&secret)?;
                self.work.shown_once.push((format!("client {id}"), secret));
                ClientSecrets { generated, chosen: None, sealed }
            }
        })
    }

    fn user(&mut self, desired: DesiredUser) -> Result<(), Fault> {
        let id = UserId::new(self.next_user);
        self.next_user = self.next_user.saturating_add(1);
        let subject_id = match desired.subject_id {
            Some(subject) => subject,
            None => self.subject()?,
        };
        let user = User {
            id,
            subject_id,
            external_id: desired.external_id,
            user_name: desired.user_name,
            status: desired.status.unwrap_or_default(),
            attributes: desired.attributes,
            groups: desired.groups,
            roles: desired.roles,
            updated_at: self.env.now,
        };
        self.work.writes.push(AdminWrite::InsertUser(Box::new(user)));
        for authenticator in desired.authenticators {
            let write = self.authenticator(id, authenticator)?;
            self.work.writes.push(write);
        }
        Ok(())
    }

    /// 128 random bits: it says nothing of the user, and is nobody else's.
    fn subject(&self) -> Result<SubjectId, Fault> {
        let mut bytes = [0_u8; 16];
        self.env.entropy.fill(&mut bytes)?;
        SubjectId::parse(&encoding::base64url(&bytes)).ok_or(Fault::Invariant("base64url is a subject id"))
    }

    fn authenticator(&self, user: UserId, desired: DesiredAuthenticator) -> Result<AdminWrite, Fault> {
        let hash = match desired.password {
            Some(NewPassword::Chosen(secret)) => self.setup.hasher.hash(&secret)?,
            Some(NewPassword::Hash(hash)) => hash,
            None => return Err(Fault::Invariant("a new authenticator was checked to have a password")),
        };
        let made = enrol::new_password(&desired.policy, user, hash, self.env.now, None);
        let authenticator = Authenticator {
            status: desired.status.unwrap_or(made.status),
            valid_from: desired.valid_from.unwrap_or(made.valid_from),
            valid_until: desired.valid_until.unwrap_or(made.valid_until),
            ..made
        };
        Ok(AdminWrite::InsertAuthenticator(Box::new(authenticator)))
    }
}
