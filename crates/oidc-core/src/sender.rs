//! Who sends a request, as far as tokens are bound to it: the key of a DPoP proof (RFC 9449), the certificate of the
//! connection (RFC 8705).

use domain::{Client, Confirmation, OAuthErrorCode, Refusal, Remembered, Session, Thumbprint, WireProfile};

use crate::{dpop, userinfo::INVALID_TOKEN};

/// A DPoP proof that has been checked, signature and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The thumbprint of the key that made it.
    pub jkt: Thumbprint,
    /// What must be used up with whatever the proof brings about: a proof counts once.
    pub spent: Remembered,
}

/// What the sender of a token request has shown, and what its tokens will be bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    jkt: Option<Thumbprint>,
    certificate: Option<Thumbprint>,
    confirmation: Option<Confirmation>,
    spent: Option<Remembered>,
}

impl Sender {
    /// Decides what the tokens of `client` are bound to: the key of the proof, if there is one, and the connection's
    /// certificate, if the client is registered for that, or if its profile binds all tokens and there is no proof.
    ///
    /// # Errors
    /// `invalid_dpop_proof` when the client's tokens are to be bound by DPoP and there is no proof (RFC 9449 §5.2);
    /// `invalid_request` when they are to be bound to a certificate and there is none (RFC 8705 §3), or to either and
    /// there is neither (FAPI 2.0 Security Profile §5.3.2.1).
    pub fn new(
        client: &Client,
        profile: &WireProfile,
        proven: Option<Proven>,
        certificate: Option<Thumbprint>,
    ) -> Result<Self, Refusal> {
        if client.dpop_bound_access_tokens && proven.is_none() {
            return Err(dpop::MISSING);
        }
        let registered = client.tls_client_certificate_bound_access_tokens;
        if registered && certificate.is_none() {
            return Err(NO_CERTIFICATE);
        }
        if profile.key_bound && certificate.is_none() && proven.is_none() {
            return Err(UNBOUND);
        }
        let by_certificate = registered || profile.key_bound && proven.is_none();
        let jkt = proven.map(|proven| proven.jkt);
        let bound = certificate.filter(|_| by_certificate);
        let confirmation = Confirmation::new(jkt, bound);
        Ok(Self { jkt, certificate, confirmation, spent: proven.map(|proven| proven.spent) })
    }

    /// `cnf` of the access tokens that it gets.
    pub const fn confirmation(&self) -> Option<Confirmation> {
        self.confirmation
    }

    /// The proof to use up.
    pub const fn spent(&self) -> Option<Remembered> {
        self.spent
    }

    /// Whether it is whom something is bound to; what is not bound is anybody's.
    pub fn meets(&self, confirmation: Option<&Confirmation>) -> bool {
        confirmation.is_none_or(|bound| bound.is_met_by(self.jkt.as_ref(), self.certificate.as_ref()))
    }
}

/// How an access token came to a resource: the scheme says what the caller believes to hold (RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// `Authorization: Bearer`, or a parameter.
    Bearer,
    /// `Authorization: DPoP`.
    Dpop,
}

/// Checks what can be told before any proof is looked at: that a token bound to a key comes with one, and one that is
/// not does not, and that the connection has the certificate that the token is bound to. `true`: a proof made with
/// [`Confirmation::jkt`] is due.
///
/// # Errors
/// `invalid_token`: a bound token in other hands is no token (RFC 9449 §7.1 and §7.2, RFC 8705 §3).
pub fn admit(
    session: &Session,
    presentation: Presentation,
    certificate: Option<&Thumbprint>,
) -> Result<bool, Refusal> {
    let bound = session.confirmation.as_ref();
    let key = bound.and_then(Confirmation::jkt);
    match (key, presentation) {
        (Some(_), Presentation::Bearer) => return Err(BOUND_AS_BEARER),
        (None, Presentation::Dpop) => return Err(UNBOUND_AS_DPOP),
        (Some(_), Presentation::Dpop) | (None, Presentation::Bearer) => {}
    }
    let wanted = bound.and_then(Confirmation::certificate);
    if wanted.is_some() && wanted != certificate {
        return Err(OTHER_CERTIFICATE);
    }
    Ok(key.is_some())
}

/// Whether an access token that was meant for `audience` may be used at an endpoint of the issuer itself: one that
/// names no resource may, and one that names the issuer among them (RFC 8707 §2, RFC 9068 §4).
pub fn is_for_issuer(session: &Session, issuer: &domain::Issuer) -> bool {
    session.audience.is_empty() || session.audience.iter().any(|audience| audience == issuer.as_str())
}

const fn invalid_token(reason: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidToken, reason, INVALID_TOKEN)
}

/// `invalid_token` for a token that is bound to a key and came without.
pub const BOUND_AS_BEARER: Refusal = Refusal::new(
    OAuthErrorCode::InvalidToken,
    "bound_token_as_bearer",
    "The access token is bound to a key: send it as DPoP, with a proof",
);
const UNBOUND_AS_DPOP: Refusal = Refusal::new(
    OAuthErrorCode::InvalidToken,
    "unbound_token_as_dpop",
    "The access token is not bound to a key: it is a Bearer token",
);
/// `invalid_token` for a token that is bound to another certificate than the connection's.
pub const OTHER_CERTIFICATE: Refusal = invalid_token("other_certificate");
/// `invalid_token` for a token that is bound to another key than the proof's.
pub const OTHER_KEY: Refusal = invalid_token("other_dpop_key");

const UNBOUND: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "token_unbound",
    "The client's tokens are bound to a key: send a DPoP proof, or connect with a certificate",
);

const NO_CERTIFICATE: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "certificate_missing",
    "The client's tokens are bound to its certificate: connect with one",
);
