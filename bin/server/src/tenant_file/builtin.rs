//! The policies that every tenant has (CONTRACT 7.1, 7.2).

use domain::{AuthenticationPolicy, PasswordConstraints, PolicyCode, ProfileName, policy::CharacterRange};

/// The policy of client secrets.
pub(super) const CLIENT_SECRETS: &str = "AT_SYSLOG";

/// Codes that exist in `hid` tenants only: customers' and employees' passwords, with the values of `AT_STDPWD`.
const HID_PASSWORDS: [&str; 3] = ["AT_CUSTPW", "AT_CUSTPWD", "AT_EMPPWD"];

/// Codes that exist in `hid` tenants only: clients' keys, with the sessions of `AT_SYSLOG`.
const HID_KEYS: [&str; 3] = ["AT_JWT", "AT_SYSPKI", "AT_CUSTPKI"];

/// The built-in policies of a tenant under `profile`.
pub(super) fn policies(profile: ProfileName) -> Vec<AuthenticationPolicy> {
    let in_hid = profile == ProfileName::Hid;
    let of_hid = HID_PASSWORDS.into_iter().chain(HID_KEYS).filter(|_| in_hid);
    [CLIENT_SECRETS, "AT_STDPWD", "AT_RESPWD"].into_iter().chain(of_hid).filter_map(policy).collect()
}

/// What a policy of that code is where the file says nothing: the table of CONTRACT 7.2, else the vendor's defaults.
pub(super) fn base(code: PolicyCode) -> AuthenticationPolicy {
    policy(code.as_str()).unwrap_or_else(|| AuthenticationPolicy::new(code))
}

fn policy(code: &str) -> Option<AuthenticationPolicy> {
    let defaults = AuthenticationPolicy::new(PolicyCode::parse(code)?);
    match code {
        // A locked source is let in again after 300 s (DECISIONS 5.6).
        CLIENT_SECRETS => Some(AuthenticationPolicy {
            disable_threshold: 5,
            auto_unlock_seconds: 300,
            inactivity_seconds: 300,
            ..defaults
        }),
        "AT_STDPWD" => Some(defaults),
        "AT_RESPWD" => Some(AuthenticationPolicy {
            disable_threshold: 3,
            total_seconds: 86_400,
            password_policy: PasswordConstraints {
                character_range: CharacterRange::NumOrAlpha,
                at_least_one_up: true,
                at_least_one_low: true,
                at_least_one_num: true,
                ..PasswordConstraints::default()
            },
            ..defaults
        }),
        code if HID_KEYS.contains(&code) => {
            Some(AuthenticationPolicy { inactivity_seconds: 300, ..defaults })
        }
        code => HID_PASSWORDS.contains(&code).then_some(defaults),
    }
}
