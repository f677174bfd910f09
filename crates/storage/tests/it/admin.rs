//! What administrators do, where the suite for all stores does not say it.

use domain::port::{AuthenticatorLookup, UserLookup};
use domain::{AdminWrite, Applied, ClientSecrets, Fault, PasswordCredential, SubjectId, UserId};
use storage::TenantStore;
use testkit::{a_client, a_user, client_id, policy_code};

use crate::records::{NOW, POLICY, bob, hash, seed};
use crate::support::{Fixture, both};

both!(
    user_ids_are_given_once_and_from_10001,
    a_chosen_user_id_is_not_given_again,
    a_subject_is_never_a_client,
    eight_earlier_passwords_are_kept,
    lists_come_in_pages_in_order_of_bytes,
    a_user_name_with_nul_is_nobody,
);

fn change(store: &TenantStore, write: AdminWrite) -> Applied {
    store.change(vec![write], Vec::new()).expect("an answer")
}

fn user_ids_are_given_once_and_from_10001(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    let (_, other) = fixture.tenant("other");
    assert_eq!(store.reserve_user_ids(3).expect("ids"), UserId::new(10_001));
    assert_eq!(store.reserve_user_ids(1).expect("ids"), UserId::new(10_004));
    assert_eq!(other.reserve_user_ids(1).expect("ids"), UserId::new(10_001));
    assert!(matches!(store.reserve_user_ids(0), Err(Fault::Invariant(_))));
    let firsts = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| store.reserve_user_ids(2).expect("ids").number())).collect();
        let mut firsts: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("it ends")).collect();
        firsts.sort_unstable();
        firsts
    });
    assert_eq!(firsts, (0..8).map(|n| 10_005 + 2 * n).collect::<Vec<_>>());
}

fn a_chosen_user_id_is_not_given_again(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    let user = a_user("carol").with(|user| user.id = UserId::new(10_005)).build();
    assert_eq!(change(&store, AdminWrite::InsertUser(Box::new(user))), Applied::Committed);
    assert_eq!(store.reserve_user_ids(1).expect("ids"), UserId::new(10_006));
}

fn a_subject_is_never_a_client(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let subject = bob().subject_id;
    let client = a_client(subject.as_str()).build();
    let insert = AdminWrite::InsertClient(Box::new(client.clone()), ClientSecrets::default());
    assert_eq!(change(&store, insert), Applied::Conflict);
    let carol = |subject: &str| {
        let subject = SubjectId::parse(subject).expect("a subject");
        Box::new(a_user("carol").with(|user| user.subject_id = subject).build())
    };
    assert_eq!(change(&store, AdminWrite::InsertUser(carol("client-1"))), Applied::Conflict);
    assert_eq!(change(&store, AdminWrite::InsertUser(carol("sub"))), Applied::Committed);
    assert_eq!(change(&store, AdminWrite::UpdateUser(carol("client-1"))), Applied::Conflict);
    let (_, other) = fixture.tenant("other");
    let elsewhere = AdminWrite::InsertClient(Box::new(client), ClientSecrets::default());
    assert_eq!(change(&other, elsewhere), Applied::Committed, "tenants have nothing to do with each other");
}

fn eight_earlier_passwords_are_kept(fixture: &Fixture) {
    let (_, mut store) = fixture.tenant("acme");
    seed(&store);
    let credential = PasswordCredential {
        hash: hash("new"),
        version: 2,
        uses: 0,
        history: (0..10).map(|n| hash(&n.to_string())).collect(),
    };
    let policy = policy_code(POLICY);
    let set =
        AdminWrite::SetPassword { user_id: bob().id, policy: policy.clone(), credential, valid_until: NOW };
    assert_eq!(change(&store, set), Applied::Committed);
    let stored = store.authenticator(bob().id, &policy).expect("an answer").expect("it");
    let kept: Vec<_> = stored.password.history.iter().map(domain::port::PasswordHash::as_phc).collect();
    assert_eq!(kept, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(store.authenticators(bob().id).expect("an answer").len(), 1);
}

fn lists_come_in_pages_in_order_of_bytes(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    for id in ["b", "A", "a", "B", "_"] {
        let insert = AdminWrite::InsertClient(Box::new(a_client(id).build()), ClientSecrets::default());
        assert_eq!(change(&store, insert), Applied::Committed);
    }
    for name in ["x", "y", "z"] {
        assert_eq!(
            change(&store, AdminWrite::InsertUser(Box::new(a_user(name).build()))),
            Applied::Committed
        );
    }
    let ids = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(client_id);
        let page = store.clients(after.as_ref(), limit).expect("an answer");
        page.iter().map(|stored| stored.client.client_id.to_string()).collect()
    };
    assert_eq!(ids(None, 3), ["A", "B", "_"]);
    assert_eq!(ids(Some("_"), 3), ["a", "b"]);
    assert_eq!(ids(None, -1), [""; 0]);
    let first = store.users(None, 2).expect("an answer");
    let rest = store.users(first.last().map(|user| user.id), 2).expect("an answer");
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert!(first[0].id < first[1].id && first[1].id < rest[0].id);
}

fn a_user_name_with_nul_is_nobody(fixture: &Fixture) {
    let (_, mut store) = fixture.tenant("acme");
    seed(&store);
    assert!(store.user_by_name("bob\0").expect("an answer").is_none());
    let user = a_user("nul").with(|user| user.user_name.push('\0')).build();
    assert!(store.change(vec![AdminWrite::InsertUser(Box::new(user))], Vec::new()).is_err());
    assert_eq!(store.users(None, 10).expect("an answer").len(), 1);
}
