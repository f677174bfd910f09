//! The life of signing keys: pre-published → active → verify-only → retired → removed, by itself and on demand.
//!
//! Where a key stands follows from its dates ([`domain::SigningKeyRecord::stage`]). [`due`] looks at the dates and
//! says what has to happen next; [`run`] does it. Each step is one transaction whose preconditions let only one of
//! several nodes win.

use domain::{
    AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, Env, Fault, SigningAlg, SigningKeyRecord,
    Tenant, TenantSettings, Timestamp, Ttl,
};
use jose::{NewKey, generate_key};

use crate::setup::Setup;

#[cfg(test)]
mod tests;

/// How much longer than the advertised cache time a key is published before it signs: nodes learn of it within 2 s,
/// and clocks differ by up to 30 s (DECISIONS 3.7, 5.7).
const MARGIN: Ttl = Ttl::from_secs(60);

/// How long a retired key's row is kept, for whoever has to look into what it signed.
const KEPT: Ttl = Ttl::from_days(30);

/// The revision of a tenant that has been inserted and not yet filled.
const UNFILLED: i64 = 1;

/// One step in the life of a tenant's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// An algorithm has no key that goes on: make one. A tenant's very first keys are active at once; others when
    /// every cache has them, and the last one has ended.
    First {
        /// The algorithm.
        alg: SigningAlg,
        /// When it begins to sign.
        at: Timestamp,
    },
    /// Make a successor, published now and active later.
    Succeed {
        /// The algorithm.
        alg: SigningAlg,
        /// The key that signs now.
        kid: String,
        /// When the successor takes over.
        at: Timestamp,
    },
    /// Take a key out of use whose algorithm is no longer enabled, or that a newer one has made superfluous.
    Withdraw {
        /// The key.
        kid: String,
        /// From when on it only verifies.
        at: Timestamp,
    },
    /// Forget a key that was retired long ago.
    Remove(String),
}

/// Why keys are not rotated on demand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// The tenant has no such algorithm.
    #[error("{} is not among the tenant's signing_algs", .0.as_str())]
    NotEnabled(SigningAlg),
    /// Successors are published already and will take over by themselves.
    #[error("a successor is published already and has yet to take over: {}", .0.join(", "))]
    Pending(Vec<String>),
}

/// What has to happen at `now`. A pure function of the keys' dates: what it asked for and was done, it does not ask
/// for again.
pub fn due(keys: &[SigningKeyRecord], settings: &TenantSettings, now: Timestamp) -> Vec<KeyStep> {
    let mut steps = Vec::new();
    for alg in SigningAlg::ALL {
        let open = open_ended(keys, alg);
        if !settings.signing_algs.contains(&alg) {
            steps.extend(open.iter().map(|key| withdraw(key, now)));
            continue;
        }
        let Some((newest, older)) = open.split_last() else {
            steps.push(KeyStep::First { alg, at: first_at(keys, alg, settings.jwks_cache, now) });
            continue;
        };
        // Two nodes may have made a first key at the same time; the newest one signs.
        steps.extend(older.iter().map(|key| withdraw(key, newest.active_from.max(now))));
        let lead = lead(settings.jwks_cache);
        if newest.active_from.plus(settings.key_active).minus(lead).has_passed(now)
            && newest.active_from.has_passed(now)
        {
            steps.push(succeed(newest, settings, now));
        }
    }
    let long_gone = |key: &&SigningKeyRecord| key.retired_at.is_some_and(|at| at.plus(KEPT).has_passed(now));
    steps.extend(keys.iter().filter(long_gone).map(|key| KeyStep::Remove(key.kid.clone())));
    steps
}

