//! The management listener: `/healthz`, `/readyz`, `/metrics` (DECISIONS 1).

use actix_web::{HttpResponse, web};

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

/// The database answers, and takes writes as far as is known; if not, what to do. Nobody but operators asks here.
async fn ready(app: web::Data<App>) -> HttpResponse {
    let database = app.database.clone();
    match app.reads.run(move || database.ping()).await {
        Ok(Ok(())) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Ok(Err(fault)) | Err(fault) => {
            tracing::warn!(fault = %fault, "not ready");
            HttpResponse::ServiceUnavailable()
                .content_type("text/plain")
                .body(format!("the database does not answer or takes no writes: {fault}\n"))
        }
    }
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
