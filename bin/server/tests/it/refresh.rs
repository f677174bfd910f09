//! Refresh over HTTP: rotation, retry, reuse, races.

use serde_json::Value;

use super::support::{Ask as _, Demo, Said, acme_legacy, http, in_process::Server};

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

fn refresh(url: &str, token: &str) -> Said {
    acme_legacy(http().post(url)).form(&[("grant_type", "refresh_token"), ("refresh_token", token)]).said()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

#[test]
fn rotates_and_always_tells_the_scope() {
    let demo = Demo::start();
    let first = demo.bob("openid profile offline_access");
    let second = refresh(&demo.acme("token"), text(&first, "refresh_token")).json();
    assert_eq!(second["scope"], "offline_access openid profile");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
}

#[test]
fn a_lost_answer_can_be_had_again_for_ten_seconds_and_then_ends_the_family() {
    let server = Server::start(&[ACME]);
    let url = server.tenant("acme", "token");
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    let first = acme_legacy(http().post(&url)).form(&form).json_ok();
    let second = refresh(&url, text(&first, "refresh_token"));
    server.later(9);
    assert_eq!(refresh(&url, text(&first, "refresh_token")).text, second.text);
    server.later(1);
    assert_eq!(refresh(&url, text(&first, "refresh_token")).error(), (400, "invalid_grant".into()));
    assert_eq!(refresh(&url, text(&second.json(), "refresh_token")).error(), (400, "invalid_grant".into()));
}

#[test]
fn parallel_refreshes_with_one_token_get_one_answer() {
    let demo = Demo::start();
    let first = demo.bob("openid offline_access");
    let (url, token) = (demo.acme("token"), text(&first, "refresh_token"));
    let answers: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| refresh(&url, token))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .map(|said| {
                assert_eq!(said.status, 200, "{}", said.text);
                said.text
            })
            .collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn a_public_client_must_be_named_in_openid() {
    let demo = Demo::start();
    let form = [("grant_type", "refresh_token"), ("refresh_token", "crt_x")];
    assert_eq!(http().post(demo.acme("token")).form(&form).said().error(), (400, "invalid_request".into()));
}

#[test]
fn a_public_client_held_to_openid_must_be_named_in_a_hid_tenant_too() {
    let strict = include_str!("../../../../fixtures/demo/ONLINEBANK.toml")
        .replace("client_id = \"spl-app\"", "client_id = \"spl-app\"\nprofile = \"openid\"");
    let server = Server::start(&[&strict]);
    let url = server.tenant("ONLINEBANK", "token");
    let form =
        [("grant_type", "password"), ("client_id", "spl-app"), ("username", "alice"), ("password", "secret")];
    let first = http().post(&url).form(&form).json_ok();
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token"))];
    assert_eq!(http().post(&url).form(&form).said().error(), (400, "invalid_request".into()));
    let named = [form[0], form[1], ("client_id", "spl-app")];
    assert_eq!(http().post(&url).form(&named).said().status, 200);
}
