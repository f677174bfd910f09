//! `client_secret_pki` (CONTRACT 2.1): trust path, then revocation, then binding.

use super::*;

const GRANT: &str = "urn:hid:oauth:grant-type:client-secret-pki";

/// From yesterday until tomorrow.
fn today() -> (domain::Timestamp, domain::Timestamp) {
    let day = domain::Ttl::from_days(1);
    (NOW.minus(day), NOW.plus(day))
}

fn asks(bank: &Bank, certificate: &Issued) -> u16 {
    let caller = Caller { certificate: Some(certificate), ..Caller::default() };
    let form = format!("grant_type={GRANT}&client_id=machine");
    post(&mut caller.connect(bank.address), ("localhost", TOKEN), "", &form).status
}

#[test]
fn a_certificate_must_be_trusted_not_revoked_and_registered() {
    let subject = [("C", "NO"), ("O", "Bank"), ("CN", "machine")];
    let mut made = None;
    let bank = Bank::start_over(AskFor::Ask, |ca| {
        let one = || issued(&subject, Purpose::Client, Some(ca));
        let alone = issued(&subject, Purpose::Client, None);
        let (good, revoked, _, alone) = made.insert((one(), one(), one(), alone));
        let jwk = |issued: &Issued, kid: &str| {
            jose::pki::certificate_jwk(&issued.certificate_pem().unwrap(), kid).unwrap()
        };
        let jwks = serde_json::json!({ "keys": [jwk(good, "1"), jwk(revoked, "2"), jwk(alone, "3")] });
        let (truststore, list) =
            (ca.certificate_pem().unwrap(), ca.revocation_list(&[revoked], today()).unwrap());
        format!(
            "name = \"t\"\nprofile = \"hid\"\n\n[settings]\nmtls_truststore = '''\n{truststore}'''\n\
             mtls_crl = '''\n{list}'''\n\n[[clients]]\nclient_id = \"machine\"\n\
             auth_methods = [\"client_secret_pki\"]\ngrant_types = [\"{GRANT}\"]\njwks = '''{jwks}'''\n"
        )
    });
    let (good, revoked, unregistered, alone) = made.unwrap();
    for (certificate, status, reasons) in [
        (&good, 200, &[][..]),
        (&unregistered, 401, &["certificate_not_registered"]),
        (&revoked, 401, &["certificate_not_registered", "certificate_revoked"]),
        (&alone, 401, &["certificate_not_registered", "certificate_revoked", "certificate_untrusted"]),
        (&good, 200, &["certificate_not_registered", "certificate_revoked", "certificate_untrusted"]),
    ] {
        assert_eq!(asks(&bank, certificate), status, "{reasons:?}");
        let mut audited = bank.audited();
        audited.sort_unstable();
        assert_eq!(audited, reasons);
    }
}
