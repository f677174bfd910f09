//! The samples of seed 000 (token endpoint) that belong to the grants of today, by their titles there.

use serde_json::json;

use super::support::{Ask as _, Demo, SPL_API, http, jwt_part};

#[test]
fn sample_token_request_with_a_client_credentials_grant() {
    let demo = Demo::start();
    let request = http().post(demo.bank("token")).header("authorization", SPL_API);
    let said = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .said();
    assert_eq!(said.status, 200, "{}", said.text);
    let answer = said.json();
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "token_type", "expires_in"]);
    assert_eq!((said.header("cache-control"), said.header("pragma")), ("no-store", "no-cache"));
    assert!(said.header("content-type").starts_with("application/json"));
}

#[test]
fn sample_token_request_with_client_credentials_in_the_request_body() {
    let demo = Demo::start();
    let body = "grant_type=client_credentials&client_id=client1&client_secret=password01";
    let request = http().post(demo.bank("token")).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.body(body).said().status, 200);
}

#[test]
fn sample_token_request_with_a_password_grant() {
    let demo = Demo::start();
    let request = http().post(demo.bank("token")).header("authorization", demo.spl_api_bearer());
    let said = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=password&username=alice&password=secret")
        .said();
    assert_eq!(said.status, 200, "{}", said.text);
    let answer = said.json();
    // No scope: all of spl-api's, so openid and offline_access are among them.
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer["refresh_token"].as_str().unwrap().starts_with("crt_"));
    assert_eq!(answer["context"]["LEVEL_OF_ASSURANCE"], "urn:hidaaas:policy:at_custpw");
    assert!(answer.get("scope").is_none());
}

#[test]
fn sample_response_with_an_access_and_id_token() {
    let demo = Demo::start();
    let answer = demo.alice("openid profile");
    let id_token = answer["id_token"].as_str().unwrap();
    let (header, claims) = (jwt_part(id_token, 0), jwt_part(id_token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert!(header["kid"].as_str().unwrap().parse::<i64>().is_ok());
    assert_eq!(claims["iss"], demo.bank("").trim_end_matches('/'));
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!("spl-app")));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1"), &json!(["pwd"])));
    for date in ["iat", "exp", "auth_time"] {
        assert!(claims[date].is_i64(), "{date} is a whole number");
    }
    let access_token = answer["access_token"].as_str().unwrap();
    assert_eq!(claims["at_hash"], oidc_core::issue::at_hash(domain::SigningAlg::RS256, access_token));
    let jwks = http().get(demo.bank("jwks")).said().text;
    let verified = jose::JoseVerifier::from_jwks(&jwks).unwrap().verify(id_token).unwrap();
    assert_eq!(serde_json::Value::Object(verified.claims), claims);
}

#[test]
fn sample_token_request_with_a_refresh_token_grant() {
    let demo = Demo::start();
    let first = demo.alice("openid profile offline_access");
    // As printed: no client authentication, and spaces that are not escaped.
    let body = format!(
        "grant_type=refresh_token&refresh_token={}&scope=openid profile offline_access",
        first["refresh_token"].as_str().unwrap()
    );
    let request = http().post(demo.bank("token")).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(body).json_ok();
    assert_ne!(answer["refresh_token"], first["refresh_token"]);
    assert_ne!(answer["access_token"], first["access_token"]);
    assert!(answer["id_token"].is_string());
}

#[test]
fn the_refresh_token_of_a_confidential_client_needs_its_authentication() {
    let demo = Demo::start();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "secret")];
    let answer = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).json_ok();
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"].as_str().unwrap())];
    assert_eq!(http().post(demo.bank("token")).form(&form).said().error(), (401, "invalid_client".into()));
    assert_eq!(
        http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).said().status,
        200
    );
}

#[test]
fn sample_error_response_invalid_request() {
    let demo = Demo::start();
    let request = http().post(demo.bank("token")).header("authorization", SPL_API);
    let said = request.form(&[("grant_type", "password"), ("password", "x")]).said();
    assert_eq!(said.status, 400);
    // The sample names "code", whose grant comes with the log-ins.
    let expected = json!({ "error_description": ":Missing or empty \"username\" parameter", "error": "invalid_request" });
    assert_eq!(said.json(), expected);
}

#[test]
fn sample_response_for_failure_password_grant() {
    let demo = Demo::start();
    let form = [
        ("grant_type", "password"),
        ("username", "employee1"),
        ("password", "Wrong-Pass-2026"),
        ("authType", "AT_EMPPWD"),
    ];
    let said =
        http().post(demo.bank("token")).header("authorization", demo.spl_api_bearer()).form(&form).said();
    assert_eq!(said.status, 400);
    let expected = json!({
        "hid_failure": { "reason": 13, "authType": "AT_EMPPWD" },
        "error_description": "Invalid grant: Resource owner username or password is invalid (Password does not match):Resource owner username or password is invalid",
        "error": "invalid_grant"
    });
    assert_eq!(said.json(), expected);
    assert_eq!((said.header("cache-control"), said.header("pragma")), ("no-store", "no-cache"));
}

