//! Lives the keys' lives: successors are made in time, retired keys leave (docs/keys.md).

use std::{sync::Arc, time::Duration};

use crate::{app::App, keyring, setup::Setup};

/// Looks at every tenant's keys, for ever.
pub(super) async fn run(app: Arc<App>, setup: Setup) {
    let mut ticker = super::ticker(Duration::from_secs(app.config.raw.jobs.key_interval));
    loop {
        ticker.tick().await;
        let setup = setup.clone();
        match app.reads.run(move || pass(&setup)).await {
            Ok(Ok(changed)) => changed.iter().for_each(|name| app.facts.forget(name)),
            Ok(Err(fault)) | Err(fault) => tracing::warn!(fault = %fault, "keys could not be looked after"),
        }
    }
}

/// The tenants whose keys changed.
fn pass(setup: &Setup) -> Result<Vec<domain::TenantName>, domain::Fault> {
    let mut changed = Vec::new();
    for tenant in setup.database.system().tenants()? {
        let steps = keyring::run(setup, &tenant)?;
        for step in &steps {
            tracing::info!(tenant.name = %tenant.name, step, "signing keys changed");
        }
        if !steps.is_empty() {
            changed.push(tenant.name);
        }
    }
    Ok(changed)
}
