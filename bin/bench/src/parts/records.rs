//! Rows as the server writes them, in a database of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicI64, Ordering};

use domain::port::SecretHasher as _;
use domain::{
    AccessTokenFormat, AdminWrite, AuditEvent, AuditKind, AuditOutcome, AuthMethod, AuthenticationPolicy,
    Authenticator, AuthenticatorStatus, Client, ClientId, ClientSecrets, Env, GrantSubject, Layout, Locator,
    Minted, Origin, PasswordCredential, PolicyCode, ProfileName, RefreshFamily, RefreshToken, Remembered,
    RememberedFor, RememberedKey, RequestId, Scopes, Secret, Session, SessionLimits, SigningAlg, SourceAddr,
    Statistics, SubjectId, TenantId, TenantName, TenantSettings, Timestamp, TokenKind, Ttl, User, UserId,
    UserStatus, Write, encoding, token_text,
};
use jose::{Argon2Hasher, Argon2Params, OsEntropy};
use storage::{Database, TenantStore};

use crate::clock;
use crate::failure::{Failure, Result};

const SCOPES: &str = "accounts email offline_access openid payments profile";

/// The cheapest Argon2id there is, so that the rest of a log-in is seen.
pub(super) const CHEAP: Argon2Params = Argon2Params { memory_kib: 8, iterations: 1, parallelism: 1 };

/// A tenant with a client, a policy and a user, and what rows about them hold.
pub(super) struct Records {
    /// The tenant's data.
    pub(super) store: TenantStore,
    client: ClientId,
    /// The client's policy.
    machine_policy: PolicyCode,
    /// The user's policy.
    pub(super) policy: PolicyCode,
    /// The user.
    pub(super) subject: GrantSubject,
    scopes: Scopes,
    /// Milliseconds since the epoch: rows are made ahead of time, some for each millisecond.
    ticks: AtomicI64,
    per_milli: i64,
}

/// As they would come: about ten thousand a second.
const PER_MILLI: i64 = 10;

/// How long tokens live.
pub(super) const LIFETIME: Ttl = Ttl::from_secs(3600);

impl Records {
    /// Rows of a tenant that has the client `spl-api` already: the first one at `start`, so many for each millisecond.
    pub(super) fn of(store: TenantStore, start: Timestamp, per_milli: i64) -> Result<Self> {
        Ok(Self {
            store,
            client: parsed(ClientId::parse("spl-api"))?,
            machine_policy: parsed(PolicyCode::parse("AT_SYSLOG"))?,
            policy: parsed(PolicyCode::parse("AT_CUSTPW"))?,
            subject: GrantSubject {
                user_id: UserId::new(10_001),
                user_name: "alice".to_owned(),
                subject_id: parsed(SubjectId::parse("0d7Zb2Yx8Qm1sN4v"))?,
            },
            scopes: parsed(Scopes::parse(SCOPES, false))?,
            ticks: AtomicI64::new(start.millis().saturating_mul(per_milli)),
            per_milli,
        })
    }

