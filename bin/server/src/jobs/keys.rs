//! Lives the keys' lives: successors are made in time, retired keys leave (docs/keys.md).

use std::{sync::Arc, time::Duration};

use domain::{Fault, TenantName};

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

/// The tenants whose keys changed. What is damaged of one is told, and keeps nobody from looking after the others.
fn pass(setup: &Setup) -> Result<Vec<TenantName>, Fault> {
    let mut changed = Vec::new();
    for (_, name, _) in setup.database.system().revisions()? {
        match look_after(setup, &name) {
            Ok(true) => changed.push(name),
            Ok(false) => {}
            Err(fault) => {
                tracing::error!(tenant.name = %name, fault = %fault, "its keys could not be looked after");
                // Where it is not the tenant's but everybody's, the next one would wait for the same.
                setup.database.ping()?;
            }
        }
    }
    Ok(changed)
}

/// Whether a tenant's keys changed.
fn look_after(setup: &Setup, name: &TenantName) -> Result<bool, Fault> {
    let Some(tenant) = setup.database.system().tenant_named(name)? else { return Ok(false) };
    let steps = keyring::run(setup, &tenant)?;
    for step in &steps {
        tracing::info!(tenant.name = %name, step, "signing keys changed");
    }
    Ok(!steps.is_empty())
}
