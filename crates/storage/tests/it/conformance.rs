//! The suite that every store must pass.

use std::sync::Arc;

use domain::port::{
    Apply, AuthenticatorLookup, ClientLookup, PolicyLookup, RefreshLookup, RememberedLookup, SessionLookup,
    SourceFailureLookup, StoredClient, UserLookup,
};
use domain::{
    AdminWrite, Applied, AuthenticationPolicy, Authenticator, ClientId, Fault, Locator, PolicyCode,
    RefreshFamily, RegistrationToken, RememberedFor, RememberedKey, Session, SigningKeyRecord, SourceAddr,
    SourceFailures, StoredRefresh, SubjectId, TenantSettings, User, UserId, WriteBatch,
};
use storage::{AuditFilter, TenantStore};
use testkit::conformance::TestStore;

use crate::records::fresh;
use crate::support::Fixture;

macro_rules! tests {
    ([$make:path] $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                if let Some(mut store) = $make() {
                    testkit::conformance::$case(&mut *store);
                }
            }
        )*
    };
}

mod sqlite {
    testkit::conformance_cases!(tests super::sqlite_store);
}

mod postgres {
    testkit::conformance_cases!(tests super::postgres_store);
}

#[expect(clippy::unnecessary_wraps, reason = "PostgreSQL's may be absent")]
fn sqlite_store() -> Option<Box<dyn TestStore>> {
    Some(Handle::open(&Arc::new(Fixture::sqlite())))
}

fn postgres_store() -> Option<Box<dyn TestStore>> {
    Fixture::postgres().map(|fixture| Handle::open(&Arc::new(fixture)))
}

struct Handle {
    store: TenantStore,
    fixture: Arc<Fixture>,
}

impl Handle {
    fn open(fixture: &Arc<Fixture>) -> Box<dyn TestStore> {
        let (_, store) = fixture.tenant(&format!("tenant-{}", fresh()));
        Box::new(Self { store, fixture: Arc::clone(fixture) })
    }
}

impl TestStore for Handle {
    fn another(&self) -> Box<dyn TestStore> {
        Box::new(Self { store: self.store.clone(), fixture: Arc::clone(&self.fixture) })
    }

    fn other_tenant(&self) -> Box<dyn TestStore> {
        Self::open(&self.fixture)
    }

    fn admin(&mut self, writes: Vec<AdminWrite>) -> Result<Applied, Fault> {
        self.store.change(writes, Vec::new())
    }

    fn keys(&mut self) -> Result<Vec<SigningKeyRecord>, Fault> {
        self.store.keys()
    }

    fn registration_token(&mut self, id: &Locator) -> Result<Option<RegistrationToken>, Fault> {
        self.store.registration_token(id)
    }

    fn settings(&mut self) -> Result<(TenantSettings, i64), Fault> {
        let tenants = self.fixture.database.system().tenants()?;
        let tenant =
            tenants.into_iter().find(|tenant| tenant.id == self.store.tenant_id()).expect("the tenant");
        Ok((tenant.settings, tenant.revision))
    }

    fn audit_ids(&mut self) -> Result<Vec<Locator>, Fault> {
        let all = AuditFilter { limit: 10_000, ..AuditFilter::default() };
        Ok(self.store.audit(&all)?.into_iter().map(|row| row.id).collect())
    }
}

impl ClientLookup for Handle {
    fn client(&mut self, id: &ClientId) -> Result<Option<StoredClient>, Fault> {
        self.store.client(id)
    }
}

impl PolicyLookup for Handle {
    fn policy(&mut self, code: &PolicyCode) -> Result<Option<AuthenticationPolicy>, Fault> {
        self.store.policy(code)
    }
}

impl SessionLookup for Handle {
    fn session(&mut self, locator: &Locator) -> Result<Option<Session>, Fault> {
        self.store.session(locator)
    }
}

impl RefreshLookup for Handle {
    fn refresh(&mut self, locator: &Locator) -> Result<Option<StoredRefresh>, Fault> {
        self.store.refresh(locator)
    }

    fn family(&mut self, locator: &Locator) -> Result<Option<RefreshFamily>, Fault> {
        self.store.family(locator)
    }
}

impl UserLookup for Handle {
    fn user_by_name(&mut self, user_name: &str) -> Result<Option<User>, Fault> {
        self.store.user_by_name(user_name)
    }

    fn user(&mut self, id: UserId) -> Result<Option<User>, Fault> {
        self.store.user(id)
    }

    fn user_by_subject(&mut self, subject: &SubjectId) -> Result<Option<User>, Fault> {
        self.store.user_by_subject(subject)
    }
}

impl AuthenticatorLookup for Handle {
    fn authenticator(&mut self, user: UserId, policy: &PolicyCode) -> Result<Option<Authenticator>, Fault> {
        self.store.authenticator(user, policy)
    }
}

impl SourceFailureLookup for Handle {
    fn source_failures(
        &mut self,
        client: &ClientId,
        source: SourceAddr,
    ) -> Result<Option<SourceFailures>, Fault> {
        self.store.source_failures(client, source)
    }
}

impl RememberedLookup for Handle {
    fn remembered(&mut self, purpose: RememberedFor, key: &RememberedKey) -> Result<bool, Fault> {
        self.store.remembered(purpose, key)
    }
}

impl Apply for Handle {
    fn apply(&mut self, batch: &WriteBatch) -> Result<Applied, Fault> {
        self.store.apply(batch)
    }
}
