//! Two nodes over one PostgreSQL.

use super::{MACHINE, TENANT, access, apply, ask, bound, introspected, key::Key, url};
use crate::{
    postgresql::configured,
    support::{
        Ask as _, http,
        serve::{Node, countersign},
    },
};

#[test]
fn what_one_node_has_seen_or_denied_the_other_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let Some(config) = configured(dir.path()) else { return };
    countersign(dir.path(), &["init", "--config", config, "--tenant", "main"]);
    apply(dir.path(), TENANT);
    let (one, two) = (Node::start(dir.path(), config), Node::start(dir.path(), config));

    // One proof, many requests, both nodes: one token.
    for _ in 0..5 {
        let proof = Key::es256().proof("POST", &url("token")).text();
        let ends: Vec<(u16, String)> = std::thread::scope(|scope| {
            let send = |node: &Node| ask(node, "web", MACHINE).header("DPoP", &proof).said().error();
            let threads: Vec<_> =
                [&one, &two, &one, &two].into_iter().map(|node| scope.spawn(move || send(node))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ends.iter().filter(|end| end.0 == 200).count(), 1, "{ends:?}");
        assert!(ends.iter().all(|end| end.0 == 200 || end.1 == "invalid_dpop_proof"), "{ends:?}");
    }

    // A nonce of one node is one of the other.
    let key = Key::es256();
    let said = ask(&one, "nonced", MACHINE).header("DPoP", key.proof("POST", &url("token")).text()).said();
    let proof = key.proof("POST", &url("token")).claim("nonce", said.header("dpop-nonce")).text();
    assert_eq!(ask(&two, "nonced", MACHINE).header("DPoP", proof).said().status, 200);

    // A JWT that one node issued and revoked is dead at the other, at once.
    let answer = bound(&one, "jwt", MACHINE, &key);
    let token = access(&answer);
    assert_eq!(introspected(&two, token)["active"], true);
    let revoked = http()
        .post(one.acme("revoke"))
        .basic_auth("jwt", Some("6f1d0c9be2a74e58-jwt"))
        .form(&[("token", token)])
        .said();
    assert_eq!(revoked.status, 200);
    assert_eq!(introspected(&two, token)["active"], false, "never served stale");
}
