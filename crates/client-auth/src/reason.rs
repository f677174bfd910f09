//! Why a client was refused.

use domain::{ChainProblem, OAuthErrorCode, Refusal, WireProfile};

/// Why a client was refused: for log, audit and metrics. On the wire most of them look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// More than one way to authenticate in one request (RFC 6749 §2.3).
    SeveralMethods,
    /// More than one `Authorization` header.
    SeveralHeaders,
    /// The `Authorization` header is longer than 8 KiB.
    HeaderTooLong,
    /// The header's scheme is neither `Basic` nor `Bearer`.
    UnknownScheme,
    /// The Basic credentials do not read: base64, colon, percent-encoding, UTF-8 or the client id's form.
    MalformedBasic,
    /// The secret is longer than 1024 bytes or holds control characters.
    MalformedSecret,
    /// The `client_id` parameter is too long or holds control characters.
    MalformedClientId,
    /// A secret without a `client_id`.
    MissingClientId,
    /// The `client_id` parameter names another client than the Basic credentials.
    ClientIdMismatch,
    /// There is a `client_assertion` without `client_assertion_type`.
    AssertionTypeMissing,
    /// `client_assertion_type` is not that of a JWT.
    AssertionTypeUnknown,
    /// The assertion is longer than 16 KiB.
    AssertionTooLong,
    /// The assertion is no compact JWS of JSON objects, or a claim has the wrong type.
    MalformedAssertion,
    /// The assertion's algorithm is not on offer.
    AssertionAlgorithm,
    /// The assertion's header has a member or a `typ` that is not accepted.
    AssertionHeader,
    /// `iss` and `sub` are not both the client id.
    AssertionSubject,
    /// The `client_id` parameter names another client than the assertion.
    AssertionClientIdMismatch,
    /// `aud` is missing, or names someone else.
    AssertionAudience,
    /// `exp` is missing or past.
    AssertionExpiry,
    /// `exp` is more than an hour away.
    AssertionTooLongValid,
    /// `iat` or `nbf` is in the future.
    AssertionNotYetValid,
    /// `jti` is missing or too long.
    AssertionId,
    /// The algorithm is not among the client's own.
    AssertionAlgorithmNotOwn,
    /// The client has no key that the header may mean.
    AssertionUnknownKey,
    /// The signature is not the client's.
    AssertionSignature,
    /// The client has no keys, or they cannot be fetched.
    KeysUnavailable,
    /// The assertion has been used.
    AssertionReplayed,
    /// The profile takes no bearer for client authentication (DECISIONS 2).
    BearerNotAccepted,
    /// No credentials at all.
    NoCredentials,
    /// No such client.
    UnknownClient,
    /// The client is disabled.
    ClientDisabled,
    /// The method is not in the client's set.
    MethodNotAllowed,
    /// A confidential client only named itself.
    ProofMissing,
    /// The client may not call from this address.
    SourceNotAllowed,
    /// This address is locked out of the client after too many failures (DECISIONS 5.6).
    SourceLocked,
    /// The client holds no secret of the presented kind (DECISIONS 5.5).
    SecretKindNotHeld,
    /// The secret is not the client's.
    WrongSecret,
    /// The request says that a certificate is to prove the client, and the connection has none.
    CertificateMissing,
    /// The certificate that the client showed does not read, or is too large.
    CertificateUnreadable,
    /// The certificate's chain is not trusted.
    Chain(ChainProblem),
    /// The chain is trusted, and the certificate has not the client's registered name.
    CertificateOfAnother,
    /// The client has not registered the certificate.
    CertificateNotRegistered,
    /// The bearer has not the form of an access token of ours.
    MalformedBearer,
    /// No such session, or the token's secret part differs.
    UnknownBearer,
    /// The bearer's session is over.
    ExpiredBearer,
    /// The bearer is a user's (DECISIONS 5.4).
    UsersBearer,
    /// The bearer is bound to a key or a certificate (DECISIONS 5.4).
    BoundBearer,
    /// The bearer is for a resource, not for this issuer (RFC 8707 §2).
    BearerForAnother,
    /// The bearer is another client's than the `client_id` parameter names.
    ForeignBearer,
}

/// Seed 000's words for a wrong secret.
const HID_FAILED: &str =
    "Client authentication failed: Password does not match: - Client id or secret is invalid";
const FAILED: &str = "Client authentication failed";
const BEARER_FAILED: &str = "Client authentication failed: the access token cannot authenticate a client";

const NO_CERTIFICATE: &str =
    "Client authentication failed: no client certificate was presented on this connection";
const UNREADABLE_CERTIFICATE: &str =
    "Client authentication failed: the client certificate of this connection does not read";

