//! The host's loop: facts, decision, apply; again on a conflict.

use domain::port::{Apply, ClientLookup, SourceFailureLookup};
use domain::{Applied, SourceAddr};
use testkit::{MemoryStore, PlainHasher, a_client, client_id, source};

use super::{World, authenticated, basic, refusal};
use crate::Facts;

#[test]
fn parallel_failures_are_all_counted_and_lock_the_source_alone() {
    let world = World::new();
    let mut store = MemoryStore::new();
    let (client, secrets) = a_client("spl-api").chosen_secret("password01", &PlainHasher { round: 1 });
    store.client_insert(client, secrets);
    let (id, unit) = (client_id("spl-api"), SourceAddr::lock_unit(source(world.address)));
    let client = store.client(&id).unwrap();
    let mut conflicts = 0;
    for _ in 0..2 {
        // Two requests look before either writes; the second one's writes conflict, and it looks again.
        let seen = store.source_failures(&id, unit).unwrap();
        for _ in 0..2 {
            let mut failures = seen;
            loop {
                let facts = Facts { failures, ..world.facts(client.as_ref()) };
                let (_, writes) = refusal(world.run(&basic("wrong"), &facts));
                if store.apply(&writes).unwrap() == Applied::Committed {
                    break;
                }
                conflicts += 1;
                failures = store.source_failures(&id, unit).unwrap();
            }
        }
    }
    let counted = store.source_failures(&id, unit).unwrap().unwrap();
    assert_eq!((counted.consecutive, counted.locked_until.is_some(), conflicts), (3, true, 2));
    assert_eq!(store.audit().len(), 3, "the fourth met the lock, which stores nothing");
    let elsewhere = World { address: "198.51.100.1", ..World::new() };
    authenticated(elsewhere.run(&basic("password01"), &elsewhere.facts(client.as_ref())));
}
