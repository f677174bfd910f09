//! The ports.

use domain::port::{
    Apply, AuthenticatorLookup, ClientLookup, PolicyLookup, RefreshLookup, RememberedLookup, SessionLookup,
    SourceFailureLookup, StoredClient, UserLookup,
};
use domain::{
    Applied, AuthenticationPolicy, Authenticator, ClientId, Fault, Locator, PolicyCode, RefreshFamily,
    RememberedFor, RememberedKey, Session, SourceAddr, SourceFailures, StoredRefresh, SubjectId, User,
    UserId, WriteBatch,
};

use crate::table::{
    authenticators, clients, policies, refresh, remembered_ids, sessions, source_failures, users,
};
use crate::tenant::TenantStore;

impl ClientLookup for TenantStore {
    fn client(&mut self, id: &ClientId) -> Result<Option<StoredClient>, Fault> {
        self.database.read(|link| clients::one(link, self.tenant, id))
    }
}

impl PolicyLookup for TenantStore {
    fn policy(&mut self, code: &PolicyCode) -> Result<Option<AuthenticationPolicy>, Fault> {
        self.database.read(|link| policies::one(link, self.tenant, code))
    }
}

impl SessionLookup for TenantStore {
    fn session(&mut self, locator: &Locator) -> Result<Option<Session>, Fault> {
        self.database.read(|link| sessions::one(link, self.tenant, locator))
    }
}

impl RefreshLookup for TenantStore {
    fn refresh(&mut self, locator: &Locator) -> Result<Option<StoredRefresh>, Fault> {
        self.database.read(|link| refresh::one(link, self.tenant, locator))
    }

    fn family(&mut self, locator: &Locator) -> Result<Option<RefreshFamily>, Fault> {
        self.database.read(|link| refresh::family(link, self.tenant, locator))
    }
}

impl UserLookup for TenantStore {
    fn user_by_name(&mut self, user_name: &str) -> Result<Option<User>, Fault> {
        self.database.read(|link| users::named(link, self.tenant, user_name))
    }

    fn user(&mut self, id: UserId) -> Result<Option<User>, Fault> {
        self.database.read(|link| users::one(link, self.tenant, id))
    }

    fn user_by_subject(&mut self, subject: &SubjectId) -> Result<Option<User>, Fault> {
        self.database.read(|link| users::of_subject(link, self.tenant, subject))
    }
}

impl AuthenticatorLookup for TenantStore {
    fn authenticator(&mut self, user: UserId, policy: &PolicyCode) -> Result<Option<Authenticator>, Fault> {
        self.database.read(|link| authenticators::one(link, self.tenant, (user, policy)))
    }
}

impl SourceFailureLookup for TenantStore {
    fn source_failures(
        &mut self,
        client: &ClientId,
        source: SourceAddr,
    ) -> Result<Option<SourceFailures>, Fault> {
        self.database.read(|link| source_failures::one(link, self.tenant, client, source))
    }
}

impl RememberedLookup for TenantStore {
    fn remembered(&mut self, purpose: RememberedFor, key: &RememberedKey) -> Result<bool, Fault> {
        self.database.read(|link| remembered_ids::is_there(link, self.tenant, purpose, key))
    }
}

impl Apply for TenantStore {
    fn apply(&mut self, batch: &WriteBatch) -> Result<Applied, Fault> {
        self.submit_and_wait(batch.clone())
    }
}
