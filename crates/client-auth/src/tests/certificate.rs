//! Which certificates prove which clients (RFC 8705 §2, CONTRACT 2.1).

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    AuthMethod::{self, ClientSecretPki, SelfSignedTlsClientAuth, TlsClientAuth},
    CertificateName, ChainProblem, DistinguishedName, PeerCertificate, ProfileName, Thumbprint, Timestamp,
    WireProfile, Write,
    port::StoredClient,
};
use testkit::{a_client, client_id};

use super::{World, authenticated, refusal, stored};
use crate::{Facts, Presented};

const OWN: &str = "CN=client1,O=Bank";

/// A client that is told by [`OWN`], with these methods.
fn client(methods: &[AuthMethod]) -> StoredClient {
    let with = |client: &mut domain::Client| {
        client.auth_methods = methods.iter().copied().collect::<BTreeSet<_>>();
        client.certificate_name = Some(CertificateName::SubjectDn(OWN.to_owned()));
    };
    stored(a_client("spl-api").with(with).no_secret())
}

fn certificate(subject: &str, (from, until): (i64, i64)) -> Arc<PeerCertificate> {
    let der = subject.as_bytes().to_vec();
    Arc::new(PeerCertificate {
        thumbprint: Thumbprint::of(&der),
        spki: der.clone(),
        subject: DistinguishedName::parse(subject),
        alt_names: Vec::new(),
        not_before: Timestamp::from_secs(from),
        not_after: Timestamp::from_secs(until),
        chain: Vec::new(),
        der,
    })
}

fn valid(subject: &str) -> Arc<PeerCertificate> {
    certificate(subject, (0, i64::MAX / 1000))
}

/// By which method the client is proven, or why it is not, and how many rows that writes.
fn told(
    world: &World,
    methods: &[AuthMethod],
    certificate: Arc<PeerCertificate>,
    (chain, registered): (Option<Result<(), ChainProblem>>, Option<bool>),
) -> Result<&'static str, (&'static str, usize)> {
    let client = client(methods);
    let facts = Facts { chain, registered, ..world.facts(Some(&client)) };
    let presented = Presented::Certificate { client_id: client_id("spl-api"), certificate, explicit: false };
    match world.begin(&presented, &facts) {
        step @ crate::AuthStep::Authenticated(..) => Ok(authenticated(step).0.method_name()),
        step => {
            let (refused, writes) = refusal(step);
            let rows = writes.writes;
            assert!(
                rows.iter().all(|row| matches!(row, Write::Audit(event) if event.reason == refused.reason))
            );
            Err((refused.reason, rows.len()))
        }
    }
}

#[test]
fn a_certificate_that_its_authority_took_back_passes_by_no_other_method() {
    let world = World::new();
    for (problem, reason) in [
        (ChainProblem::Revoked, "certificate_revoked"),
        (ChainProblem::RevocationUnknown, "certificate_revocation_unknown"),
    ] {
        for methods in [
            &[TlsClientAuth, SelfSignedTlsClientAuth][..],
            &[ClientSecretPki, SelfSignedTlsClientAuth],
            &[ClientSecretPki, TlsClientAuth, SelfSignedTlsClientAuth],
            &[TlsClientAuth],
            &[ClientSecretPki],
        ] {
            for registered in [true, false] {
                let facts = (Some(Err(problem)), Some(registered));
                assert_eq!(
                    told(&world, methods, valid(OWN), facts),
                    Err((reason, 1)),
                    "{methods:?} {registered}"
                );
            }
        }
    }
}

