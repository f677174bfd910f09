//! Each record reads back as it was written, with every optional field set and unset.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::{CharacterRange, DeliveryGateway};
use domain::{
    AccessTokenFormat, AdminWrite, AuthMethod, AuthenticatorStatus, ChannelCode, Client, ClientKeys,
    ClientSecrets, Confirmation, GrantType, Layout, PasswordConstraints, ProfileName, RefreshFamily,
    ResponseSigning, SecretDigest, Session, SessionLimits, SigningAlg, SigningKeyRecord, SourceFailures,
    Statistics, StoredRefresh, TenantSettings, Thumbprint, Timestamp, Ttl, Write,
};

use super::TestStore;
use super::fixture::{
    NOW, Whole, administer, authenticator, bob, client, commit, family, hash, insert, later, locator, policy,
    seed, session, session_of, stored_authenticator, stored_refresh, stored_session, token,
};
use crate::{a_client, a_policy, a_user, client_id, policy_code, scopes, source};

fn channel() -> ChannelCode {
    ChannelCode::parse("CH_DIRECT").expect("a channel code")
}

fn context() -> Vec<(String, String)> {
    [("zeta", "1"), ("alpha", "é \"quoted\""), ("zeta", "again")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into()
}

fn bound() -> Option<Confirmation> {
    Confirmation::new(Some(Thumbprint::of(b"key")), Some(Thumbprint::of(b"certificate")))
}

/// A session, bare and full.
pub fn a_session_reads_back(store: &mut dyn TestStore) {
    seed(store);
    let full = Session {
        scopes: scopes("openid profile"),
        audience: vec!["https://api.example".to_owned(), "b".to_owned()],
        inactivity: Some(Ttl::from_millis(600_001)),
        touched_at: Timestamp::from_millis(NOW.millis() + 1),
        acr: Some("2".to_owned()),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        auth_time: Timestamp::from_millis(NOW.millis() - 999),
        policy: Some(policy()),
        channel: Some(channel()),
        context: context(),
        confirmation: bound(),
        ..session_of(10, 2)
    };
    let written = [session(1), full];
    commit(store, written.iter().cloned().map(insert).collect());
    for (n, session) in (1..).zip(written) {
        assert_eq!(stored_session(store, n).whole(), Some(session).whole());
    }
}

/// A family and its token, bare and full.
pub fn a_family_and_its_token_read_back(store: &mut dyn TestStore) {
    seed(store);
    let full = RefreshFamily {
        layout: Layout::Realms,
        audience: vec!["https://api.example".to_owned()],
        acr: Some("2".to_owned()),
        amr: vec!["pwd".to_owned()],
        limits: SessionLimits { inactivity: Some(Ttl::from_millis(1)), total: Ttl::from_millis(2) },
        policy: Some(policy()),
        channel: Some(channel()),
        context: context(),
        confirmation: bound(),
        previous: Some(locator(99)),
        rotated_at: Some(later(3)),
        sealed_answer: Some(vec![0, 255, 7]),
        ..family(20, 21)
    };
    for (family, token) in [(family(10, 11), token(10, 11)), (full, token(20, 21))] {
        commit(store, vec![Write::InsertFamily(Box::new(family.clone()), token.clone())]);
        let read = store.refresh(&token.locator).expect("the store answers");
        assert_eq!(read.whole(), Some(StoredRefresh { token, family }).whole());
    }
}

fn full_client() -> Client {
    a_client("473860565698665592940942231026762145082188268181")
        .scopes("openid profile accounts")
        .methods([AuthMethod::ClientSecretPost, AuthMethod::ClientSecretBasic])
        .grants([GrantType::Password, GrantType::RefreshToken])
        .permission("introspect")
        .role("RL_CLIENTIDM2M")
        .user_policy("AT_CUSTPW")
        .user_channel("CH_DIRECT")
        .with(|client| {
            client.client_name = Some("Größe".to_owned());
            client.enabled = false;
            client.profile = Some(ProfileName::Openid);
            client.redirect_uris = vec!["https://b.example/cb".to_owned(), "https://a.example/cb".to_owned()];
            client.allowed_sources =
                ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().expect("a network")).into();
            client.id_token_signed_response_alg = SigningAlg::ES256;
            client.userinfo_signed_response_alg = Some(ResponseSigning::Signed(SigningAlg::EdDSA));
            client.introspection_signed_response_alg = SigningAlg::PS256;
            client.refresh_token_validity = Some(Ttl::from_days(30));
            client.consent_prompt = true;
            client.application_type = Some(domain::ApplicationType::Native);
            client.post_logout_redirect_uris = vec!["https://b.example/out".to_owned()];
            client.hid_members.insert("hid_client_group".to_owned(), "USG_SYS".to_owned());
            client.client_pki_policy = Some(policy_code("AT_SYSPKI"));
            client.certificate_name = Some(domain::CertificateName::SubjectDn("CN=m2m,O=Bank".to_owned()));
            client.dpop_bound_access_tokens = true;
            client.dpop_nonce_required = true;
            client.tls_client_certificate_bound_access_tokens = true;
            client.access_token_format = AccessTokenFormat::Jwt;
            client.resources = Some(BTreeSet::from(["https://api.example".to_owned()]));
            client.keys = Some(ClientKeys::At("https://client.example/jwks".to_owned()));
            client.auth_signing_algs = BTreeSet::from([SigningAlg::ES256]);
            client.attributes = BTreeMap::from([("key".to_owned(), "value".to_owned())]);
        })
        .build()
}

