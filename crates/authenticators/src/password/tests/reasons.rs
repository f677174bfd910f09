use domain::port::Verified;
use domain::{AuditKind, AuditOutcome, AuthenticatorStatus, FailureReason, SessionLimits, Ttl, UserStatus};
use testkit::policy_code;

use super::*;
use crate::password::description;

type Change = fn(&mut World);

fn channel(code: &str) -> ChannelCode {
    ChannelCode::parse(code).unwrap()
}

/// Obstacles in the order of their precedence. None of them depends on the password, or counts as a failure.
const OBSTACLES: [(Change, FailureReason); 9] = [
    (|w| w.user = None, FailureReason::UserNotFound),
    (|w| w.user.as_mut().unwrap().status = UserStatus::Disabled, FailureReason::UserDisabled),
    (|w| w.authenticator = None, FailureReason::AuthenticatorNotFound),
    (|w| w.held().status = AuthenticatorStatus::Disabled, FailureReason::AuthenticatorDisabled),
    (|w| w.held().valid_from = w.clock.now().plus(Ttl::from_millis(1)), FailureReason::NotYetValid),
    (|w| w.held().valid_until = w.clock.now(), FailureReason::Expired),
    (
        |w| {
            w.policy.default_expiry_threshold = 4;
            w.held().uses = 4;
        },
        FailureReason::MaximumUses,
    ),
    (
        |w| {
            w.policy.password_maximum_uses = 2;
            w.held().password.uses = 2;
        },
        FailureReason::PasswordMaximumUses,
    ),
    (|w| w.policy.channels = [channel("CH_SSP")].into(), FailureReason::ChannelBlocked),
];

#[test]
fn every_obstacle_has_its_reason_whatever_the_password() {
    for (change, expected) in OBSTACLES {
        for password in ["opensesame", "wrong-password", "x"] {
            let world = World::new().with(change);
            assert!(!world.asks_for_a_hash(password), "{expected:?}: dummy work only");
            let (reason, writes) = failed(world.tries(password));
            assert_eq!(reason, expected);
            let [Write::Audit(event)] = writes.as_slice() else {
                panic!("{expected:?} counts nothing: {writes:?}")
            };
            assert_eq!((event.kind, event.outcome), (AuditKind::UserAuthentication, AuditOutcome::Refused));
            assert_eq!((event.reason, event.detail.as_str()), (expected.label(), "AT_CUSTPW"));
            assert_eq!(
                (event.client_id.as_deref(), event.user_name.as_deref()),
                (Some("spl-api"), Some("alice"))
            );
        }
    }
}

#[test]
fn the_first_obstacle_in_order_is_the_one_that_is_told() {
    for (place, (later, _)) in OBSTACLES.iter().enumerate() {
        for (earlier, expected) in OBSTACLES.iter().take(place) {
            let world = World::new().with(later).with(earlier);
            assert_eq!(failed(world.tries("opensesame")).0, *expected);
        }
    }
}

#[test]
fn a_broken_host_that_says_matches_does_not_get_through_an_obstacle() {
    for (change, expected) in OBSTACLES {
        let world = World::new().with(change);
        let password = Secret::new("opensesame".to_owned());
        let matches = Verified { matches: true, outdated: true };
        let env = world.clock.env(&world.entropy);
        let conclusion = conclude(&world.attempt(&password), matches, Some(hash("other")), &env).unwrap();
        assert_eq!(failed(conclusion).0, expected);
    }
}

#[test]
fn an_attempt_on_an_unknown_user_is_stored_only_for_a_proved_client() {
    let world = World::new().with(|w| {
        w.user = None;
        w.client_proved = false;
    });
    assert!(failed(world.tries("opensesame")).1.is_empty());
    let known = World::new().with(|w| w.client_proved = false);
    assert_eq!(failed(known.tries("wrong-password")).1.len(), 2);
}

