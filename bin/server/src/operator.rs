//! Who runs a command, for the audit log.

use std::sync::OnceLock;

use domain::{AuditEvent, AuditKind, AuditOutcome, Env, Fault, TenantName};

use crate::{setup::Setup, tenant_file::ApplyError};

/// The actor of the operator's own commands: `operator:` and the name of the operating system's user who runs this
/// process, or the user's number when it has no name; `operator` where neither can be had.
pub fn name() -> &'static str {
    // It does not change while the process runs, and a large tenant file makes thousands of events.
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(found)
}

fn found() -> String {
    match user_number() {
        Some(number) => {
            let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            format!("operator:{}", user_name(&users, number).unwrap_or(&number.to_string()))
        }
        None => environment().map_or_else(|| "operator".to_owned(), |user| format!("operator:{user}")),
    }
}

/// Names the actor of an operator's event: in `detail`, in front of what is concerned, and as the user where no
/// other user is concerned.
#[must_use]
pub fn signed(event: AuditEvent) -> AuditEvent {
    let actor = name();
    let detail =
        if event.detail.is_empty() { actor.to_owned() } else { format!("{actor}: {}", event.detail) };
    let user_name = event.user_name.or_else(|| Some(actor.to_owned()));
    AuditEvent { user_name, detail, ..event }
}

/// Leaves a row that tells that a tenant was exported. To be called before anything is shown: an export that cannot
/// be told of is not made.
///
/// # Errors
/// [`ApplyError::NoSuchTenant`], and faults of storage and randomness.
pub fn exported(setup: &Setup, tenant: &TenantName) -> Result<(), ApplyError> {
    let Some(stored) = setup.database.system().tenant_named(tenant)? else {
        return Err(ApplyError::NoSuchTenant(tenant.clone()));
    };
    let env = Env { now: setup.clock.now(), entropy: setup.entropy.as_ref() };
    let origin = setup.operator_origin()?;
    let event = AuditEvent::new(&env, &origin, AuditKind::TenantChange, AuditOutcome::Success, "exported")?;
    let event = signed(event.detail(format!("tenant {tenant}")));
    match setup.database.tenant(stored.id).change(Vec::new(), vec![event])? {
        domain::Applied::Committed => Ok(()),
        domain::Applied::Conflict => Err(Fault::Contended(1).into()),
    }
}

/// The number of the user who runs this process, which the environment cannot falsify.
#[cfg(target_os = "linux")]
fn user_number() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|own| std::os::unix::fs::MetadataExt::uid(&own))
}

/// Only Linux tells it in a file.
#[cfg(not(target_os = "linux"))]
const fn user_number() -> Option<u32> {
    None
}

/// The name that goes with a number in the lines of `/etc/passwd`.
fn user_name(users: &str, number: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(number)).then_some(name)
    })
}

#[expect(clippy::disallowed_methods, reason = "who runs a command is no matter of configuration")]
fn environment() -> Option<String> {
    ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
}

#[cfg(test)]
mod tests {
    use storage::AuditFilter;

    use super::*;
    use crate::tenant_file::tests::support::{Installation, tenant_name};

    #[test]
    fn a_number_has_the_name_of_its_line() {
        let users = "root:x:0:0:root:/:/bin/sh\nbroken\n:x:7:\nops:x:1001:100::/:/bin/sh\n";
        assert_eq!(user_name(users, 0), Some("root"));
        assert_eq!(user_name(users, 1001), Some("ops"));
        assert_eq!([user_name(users, 100), user_name(users, 7)], [None, None]);
    }

    #[test]
    fn the_actor_is_named_and_the_user_concerned_stays() {
        let installation = Installation::new();
        let env = Env { now: installation.setup.clock.now(), entropy: installation.setup.entropy.as_ref() };
        let origin = installation.setup.operator_origin().unwrap();
        let event = || {
            AuditEvent::new(&env, &origin, AuditKind::UserChange, AuditOutcome::Success, "changed").unwrap()
        };
        let alone = signed(event());
        assert!(alone.detail.starts_with("operator:") && alone.detail.len() > "operator:".len());
        assert_eq!(alone.user_name.as_ref(), Some(&alone.detail));
        let bob = signed(event().user("bob").detail("user bob: status"));
        assert_eq!(bob.user_name.as_deref(), Some("bob"));
        assert_eq!(bob.detail, format!("{}: user bob: status", alone.detail));
    }

    #[test]
    fn an_export_leaves_a_row_that_names_who_made_it() {
        let installation = Installation::new();
        installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n");
        let (setup, tenant) = (&installation.setup, tenant_name("t"));
        let stored = setup.database.system().tenant_named(&tenant).unwrap().unwrap();
        exported(setup, &tenant).unwrap();
        let newest = AuditFilter { since: None, until: None, after: None, newest: true, limit: 100 };
        let rows = setup.database.tenant(stored.id).audit(&newest).unwrap();
        let told: Vec<_> = rows.iter().filter(|row| row.reason == "exported").collect();
        let [row] = told.as_slice() else { panic!("{rows:?}") };
        assert_eq!(row.kind, "tenant_change");
        assert_eq!(row.user_name.as_deref(), Some(name()));
        assert_eq!(row.detail, format!("{}: tenant t", name()));
        assert!(matches!(exported(setup, &tenant_name("nobody")), Err(ApplyError::NoSuchTenant(_))));
    }
}
