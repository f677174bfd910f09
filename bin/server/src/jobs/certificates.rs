//! New TLS certificates without a restart: the files are looked at every two seconds, and at once on SIGHUP. Twice a day the
//! keys of session tickets are made anew.

use std::{io, sync::Arc, time::Duration};

use actix_web::rt::{self, task::JoinHandle};
use tokio::signal::unix::{SignalKind, signal};

use crate::{app::App, tls::Slot};

const PERIOD: Duration = Duration::from_secs(2);

/// Keeps the listeners' certificates fresh until it is aborted. From its return on, SIGHUP does not end the process.
///
/// # Errors
/// Those of the system, when SIGHUP cannot be listened to.
pub fn start(app: &Arc<App>, slots: Vec<Arc<Slot>>) -> io::Result<JoinHandle<()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let (app, slots) = (Arc::clone(app), Arc::new(slots));
    Ok(rt::spawn(async move {
        let mut ticker = super::ticker(PERIOD);
        loop {
            tokio::select! {
                _ = hang_up.recv() => {}
                _ = ticker.tick() => {}
            }
            let slots = Arc::clone(&slots);
            // A file on a slow disk holds up no request.
            let now = app.clock.steady();
            let looked = app.reads.run(move || slots.iter().for_each(|slot| slot.refresh(now))).await;
            if let Err(fault) = looked {
                tracing::debug!(fault = %fault, "the certificates' files were not looked at");
            }
        }
    }))
}
