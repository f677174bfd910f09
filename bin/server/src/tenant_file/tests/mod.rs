mod documented;
mod exporting;
mod refusing;
pub(crate) mod support;

use domain::{
    Authenticator, AuthenticatorStatus, ClientId, Secret, SigningAlg, Timestamp, UserStatus, Write,
    WriteBatch, machine_secret,
    port::{
        Apply as _, AuthenticatorLookup as _, ClientLookup as _, KeyedDigest as _, PolicyLookup as _,
        SecretHasher as _, UserLookup as _,
    },
};
use storage::AuditFilter;
use support::{ACME, Installation, NOTHING, ONLINEBANK};
use testkit::policy_code;

use super::{ApplyOptions, apply};

const SMALL: &str = r#"
name = "t"
profile = "openid"
[[clients]]
client_id = "web"
generate_secret = true
[[users]]
user_name = "bob"
[[users.authenticators]]
policy = "AT_STDPWD"
password = "correct-horse-battery"
"#;

fn client(installation: &Installation, tenant: &str, id: &str) -> domain::port::StoredClient {
    installation.store(tenant).client(&ClientId::parse(id).unwrap()).unwrap().unwrap()
}

fn authenticator(installation: &Installation, tenant: &str, user: &str, policy: &str) -> Authenticator {
    let mut store = installation.store(tenant);
    let user = store.user_by_name(user).unwrap().unwrap();
    store.authenticator(user.id, &policy_code(policy)).unwrap().unwrap()
}

#[test]
fn the_demo_files_apply_once_and_then_change_nothing() {
    for (name, text) in [("ONLINEBANK", ONLINEBANK), ("acme", ACME)] {
        let installation = Installation::new();
        let report = installation.apply(text);
        assert!(report.created && report.shown_once.is_empty(), "{name}");
        assert!(report.lines.contains(&format!("+ tenant {name}")), "{:?}", report.lines);
        let revision = installation.tenant(name).revision;
        for again in [installation.lines(text), installation.pruned(text)] {
            assert_eq!(again, NOTHING, "{name}");
        }
        assert_eq!(installation.tenant(name).revision, revision);
    }
}

#[test]
fn the_demo_has_the_clients_users_and_secrets_that_were_decided() {
    let installation = Installation::new();
    installation.apply(ONLINEBANK);
    installation.apply(ACME);
    let matches = |hash: &domain::port::PasswordHash, text: &str| {
        installation.setup.hasher.verify(&Secret::new(text.to_owned()), Some(hash)).unwrap().matches
    };
    for (tenant, id, secret) in [
        ("ONLINEBANK", "spl-api", "password01"),
        ("ONLINEBANK", "client1", "password01"),
        ("ONLINEBANK", "473860565698665592940942231026762145082188268181", "MyClientID123456?"),
        ("acme", "acme-web", "acme-web-secret-6f1d0c9be2a74e58"),
        ("acme", "acme-m2m", "acme-m2m-secret-0b7c41d2f98e4a63"),
        ("acme", "acme-legacy", "acme-legacy-secret-51ce9a07d3b84f26"),
    ] {
        assert!(matches(client(&installation, tenant, id).secrets.chosen.as_ref().unwrap(), secret), "{id}");
    }
    for (tenant, id) in [("ONLINEBANK", "spl-app"), ("acme", "acme-spa")] {
        assert!(client(&installation, tenant, id).client.is_public(), "{id}");
    }
    assert!(client(&installation, "acme", "acme-m2m").client.may("introspect"));
    for (tenant, user, policy, password) in [
        ("ONLINEBANK", "alice", "AT_CUSTPW", "secret"),
        ("ONLINEBANK", "5619630280", "AT_CUSTPWD", "54917067"),
        ("ONLINEBANK", "employee1", "AT_EMPPWD", "Employee-Pass-2026"),
        ("acme", "bob", "AT_STDPWD", "correct-horse-battery-staple"),
    ] {
        assert!(
            matches(&authenticator(&installation, tenant, user, policy).password.hash, password),
            "{user}"
        );
    }
    let others = ["jsmith@company.com", "spl-cust02"];
    assert!(others.iter().all(|name| installation.store("ONLINEBANK").user_by_name(name).unwrap().is_some()));
}

