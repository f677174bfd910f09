//! A certificate authority for demonstrations and tests: keys are P-256, signatures ECDSA with SHA-256.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{AltName, Fault, Secret, SigningAlg, Thumbprint, Timestamp, port::Entropy};
use openssl::{
    asn1::{Asn1Object, Asn1OctetString, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        CrlNumber, X509, X509Builder, X509CrlBuilder, X509Extension, X509Name, X509RevokedBuilder,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
            SubjectKeyIdentifier,
        },
    },
};
use serde_json::{Value, json};

use crate::der;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing certificates, with at most this many more authorities below it.
    Authority(Option<u32>),
    /// TLS servers.
    Server,
    /// TLS clients.
    Client,
    /// Saying which of its issuer's certificates were revoked (RFC 6960 §4.2.2.2).
    Responder,
}

/// A certificate to be made.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Short names and values, the most significant first: `[("O", "Bank"), ("CN", "client1")]`.
    pub subject: &'a [(&'a str, &'a str)],
    /// `subjectAltName`.
    pub alt_names: &'a [AltName],
    /// `notBefore` and `notAfter`, in whole seconds.
    pub dates: (Timestamp, Timestamp),
    /// What it is for.
    pub purpose: Purpose,
    /// Who is to be asked whether it was revoked (`authorityInfoAccess`, RFC 5280 §4.2.2.1); at most 80 bytes.
    pub ocsp_responder: Option<&'a str>,
}

/// A certificate and its private key.
pub struct Issued {
    certificate: X509,
    key: PKey<Private>,
}

impl Issued {
    /// A new key and a certificate for it, signed by `issuer`, or by itself.
    ///
    /// # Errors
    /// [`Fault::Crypto`] when the library refuses, such as an unknown short name; [`Fault::Entropy`].
    pub fn make(wanted: &Wanted<'_>, issuer: Option<&Self>, entropy: &dyn Entropy) -> Result<Self, Fault> {
        let mut serial = [0_u8; 16];
        entropy.fill(&mut serial)?;
        let [first, ..] = &mut serial;
        // Positive and never zero (RFC 5280 §4.1.2.2).
        *first = *first & 0x7f | 0x40;
        build(wanted, issuer, &serial).or(Err(Fault::Crypto("making a certificate")))
    }

    /// The certificate in PEM.
    ///
    /// # Errors
    /// [`Fault::Crypto`].
    pub fn certificate_pem(&self) -> Result<String, Fault> {
        let pem = self.certificate.to_pem().or(Err(Fault::Crypto("writing a certificate")))?;
        String::from_utf8(pem).or(Err(Fault::Invariant("PEM is ASCII")))
    }

    /// The certificate's DER.
    ///
    /// # Errors
    /// [`Fault::Crypto`].
    pub fn certificate_der(&self) -> Result<Vec<u8>, Fault> {
        self.certificate.to_der().or(Err(Fault::Crypto("writing a certificate")))
    }

    /// An authority's list (RFC 5280 §5) in PEM that says that these certificates of its own are revoked. `dates` are
    /// `thisUpdate` and `nextUpdate`, in whole seconds.
    ///
    /// # Errors
    /// [`Fault::Crypto`] when the library refuses.
    pub fn revocation_list(&self, revoked: &[&Self], dates: (Timestamp, Timestamp)) -> Result<String, Fault> {
        let pem = self.list(revoked, dates).or(Err(Fault::Crypto("making a revocation list")))?;
        String::from_utf8(pem).or(Err(Fault::Invariant("PEM is ASCII")))
    }

    fn list(&self, revoked: &[&Self], (from, until): (Timestamp, Timestamp)) -> Result<Vec<u8>, ErrorStack> {
        let time = |at: Timestamp| Asn1Time::from_unix(at.as_numeric_date());
        let mut builder = X509CrlBuilder::new()?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.set_last_update(&*time(from)?)?;
        builder.set_next_update(&*time(until)?)?;
        let identifier = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&X509::builder()?.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(identifier)?;
        let number = BigNum::from_dec_str(&from.as_numeric_date().to_string())?;
        builder.append_extension(CrlNumber::new(number)?.build()?)?;
        // The library makes no empty list. Nobody's number is 1: see `Issued::make`.
        let nobody = BigNum::from_u32(1)?.to_asn1_integer()?;
        let serials = revoked.iter().map(|one| one.certificate.serial_number());
        for serial in serials.chain([&*nobody]) {
            let mut entry = X509RevokedBuilder::new()?;
            entry.set_serial_number(serial)?;
            entry.set_revocation_date(&*time(from)?)?;
            builder.add_revoked(entry.build())?;
        }
        builder.sort()?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        builder.build()?.to_pem()
    }

    /// The private key in PEM (PKCS #8), not encrypted.
    ///
    /// # Errors
    /// [`Fault::Crypto`].
    pub fn key_pem(&self) -> Result<Secret, Fault> {
        let pem = self.key.private_key_to_pem_pkcs8().or(Err(Fault::Crypto("writing a key")))?;
        String::from_utf8(pem).map(Secret::new).or(Err(Fault::Invariant("PEM is ASCII")))
    }
}

