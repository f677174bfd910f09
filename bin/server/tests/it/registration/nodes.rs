//! Two nodes over one PostgreSQL: what one node gives away, the other does not.

use reqwest::Method;
use serde_json::{Value, json};

use super::{machine, text};
use crate::{
    postgresql::configured,
    support::{
        Ask as _, Said, http,
        serve::{Node, countersign},
    },
};

const TENANT: &str = "name = 'acme'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n\
    open_registrations_per_day = 5\nopen_registrations_per_source = 4\n";

/// The same request to both nodes in turn, eight times at once.
fn all(nodes: [&Node; 2], ask: impl Fn(&Node) -> Said + Sync) -> Vec<Said> {
    std::thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> =
            nodes.into_iter().cycle().take(8).map(|node| scope.spawn(move || ask(node))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn count(said: &[Said], status: u16) -> usize {
    said.iter().filter(|said| said.status == status).count()
}

/// A request to `node` about a registration, whose URI has the public name in it.
fn own(node: &Node, client: &Value, method: Method) -> reqwest::blocking::RequestBuilder {
    let path = text(client, "registration_client_uri").strip_prefix("https://id.example").unwrap();
    let request = http().request(method, format!("{}{path}", node.url));
    request.bearer_auth(text(client, "registration_access_token"))
}

#[test]
fn uses_updates_and_quotas_are_counted_once_over_all_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(config) = configured(dir.path()) else { return };
    std::fs::write(dir.path().join("open.toml"), TENANT).unwrap();
    let run = |args: &[&str]| countersign(dir.path(), &[args, &["--config", config]].concat());
    run(&["init", "--tenant", "main"]);
    run(&["tenant", "apply", "open.toml"]);
    let nodes = [&Node::start(dir.path(), config), &Node::start(dir.path(), config)];

    let made = run(&["registration-token", "create", "--tenant", "acme", "--uses", "3", "--scope", "api"]);
    let token = made.trim().rsplit_once("shown once: ").unwrap().1.to_owned();
    let register =
        |node: &Node| http().post(node.acme("register")).bearer_auth(&token).json(&machine()).said();
    let said = all(nodes, register);
    assert_eq!((count(&said, 201), count(&said, 401)), (3, 5), "{said:?}");
    let listed = run(&["registration-token", "list", "--tenant", "acme"]);
    assert!(listed.contains("used up  used 3 of 3"), "{listed}");

    // Of parallel updates with one registration access token one wins, whichever node is asked.
    let client = said.iter().find(|said| said.status == 201).unwrap().json();
    let mut members = machine();
    members["client_id"] = client["client_id"].clone();
    let said = all(nodes, |node| own(node, &client, Method::PUT).json(&members).said());
    assert_eq!((count(&said, 200), count(&said, 401)), (1, 7), "{said:?}");
    let winner = said.iter().find(|said| said.status == 200).unwrap().json();
    for node in nodes {
        assert_eq!(own(node, &client, Method::GET).said().status, 401, "the old token is dead at once");
        assert_eq!(own(node, &winner, Method::GET).said().status, 200);
    }
    let said = all(nodes, |node| own(node, &winner, Method::DELETE).said());
    assert_eq!((count(&said, 204), count(&said, 401)), (1, 7), "{said:?}");

    // The quota of a source is one quota.
    let open = json!({ "redirect_uris": ["https://client.example/cb"] });
    let said = all(nodes, |node| http().post(node.acme("register")).json(&open).said());
    assert_eq!((count(&said, 201), count(&said, 429)), (4, 4), "{said:?}");

    // What is revoked is revoked at once.
    let made = run(&["registration-token", "create", "--tenant", "acme", "--uses", "9", "--scope", "api"]);
    let token = made.trim().rsplit_once("shown once: ").unwrap().1.to_owned();
    let id = made.split_whitespace().nth(1).unwrap();
    let register =
        |node: &Node| http().post(node.acme("register")).bearer_auth(&token).json(&machine()).said();
    assert_eq!(register(nodes[0]).status, 201);
    run(&["registration-token", "revoke", "--tenant", "acme", id]);
    assert_eq!(nodes.map(|node| register(node).status), [401, 401]);
    let audit = run(&["audit", "--tenant", "acme"]);
    assert!(audit.contains("registration_token") && !audit.contains(&token), "{audit}");
}