/// The steps that make successors now for the keys of one algorithm, or of all. They do not sign before the present
/// key set has left every cache.
///
/// # Errors
/// [`RotateError`]; with all algorithms, those whose successor is pending are left out, unless all are.
pub fn rotate_now(
    keys: &[SigningKeyRecord],
    settings: &TenantSettings,
    alg: Option<SigningAlg>,
    now: Timestamp,
) -> Result<Vec<KeyStep>, RotateError> {
    if let Some(alg) = alg.filter(|alg| !settings.signing_algs.contains(alg)) {
        return Err(RotateError::NotEnabled(alg));
    }
    let mut steps = Vec::new();
    let mut pending = Vec::new();
    for alg in settings.signing_algs.iter().filter(|other| alg.is_none_or(|alg| alg == **other)) {
        match open_ended(keys, *alg).last() {
            None => {
                let at = first_at(keys, *alg, settings.jwks_cache, now);
                steps.push(KeyStep::First { alg: *alg, at });
            }
            Some(newest) if !newest.active_from.has_passed(now) => pending.push(newest.kid.clone()),
            Some(newest) => steps.push(succeed(newest, settings, now)),
        }
    }
    if steps.is_empty() { Err(RotateError::Pending(pending)) } else { Ok(steps) }
}

/// The enabled algorithms that nothing signs with, or will.
pub fn missing(keys: &[SigningKeyRecord], settings: &TenantSettings, now: Timestamp) -> Vec<SigningAlg> {
    settings.signing_algs.iter().copied().filter(|alg| !signs(keys, *alg, now)).collect()
}

/// Whether a key of this algorithm signs now, or will, with nobody to take over from it.
pub fn signs(keys: &[SigningKeyRecord], alg: SigningAlg, now: Timestamp) -> bool {
    let newest = keys.iter().filter(|key| key.alg == alg).max_by_key(|key| key.active_from);
    newest.is_some_and(|key| key.verify_from.is_none_or(|end| !end.has_passed(now)))
}

/// A key id that none of `keys` has: the millisecond of `now` as text (CONTRACT 3.3), or one of the next.
pub fn free_kid(keys: &[SigningKeyRecord], now: Timestamp) -> String {
    let mut millis = now.millis();
    while keys.iter().any(|key| key.kid == millis.to_string()) {
        millis = millis.saturating_add(1);
    }
    millis.to_string()
}

/// Makes a key that is published at `now` and signs from `active_from` on.
///
/// # Errors
/// [`Fault::Crypto`] and [`Fault::Entropy`].
pub fn new_key(
    setup: &Setup,
    tenant: &Tenant,
    (alg, kid): (SigningAlg, &str),
    (now, active_from): (Timestamp, Timestamp),
) -> Result<SigningKeyRecord, Fault> {
    let subject_cn = tenant.name.as_str();
    generate_key(&NewKey { alg, kid, tenant: tenant.id, subject_cn, now, active_from }, &setup.master)
}

/// Does what is due. Gives a line for each step that this node did; a step that another node did first is none.
///
/// # Errors
/// Those of storage and cryptography. The steps before the failing one are done.
pub fn run(setup: &Setup, tenant: &Tenant) -> Result<Vec<String>, Fault> {
    let (keys, now) = (setup.database.tenant(tenant.id).keys()?, setup.clock.now());
    if keys.is_empty() && tenant.revision <= UNFILLED {
        // Someone is making this tenant right now, keys included.
        return Ok(Vec::new());
    }
    carry_out(setup, tenant, due(&keys, &tenant.settings, now), now)
}

/// Does steps of a tenant, each in a transaction of its own, with an audit row. Gives a line for each that was done.
///
/// # Errors
/// Those of storage and cryptography. The steps before the failing one are done.
pub fn carry_out(
    setup: &Setup,
    tenant: &Tenant,
    steps: Vec<KeyStep>,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let mut lines = Vec::new();
    for step in steps {
        let store = setup.database.tenant(tenant.id);
        let keys = store.keys()?;
        let (writes, line) = writes(setup, tenant, &keys, (&step, now))?;
        let env = Env { now, entropy: setup.entropy.as_ref() };
        let origin = setup.operator_origin()?;
        let event =
            AuditEvent::new(&env, &origin, AuditKind::KeyChange, AuditOutcome::Success, step.label())?;
        if store.change(writes, vec![crate::operator::signed(event.detail(line.clone()))])?
            == Applied::Committed
        {
            lines.push(line);
        }
    }
    Ok(lines)
}

