//! Notices a disk that hangs in reading (docs/decisions/0043).

use std::{sync::Arc, time::Duration};

use crate::app::App;

/// Many times what a look-up by key takes.
const PERIOD: Duration = Duration::from_millis(100);

/// Looks at the workers' look-ups, for ever.
pub(super) async fn run(app: Arc<App>) {
    let mut ticker = super::ticker(PERIOD);
    loop {
        ticker.tick().await;
        match app.reading.look() {
            Some(true) => tracing::warn!("a look-up hangs: others keep off the workers until it ends"),
            Some(false) => tracing::info!("no look-up hangs any more"),
            None => {}
        }
    }
}
