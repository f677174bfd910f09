//! How clients and users present themselves.

use std::collections::BTreeMap;

use authenticators::constraints::{self, UserFacts};
use base64::Engine as _;
use client_auth::{ASSERTION_TYPE, Inputs, Presented, parse, scheme_tried};
use domain::{AuthMethod, PasswordConstraints, ProfileName, Refusal, Secret, WireProfile};

use super::{parts, text};

const PROFILES: [ProfileName; 2] = [ProfileName::Hid, ProfileName::Openid];

/// An `Authorization` header: reading again what was read gives the same.
pub fn basic(bytes: &[u8]) {
    for profile in PROFILES.map(WireProfile::named) {
        for url_decoded_basic in [false, true] {
            let headers = [bytes];
            let inputs = Inputs { authorization: &headers, ..nothing(url_decoded_basic) };
            let read = sound(&inputs, &profile);
            if let Ok(Presented::Secret { method, client_id, secret }) = read {
                assert_eq!(method, AuthMethod::ClientSecretBasic);
                assert!(bytes.len() <= 8192);
                let again = written(client_id.as_str(), secret.expose(), url_decoded_basic);
                // Percent-encoding may make it longer than a header may be.
                if again.len() > 8192 {
                    continue;
                }
                let headers = [again.as_slice()];
                let inputs = Inputs { authorization: &headers, ..nothing(url_decoded_basic) };
                let Ok(Presented::Secret { client_id: id, secret: same, .. }) = sound(&inputs, &profile)
                else {
                    panic!("what was read does not read again");
                };
                assert!(id == client_id && same.expose() == secret.expose());
            }
        }
    }
}

/// All places at once: header, `client_id`, `client_secret`, whether there is an assertion.
pub fn credentials(bytes: &[u8]) {
    let [header, more, id, secret, assertion] = parts(bytes);
    let (id, secret, assertion) = (text(id), text(secret), text(assertion));
    let headers: Vec<&[u8]> = [header, more].into_iter().filter(|value| !value.is_empty()).collect();
    for profile in PROFILES.map(WireProfile::named) {
        let inputs = Inputs {
            authorization: &headers,
            client_id: Some(&id),
            client_secret: Some(&secret),
            certificate: None,
            by_certificate: false,
            client_assertion: Some(&assertion),
            client_assertion_type: Some(ASSERTION_TYPE),
            url_decoded_basic: true,
        };
        let ways = usize::from(!headers.is_empty())
            + usize::from(!secret.is_empty())
            + usize::from(!assertion.is_empty());
        match sound(&inputs, &profile) {
            Ok(Presented::Nothing) => assert!(ways == 0 && id.is_empty()),
            Ok(Presented::Public { client_id }) => assert!(ways == 0 && client_id.as_str() == id),
            Ok(Presented::Certificate { .. } | Presented::Unreadable { .. }) => {
                panic!("there is no certificate")
            }
            Ok(Presented::Secret { .. }) => assert_eq!(ways, 1),
            Ok(Presented::Assertion(_)) => assert!(ways == 1 && !assertion.is_empty()),
            Ok(Presented::Bearer { .. }) => assert!(ways == 1 && profile.bearer_authenticates),
            Err(_) => {}
        }
    }
}

/// An assertion: bounded, of the allow-listed algorithms, and `Debug` hides it.
pub fn assertion(bytes: &[u8]) {
    let given = text(bytes);
    for profile in PROFILES.map(WireProfile::named) {
        let inputs = Inputs {
            client_assertion: Some(&given),
            client_assertion_type: Some(ASSERTION_TYPE),
            ..nothing(true)
        };
        let read = parse(&inputs, &profile);
        if let Ok(Presented::Assertion(assertion)) = &read {
            assert!(given.len() <= 16 * 1024 && assertion.compact().expose() == given);
            assert!(assertion.method() != AuthMethod::None && assertion.client_id().as_str().len() <= 255);
            assert!(!format!("{read:?}").contains(&given), "Debug shows an assertion");
        }
    }
}

/// The rules for a new password, on every text that it may have.
pub fn password_rules(bytes: &[u8]) {
    let [user_name, value, password] = parts(bytes);
    let (user_name, value, password) = (text(user_name), text(value), text(password));
    if password.len() > 1024 || user_name.len() > 255 || value.len() > 4096 {
        return; // Refused before.
    }
    let attributes = BTreeMap::from([("an attribute".to_owned(), value)]);
    let facts = UserFacts { user_name: &user_name, external_id: None, attributes: &attributes };
    let rules = PasswordConstraints { not_sequence: true, ..PasswordConstraints::default() };
    let found = constraints::check(&rules, &facts, &Secret::new(password.clone()));
    let length = password.chars().count();
    assert!(!found.is_empty() || (rules.min_length..=rules.max_length).contains(&length));
    for violation in found {
        assert!(
            password.len() < 8 || !violation.message().contains(&password),
            "a message tells the password"
        );
    }
}

fn nothing(url_decoded_basic: bool) -> Inputs<'static> {
    Inputs {
        authorization: &[],
        client_id: None,
        client_secret: None,
        certificate: None,
        by_certificate: false,
        client_assertion: None,
        client_assertion_type: None,
        url_decoded_basic,
    }
}

/// Parses; whatever comes of it keeps the limits, and `Debug` hides the secret.
fn sound(inputs: &Inputs<'_>, profile: &WireProfile) -> Result<Presented, Refusal> {
    let _scheme = scheme_tried(inputs);
    let read = parse(inputs, profile);
    if let Ok(Presented::Secret { client_id, secret, .. }) = &read {
        assert!(client_id.as_str().len() <= 255 && secret.expose().len() <= 1024);
        assert!(!secret.expose().chars().any(char::is_control));
        let shown = format!("{read:?}");
        let elsewhere = format!("{client_id:?} {:?} Secret(..)", AuthMethod::ClientSecretBasic);
        assert!(
            secret.expose().len() < 12
                || elsewhere.contains(secret.expose())
                || !shown.contains(secret.expose()),
            "Debug shows a secret"
        );
    }
    read
}

/// Basic credentials as a careful client writes them.
fn written(id: &str, secret: &str, url_encoded: bool) -> Vec<u8> {
    let half = |half: &str| -> Vec<u8> {
        if url_encoded {
            half.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
        } else {
            half.as_bytes().to_vec()
        }
    };
    let pair = [half(id), b":".to_vec(), half(secret)].concat();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into_bytes()
}