impl KeyStep {
    /// What the audit log calls it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::First { .. } => "created",
            Self::Succeed { .. } => "succeeded",
            Self::Withdraw { .. } => "withdrawn",
            Self::Remove(_) => "removed",
        }
    }
}

fn writes(
    setup: &Setup,
    tenant: &Tenant,
    keys: &[SigningKeyRecord],
    (step, now): (&KeyStep, Timestamp),
) -> Result<(Vec<AdminWrite>, String), Fault> {
    let supersede = |kid: &str, at: Timestamp| AdminWrite::SupersedeKey {
        kid: kid.to_owned(),
        verify_from: at,
        retired_at: at.plus(tenant.settings.key_verify),
    };
    let kid = free_kid(keys, now);
    let text = crate::tenant_file::date::text;
    Ok(match step {
        KeyStep::First { alg, at } => {
            let key = new_key(setup, tenant, (*alg, &kid), (now, *at))?;
            let line = format!("key {kid} ({}) signs from {}", alg.as_str(), text(*at));
            (vec![AdminWrite::InsertKey(Box::new(key))], line)
        }
        KeyStep::Succeed { alg, kid: old, at } => {
            let key = new_key(setup, tenant, (*alg, &kid), (now, *at))?;
            let line = format!(
                "key {kid} ({}) is published and takes over from {old} at {}",
                alg.as_str(),
                text(*at)
            );
            // The old key's precondition first: whoever loses has inserted nothing.
            (vec![supersede(old, *at), AdminWrite::InsertKey(Box::new(key))], line)
        }
        KeyStep::Withdraw { kid, at } => {
            (vec![supersede(kid, *at)], format!("key {kid} signs until {}", text(*at)))
        }
        KeyStep::Remove(kid) => (vec![AdminWrite::RemoveKey(kid.clone())], format!("key {kid} is removed")),
    })
}

/// The keys of an algorithm that have no end yet, in the order in which they begin to sign.
fn open_ended(keys: &[SigningKeyRecord], alg: SigningAlg) -> Vec<&SigningKeyRecord> {
    let mut open: Vec<_> = keys.iter().filter(|key| key.alg == alg && key.verify_from.is_none()).collect();
    open.sort_by_key(|key| (key.active_from, key.kid.clone()));
    open
}

/// When a key begins to sign that is made now where none goes on. A tenant's very first keys do at once: no cache can
/// hold an older set. All others do when every cache that holds the present set for `cached` has run out, whatever
/// waits for them: what a relying party cannot verify is worse than what it does not get. When the last one is still
/// signing then, its successor got lost, and the new one takes over at the appointed time.
pub fn first_at(keys: &[SigningKeyRecord], alg: SigningAlg, cached: Ttl, now: Timestamp) -> Timestamp {
    if keys.is_empty() {
        return now;
    }
    let known = now.plus(lead(cached));
    let ends = keys.iter().filter(|key| key.alg == alg).filter_map(|key| key.verify_from);
    ends.max().map_or(known, |end| end.max(known))
}

/// How long before it signs a key is published.
const fn lead(cached: Ttl) -> Ttl {
    Ttl::from_millis(cached.millis().saturating_add(MARGIN.millis()))
}

fn succeed(key: &SigningKeyRecord, settings: &TenantSettings, now: Timestamp) -> KeyStep {
    KeyStep::Succeed { alg: key.alg, kid: key.kid.clone(), at: now.plus(lead(settings.jwks_cache)) }
}

fn withdraw(key: &SigningKeyRecord, at: Timestamp) -> KeyStep {
    KeyStep::Withdraw { kid: key.kid.clone(), at }
}
