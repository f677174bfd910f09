//! Applying a file.

use std::{io::Read as _, path::Path};

use domain::{Applied, Fault, Secret, SigningKeyRecord, Tenant, TenantName, TenantSettings, Timestamp};

use super::{
    ApplyError, ApplyOptions, Report,
    change::Change,
    check::{self, Surroundings},
    execute::{self, Imported},
    parse,
    plan::plan,
    stored::Stored,
};
use crate::setup::Setup;

/// How often to look again when somebody else changed the tenant meanwhile.
const ATTEMPTS: u32 = 10;

/// Applies the text of a tenant file. Relative `…_file` paths begin at the working directory.
///
/// # Errors
/// [`ApplyError`]; nothing was written then.
pub fn apply(setup: &Setup, text: &str, options: ApplyOptions) -> Result<Report, ApplyError> {
    apply_at(setup, text, None, options)
}

/// Applies a tenant file. Relative `…_file` paths begin at the file's directory.
///
/// # Errors
/// [`ApplyError`]; nothing was written then.
pub fn apply_file(setup: &Setup, path: &Path, options: ApplyOptions) -> Result<Report, ApplyError> {
    let unread = |error| ApplyError::Read { path: path.display().to_string(), error };
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut text = String::new();
    // One byte more than allowed, so that the limit is told and not the middle of the file.
    file.take(parse::LIMIT as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    apply_at(setup, &text, path.parent(), options)
}

fn apply_at(
    setup: &Setup,
    text: &str,
    base_dir: Option<&Path>,
    options: ApplyOptions,
) -> Result<Report, ApplyError> {
    let mut was_new = false;
    for _ in 0..ATTEMPTS {
        let now = setup.clock.now();
        let file = parse::parse(text)?;
        let stored = Stored::read(&setup.database, &file.name)?;
        let (prune, master) = (options.prune, &*setup.master);
        let around = Surroundings { stored: &stored, base_dir, prune, master, now };
        let mut desired = check::check(text, file, around).map_err(ApplyError::Problems)?;
        let keys = std::mem::take(&mut desired.keys);
        let target = Target { name: desired.name.clone(), settings: desired.settings.clone(), keys };
        let changes = plan(desired, &stored, options.prune, now)?;
        let lines = lines(&changes);
        was_new |= stored.tenant.is_none();
        let created = was_new;
        if options.dry_run || changes.is_empty() {
            return Ok(Report { created, lines, shown_once: Vec::new() });
        }
        if let Some(shown_once) = write(setup, &stored, target, changes, now)? {
            return Ok(Report { created, lines, shown_once });
        }
    }
    Err(Fault::Contended(ATTEMPTS).into())
}

fn lines(changes: &[Change]) -> Vec<String> {
    if changes.is_empty() {
        return vec!["= nothing to change".to_owned()];
    }
    changes.iter().map(ToString::to_string).collect()
}

/// The tenant to be.
struct Target {
    name: TenantName,
    settings: TenantSettings,
    /// From an export.
    keys: Vec<SigningKeyRecord>,
}

/// Writes the changes and gives what must be shown; `None` when somebody else changed the tenant meanwhile.
fn write(
    setup: &Setup,
    stored: &Stored,
    target: Target,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Option<Vec<(String, Secret)>>, Fault> {
    if let Some(tenant) = &stored.tenant {
        return fill(setup, tenant, stored, Imported::default(), (changes, now));
    }
    let Some(tenant) = setup.database.system().tenant_insert(&target.name, &target.settings)? else {
        return Ok(None);
    };
    let imported = Imported::of(setup, &tenant, target.keys);
    let filled = fill(setup, &tenant, stored, imported, (changes, now));
    if filled.is_err() {
        // An empty tenant is worth nothing. Its revision tells whether somebody else has begun to fill it.
        let system = setup.database.system();
        if system.tenant_named(&tenant.name)?.is_some_and(|seen| seen.revision == tenant.revision) {
            system.tenant_remove(tenant.id)?;
        }
    }
    filled
}

fn fill(
    setup: &Setup,
    tenant: &Tenant,
    stored: &Stored,
    imported: Imported,
    (changes, now): (Vec<Change>, Timestamp),
) -> Result<Option<Vec<(String, Secret)>>, Fault> {
    let work = execute::prepare(setup, tenant, (stored, imported), changes, now)?;
    match setup.database.tenant(tenant.id).change(work.writes, work.audit)? {
        Applied::Committed => Ok(Some(work.shown_once)),
        Applied::Conflict => Ok(None),
    }
}
