//! The only place that builds HTTP answers of the OAuth endpoints.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use client_auth::Scheme;
use domain::{Claims, Detail, Fault, OAuthErrorCode, Refusal};
use oidc_core::dpop;

/// A good answer.
pub enum Reply {
    /// JSON that must not be stored.
    Json(Claims),
    /// A client that was registered: 201, or 200 with the vendor's members (DECISIONS 2).
    Registered {
        /// What it is told.
        answer: Claims,
        /// Whether those are the vendor's words, who answers 200.
        hid: bool,
    },
    /// Done, and nothing left to say: 204.
    NoContent,
    /// A JWT that must not be stored, with its media type.
    Jwt(&'static str, String),
    /// Nothing to say (RFC 7009 §2.2).
    Empty,
    /// Public JSON text that may be cached for some seconds.
    Public(String, i64),
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(..)",
            Self::Registered { .. } => "Registered(..)",
            Self::NoContent => "NoContent",
            Self::Jwt(..) => "Jwt(..)",
            Self::Empty => "Empty",
            Self::Public(..) => "Public(..)",
        })
    }
}

/// No good answer.
#[derive(Debug)]
pub enum Stop {
    /// The request was refused; the scheme it tried decides the challenge.
    Refused(Refusal, Scheme),
    /// Our side failed.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal, Scheme::None)
    }
}

/// What log and metrics call an ending: outcome and reason.
pub fn told(result: &Result<Reply, Stop>) -> (&'static str, String) {
    match result {
        Ok(_) => ("success", String::new()),
        Err(Stop::Refused(refusal, _)) => ("refused", refusal.reason.to_owned()),
        Err(Stop::Fault(Fault::Busy(lane))) => ("busy", (*lane).to_owned()),
        Err(Stop::Fault(fault @ Fault::Late(_))) => ("late", fault.to_string()),
        Err(Stop::Fault(fault)) => ("fault", fault.to_string()),
    }
}

/// Builds the answer.
pub fn answer(result: Result<Reply, Stop>, realm: &str) -> HttpResponse {
    match result {
        Ok(Reply::Json(claims)) => private(StatusCode::OK).json(claims),
        Ok(Reply::Registered { answer, hid }) => {
            private(if hid { StatusCode::OK } else { StatusCode::CREATED }).json(answer)
        }
        Ok(Reply::NoContent) => private(StatusCode::NO_CONTENT).finish(),
        Ok(Reply::Jwt(media_type, jwt)) => private(StatusCode::OK).content_type(media_type).body(jwt),
        Ok(Reply::Empty) => private(StatusCode::OK).finish(),
        Ok(Reply::Public(json, seconds)) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, format!("public, max-age={seconds}")))
            .content_type("application/json")
            .body(json),
        Err(Stop::Refused(refusal, scheme)) => refused(&refusal, scheme, realm),
        Err(Stop::Fault(fault)) => failed(&fault),
    }
}

/// `Cache-Control: no-store` on everything with a token or personal data (DECISIONS 4.5), errors included.
fn private(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache"));
    builder
}

