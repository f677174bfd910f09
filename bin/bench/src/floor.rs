//! The floor: what actix-web itself costs for the same requests and the same answers.
//!
//! `/token` reads the form and the Basic header, digests the secret once, makes a random token, puts it into a bounded
//! map in memory, and answers what Countersign would. `/introspect` looks a token up in that map. `/document/NAME`
//! answers bytes that were `PUT` there. Nothing is written to a disk, nothing is promised.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::encoding::base64url;
use domain::port::Entropy as _;
use jose::OsEntropy;
use moka::policy::EvictionPolicy;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::failure::Result;
use crate::{clock, output};

/// Most tokens in the map: more than one run needs at once, and bounded.
const MOST_TOKENS: u64 = 100_000;
const CLIENT: &str = "spl-api";
const SECRET: &str = "password01";
const SCOPE: &str = "accounts email offline_access openid payments profile";

struct State {
    tokens: moka::sync::Cache<String, i64>,
    secret: [u8; 32],
    documents: Mutex<BTreeMap<String, web::Bytes>>,
}

/// Serves until it is killed. Tells its address as the server does.
///
/// # Errors
/// When no port can be bound, or the listener fails.
pub(crate) fn run() -> Result<()> {
    let state = Arc::new(State {
        // The default policy may turn a new token away when the map is full.
        tokens: moka::sync::Cache::builder()
            .max_capacity(MOST_TOKENS)
            .eviction_policy(EvictionPolicy::lru())
            .build(),
        secret: Sha256::digest(SECRET).into(),
        documents: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    output::line(&format!("listening on http://{}", listener.local_addr()?))?;
    let data = web::Data::from(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .route("/token", web::post().to(token))
            .route("/introspect", web::post().to(introspect))
            .route("/document/{name}", web::get().to(document))
            .route("/document/{name}", web::put().to(put_document))
    });
    Ok(actix_web::rt::System::new().block_on(server.workers(1).listen(listener)?.run())?)
}

type Form = web::Form<Vec<(String, String)>>;

async fn token(state: web::Data<State>, http: HttpRequest, form: Form) -> HttpResponse {
    if !proved(&state, &http) || value(&form, "grant_type").is_none() {
        return HttpResponse::Unauthorized().finish();
    }
    let Some(secret) = random::<48>() else { return HttpResponse::InternalServerError().finish() };
    let token = format!("cat_{secret}");
    state.tokens.insert(token.clone(), clock::wall().as_numeric_date());
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
    private(&mut HttpResponse::Ok()).json(answer)
}

async fn introspect(state: web::Data<State>, http: HttpRequest, form: Form) -> HttpResponse {
    let found = value(&form, "token").and_then(|token| state.tokens.get(token));
    let Some(issued) = found.filter(|_| proved(&state, &http)) else {
        return HttpResponse::Unauthorized().finish();
    };
    let answer = json!({
        "active": true, "iss": "http://127.0.0.1:18080/idp/ONLINEBANK/authn", "client_id": CLIENT, "scope": SCOPE,
        "token_type": "Bearer", "sub": CLIENT, "iat": issued, "exp": issued.saturating_add(330),
    });
    private(&mut HttpResponse::Ok()).json(answer)
}

async fn document(state: web::Data<State>, name: web::Path<String>) -> HttpResponse {
    let documents = state.documents.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(bytes) = documents.get(name.as_str()).cloned() else { return HttpResponse::NotFound().finish() };
    drop(documents);
    let mut builder = HttpResponse::Ok();
    common(&mut builder).insert_header((header::CACHE_CONTROL, "public, max-age=300"));
    builder.content_type("application/json").body(bytes)
}

async fn put_document(state: web::Data<State>, name: web::Path<String>, body: web::Bytes) -> HttpResponse {
    state.documents.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into_inner(), body);
    HttpResponse::Ok().finish()
}

/// Whether the Basic header names the one client with its secret.
fn proved(state: &State, http: &HttpRequest) -> bool {
    let header = http.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let decoded =
        header.and_then(|text| text.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref().and_then(|text| text.split_once(':')).is_some_and(|(client, secret)| {
        client == CLIENT && <[u8; 32]>::from(Sha256::digest(secret)) == state.secret
    })
}

fn value<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn random<const N: usize>() -> Option<String> {
    let mut bytes = [0_u8; N];
    OsEntropy.fill(&mut bytes).ok().map(|()| base64url(&bytes))
}

fn private(builder: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    common(builder)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
}

fn common(builder: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    builder
        .insert_header((header::VARY, "Origin"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("x-correlation-id", random::<16>().unwrap_or_default()))
}
