//! Drivers for hosts that embed the engine: look up, decide, apply, and again on a conflict, at most three times.

use domain::{
    Applied, AuditEvent, AuditKind, AuditOutcome, AuthenticatedClient, AuthenticationPolicy, Claims, Env,
    Fault, Issuer, OAuthErrorCode, Origin, Refusal, Tenant, TokenKind, WireProfile, Write, WriteBatch,
    port::{Apply, ClientLookup, PolicyLookup, RefreshLookup, Sealer, SessionLookup, Signer, UserLookup},
    token_text,
};

use super::{
    GrantRequest, TokenRequest,
    issuing::{Issued, Issuing},
};
use crate::{
    Params,
    grant::{client_credentials, refresh_token},
    introspect::{self, Found, Target},
    issue::Policy,
    sender::Sender,
};

/// How often a decision is made again after a conflict.
pub const ROUNDS: u32 = 3;

/// A correct answer: tokens, or a refusal.
pub enum Outcome {
    /// The members of the answer.
    Issued(Claims),
    /// Why not.
    Refused(Refusal),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Issued(_) => f.write_str("Issued(..)"),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
        }
    }
}

/// A tenant's token and introspection endpoints without HTTP. Clients come in authenticated: by the `client-auth`
/// crate, or by the host's own means.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    /// The tenant.
    pub tenant: &'a Tenant,
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// The key that signs id_tokens; `None` for hosts that issue none.
    pub signer: Option<&'a dyn Signer>,
    /// Seals the answers of rotations.
    pub sealer: &'a dyn Sealer,
}