#[test]
fn every_tenant_has_the_built_in_policies_of_its_profile() {
    let installation = Installation::new();
    installation.apply("name = 'h'\nprofile = 'hid'");
    installation.apply("name = 'o'\nprofile = 'openid'");
    let codes = |name| -> Vec<String> {
        installation.store(name).policies().unwrap().iter().map(|policy| policy.code.to_string()).collect()
    };
    assert_eq!(
        codes("h"),
        [
            "AT_CUSTPKI",
            "AT_CUSTPW",
            "AT_CUSTPWD",
            "AT_EMPPWD",
            "AT_JWT",
            "AT_RESPWD",
            "AT_STDPWD",
            "AT_SYSLOG",
            "AT_SYSPKI"
        ]
    );
    assert_eq!(codes("o"), ["AT_RESPWD", "AT_STDPWD", "AT_SYSLOG"]);
    let policy = |code| installation.store("o").policy(&policy_code(code)).unwrap().unwrap();
    let (secrets, restricted) = (policy("AT_SYSLOG"), policy("AT_RESPWD"));
    assert_eq!(
        (secrets.disable_threshold, secrets.inactivity_seconds, secrets.total_seconds),
        (5, 300, 3600)
    );
    assert_eq!((restricted.disable_threshold, restricted.total_seconds), (3, 86_400));
    assert!(restricted.password_policy.at_least_one_up && restricted.password_policy.not_sequence);
}

#[test]
fn a_dry_run_tells_everything_and_writes_nothing() {
    let installation = Installation::new();
    let dry = ApplyOptions { dry_run: true, prune: false };
    let planned = apply(&installation.setup, SMALL, dry).unwrap();
    assert!(planned.created && planned.shown_once.is_empty());
    assert!(installation.setup.database.system().tenants().unwrap().is_empty());
    assert_eq!(installation.lines(SMALL), planned.lines);
    let (revision, changed) = (installation.tenant("t").revision, SMALL.replace("\"bob\"", "\"rob\""));
    let planned = apply(&installation.setup, &changed, dry).unwrap();
    assert_eq!(planned.lines, ["+ user rob (AT_STDPWD)"]);
    assert_eq!(installation.tenant("t").revision, revision);
    assert!(installation.store("t").user_by_name("rob").unwrap().is_none());
}

#[test]
fn of_two_who_create_the_same_tenant_at_once_both_find_it_complete() {
    let installation = Installation::new();
    let made: usize = std::thread::scope(|scope| {
        let apply = || installation.apply(SMALL).shown_once.len();
        let both = [scope.spawn(apply), scope.spawn(apply)];
        both.into_iter().map(|one| one.join().unwrap()).sum()
    });
    // The secret that is stored was shown to one of them, and no other was.
    assert_eq!(made, 1);
    assert_eq!(installation.lines(SMALL), NOTHING);
    assert_eq!(installation.store("t").keys().unwrap().len(), 4);
}

#[test]
fn a_generated_secret_is_shown_once_and_kept_as_a_digest() {
    let installation = Installation::new();
    let report = installation.apply(SMALL);
    let [(what, secret)] = report.shown_once.as_slice() else { panic!("{report:?}") };
    assert_eq!(what, "client web");
    assert!(machine_secret::recognise(secret.expose()));
    let stored = client(&installation, "t", "web").secrets;
    let digest = installation.setup.master.keyed(secret.expose().as_bytes());
    assert!(stored.generated.unwrap().matches(&digest) && stored.chosen.is_none());
    assert!(!format!("{report:?}").contains(secret.expose()));
    assert!(installation.apply(SMALL).shown_once.is_empty());
    let other = SMALL.replace("name = \"t\"", "name = \"u\"");
    installation
        .apply(&other.replace("generate_secret = true", &format!("client_secret = '{}'", secret.expose())));
    assert!(client(&installation, "u", "web").secrets.generated.unwrap().matches(&digest));
}

#[test]
fn what_differs_is_named_and_written_and_nothing_else() {
    let installation = Installation::new();
    installation.apply(SMALL);
    let changed = SMALL
        .replace("profile = \"openid\"", "profile = \"openid\"\n[settings]\nid_token_validity = 60")
        .replace("generate_secret = true", "generate_secret = true\nscopes = ['openid']\nclient_name = 'Web'")
        .replace("policy = \"AT_STDPWD\"", "policy = \"AT_STDPWD\"\nstatus = 'disabled'")
        .replace("user_name = \"bob\"", "user_name = \"bob\"\nattributes = { given_name = 'Bob' }")
        + "[[policies]]\ncode = 'AT_STDPWD'\ndisableThreshold = 4\n[policies.passwordPolicy]\nminLength = 9\n";
    assert_eq!(
        installation.lines(&changed),
        [
            "~ tenant t: id_token_validity",
            "~ policy AT_STDPWD: disableThreshold, passwordPolicy.minLength",
            "~ client web: client_name, scopes",
            "~ user bob: attributes",
            "~ authenticator AT_STDPWD of user bob: status",
        ]
    );
    assert_eq!(installation.lines(&changed), NOTHING);
    assert_eq!(authenticator(&installation, "t", "bob", "AT_STDPWD").status, AuthenticatorStatus::Disabled);
}

