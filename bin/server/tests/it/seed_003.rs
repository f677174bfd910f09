//! The samples of seed 003 (client ID authentication with a password).

use super::support::{Ask as _, Demo, http};

const BASIC: &str =
    "Basic NDczODYwNTY1Njk4NjY1NTkyOTQwOTQyMjMxMDI2NzYyMTQ1MDgyMTg4MjY4MTgxOk15Q2xpZW50SUQxMjM0NTYlM0Y=";

#[test]
fn the_basic_string_works_and_the_answer_has_the_samples_members() {
    let demo = Demo::start();
    let said = http()
        .post(demo.bank("token"))
        .header("authorization", BASIC)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .said();
    assert_eq!(said.status, 200, "{}", said.text);
    let answer = said.json();
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "token_type", "expires_in"]);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&"Bearer".into(), &3600.into()));
}

#[test]
fn without_url_encoding_a_percent_sign_is_misread_and_refused() {
    let demo = Demo::start();
    let id = "473860565698665592940942231026762145082188268181";
    let said = http()
        .post(demo.bank("token"))
        .basic_auth(id, Some("100%"))
        .form(&[("grant_type", "client_credentials")])
        .said();
    assert_eq!(said.error(), (401, "invalid_client".into()));
}

#[test]
fn a_wrong_password_is_401_where_the_seed_says_400() {
    // DECISIONS 4.1: the standard agrees with seed 000.
    let demo = Demo::start();
    let id = "473860565698665592940942231026762145082188268181";
    let said = http()
        .post(demo.bank("token"))
        .basic_auth(id, Some("x"))
        .form(&[("grant_type", "client_credentials")])
        .said();
    assert_eq!(said.error(), (401, "invalid_client".into()));
}
