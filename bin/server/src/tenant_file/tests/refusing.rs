use domain::port::SecretHasher as _;
use proptest::prelude::*;

use super::support::Installation;
use crate::tenant_file::{ApplyError, ApplyOptions, apply, apply_file, parse};

const HEAD: &str = "name = 't'\nprofile = 'openid'\n";

/// A file and what must be among the problems.
const BAD: &[(&str, &str)] = &[
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nprofile = 'fapi2'",
        "auth_methods: fapi2 has private",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nauth_methods = ['private_key_jwt']\njwks_uri = 'https://a.example'\nprofile = 'fapi2'\ngrant_types = ['password']",
        "grant_types: fapi2 has neither",
    ),
    (
        "[settings]\nsigning_algs = ['ES256', 'RS256']\n[[clients]]\nclient_id = 'c'\nauth_methods = ['private_key_jwt']\njwks_uri = 'https://a.example'\nprofile = 'fapi2'\ntoken_endpoint_auth_signing_alg = ['RS256']",
        "token_endpoint_auth_signing_alg: fapi2 has PS256",
    ),
    (
        "[settings]\nsigning_algs = ['RS256']\n[[clients]]\nclient_id = 'c'\nauth_methods = ['private_key_jwt']\njwks_uri = 'https://a.example'\nprofile = 'fapi2'",
        "id_token_signed_response_alg: fapi2 has PS256",
    ),
    ("[settings]\nid_token_validity = 0", "line 3: settings: id_token_validity: must be between 1"),
    ("[settings]\ncors_origins = ['https://a.example/x']", "cors_origins: \"https://a.example/x\" must be *"),
    ("[settings]\nsigning_algs = []", "signing_algs: must name at least one"),
    ("[settings]\nkey_active_days = 1\njwks_cache_seconds = 86400", "key_active_days: must be longer"),
    ("[settings]\nkey_verify_days = 1\nid_token_validity = 90000", "key_verify_days: must be at least"),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_members = { hid_client_group = 'G' }",
        "hid_members: are for tenants of the profile hid",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_members = { hid_x = 'G' }",
        "hid_members: \"hid_x\": is no member that is kept",
    ),
    ("[settings]\nmtls_revocation = 'open'", "mtls_revocation: needs mtls_crl, mtls_crl_file, mtls_crl_uris"),
    ("[settings]\nmtls_fetch_private = true", "mtls_fetch_private: needs mtls_crl_uris or mtls_ocsp"),
    ("[settings]\nmtls_crl_uris = ['ldap://ca.example/']", "\"ldap://ca.example/\" must be http or https"),
    (
        "[settings]\nmtls_crl_uris = ['http://10.0.0.1/']",
        "must not name a private, loopback or reserved address",
    ),
    (
        "[settings]\nmtls_crl_uris = ['http://169.254.169.254/']\nmtls_fetch_private = true",
        "must not name a private",
    ),
    (
        "[settings]\nmtls_crl_uris = ['http://a.example/', 'http://a.example/']",
        "mtls_crl_uris: must name each place once",
    ),
    (
        "[settings]\nmtls_crl_uris = ['http://a/1', 'http://a/2', 'http://a/3', 'http://a/4', 'http://a/5', 'http://a/6', 'http://a/7', 'http://a/8', 'http://a/9']",
        "mtls_crl_uris: must be at most 8",
    ),
    ("[settings]\nmtls_ocsp = 'certificates'", "mtls_ocsp: must be an absolute URI"),
    ("[settings]\nmtls_ocsp = 'https://[::1]/'", "or \"certificate\""),
    ("[settings]\nchannels = ['']", "channels: \"\" must have 1 to 64 bytes"),
    ("[[policies]]\ncode = 'A'\n[[policies]]\ncode = 'A'", "line 5: policy A: code: is named twice"),
    ("[[policies]]\ncode = 'A'\nprotectionLevel = 5", "policy A: protectionLevel: must be between 1"),
    ("[[policies]]\ncode = 'A'\ndisableThreshold = 0", "disableThreshold: must be at least 1, or -1"),
    ("[[policies]]\ncode = 'A'\ntotalSeconds = 0", "totalSeconds: must be at least 1"),
    ("[[policies]]\ncode = 'A'\nchannels = ['CH_X']", "channels: the tenant has no channel \"CH_X\""),
    ("[[policies]]\ncode = 'A'\npasswordPolicy = { minLength = 9, maxLength = 8 }", "minLength <= maxLength"),
    ("[[clients]]\nclient_id = ''\ngenerate_secret = true", "client_id: must have 1 to 255 bytes"),
    ("[[clients]]\nclient_id = 'c'", "client_secret: is needed"),
    ("[[clients]]\nclient_id = 'c'\nauth_methods = []", "auth_methods: must name at least one"),
    ("[[clients]]\nclient_id = 'c'\nauth_methods = ['none', 'client_secret_post']", "none must stand alone"),
    ("[[clients]]\nclient_id = 'c'\nauth_methods = ['none']\nclient_secret = 'xyz'", "has no secret"),
    (
        "[[clients]]\nclient_id = 'c'\nauth_methods = ['none']\ngrant_types = ['client_credentials']",
        "confidential",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nauth_methods = ['client_secret_post']\ntoken_endpoint_auth_method = 'client_secret_basic'\ngenerate_secret = true",
        "token_endpoint_auth_method: must be among auth_methods",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nclient_secret = 'xyz'",
        "client_secret: give one of",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nclient_secret = 'short'",
        "client_secret: The password must have at least 8",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nclient_secret_file = '/no/such/file'",
        "client_secret_file: /no/such/file",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nclient_secret_hash = '$argon2i$x'",
        "client_secret_hash: must be an Argon2id",
    ),
    ("[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nscopes = ['a b']", "scopes: a scope value has"),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nredirect_uris = ['/cb']",
        "\"/cb\" must be an absolute",
    ),
    ("[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nprofile = 'hid'", "profile: must not be laxer"),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_user_authn_policy = 'AT_X'",
        "no policy \"AT_X\"",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_client_pwd_policy = 'AT_X'",
        "hid_client_pwd_policy",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_user_channel = 'CH_X'",
        "no channel \"CH_X\"",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_client_authentication_constraints = ['10.0.0.0/33']",
        "\"10.0.0.0/33\" must be an address",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nhid_refresh_token_validity = 0",
        "at least 1 second",
    ),
    (
        "[settings]\nsigning_algs = ['RS256']\n[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nuserinfo_signed_response_alg = 'ES256'",
        "userinfo_signed_response_alg: ES256 is not among",
    ),
    (
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\n[[clients]]\nclient_id = 'c'\ngenerate_secret = true",
        "line 6: client c: client_id: is named twice",
    ),
    ("[[users]]\nuser_name = 'u'\n[[users]]\nuser_name = 'u'", "user u: user_name: is named twice"),
    (
        "[[users]]\nuser_name = 'u'\nexternal_id = 'x'\n[[users]]\nuser_name = 'v'\nexternal_id = 'x'",
        "external_id: is the external_id of user u already",
    ),
    (
        "[[clients]]\nclient_id = 'c'\nauth_methods = ['none']\n[[users]]\nuser_name = 'u'\nsubject_id = 'c'",
        "subject_id: must not be a client_id",
    ),
    ("[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'", "password: is needed"),
    (
        "[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_X'\npassword = 'x'",
        "no policy \"AT_X\"",
    ),
    (
        "[[users]]\nuser_name = 'somebody'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\npassword = 'xx-somebody-yy'",
        "user somebody, authenticator AT_STDPWD: password: The password must not contain the user's name",
    ),
    (
        "[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\npassword = 'x'\npassword_file = 'y'",
        "password: give one of",
    ),
    (
        "[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\npassword_hash = 'x'",
        "password_hash: must be an Argon2id",
    ),
    (
        "[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\npassword = 'blue-kettle-on-fire'\nvalid_from = 'soon'",
        "valid_from: must be an RFC 3339",
    ),
    (
        "[[users]]\nuser_name = 'u'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\npassword = 'blue-kettle-on-fire'\nvalid_from = 2026-02-01T00:00:00Z\nvalid_until = '2026-01-01T00:00:00Z'",
        "valid_until: must be later",
    ),
];