fn refused(refusal: &Refusal, scheme: Scheme, realm: &str) -> HttpResponse {
    let mut builder = private(status(refusal.code, scheme));
    if let Some(challenge) = challenge(refusal, scheme, realm) {
        builder.insert_header((header::WWW_AUTHENTICATE, challenge));
    }
    let mut body = Claims::new();
    match &refusal.detail {
        Detail::Scim(scim_type) => {
            return builder.json(scim(refusal, scim_type, status(refusal.code, scheme)));
        }
        Detail::None => {}
        Detail::HidFailure { reason, auth_type } => {
            let failure = serde_json::json!({ "reason": reason.code(), "authType": auth_type.as_str() });
            body.insert("hid_failure".to_owned(), failure);
        }
        Detail::HidError(code) => {
            body.insert("hid_error".to_owned(), serde_json::json!({ "code": code }));
        }
        Detail::RetryAfter(seconds) => {
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
    }
    body.insert("error_description".to_owned(), refusal.description.into());
    body.insert("error".to_owned(), refusal.code.as_str().into());
    builder.json(body)
}

/// An error object of SCIM (RFC 7644 §3.12; CONTRACT 10.1).
fn scim(refusal: &Refusal, scim_type: &str, status: StatusCode) -> Claims {
    let mut body = Claims::new();
    let schemas = serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"]);
    body.insert("schemas".to_owned(), schemas);
    if !scim_type.is_empty() {
        body.insert("scimType".to_owned(), scim_type.into());
    }
    body.insert("detail".to_owned(), refusal.description.into());
    body.insert("status".to_owned(), status.as_str().into());
    body
}

const fn status(code: OAuthErrorCode, scheme: Scheme) -> StatusCode {
    match code {
        // At a resource; at the token endpoint they are errors like others (RFC 9449 §5 and §7.1).
        OAuthErrorCode::InvalidDpopProof | OAuthErrorCode::UseDpopNonce if matches!(scheme, Scheme::Dpop) => {
            StatusCode::UNAUTHORIZED
        }
        OAuthErrorCode::InvalidClient | OAuthErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        OAuthErrorCode::AccessDenied | OAuthErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
        OAuthErrorCode::DuplicateClient => StatusCode::CONFLICT,
        OAuthErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// RFC 6749 §5.2 and RFC 6750 §3; a 401 needs a challenge in any case (RFC 9110 §15.5.2).
fn challenge(refusal: &Refusal, scheme: Scheme, realm: &str) -> Option<String> {
    let dpop = |error: &str| {
        let algs: Vec<&str> = dpop::ALGS.iter().map(|alg| alg.as_str()).collect();
        format!(
            "DPoP realm=\"{realm}\", error=\"{error}\", error_description=\"{}\", algs=\"{}\"",
            refusal.description,
            algs.join(" ")
        )
    };
    match (refusal.code, scheme) {
        (
            OAuthErrorCode::InvalidToken
            | OAuthErrorCode::InsufficientScope
            | OAuthErrorCode::InvalidDpopProof
            | OAuthErrorCode::UseDpopNonce,
            Scheme::Dpop,
        ) => Some(dpop(refusal.code.as_str())),
        (OAuthErrorCode::InvalidClient, Scheme::Bearer) | (OAuthErrorCode::InvalidToken, _) => Some(format!(
            "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{}\"",
            refusal.description
        )),
        (OAuthErrorCode::InsufficientScope, _) => {
            Some(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"openid\""))
        }
        (OAuthErrorCode::InvalidClient, Scheme::Basic | Scheme::None) => {
            Some(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))
        }
        _ => None,
    }
}

fn failed(fault: &Fault) -> HttpResponse {
    let busy = matches!(fault, Fault::Busy(_) | Fault::Contended(_) | Fault::Late(_));
    // The database away, full or locked is a state that passes: 503, and nothing was acknowledged.
    let unavailable = busy || matches!(fault, Fault::Storage { .. });
    let (status, code, description) = if unavailable {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The server cannot answer now; try again",
        )
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "The server failed to answer")
    };
    let mut builder = private(status);
    if unavailable {
        builder.insert_header((header::RETRY_AFTER, "1"));
    }
    builder.json(error_body(code, description))
}

/// Adds the nonce that the next proof is to be made with (RFC 9449 §8.2). Its characters are those of base64url.
pub fn tell_nonce(nonce: Option<String>, response: &mut HttpResponse) {
    if let Some(value) = nonce.and_then(|nonce| header::HeaderValue::try_from(nonce).ok()) {
        response.headers_mut().insert(header::HeaderName::from_static("dpop-nonce"), value);
    }
}

/// An error that is decided before an endpoint is reached.
pub fn plain_error(status: StatusCode, code: &str, description: &str) -> HttpResponse {
    private(status).json(error_body(code, description))
}

fn error_body(code: &str, description: &str) -> Claims {
    let mut body = Claims::new();
    body.insert("error_description".to_owned(), description.into());
    body.insert("error".to_owned(), code.into());
    body
}
