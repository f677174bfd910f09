//! The management listener: `/healthz`, `/readyz`, `/metrics` (DECISIONS 1).

use std::time::Duration;

use actix_web::{HttpResponse, web};
use domain::Fault;

use crate::app::App;

/// Registers its routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(health))
        .route("/readyz", web::get().to(ready))
        .route("/metrics", web::get().to(metrics));
}

/// The process lives.
async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The database answers, and takes writes as far as is known. Otherwise: why not, and what to do. Nobody but operators
/// asks here.
async fn ready(app: web::Data<App>) -> HttpResponse {
    let database = app.database.clone();
    let asked = app.reads.run(move || database.ping());
    let patience = Duration::from_millis(app.config.raw.server.answer_timeout_ms);
    let answered = tokio::time::timeout(patience, asked).await;
    match answered
        .map_err(|_elapsed| Fault::Late("the database"))
        .and_then(|asked| asked)
        .and_then(|ping| ping)
    {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(fault) => {
            tracing::warn!(fault = %fault, "not ready");
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(advice(&fault))
        }
    }
}

/// What an operator should know. The management listener is not for the world.
fn advice(fault: &Fault) -> String {
    format!(
        "not ready: the database does not answer or takes no writes\n{fault}\n\
         Bring the database, or the way to it (database.url), back to work: docs/bad-days.md says how. \
         This server tries by itself and needs no restart; until then it answers 503.\n"
    )
}

async fn metrics(app: web::Data<App>) -> HttpResponse {
    let counters = app.database.counters();
    for (what, value) in [
        ("reads", counters.reads),
        ("writes", counters.writes),
        ("commits", counters.commits),
        ("batches", counters.batches),
        ("commit_size_sum", counters.commit_size_sum),
        ("conflicts", counters.conflicts),
        ("queue_length", counters.queue_length),
    ] {
        app.metrics.storage(what, value);
    }
    match app.metrics.text() {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text),
        Err(error) => {
            tracing::error!(error = %error, "metrics could not be encoded");
            HttpResponse::InternalServerError().finish()
        }
    }
}