#[test]
fn passwords_counters_and_locks_of_what_exists_are_left_alone() {
    let installation = Installation::new();
    installation.apply(SMALL);
    let before = authenticator(&installation, "t", "bob", "AT_STDPWD");
    let mut batch = WriteBatch::new();
    batch.push(Write::AuthenticatorFailed {
        user_id: before.user_id,
        policy: before.policy.clone(),
        version: before.password.version,
        seen_failed: 0,
        seen_locked_at: None,
        failed: 8,
        locked_at: Some(Timestamp::from_secs(1_800_000_000)),
        at: Timestamp::from_secs(1_800_000_000),
    });
    assert_eq!(installation.store("t").apply(&batch).unwrap(), domain::Applied::Committed);
    // A password that the policy would refuse does not matter either: it is not looked at.
    let changed =
        SMALL.replace("correct-horse-battery", "x").replace("\"bob\"", "\"bob\"\nstatus = 'disabled'");
    assert_eq!(installation.lines(&changed), ["~ user bob: status"]);
    let after = authenticator(&installation, "t", "bob", "AT_STDPWD");
    assert_eq!(after.password.hash, before.password.hash);
    assert_eq!((after.statistics.consecutive_failed, after.locked_at.is_some()), (8, true));
    // Silence lets nobody in again.
    assert_eq!(installation.lines(SMALL), NOTHING);
    assert_eq!(installation.store("t").user_by_name("bob").unwrap().unwrap().status, UserStatus::Disabled);
}

#[test]
fn only_prune_deletes_and_never_a_built_in_policy() {
    let installation = Installation::new();
    let more = format!(
        "{SMALL}[[users.authenticators]]\npolicy = 'AT_OLD'\npassword = 'another-horse-battery'\n\
         [[users]]\nuser_name = 'eve'\n[[clients]]\nclient_id = 'old'\nauth_methods = ['none']\n\
         [[policies]]\ncode = 'AT_OLD'\n[[policies]]\ncode = 'AT_STDPWD'\ndisableThreshold = 3\n"
    );
    installation.apply(&more);
    assert_eq!(installation.lines(SMALL), NOTHING);
    assert_eq!(
        installation.pruned(SMALL),
        [
            "~ policy AT_STDPWD: disableThreshold",
            "- user eve",
            "- client old",
            "- authenticator AT_OLD of user bob",
            "- policy AT_OLD",
        ]
    );
    assert_eq!(installation.pruned(SMALL), NOTHING);
    assert_eq!(installation.store("t").policies().unwrap().len(), 3);
}

#[test]
fn a_client_that_becomes_public_loses_its_secret_and_needs_a_new_one_to_come_back() {
    let installation = Installation::new();
    installation.apply(SMALL);
    let public = SMALL.replace("generate_secret = true", "auth_methods = ['none']");
    let lines = installation.lines(&public);
    assert_eq!(
        lines,
        ["~ client web: auth_methods, token_endpoint_auth_method", "~ client web: no secret any more"]
    );
    assert!(client(&installation, "t", "web").secrets.generated.is_none());
    let back = installation.apply(SMALL);
    assert_eq!(back.lines.last().unwrap(), "~ client web: first secret");
    assert_eq!(back.shown_once.len(), 1);
}

#[test]
fn every_change_is_audited_with_its_object() {
    let installation = Installation::new();
    installation.apply(SMALL);
    let rows = installation.store("t").audit(&AuditFilter::default()).unwrap();
    let told: Vec<(&str, &str, &str)> =
        rows.iter().map(|row| (row.kind.as_str(), row.reason.as_str(), row.detail.as_str())).collect();
    for expected in [
        ("tenant_change", "created", "tenant t"),
        ("policy_change", "created", "policy AT_SYSLOG"),
        ("client_change", "created", "client web"),
        ("user_change", "created", "user bob (AT_STDPWD)"),
        ("key_change", "created", "key RS256"),
    ] {
        let by = format!("{}: {}", crate::operator::name(), expected.2);
        assert!(told.contains(&(expected.0, expected.1, by.as_str())), "{expected:?} in {told:?}");
    }
    assert!(rows.iter().all(|row| row.request_id == rows[0].request_id && row.source.is_none()));
}

#[test]
fn keys_come_with_the_tenant_and_with_every_algorithm() {
    let installation = Installation::new();
    let algs = |algs: &str| format!("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = [{algs}]");
    installation.apply(&algs("'ES256'"));
    assert_eq!(
        installation.lines(&algs("'ES256', 'EdDSA'")),
        ["~ tenant t: signing_algs", "+ key EdDSA, which signs from 2026-01-01T01:01:00Z"]
    );
    assert_eq!(installation.lines(&algs("'ES256', 'EdDSA'")), NOTHING);
    let keys = installation.store("t").keys().unwrap();
    let now = installation.clock.now();
    let active =
        |alg| keys.iter().filter(|key| key.alg == alg && key.stage(now) == domain::KeyStage::Active).count();
    assert_eq!((active(SigningAlg::ES256), active(SigningAlg::EdDSA), keys.len()), (1, 0, 2));
    assert_ne!(keys[0].kid, keys[1].kid);
}
