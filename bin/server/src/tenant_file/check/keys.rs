//! `[[keys]]`, as an export wrote them.

use std::collections::BTreeSet;

use domain::{SigningKeyRecord, encoding};
use toml::Spanned;

use crate::tenant_file::{
    date,
    document::{DateDoc, KeyDoc},
    problem::{Place, Problems},
};

pub(super) fn check(docs: Vec<Spanned<KeyDoc>>, problems: &mut Problems<'_>) -> Vec<SigningKeyRecord> {
    let mut kids = BTreeSet::new();
    let mut records = Vec::new();
    for doc in docs {
        let place = Place::new(doc.span().start, format!("key {}", doc.get_ref().kid));
        let doc = doc.into_inner();
        problems.check(kids.insert(doc.kid.clone()), &place, "kid", "is named twice");
        records.extend(key(doc, &place, problems));
    }
    records
}

fn key(doc: KeyDoc, place: &Place, problems: &mut Problems<'_>) -> Option<SigningKeyRecord> {
    problems.check(
        super::is_name(&doc.kid),
        place,
        "kid",
        "must have 1 to 255 bytes and no control characters",
    );
    let jwk = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&doc.public_jwk);
    let named =
        jwk.is_ok_and(|jwk| jwk.get("kid").and_then(serde_json::Value::as_str) == Some(doc.kid.as_str()));
    problems.check(named, place, "public_jwk", "must be a JWK with the same kid");
    let sealed = encoding::from_base64url(&doc.sealed_private);
    problems.check(sealed.is_some(), place, "sealed_private", "must be base64url without padding");
    let mut at = |value: Option<&DateDoc>, key| {
        let read = value.and_then(date::read);
        problems.check(read.is_some() == value.is_some(), place, key, "must be an RFC 3339 date-time");
        read
    };
    let created_at = at(Some(&doc.created_at), "created_at");
    let active_from = at(Some(&doc.active_from), "active_from");
    let verify_from = at(doc.verify_from.as_ref(), "verify_from");
    let retired_at = at(doc.retired_at.as_ref(), "retired_at");
    problems.check(
        verify_from.is_some() == retired_at.is_some(),
        place,
        "retired_at",
        "must stand with verify_from, or neither",
    );
    Some(SigningKeyRecord {
        kid: doc.kid,
        alg: doc.alg,
        public_jwk: doc.public_jwk,
        sealed_private: sealed?,
        created_at: created_at?,
        active_from: active_from?,
        verify_from,
        retired_at,
    })
}
