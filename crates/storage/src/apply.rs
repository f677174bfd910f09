//! Carries out a [`WriteBatch`], each [`Write`] with its precondition.

use domain::{Locator, TenantId, Write, WriteBatch};

use crate::failure::Result;
use crate::link::Link;
use crate::table::authenticators::{Failed, SeenSuccess};
use crate::table::{
    audit_log, authenticators, clients, refresh, remembered_ids, sessions, source_failures, tenants,
};

/// Does all of it in the transaction at hand, or fails somewhere in the middle.
///
/// The statements go in one order of tables and rows, so that two batches cannot wait for each other: what is
/// used once first, families before sessions, the log last. That also puts what can conflict first. What they come to is as if they had been
/// done in the batch's own order.
pub(crate) fn batch(link: &mut Link, tenant: TenantId, batch: &WriteBatch) -> Result<()> {
    let in_place = batch.writes.is_sorted_by(|one, other| table(one) < table(other));
    if in_place && !batch.writes.iter().any(ends) {
        // At most one row of each table, as most batches are: nothing to sort.
        return batch.writes.iter().try_for_each(|write| apply(link, tenant, write));
    }
    in_order(link, tenant, batch)
}

/// Whether it also removes what is in another table.
const fn ends(write: &Write) -> bool {
    matches!(write, Write::EndFamily { .. })
}

fn in_order(link: &mut Link, tenant: TenantId, batch: &WriteBatch) -> Result<()> {
    let ends = batch.writes.iter().any(ends);
    let mut steps = Vec::with_capacity(batch.writes.len());
    for (number, write) in batch.writes.iter().enumerate() {
        steps.push((place(write, number, ends), Step::Whole(write)));
        if let Write::EndFamily { family, .. } = write {
            // The family first: whoever is opening a session in it has committed by then, or will conflict.
            steps.push(((SESSIONS, in_turn(number)), Step::RemoveSessions(family)));
        }
    }
    steps.sort_by(|(one, _), (other, _)| one.cmp(other));
    steps.into_iter().try_for_each(|(_, step)| match step {
        Step::Whole(write) => apply(link, tenant, write),
        Step::RemoveSessions(family) => sessions::remove_family(link, tenant, family),
    })
}

/// A write, or the part of one that belongs elsewhere in the order.
enum Step<'a> {
    Whole(&'a Write),
    RemoveSessions(&'a Locator),
}

fn apply(link: &mut Link, tenant: TenantId, write: &Write) -> Result<()> {
    match write {
        Write::InsertSession(session) => sessions::insert(link, tenant, session),
        Write::InsertFamily(family, token) => refresh::open(link, tenant, family, token),
        Write::RotateRefresh { spent, successor, rotated_at, sealed_answer } => {
            refresh::rotate(link, tenant, spent, successor, (*rotated_at, sealed_answer))
        }
        Write::RequireRefresh { family, current } => refresh::hold(link, tenant, family, current),
        Write::EndFamily { family, end } => refresh::end(link, tenant, family, *end),
        Write::RemoveSession(locator) => sessions::remove(link, tenant, locator),
        Write::TouchSession { locator, at } => sessions::touch(link, tenant, locator, *at),
        Write::AuthenticatorSucceeded { .. } | Write::AuthenticatorFailed { .. } => {
            use_authenticator(link, tenant, write)
        }
        Write::SourceFailed { client_id, source, seen, now } => {
            source_failures::count(link, tenant, (client_id, *source), *seen, *now)
        }
        Write::SourceSucceeded { client_id, source, seen } => {
            source_failures::forget(link, tenant, (client_id, *source), *seen)
        }
        Write::RehashClientSecret { client_id, seen, hash } => {
            if clients::rehash(link, tenant, client_id, seen, hash)? {
                tenants::bump_revision(link, tenant)?;
            }
            Ok(())
        }
        Write::UseOnce(id) => remembered_ids::use_once(link, tenant, id),
        Write::Remember(id) => remembered_ids::remember(link, tenant, id),
        Write::Audit(event) => audit_log::append(link, tenant, event),
    }
}

fn use_authenticator(link: &mut Link, tenant: TenantId, write: &Write) -> Result<()> {
    match write {
        Write::AuthenticatorSucceeded { user_id, policy, version, locked_at, uses, at, rehash } => {
            let seen = SeenSuccess { version: *version, locked_at: *locked_at, uses: *uses };
            authenticators::succeed(link, tenant, (*user_id, policy), &seen, *at, rehash.as_ref())
        }
        Write::AuthenticatorFailed {
            user_id,
            policy,
            version,
            seen_failed,
            seen_locked_at,
            failed,
            locked_at,
            at,
        } => {
            let failed = Failed {
                version: *version,
                seen: (*seen_failed, *seen_locked_at),
                now: (*failed, *locked_at),
                at: *at,
            };
            authenticators::fail(link, tenant, (*user_id, policy), &failed)
        }
        _ => Ok(()),
    }
}

const REMEMBERED: u8 = 0;
const FAMILIES: u8 = 1;
const AUTHENTICATORS: u8 = 2;
const SOURCES: u8 = 3;
const CLIENTS: u8 = 4;
const SESSIONS: u8 = 5;
const LOG: u8 = 6;

/// The table of a write, by its place in the one order.
const fn table(write: &Write) -> u8 {
    match write {
        Write::UseOnce(_) | Write::Remember(_) => REMEMBERED,
        Write::InsertFamily(..)
        | Write::RotateRefresh { .. }
        | Write::RequireRefresh { .. }
        | Write::EndFamily { .. } => FAMILIES,
        Write::AuthenticatorSucceeded { .. } | Write::AuthenticatorFailed { .. } => AUTHENTICATORS,
        Write::SourceFailed { .. } | Write::SourceSucceeded { .. } => SOURCES,
        Write::RehashClientSecret { .. } => CLIENTS,
        Write::InsertSession(_) | Write::RemoveSession(_) | Write::TouchSession { .. } => SESSIONS,
        Write::Audit(_) => LOG,
    }
}

/// Where a write stands in the one order: its table, then its row. Writes to the same row keep their order; and
/// where sessions go with their family, all of those on sessions do.
fn place(write: &Write, number: usize, ends: bool) -> (u8, Vec<u8>) {
    let session = |locator: &Locator| if ends { in_turn(number) } else { locator.as_bytes().to_vec() };
    let row = match write {
        Write::InsertFamily(family, _) => family.locator.as_bytes().to_vec(),
        Write::RotateRefresh { successor, .. } => successor.family.as_bytes().to_vec(),
        Write::RequireRefresh { family, .. } | Write::EndFamily { family, .. } => family.as_bytes().to_vec(),
        Write::AuthenticatorSucceeded { user_id, policy, .. }
        | Write::AuthenticatorFailed { user_id, policy, .. } => {
            [&user_id.number().to_be_bytes(), policy.as_str().as_bytes()].concat()
        }
        Write::SourceFailed { client_id, source, .. } | Write::SourceSucceeded { client_id, source, .. } => {
            format!("{client_id}\0{source}").into_bytes()
        }
        Write::RehashClientSecret { client_id, .. } => client_id.as_str().as_bytes().to_vec(),
        Write::InsertSession(new) => session(&new.locator),
        Write::RemoveSession(locator) | Write::TouchSession { locator, .. } => session(locator),
        Write::UseOnce(id) | Write::Remember(id) => id.key.as_bytes().to_vec(),
        Write::Audit(event) => event.id.as_bytes().to_vec(),
    };
    (table(write), row)
}

fn in_turn(number: usize) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
