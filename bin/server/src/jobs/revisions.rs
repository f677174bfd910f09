//! Obeys what other nodes changed, within 2 s (DECISIONS 5.7).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::Fault;

use crate::app::App;

/// How often it is looked whether the last look at the revisions has grown too old.
const LOOK: Duration = Duration::from_millis(50);

/// How soon after a failure the revisions are read again: memory need not go out of date for one.
const AGAIN: Duration = Duration::from_millis(250);

/// Compares the cached tenants' revisions with the stored ones, for ever; and notes when that could not be done for too
/// long, for then memory is not used unseen.
pub(super) async fn run(app: Arc<App>) {
    tokio::join!(compare(&app), look(&app));
}

async fn compare(app: &Arc<App>) {
    let interval = Duration::from_millis(app.config.raw.jobs.revision_interval_ms);
    let mut ticker = super::ticker(interval);
    let reader = Arc::new(Mutex::new(app.database.revision_reader()));
    let mut failing = false;
    loop {
        ticker.tick().await;
        let began = app.clock.steady();
        let reader = Arc::clone(&reader);
        let read = move || reader.lock().unwrap_or_else(PoisonError::into_inner).read();
        match app.revisions.run(read).await {
            Ok(Ok(stored)) => {
                tell(app.facts.refresh(&stored, began, app.clock.steady()));
                failing = false;
            }
            Ok(Err(fault)) | Err(fault) => {
                tell_failure(&fault, failing);
                failing = true;
                ticker.reset_after(interval.min(AGAIN));
            }
        }
    }
}

async fn look(app: &Arc<App>) {
    let mut ticker = super::ticker(LOOK);
    loop {
        ticker.tick().await;
        tell(app.facts.look(app.clock.steady()));
    }
}

/// Once, not each time.
fn tell_failure(fault: &Fault, again: bool) {
    if again {
        tracing::debug!(fault = %fault, "revisions could not be read again");
    } else {
        tracing::warn!(fault = %fault, "revisions could not be read");
    }
}

fn tell(changed: Option<bool>) {
    match changed {
        Some(true) => tracing::info!("it is known again what other nodes change"),
        Some(false) => tracing::warn!(
            "it is not known what other nodes change: what is remembered of tenants is compared with the database for \
             each request"
        ),
        None => {}
    }
}
