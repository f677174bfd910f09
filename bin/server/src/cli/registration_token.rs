//! `countersign registration-token`: initial access tokens (RFC 7591 §1.2, §3; docs/decisions/0040).

use domain::{
    AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, AuthMethod, Env, Fault, Locator,
    RegistrationToken, Scopes, Tenant, TenantName, Timestamp, TokenKind, Ttl, encoding, token_text,
};

use super::{CliError, ConfigArg};
use crate::{operator, registration::METHODS, setup::Setup, tenant_file::date};

/// Rows per read.
const PAGE: i64 = 1000;

/// What to do with initial access tokens.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make one, and print it. It cannot be had again.
    Create {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// What it is good for.
        #[command(flatten)]
        what: What,
    },
    /// Print them, oldest first, and how far each is used up.
    List {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// The tenant.
        #[arg(long, value_parser = super::init::tenant_name)]
        tenant: TenantName,
    },
    /// Take one away. What was registered with it stays.
    Revoke {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// The tenant.
        #[arg(long, value_parser = super::init::tenant_name)]
        tenant: TenantName,
        /// Its id, as `list` prints it.
        #[arg(value_parser = id)]
        id: Locator,
    },
}

/// What a token is good for.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct What {
    /// The tenant.
    #[arg(long, value_parser = super::init::tenant_name)]
    pub tenant: TenantName,
    /// How many clients it may register.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub uses: u32,
    /// For how many seconds it is good; at most a year.
    #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(i64).range(1..=31_536_000))]
    pub expires_in: i64,
    /// The scopes that may be given to the clients, separated by spaces; none unless said.
    #[arg(long, default_value = "", value_parser = scopes)]
    pub scope: Scopes,
    /// How the clients may authenticate, now and after any change of their own; repeat it for several. All that can be
    /// registered unless said.
    #[arg(long, value_parser = method)]
    pub auth_method: Vec<AuthMethod>,
    /// What you call it.
    #[arg(long, default_value = "", value_parser = label)]
    pub label: String,
}

/// Runs it.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(command: Command) -> Result<Vec<String>, CliError> {
    match command {
        Command::Create { config, what } => create(&config.open()?, &what),
        Command::List { config, tenant } => list(&config.open()?, &tenant),
        Command::Revoke { config, tenant, id } => revoke(&config.open()?, &tenant, id),
    }
}

/// Makes a token; the last line has its text.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant.
pub(super) fn create(setup: &Setup, what: &What) -> Result<Vec<String>, CliError> {
    let tenant = super::keys::named(setup, &what.tenant)?;
    let env = Env { now: setup.clock.now(), entropy: setup.entropy.as_ref() };
    let minted = token_text::mint(TokenKind::InitialAccess, &env)?;
    let token = RegistrationToken {
        locator: minted.locator,
        digest: minted.digest,
        label: what.label.clone(),
        max_uses: what.uses,
        uses: 0,
        created_at: env.now,
        expires_at: env.now.plus(Ttl::from_secs(what.expires_in)),
        scopes: what.scope.clone(),
        auth_methods: what.auth_method.iter().copied().collect(),
    };
    let line = line(&tenant.name, &token, env.now);
    let write = AdminWrite::InsertRegistrationToken(Box::new(token));
    match change(setup, &tenant, write, ("created", &line))? {
        Applied::Committed => {}
        Applied::Conflict => return Err(Fault::Contended(1).into()),
    }
    Ok(vec![line, format!("initial access token, shown once: {}", minted.text.expose())])
}

/// A line for each token: tenant, id, uses, end, and what it gives.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant.
pub(super) fn list(setup: &Setup, tenant: &TenantName) -> Result<Vec<String>, CliError> {
    let tenant = super::keys::named(setup, tenant)?;
    let (store, now) = (setup.database.tenant(tenant.id), setup.clock.now());
    let mut lines = Vec::new();
    let mut last: Option<Locator> = None;
    loop {
        let page = store.registration_tokens(last.as_ref(), PAGE)?;
        let Some(end) = page.last() else { return Ok(lines) };
        last = Some(end.locator);
        lines.extend(page.iter().map(|token| line(&tenant.name, token, now)));
    }
}

/// Takes a token away.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant or token.
pub(super) fn revoke(setup: &Setup, tenant: &TenantName, id: Locator) -> Result<Vec<String>, CliError> {
    let tenant = super::keys::named(setup, tenant)?;
    let name = encoding::base64url(id.as_bytes());
    match change(setup, &tenant, AdminWrite::RemoveRegistrationToken(id), ("revoked", &name))? {
        Applied::Committed => Ok(vec![format!("{}  {name}  revoked", tenant.name)]),
        Applied::Conflict => {
            Err(CliError::Other(format!("tenant {} has no registration token {name}", tenant.name)))
        }
    }
}

