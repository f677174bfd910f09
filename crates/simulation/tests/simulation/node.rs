//! A node: what it remembers of clients and policies, and obeys within two seconds (DECISIONS 5.7).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::port::{ClientLookup as _, PolicyLookup as _, StoredClient};
use domain::{AuthenticationPolicy, ClientId, PolicyCode, TenantSettings, Timestamp, Ttl};
use testkit::MemoryStore;

/// How old a comparison of revisions may be.
const FRESH: Ttl = Ttl::from_secs(2);

/// The tenant as a node remembers it. A request keeps what it began with.
pub(crate) struct Facts {
    pub(crate) settings: TenantSettings,
    pub(crate) revision: i64,
    policies: BTreeMap<PolicyCode, AuthenticationPolicy>,
    clients: RefCell<BTreeMap<ClientId, Option<StoredClient>>>,
}

impl Facts {
    fn load(store: &MemoryStore) -> Self {
        let (settings, revision) = store.settings();
        let code = |code: &str| store.clone().policy(&testkit::policy_code(code)).unwrap();
        let policies = [crate::world::POLICY, "AT_SYSLOG"].into_iter().filter_map(code);
        let policies = policies.map(|policy| (policy.code.clone(), policy)).collect();
        Self { settings, revision, policies, clients: RefCell::default() }
    }

    pub(crate) fn policy(&self, code: &PolicyCode) -> Option<&AuthenticationPolicy> {
        self.policies.get(code)
    }

    pub(crate) fn client(&self, store: &MemoryStore, id: &ClientId) -> Option<StoredClient> {
        let known = self.clients.borrow().get(id).cloned();
        known.unwrap_or_else(|| self.load_client(store, id))
    }

    /// The client as stored now, and remembered so.
    pub(crate) fn load_client(&self, store: &MemoryStore, id: &ClientId) -> Option<StoredClient> {
        let stored = store.clone().client(id).unwrap();
        self.clients.borrow_mut().insert(id.clone(), stored.clone());
        stored
    }
}

/// A node of the installation.
#[derive(Default)]
pub(crate) struct Node(RefCell<Option<(Rc<Facts>, Timestamp)>>);

impl Node {
    pub(crate) fn facts(&self, store: &MemoryStore, now: Timestamp) -> Rc<Facts> {
        let mut memory = self.0.borrow_mut();
        if let Some((facts, compared)) = memory.as_mut() {
            if !compared.plus(FRESH).has_passed(now) {
                return Rc::clone(facts);
            }
            if facts.revision == store.settings().1 {
                *compared = now;
                return Rc::clone(facts);
            }
        }
        let facts = Rc::new(Facts::load(store));
        *memory = Some((Rc::clone(&facts), now));
        facts
    }

    /// A crash takes the memory along.
    pub(crate) fn forget(&self) {
        self.0.take();
    }
}