#[test]
fn each_mistake_is_told_with_its_place_and_nothing_is_written() {
    let installation = Installation::new();
    for (body, expected) in BAD {
        let problems = installation.problems(&format!("{HEAD}{body}"));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{body}\n{problems:?}");
    }
    assert!(installation.setup.database.system().tenants().unwrap().is_empty());
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let body = "[settings]\nmachine_total = 0\n[[clients]]\nclient_id = 'c'\nredirect_uris = ['x', 'http://y']\n[[users]]\nuser_name = ''";
    let problems = Installation::new().problems(&format!("{HEAD}{body}"));
    let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 3", "line 5", "line 5", "line 5", "line 8"], "{problems:?}");
}

#[test]
fn a_stored_client_must_be_able_to_live_with_new_settings() {
    let installation = Installation::new();
    let client =
        "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nid_token_signed_response_alg = 'ES256'";
    installation.apply(&format!("{HEAD}{client}"));
    let fewer = format!("{HEAD}[settings]\nsigning_algs = ['RS256']");
    let problems = installation.problems(&fewer);
    assert!(problems[0].contains("client c (stored, not in this file)"), "{problems:?}");
    assert!(installation.pruned(&fewer).contains(&"- client c".to_owned()));
}

#[test]
fn a_client_names_a_new_algorithm_when_its_key_signs_and_no_sooner() {
    let installation = Installation::new();
    let file = |algs: &str, alg: &str| {
        let client = "[[clients]]\nclient_id = 'c'\ngenerate_secret = true\nintrospection_signed_response_alg = 'RS256'";
        format!("{HEAD}[settings]\nsigning_algs = [{algs}]\n{client}\nid_token_signed_response_alg = '{alg}'")
    };
    let (one, both) = ("'RS256'", "'RS256', 'EdDSA'");
    installation.apply(&file(one, "RS256"));
    let problems = installation.problems(&file(both, "EdDSA"));
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.contains("client c: id_token_signed_response_alg: EdDSA has no key yet"), "{problem}");
    assert!(problem.contains("signs from 2026-01-01T01:01:00Z"), "{problem}");
    let lines = installation.lines(&file(both, "RS256"));
    assert!(lines.contains(&"+ key EdDSA, which signs from 2026-01-01T01:01:00Z".to_owned()), "{lines:?}");
    installation.clock.advance(domain::Ttl::from_secs(3659));
    let problems = installation.problems(&file(both, "EdDSA"));
    assert!(problems[0].contains("EdDSA has a key that signs from 2026-01-01T01:01:00Z"), "{problems:?}");
    installation.clock.advance(domain::Ttl::from_secs(1));
    assert_eq!(installation.lines(&file(both, "EdDSA")), ["~ client c: id_token_signed_response_alg"]);
}

