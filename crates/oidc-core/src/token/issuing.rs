//! From an authorised grant to an answer and the batch that makes it true.

use domain::{
    AccessTokenFormat, AuditEvent, AuditKind, AuditOutcome, AuthenticatedClient, AuthorizedGrant, Claims,
    Env, Fault, Origin, Secret, StoredRefresh, TenantSettings, Write, WriteBatch,
    port::{Sealer, Signer},
};

use super::TokenRequest;
use crate::{
    answer,
    grant::refresh_token::{SEAL_LABEL, seal_binding},
    issue::{self, Chain, Policy, TokenPlan},
    jwt_access, resource,
    sender::Sender,
};

/// What issuing needs besides the grant.
#[derive(Clone, Copy)]
pub struct Issuing<'a> {
    /// How the tenant issues to the client.
    pub policy: Policy<'a>,
    /// The key that signs id_tokens; `None` for hosts that issue none.
    pub signer: Option<&'a dyn Signer>,
    /// The key that signs access tokens that are JWTs; `None` where none are issued.
    pub access_signer: Option<&'a dyn Signer>,
    /// The tenant's settings: its resources say in which form their access tokens are.
    pub settings: &'a TenantSettings,
    /// Who asks, and to whom the tokens will be bound.
    pub sender: Sender,
    /// Seals the answer of a rotation.
    pub sealer: &'a dyn Sealer,
    /// Where the request came from.
    pub origin: &'a Origin,
    /// Time and randomness.
    pub env: Env<'a>,
}

/// An answer, true once its batch is committed. Until then it must not be sent.
pub struct Issued {
    /// The members of the answer.
    pub answer: Claims,
    /// What makes it true.
    pub batch: WriteBatch,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl Issuing<'_> {
    /// Issues the tokens of a new grant. With `noToken=1` nothing but the audit row is written.
    ///
    /// # Errors
    /// [`Fault::Entropy`], and [`Fault::Signing`] when an id_token is due and cannot be signed.
    pub fn fresh(
        &self,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        grant: &AuthorizedGrant,
    ) -> Result<Issued, Fault> {
        let mut batch = self.spending();
        if request.hid.no_token {
            batch.push(self.audit(client, request, grant, "no_token")?);
            return Ok(Issued { answer: answer::placeholder(&grant.context), batch });
        }
        let (plan, form) = self.plan(client, grant, Chain::Fresh)?;
        let (plan, answer) = self.answer(plan, form, request, false)?;
        if let (Some(family), Some((_, row))) = (plan.family, plan.refresh) {
            batch.push(Write::InsertFamily(Box::new(family), row));
        }
        if form == AccessTokenFormat::Opaque {
            batch.push(Write::InsertSession(Box::new(plan.session)));
        }
        batch.push(self.audit(client, request, grant, "")?);
        Ok(Issued { answer, batch })
    }

    /// Issues the tokens of a refresh. `presented` is the text of the token that is used. With `noToken=1` nothing
    /// is rotated, and nothing but the audit row is written.
    ///
    /// # Errors
    /// As [`Issuing::fresh`], and [`Fault::Crypto`] when the answer cannot be sealed.
    pub fn refreshed(
        &self,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        grant: &AuthorizedGrant,
        stored: &StoredRefresh,
        presented: &str,
    ) -> Result<Issued, Fault> {
        if request.hid.no_token {
            // Nothing is generated and nothing is spent (DECISIONS 3.3); the token must still be the current one.
            let held = Write::RequireRefresh { family: stored.family.locator, current: stored.token.locator };
            let mut batch = self.spending();
            batch.writes.extend([held, self.audit(client, request, grant, "no_token")?]);
            return Ok(Issued { answer: answer::placeholder(&grant.context), batch });
        }
        let rotate = self.policy.profile.rotate_refresh;
        let chain = Chain::Of { family: &stored.family, rotate };
        let (plan, form) = self.plan(client, grant, chain)?;
        let (plan, answer) = self.answer(plan, form, request, true)?;
        let mut batch = self.spending();
        let spent = stored.token.locator;
        batch.push(match plan.refresh {
            Some((_, successor)) => {
                let text =
                    serde_json::to_vec(&answer).map_err(|_ignored| Fault::Invariant("claims are JSON"))?;
                let binding = seal_binding(client, request, &self.sender);
                let sealed_answer = self.sealer.seal(presented.as_bytes(), SEAL_LABEL, &binding, &text)?;
                Write::RotateRefresh { spent, successor, rotated_at: self.env.now, sealed_answer }
            }
            None => Write::RequireRefresh { family: stored.family.locator, current: spent },
        });
        if form == AccessTokenFormat::Opaque {
            batch.push(Write::InsertSession(Box::new(plan.session)));
        }
        batch.push(self.audit(client, request, grant, "")?);
        Ok(Issued { answer, batch })
    }

