//! Tenants, and how far a store reaches.

use domain::port::{Apply, AuthenticatorLookup, ClientLookup, SessionLookup, UserLookup};
use domain::{AdminWrite, Applied, ProfileName, SigningAlg, SigningKeyRecord, TenantSettings, WriteBatch};
use storage::{AuditFilter, TenantStore};
use testkit::{client_id, policy_code};

use crate::records::{CLIENT, NOW, POLICY, audit, bob, event, family, fresh, insert, later, locator, seed};
use crate::support::{Fixture, both, tenant_name};

both!(
    a_name_is_taken_once,
    names_are_case_sensitive,
    a_removed_tenant_takes_everything_but_its_log_along,
    a_number_is_never_given_twice,
    a_store_of_one_tenant_sees_nothing_of_another,
    revisions_tell_of_changes,
    a_rehashed_client_secret_bumps_the_revision,
    changes_in_a_removed_tenant_conflict,
);

fn a_name_is_taken_once(fixture: &Fixture) {
    let (tenant, _) = fixture.tenant("acme");
    let system = fixture.database.system();
    let settings = TenantSettings::new(ProfileName::Hid);
    assert!(system.tenant_insert(&tenant_name("acme"), &settings).expect("an answer").is_none());
    assert_eq!(system.tenant_named(&tenant_name("acme")).expect("an answer"), Some(tenant.clone()));
    assert_eq!(system.tenants().expect("an answer"), [tenant]);
}

fn names_are_case_sensitive(fixture: &Fixture) {
    let (one, _) = fixture.tenant("acme");
    let (two, _) = fixture.tenant("ACME");
    let system = fixture.database.system();
    assert_eq!(system.tenant_named(&tenant_name("Acme")).expect("an answer"), None);
    assert_eq!(system.tenants().expect("an answer"), [two, one], "in order of bytes");
}

fn fill(store: &TenantStore) {
    seed(store);
    let key = SigningKeyRecord {
        kid: "1".to_owned(),
        alg: SigningAlg::ES256,
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1],
        created_at: NOW,
        active_from: NOW,
        verify_from: None,
        retired_at: None,
    };
    let writes = vec![AdminWrite::InsertKey(Box::new(key))];
    assert_eq!(store.change(writes, vec![event(fresh(), NOW)]).expect("an answer"), Applied::Committed);
    let writes = vec![insert(fresh()), family(fresh(), fresh(), later(60)), audit()];
    assert_eq!(store.clone().apply(&WriteBatch { writes }).expect("an answer"), Applied::Committed);
}

const OWNED: [&str; 8] = [
    "policies",
    "clients",
    "users",
    "authenticators",
    "sessions",
    "refresh_families",
    "refresh_tokens",
    "signing_keys",
];

fn a_removed_tenant_takes_everything_but_its_log_along(fixture: &Fixture) {
    let (one, store) = fixture.tenant("one");
    let (two, other) = fixture.tenant("two");
    fill(&store);
    fill(&other);
    let system = fixture.database.system();
    system.tenant_remove(one.id).expect("it goes");
    system.tenant_remove(one.id).expect("it has gone");
    let mut raw = fixture.raw();
    for table in OWNED {
        assert_eq!(raw.count(table), 1, "{table}");
        assert_eq!(raw.count(&format!("{table} WHERE tenant_id = {}", two.id.number())), 1, "{table}");
    }
    assert_eq!(store.audit(&AuditFilter::default()).expect("an answer").len(), 2);
    assert_eq!(system.tenants().expect("an answer").len(), 1);
}

fn a_number_is_never_given_twice(fixture: &Fixture) {
    let (one, _) = fixture.tenant("one");
    fixture.database.system().tenant_remove(one.id).expect("it goes");
    let (again, store) = fixture.tenant("one");
    assert_ne!(again.id, one.id);
    assert!(store.audit(&AuditFilter::default()).expect("an answer").is_empty());
}