#[test]
fn a_subject_id_never_changes() {
    let installation = Installation::new();
    let user = |id: &str| format!("{HEAD}[[users]]\nuser_name = 'u'\nsubject_id = '{id}'");
    installation.apply(&user("one"));
    assert!(installation.problems(&user("two"))[0].contains("subject_id: never changes"));
}

#[test]
fn syntax_is_told_with_line_and_column_and_without_secrets() {
    let installation = Installation::new();
    let told =
        |text: &str| apply(&installation.setup, text, ApplyOptions::default()).unwrap_err().to_string();
    assert!(told("").contains("missing field `name`"));
    assert!(told("name = 'a b'\nprofile = 'openid'").contains("line 1, column 8: not a tenant name"));
    assert!(told("name = 't'\nprofile = 'fapi9'").contains("line 2, column 11: unknown variant"));
    assert!(told(&format!("{HEAD}nonsense = 1")).contains("unknown field `nonsense`"));
    assert!(told(&format!("{HEAD}[[clients]]\nclient_id = 'c'\nscope = 'x'")).contains("line 5"));
    let shown = told(&format!("{HEAD}[[clients]]\nclient_id = 'c'\ngenerate_secret = 'hunter2hunter2'"));
    assert!(shown.contains("line 5") && !shown.contains("hunter2"), "{shown}");
    let shown = told(&format!("{HEAD}[[clients]]\nclient_id = 'c'\nclient_secret = 'hunter2hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn files_are_bounded_and_secrets_are_read_beside_them() {
    let installation = Installation::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.toml");
    std::fs::write(&path, format!("{HEAD}# {}", "x".repeat(parse::LIMIT))).unwrap();
    let error = apply_file(&installation.setup, &path, ApplyOptions::default()).unwrap_err();
    assert!(matches!(error, ApplyError::TooLarge), "{error}");
    std::fs::write(directory.path().join("secret"), "blue-kettle-on-fire\r\n").unwrap();
    std::fs::write(&path, format!("{HEAD}[[clients]]\nclient_id = 'c'\nclient_secret_file = 'secret'"))
        .unwrap();
    apply_file(&installation.setup, &path, ApplyOptions::default()).unwrap();
    let stored = super::client(&installation, "t", "c").secrets.chosen.unwrap();
    let secret = domain::Secret::new("blue-kettle-on-fire".to_owned());
    assert!(installation.setup.hasher.verify(&secret, Some(&stored)).unwrap().matches);
}

proptest! {
    #[test]
    fn the_parser_never_panics(text in "\\PC{0,200}") {
        drop(parse::parse(&text));
    }

    #[test]
    fn the_parser_never_panics_on_what_is_almost_a_file(
        cut in 0..super::support::ONLINEBANK.len(),
        end in 0..super::support::ONLINEBANK.len(),
        between in "[\\[\\]{}\"'=.#\\n a-z0-9é-]{0,20}",
    ) {
        let text = super::support::ONLINEBANK;
        let head = text.get(..text.floor_char_boundary(cut)).unwrap();
        let tail = text.get(text.floor_char_boundary(end)..).unwrap();
        drop(parse::parse(&format!("{head}{between}{tail}")));
    }
}

/// To look for each one's line from the beginning again would take hours.
#[test]
fn a_full_file_of_problems_is_told_at_once() {
    let user = "[[users]]\nuser_name = ''\n";
    let count = (parse::LIMIT - HEAD.len()) / user.len();
    let text = format!("{HEAD}{}", user.repeat(count));
    let said = Installation::new().problems(&text);
    assert!(said.len() >= count);
    assert!(said.first().unwrap().starts_with("line 3: user : user_name"), "{:?}", said.first());
    assert!(said.last().unwrap().starts_with(&format!("line {}: user ", 2 * count + 1)), "{:?}", said.last());
}
