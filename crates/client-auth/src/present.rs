//! What a request presents as client authentication, before any lookup.

use std::sync::Arc;

use domain::{
    AuthMethod, ClientId, PeerCertificate, PresentedToken, Refusal, Secret, TokenKind, UnreadableCertificate,
    WireProfile, token_text,
};

use crate::{ASSERTION_TYPE, Assertion, Reason, basic};

/// Longest `Authorization` header value, bytes.
const HEADER_MAX: usize = 8 * 1024;
/// Longest secret, bytes, after decoding.
const SECRET_MAX: usize = 1024;

/// Where credentials may stand in a request.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The values of all `Authorization` headers.
    pub authorization: &'a [&'a [u8]],
    /// The `client_id` parameter; empty counts as absent (RFC 6749 §3.2).
    pub client_id: Option<&'a str>,
    /// The `client_secret` parameter; empty counts as absent.
    pub client_secret: Option<&'a str>,
    /// The certificate that the caller showed, if any. By itself it is no attempt to authenticate: it may be there to bind
    /// tokens (RFC 8705 §4).
    pub certificate: Option<Result<&'a Arc<PeerCertificate>, UnreadableCertificate>>,
    /// Whether the request says that the certificate is to prove the client (seed 001's `_tlsclientauth`).
    pub by_certificate: bool,
    /// The `client_assertion` parameter; empty counts as absent.
    pub client_assertion: Option<&'a str>,
    /// The `client_assertion_type` parameter; empty counts as absent. Without an assertion it says nothing.
    pub client_assertion_type: Option<&'a str>,
    /// Whether both halves of Basic credentials are form-url-encoded, as RFC 6749 §2.3.1 and seed 003 have it.
    pub url_decoded_basic: bool,
}

/// What a request presents.
#[derive(Debug)]
pub enum Presented {
    /// A secret.
    Secret {
        /// `client_secret_basic` or `client_secret_post`.
        method: AuthMethod,
        /// Whose, as claimed.
        client_id: ClientId,
        /// The secret. Empty only by Basic: then it is wrong.
        secret: Secret,
    },
    /// A `client_id` on a connection with a certificate.
    Certificate {
        /// Whose, as claimed.
        client_id: ClientId,
        /// The certificate.
        certificate: Arc<PeerCertificate>,
        /// Whether the request says that it is to prove the client.
        explicit: bool,
    },
    /// A `client_id` on a connection whose certificate does not read.
    Unreadable {
        /// Whose, as claimed.
        client_id: ClientId,
    },
    /// A JWT.
    Assertion(Box<Assertion>),
    /// A `client_id` alone.
    Public {
        /// The client that it names.
        client_id: ClientId,
    },
    /// A bearer token.
    Bearer {
        /// The token; `None` when the text is no access token of ours, such as `IA==` (DECISIONS 3.3).
        token: Option<PresentedToken>,
        /// The `client_id` parameter.
        client_id: Option<ClientId>,
    },
    /// Nothing.
    Nothing,
}

/// The scheme that a request tried in its `Authorization` header, for `WWW-Authenticate` (RFC 6749 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Basic`.
    Basic,
    /// `Bearer`.
    Bearer,
    /// `DPoP`: the scheme of a resource (RFC 9449 §7.1), no client authentication. It is not found here.
    Dpop,
    /// Another, or no header. A 401 needs a challenge all the same (RFC 9110 §15.5.2): offer `Basic`.
    None,
}

/// The scheme of the first `Authorization` header, whether or not its credentials read.
pub fn scheme_tried(inputs: &Inputs<'_>) -> Scheme {
    inputs.authorization.first().map_or(Scheme::None, |value| split_scheme(value).0)
}

/// Reads what a request presents: exactly one method, or nothing.
///
/// # Errors
/// A [`Refusal`]: `invalid_request` when the request contradicts itself (two methods, two headers, two client
/// ids), a size is exceeded, or a secret stands without `client_id`; `invalid_client` when credentials do not read,
/// or the method is not on offer under `profile`. Its texts never repeat what was presented.
pub fn parse(inputs: &Inputs<'_>, profile: &WireProfile) -> Result<Presented, Refusal> {
    present(inputs, profile).map_err(|reason| reason.refusal(profile))
}

