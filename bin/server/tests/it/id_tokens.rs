//! id_tokens under each algorithm that a client may choose.

use domain::SigningAlg;

use super::support::{Ask as _, http, in_process::Server, jwt_part};

const TENANT: &str = r#"
name = "algs"
profile = "openid"
[[policies]]
code = "AT_SYSLOG"
[policies.passwordPolicy]
notBlackListed = false
CLIENTS
[[users]]
user_name = "bob"
[[users.authenticators]]
policy = "AT_STDPWD"
password = "Kite-Lantern-7-Harbour"
"#;

#[test]
fn each_algorithm_signs_with_a_published_key_and_its_own_at_hash() {
    let client = |alg: SigningAlg| {
        format!(
            "[[clients]]\nclient_id = \"c-{0}\"\nclient_secret = \"Orchid-Window-{0}-42\"\nauth_methods = [\"client_secret_post\"]\n\
             grant_types = [\"password\"]\nscopes = [\"openid\"]\nhid_user_authn_policy = \"AT_STDPWD\"\n\
             id_token_signed_response_alg = \"{0}\"\nuserinfo_signed_response_alg = \"{0}\"\n",
            alg.as_str()
        )
    };
    let clients: String = SigningAlg::ALL.into_iter().map(client).collect();
    let server = Server::start(&[&TENANT.replace("CLIENTS", &clients)]);
    let jwks = http().get(server.tenant("algs", "jwks")).said().text;
    let verifier = jose::JoseVerifier::from_jwks(&jwks).unwrap();
    for alg in SigningAlg::ALL {
        let name = alg.as_str();
        let form = [
            ("grant_type", "password"),
            ("client_id", &format!("c-{name}")),
            ("client_secret", &format!("Orchid-Window-{name}-42")),
            ("username", "bob"),
            ("password", "Kite-Lantern-7-Harbour"),
        ];
        let answer = http().post(server.tenant("algs", "token")).form(&form).json_ok();
        let id_token = answer["id_token"].as_str().unwrap();
        assert_eq!(jwt_part(id_token, 0)["alg"], name);
        let verified = verifier.verify(id_token).unwrap();
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(verified.claims["at_hash"], oidc_core::issue::at_hash(alg, token));
        let userinfo = http().get(server.tenant("algs", "userinfo")).bearer_auth(token).said();
        assert_eq!(jwt_part(&userinfo.text, 0)["alg"], name);
        assert_eq!(verifier.verify(&userinfo.text).unwrap().claims["sub"], verified.claims["sub"]);
    }
}
