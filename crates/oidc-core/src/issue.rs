//! Issuance: from what was authorised to what is written and answered.

use domain::{
    AuthorizedGrant, Claims, Env, Fault, Issuer, Layout, Locator, Minted, RefreshFamily, RefreshPolicy,
    RefreshToken, Session, SigningAlg, TokenKind, Ttl, WireProfile, encoding::base64url,
    profile::SubjectForm, token_text,
};
use sha2::{Digest, Sha256, Sha512};

/// How a tenant issues to a client.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The tenant's issuer.
    pub issuer: &'a Issuer,
    /// The profile that holds for the client.
    pub profile: WireProfile,
    /// How long an id_token is valid.
    pub id_token_validity: Ttl,
    /// The client's `id_token_signed_response_alg`.
    pub id_token_alg: SigningAlg,
    /// The client's `generation`.
    pub client_generation: u64,
}

/// Whether the grant opens a refresh family or goes on with one.
#[derive(Clone, Copy, Debug)]
pub enum Chain<'a> {
    /// As the grant's [`RefreshPolicy`] says.
    Fresh,
    /// Goes on with a family; `rotate` gives it a new current token.
    Of {
        /// The family.
        family: &'a RefreshFamily,
        /// Whether to replace its current token.
        rotate: bool,
    },
}

/// Everything that is decided about an answer before it is signed.
#[derive(Debug)]
pub struct TokenPlan {
    /// The access token.
    pub access: Minted,
    /// Its row.
    pub session: Session,
    /// The refresh token, if there is a new one.
    pub refresh: Option<(Minted, RefreshToken)>,
    /// The family's row, if it is new.
    pub family: Option<RefreshFamily>,
    /// The claims of the id_token but `at_hash`, if there is one.
    pub id_token: Option<Claims>,
}

/// Plans the tokens of a grant.
///
/// # Errors
/// [`Fault::Entropy`] when no randomness can be had.
pub fn plan(
    grant: &AuthorizedGrant,
    chain: Chain<'_>,
    policy: &Policy<'_>,
    env: &Env<'_>,
) -> Result<TokenPlan, Fault> {
    let access = token_text::mint(TokenKind::Access, env)?;
    let (refresh, family) = refresh(grant, chain, policy.issuer.layout(), env)?;
    let family_locator = match chain {
        Chain::Fresh => family.as_ref().map(|family| family.locator),
        Chain::Of { family, .. } => Some(family.locator),
    };
    let id_token =
        (grant.subject.is_some() && grant.scopes.contains("openid")).then(|| id_token(grant, policy, env));
    let session = session(grant, &access, family_locator, env);
    Ok(TokenPlan { access, session, refresh, family, id_token })
}

type NewRefresh = (Option<(Minted, RefreshToken)>, Option<RefreshFamily>);

fn refresh(
    grant: &AuthorizedGrant,
    chain: Chain<'_>,
    layout: Layout,
    env: &Env<'_>,
) -> Result<NewRefresh, Fault> {
    match (chain, grant.refresh, &grant.subject) {
        (Chain::Of { family, rotate: true }, ..) => {
            let minted = token_text::mint(TokenKind::Refresh, env)?;
            let row = row(&minted, family.locator, family.expires_at);
            Ok((Some((minted, row)), None))
        }
        (Chain::Fresh, RefreshPolicy::NewFamily(validity), Some(subject)) => {
            let minted = token_text::mint(TokenKind::Refresh, env)?;
            let expires_at = env.now.plus(validity);
            let family = RefreshFamily {
                locator: Locator::mint(env)?,
                client_id: grant.client_id.clone(),
                layout,
                subject: subject.clone(),
                scopes: grant.scopes.clone(),
                audience: grant.audience.clone(),
                acr: grant.acr.clone(),
                amr: grant.amr.clone(),
                auth_time: grant.auth_time,
                limits: grant.limits,
                policy: grant.policy.clone(),
                channel: grant.channel.clone(),
                context: grant.context.clone(),
                confirmation: None,
                expires_at,
                current: minted.locator,
                previous: None,
                rotated_at: None,
                sealed_answer: None,
                ended: false,
            };
            let row = row(&minted, family.locator, expires_at);
            Ok((Some((minted, row)), Some(family)))
        }
        (Chain::Of { rotate: false, .. } | Chain::Fresh, ..) => Ok((None, None)),
    }
}

