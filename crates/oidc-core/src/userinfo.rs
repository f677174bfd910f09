//! Userinfo (OpenID Connect Core §5.3; CONTRACT 4.14).

use domain::{
    Claims, Client, Env, Issuer, OAuthErrorCode, PresentedToken, Refusal, ResponseSigning, Session,
    SigningAlg, User, UserStatus, WireProfile, profile::UserinfoForm,
};
use serde_json::Value;

use crate::{issue::subject, sender::is_for_issuer};

/// Checks that a presented token opens userinfo.
///
/// # Errors
/// `invalid_token` for one that is unknown, dead, or meant for another resource (RFC 8707 §2); `insufficient_scope` for a
/// machine's token and one without `openid` (OpenID Connect Core §5.3.1, RFC 6750 §3.1).
pub fn authorize<'a>(
    presented: Option<&PresentedToken>,
    session: Option<&'a Session>,
    issuer: &Issuer,
    env: &Env<'_>,
) -> Result<&'a Session, Refusal> {
    let presented = presented.ok_or(INVALID)?;
    let session = session.filter(|session| session.digest.matches(&presented.digest)).ok_or(INVALID)?;
    authorize_session(session, issuer, env)
}

/// The same for a token that is known to be of `session`: a JWT that still stands.
///
/// # Errors
/// As [`authorize`].
pub fn authorize_session<'a>(
    session: &'a Session,
    issuer: &Issuer,
    env: &Env<'_>,
) -> Result<&'a Session, Refusal> {
    if !session.is_live(env.now) || !is_for_issuer(session, issuer) {
        return Err(INVALID);
    }
    if session.subject.is_none() || !session.scopes.contains("openid") {
        return Err(INSUFFICIENT);
    }
    Ok(session)
}

/// The claims about the session's user, as its scopes allow (OpenID Connect Core §5.4).
///
/// # Errors
/// `invalid_token` when the user is gone or disabled.
pub fn claims(session: &Session, user: Option<&User>, profile: &WireProfile) -> Result<Claims, Refusal> {
    let user = user.filter(|user| user.status == UserStatus::Enabled).ok_or(INVALID)?;
    let mut claims = Claims::new();
    claims.insert("sub".to_owned(), subject(session.subject.as_ref(), &session.client_id, profile).into());
    for (scope, names) in SCOPE_CLAIMS {
        if session.scopes.contains(scope) {
            for name in *names {
                if let Some(text) = user.attributes.get(*name) {
                    claims.insert((*name).to_owned(), typed(name, text));
                }
            }
        }
    }
    if session.scopes.contains("profile") {
        claims.insert("preferred_username".to_owned(), user.user_name.as_str().into());
        claims.insert("updated_at".to_owned(), user.updated_at.as_numeric_date().into());
        if profile.hid_members {
            claims.insert("groupids".to_owned(), user.groups.iter().cloned().collect());
            claims.insert("roles".to_owned(), user.roles.iter().cloned().collect());
        }
    }
    if session.scopes.contains("email") && !claims.contains_key("email") {
        // The vendor's own attribute stands in (CONTRACT 7.5).
        if let Some(email) = user.attributes.get("ATR_EMAIL") {
            claims.insert("email".to_owned(), email.as_str().into());
        }
    }
    Ok(claims)
}

/// Which attributes each standard scope opens (OpenID Connect Core §5.4).
pub const SCOPE_CLAIMS: &[(&str, &[&str])] = &[
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("address", &["address"]),
];

/// Attributes are text; the specification makes some of them booleans or an object (OpenID Connect Core §5.1).
fn typed(name: &str, text: &str) -> Value {
    match name {
        "email_verified" | "phone_number_verified" => (text == "true").into(),
        "address" => serde_json::json!({ "formatted": text }),
        _ => text.into(),
    }
}

/// How the answer is given: as the client says, else as the profile does.
pub fn form(client: &Client, profile: &WireProfile) -> ResponseSigning {
    client.userinfo_signed_response_alg.unwrap_or(match profile.userinfo {
        UserinfoForm::SignedJwt => ResponseSigning::Signed(SigningAlg::RS256),
        UserinfoForm::Json => ResponseSigning::Json,
    })
}

/// Adds what a signed answer needs: `iss` and `aud` (OpenID Connect Core §5.3.2).
pub fn signed(mut claims: Claims, client: &Client, issuer: &Issuer) -> Claims {
    claims.insert("iss".to_owned(), issuer.as_str().into());
    claims.insert("aud".to_owned(), client.client_id.as_str().into());
    claims
}

/// `invalid_token` (RFC 6750 §3.1).
pub const INVALID: Refusal = Refusal::new(OAuthErrorCode::InvalidToken, "invalid_token", INVALID_TOKEN);

pub(crate) const INVALID_TOKEN: &str = "The access token is unknown, expired or revoked";

const INSUFFICIENT: Refusal = Refusal::new(
    OAuthErrorCode::InsufficientScope,
    "insufficient_scope",
    "The access token was not issued to a user with the openid scope",
);