fn present(inputs: &Inputs<'_>, profile: &WireProfile) -> Result<Presented, Reason> {
    let secret = inputs.client_secret.filter(|text| !text.is_empty());
    let assertion = inputs.client_assertion.filter(|text| !text.is_empty());
    let header = match inputs.authorization {
        [] => None,
        [value] => Some(*value),
        _ => return Err(Reason::SeveralHeaders),
    };
    let used = [header.is_some(), secret.is_some(), assertion.is_some(), inputs.by_certificate];
    if used.into_iter().filter(|used| *used).count() > 1 {
        return Err(Reason::SeveralMethods);
    }
    if let Some(text) = assertion {
        return by_assertion(text, inputs);
    }
    if let Some(value) = header {
        return by_header(value, inputs, profile);
    }
    match inputs.certificate {
        None if inputs.by_certificate => return Err(Reason::CertificateMissing),
        Some(Err(UnreadableCertificate)) if inputs.by_certificate => {
            return Err(Reason::CertificateUnreadable);
        }
        Some(_) | None => {}
    }
    match (named(inputs)?, secret) {
        (Some(client_id), None) => Ok(match inputs.certificate {
            Some(Ok(certificate)) => Presented::Certificate {
                client_id,
                certificate: Arc::clone(certificate),
                explicit: inputs.by_certificate,
            },
            Some(Err(UnreadableCertificate)) => Presented::Unreadable { client_id },
            None => Presented::Public { client_id },
        }),
        (None, None) if inputs.by_certificate => Err(Reason::MissingClientId),
        (None, None) => Ok(Presented::Nothing),
        (None, Some(_)) => Err(Reason::MissingClientId),
        (Some(_), Some(text)) if !secret_fits(text) => Err(Reason::MalformedSecret),
        (Some(client_id), Some(text)) => {
            let secret = Secret::new(text.to_owned());
            Ok(Presented::Secret { method: AuthMethod::ClientSecretPost, client_id, secret })
        }
    }
}

fn by_header(value: &[u8], inputs: &Inputs<'_>, profile: &WireProfile) -> Result<Presented, Reason> {
    if value.len() > HEADER_MAX {
        return Err(Reason::HeaderTooLong);
    }
    match split_scheme(value) {
        (Scheme::Basic, rest) => {
            let (client_id, secret) = basic::credentials(rest, inputs.url_decoded_basic)?;
            if named(inputs)?.is_some_and(|named| named != client_id) {
                return Err(Reason::ClientIdMismatch);
            }
            Ok(Presented::Secret { method: AuthMethod::ClientSecretBasic, client_id, secret })
        }
        (Scheme::Bearer, _) if !profile.bearer_authenticates => Err(Reason::BearerNotAccepted),
        (Scheme::Bearer, rest) => {
            let token =
                std::str::from_utf8(rest).ok().and_then(|text| token_text::parse(TokenKind::Access, text));
            Ok(Presented::Bearer { token, client_id: named(inputs)? })
        }
        (Scheme::Dpop | Scheme::None, _) => Err(Reason::UnknownScheme),
    }
}

fn by_assertion(text: &str, inputs: &Inputs<'_>) -> Result<Presented, Reason> {
    match inputs.client_assertion_type.filter(|kind| !kind.is_empty()) {
        Some(ASSERTION_TYPE) => {}
        Some(_) => return Err(Reason::AssertionTypeUnknown),
        None => return Err(Reason::AssertionTypeMissing),
    }
    let assertion = Assertion::read(text)?;
    // RFC 7521 §4.2: `client_id` is not needed, but must be the same.
    if named(inputs)?.is_some_and(|named| named != *assertion.client_id()) {
        return Err(Reason::AssertionClientIdMismatch);
    }
    Ok(Presented::Assertion(Box::new(assertion)))
}

fn named(inputs: &Inputs<'_>) -> Result<Option<ClientId>, Reason> {
    let text = inputs.client_id.filter(|text| !text.is_empty());
    text.map(|text| ClientId::parse(text).ok_or(Reason::MalformedClientId)).transpose()
}

/// Scheme names know no case (RFC 9110 §11.1); the scheme may stand alone.
fn split_scheme(value: &[u8]) -> (Scheme, &[u8]) {
    let value = value.trim_ascii();
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (name, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    let scheme = if name.eq_ignore_ascii_case(b"Basic") {
        Scheme::Basic
    } else if name.eq_ignore_ascii_case(b"Bearer") {
        Scheme::Bearer
    } else {
        Scheme::None
    };
    (scheme, rest.trim_ascii_start())
}

/// Whether a secret is worth a comparison at all.
pub(crate) fn secret_fits(text: &str) -> bool {
    text.len() <= SECRET_MAX && !text.chars().any(char::is_control)
}