#[test]
fn a_registered_certificate_of_no_authority_of_the_tenants_passes_as_such() {
    let world = World::new();
    let both = [TlsClientAuth, SelfSignedTlsClientAuth];
    for chain in [ChainProblem::NoTruststore, ChainProblem::Untrusted, ChainProblem::Purpose] {
        let facts = (Some(Err(chain)), Some(true));
        assert_eq!(told(&world, &both, valid(OWN), facts), Ok("self_signed_tls_client_auth"), "{chain:?}");
    }
    assert_eq!(told(&world, &both, valid(OWN), (Some(Ok(())), Some(true))), Ok("tls_client_auth"));
    // Of another name, it is good for what it is registered as.
    let other = valid("CN=client2,O=Bank");
    assert_eq!(told(&world, &both, other, (Some(Ok(())), Some(true))), Ok("self_signed_tls_client_auth"));
}

#[test]
fn client_secret_pki_needs_trust_and_registration() {
    let world = World::new();
    let pki = [ClientSecretPki];
    for (chain, registered, expected) in [
        (Some(Ok(())), Some(true), Ok("client_secret_pki")),
        (Some(Ok(())), Some(false), Err(("certificate_not_registered", 1))),
        (Some(Ok(())), None, Err(("certificate_not_registered", 1))),
        (Some(Err(ChainProblem::Untrusted)), Some(true), Err(("certificate_untrusted", 1))),
        (Some(Err(ChainProblem::Untrusted)), Some(false), Err(("certificate_untrusted", 0))),
        (Some(Err(ChainProblem::Revoked)), Some(true), Err(("certificate_revoked", 1))),
        (None, Some(true), Err(("no_truststore", 1))),
    ] {
        assert_eq!(told(&world, &pki, valid(OWN), (chain, registered)), expected, "{chain:?} {registered:?}");
    }
    // The strict profile has no such method.
    let strict = World { profile: WireProfile::named(ProfileName::Fapi2), ..World::new() };
    let told = told(&strict, &pki, valid(OWN), (Some(Ok(())), Some(true)));
    assert_eq!(told, Err(("method_not_allowed", 1)));
}

#[test]
fn each_problem_of_a_chain_has_its_reason_and_leaves_a_row_only_where_an_authority_has_signed() {
    let world = World::new();
    for (problem, reason, rows) in [
        (ChainProblem::NoTruststore, "no_truststore", 0),
        (ChainProblem::Untrusted, "certificate_untrusted", 0),
        (ChainProblem::Purpose, "certificate_purpose", 0),
        (ChainProblem::Weak, "certificate_weak", 0),
        (ChainProblem::Expired, "certificate_expired", 1),
        (ChainProblem::NotYetValid, "certificate_not_yet_valid", 1),
    ] {
        let facts = (Some(Err(problem)), None);
        assert_eq!(told(&world, &[TlsClientAuth], valid(OWN), facts), Err((reason, rows)));
    }
    let other = valid("CN=client2,O=Bank");
    let facts = (Some(Ok(())), None);
    assert_eq!(told(&world, &[TlsClientAuth], other, facts), Err(("certificate_of_another", 1)));
}

#[test]
fn a_registered_certificate_has_dates_too() {
    let world = World::new();
    let now = world.clock.env(&world.entropy).now.as_numeric_date();
    let own = [SelfSignedTlsClientAuth];
    for (dates, expected) in [
        ((now, now), Ok("self_signed_tls_client_auth")),
        ((now - 2, now - 1), Err(("certificate_expired", 1))),
        ((now + 1, now + 2), Err(("certificate_not_yet_valid", 1))),
    ] {
        assert_eq!(told(&world, &own, certificate(OWN, dates), (None, Some(true))), expected, "{dates:?}");
    }
    assert_eq!(told(&world, &own, valid(OWN), (None, Some(false))), Err(("certificate_not_registered", 0)));
}

#[test]
fn a_subject_that_does_not_read_is_nobodys() {
    let world = World::new();
    let mut unreadable = PeerCertificate::clone(&valid(OWN));
    unreadable.subject = None;
    let facts = (Some(Ok(())), None);
    let told = told(&world, &[TlsClientAuth], Arc::new(unreadable), facts);
    assert_eq!(told, Err(("certificate_of_another", 1)));
}