    /// The answer that a retry gets again; `None` when it is not this client's and this scope's retry.
    pub fn repeated(
        &self,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        sealed: &[u8],
        presented: &str,
    ) -> Option<Claims> {
        let binding = seal_binding(client, request, &self.sender);
        let text = self.sealer.open(presented.as_bytes(), SEAL_LABEL, &binding, sealed)?;
        serde_json::from_slice(&text).ok()
    }

    /// A batch that uses up the sender's proof, if there is one: what it brings about happens once.
    pub(crate) fn spending(&self) -> WriteBatch {
        WriteBatch { writes: self.sender.spent().map(Write::UseOnce).into_iter().collect() }
    }

    fn plan(
        &self,
        client: &AuthenticatedClient,
        grant: &AuthorizedGrant,
        chain: Chain<'_>,
    ) -> Result<(TokenPlan, AccessTokenFormat), Fault> {
        let mut plan = issue::plan(grant, chain, &self.policy, &self.env)?;
        plan.session.confirmation = self.sender.confirmation();
        let form = resource::format(&grant.audience, client.client(), self.settings);
        if form == AccessTokenFormat::Jwt {
            let family = match chain {
                Chain::Fresh => plan.family.as_ref(),
                Chain::Of { family, .. } => Some(family),
            };
            jwt_access::limit(&mut plan.session, family);
        }
        // A confidential client's are bound to it by its authentication (RFC 9449 §5).
        if let Some(family) = plan.family.as_mut().filter(|_| client.is_public()) {
            family.confirmation = self.sender.confirmation();
        }
        Ok((plan, form))
    }

    fn answer(
        &self,
        mut plan: TokenPlan,
        form: AccessTokenFormat,
        request: &TokenRequest,
        refreshed: bool,
    ) -> Result<(TokenPlan, Claims), Fault> {
        if form == AccessTokenFormat::Jwt {
            let signer = self.access_signer.ok_or(Fault::Signing("no key for access tokens"))?;
            let claims = jwt_access::claims(&plan.session, &self.policy)?;
            let text = signer.sign(jwt_access::TYP, &claims)?;
            if text.len() > jwt_access::LONGEST {
                return Err(Fault::Signing(
                    "an access token is too long: it has too many scopes or resources",
                ));
            }
            plan.access.text = Secret::new(text);
        }
        let id_token = match (plan.id_token.take(), self.signer) {
            (None, _) => None,
            (Some(mut claims), Some(signer)) => {
                let at_hash = issue::at_hash(self.policy.id_token_alg, plan.access.text.expose());
                claims.insert("at_hash".to_owned(), at_hash.into());
                Some(signer.sign("JWT", &claims)?)
            }
            (Some(_), None) => return Err(Fault::Signing("no key for id_tokens")),
        };
        let answer = answer::token(&plan, id_token, request, &self.policy.profile, refreshed);
        Ok((plan, answer))
    }

    fn audit(
        &self,
        client: &AuthenticatedClient,
        request: &TokenRequest,
        grant: &AuthorizedGrant,
        reason: &'static str,
    ) -> Result<Write, Fault> {
        let event = AuditEvent::new(&self.env, self.origin, AuditKind::Token, AuditOutcome::Success, reason)?;
        let mut event = event.client(grant.client_id.as_str()).detail(request.grant.grant_type().as_str());
        event.detail.push(' ');
        event.detail.push_str(client.method_name());
        if let Some(user) = &grant.subject {
            event = event.user(&user.user_name);
        }
        Ok(Write::Audit(Box::new(event)))
    }
}
