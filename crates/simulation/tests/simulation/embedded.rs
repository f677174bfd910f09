//! The same rules by the driver that hosts embed (`oidc_core::token::Endpoint`). It is synchronous: others get in
//! between whenever it comes to a port, and ports fail as a database does.

use domain::port::{Apply, PolicyLookup, RefreshLookup, SessionLookup, UserLookup};
use domain::{
    Applied, AuthenticatedClient, AuthenticationPolicy, Fault, Locator, PolicyCode, RefreshFamily, Session,
    SessionLimits, StoredRefresh, SubjectId, TenantSettings, User, UserId, WriteBatch,
};
use oidc_core::token::{Endpoint, Outcome, TokenRequest};
use testkit::XorSealer;

use crate::call::Call;
use crate::flow::{Refresh, asked, judge, params};
use crate::oracle::{Asked, Expected, Purpose, Seen};
use crate::party::{Credentials, name};
use crate::task::pause;
use crate::world::tenant;

/// The database as an embedded engine meets it.
struct Ports<'a> {
    call: &'a Call,
    client: &'a AuthenticatedClient,
    asked: Option<Asked>,
    seen: Seen,
    limits: SessionLimits,
    applied: bool,
}

impl<'a> Ports<'a> {
    fn new(call: &'a Call, client: &'a AuthenticatedClient, asked: Option<Asked>) -> Self {
        let limits = SessionLimits { inactivity: None, total: domain::Ttl::ZERO };
        Self { call, client, asked, seen: Seen::default(), limits, applied: false }
    }

    fn expected(&self) -> Expected {
        self.asked.as_ref().map_or(Expected::Refused, |asked| self.seen.expected(asked))
    }

    /// A failing database, sometimes.
    fn failure(&self) -> Result<(), Fault> {
        if self.call.world.choose(|random| random.chance(3)) {
            self.call.says("loses its database");
            return Err(Fault::Storage { table: "any", operation: "any", message: String::new() });
        }
        Ok(())
    }
}

impl PolicyLookup for Ports<'_> {
    fn policy(&mut self, code: &PolicyCode) -> Result<Option<AuthenticationPolicy>, Fault> {
        self.call.world.interleave();
        let policy = self.call.store().policy(code)?;
        if let Some(policy) = &policy {
            let machine = self.asked.is_none() && !self.call.profile().machine_inactivity;
            let inactivity = policy.inactivity().filter(|_| !machine);
            self.limits = SessionLimits { inactivity, total: policy.total() };
        }
        Ok(policy)
    }
}

impl RefreshLookup for Ports<'_> {
    fn refresh(&mut self, locator: &Locator) -> Result<Option<StoredRefresh>, Fault> {
        self.call.world.interleave();
        self.seen = self.call.world.oracle.borrow().seen(locator);
        Ok(self.call.world.refresh(locator))
    }

    fn family(&mut self, locator: &Locator) -> Result<Option<RefreshFamily>, Fault> {
        self.call.store().family(locator)
    }
}

impl UserLookup for Ports<'_> {
    fn user_by_name(&mut self, user_name: &str) -> Result<Option<User>, Fault> {
        self.call.store().user_by_name(user_name)
    }

    fn user(&mut self, id: UserId) -> Result<Option<User>, Fault> {
        self.call.world.interleave();
        self.seen.user_enabled = self.call.world.oracle.borrow().user_enabled(self.seen.family.as_ref());
        self.call.store().user(id)
    }

    fn user_by_subject(&mut self, subject: &SubjectId) -> Result<Option<User>, Fault> {
        self.call.store().user_by_subject(subject)
    }
}

impl SessionLookup for Ports<'_> {
    fn session(&mut self, locator: &Locator) -> Result<Option<Session>, Fault> {
        self.call.store().session(locator)
    }
}

impl Apply for Ports<'_> {
    fn apply(&mut self, batch: &WriteBatch) -> Result<Applied, Fault> {
        self.call.world.interleave();
        self.failure()?;
        let expected = self.expected();
        let purpose = if let Some(asked) = &self.asked {
            Purpose::Refresh { asked, expected: &expected, limits: self.limits }
        } else {
            let client = &self.client.client().client_id;
            Purpose::Machine { client, limits: self.limits, now: self.call.now }
        };
        let applied = self.call.apply(&purpose, batch);
        self.applied = applied == Applied::Committed;
        self.failure()?;
        Ok(applied)
    }
}

/// `refresh_token`.
pub(crate) async fn refresh(call: Call, with: Credentials, refresh: Refresh) {
    let Some(client) = call.authenticate(&with).await else { return };
    pause().await;
    let (profile, form) = (call.profile(), refresh.params());
    let request = TokenRequest::parse(&form, &profile).unwrap();
    let mut ports = Ports::new(&call, &client, Some(asked(&call, &client, &request, &refresh)));
    let Some(outcome) = token(&call, &mut ports, &client, &form) else { return };
    let (expected, writes) = (ports.expected(), ports.applied);
    judge(&call, &expected, &outcome, writes);
    if let (Outcome::Issued(answer), Expected::Fresh) = (&outcome, &expected) {
        call.remember(&client, answer);
    }
    pause().await;
    call.says(&format!("is told of {}: {expected:?}", name(&refresh.token.locator)));
}

/// `client_credentials`.
pub(crate) async fn machine(call: Call, with: Credentials) {
    let Some(client) = call.authenticate(&with).await else { return };
    pause().await;
    let mut ports = Ports::new(&call, &client, None);
    let form = params(&[("grant_type", "client_credentials")]);
    let Some(outcome) = token(&call, &mut ports, &client, &form) else { return };
    let writes = ports.applied;
    match outcome {
        Outcome::Issued(answer) if writes => call.remember(&client, &answer),
        outcome => call.must(false, &format!("a machine came to {outcome:?} (writes: {writes})")),
    }
    pause().await;
    call.says("is told its token");
}

fn token(
    call: &Call,
    ports: &mut Ports<'_>,
    client: &AuthenticatedClient,
    form: &oidc_core::Params,
) -> Option<Outcome> {
    let settings: TenantSettings = call.facts.settings.clone();
    let settings = TenantSettings { profile: call.world.profile, ..settings };
    let tenant = tenant(settings, call.facts.revision);
    let world = &call.world;
    let endpoint =
        Endpoint { tenant: &tenant, issuer: &world.issuer, signer: Some(&world.signer), sealer: &XorSealer };
    match endpoint.token(ports, client, form, &world.origin, call.env()) {
        Ok(outcome) => Some(outcome),
        Err(Fault::Storage { .. }) => None,
        Err(Fault::Contended(rounds)) => {
            call.says(&format!("gives up after {rounds} rounds"));
            None
        }
        Err(fault) => {
            call.must(false, &format!("a fault: {fault}"));
            None
        }
    }
}
