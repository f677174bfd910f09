//! Tests of the whole engine: what is presented, what is decided, what is said.

mod assertion;
mod bearer;
mod certificate;
mod decide;
mod lock;
mod parse;
mod reason;
mod store;

use domain::port::{SecretHasher, StoredClient};
use domain::{
    AuthMethod, AuthenticationPolicy, Client, ClientSecrets, Origin, ProfileName, Refusal, RequestId, Secret,
    WireProfile, Write, WriteBatch,
};
use testkit::{FastDigest, ManualClock, PlainHasher, SeededEntropy, client_id, source};

use crate::{AuthStep, Facts, Presented, begin, resume};

const HID: WireProfile = WireProfile::named(ProfileName::Hid);
const OPENID: WireProfile = WireProfile::named(ProfileName::Openid);
const HID_TEXT: &str =
    "Client authentication failed: Password does not match: - Client id or secret is invalid";

/// Everything around a decision.
struct World {
    clock: ManualClock,
    entropy: SeededEntropy,
    origin: Origin,
    address: &'static str,
    profile: WireProfile,
    policy: AuthenticationPolicy,
}

impl World {
    fn new() -> Self {
        let address = "192.0.2.7";
        let request_id = RequestId::parse("req-1").unwrap();
        Self {
            clock: ManualClock::new(),
            entropy: SeededEntropy::new(1),
            origin: Origin { source: Some(source(address)), request_id },
            address,
            profile: HID,
            policy: testkit::a_policy("AT_SYSLOG").disable_threshold(3).build(),
        }
    }

    fn facts<'a>(&'a self, stored: Option<&'a StoredClient>) -> Facts<'a> {
        Facts {
            stored,
            policy: Some(&self.policy),
            failures: None,
            chain: None,
            registered: None,
            source: source(self.address),
            origin: &self.origin,
            audiences: &["https://as.example", "https://as.example/token"],
            profile: self.profile,
        }
    }

    fn begin(&self, presented: &Presented, facts: &Facts<'_>) -> AuthStep {
        begin(presented, facts, &FastDigest, &self.clock.env(&self.entropy)).unwrap()
    }

    /// The whole way, with the slow work in between where it is asked for.
    fn run(&self, presented: &Presented, facts: &Facts<'_>) -> AuthStep {
        match self.begin(presented, facts) {
            AuthStep::NeedHash(need) => {
                let Presented::Secret { secret, .. } = presented else { panic!("only secrets are hashed") };
                let hasher = PlainHasher { round: 1 };
                let verified = hasher.verify(secret, need.hash.as_ref()).unwrap();
                let rehash = verified.matches.then(|| hasher.hash(secret).unwrap());
                resume(presented, facts, verified, rehash, &self.clock.env(&self.entropy)).unwrap()
            }
            step => step,
        }
    }
}

fn stored((client, secrets): (Client, ClientSecrets)) -> StoredClient {
    StoredClient { client: client.into(), secrets }
}

/// A client with the chosen secret `password01`, hashed under today's parameters.
fn chosen() -> StoredClient {
    stored(testkit::a_client("spl-api").chosen_secret("password01", &PlainHasher { round: 1 }))
}

fn presents(method: AuthMethod, secret: &str) -> Presented {
    Presented::Secret { method, client_id: client_id("spl-api"), secret: Secret::new(secret.to_owned()) }
}

fn basic(secret: &str) -> Presented {
    presents(AuthMethod::ClientSecretBasic, secret)
}

#[track_caller]
fn refusal(step: AuthStep) -> (Refusal, WriteBatch) {
    match step {
        AuthStep::Refused(refusal, writes) => (refusal, writes),
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn authenticated(step: AuthStep) -> (domain::AuthenticatedClient, Vec<Write>) {
    match step {
        AuthStep::Authenticated(client, writes) => (client, writes.writes),
        other => panic!("not authenticated: {other:?}"),
    }
}
