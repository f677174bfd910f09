//! Certificates: what administrators and proxies say of them, and the names in them.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use countersign_server::{flow::keystores, proxy};
use domain::{OAuthErrorCode, PeerCertificate, Thumbprint, encoding};
use jose::{Truststore, TruststoreRejected, certificates_from_pem, outside, peer_certificate};

use super::{
    revocation::{CA, CLIENT, NOW},
    text,
};

/// Most certificates of a truststore, and its longest text.
const MOST: usize = 64;
const LONGEST: usize = 256 * 1024;

/// Certificates of whoever may connect, in PEM: bounded, nothing but certificates, and only who has the key of an authority
/// in it, or is in it, is trusted.
pub fn truststore(bytes: &[u8]) {
    let pem = text(bytes);
    let blocks: Vec<&str> = pem.split("-----BEGIN ").skip(1).collect();
    match Truststore::from_pem(&pem) {
        Ok(store) => {
            only_certificates(&pem);
            assert_eq!(format!("{store:?}"), format!("Truststore({} authorities)", blocks.len()));
            let client = certificates_from_pem(CLIENT, 1).unwrap().remove(0);
            let client = peer_certificate(&client, Vec::new()).unwrap();
            let trusted = store.path(&client, NOW).is_ok();
            assert!(!trusted || has_one_of_ours(&pem, &client), "a stranger's authority leads to it");
        }
        Err(TruststoreRejected::Empty) => assert!(blocks.is_empty()),
        Err(TruststoreRejected::TooLarge) => assert!(pem.len() > LONGEST || blocks.len() > MOST),
        Err(TruststoreRejected::Unreadable) => {}
    }
}

fn only_certificates(pem: &str) {
    assert!(pem.len() <= LONGEST);
    let read = certificates_from_pem(pem, MOST).expect("certificates");
    let mut blocks = 0;
    for block in pem.split("-----BEGIN ").skip(1) {
        let label = block.split_once("-----").map(|(label, _)| label);
        assert!(label.is_some_and(|label| label.ends_with("CERTIFICATE")), "{label:?}");
        blocks += 1;
    }
    assert_eq!(read.len(), blocks);
}

/// Whether the key of the client or of its authority is in one of the certificates.
fn has_one_of_ours(pem: &str, client: &PeerCertificate) -> bool {
    let ca = certificates_from_pem(CA, 1).unwrap().remove(0);
    let ca = peer_certificate(&ca, Vec::new()).unwrap();
    let has = |der: &[u8], key: &[u8]| der.windows(key.len()).any(|part| part == key);
    let ders = certificates_from_pem(pem, MOST).unwrap();
    ders.iter().any(|der| has(der, &ca.spki) || has(der, &client.spki))
}

/// An administrator's body: what is taken is a truststore, and is told so that it can be sent again.
pub fn keystore(bytes: &[u8]) {
    match keystores::truststore(bytes) {
        Ok(pem) => {
            assert!(Truststore::from_pem(&pem).is_ok(), "what is stored does not read");
            only_certificates(&pem);
            let told = serde_json::Value::Object(keystores::told(&pem)).to_string();
            assert_eq!(keystores::truststore(told.as_bytes()).as_ref(), Ok(&pem));
        }
        Err(refusal) => assert_eq!(refusal.code, OAuthErrorCode::InvalidRequest),
    }
}

/// What a proxy says of its client's certificate: header lines, in each form that is known. What is believed stands in them.
pub fn proxy_certificate(bytes: &[u8]) {
    const NGINX: &str = "ssl-client-cert";
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let [client_cert, nginx, xfcc] = proxy::read_anything(&headers, NGINX);
    for told in [&client_cert, &nginx, &xfcc].into_iter().flatten() {
        assert!(told.der.len() <= 16 * 1024 && told.chain.len() <= 8);
        assert!(told.chain.iter().all(|der| der.len() <= 16 * 1024));
        assert_eq!(told.thumbprint, Thumbprint::of(&told.der));
        let again = peer_certificate(&told.der, told.chain.clone());
        assert!(again.is_ok_and(|again| again == *told), "it does not read again");
    }
    if let Some(told) = client_cert {
        assert_eq!(values(&headers, "client-cert"), [item(&told.der)]);
        let lines = values(&headers, "client-cert-chain");
        let items = lines.iter().filter(|line| !line.is_empty()).flat_map(|line| line.split(','));
        let small =
            |item: &&str| STANDARD.decode(item.trim_matches(':')).is_ok_and(|der| der.len() <= 16 * 1024);
        let sent: Vec<&str> = items.map(str::trim).take(8).filter(small).collect();
        assert_eq!(told.chain.iter().map(|der| item(der)).collect::<Vec<_>>(), sent);
    }
    for (told, name) in [(nginx, NGINX), (xfcc, "x-forwarded-client-cert")] {
        let Some(told) = told else { continue };
        let lines = values(&headers, name);
        assert_eq!(lines.len(), 1, "one of two lines is believed");
        for der in std::iter::once(&told.der).chain(&told.chain) {
            assert!(stands_in(&lines[0], der), "a certificate out of nowhere");
        }
    }
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).map(|value| value.to_str().unwrap().trim().to_owned()).collect()
}

