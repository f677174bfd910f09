//! Metadata and keys: exactly what works.

use super::support::{Ask as _, Demo, http};

#[test]
fn the_document_stands_in_all_three_places_and_names_what_answers() {
    let demo = Demo::start();
    let document = http().get(demo.acme(".well-known/openid-configuration")).json_ok();
    for place in ["oauth-authorization-server", "openid-configuration"] {
        let url = format!("{}/.well-known/{place}/idp/acme/authn", demo.url);
        assert_eq!(http().get(url).json_ok(), document);
    }
    assert_eq!(document["issuer"], demo.acme("").trim_end_matches('/'));
    for (member, value) in document.as_object().unwrap() {
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            let status = http().get(value.as_str().unwrap()).said().status;
            assert!(matches!(status, 200 | 401 | 405), "{member} answers {status}");
        }
    }
}

#[test]
fn listed_grants_work_and_no_others() {
    let demo = Demo::start();
    let document = http().get(demo.acme(".well-known/openid-configuration")).json_ok();
    let listed: Vec<&str> =
        document["grant_types_supported"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    for grant in ["client_credentials", "password", "refresh_token", "authorization_code", "implicit"] {
        let request =
            super::support::acme_m2m(http().post(demo.acme("token"))).form(&[("grant_type", grant)]);
        let unsupported = request.said().json()["error"] == "unsupported_grant_type";
        assert_eq!(listed.contains(&grant), !unsupported, "{grant}");
    }
}

#[test]
fn jwks_holds_public_members_only_and_may_be_cached() {
    let demo = Demo::start();
    let said = http().get(demo.bank("jwks")).said();
    assert_eq!(said.header("cache-control"), "public, max-age=3600");
    for key in said.json()["keys"].as_array().unwrap() {
        for member in ["kid", "kty", "alg", "use"] {
            assert!(key[member].is_string(), "{member}");
        }
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
    }
}
