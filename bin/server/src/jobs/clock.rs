//! Watches for steps of the wall clock (docs/decisions/0019).

use std::{sync::Arc, time::Duration};

use domain::Ttl;

use crate::{app::App, clock::Notice};

/// How long nothing is removed after a step forward was followed: should it turn out wrong, what it ended lives again.
const KEEP: Ttl = Ttl::from_secs(3600);

/// Looks each second, for ever.
pub(super) async fn run(app: Arc<App>) {
    let mut ticker = super::ticker(Duration::from_secs(1));
    let patience = Ttl::from_secs(app.config.raw.server.clock_patience);
    loop {
        ticker.tick().await;
        if let Some(notice) = app.clock.watch(patience) {
            tell(&app, notice, patience);
        }
    }
}

fn tell(app: &App, notice: Notice, patience: Ttl) {
    let patience = patience.secs();
    match notice {
        Notice::Stepped(by) => {
            app.metrics.clock_steps.with_label_values(&["stepped"]).inc();
            tracing::warn!(
                by_seconds = by / 1000,
                "the machine's clock stepped; time goes on evenly, and the step is followed if it stands for {patience} s"
            );
        }
        Notice::Returned => {
            app.metrics.clock_steps.with_label_values(&["returned"]).inc();
            tracing::warn!("the machine's clock stepped back to where it was; nothing came of it");
        }
        Notice::Followed(by) => {
            app.metrics.clock_steps.with_label_values(&["followed"]).inc();
            tracing::warn!(
                by_seconds = by / 1000,
                "the step of the machine's clock has stood and is followed"
            );
            if by > 0 {
                app.removing.wait_until(app.clock.steady().plus(KEEP));
            }
        }
    }
}
