//! Looks after the database: notices a file that was taken away, and the end of what kept it from writing, when nobody
//! else writes.

use std::{sync::Arc, time::Duration};

use crate::app::App;

const PERIOD: Duration = Duration::from_secs(1);

/// Asks the database how it is, for ever. What changes is told to the log by storage itself.
pub(super) async fn run(app: Arc<App>) {
    let mut ticker = super::ticker(PERIOD);
    loop {
        ticker.tick().await;
        let database = app.database.clone();
        if let Ok(Err(fault)) | Err(fault) = app.reads.run(move || database.ping()).await {
            tracing::debug!(fault = %fault, "the database is not well");
        }
    }
}