/// The public key of a P-256 certificate (PEM) as a JWK set of that one key, for a client that proves itself by the same
/// key without TLS.
///
/// # Errors
/// [`Fault::Crypto`] when the text is no such certificate.
pub fn key_set_of(certificate_pem: &str) -> Result<String, Fault> {
    let read = X509::from_pem(certificate_pem.as_bytes()).and_then(|read| read.public_key());
    let key = read.or(Err(Fault::Crypto("reading a certificate")))?;
    let jwk = crate::jwk::public_members(SigningAlg::ES256, &key)?;
    Ok(json!({ "keys": [jwk] }).to_string())
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("subject", &self.certificate.subject_name()).finish_non_exhaustive()
    }
}

fn build(wanted: &Wanted<'_>, issuer: Option<&Issued>, serial: &[u8]) -> Result<Issued, ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
    let mut subject = X509Name::builder()?;
    for (name, value) in wanted.subject {
        subject.append_entry_by_text(name, value)?;
    }
    let subject = subject.build();
    let (from, until) = wanted.dates;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*BigNum::from_slice(serial)?.to_asn1_integer()?)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name()))?;
    builder.set_not_before(&*Asn1Time::from_unix(from.as_numeric_date())?)?;
    builder.set_not_after(&*Asn1Time::from_unix(until.as_numeric_date())?)?;
    builder.set_pubkey(&key)?;
    extensions(&mut builder, wanted, issuer)?;
    builder.sign(issuer.map_or(&*key, |issuer| &*issuer.key), MessageDigest::sha256())?;
    Ok(Issued { certificate: builder.build(), key })
}

fn extensions(
    builder: &mut X509Builder,
    wanted: &Wanted<'_>,
    issuer: Option<&Issued>,
) -> Result<(), ErrorStack> {
    let mut basic = BasicConstraints::new();
    basic.critical();
    let mut usage = KeyUsage::new();
    usage.critical();
    match wanted.purpose {
        Purpose::Authority(below) => {
            basic.ca();
            if let Some(below) = below {
                basic.pathlen(below);
            }
            usage.key_cert_sign().crl_sign();
        }
        Purpose::Server | Purpose::Client | Purpose::Responder => drop(usage.digital_signature()),
    }
    builder.append_extension(basic.build()?)?;
    builder.append_extension(usage.build()?)?;
    match wanted.purpose {
        Purpose::Authority(_) => {}
        Purpose::Server => builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?,
        Purpose::Client => builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?,
        Purpose::Responder => {
            builder.append_extension(ExtendedKeyUsage::new().other("OCSPSigning").build()?)?;
        }
    }
    if let Some(uri) = wanted.ocsp_responder {
        let (oid, value) = (Asn1Object::from_str("1.3.6.1.5.5.7.1.1")?, access_to_responder(uri));
        let value = Asn1OctetString::new_from_bytes(&value)?;
        builder.append_extension(X509Extension::new_from_der(&oid, false, &value)?)?;
    }
    let parent = issuer.map(|issuer| &*issuer.certificate);
    let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(parent, None))?;
    builder.append_extension(subject_key)?;
    if parent.is_some() {
        let mut identifier = AuthorityKeyIdentifier::new();
        let authority = identifier.keyid(true).build(&builder.x509v3_context(parent, None))?;
        builder.append_extension(authority)?;
    }
    if !wanted.alt_names.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for name in wanted.alt_names {
            match name {
                AltName::Dns(text) => names.dns(text),
                AltName::Uri(text) => names.uri(text),
                AltName::Ip(ip) => names.ip(&ip.to_string()),
                AltName::Email(text) => names.email(text),
            };
        }
        let names = names.build(&builder.x509v3_context(parent, None))?;
        builder.append_extension(names)?;
    }
    Ok(())
}

/// A sequence of one sequence of `id-ad-ocsp` and the URI.
fn access_to_responder(uri: &str) -> Vec<u8> {
    const ID_AD_OCSP: [u8; 10] = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    const URI: u8 = 0x86;
    let one = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[tag, length], content].concat()
    };
    one(der::SEQUENCE, &one(der::SEQUENCE, &[&ID_AD_OCSP[..], &one(URI, uri.as_bytes())].concat()))
}

/// A certificate in PEM as a JWK for authentication: key, `kid`, `x5c` and `x5t#S256` (RFC 7517 §4), and no `use`
/// (CONTRACT 4.16). `None` when it does not read, or its key is not P-256.
pub fn certificate_jwk(pem: &str, kid: &str) -> Option<Value> {
    let certificate = X509::from_pem(pem.as_bytes()).ok()?;
    let der = certificate.to_der().ok()?;
    let mut jwk = crate::jwk::public_members(SigningAlg::ES256, &*certificate.public_key().ok()?).ok()?;
    for (name, value) in [
        ("kid", json!(kid)),
        ("x5c", json!([STANDARD.encode(&der)])),
        ("x5t#S256", json!(Thumbprint::of(&der).to_base64url())),
    ] {
        jwk.insert(name.to_owned(), value);
    }
    Some(Value::Object(jwk))
}