impl Endpoint<'_> {
    /// Answers a token request with `client_credentials` or `refresh_token`. For `password`, run the
    /// `authenticators` engine and hand its findings to [`crate::grant::password::resolve`] and [`Issuing`]; the same for
    /// proofs of possession and [`crate::dpop`]. A client whose tokens must be bound is refused here.
    ///
    /// # Errors
    /// Those of the ports; [`Fault::Contended`] when concurrent changes won [`ROUNDS`] times.
    pub fn token<P>(
        &self,
        ports: &mut P,
        client: &AuthenticatedClient,
        params: &Params,
        origin: &Origin,
        env: Env<'_>,
    ) -> Result<Outcome, Fault>
    where
        P: PolicyLookup + RefreshLookup + UserLookup + Apply + ?Sized,
    {
        let profile = WireProfile::effective(self.tenant.settings.profile, client.client().profile);
        let request = match TokenRequest::parse(params, &profile) {
            Ok(request) => request,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let policy = Policy {
            issuer: self.issuer,
            profile,
            id_token_validity: self.tenant.settings.id_token_validity,
            id_token_alg: client.client().id_token_signed_response_alg,
            client_generation: client.client().generation,
        };
        let sender = match Sender::new(client.client(), &policy.profile, None, None) {
            Ok(sender) => sender,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let issuing = Issuing {
            policy,
            signer: self.signer,
            access_signer: self.signer,
            settings: &self.tenant.settings,
            sender,
            sealer: self.sealer,
            origin,
            env,
        };
        for _ in 0..ROUNDS {
            let (outcome, batch) = match &request.grant {
                GrantRequest::ClientCredentials | GrantRequest::ClientSecretPki => {
                    self.machine(ports, client, &request, &issuing)?
                }
                GrantRequest::RefreshToken { refresh_token } => {
                    refresh(ports, client, &request, refresh_token.expose(), &issuing)?
                }
                GrantRequest::Password { .. } => (Outcome::Refused(PASSWORD_ELSEWHERE), WriteBatch::new()),
            };
            if batch.is_empty() || ports.apply(&batch)? == Applied::Committed {
                return Ok(outcome);
            }
        }
        Err(Fault::Contended(ROUNDS))
    }

    fn machine<P: PolicyLookup + ?Sized>(
        &self,
        ports: &mut P,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        issuing: &Issuing<'_>,
    ) -> Result<(Outcome, WriteBatch), Fault> {
        let code = client.policy_code();
        let policy = ports.policy(code)?.unwrap_or_else(|| AuthenticationPolicy::new(code.clone()));
        let settings = &self.tenant.settings;
        match client_credentials::resolve(
            client,
            request,
            &policy,
            settings,
            &issuing.policy.profile,
            &issuing.env,
        ) {
            Ok(grant) => issuing.fresh(client, request, &grant).map(done),
            Err(refusal) => Ok((Outcome::Refused(refusal), WriteBatch::new())),
        }
    }

    /// Answers an introspection request (RFC 7662).
    ///
    /// # Errors
    /// Those of the ports. A refusal is `invalid_request` for a missing `token`.
    pub fn introspect<P>(
        &self,
        ports: &mut P,
        caller: &AuthenticatedClient,
        params: &Params,
        env: Env<'_>,
    ) -> Result<Outcome, Fault>
    where
        P: ClientLookup + SessionLookup + RefreshLookup + Apply + ?Sized,
    {
        let profile = WireProfile::effective(self.tenant.settings.profile, caller.client().profile);
        let decision = match introspect::target(params, &profile) {
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
            Ok(Target::Nothing | Target::Jwt(_)) => introspect::Decision::inactive(),
            Ok(Target::Access(token)) => {
                let session = ports.session(&token.locator)?;
                let owner = session.as_ref().and_then(|session| introspect::owner(caller, session));
                let owner = owner.map(|id| ports.client(id)).transpose()?.flatten();
                let owner = owner.as_ref().map(|stored| &*stored.client);
                let found = session.as_ref().map(|session| Found { session, owner });
                introspect::access(caller, &token, found, self.issuer, &profile, &env)
            }
            Ok(Target::Refresh(token)) => {
                let stored = ports.refresh(&token.locator)?;
                introspect::refresh(caller, &token, stored.as_ref(), self.issuer, &profile, &env)
            }
        };
        if let Some(touch) = decision.touch {
            ports.apply(&WriteBatch { writes: vec![touch] })?;
        }
        Ok(Outcome::Issued(decision.answer))
    }
}

fn done(issued: Issued) -> (Outcome, WriteBatch) {
    (Outcome::Issued(issued.answer), issued.batch)
}

fn refresh<P: PolicyLookup + RefreshLookup + UserLookup + ?Sized>(
    ports: &mut P,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    text: &str,
    issuing: &Issuing<'_>,
) -> Result<(Outcome, WriteBatch), Fault> {
    let refused = |refusal| Ok((Outcome::Refused(refusal), WriteBatch::new()));
    let Some(presented) = token_text::parse(TokenKind::Refresh, text) else {
        return refused(refresh_token::invalid("malformed"));
    };
    let stored = ports.refresh(&presented.locator)?;
    let user = stored.as_ref().map(|stored| ports.user(stored.family.subject.user_id)).transpose()?.flatten();
    let policy = stored.as_ref().and_then(|stored| stored.family.policy.clone());
    let policy = policy.map(|code| ports.policy(&code)).transpose()?.flatten();
    let profile = &issuing.policy.profile;
    let facts = refresh_token::Facts {
        stored: stored.as_ref(),
        user: user.as_ref(),
        policy: policy.as_ref(),
        settings: issuing.settings,
        sender: &issuing.sender,
    };
    let decision = refresh_token::resolve(client, request, &presented, facts, profile, &issuing.env);
    match (decision, stored) {
        (Err(refusal), _) => refused(refusal),
        (_, None) => Err(Fault::Invariant("a decision about no token")),
        (Ok(decision), Some(stored)) => conclude(decision, client, request, (&stored, text), issuing),
    }
}

/// Turns a decision about a stored refresh token into outcome and batch. `refresh` is the token and its text.
///
/// # Errors
/// Those of [`Issuing::refreshed`].
pub fn conclude(
    decision: refresh_token::Decision,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    refresh: (&domain::StoredRefresh, &str),
    issuing: &Issuing<'_>,
) -> Result<(Outcome, WriteBatch), Fault> {
    let (stored, text) = refresh;
    match decision {
        refresh_token::Decision::Refresh(grant) => {
            issuing.refreshed(client, request, &grant, stored, text).map(done)
        }
        refresh_token::Decision::Repeat(sealed) => match issuing.repeated(client, request, &sealed, text) {
            Some(answer) => Ok((Outcome::Issued(answer), issuing.spending())),
            None => reuse(client, stored, issuing),
        },
        refresh_token::Decision::Reused => reuse(client, stored, issuing),
    }
}

fn reuse(
    client: &AuthenticatedClient,
    stored: &domain::StoredRefresh,
    issuing: &Issuing<'_>,
) -> Result<(Outcome, WriteBatch), Fault> {
    let (refusal, end) = refresh_token::reused(stored);
    let event = AuditEvent::new(
        &issuing.env,
        issuing.origin,
        AuditKind::RefreshReuse,
        AuditOutcome::Refused,
        refusal.reason,
    )?
    .client(client.client().client_id.as_str())
    .user(&stored.family.subject.user_name);
    let writes = vec![end, Write::Audit(Box::new(event))];
    Ok((Outcome::Refused(refusal), WriteBatch { writes }))
}

const PASSWORD_ELSEWHERE: Refusal = Refusal::new(
    OAuthErrorCode::UnsupportedGrantType,
    "password_elsewhere",
    "The authorization grant type is not supported",
);