/// One text for all that is wrong with a certificate that reads.
pub(crate) const BAD_CERTIFICATE: &str =
    "Client authentication failed: the certificate does not authenticate this client";

/// What depends on stored facts.
const fn failed(profile: &WireProfile) -> &'static str {
    if profile.hid_members { HID_FAILED } else { FAILED }
}

impl Reason {
    /// What log, audit and metrics call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SeveralMethods => "several_methods",
            Self::SeveralHeaders => "several_authorization_headers",
            Self::HeaderTooLong => "authorization_header_too_long",
            Self::UnknownScheme => "unknown_scheme",
            Self::MalformedBasic => "malformed_basic",
            Self::MalformedSecret => "malformed_secret",
            Self::MalformedClientId => "malformed_client_id",
            Self::MissingClientId => "missing_client_id",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::AssertionTypeMissing => "assertion_type_missing",
            Self::AssertionTypeUnknown => "assertion_type_unknown",
            Self::AssertionTooLong => "assertion_too_long",
            Self::MalformedAssertion => "malformed_assertion",
            Self::AssertionAlgorithm => "assertion_algorithm",
            Self::AssertionHeader => "assertion_header",
            Self::AssertionSubject => "assertion_subject",
            Self::AssertionClientIdMismatch => "assertion_client_id_mismatch",
            Self::AssertionAudience => "assertion_audience",
            Self::AssertionExpiry => "assertion_expiry",
            Self::AssertionTooLongValid => "assertion_valid_too_long",
            Self::AssertionNotYetValid => "assertion_not_yet_valid",
            Self::AssertionId => "assertion_id",
            Self::AssertionAlgorithmNotOwn => "assertion_algorithm_not_own",
            Self::AssertionUnknownKey => "assertion_unknown_key",
            Self::AssertionSignature => "assertion_signature",
            Self::KeysUnavailable => "keys_unavailable",
            Self::AssertionReplayed => "assertion_replayed",
            Self::BearerNotAccepted => "bearer_not_accepted",
            Self::NoCredentials => "no_credentials",
            Self::UnknownClient => "unknown_client",
            Self::ClientDisabled => "client_disabled",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ProofMissing => "proof_missing",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::SourceLocked => "source_locked",
            Self::SecretKindNotHeld => "secret_kind_not_held",
            Self::WrongSecret => "wrong_secret",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateUnreadable => "certificate_unreadable",
            Self::Chain(ChainProblem::NoTruststore) => "no_truststore",
            Self::Chain(ChainProblem::Untrusted) => "certificate_untrusted",
            Self::Chain(ChainProblem::Expired) => "certificate_expired",
            Self::Chain(ChainProblem::NotYetValid) => "certificate_not_yet_valid",
            Self::Chain(ChainProblem::Purpose) => "certificate_purpose",
            Self::Chain(ChainProblem::Weak) => "certificate_weak",
            Self::Chain(ChainProblem::Revoked) => "certificate_revoked",
            Self::Chain(ChainProblem::RevocationUnknown) => "certificate_revocation_unknown",
            Self::CertificateOfAnother => "certificate_of_another",
            Self::CertificateNotRegistered => "certificate_not_registered",
            Self::MalformedBearer => "malformed_bearer",
            Self::UnknownBearer => "unknown_bearer",
            Self::ExpiredBearer => "expired_bearer",
            Self::UsersBearer => "users_bearer",
            Self::BoundBearer => "bound_bearer",
            Self::BearerForAnother => "bearer_for_another",
            Self::ForeignBearer => "foreign_bearer",
        }
    }

    /// The `error` that goes on the wire: a request that contradicts itself is `invalid_request` (RFC 6749 §5.2),
    /// everything else `invalid_client`.
    pub const fn code(self) -> OAuthErrorCode {
        match self {
            Self::SeveralMethods
            | Self::SeveralHeaders
            | Self::HeaderTooLong
            | Self::MalformedClientId
            | Self::MissingClientId
            | Self::ClientIdMismatch
            | Self::AssertionTypeMissing
            | Self::AssertionTooLong
            | Self::AssertionClientIdMismatch => OAuthErrorCode::InvalidRequest,
            Self::UnknownScheme
            | Self::MalformedBasic
            | Self::MalformedSecret
            | Self::AssertionTypeUnknown
            | Self::MalformedAssertion
            | Self::AssertionAlgorithm
            | Self::AssertionHeader
            | Self::AssertionSubject
            | Self::AssertionAudience
            | Self::AssertionExpiry
            | Self::AssertionTooLongValid
            | Self::AssertionNotYetValid
            | Self::AssertionId
            | Self::AssertionAlgorithmNotOwn
            | Self::AssertionUnknownKey
            | Self::AssertionSignature
            | Self::KeysUnavailable
            | Self::AssertionReplayed
            | Self::BearerNotAccepted
            | Self::NoCredentials
            | Self::UnknownClient
            | Self::ClientDisabled
            | Self::MethodNotAllowed
            | Self::ProofMissing
            | Self::SourceNotAllowed
            | Self::SourceLocked
            | Self::SecretKindNotHeld
            | Self::WrongSecret
            | Self::CertificateMissing
            | Self::CertificateUnreadable
            | Self::Chain(_)
            | Self::CertificateOfAnother
            | Self::CertificateNotRegistered
            | Self::MalformedBearer
            | Self::UnknownBearer
            | Self::ExpiredBearer
            | Self::UsersBearer
            | Self::BoundBearer
            | Self::BearerForAnother
            | Self::ForeignBearer => OAuthErrorCode::InvalidClient,
        }
    }

    /// `error_description`. What depends on stored facts has one text per kind of credential, so that it tells
    /// nothing of them (DECISIONS 4.1).
    pub const fn description(self, profile: &WireProfile) -> &'static str {
        match self {
            Self::SeveralMethods => "More than one client authentication method in one request",
            Self::SeveralHeaders => "More than one Authorization header",
            Self::HeaderTooLong => "The Authorization header is too long",
            Self::UnknownScheme => "The scheme of the Authorization header is not supported",
            Self::MalformedBasic => "The Basic credentials are malformed",
            Self::MalformedSecret => "The client secret is too long or has control characters",
            Self::MalformedClientId => "The \"client_id\" parameter is too long or has control characters",
            Self::MissingClientId if profile.hid_members => ":Missing or empty \"client_id\" parameter",
            Self::MissingClientId => "Missing or empty \"client_id\" parameter",
            Self::ClientIdMismatch => {
                "The \"client_id\" parameter names another client than the Authorization header"
            }
            Self::AssertionTypeMissing => "client_assertion needs client_assertion_type (RFC 7521 §4.2)",
            Self::AssertionTypeUnknown => {
                "The client_assertion_type is not supported: use urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            }
            Self::AssertionTooLong => "The client assertion is longer than 16 KiB",
            Self::MalformedAssertion => "The client assertion is malformed",
            Self::AssertionAlgorithm => "The algorithm of the client assertion is not supported",
            Self::AssertionHeader => {
                "The header of the client assertion has a member or a typ that is not accepted"
            }
            Self::AssertionSubject => "The client assertion must have the client_id as iss and as sub",
            Self::AssertionClientIdMismatch => {
                "The \"client_id\" parameter names another client than the client assertion"
            }
            Self::AssertionAudience => "The client assertion must have this server's issuer as its only aud",
            Self::AssertionExpiry => "The client assertion has expired, or lacks exp",
            Self::AssertionTooLongValid => "The client assertion is valid for longer than an hour",
            Self::AssertionNotYetValid => "The client assertion is not yet valid: compare the clocks",
            Self::BearerNotAccepted => "A bearer token does not authenticate a client here",
            Self::NoCredentials => "Client authentication is required",
            Self::CertificateMissing => NO_CERTIFICATE,
            Self::CertificateUnreadable => UNREADABLE_CERTIFICATE,
            Self::Chain(_) | Self::CertificateOfAnother | Self::CertificateNotRegistered => BAD_CERTIFICATE,
            Self::UnknownClient
            | Self::ClientDisabled
            | Self::MethodNotAllowed
            | Self::ProofMissing
            | Self::SourceNotAllowed
            | Self::SourceLocked
            | Self::SecretKindNotHeld
            | Self::WrongSecret
            | Self::AssertionId
            | Self::AssertionAlgorithmNotOwn
            | Self::AssertionUnknownKey
            | Self::AssertionSignature
            | Self::KeysUnavailable
            | Self::AssertionReplayed => failed(profile),
            Self::MalformedBearer
            | Self::UnknownBearer
            | Self::ExpiredBearer
            | Self::UsersBearer
            | Self::BoundBearer
            | Self::BearerForAnother
            | Self::ForeignBearer => BEARER_FAILED,
        }
    }

    /// The refusal under a tenant's profile.
    pub const fn refusal(self, profile: &WireProfile) -> Refusal {
        Refusal::new(self.code(), self.label(), self.description(profile))
    }
}

/// The refusal of an assertion whose use conflicted because it had been used. On the wire it is like any other that
/// proves nothing.
pub const fn replayed(profile: &WireProfile) -> Refusal {
    Reason::AssertionReplayed.refusal(profile)
}
