//! `[[policies]]`

use std::collections::BTreeMap;

use domain::{AuthenticationPolicy, PolicyCode, TenantSettings};
use serde_json::Value;
use toml::Spanned;

use super::Surroundings;
use crate::tenant_file::{
    builtin,
    document::PolicyDoc,
    problem::{Place, Problems},
};

/// Longest password that the hasher takes, bytes; no policy may promise more characters.
const LONGEST_PASSWORD: usize = 1024;

/// The policies there will be.
pub(super) struct Known {
    /// Those that the file asks for: what it names, and the built-in ones that it must complete.
    pub(super) wanted: Vec<AuthenticationPolicy>,
    /// All, with those that stay although the file does not name them.
    pub(super) all: BTreeMap<PolicyCode, AuthenticationPolicy>,
}

pub(super) fn check(
    docs: Vec<Spanned<PolicyDoc>>,
    settings: &TenantSettings,
    around: Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> Known {
    let mut named = BTreeMap::new();
    for doc in docs {
        let place = Place::new(doc.span().start, format!("policy {}", doc.get_ref().code));
        let Some(policy) = policy(&doc.into_inner(), &place, problems) else { continue };
        values(&policy, settings, &place, problems);
        if named.insert(policy.code.clone(), policy).is_some() {
            problems.add(&place, "code", "is named twice");
        }
    }
    let stored = &around.stored.policies;
    for policy in builtin::policies(settings.profile) {
        // A changed built-in policy that the file says nothing of goes back to the table only with --prune.
        if around.prune || !stored.contains_key(&policy.code) {
            named.entry(policy.code.clone()).or_insert(policy);
        }
    }
    let mut all = if around.prune { BTreeMap::new() } else { stored.clone() };
    all.extend(named.iter().map(|(code, policy)| (code.clone(), policy.clone())));
    Known { wanted: named.into_values().collect(), all }
}

/// What the file says, over what a policy of that code is otherwise. The names are the same, so JSON can lay one over
/// the other.
fn policy(doc: &PolicyDoc, place: &Place, problems: &mut Problems<'_>) -> Option<AuthenticationPolicy> {
    let Some(code) = PolicyCode::parse(&doc.code) else {
        problems.add(place, "code", "must have 1 to 64 bytes and no control characters");
        return None;
    };
    let mut base = serde_json::to_value(builtin::base(code)).ok()?;
    overlay(&mut base, serde_json::to_value(doc).ok()?);
    serde_json::from_value(base).map_err(|error| problems.add(place, "values", error.to_string())).ok()
}

fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn values(
    policy: &AuthenticationPolicy,
    settings: &TenantSettings,
    place: &Place,
    problems: &mut Problems<'_>,
) {
    let level = (1..=4).contains(&policy.protection_level);
    problems.check(level, place, "protectionLevel", "must be between 1 (low) and 4 (high)");
    for (key, value) in [
        ("defaultValidDaysAdd", policy.default_valid_days_add),
        ("defaultValidDaysEdit", policy.default_valid_days_edit),
        ("disableThreshold", policy.disable_threshold),
        ("autoUnlockSeconds", policy.auto_unlock_seconds),
        ("defaultExpiryThreshold", policy.default_expiry_threshold),
        ("passwordMaximumUses", policy.password_maximum_uses),
        ("challengeDisableThreshold", policy.challenge_disable_threshold),
        ("challengeTimeoutPeriod", policy.challenge_timeout_period),
        ("inactivitySeconds", policy.inactivity_seconds),
    ] {
        problems.check(value == -1 || value >= 1, place, key, "must be at least 1, or -1 for none");
    }
    problems.check(policy.total_seconds >= 1, place, "totalSeconds", "must be at least 1");
    for channel in policy.channels.difference(&settings.channels) {
        problems.add(place, "channels", format!("the tenant has no channel {:?}", channel.as_str()));
    }
    let password = &policy.password_policy;
    let lengths =
        password.min_length <= password.max_length && (1..=LONGEST_PASSWORD).contains(&password.max_length);
    problems.check(lengths, place, "passwordPolicy", "must have minLength <= maxLength <= 1024");
    let different = password.min_diff_chars <= password.max_length;
    problems.check(different, place, "passwordPolicy", "minDiffChars must not be more than maxLength");
}
