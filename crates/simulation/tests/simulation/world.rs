//! What all requests of one run share: one database, two nodes, one clock, one seed.

use std::cell::{Cell, RefCell};

use domain::{
    AuthMethod, Authenticator, Client, Env, GrantType, Issuer, Locator, Origin, PasswordCredential,
    ProfileName, RequestId, Secret, StoredRefresh, Tenant, TenantName, TenantSettings, Timestamp, Ttl, User,
    UserStatus, port::SecretHasher as _,
};
use testkit::{
    FastDigest, MemoryStore, PlainHasher, SeededEntropy, TestSigner, a_client, a_policy, a_user,
    an_authenticator, source, tenant_id,
};

use crate::node::Node;
use crate::oracle::Oracle;
use crate::party::{Known, Party, Proof};
use crate::planted::{Database, Planted};
use crate::random::Random;
use crate::task::Tasks;

/// Under this policy users prove themselves.
pub(crate) const POLICY: &str = "AT_STDPWD";
/// All scopes that a grant can have here.
pub(crate) const SCOPES: &str = "openid profile offline_access";

/// One run.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) database: Database,
    pub(crate) oracle: RefCell<Oracle>,
    pub(crate) nodes: [Node; 2],
    pub(crate) tasks: Tasks,
    pub(crate) parties: Vec<Party>,
    pub(crate) users: Vec<User>,
    /// Every token that was ever made.
    pub(crate) known: RefCell<Vec<Known>>,
    pub(crate) issuer: Issuer,
    pub(crate) profile: ProfileName,
    /// Whether refresh tokens rotate: the profiles of today all do, the rules can do without.
    pub(crate) rotate: bool,
    pub(crate) signer: TestSigner,
    pub(crate) origin: Origin,
    pub(crate) entropy: SeededEntropy,
    random: RefCell<Random>,
    now: Cell<Timestamp>,
    requests: Cell<u32>,
    broken: RefCell<Option<String>>,
    trace: RefCell<Option<Vec<String>>>,
}

/// Adds a line to the trace, if there is one; the words are made only then.
macro_rules! note {
    ($world:expr, $($words:tt)*) => {
        if $world.traces() {
            $world.push(format!($($words)*));
        }
    };
}
pub(crate) use note;

impl World {
    pub(crate) fn new(seed: u64, traced: bool, planted: Planted) -> Self {
        let mut random = Random::new(seed);
        let profile = if random.chance(50) { ProfileName::Hid } else { ProfileName::Openid };
        let rotate = random.chance(85);
        let entropy = SeededEntropy::new(seed);
        let now = Timestamp::from_secs(1_800_000_000);
        let store = MemoryStore::new();
        let (parties, users) = people(&store, &Env { now, entropy: &entropy });
        let oracle = Oracle::new(&parties, &users);
        let world = Self {
            store,
            database: Database::with(planted),
            oracle: RefCell::new(oracle),
            nodes: [Node::default(), Node::default()],
            tasks: Tasks::default(),
            parties,
            users,
            known: RefCell::default(),
            issuer: Issuer::new("https://id.example", &TenantName::parse("acme").unwrap()),
            profile,
            rotate,
            signer: TestSigner::default(),
            origin: Origin { source: None, request_id: RequestId::parse("simulated").unwrap() },
            entropy,
            random: RefCell::new(random),
            now: Cell::new(now),
            requests: Cell::new(0),
            broken: RefCell::default(),
            trace: RefCell::new(traced.then(Vec::new)),
        };
        note!(world, "{profile:?}, rotating: {rotate}");
        world
    }