/// A client, bare and full, with each combination of secrets.
pub fn a_client_and_its_secrets_read_back(store: &mut dyn TestStore) {
    let digest = Some(SecretDigest::of(b"generated"));
    let written = [
        (a_client("bare").public().build(), ClientSecrets::default()),
        (full_client(), ClientSecrets { generated: digest, chosen: Some(hash("chosen")), sealed: None }),
        (
            a_client("chosen").build(),
            ClientSecrets { generated: None, chosen: Some(hash("chosen")), sealed: None },
        ),
        (
            a_client("generated")
                .with(|client| client.userinfo_signed_response_alg = Some(ResponseSigning::Json))
                .build(),
            ClientSecrets { generated: digest, chosen: None, sealed: Some(vec![1, 2, 3]) },
        ),
    ];
    for (client, secrets) in written {
        administer(store, vec![AdminWrite::InsertClient(Box::new(client.clone()), secrets.clone())]);
        let read = store.client(&client.client_id).expect("the store answers").expect("the client");
        assert_eq!(*read.client, client);
        assert_eq!(read.secrets.whole(), secrets.whole());
    }
}

/// A policy with defaults, and one where nothing is.
pub fn a_policy_reads_back(store: &mut dyn TestStore) {
    let other = a_policy("AT_CUSTPW")
        .disable_threshold(3)
        .auto_unlock_seconds(60)
        .timeouts(-1, 7)
        .with(|policy| {
            policy.protection_level = 4;
            policy.default_expiry_threshold = 5;
            policy.password_maximum_uses = 6;
            policy.delivery_gateways =
                vec![DeliveryGateway { display: "SMS".to_owned(), value: "GW".to_owned() }];
            policy.channels = [channel()].into();
            policy.password_policy = PasswordConstraints {
                min_length: 1,
                character_range: CharacterRange::OnlyNum,
                at_least_one_up: true,
                not_sequence: false,
                ..PasswordConstraints::default()
            };
        })
        .build();
    for policy in [a_policy("AT_STDPWD").build(), other] {
        administer(store, vec![AdminWrite::PutPolicy(policy.clone())]);
        assert_eq!(store.policy(&policy.code).expect("the store answers"), Some(policy));
    }
    let changed = a_policy("AT_CUSTPW").disable_threshold(9).build();
    administer(store, vec![AdminWrite::PutPolicy(changed.clone())]);
    assert_eq!(store.policy(&changed.code).expect("the store answers"), Some(changed));
}

/// A user, bare and full; names are compared byte by byte.
pub fn a_user_reads_back_by_id_and_exact_name(store: &mut dyn TestStore) {
    let full = a_user("Äli ce@example.com")
        .attribute("ATR_EMAIL", "alice@example.com")
        .attribute("email_verified", "true")
        .disabled()
        .with(|user| {
            user.external_id = Some("ext".to_owned());
            user.groups = ["UG_ROOT".to_owned()].into();
            user.roles = ["RL_ORGADMIN".to_owned()].into();
            user.updated_at = Timestamp::from_millis(1);
        })
        .build();
    for user in [bob(), full] {
        administer(store, vec![AdminWrite::InsertUser(Box::new(user.clone()))]);
        assert_eq!(store.user_by_name(&user.user_name).expect("the store answers"), Some(user.clone()));
        assert_eq!(store.user_by_subject(&user.subject_id).expect("the store answers"), Some(user.clone()));
        assert_eq!(store.user(user.id).expect("the store answers"), Some(user));
    }
    for name in ["BOB", "bob ", " bob", "bo", "b%", "b_b", "äli ce@example.com"] {
        assert_eq!(store.user_by_name(name).expect("the store answers"), None, "{name}");
    }
}

