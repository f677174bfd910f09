//! Tests of whole attempts.

mod counting;
mod reasons;
mod store;

use domain::port::{PasswordHash, SecretHasher};
use domain::{
    AuthenticationPolicy, Authenticator, ChannelCode, ClientId, FailureReason, Origin, RequestId, Secret,
    Timestamp, User, Write, WriteBatch,
};
use testkit::{ManualClock, PlainHasher, SeededEntropy, a_policy, a_user, an_authenticator, client_id};

use super::{Attempt, Conclusion, conclude, hash_to_check};

const HASHER: PlainHasher = PlainHasher { round: 1 };

fn hash(text: &str) -> PasswordHash {
    HASHER.hash(&Secret::new(text.to_owned())).unwrap()
}

/// A user, a policy, and what surrounds an attempt.
struct World {
    clock: ManualClock,
    entropy: SeededEntropy,
    origin: Origin,
    client: ClientId,
    policy: AuthenticationPolicy,
    user: Option<User>,
    authenticator: Option<Authenticator>,
    channel: Option<ChannelCode>,
    client_proved: bool,
}

impl World {
    /// `alice`, whose password is `opensesame`, under a policy that locks at the third failure.
    fn new() -> Self {
        let user = a_user("alice").build();
        let authenticator = an_authenticator(&user, "AT_CUSTPW", hash("opensesame")).build();
        Self {
            clock: ManualClock::new(),
            entropy: SeededEntropy::new(9),
            origin: Origin { source: None, request_id: RequestId::parse("r").unwrap() },
            client: client_id("spl-api"),
            policy: a_policy("AT_CUSTPW").disable_threshold(3).timeouts(600, 3600).build(),
            user: Some(user),
            authenticator: Some(authenticator),
            channel: None,
            client_proved: true,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn held(&mut self) -> &mut Authenticator {
        self.authenticator.as_mut().unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn attempt<'a>(&'a self, password: &'a Secret) -> Attempt<'a> {
        Attempt {
            user_name: "alice",
            user: self.user.as_ref(),
            authenticator: self.authenticator.as_ref(),
            policy: &self.policy,
            channel: self.channel.as_ref(),
            password,
            client_id: &self.client,
            client_proved: self.client_proved,
            origin: &self.origin,
        }
    }

    fn asks_for_a_hash(&self, password: &str) -> bool {
        let password = Secret::new(password.to_owned());
        hash_to_check(&self.attempt(&password), &self.clock.env(&self.entropy)).is_some()
    }

    /// The whole way, with the slow work in between.
    fn tries(&self, password: &str) -> Conclusion {
        let password = Secret::new(password.to_owned());
        let (attempt, env) = (self.attempt(&password), self.clock.env(&self.entropy));
        let verified = HASHER.verify(&password, hash_to_check(&attempt, &env).as_ref()).unwrap();
        let rehash = verified.matches.then(|| HASHER.hash(&password).unwrap());
        conclude(&attempt, verified, rehash, &env).unwrap()
    }
}

#[track_caller]
fn failed(conclusion: Conclusion) -> (FailureReason, Vec<Write>) {
    match conclusion {
        Conclusion::Failed { reason, writes } => (reason, writes.writes),
        Conclusion::Proven { .. } => panic!("not failed: {conclusion:?}"),
    }
}

#[track_caller]
fn proven(conclusion: Conclusion) -> (domain::Evidence, WriteBatch) {
    match conclusion {
        Conclusion::Proven { evidence, writes } => (evidence, writes),
        Conclusion::Failed { .. } => panic!("not proven: {conclusion:?}"),
    }
}