const fn row(minted: &Minted, family: Locator, expires_at: domain::Timestamp) -> RefreshToken {
    RefreshToken { locator: minted.locator, digest: minted.digest, family, expires_at }
}

fn session(grant: &AuthorizedGrant, access: &Minted, family: Option<Locator>, env: &Env<'_>) -> Session {
    Session {
        locator: access.locator,
        digest: access.digest,
        client_id: grant.client_id.clone(),
        subject: grant.subject.clone(),
        scopes: grant.scopes.clone(),
        audience: grant.audience.clone(),
        issued_at: env.now,
        expires_at: env.now.plus(grant.limits.total),
        inactivity: grant.limits.inactivity,
        touched_at: env.now,
        family,
        acr: grant.acr.clone(),
        amr: grant.amr.clone(),
        auth_time: grant.auth_time,
        policy: grant.policy.clone(),
        channel: grant.channel.clone(),
        context: grant.context.clone(),
        confirmation: None,
    }
}

/// OpenID Connect Core §2, with whole-second dates.
fn id_token(grant: &AuthorizedGrant, policy: &Policy<'_>, env: &Env<'_>) -> Claims {
    let mut claims = Claims::new();
    let mut put = |name: &str, value: serde_json::Value| claims.insert(name.to_owned(), value);
    put("iss", policy.issuer.as_str().into());
    put("sub", subject(grant.subject.as_ref(), &grant.client_id, &policy.profile).into());
    put("aud", grant.client_id.as_str().into());
    put("exp", env.now.plus(policy.id_token_validity).as_numeric_date().into());
    put("iat", env.now.as_numeric_date().into());
    put("auth_time", grant.auth_time.as_numeric_date().into());
    if let Some(acr) = &grant.acr {
        put("acr", acr.as_str().into());
    }
    if !grant.amr.is_empty() {
        put("amr", grant.amr.clone().into());
    }
    claims
}

/// `sub` (DECISIONS 2): the client id for machines, for users what the profile says.
pub fn subject(
    subject: Option<&domain::GrantSubject>,
    client_id: &domain::ClientId,
    profile: &WireProfile,
) -> String {
    match (subject, profile.subject) {
        (None, _) => client_id.as_str().to_owned(),
        (Some(user), SubjectForm::UserName) => user.user_name.clone(),
        (Some(user), SubjectForm::Opaque) => user.subject_id.as_str().to_owned(),
    }
}

/// `at_hash` (OpenID Connect Core §3.1.3.6): the left half of the hash that the algorithm uses. Ed25519 uses
/// SHA-512 (RFC 8032 §5.1).
pub fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    let left_half = |hash: &[u8]| base64url(hash.get(..hash.len() / 2).unwrap_or_default());
    match alg {
        SigningAlg::RS256 | SigningAlg::PS256 | SigningAlg::ES256 => left_half(&Sha256::digest(access_token)),
        SigningAlg::EdDSA => left_half(&Sha512::digest(access_token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_that_of_the_vendors_radius_sample() {
        // Seed 000, RADIUS send-after sample: token and at_hash agree (CONTRACT 14.16).
        let token = "hamx1AAAAYAfHixmK/chSkfR+sXemoONj63mPuTm";
        assert_eq!(at_hash(SigningAlg::RS256, token), "A1ifydl-B1V7MqvVZUp56Q");
        assert_ne!(at_hash(SigningAlg::EdDSA, token), at_hash(SigningAlg::RS256, token));
    }
}