#[test]
fn sample_error_response_with_a_hid_error() {
    let demo = Demo::start();
    for pair in [("authType", "AT_NOSUCH"), ("channel", "CH_NOSUCH")] {
        let form = [("grant_type", "password"), ("username", "alice"), ("password", "secret"), pair];
        let said = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).said();
        assert_eq!(said.error(), (400, "hid_error".into()));
        assert_eq!(said.json()["hid_error"], json!({ "code": "1009" }));
    }
}

#[test]
fn sample_response_for_failure_general() {
    let demo = Demo::start();
    let said = http()
        .post(demo.bank("token"))
        .basic_auth("spl-api", Some("wrong"))
        .form(&[("grant_type", "client_credentials")])
        .said();
    assert_eq!(said.status, 401);
    let expected = json!({
        "error_description": "Client authentication failed: Password does not match: - Client id or secret is invalid",
        "error": "invalid_client"
    });
    assert_eq!(said.json(), expected);
    assert!(said.header("www-authenticate").starts_with("Basic "));
}

#[test]
fn no_token_authenticates_without_generating_tokens() {
    let demo = Demo::start();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "secret"), ("noToken", "1")];
    let said = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).said();
    let expected = json!({
        "access_token": "IA==", "token_type": "Bearer", "expires_in": 0,
        "context": { "LEVEL_OF_ASSURANCE": "urn:hidaaas:policy:at_custpw" }
    });
    assert_eq!(said.json(), expected);
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "wrong!"), ("noToken", "1")];
    let said = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()));
    let bearer = http().post(demo.bank("token")).header("authorization", "Bearer IA==");
    let said =
        bearer.form(&[("grant_type", "password"), ("username", "alice"), ("password", "secret")]).said();
    assert_eq!(said.error(), (401, "invalid_client".into()));
}

#[test]
fn auth_type_and_channel_override_the_registered_ones_for_the_end_user() {
    let demo = Demo::start();
    for (username, password, policy) in [
        ("alice", "secret", "AT_CUSTPW"),
        ("5619630280", "54917067", "AT_CUSTPWD"),
        ("employee1", "Employee-Pass-2026", "AT_EMPPWD"),
    ] {
        let form = [
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
            ("authType", policy),
            ("channel", "CH_DIRECT"),
            ("scope", "openid"),
        ];
        let answer = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).json_ok();
        let level = format!("urn:hidaaas:policy:{}", policy.to_lowercase());
        assert_eq!(answer["context"]["LEVEL_OF_ASSURANCE"], level);
    }
}

#[test]
fn devices_and_modes_are_refused_with_the_vendors_failures_until_they_exist() {
    let demo = Demo::start();
    let with = |extra: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "password"), ("username", "alice"), ("password", "secret")];
        form.extend(extra);
        http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).said().json()
    };
    assert_eq!(with(&[("device_id", "11727")])["hid_failure"]["reason"], 20);
    assert_eq!(with(&[("device_externalid", "s-1"), ("deviceCentric", "1")])["hid_failure"]["reason"], 20);
    assert_eq!(with(&[("mode", "SIGNING"), ("context", "sign1:1:false")])["hid_failure"]["reason"], 36);
    assert_eq!(with(&[("deviceCentric", "1")])["error"], "invalid_request");
    assert_eq!(with(&[("device_id", "x")])["hid_error"]["code"], "1006");
    assert_eq!(with(&[("mode", "LOUD")])["hid_error"]["code"], "1009");
    assert_eq!(with(&[("deviceCentric", "0")])["token_type"], "Bearer");
}

#[test]
fn context_is_bound_to_the_authentication_and_told_on_introspection() {
    let demo = Demo::start();
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "secret"),
        ("context", "account:12345:false amount:99:false"),
    ];
    let answer = http().post(demo.bank("token")).header("authorization", SPL_API).form(&form).json_ok();
    assert_eq!(answer["context"]["account"], "12345");
    let form = [("token", answer["access_token"].as_str().unwrap())];
    let seen = http().post(demo.bank("introspect")).header("authorization", SPL_API).form(&form).json_ok();
    assert_eq!(seen["context"], answer["context"]);
}

#[test]
fn unknown_grants_are_unsupported() {
    let demo = Demo::start();
    for grant in ["urn:example:grant", "implicit"] {
        let request = http().post(demo.bank("token")).header("authorization", SPL_API);
        assert_eq!(
            request.form(&[("grant_type", grant)]).said().error(),
            (400, "unsupported_grant_type".into())
        );
    }
}