fn change(
    setup: &Setup,
    tenant: &Tenant,
    write: AdminWrite,
    (reason, detail): (&'static str, &str),
) -> Result<Applied, CliError> {
    let env = Env { now: setup.clock.now(), entropy: setup.entropy.as_ref() };
    let (kind, origin) = (AuditKind::RegistrationToken, setup.operator_origin()?);
    let event = AuditEvent::new(&env, &origin, kind, AuditOutcome::Success, reason)?;
    let event = operator::signed(event.detail(detail));
    Ok(setup.database.tenant(tenant.id).change(vec![write], vec![event])?)
}

fn line(tenant: &TenantName, token: &RegistrationToken, now: Timestamp) -> String {
    let state = match (token.expires_at.has_passed(now), token.uses < token.max_uses) {
        (true, _) => "expired",
        (false, false) => "used up",
        (false, true) => "live",
    };
    let methods: Vec<&str> = token.auth_methods.iter().map(|method| method.as_str()).collect();
    let mut parts = vec![format!(
        "{tenant}  {}  {state:<7}  used {} of {}  until {}",
        token.id(),
        token.uses,
        token.max_uses,
        date::text(token.expires_at)
    )];
    let said =
        [("scope", token.scopes.to_text()), ("methods", methods.join(" ")), ("label", token.label.clone())];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    parts.extend(said.map(|(name, text)| format!("{name}={text:?}")));
    parts.join("  ")
}

fn id(text: &str) -> Result<Locator, String> {
    let bytes = encoding::from_base64url(text).and_then(|bytes| Locator::from_slice(&bytes));
    bytes.ok_or_else(|| "must be an id as `registration-token list` prints it".to_owned())
}

fn scopes(text: &str) -> Result<Scopes, String> {
    Scopes::parse(text, false).ok_or_else(|| "must be scope values separated by spaces".to_owned())
}

fn method(text: &str) -> Result<AuthMethod, String> {
    METHODS.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|method| method.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn label(text: &str) -> Result<String, String> {
    let fits = text.len() <= 255 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "must have at most 255 bytes, and no control characters".to_owned())
}

#[cfg(test)]
mod tests {
    use storage::AuditFilter;

    use super::*;
    use crate::tenant_file::tests::support::{Installation, tenant_name};

    fn what() -> What {
        What {
            tenant: tenant_name("t"),
            uses: 2,
            expires_in: 60,
            scope: scopes("api openid").unwrap(),
            auth_method: vec![AuthMethod::PrivateKeyJwt],
            label: "partner".to_owned(),
        }
    }

    #[test]
    fn a_token_is_shown_once_listed_until_it_is_revoked_and_told_of() {
        let installation = Installation::new();
        installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']");
        let (setup, tenant) = (&installation.setup, tenant_name("t"));
        let made = create(setup, &what()).unwrap();
        let text = made[1].strip_prefix("initial access token, shown once: ").unwrap();
        let presented = token_text::parse(TokenKind::InitialAccess, text).unwrap();
        let listed = list(setup, &tenant).unwrap();
        assert_eq!(listed, made[..1]);
        assert!(listed[0].contains("live     used 0 of 2  until 2026-01-01T00:01:00Z"), "{listed:?}");
        assert!(listed[0].ends_with("scope=\"api openid\"  methods=\"private_key_jwt\"  label=\"partner\""));
        installation.clock.advance(Ttl::from_secs(60));
        assert!(list(setup, &tenant).unwrap()[0].contains("expired"));
        revoke(setup, &tenant, presented.locator).unwrap();
        assert!(revoke(setup, &tenant, presented.locator).is_err());
        assert_eq!(list(setup, &tenant).unwrap(), [""; 0]);
        let stored = setup.database.system().tenant_named(&tenant).unwrap().unwrap();
        let newest = AuditFilter { since: None, until: None, after: None, newest: true, limit: 100 };
        let rows = setup.database.tenant(stored.id).audit(&newest).unwrap();
        let rows: Vec<_> = rows.iter().filter(|row| row.kind == "registration_token").collect();
        assert_eq!(rows.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(), ["created", "revoked"]);
        assert!(rows.iter().all(|row| row.detail.contains("operator:") && !row.detail.contains("cia_")));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(method("client_secret_pki").is_err() && method("none").is_ok());
        assert!(scopes("a\"b").is_err() && id("x").is_err());
        assert!(label("a\nb").is_err() && label(&"a".repeat(256)).is_err());
        let installation = Installation::new();
        assert!(create(&installation.setup, &what()).is_err(), "there is no such tenant");
    }
}