    pub(crate) fn env(&self, now: Timestamp) -> Env<'_> {
        Env { now, entropy: &self.entropy }
    }

    /// A refresh token with its family, as the database has it.
    pub(crate) fn refresh(&self, locator: &Locator) -> Option<StoredRefresh> {
        self.database.refresh(&mut self.store.clone(), locator)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(crate) fn advance(&self, by: Ttl) {
        self.now.set(self.now.get().plus(by));
    }

    pub(crate) fn number(&self) -> u32 {
        self.requests.update(|number| number + 1);
        self.requests.get()
    }

    pub(crate) fn choose<T>(&self, choice: impl FnOnce(&mut Random) -> T) -> T {
        choice(&mut self.random.borrow_mut())
    }

    /// Notes that an invariant does not hold. The first one counts.
    pub(crate) fn broken(&self, what: &str) {
        note!(self, "BROKEN: {what}");
        self.broken.borrow_mut().get_or_insert_with(|| what.to_owned());
    }

    /// What [`World::broken`] was told.
    pub(crate) fn verdict(&self) -> Option<String> {
        self.broken.borrow().clone()
    }

    pub(crate) fn traces(&self) -> bool {
        self.trace.borrow().is_some()
    }

    pub(crate) fn push(&self, line: String) {
        let time = self.now.get().millis() - 1_800_000_000_000;
        if let Some(trace) = self.trace.borrow_mut().as_mut() {
            trace.push(format!("{:>9}.{:03} {line}", time / 1000, time % 1000));
        }
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Lets other requests go on, for as long as the seed wants.
    pub(crate) fn interleave(&self) {
        while self.tasks.len() > 0 && self.choose(|random| random.chance(60)) {
            let index = self.choose(|random| random.below(self.tasks.len()));
            self.tasks.step(index);
        }
    }
}

/// The tenant, for a host that embeds the engine.
pub(crate) fn tenant(settings: TenantSettings, revision: i64) -> Tenant {
    Tenant { id: tenant_id(1), name: TenantName::parse("acme").unwrap(), settings, revision }
}

/// A confidential application, another, a public one, a machine with a generated and one with a chosen secret.
fn people(store: &MemoryStore, env: &Env<'_>) -> (Vec<Party>, Vec<User>) {
    let user_grants = [GrantType::Password, GrantType::RefreshToken];
    let application = |id: &str| {
        let lives = |client: &mut Client| client.refresh_token_validity = Some(Ttl::from_secs(1200));
        a_client(id).scopes(SCOPES).grants(user_grants).user_policy(POLICY).with(lives)
    };
    let machine = |id: &str| a_client(id).scopes("read write").grants([GrantType::ClientCredentials]);
    let mut parties = Vec::new();
    for (id, builder) in [
        ("app", application("app")),
        ("other", application("other").methods([AuthMethod::ClientSecretPost])),
        ("machine", machine("machine").permission("introspect")),
    ] {
        let method = builder.clone().build().token_endpoint_auth_method;
        let (client, secrets, secret) = builder.generated_secret(env, &FastDigest);
        store.client_insert(client.clone(), secrets.clone());
        let proof = Proof::Secret(method, secret.expose().to_owned());
        parties.push(Party { id: testkit::client_id(id), client, secrets, proof });
    }
    let (client, secrets) = application("spa").public().no_secret();
    store.client_insert(client.clone(), secrets.clone());
    parties.push(Party { id: client.client_id.clone(), client, secrets, proof: Proof::Public });
    let hasher = PlainHasher::default();
    let (client, secrets) = machine("legacy").chosen_secret(CHOSEN, &hasher);
    store.client_insert(client.clone(), secrets.clone());
    let proof = Proof::Secret(AuthMethod::ClientSecretBasic, CHOSEN.to_owned());
    parties.push(Party { id: client.client_id.clone(), client, secrets, proof });

    store.policy_insert(
        a_policy(POLICY).timeouts(120, 900).disable_threshold(3).auto_unlock_seconds(60).build(),
    );
    store.policy_insert(a_policy("AT_SYSLOG").timeouts(120, 600).disable_threshold(3).build());
    let users: Vec<User> = ["alice", "bob"].map(|name| a_user(name).build()).into();
    for user in &users {
        store.user_insert(user.clone());
        store.authenticator_insert(authenticator(user));
    }
    (parties, users)
}

/// The secret that a person chose for `legacy`.
const CHOSEN: &str = "a chosen secret";

fn authenticator(user: &User) -> Authenticator {
    let hash = PlainHasher::default().hash(&Secret::new(password(user, 1))).unwrap();
    an_authenticator(user, POLICY, hash).build()
}

/// A user's password in a version.
pub(crate) fn password(user: &User, version: i64) -> String {
    format!("{} chose number {version}", user.user_name)
}

/// The credential of the next version.
pub(crate) fn next_password(user: &User, now: &Authenticator) -> PasswordCredential {
    let version = now.password.version + 1;
    let hash = PlainHasher::default().hash(&Secret::new(password(user, version))).unwrap();
    PasswordCredential { hash, version, uses: 0, history: Vec::new() }
}

/// The address from which everybody calls, in the unit that locks use.
pub(crate) fn address() -> domain::SourceAddr {
    source("192.0.2.1")
}

/// The same user with another status.
pub(crate) fn with_status(user: &User, status: UserStatus) -> Box<User> {
    Box::new(User { status, ..user.clone() })
}
