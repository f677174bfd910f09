//! Chains of clients' certificates, as no authority should make them.

use domain::{ChainProblem, DistinguishedName, UnreadableCertificate};
use openssl::{
    asn1::{Asn1Time, Asn1Type},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509Builder, X509Name, X509NameBuilder,
        extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage},
    },
};

use super::NOW;
use crate::{Truststore, peer_certificate};

struct Made {
    certificate: X509,
    key: PKey<Private>,
}

fn ec() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn name(text: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", text).unwrap();
    name.build()
}

/// A certificate for a key, with what `extend` adds, signed by `issuer` or by itself.
fn made(
    (subject, key): (&X509Name, PKey<Private>),
    issuer: Option<&Made>,
    digest: MessageDigest,
    extend: impl FnOnce(&mut X509Builder),
) -> Made {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer.map_or(subject, |issuer| issuer.certificate.subject_name())).unwrap();
    let at = |seconds: i64| Asn1Time::from_unix(NOW.as_numeric_date() + seconds).unwrap();
    builder.set_not_before(&at(-1000)).unwrap();
    builder.set_not_after(&at(1000)).unwrap();
    builder.set_pubkey(&key).unwrap();
    extend(&mut builder);
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), digest).unwrap();
    Made { certificate: builder.build(), key }
}

fn authority(subject: &str, key: PKey<Private>, issuer: Option<&Made>, digest: MessageDigest) -> Made {
    made((&name(subject), key), issuer, digest, |builder| {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
    })
}

/// A client's certificate with this key usage.
fn client(key: PKey<Private>, issuer: &Made, digest: MessageDigest, usage: &KeyUsage) -> Made {
    made((&name("client"), key), Some(issuer), digest, |builder| {
        builder.append_extension(usage.build().unwrap()).unwrap();
        let purpose = ExtendedKeyUsage::new().client_auth().build().unwrap();
        builder.append_extension(purpose).unwrap();
    })
}

fn signing() -> KeyUsage {
    let mut usage = KeyUsage::new();
    usage.critical().digital_signature();
    usage
}

/// What a truststore of `root` says of a certificate that came with these.
fn judged(root: &Made, leaf: &Made, sent: &[&Made]) -> Result<(), ChainProblem> {
    let truststore =
        Truststore::from_pem(&String::from_utf8(root.certificate.to_pem().unwrap()).unwrap()).unwrap();
    let sent = sent.iter().map(|made| made.certificate.to_der().unwrap()).collect();
    let certificate = peer_certificate(&leaf.certificate.to_der().unwrap(), sent).unwrap();
    truststore.path(&certificate, NOW).map(|_path| ())
}

#[test]
fn a_certificate_whose_key_may_not_sign_is_for_something_else() {
    let sha256 = MessageDigest::sha256();
    let root = authority("Root", ec(), None, sha256);
    assert_eq!(judged(&root, &client(ec(), &root, sha256, &signing()), &[]), Ok(()));
    let mut enciphers = KeyUsage::new();
    enciphers.critical().key_encipherment().data_encipherment();
    let mut certifies = KeyUsage::new();
    certifies.critical().key_cert_sign();
    for usage in [enciphers, certifies] {
        let leaf = client(ec(), &root, sha256, &usage);
        assert_eq!(judged(&root, &leaf, &[]), Err(ChainProblem::Purpose));
    }
}

#[test]
fn what_is_signed_with_sha_1_or_by_a_short_key_is_weak() {
    let (sha1, sha256) = (MessageDigest::sha1(), MessageDigest::sha256());
    let root = authority("Root", ec(), None, sha256);
    let between = |key, digest| authority("Between", key, Some(&root), digest);
    let good = between(ec(), sha256);
    assert_eq!(judged(&root, &client(rsa(2048), &good, sha256, &signing()), &[&good]), Ok(()));
    let weak = Err(ChainProblem::Weak);
    assert_eq!(judged(&root, &client(ec(), &root, sha1, &signing()), &[]), weak, "its own signature");
    assert_eq!(judged(&root, &client(rsa(1024), &root, sha256, &signing()), &[]), weak, "its own key");
    let old = between(ec(), sha1);
    assert_eq!(judged(&root, &client(ec(), &old, sha256, &signing()), &[&old]), weak, "a signature above");
    let short = between(rsa(1024), sha256);
    assert_eq!(judged(&root, &client(ec(), &short, sha256, &signing()), &[&short]), weak, "a key above");
}

#[test]
fn a_subject_that_is_no_text_is_no_name_and_no_fault_of_the_certificate() {
    let sha256 = MessageDigest::sha256();
    let root = authority("Root", ec(), None, sha256);
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", "client").unwrap();
    let kind = Asn1Type::BIT_STRING;
    subject.append_entry_by_nid_with_type(Nid::from_raw(503), "bits", kind).unwrap();
    let odd = made((&subject.build(), ec()), Some(&root), sha256, |builder| {
        builder.append_extension(signing().build().unwrap()).unwrap();
    });
    let read = peer_certificate(&odd.certificate.to_der().unwrap(), Vec::new()).unwrap();
    assert_eq!(read.subject, None);
    for text in ["CN=client", "CN=client,2.5.4.45=bits", "2.5.4.45=bits,CN=client"] {
        let name = domain::CertificateName::SubjectDn(text.to_owned());
        assert!(!name.is_of(&read), "{text}");
    }
    assert_eq!(judged(&root, &odd, &[]), Ok(()));
    let plain = client(ec(), &root, sha256, &signing());
    let read = peer_certificate(&plain.certificate.to_der().unwrap(), Vec::new()).unwrap();
    assert_eq!(read.subject, DistinguishedName::parse("CN=client"));
    assert_eq!(peer_certificate(b"x", Vec::new()).unwrap_err(), UnreadableCertificate);
}
