//! What time does: sessions end, rows leave, keys live their lives.

use std::time::Duration;

use serde_json::Value;

use super::support::{Ask as _, acme_m2m, http, in_process::Server, jwt_part, wait_for};

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_token_dies_at_its_total_limit_and_its_row_leaves() {
    let server = Server::start(&[ACME]);
    let answer = acme_m2m(http().post(server.tenant("acme", "token")))
        .form(&[("grant_type", "client_credentials")])
        .json_ok();
    let token = answer["access_token"].as_str().unwrap();
    let active = || {
        let request = acme_m2m(http().post(server.tenant("acme", "introspect"))).form(&[("token", token)]);
        request.json_ok()["active"].clone()
    };
    let total = answer["expires_in"].as_i64().unwrap();
    server.later(total - 1);
    assert_eq!(active(), Value::Bool(true));
    server.later(1);
    assert_eq!(active(), Value::Bool(false));
    let gone = || {
        let metrics = http().get(format!("{}/metrics", server.management)).said().text;
        metrics.contains("countersign_expired_rows_total{table=\"sessions\"} 1").then_some(())
    };
    assert!(wait_for(PATIENCE, gone).is_some(), "the expired session was not removed");
}

#[test]
fn a_key_is_published_before_it_signs_and_after_it_has_signed() {
    let server = Server::start(&[ACME]);
    let kids = || -> Vec<String> {
        let set = http().get(server.tenant("acme", "jwks")).json_ok();
        let rs256 = |key: &&Value| key["alg"] == "RS256";
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .filter(rs256)
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let signs = || {
        let form = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", "openid"),
        ];
        let answer =
            super::support::acme_legacy(http().post(server.tenant("acme", "token"))).form(&form).json_ok();
        jwt_part(answer["id_token"].as_str().unwrap(), 0)["kid"].as_str().unwrap().to_owned()
    };
    let first = kids();
    assert_eq!(first, [signs()]);
    // Just before the end of its 90 days a successor is there, and does not sign yet.
    server.later(90 * 86_400 - 1800);
    let both = wait_for(PATIENCE, || Some(kids()).filter(|kids| kids.len() == 2)).expect("a successor");
    assert_eq!(signs(), first[0]);
    server.later(2 * 3600);
    let new = both.iter().find(|kid| **kid != first[0]).unwrap();
    assert_eq!(signs(), *new);
    assert_eq!(kids().len(), 2, "the old key is still published for verification");
    server.later(3 * 86_400);
    assert!(
        wait_for(PATIENCE, || (kids() == [new.clone()]).then_some(())).is_some(),
        "the old key is retired"
    );
}
