//! Administrators whose tokens are bound to their certificate (RFC 8705 §3), or are JWTs (RFC 9068).

use super::*;
use crate::support::{Ask as _, http};

/// A tenant with an administrator, and one whose tokens are JWTs, both bound to `client1`'s certificate; and one of JWTs
/// that are not bound.
fn administered(ca: &Issued) -> String {
    let client = |id: &str, format: &str| {
        format!(
            "[[clients]]\nclient_id = \"{id}\"\nauth_methods = [\"tls_client_auth\"]\ngrant_types = [\"client_credentials\"]\n\
             tls_client_auth_subject_dn = \"CN=client1,O=Bank,C=NO\"\ntls_client_certificate_bound_access_tokens = true\n\
             permissions = [\"register_clients\"]\naccess_token_format = \"{format}\"\n"
        )
    };
    let pem = ca.certificate_pem().unwrap();
    let loose = "[[clients]]\nclient_id = \"loose\"\nclient_secret = \"Correct-Horse-9-Battery\"\n\
                 permissions = [\"register_clients\"]\naccess_token_format = \"jwt\"\n";
    let other = format!(
        "name = \"t\"\nprofile = \"openid\"\n\n[settings]\nsigning_algs = [\"ES256\"]\nmtls_truststore = '''\n{pem}'''\n\n"
    );
    other + &client("opaque", "opaque") + &client("jwt", "jwt") + loose
}

/// A registration with a bearer, on a connection with that certificate or none.
fn register(bank: &Bank, bearer: &str, certificate: Option<&Issued>) -> Answer {
    let caller = Caller { certificate, ..Caller::default() };
    let members = r#"{"grant_types":["client_credentials"],"response_types":[]}"#;
    let request = format!(
        "POST /idp/t/authn/register HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nauthorization: Bearer {bearer}\r\n\r\n{members}",
        members.len()
    );
    let mut talk = caller.connect(bank.address);
    talk.say(request.as_bytes());
    talk.answer(false).expect("an answer")
}

#[test]
fn a_bound_administrator_registers_on_a_connection_with_its_certificate_alone() {
    let bank = Bank::start_over(AskFor::Ask, administered);
    let (own, other) = (bank.client("client1"), bank.client("client2"));
    for client in ["opaque", "jwt"] {
        let issued = bank.with(&own, client);
        let bearer = issued.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(bearer.starts_with("eyJ"), client == "jwt");
        for stolen in [register(&bank, &bearer, None), register(&bank, &bearer, Some(&other))] {
            assert_eq!(stolen.status, 401, "{client}");
            assert_eq!(stolen.json()["error"], "invalid_token");
        }
        let registered = register(&bank, &bearer, Some(&own));
        assert_eq!(registered.status, 201, "{client}: {}", registered.json());
    }
}

#[test]
fn a_jwt_that_was_revoked_or_altered_registers_nobody() {
    let bank = Bank::start_over(AskFor::Ask, administered);
    let ask = |endpoint: &str, form: &[(&str, &str)]| {
        let request = http().post(bank.server.tenant("t", endpoint));
        request.basic_auth("loose", Some("Correct-Horse-9-Battery")).form(form).said()
    };
    let issued = ask("token", &[("grant_type", "client_credentials")]).json();
    let bearer = issued["access_token"].as_str().unwrap();
    assert_eq!(register(&bank, bearer, None).status, 201);
    let (signed, _) = bearer.rsplit_once('.').unwrap();
    assert_eq!(register(&bank, &format!("{signed}.AAAA"), None).status, 401);
    assert_eq!(ask("revoke", &[("token", bearer)]).status, 200);
    assert_eq!(register(&bank, bearer, None).status, 401);
}
