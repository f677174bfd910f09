use domain::{KeyStage, ProfileName};

use super::*;
use crate::tenant_file::tests::support::Installation;

const HOUR: Ttl = Ttl::from_secs(3600);

fn settings(algs: &[SigningAlg]) -> TenantSettings {
    TenantSettings {
        signing_algs: algs.iter().copied().collect(),
        ..TenantSettings::new(ProfileName::Openid)
    }
}

fn key(kid: &str, alg: SigningAlg, active_from: Timestamp) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        alg,
        public_jwk: String::new(),
        sealed_private: Vec::new(),
        created_at: active_from,
        active_from,
        verify_from: None,
        retired_at: None,
    }
}

/// What storage would make of a step.
fn done(keys: &mut Vec<SigningKeyRecord>, step: KeyStep, settings: &TenantSettings, now: Timestamp) {
    let mut supersede = |kid: &str, at: Timestamp| {
        let key = keys.iter_mut().find(|key| key.kid == kid).unwrap();
        assert_eq!(key.verify_from, None, "the precondition of SupersedeKey");
        key.verify_from = Some(at);
        key.retired_at = Some(at.plus(settings.key_verify));
    };
    let mut made = None;
    match step {
        KeyStep::First { alg, at } => made = Some((alg, at)),
        KeyStep::Succeed { alg, kid, at } => {
            supersede(&kid, at);
            made = Some((alg, at));
        }
        KeyStep::Withdraw { kid, at } => supersede(&kid, at),
        KeyStep::Remove(kid) => keys.retain(|key| key.kid != kid),
    }
    if let Some((alg, at)) = made {
        let kid = free_kid(keys, now);
        keys.push(SigningKeyRecord { created_at: now, ..key(&kid, alg, at) });
    }
}

#[test]
fn over_a_year_there_is_always_one_signer_that_every_cache_knows() {
    let settings = settings(&[SigningAlg::RS256, SigningAlg::ES256]);
    let start = Timestamp::from_secs(1_767_225_600);
    let mut keys = Vec::new();
    let mut signers = std::collections::BTreeSet::new();
    for hour in 0..24 * 365 {
        let now = start.plus(Ttl::from_secs(hour * 3600));
        for step in due(&keys, &settings, now) {
            done(&mut keys, step, &settings, now);
        }
        assert_eq!(due(&keys, &settings, now), [], "what is done is not asked for again");
        for alg in [SigningAlg::RS256, SigningAlg::ES256] {
            let active: Vec<_> =
                keys.iter().filter(|key| key.alg == alg && key.stage(now) == KeyStage::Active).collect();
            let [signer] = active.as_slice() else { panic!("{} active keys after {hour} h", active.len()) };
            assert!(now.since(signer.active_from) <= settings.key_active);
            let first = signer.created_at == start;
            assert!(first || signer.active_from.since(signer.created_at) > settings.jwks_cache);
            signers.insert(signer.kid.clone());
        }
        let published = keys.iter().filter(|key| key.stage(now) != KeyStage::Retired).count();
        assert!((2..=4).contains(&published), "{published} published after {hour} h");
        assert!(keys.len() <= 6, "retired keys leave");
    }
    assert_eq!(signers.len(), 2 * 5, "one takes over every 90 days");
}

#[test]
fn a_tenants_first_keys_sign_at_once_and_a_lost_successor_is_replaced() {
    let settings = settings(&[SigningAlg::ES256]);
    let now = Timestamp::from_secs(1_767_225_600);
    assert_eq!(due(&[], &settings, now), [KeyStep::First { alg: SigningAlg::ES256, at: now }]);
    let ends = now.plus(HOUR).plus(HOUR);
    let last = SigningKeyRecord {
        verify_from: Some(ends),
        retired_at: Some(ends.plus(settings.key_verify)),
        ..key("1", SigningAlg::ES256, now.minus(HOUR))
    };
    let keys = [last];
    assert_eq!(due(&keys, &settings, now), [KeyStep::First { alg: SigningAlg::ES256, at: ends }]);
    assert_eq!(missing(&keys, &settings, now), []);
    let late = ends.plus(HOUR);
    let known = late.plus(settings.jwks_cache).plus(MARGIN);
    assert_eq!(due(&keys, &settings, late), [KeyStep::First { alg: SigningAlg::ES256, at: known }]);
    assert_eq!(missing(&keys, &settings, late), [SigningAlg::ES256]);
}

