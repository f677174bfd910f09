//! Use cases of the engine over the memory store.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests attest clients, name tenants, and may stop where they stand"
)]

mod bound;
mod introspection;
mod machine;
mod refreshing;
mod resources;
mod userinfo;

use std::sync::Arc;

use domain::{
    AuthMethod, AuthenticatedClient, AuthorizedGrant, Claims, Client, ClientSecrets, Env, GrantSubject,
    Issuer, Origin, ProfileName, RefreshPolicy, Refusal, RequestId, SessionLimits, SigningAlg, Tenant,
    TenantId, TenantName, TenantSettings, Timestamp, Ttl, User, WriteBatch,
    port::{Apply as _, Signer},
};
use oidc_core::{
    Params,
    issue::Policy,
    sender::Sender,
    token::{Endpoint, Issuing, Outcome, TokenRequest},
};
use testkit::{MemoryStore, SeededEntropy, TestSigner, XorSealer, a_user, scopes};

/// A tenant with everything around it, and a clock that stands where a test puts it.
struct World {
    tenant: Tenant,
    issuer: Issuer,
    store: MemoryStore,
    entropy: SeededEntropy,
    now: Timestamp,
    signer: TestSigner,
    sender: Sender,
}

impl World {
    fn new(profile: ProfileName) -> Self {
        let name = TenantName::parse("acme").unwrap();
        let tenant = Tenant {
            id: TenantId::assume(1),
            name: name.clone(),
            settings: TenantSettings::new(profile),
            revision: 1,
        };
        Self {
            tenant,
            issuer: Issuer::new("https://id.example", &name),
            store: MemoryStore::new(),
            entropy: SeededEntropy::new(1),
            now: Timestamp::from_secs(1_800_000_000),
            signer: TestSigner::new(SigningAlg::RS256),
            sender: Sender::default(),
        }
    }

    fn env(&self) -> Env<'_> {
        Env { now: self.now, entropy: &self.entropy }
    }

    fn later(&mut self, secs: i64) {
        self.now = self.now.plus(Ttl::from_secs(secs));
    }

    fn endpoint(&self) -> Endpoint<'_> {
        let signer: &dyn Signer = &self.signer;
        Endpoint { tenant: &self.tenant, issuer: &self.issuer, signer: Some(signer), sealer: &XorSealer }
    }

    /// Registers a client, as the administrator would have done before it proves itself.
    fn register(&self, client: &AuthenticatedClient) {
        self.store.client_insert(client.client().clone(), ClientSecrets::default());
    }

    fn token(&self, client: &AuthenticatedClient, form: &[(&str, &str)]) -> Result<Claims, Refusal> {
        self.register(client);
        let outcome =
            self.endpoint().token(&mut self.store.clone(), client, &params(form), &origin(), self.env());
        match outcome.unwrap() {
            Outcome::Issued(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    fn introspect(&self, caller: &AuthenticatedClient, token: &str) -> Claims {
        let form = params(&[("token", token)]);
        match self.endpoint().introspect(&mut self.store.clone(), caller, &form, self.env()).unwrap() {
            Outcome::Issued(answer) => answer,
            Outcome::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    /// Signs a user in for `client` with these scopes, as the password grant would.
    fn sign_in(
        &self,
        client: &AuthenticatedClient,
        user: &User,
        scope: &str,
        limits: SessionLimits,
    ) -> Claims {
        self.grant(client, user, scope, limits, None)
    }

    /// The same with `openid` under a policy.
    fn sign_in_under(&self, policy: &str, client: &AuthenticatedClient, user: &User) -> Claims {
        self.grant(client, user, "openid", HOUR, Some(testkit::policy_code(policy)))
    }

    fn grant(
        &self,
        client: &AuthenticatedClient,
        user: &User,
        scope: &str,
        limits: SessionLimits,
        policy: Option<domain::PolicyCode>,
    ) -> Claims {
        self.register(client);
        let grant = AuthorizedGrant {
            client_id: client.client().client_id.clone(),
            subject: Some(GrantSubject {
                user_id: user.id,
                user_name: user.user_name.clone(),
                subject_id: user.subject_id.clone(),
            }),
            scopes: scopes(scope),
            audience: Vec::new(),
            acr: Some("1".into()),
            amr: vec!["pwd".into()],
            auth_time: self.now,
            limits,
            refresh: RefreshPolicy::NewFamily(Ttl::from_secs(1000)),
            policy,
            channel: None,
            context: Vec::new(),
        };
        let form = params(&[("grant_type", "password"), ("username", &user.user_name), ("password", "x")]);
        let profile = self.tenant.profile();
        let request = TokenRequest::parse(&form, &profile).unwrap();
        let policy = Policy {
            issuer: &self.issuer,
            profile,
            id_token_validity: Ttl::from_secs(3600),
            id_token_alg: SigningAlg::RS256,
            client_generation: client.client().generation,
        };
        let origin = origin();
        let issuing = Issuing {
            policy,
            signer: Some(&self.signer),
            access_signer: Some(&self.signer),
            settings: &self.tenant.settings,
            sender: self.sender,
            sealer: &XorSealer,
            origin: &origin,
            env: self.env(),
        };
        let issued = issuing.fresh(client, &request, &grant).unwrap();
        self.apply(&issued.batch);
        issued.answer
    }

    fn apply(&self, batch: &WriteBatch) {
        assert_eq!(self.store.clone().apply(batch).unwrap(), domain::Applied::Committed);
    }
}

const HOUR: SessionLimits = SessionLimits { inactivity: None, total: Ttl::from_secs(3600) };

fn proven(client: Client) -> AuthenticatedClient {
    AuthenticatedClient::attest(Arc::new(client), Some(AuthMethod::ClientSecretBasic))
}

fn public(client: Client) -> AuthenticatedClient {
    AuthenticatedClient::attest(Arc::new(client), Some(AuthMethod::None))
}

fn params(form: &[(&str, &str)]) -> Params {
    Params::collect(form.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())), false).unwrap()
}

fn origin() -> Origin {
    Origin { source: None, request_id: RequestId::parse("test").unwrap() }
}

fn text<'a>(answer: &'a Claims, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

fn bob(world: &World) -> User {
    let bob = a_user("bob").attribute("given_name", "Bob").attribute("ATR_EMAIL", "bob@example.com").build();
    world.store.user_insert(bob.clone());
    bob
}