/// A byte sequence (RFC 8941 §3.3.5).
fn item(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// Whether what a certificate signs begins like one in a value of percent-encoded PEM; also where the value is written in a
/// way that only the library reads. All that the library may write in another way than it came is the frame around it.
fn stands_in(value: &str, der: &[u8]) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let Some(pem) = encoding::form_url_decoded(value.replace('+', "%2B").as_bytes()) else { return true };
    let pem = text(&pem);
    let frame = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
    let signed = &der[frame..der.len().min(frame + 64)];
    pem.split("-----BEGIN ").skip(1).any(|block| {
        let Some((_label, block)) = block.split_once("-----") else { return true };
        let body: String = block.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        LENIENT.decode(body).map_or(true, |read| read.windows(signed.len()).any(|part| part == signed))
    })
}

/// DER as names have it: nothing is left over, nothing is read twice, and an object identifier writes what it was.
pub fn der_name(bytes: &[u8]) {
    if let Some(name) = outside::name(bytes) {
        assert!(!name.to_string().chars().any(char::is_control), "{name:?}");
        assert!(outside::name(&[bytes, &[0]].concat()).is_none(), "something is left over");
        assert!(outside::name(&bytes[..bytes.len() - 1]).is_none(), "it was whole before its end");
        let [(_sequence, relative)] = outside::elements(bytes).expect("it is one element")[..] else {
            panic!("it is several")
        };
        assert_eq!(name.is_empty(), relative.is_empty());
    }
    if let Some(elements) = outside::elements(bytes) {
        let contents: usize = elements.iter().map(|(_, content)| content.len()).sum();
        let frames = bytes.len() - contents;
        assert!((2 * elements.len()..=5 * elements.len()).contains(&frames), "{frames} bytes of frames");
        for (tag, content) in elements {
            let [_, high, middle, low] = u32::try_from(content.len()).unwrap().to_be_bytes();
            let again = [&[tag, 0x83, high, middle, low], content].concat();
            assert_eq!(outside::elements(&again), Some(vec![(tag, content)]));
        }
    }
    if let Some(dotted) = outside::dotted(bytes) {
        assert_eq!(outside::dotted(&object_identifier(&dotted)), Some(dotted));
    }
}

/// Its content (X.690 §8.19).
fn object_identifier(dotted: &str) -> Vec<u8> {
    let mut numbers = dotted.split('.').map(|number| number.parse::<u64>().expect("a number"));
    let (first, second) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(first < 2 && second < 40 || first == 2);
    let mut bytes = Vec::new();
    for number in std::iter::once(first * 40 + second).chain(numbers) {
        let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let septet = u8::try_from(number >> (7 * group) & 0x7f).unwrap();
            bytes.push(if group > 0 { septet | 0x80 } else { septet });
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_own_authority_leads_to_it() {
        let store =
            Truststore::from_pem(include_str!("../../../../fixtures/fuzz/truststore/authority")).unwrap();
        let client = certificates_from_pem(CLIENT, 1).unwrap().remove(0);
        assert!(store.path(&peer_certificate(&client, Vec::new()).unwrap(), NOW).is_ok());
    }

    #[test]
    fn each_form_of_a_proxys_header_is_read() {
        for (number, name, seed) in [
            (0, "client-cert", include_str!("../../../../fixtures/fuzz/proxy_certificate/client-cert")),
            (1, "ssl-client-cert", include_str!("../../../../fixtures/fuzz/proxy_certificate/nginx")),
            (2, "x-forwarded-client-cert", include_str!("../../../../fixtures/fuzz/proxy_certificate/xfcc")),
        ] {
            let (own, value) = seed.trim_end().split_once(": ").unwrap();
            assert_eq!(own, name);
            let mut headers = HeaderMap::new();
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            let read = proxy::read_anything(&headers, "ssl-client-cert");
            assert!(read[number].is_some(), "{name}");
        }
    }

    #[test]
    fn a_keystore_is_read() {
        let body = include_bytes!("../../../../fixtures/fuzz/keystore/authority");
        assert!(keystores::truststore(body).is_ok());
    }

    #[test]
    fn a_name_is_read() {
        let name = include_bytes!("../../../../fixtures/fuzz/der_name/client");
        assert!(outside::name(name).is_some());
    }
}
