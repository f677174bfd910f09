//! What a client that registers says of itself (RFC 7591 §2).

use std::collections::{BTreeMap, BTreeSet};

use countersign_server::registration::{self, Allowance, Bounds, METHODS, Registrar};
use domain::{
    AuthMethod, Client, ClientId, GrantType, Locator, ProfileName, Scopes, TenantSettings, Timestamp,
    WireProfile,
};

/// A registration, by everyone who may register: nobody gives what they may not give, and what was answered can be sent
/// back as an update that changes nothing (RFC 7592 §2.2).
pub fn registration(bytes: &[u8]) {
    let Ok(members) = registration::document(bytes) else { return };
    let mut policies = BTreeMap::new();
    for code in ["AT_SYSLOG", "AT_CUSTPW"] {
        let policy = testkit::a_policy(code).build();
        policies.insert(policy.code.clone(), policy);
    }
    for name in [ProfileName::Hid, ProfileName::Openid] {
        let (settings, profile) = (TenantSettings::new(name), WireProfile::named(name));
        for registrar in registrars() {
            let bounds = |registrar, existing| {
                let policies = &policies;
                Bounds { settings: &settings, policies, profile, registrar, existing }
            };
            let id = || ClientId::parse("client").expect("an id");
            let Ok(client) = registration::client(&members, id(), bounds(&registrar, None)) else { continue };
            within(&client, &registrar, name);
            // Hostile keys are refused, or are not; the check comes back.
            let _usable = registration::check_keys(&client);
            let issued = Timestamp::from_secs(1);
            let hid = profile.hid_members;
            let answer =
                registration::answer(&client, "https://id.example/r".to_owned(), issued, (None, None), hid);
            let again = registration::client(&answer, id(), bounds(&Registrar::Itself, Some(&client)));
            assert_eq!(again.ok().as_ref(), Some(&client), "an update with what was answered");
        }
    }
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text, false).expect("scopes")
}

fn registrars() -> [Registrar; 3] {
    let allowance = Allowance {
        token: Locator::from_slice(&[0; 12]).expect("twelve bytes"),
        scopes: scopes("api"),
        auth_methods: BTreeSet::from([AuthMethod::PrivateKeyJwt, AuthMethod::ClientSecretBasic]),
    };
    let administrator = Registrar::Administrator { scopes: scopes("openid api"), resources: None };
    [administrator, Registrar::Holder(allowance), Registrar::Anyone]
}

fn within(client: &Client, registrar: &Registrar, profile: ProfileName) {
    assert!(client.roles.is_empty() && client.permissions.is_empty() && client.enabled);
    assert!(client.profile.is_none() && client.attributes.is_empty() && client.registration.is_none());
    assert_eq!(client.auth_methods, BTreeSet::from([client.token_endpoint_auth_method]));
    assert!(METHODS.contains(&client.token_endpoint_auth_method));
    let (given, administrator) = match registrar {
        Registrar::Administrator { scopes, .. } => (scopes.clone(), true),
        Registrar::Holder(allowance) => {
            assert!(allowance.auth_methods.contains(&client.token_endpoint_auth_method));
            (allowance.scopes.clone(), false)
        }
        Registrar::Anyone | Registrar::Itself => (Scopes::default(), false),
    };
    assert!(client.scopes.is_subset(&given));
    let grants = client.grant_types.as_ref().expect("they are named");
    assert!(administrator || !grants.contains(&GrantType::Password));
    assert!(administrator || client.resources == Some(BTreeSet::new()));
    let vendor = client.user_authn_policy.is_some()
        || client.refresh_token_validity.is_some()
        || !client.allowed_sources.is_empty();
    assert!(!vendor || (administrator && profile == ProfileName::Hid));
    for uri in &client.redirect_uris {
        assert!(uri.is_ascii() && uri.len() <= 2048, "{uri}");
        assert!(!uri.contains(['#', '*', '\\', ' ', '\n']), "{uri}");
    }
}
