//! Single values.

use countersign_server::tenant_file::date as dates;
use domain::{
    ClientId, PolicyCode, RequestId, Scopes, SecretDigest, TenantName, TokenKind, encoding,
    machine_secret as secrets, token_text as tokens,
};

use super::text;

/// A token has one kind, one length and one text.
pub fn token_text(bytes: &[u8]) {
    let text = text(bytes);
    let kinds = [
        TokenKind::Access,
        TokenKind::Refresh,
        TokenKind::Code,
        TokenKind::Registration,
        TokenKind::InitialAccess,
    ];
    let read: Vec<_> = kinds.iter().filter_map(|kind| Some((kind, tokens::parse(*kind, &text)?))).collect();
    assert!(read.len() <= 1, "one text, two kinds");
    for (kind, token) in read {
        let body = encoding::from_base64url(text.strip_prefix(kind.prefix()).unwrap()).unwrap();
        assert_eq!((text.len(), body.len()), (68, 48));
        assert_eq!(token.locator.as_bytes(), &body[..12]);
        assert!(token.digest.matches(&SecretDigest::of(&body[12..44])));
        assert_eq!(
            format!("{}{}", kind.prefix(), encoding::base64url(&body)),
            text,
            "one text for one token"
        );
    }
}

/// A generated secret has one length and one alphabet.
pub fn machine_secret(bytes: &[u8]) {
    let text = text(bytes);
    if secrets::recognise(&text) {
        let body = encoding::from_base64url(text.strip_prefix("csk_").unwrap()).unwrap();
        assert_eq!(body.len(), 36);
        assert_eq!(format!("csk_{}", encoding::base64url(&body)), text);
    }
}

/// What is decoded encodes to the same text, and nothing grows.
pub fn encoding(bytes: &[u8]) {
    assert_eq!(encoding::from_base64url(&encoding::base64url(bytes)).as_deref(), Some(bytes));
    let text = text(bytes);
    if let Some(decoded) = encoding::from_base64url(&text) {
        assert_eq!(encoding::base64url(&decoded), text);
    }
    if let Some(decoded) = encoding::form_url_decoded(bytes) {
        assert!(decoded.len() <= bytes.len());
        let encoded = decoded.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
        assert_eq!(encoding::form_url_decoded(encoded.as_bytes()).unwrap().as_slice(), decoded.as_slice());
    }
}

/// Scopes read back from the text they write.
pub fn scopes(bytes: &[u8]) {
    let text = text(bytes);
    for commas in [false, true] {
        let Some(scopes) = Scopes::parse(&text, commas) else { continue };
        assert!(scopes.iter().count() <= 64 && scopes.iter().all(|value| (1..=128).contains(&value.len())));
        assert!(scopes.to_text().is_ascii());
        assert_eq!(Scopes::parse(&scopes.to_text(), false), Some(scopes.clone()));
        let list = Vec::<String>::from(scopes.clone());
        assert_eq!(Scopes::try_from(list), Ok(scopes));
    }
}

/// Names stay what they are, within their lengths.
pub fn names(bytes: &[u8]) {
    let text = text(bytes);
    let fits = |most| (1..=most).contains(&text.len()) && !text.chars().any(char::is_control);
    assert_eq!(ClientId::parse(&text).is_some(), fits(255));
    assert_eq!(PolicyCode::parse(&text).is_some(), fits(64));
    assert_eq!(RequestId::parse(&text).is_some(), fits(128));
    if let Some(name) = TenantName::parse(&text) {
        assert_eq!(name.as_str(), text);
        assert!(fits(64) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    }
}

/// A date reads back, to the millisecond, from what it writes.
pub fn date(bytes: &[u8]) {
    let Some(at) = dates::parse(&text(bytes)) else { return };
    assert!(at.millis() >= 0);
    assert_eq!(dates::parse(&dates::text(at)), Some(at));
}
