//! What authorities and their responders publish.

use std::sync::LazyLock;

use domain::Timestamp;
use jose::{Crls, Link, OcspAnswer, Path, Standing, Truststore, certificates_from_pem, peer_certificate};

/// An authority, whose key is nowhere. All that it has ever signed says that its one client is revoked.
pub(super) const CA: &str = "-----BEGIN CERTIFICATE-----
MIIBjDCCATGgAwIBAgIUSuUwnR0ofRElUKkHjKAuDVLhlxgwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHRnV6eiBDQTAgFw0yNjExMjMwODAxMDdaGA8yMTI2MTAzMDA4
MDEwN1owEjEQMA4GA1UEAwwHRnV6eiBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABEPc9iubm4UeFbgS+Drw9RvzvjdsDOTM1Y09jc20ervEXsDjMfSkw0kcdjfz
Npbdrn/k5XwkFTpAZET3dx8Rha2jYzBhMB0GA1UdDgQWBBRqcYyklhlKHaakU6xP
VJY0ug8GVzAfBgNVHSMEGDAWgBRqcYyklhlKHaakU6xPVJY0ug8GVzAPBgNVHRMB
Af8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNJADBGAiEAnGd6
9SbO70XOpgU/DR1b8uQv39TychJ7fnLvhSnbbpsCIQCA7j2tZPjql/Nxac2bVfO2
3Eb8/2lAYeo8R94iHH7eZg==
-----END CERTIFICATE-----
";

/// Its client.
pub(super) const CLIENT: &str = "-----BEGIN CERTIFICATE-----
MIIBizCCATCgAwIBAgICShEwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHRnV6eiBD
QTAgFw0yNjExMjMwODAxMDdaGA8yMTI2MTAzMDA4MDEwN1owETEPMA0GA1UEAwwG
Y2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7TlXyyK6hYNptlvf9zKg
7GuRCxXgiTK0xjv5S213V8/ThO+FocSKrZyOl3MIjZg+flKZ7G1n1DgmREh+gOnm
EKN1MHMwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYI
KwYBBQUHAwIwHQYDVR0OBBYEFE4M0a794czi92jsI97bScxIXIV6MB8GA1UdIwQY
MBaAFGpxjKSWGUodpqRTrE9UljS6DwZXMAoGCCqGSM49BAMCA0kAMEYCIQCBfMdt
+7hDJYzYGfoEG47mU+P7+hVCsl3YffmM7O9wvgIhANVuK6rztYS491FjFaeVbfWo
IAqTdPucbiD1o1Hbtm+b
-----END CERTIFICATE-----
";

/// An instant at which both are valid.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

static PATH: LazyLock<Path> = LazyLock::new(|| {
    let client = certificates_from_pem(CLIENT, 1).unwrap().remove(0);
    let client = peer_certificate(&client, Vec::new()).unwrap();
    Truststore::from_pem(CA).unwrap().path(&client, NOW).unwrap()
});

fn link() -> Link<'static> {
    PATH.links().next().unwrap()
}

/// Revocation lists, as they are fetched and as a tenant file has them: none that the authority has not signed makes its
/// client good.
pub fn revocation_list(bytes: &[u8]) {
    let fetched = Crls::from_bytes(bytes);
    let given = std::str::from_utf8(bytes).ok().and_then(|text| Crls::from_pem(text).ok());
    assert!(fetched.is_err() || bytes.len() <= Crls::LONGEST);
    assert!(given.is_none() || bytes.len() <= 512 * 1024);
    // What begins like DER is read as DER where it is fetched.
    if let Some(given) = &given
        && bytes.first() != Some(&0x30)
    {
        let fetched = fetched.as_ref().expect("what a tenant file may have may be fetched");
        assert_eq!(format!("{fetched:?}"), format!("{given:?}"));
    }
    for lists in fetched.ok().into_iter().chain(given) {
        let said = link().listed(&lists, NOW);
        assert!(said.is_none_or(|said| said.standing == Standing::Revoked), "a forged list counts");
    }
}

/// A responder's answer: none that the authority has not signed makes its client good.
pub fn ocsp_answer(bytes: &[u8]) {
    if let Ok(answer) = OcspAnswer::from_der(bytes) {
        assert!(bytes.len() <= OcspAnswer::LONGEST);
        let said = link().answered(&answer, NOW);
        assert!(said.is_none_or(|said| said.standing == Standing::Revoked), "a forged answer counts");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_authority_has_signed_counts() {
        let list = include_bytes!("../../../../fixtures/fuzz/revocation_list/revoking");
        let said = link().listed(&Crls::from_bytes(list).unwrap(), NOW).unwrap();
        assert_eq!(said.standing, Standing::Revoked);
        let answer = include_bytes!("../../../../fixtures/fuzz/ocsp_answer/revoked");
        let said = link().answered(&OcspAnswer::from_der(answer).unwrap(), NOW).unwrap();
        assert_eq!(said.standing, Standing::Revoked);
    }
}