#[test]
fn an_algorithm_that_is_enabled_later_signs_when_every_cache_knows_its_key() {
    let settings = settings(&[SigningAlg::RS256, SigningAlg::ES256]);
    let now = Timestamp::from_secs(1_767_225_600);
    let keys = [key("1", SigningAlg::RS256, now.minus(HOUR))];
    let first = KeyStep::First { alg: SigningAlg::ES256, at: now.plus(settings.jwks_cache).plus(MARGIN) };
    assert_eq!(rotate_now(&keys, &settings, Some(SigningAlg::ES256), now).as_ref(), Ok(&vec![first.clone()]));
    assert_eq!(due(&keys, &settings, now), vec![first]);
}

#[test]
fn keys_that_nobody_needs_are_withdrawn_and_removed_in_the_end() {
    let now = Timestamp::from_secs(1_767_225_600);
    let keys = [key("1", SigningAlg::RS256, now.minus(HOUR)), key("2", SigningAlg::RS256, now)];
    let withdrawn = |kid: &str| KeyStep::Withdraw { kid: kid.to_owned(), at: now };
    assert_eq!(
        due(&keys, &settings(&[SigningAlg::RS256]), now),
        [withdrawn("1")],
        "the newest of two goes on"
    );
    let other = due(&keys, &settings(&[SigningAlg::EdDSA]), now);
    assert_eq!(other[..2], [withdrawn("1"), withdrawn("2")], "the algorithm was disabled");
    let old = SigningKeyRecord { verify_from: Some(now), retired_at: Some(now), ..keys[0].clone() };
    let both = [old, keys[1].clone()];
    let rs256 = settings(&[SigningAlg::RS256]);
    assert_eq!(due(&both, &rs256, now.plus(KEPT).minus(HOUR)), []);
    assert_eq!(due(&both, &rs256, now.plus(KEPT)), [KeyStep::Remove("1".to_owned())]);
}

#[test]
fn rotation_on_demand_waits_for_the_caches_and_for_a_pending_successor() {
    let settings = settings(&[SigningAlg::RS256, SigningAlg::ES256]);
    let now = Timestamp::from_secs(1_767_225_600);
    let mut keys = vec![key("1", SigningAlg::RS256, now), key("2", SigningAlg::ES256, now)];
    assert_eq!(
        rotate_now(&keys, &settings, Some(SigningAlg::PS256), now),
        Err(RotateError::NotEnabled(SigningAlg::PS256))
    );
    let steps = rotate_now(&keys, &settings, Some(SigningAlg::RS256), now).unwrap();
    let [KeyStep::Succeed { kid, at, .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(kid == "1" && at.since(now) > settings.jwks_cache);
    done(&mut keys, steps[0].clone(), &settings, now);
    assert!(matches!(
        rotate_now(&keys, &settings, Some(SigningAlg::RS256), now),
        Err(RotateError::Pending(_))
    ));
    let rest = rotate_now(&keys, &settings, None, now).unwrap();
    assert!(matches!(rest.as_slice(), [KeyStep::Succeed { alg: SigningAlg::ES256, .. }]), "{rest:?}");
    done(&mut keys, rest[0].clone(), &settings, now);
    assert!(
        matches!(rotate_now(&keys, &settings, None, now), Err(RotateError::Pending(kids)) if kids.len() == 2)
    );
    assert_eq!(due(&keys, &settings, now), []);
}

#[test]
fn first_keys_have_ids_of_their_own() {
    let installation = Installation::new();
    installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256', 'EdDSA']");
    let now = installation.clock.now();
    let keys = installation.store("t").keys().unwrap();
    let kids: std::collections::BTreeSet<_> =
        keys.iter().map(|key| (key.kid.clone(), key.stage(now) == KeyStage::Active)).collect();
    assert_eq!(
        kids.into_iter()
            .map(|(kid, active)| (kid.parse::<i64>().unwrap() - now.millis(), active))
            .collect::<Vec<_>>(),
        [(0, true), (1, true)]
    );
}

#[test]
fn of_two_nodes_one_makes_the_successor_and_the_other_notices() {
    let installation = Installation::new();
    installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']");
    let (setup, tenant) = (&installation.setup, installation.tenant("t"));
    assert_eq!(run(setup, &tenant).unwrap(), Vec::<String>::new());
    installation.clock.advance(Ttl::from_days(90));
    let now = installation.clock.now();
    let steps = due(&installation.store("t").keys().unwrap(), &tenant.settings, now);
    // Both nodes have seen the same keys and decided the same.
    let first = carry_out(setup, &tenant, steps.clone(), now).unwrap();
    assert!(matches!(first.as_slice(), [line] if line.contains("takes over from")), "{first:?}");
    assert_eq!(carry_out(setup, &tenant, steps, now).unwrap(), Vec::<String>::new());
    let keys = installation.store("t").keys().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].verify_from, Some(keys[1].active_from));
    assert_eq!(run(setup, &tenant).unwrap(), Vec::<String>::new());
}
