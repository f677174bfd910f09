//! Proof by the certificate of the connection (RFC 8705 §2).

use domain::{
    AuditEvent, AuditKind, AuditOutcome, AuthMethod, ChainProblem, ClientId, Env, Fault, OAuthErrorCode,
    PeerCertificate, Refusal, Write, WriteBatch, port::StoredClient,
};

use crate::{
    AuthStep, Facts, Presented, Reason,
    attest::attest,
    decide::{effective_profile, named, source_allowed},
    reason::BAD_CERTIFICATE,
};

/// Whether the decision needs to know what the tenant's truststore says of the certificate: so the host judges the
/// chain only then.
pub fn needs_chain(presented: &Presented, stored: Option<&StoredClient>) -> bool {
    proves_by(presented, stored, &[AuthMethod::TlsClientAuth, AuthMethod::ClientSecretPki])
}

/// Whether the decision needs to know if the client has registered the certificate.
pub fn needs_registration(presented: &Presented, stored: Option<&StoredClient>) -> bool {
    proves_by(presented, stored, &[AuthMethod::SelfSignedTlsClientAuth, AuthMethod::ClientSecretPki])
}

/// Whether there is a certificate, and one of `methods` is the client's.
fn proves_by(presented: &Presented, stored: Option<&StoredClient>, methods: &[AuthMethod]) -> bool {
    let may =
        |stored: &StoredClient| methods.iter().any(|method| stored.client.auth_methods.contains(method));
    matches!(presented, Presented::Certificate { .. }) && stored.is_some_and(may)
}

/// Decides about a client that showed a certificate and named itself. A public client's certificate proves nothing, and
/// is there to bind tokens.
pub(crate) fn decide(
    (client_id, certificate, explicit): (&ClientId, &PeerCertificate, bool),
    facts: &Facts<'_>,
    env: &Env<'_>,
) -> Result<AuthStep, Fault> {
    let stored = match named(facts, client_id)? {
        Ok(stored) => stored,
        Err(reason) => return Ok(refused(reason, WriteBatch::new())),
    };
    let client = &stored.client;
    if client.is_public() && !explicit {
        return Ok(if source_allowed(facts, client) {
            AuthStep::Authenticated(attest(client, Some(AuthMethod::None)), WriteBatch::new())
        } else {
            crate::decide::refused(facts, Reason::SourceNotAllowed)
        });
    }
    let reason = match prove(stored, certificate, facts, env) {
        Ok(method) if source_allowed(facts, client) => {
            return Ok(AuthStep::Authenticated(attest(client, Some(method)), WriteBatch::new()));
        }
        Ok(_method) => Reason::SourceNotAllowed,
        Err(reason) => reason,
    };
    let mut writes = WriteBatch::new();
    if is_worth_a_row(reason, facts) {
        let kind = AuditKind::ClientAuthentication;
        let event = AuditEvent::new(env, facts.origin, kind, AuditOutcome::Refused, reason.label())?;
        let detail = format!("x5t#S256={}", certificate.thumbprint.to_base64url());
        writes.push(Write::Audit(Box::new(event.client(client_id.as_str()).detail(detail))));
    }
    Ok(refused(reason, writes))
}

/// Which of the client's methods the certificate satisfies: the strictest first.
fn prove(
    stored: &StoredClient,
    certificate: &PeerCertificate,
    facts: &Facts<'_>,
    env: &Env<'_>,
) -> Result<AuthMethod, Reason> {
    // What an authority of the tenant's has taken back, or would have to vouch for, proves nothing by another method
    // either: whoever keeps its revocation from being told would come in by the registered key.
    if let Some(Err(problem @ (ChainProblem::Revoked | ChainProblem::RevocationUnknown))) = facts.chain {
        return Err(Reason::Chain(problem));
    }
    let mut problem = Reason::MethodNotAllowed;
    let profile = effective_profile(facts, &stored.client);
    for method in
        [AuthMethod::ClientSecretPki, AuthMethod::TlsClientAuth, AuthMethod::SelfSignedTlsClientAuth]
    {
        if !stored.client.auth_methods.contains(&method) || !profile.has_method(method) {
            continue;
        }
        let proof = match method {
            // Trust first, then the binding (CONTRACT 2.1).
            AuthMethod::ClientSecretPki => trusted(facts).and_then(|()| registered(certificate, facts, env)),
            AuthMethod::TlsClientAuth => under_authority(stored, certificate, facts, env),
            _ => registered(certificate, facts, env),
        };
        match proof {
            Ok(()) => return Ok(method),
            Err(reason) if says(reason) > says(problem) => problem = reason,
            Err(_reason) => {}
        }
    }
    Err(problem)
}

/// How much a reason says to whoever has to find out.
const fn says(reason: Reason) -> u8 {
    match reason {
        Reason::Chain(ChainProblem::Expired | ChainProblem::NotYetValid) => 4,
        Reason::CertificateOfAnother => 3,
        Reason::Chain(_) => 2,
        Reason::CertificateNotRegistered => 1,
        _ => 0,
    }
}

fn trusted(facts: &Facts<'_>) -> Result<(), Reason> {
    facts.chain.unwrap_or(Err(ChainProblem::NoTruststore)).map_err(Reason::Chain)
}

/// `self_signed_tls_client_auth` (RFC 8705 §2.2): no chain is looked at, but the dates are.
fn registered(certificate: &PeerCertificate, facts: &Facts<'_>, env: &Env<'_>) -> Result<(), Reason> {
    if facts.registered != Some(true) {
        return Err(Reason::CertificateNotRegistered);
    }
    if certificate.is_current(env.now) {
        return Ok(());
    }
    let early = !certificate.not_before.has_passed(env.now);
    Err(Reason::Chain(if early { ChainProblem::NotYetValid } else { ChainProblem::Expired }))
}

/// `tls_client_auth` (RFC 8705 §2.1): the chain, the dates and the one registered name.
fn under_authority(
    stored: &StoredClient,
    certificate: &PeerCertificate,
    facts: &Facts<'_>,
    env: &Env<'_>,
) -> Result<(), Reason> {
    trusted(facts)?;
    if !certificate.is_current(env.now) {
        return Err(Reason::Chain(ChainProblem::Expired));
    }
    let name = stored.client.certificate_name.as_ref();
    if name.is_some_and(|name| name.is_of(certificate)) { Ok(()) } else { Err(Reason::CertificateOfAnother) }
}

/// Whether a failure is told in the audit log: only where an authority of the tenant has signed the certificate, or the
/// client has registered it.
/// Anybody else could fill the log (DECISIONS 3.6).
fn is_worth_a_row(reason: Reason, facts: &Facts<'_>) -> bool {
    match facts.chain {
        // Its own, out of date or revoked.
        _ if facts.registered == Some(true) => true,
        Some(Ok(())) => true,
        Some(Err(
            ChainProblem::Expired
            | ChainProblem::NotYetValid
            | ChainProblem::Revoked
            | ChainProblem::RevocationUnknown,
        )) => matches!(reason, Reason::Chain(_)),
        Some(Err(_)) | None => false,
    }
}

/// The same text whatever is wrong: what depends on stored facts tells nothing of them (DECISIONS 4.1).
fn refused(reason: Reason, writes: WriteBatch) -> AuthStep {
    AuthStep::Refused(Refusal::new(OAuthErrorCode::InvalidClient, reason.label(), BAD_CERTIFICATE), writes)
}