fn a_store_of_one_tenant_sees_nothing_of_another(fixture: &Fixture) {
    let (_, full) = fixture.tenant("full");
    let (_, mut empty) = fixture.tenant("empty");
    fill(&full);
    assert!(empty.client(&client_id(CLIENT)).expect("an answer").is_none());
    assert!(empty.user(bob().id).expect("an answer").is_none());
    assert!(empty.user_by_name("bob").expect("an answer").is_none());
    assert!(empty.authenticator(bob().id, &policy_code(POLICY)).expect("an answer").is_none());
    assert!(empty.clients(None, 10).expect("an answer").is_empty());
    assert!(empty.users(None, 10).expect("an answer").is_empty());
    assert!(empty.policies().expect("an answer").is_empty());
    assert!(empty.keys().expect("an answer").is_empty());
    assert!(empty.authenticators(bob().id).expect("an answer").is_empty());
    assert!(empty.audit(&AuditFilter::default()).expect("an answer").is_empty());
    let removals = vec![
        AdminWrite::RemoveClient(client_id(CLIENT)),
        AdminWrite::RemoveUser(bob().id),
        AdminWrite::RemovePolicy(policy_code(POLICY)),
        AdminWrite::RemoveKey("1".to_owned()),
    ];
    assert_eq!(empty.change(removals, Vec::new()).expect("an answer"), Applied::Committed);
    for table in OWNED {
        assert_eq!(fixture.raw().count(table), 1, "{table}");
    }
    assert_eq!(full.clients(None, 10).expect("an answer").len(), 1);
}

fn revisions_tell_of_changes(fixture: &Fixture) {
    let (one, store) = fixture.tenant("one");
    let (two, _) = fixture.tenant("two");
    seed(&store);
    assert_eq!(store.change(Vec::new(), vec![event(fresh(), NOW)]).expect("an answer"), Applied::Committed);
    let revisions = fixture.database.system().revisions().expect("an answer");
    assert_eq!(revisions, [(one.id, one.name, 2), (two.id, two.name, 1)]);
}

fn a_rehashed_client_secret_bumps_the_revision(fixture: &Fixture) {
    let (_, mut store) = fixture.tenant("one");
    seed(&store);
    let chosen = crate::records::hash;
    let secrets = domain::ClientSecrets { generated: None, chosen: Some(chosen("old")), sealed: None };
    let set = vec![AdminWrite::SetClientSecrets(client_id(CLIENT), secrets)];
    assert_eq!(store.change(set, Vec::new()).expect("an answer"), Applied::Committed);
    let rehash = |seen: &str| WriteBatch {
        writes: vec![domain::Write::RehashClientSecret {
            client_id: client_id(CLIENT),
            seen: chosen(seen),
            hash: chosen("new"),
        }],
    };
    let revision = || fixture.database.system().revisions().expect("an answer")[0].2;
    let before = revision();
    assert_eq!(store.apply(&rehash("other")).expect("an answer"), Applied::Committed);
    assert_eq!(revision(), before);
    assert_eq!(store.apply(&rehash("old")).expect("an answer"), Applied::Committed);
    assert_eq!(revision(), before + 1, "other nodes drop the hash they have cached");
}

fn changes_in_a_removed_tenant_conflict(fixture: &Fixture) {
    let (tenant, mut store) = fixture.tenant("one");
    seed(&store);
    fixture.database.system().tenant_remove(tenant.id).expect("it goes");
    let put = vec![AdminWrite::PutSettings(tenant.settings)];
    assert_eq!(store.change(put, Vec::new()).expect("an answer"), Applied::Conflict);
    let n = fresh();
    let batch = WriteBatch { writes: vec![insert(n)] };
    assert_eq!(store.apply(&batch).expect("an answer"), Applied::Conflict, "its client has gone");
    assert!(store.session(&locator(n)).expect("an answer").is_none());
    assert!(store.reserve_user_ids(1).is_err());
}