    /// Fills an empty database.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) fn prepare(database: &Database) -> Result<Self> {
        let name = parsed(TenantName::parse("bench"))?;
        let settings = TenantSettings::new(ProfileName::Hid);
        let tenant = database.system().tenant_insert(&name, &settings)?;
        let tenant = tenant.ok_or_else(|| Failure::new("the tenant exists already"))?;
        let records = Self::of(database.tenant(tenant.id), clock::wall(), PER_MILLI)?;
        let policies = [&records.machine_policy, &records.policy].map(Clone::clone);
        let mut writes: Vec<_> =
            policies.into_iter().map(|code| AdminWrite::PutPolicy(AuthenticationPolicy::new(code))).collect();
        writes.push(AdminWrite::InsertClient(Box::new(records.client()), ClientSecrets::default()));
        writes.push(AdminWrite::InsertUser(Box::new(records.user())));
        writes.push(AdminWrite::InsertAuthenticator(Box::new(records.authenticator()?)));
        match records.store.change(writes, Vec::new())? {
            domain::Applied::Committed => Ok(records),
            domain::Applied::Conflict => Err(Failure::new("the records of the bench contradict each other")),
        }
    }

    /// The tenant's key.
    pub(super) const fn tenant(&self) -> TenantId {
        self.store.tenant_id()
    }

    /// The moment of the next row.
    pub(super) fn tick(&self) -> Timestamp {
        Timestamp::from_millis(self.ticks.fetch_add(1, Ordering::Relaxed) / self.per_milli)
    }

    /// A session as `client_credentials` opens it, or one of the user's.
    pub(super) fn session(&self, family: Option<Locator>, of_user: bool) -> Result<Session> {
        let now = self.tick();
        let minted = mint(TokenKind::Access, now)?;
        let subject = of_user.then(|| self.subject.clone());
        let policy = if of_user { &self.policy } else { &self.machine_policy };
        Ok(Session {
            locator: minted.locator,
            digest: minted.digest,
            client_id: self.client.clone(),
            amr: subject.iter().map(|_user| "pwd".to_owned()).collect(),
            acr: subject.as_ref().map(|_user| "1".to_owned()),
            subject,
            scopes: self.scopes.clone(),
            audience: Vec::new(),
            issued_at: now,
            expires_at: now.plus(LIFETIME),
            inactivity: Some(Ttl::from_secs(300)),
            touched_at: now,
            family,
            auth_time: now,
            policy: Some(policy.clone()),
            channel: None,
            context: Vec::new(),
            confirmation: None,
        })
    }

    /// A DPoP proof that is used up.
    pub(super) fn used_once(&self) -> Result<Write> {
        let now = self.tick();
        let mut id = [0_u8; 12];
        Env { now, entropy: &OsEntropy }.entropy.fill(&mut id)?;
        let key = RememberedKey::of(&[&id]).ordered_by(now);
        let expires_at = now.plus(LIFETIME);
        Ok(Write::UseOnce(Remembered { purpose: RememberedFor::DpopProof, key, expires_at }))
    }

    /// The audit row of a token request.
    pub(super) fn audit(&self) -> Result<Write> {
        let env = Env { now: self.tick(), entropy: &OsEntropy };
        let mut id = [0_u8; 16];
        env.entropy.fill(&mut id)?;
        let origin = Origin {
            source: Some(SourceAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST))),
            request_id: parsed(RequestId::parse(&encoding::base64url(&id)))?,
        };
        let event = AuditEvent::new(&env, &origin, AuditKind::Token, AuditOutcome::Success, "")?;
        let event = event.client(self.client.as_str()).detail("client_credentials client_secret_basic");
        Ok(Write::Audit(Box::new(event)))
    }

    /// A family of the user's and its first token.
    pub(super) fn family(&self) -> Result<(RefreshFamily, RefreshToken)> {
        let now = self.tick();
        let locator = Locator::mint(&Env { now, entropy: &OsEntropy })?;
        let token = self.refresh_token(locator)?;
        let family = RefreshFamily {
            locator,
            client_id: self.client.clone(),
            layout: Layout::default(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone(),
            audience: Vec::new(),
            acr: Some("1".to_owned()),
            amr: vec!["pwd".to_owned()],
            auth_time: now,
            limits: SessionLimits { inactivity: Some(Ttl::from_secs(300)), total: Ttl::from_secs(3600) },
            policy: Some(self.policy.clone()),
            channel: None,
            context: Vec::new(),
            confirmation: None,
            expires_at: token.expires_at,
            current: token.locator,
            previous: None,
            rotated_at: None,
            sealed_answer: None,
            ended: false,
        };
        Ok((family, token))
    }

    /// A token of a family.
    pub(super) fn refresh_token(&self, family: Locator) -> Result<RefreshToken> {
        let now = self.tick();
        let minted = mint(TokenKind::Refresh, now)?;
        let expires_at = now.plus(Ttl::from_days(1));
        Ok(RefreshToken { locator: minted.locator, digest: minted.digest, family, expires_at })
    }

    fn client(&self) -> Client {
        Client {
            client_id: self.client.clone(),
            client_name: Some("Sample API".to_owned()),
            enabled: true,
            profile: None,
            auth_methods: [AuthMethod::ClientSecretBasic].into(),
            token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
            grant_types: None,
            scopes: self.scopes.clone(),
            redirect_uris: Vec::new(),
            roles: BTreeSet::new(),
            permissions: BTreeSet::new(),
            client_pwd_policy: self.machine_policy.clone(),
            client_pki_policy: None,
            application_type: None,
            post_logout_redirect_uris: Vec::new(),
            hid_members: BTreeMap::new(),
            user_authn_policy: Some(self.policy.clone()),
            user_channel: None,
            allowed_sources: Vec::new(),
            id_token_signed_response_alg: SigningAlg::RS256,
            userinfo_signed_response_alg: None,
            introspection_signed_response_alg: SigningAlg::RS256,
            refresh_token_validity: None,
            consent_prompt: false,
            certificate_name: None,
            dpop_bound_access_tokens: false,
            dpop_nonce_required: false,
            tls_client_certificate_bound_access_tokens: false,
            access_token_format: AccessTokenFormat::Opaque,
            resources: None,
            generation: 0,
            registration: None,
            keys: None,
            auth_signing_algs: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    fn user(&self) -> User {
        let attributes = [
            ("given_name", "Alice"),
            ("family_name", "Liddell"),
            ("name", "Alice Liddell"),
            ("email", "alice@example.com"),
            ("email_verified", "true"),
            ("ATR_EMAIL", "alice@example.com"),
        ];
        User {
            id: self.subject.user_id,
            subject_id: self.subject.subject_id.clone(),
            external_id: Some("cust-0001".to_owned()),
            user_name: self.subject.user_name.clone(),
            status: UserStatus::Enabled,
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            groups: ["UG_ROOT".to_owned()].into(),
            roles: BTreeSet::new(),
            updated_at: clock::wall(),
        }
    }

    fn authenticator(&self) -> Result<Authenticator> {
        let hash = Argon2Hasher::new(CHEAP)?.hash(&Secret::new("secret".to_owned()))?;
        Ok(Authenticator {
            user_id: self.subject.user_id,
            policy: self.policy.clone(),
            status: AuthenticatorStatus::Enabled,
            valid_from: clock::wall(),
            valid_until: clock::wall().plus(Ttl::from_days(365)),
            locked_at: None,
            uses: 0,
            statistics: Statistics::default(),
            password: PasswordCredential { hash, version: 1, uses: 0, history: Vec::new() },
        })
    }
}

fn mint(kind: TokenKind, now: Timestamp) -> Result<Minted> {
    Ok(token_text::mint(kind, &Env { now, entropy: &OsEntropy })?)
}

fn parsed<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Failure::new("a record of the bench is malformed"))
}
