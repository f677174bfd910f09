//! `X-Correlation-ID` (DECISIONS 4.4).

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::{Fault, RequestId, port::Entropy};

use crate::{admission, app::App, connection, respond};

/// The header's name.
pub const HEADER: &str = "x-correlation-id";

/// The caller's id when it is well-formed (1 to 128 of `A-Z a-z 0-9 . _ : -`), else a fresh one.
///
/// # Errors
/// [`Fault::Entropy`].
pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Result<RequestId, Fault> {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|text| well_formed(text)).and_then(RequestId::parse) {
        Some(id) => Ok(id),
        None => crate::setup::new_request_id(entropy),
    }
}

fn well_formed(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

/// Names every request, and says the name in every answer, those of unknown paths included.
///
/// # Errors
/// Those of the inner service.
pub async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request.app_data::<web::Data<App>>().map(|app| of(request.headers(), app.entropy.as_ref()));
    let Some(Ok(id)) = id else {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let answer = respond::plain_error(status, "server_error", "The server failed to answer");
        return Ok(request.into_response(answer));
    };
    let value = HeaderValue::from_str(id.as_str());
    request.extensions_mut().insert(id);
    let connection = connection::Request::begin(&request);
    if connection.as_ref().is_some_and(connection::Request::is_pushing) {
        admission::let_others().await;
    }
    let late = connection.as_ref().is_some_and(connection::Request::is_late);
    let mut response = if connection::is_misdirected(&request) {
        request.into_response(misdirected())
    } else if late {
        admission::refuse(request, "late").await
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    drop(connection);
    if let Ok(value) = value {
        response.headers_mut().insert(HeaderName::from_static(HEADER), value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// 421 (RFC 9110 §15.5.20): the caller tries again on a connection of its own for that name.
fn misdirected() -> HttpResponse {
    let description = "This connection is for another host name";
    respond::plain_error(StatusCode::MISDIRECTED_REQUEST, "invalid_request", description)
}

/// The request's name, as the middleware gave it.
///
/// # Errors
/// [`Fault::Invariant`] where the middleware is missing.
pub fn given(http: &HttpRequest) -> Result<RequestId, Fault> {
    http.extensions().get::<RequestId>().cloned().ok_or(Fault::Invariant("every request has an id"))
}