/// An authenticator, new and with everything set.
pub fn an_authenticator_reads_back(store: &mut dyn TestStore) {
    seed(store);
    assert_eq!(stored_authenticator(store, bob().id).whole(), Some(authenticator()).whole());
    let mut full = authenticator();
    full.policy = policy_code("AT_OTHER");
    full.status = AuthenticatorStatus::Disabled;
    full.valid_from = Timestamp::from_millis(-1);
    full.valid_until = Timestamp::from_millis(i64::MAX);
    full.locked_at = Some(later(1));
    full.uses = 3;
    full.statistics = Statistics {
        consecutive_failed: 1,
        consecutive_success: 2,
        total_success: 3,
        total_failed: 4,
        last_successful: Some(later(5)),
        last_unsuccessful: Some(later(6)),
    };
    full.password.version = 7;
    full.password.uses = 8;
    full.password.history = ["newest", "older", "oldest"].map(hash).into();
    let policy = AdminWrite::PutPolicy(a_policy("AT_OTHER").build());
    administer(store, vec![policy, AdminWrite::InsertAuthenticator(Box::new(full.clone()))]);
    let read = store.authenticator(full.user_id, &full.policy).expect("the store answers");
    assert_eq!(read.whole(), Some(full).whole());
}

/// Counters of sources, old and new address families, locked and not.
pub fn source_failures_read_back(store: &mut dyn TestStore) {
    seed(store);
    let cases = [("192.0.2.1", None), ("2001:db8::", Some(later(300))), ("::", None)];
    for (n, (address, locked_until)) in (1..).zip(cases) {
        let now = SourceFailures { consecutive: n, locked_until, expires_at: later(n) };
        let (client_id, source) = (client().0.client_id, source(address));
        commit(store, vec![Write::SourceFailed { client_id: client_id.clone(), source, seen: None, now }]);
        assert_eq!(store.source_failures(&client_id, source).expect("the store answers"), Some(now));
    }
}

/// A signing key, current and superseded.
pub fn a_signing_key_reads_back(store: &mut dyn TestStore) {
    let key = SigningKeyRecord {
        kid: "1767225600000".to_owned(),
        alg: SigningAlg::EdDSA,
        public_jwk: r#"{"kty":"OKP","é":1}"#.to_owned(),
        sealed_private: vec![1, 0, 255],
        created_at: NOW,
        active_from: later(1),
        verify_from: None,
        retired_at: None,
    };
    let old = SigningKeyRecord {
        kid: "0".to_owned(),
        alg: SigningAlg::PS256,
        verify_from: Some(later(2)),
        retired_at: Some(later(3)),
        ..key.clone()
    };
    administer(
        store,
        vec![AdminWrite::InsertKey(Box::new(key.clone())), AdminWrite::InsertKey(Box::new(old.clone()))],
    );
    let mut read = store.keys().expect("the store answers");
    read.sort_by(|a, b| a.kid.cmp(&b.kid));
    assert_eq!(format!("{read:?}"), format!("{:?}", [old, key]));
    administer(store, vec![AdminWrite::RemoveKey("0".to_owned())]);
    assert_eq!(store.keys().expect("the store answers").len(), 1);
}

/// The tenant's settings.
pub fn settings_read_back(store: &mut dyn TestStore) {
    let settings = TenantSettings {
        cors_origins: ["https://app.example".to_owned()].into(),
        machine_inactivity: Some(Ttl::from_secs(1)),
        machine_total: Some(Ttl::from_secs(2)),
        signing_algs: [SigningAlg::ES256, SigningAlg::RS256].into(),
        key_active: Ttl::from_days(1),
        dpop_nonce_required: true,
        resources: BTreeMap::from([("https://api.example".to_owned(), AccessTokenFormat::Jwt)]),
        ..TenantSettings::new(ProfileName::Hid)
    };
    for settings in [settings, TenantSettings::new(ProfileName::Openid)] {
        administer(store, vec![AdminWrite::PutSettings(settings.clone())]);
        assert_eq!(store.settings().expect("the store answers").0, settings);
    }
}

/// Each lookup of something absent finds nothing, in an empty tenant and beside other rows.
pub fn what_is_not_there_is_not_found(store: &mut dyn TestStore) {
    for seeded in [false, true] {
        if seeded {
            seed(store);
        }
        let nobody = a_user("nobody").build();
        assert!(store.client(&client_id("CLIENT-1")).expect("the store answers").is_none());
        assert!(store.policy(&policy_code("at_stdpwd")).expect("the store answers").is_none());
        assert!(stored_session(store, 1).is_none());
        assert!(stored_refresh(store, 1).is_none());
        assert!(store.user(nobody.id).expect("the store answers").is_none());
        assert!(store.user_by_name("nobody").expect("the store answers").is_none());
        assert!(stored_authenticator(store, nobody.id).is_none());
        let address = source("192.0.2.9");
        assert!(store.source_failures(&client().0.client_id, address).expect("the store answers").is_none());
    }
}
