//! What runs by itself while the server serves.

pub mod certificates;
mod clock;
mod database;
mod expiry;
mod keys;
mod reading;
mod removing;
mod revisions;

use std::{sync::Arc, time::Duration};

use actix_web::rt;
use tokio::time::MissedTickBehavior;

use crate::{app::App, setup::Setup};

pub use removing::Removing;

/// Starts all jobs on the current actix system. They end with it.
pub fn start(app: &Arc<App>, setup: &Setup) -> Vec<rt::task::JoinHandle<()>> {
    vec![
        rt::spawn(database::run(Arc::clone(app))),
        rt::spawn(revisions::run(Arc::clone(app))),
        rt::spawn(clock::run(Arc::clone(app))),
        rt::spawn(reading::run(Arc::clone(app))),
        rt::spawn(expiry::run(Arc::clone(app))),
        rt::spawn(keys::run(Arc::clone(app), setup.clone())),
    ]
}

/// A ticker that, late, goes on from where it is.
fn ticker(period: Duration) -> tokio::time::Interval {
    let mut ticker = tokio::time::interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}
