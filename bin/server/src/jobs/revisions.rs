//! Obeys what other nodes changed, within 2 s (DECISIONS 5.7).

use std::{sync::Arc, time::Duration};

use crate::app::App;

/// Compares the cached tenants' revisions with the stored ones, for ever.
pub(super) async fn run(app: Arc<App>) {
    let mut ticker = super::ticker(Duration::from_millis(app.config.raw.jobs.revision_interval_ms));
    loop {
        ticker.tick().await;
        let database = app.database.clone();
        match app.reads.run(move || database.system().revisions()).await {
            Ok(Ok(stored)) => app.facts.refresh(&stored),
            Ok(Err(fault)) | Err(fault) => tracing::warn!(fault = %fault, "revisions could not be read"),
        }
    }
}
