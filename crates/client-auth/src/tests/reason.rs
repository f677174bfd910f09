use std::collections::BTreeSet;

use domain::ChainProblem;
use domain::OAuthErrorCode::{InvalidClient, InvalidRequest};

use super::{HID, HID_TEXT, OPENID};
use crate::Reason;

const CERTIFICATE: &str = "the certificate does not authenticate this client";
const STORED: &str = "depends on stored facts";

/// One row per variant. A new variant must be given a row: `label` and `code` do not compile without an arm.
const TABLE: [(Reason, &str, domain::OAuthErrorCode, &str); 54] = [
    (Reason::SeveralMethods, "several_methods", InvalidRequest, "More than one client authentication method"),
    (
        Reason::SeveralHeaders,
        "several_authorization_headers",
        InvalidRequest,
        "More than one Authorization header",
    ),
    (Reason::HeaderTooLong, "authorization_header_too_long", InvalidRequest, "header is too long"),
    (Reason::UnknownScheme, "unknown_scheme", InvalidClient, "scheme"),
    (Reason::MalformedBasic, "malformed_basic", InvalidClient, "malformed"),
    (
        Reason::MalformedSecret,
        "malformed_secret",
        InvalidClient,
        "secret is too long or has control characters",
    ),
    (Reason::MalformedClientId, "malformed_client_id", InvalidRequest, "\"client_id\" parameter is too long"),
    (
        Reason::MissingClientId,
        "missing_client_id",
        InvalidRequest,
        "Missing or empty \"client_id\" parameter",
    ),
    (Reason::ClientIdMismatch, "client_id_mismatch", InvalidRequest, "names another client"),
    (Reason::AssertionTypeMissing, "assertion_type_missing", InvalidRequest, "needs client_assertion_type"),
    (Reason::AssertionTypeUnknown, "assertion_type_unknown", InvalidClient, "not supported"),
    (Reason::AssertionTooLong, "assertion_too_long", InvalidRequest, "16 KiB"),
    (Reason::MalformedAssertion, "malformed_assertion", InvalidClient, "malformed"),
    (Reason::AssertionAlgorithm, "assertion_algorithm", InvalidClient, "algorithm"),
    (Reason::AssertionHeader, "assertion_header", InvalidClient, "header"),
    (Reason::AssertionSubject, "assertion_subject", InvalidClient, "as iss and as sub"),
    (
        Reason::AssertionClientIdMismatch,
        "assertion_client_id_mismatch",
        InvalidRequest,
        "names another client",
    ),
    (Reason::AssertionAudience, "assertion_audience", InvalidClient, "aud"),
    (Reason::AssertionExpiry, "assertion_expiry", InvalidClient, "expired"),
    (Reason::AssertionTooLongValid, "assertion_valid_too_long", InvalidClient, "an hour"),
    (Reason::AssertionNotYetValid, "assertion_not_yet_valid", InvalidClient, "not yet valid"),
    (Reason::AssertionId, "assertion_id", InvalidClient, STORED),
    (Reason::AssertionAlgorithmNotOwn, "assertion_algorithm_not_own", InvalidClient, STORED),
    (Reason::AssertionUnknownKey, "assertion_unknown_key", InvalidClient, STORED),
    (Reason::AssertionSignature, "assertion_signature", InvalidClient, STORED),
    (Reason::KeysUnavailable, "keys_unavailable", InvalidClient, STORED),
    (Reason::AssertionReplayed, "assertion_replayed", InvalidClient, STORED),
    (Reason::BearerNotAccepted, "bearer_not_accepted", InvalidClient, "bearer token does not authenticate"),
    (Reason::NoCredentials, "no_credentials", InvalidClient, "Client authentication is required"),
    (Reason::UnknownClient, "unknown_client", InvalidClient, STORED),
    (Reason::ClientDisabled, "client_disabled", InvalidClient, STORED),
    (Reason::MethodNotAllowed, "method_not_allowed", InvalidClient, STORED),
    (Reason::ProofMissing, "proof_missing", InvalidClient, STORED),
    (Reason::SourceNotAllowed, "source_not_allowed", InvalidClient, STORED),
    (Reason::SourceLocked, "source_locked", InvalidClient, STORED),
    (Reason::SecretKindNotHeld, "secret_kind_not_held", InvalidClient, STORED),
    (Reason::WrongSecret, "wrong_secret", InvalidClient, STORED),
    (
        Reason::CertificateUnreadable,
        "certificate_unreadable",
        InvalidClient,
        "certificate of this connection does not read",
    ),
    (Reason::CertificateMissing, "certificate_missing", InvalidClient, "no client certificate was presented"),
    (Reason::Chain(ChainProblem::NoTruststore), "no_truststore", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::Untrusted), "certificate_untrusted", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::Expired), "certificate_expired", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::NotYetValid), "certificate_not_yet_valid", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::Purpose), "certificate_purpose", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::Weak), "certificate_weak", InvalidClient, CERTIFICATE),
    (Reason::Chain(ChainProblem::Revoked), "certificate_revoked", InvalidClient, CERTIFICATE),
    (
        Reason::Chain(ChainProblem::RevocationUnknown),
        "certificate_revocation_unknown",
        InvalidClient,
        CERTIFICATE,
    ),
    (Reason::CertificateNotRegistered, "certificate_not_registered", InvalidClient, CERTIFICATE),
    (Reason::CertificateOfAnother, "certificate_of_another", InvalidClient, CERTIFICATE),
    (Reason::MalformedBearer, "malformed_bearer", InvalidClient, "access token cannot authenticate a client"),
    (Reason::UnknownBearer, "unknown_bearer", InvalidClient, "access token cannot authenticate a client"),
    (Reason::ExpiredBearer, "expired_bearer", InvalidClient, "access token cannot authenticate a client"),
    (Reason::UsersBearer, "users_bearer", InvalidClient, "access token cannot authenticate a client"),
    (Reason::ForeignBearer, "foreign_bearer", InvalidClient, "access token cannot authenticate a client"),
];

#[test]
fn every_reason_has_its_label_code_and_words() {
    for (reason, label, code, words) in TABLE {
        assert_eq!((reason.label(), reason.code()), (label, code), "{reason:?}");
        if words == STORED {
            assert_eq!(reason.description(&HID), HID_TEXT);
            assert_eq!(reason.description(&OPENID), "Client authentication failed");
        } else {
            assert!(reason.description(&HID).contains(words), "{reason:?}");
            assert!(reason.description(&OPENID).contains(words), "{reason:?}");
        }
    }
    assert_eq!(TABLE.iter().map(|row| row.1).collect::<BTreeSet<_>>().len(), TABLE.len());
}

#[test]
fn a_missing_client_id_has_the_vendors_colon_in_hid_only() {
    assert!(Reason::MissingClientId.description(&HID).starts_with(':'));
    assert!(!Reason::MissingClientId.description(&OPENID).starts_with(':'));
}
