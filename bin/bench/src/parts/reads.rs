//! Keyed reads through `storage` alone, one at a time, over tables that hold what the commits have left.

use std::time::Duration;

use domain::port::{
    Apply as _, AuthenticatorLookup as _, RefreshLookup as _, SessionLookup as _, UserLookup as _,
};
use domain::{Write, WriteBatch};

use super::{rate, records::Records};
use crate::failure::{Failure, Result};

/// Reads per second, each by its key.
///
/// # Errors
/// When a row is not found.
pub(super) fn rates(records: &Records, span: Duration) -> Result<Vec<(&'static str, f64)>> {
    let mut store = records.store.clone();
    let session = records.session(None, true)?;
    let (family, token) = records.family()?;
    let (at, refresh) = (session.locator, token.locator);
    let writes = vec![Write::InsertFamily(Box::new(family), token), Write::InsertSession(Box::new(session))];
    store.apply(&WriteBatch { writes })?;
    let user = records.subject.user_id;
    Ok(vec![
        ("read a session", rate(span, || found(store.session(&at)?))?),
        ("read a refresh token", rate(span, || found(store.refresh(&refresh)?))?),
        ("read a user", rate(span, || found(store.user(user)?))?),
        ("read a user by name", rate(span, || found(store.user_by_name("alice")?))?),
        ("read an authenticator", rate(span, || found(store.authenticator(user, &records.policy)?))?),
    ])
}

fn found<T>(row: Option<T>) -> Result<()> {
    row.map(|_row| ()).ok_or_else(|| Failure::new("a row is not where it was put"))
}
