//! What may be asked for and is not there. Members that are not known are ignored (RFC 7591 §2); these are known, and
//! a client that asks for a protection relies on it: it is refused rather than registered without.

use domain::Refusal;

use super::{bad, members::Members};

/// Subject identifiers are the same for all clients, and nothing is encrypted to a client (OpenID Connect Dynamic Client
/// Registration 1.0 §2).
///
/// # Errors
/// `invalid_client_metadata`.
pub(super) fn check(members: Members<'_>) -> Result<(), Refusal> {
    let public = members.value("subject_type").is_none_or(|value| value == "public" || value == "");
    // Its members would have to be fetched and compared (§5); it means nothing without pairwise identifiers.
    if !public || members.has("sector_identifier_uri") {
        let text = "subject_type must be public or absent, without sector_identifier_uri: identifiers are not pairwise";
        return Err(bad("pairwise", text));
    }
    let encrypted = |name: &&str| members.has(name);
    if ENCRYPTED.iter().any(encrypted) {
        let text = "*_encrypted_response_alg and *_enc must be empty or absent: responses are not encrypted";
        return Err(bad("encrypted_response", text));
    }
    Ok(())
}

const ENCRYPTED: [&str; 6] = [
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc",
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(members: &Value) -> Option<&'static str> {
        check(Members(members.as_object().unwrap())).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn what_is_asked_for_and_not_there_is_refused_and_an_empty_member_asks_for_nothing() {
        let nothing = json!({
            "subject_type": "public", "sector_identifier_uri": null, "id_token_encrypted_response_alg": "",
        });
        assert_eq!(refused(&nothing), None);
        assert_eq!(refused(&json!({ "subject_type": "pairwise" })), Some("pairwise"));
        assert_eq!(refused(&json!({ "subject_type": 1 })), Some("pairwise"));
        assert_eq!(refused(&json!({ "sector_identifier_uri": "https://a.example/" })), Some("pairwise"));
        for name in ENCRYPTED {
            assert_eq!(refused(&json!({ name: "RSA-OAEP-256" })), Some("encrypted_response"));
        }
    }
}