#[test]
fn limits_that_are_not_reached_do_not_hinder() {
    let changes: [Change; 5] = [
        |w| w.held().valid_from = w.clock.now(),
        |w| w.held().valid_until = w.clock.now().plus(Ttl::from_millis(1)),
        |w| {
            w.policy.default_expiry_threshold = 5;
            w.held().uses = 4;
        },
        |w| w.held().uses = i64::MAX,
        |w| {
            w.policy.channels = [channel("CH_SSP")].into();
            w.channel = Some(channel("CH_SSP"));
        },
    ];
    for change in changes {
        proven(World::new().with(change).tries("opensesame"));
    }
}

#[test]
fn a_channel_outside_the_policys_is_blocked() {
    let world = World::new().with(|w| {
        w.policy.channels = [channel("CH_SSP")].into();
        w.channel = Some(channel("CH_DIRECT"));
    });
    assert_eq!(failed(world.tries("opensesame")).0, FailureReason::ChannelBlocked);
}

#[test]
fn lengths_count_characters_and_only_impossible_ones_are_told() {
    let world = World::new().with(|w| {
        w.policy.password_policy.min_length = 4;
        w.policy.password_policy.max_length = 10;
    });
    let rows = [
        ("", FailureReason::LengthMismatch),
        ("ééé", FailureReason::LengthMismatch),
        ("éééé", FailureReason::PasswordMismatch),
        ("éééééééééé", FailureReason::PasswordMismatch),
        ("ééééééééééé", FailureReason::LengthMismatch),
    ];
    for (password, expected) in rows {
        assert_eq!(failed(world.tries(password)).0, expected, "{password}");
        assert_eq!(world.asks_for_a_hash(password), expected == FailureReason::PasswordMismatch);
    }
}

#[test]
fn the_evidence_follows_from_the_policy() {
    let world = World::new().with(|w| w.policy.protection_level = 3);
    let (evidence, writes) = proven(world.tries("opensesame"));
    assert_eq!((evidence.acr.as_str(), evidence.amr.as_slice()), ("3", &["pwd".to_owned()][..]));
    let limits = SessionLimits { inactivity: Some(Ttl::from_secs(600)), total: Ttl::from_secs(3600) };
    assert_eq!((evidence.limits, evidence.policy), (limits, policy_code("AT_CUSTPW")));
    assert_eq!(evidence.level_of_assurance, "urn:hidaaas:policy:at_custpw");
    assert_eq!(evidence.auth_time, world.now());
    assert!(
        matches!(writes.writes.last(), Some(Write::Audit(event)) if event.outcome == AuditOutcome::Success)
    );
}

#[test]
fn every_failure_is_told_in_the_seeds_pattern() {
    let seed = "Invalid grant: Resource owner username or password is invalid (Password does not match):Resource owner username or password is invalid";
    assert_eq!(description(FailureReason::PasswordMismatch), seed);
    let all = [
        FailureReason::AuthenticatorNotFound,
        FailureReason::AuthenticatorDisabled,
        FailureReason::MaximumFailures,
        FailureReason::MaximumUses,
        FailureReason::ChannelBlocked,
        FailureReason::NotYetValid,
        FailureReason::Expired,
        FailureReason::LengthMismatch,
        FailureReason::PasswordMismatch,
        FailureReason::UserNotFound,
        FailureReason::PasswordMaximumUses,
        FailureReason::DeviceNotValid,
        FailureReason::InvalidMode,
        FailureReason::UserDisabled,
    ];
    let texts: std::collections::BTreeSet<_> = all.iter().map(|reason| description(*reason)).collect();
    assert_eq!(texts.len(), all.len());
    for text in texts {
        assert!(text.starts_with("Invalid grant: Resource owner username or password is invalid ("));
        assert!(text.ends_with("):Resource owner username or password is invalid"));
        assert!(!text.contains("Authentication failed"), "every reason has words of its own");
    }
}
