//! What the audit log tells of registrations: those that were made, and those that were refused to somebody known.

use domain::{AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, Client, Fault, Refusal};

use crate::{
    bucket::BucketKey,
    extract::Call,
    respond::{Reply, Stop},
};

/// Changes `client`, and tells of it.
pub(super) async fn change(
    call: &Call,
    writes: Vec<AdminWrite>,
    client: &Client,
    reason: &'static str,
) -> Result<Applied, Fault> {
    let event = event(call, AuditOutcome::Success, reason)?.client(client.client_id.as_str());
    let by =
        call.told.borrow().proven.as_ref().map_or_else(|| "by anyone".to_owned(), |who| format!("by {who}"));
    let applied = commit(call, writes, event.detail(by)).await?;
    if applied == Applied::Committed {
        call.app.facts.forget(&call.facts.tenant.name);
    }
    Ok(applied)
}

/// The result, once a refusal is on record: of somebody who has proved something, for nothing is stored for others
/// (DECISIONS 3.6), and behind a bucket, so that a flood writes at the bucket's rate (docs/decisions/0013, 0040).
pub(super) async fn told(
    call: &Call,
    what: &'static str,
    result: Result<Reply, Stop>,
) -> Result<Reply, Stop> {
    if let Err(Stop::Refused(refusal, _)) = &result {
        refused(call, what, refusal).await?;
    }
    result
}

async fn refused(call: &Call, what: &'static str, refusal: &Refusal) -> Result<(), Fault> {
    let Some(who) = call.told.borrow().proven.clone() else { return Ok(()) };
    let concerned = call.told.borrow().client_id.clone();
    let holder = concerned.as_deref().unwrap_or_default();
    let key = BucketKey::new(call.facts.tenant.id, &["registration", holder, &who]);
    if call.app.buckets.take(key, call.app.clock.steady()).is_err() {
        return Ok(());
    }
    let mut event = event(call, AuditOutcome::Refused, refusal.reason)?;
    event.client_id = concerned;
    match commit(call, Vec::new(), event.detail(format!("{what} by {who}"))).await? {
        Applied::Committed => Ok(()),
        Applied::Conflict => Err(Fault::Contended(1)),
    }
}

fn event(call: &Call, outcome: AuditOutcome, reason: &'static str) -> Result<AuditEvent, Fault> {
    AuditEvent::new(&call.env(), &call.origin, AuditKind::ClientChange, outcome, reason)
}

async fn commit(call: &Call, writes: Vec<AdminWrite>, event: AuditEvent) -> Result<Applied, Fault> {
    call.app.database.available()?;
    let store = call.store.clone();
    call.app.reads.run(move || store.change(writes, vec![event])).await?
}
