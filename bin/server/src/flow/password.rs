//! The password grant around the pure engines of `oidc-core` and `authenticators`.

use authenticators::password::{Attempt, Conclusion, conclude, description, hash_to_check};
use domain::{
    Applied, AuthenticatedClient, AuthenticationPolicy, Authenticator, ChannelCode, Claims, Detail,
    FailureReason, Fault, OAuthErrorCode, PolicyCode, Refusal, Secret, User, WireProfile, WriteBatch,
    port::{AuthenticatorLookup as _, UserLookup as _},
};
use oidc_core::{
    grant::password,
    token::{Issuing, TokenRequest},
};

use super::{ROUNDS, client, comparison::Comparison, sender};
use crate::{bucket::BucketKey, extract::Call, hashing::Hashing, respond::Stop};

/// A password request as it goes through.
pub struct Password<'a> {
    /// The client that asks.
    pub client: &'a AuthenticatedClient,
    /// The request.
    pub request: &'a TokenRequest,
    /// The profile that holds for the client.
    pub profile: WireProfile,
    /// `username`.
    pub username: &'a str,
    /// `password`.
    pub password: &'a Secret,
    /// How tokens are issued.
    pub issuing: Issuing<'a>,
}

/// Answers it.
///
/// # Errors
/// [`Stop::Refused`] with the vendor's failure details in `hid`, [`Stop::Fault`].
pub async fn answer(call: &Call, grant: Password<'_>) -> Result<Claims, Stop> {
    let code = password::policy_code(grant.client, grant.request, &grant.profile)?;
    let policy = call.facts.policies.get(&code);
    let settings = &call.facts.tenant.settings;
    let channel = password::channel(grant.client.client(), grant.request, policy, settings, &grant.profile)?;
    let policy = policy.ok_or(Fault::Invariant("channel() refuses without a policy"))?;
    spend(call, &grant, &code)?;
    let answered = compared(call, &grant, (&code, policy, channel.as_ref())).await;
    if matches!(&answered, Err(Stop::Fault(fault)) if Hashing::refused(fault)) {
        // Who was told to come again has not guessed.
        give_back(call, &grant, &code);
    }
    answered
}

async fn compared(
    call: &Call,
    grant: &Password<'_>,
    (code, policy, channel): (&PolicyCode, &AuthenticationPolicy, Option<&ChannelCode>),
) -> Result<Claims, Stop> {
    call.app.hashing.room(call.facts.tenant.id)?;
    let mut comparison = Comparison::default();
    for _ in 0..ROUNDS {
        let (user, authenticator) = lookup(call, grant.username, code).await?;
        let attempt = Attempt {
            user_name: grant.username,
            user: user.as_ref(),
            authenticator: authenticator.as_ref(),
            policy,
            channel,
            password: grant.password,
            client_id: &grant.client.client().client_id,
            client_proved: !grant.client.is_public(),
            origin: &call.origin,
        };
        let hash = hash_to_check(&attempt, &call.env());
        let (verified, rehash) = comparison.with(call, grant.password, hash).await?;
        let conclusion = conclude(&attempt, verified, rehash, &call.env())?;
        let (result, batch) = settle(call, grant, &attempt, conclusion)?;
        if batch.is_empty() || call.commit(batch).await? == Applied::Committed {
            return result.map_err(Stop::from);
        }
        sender::unused(call, grant.issuing.sender.spent()).await?;
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// Takes from the bucket of client × user (DECISIONS 5.6). A public client proves nothing: there it is source × user,
/// and the source over all users.
fn spend(call: &Call, grant: &Password<'_>, code: &PolicyCode) -> Result<(), Stop> {
    let key = key(call, grant, code);
    let whole = |()| if grant.client.is_public() { client::whole_source(call) } else { Ok(()) };
    call.app
        .buckets
        .take(key, call.app.clock.steady())
        .and_then(whole)
        .map_err(|wait| client::too_many(wait).into())
}

/// Gives back what [`spend`] took.
fn give_back(call: &Call, grant: &Password<'_>, code: &PolicyCode) {
    let now = call.app.clock.steady();
    call.app.buckets.give_back(&key(call, grant, code), now);
    if grant.client.is_public() {
        client::give_back_source(call);
    }
}

fn key(call: &Call, grant: &Password<'_>, code: &PolicyCode) -> BucketKey {
    let source = call.source.lock_unit().to_string();
    let by =
        if grant.client.is_public() { source.as_str() } else { grant.client.client().client_id.as_str() };
    BucketKey::new(call.facts.tenant.id, &["user", by, grant.username, code.as_str()])
}

type Found = (Option<User>, Option<Authenticator>);

async fn lookup(call: &Call, username: &str, code: &PolicyCode) -> Result<Found, Fault> {
    let (username, code) = (username.to_owned(), code.clone());
    call.read(3, move |store| {
        let Some(named) = store.user_by_name(&username)? else { return Ok((None, None)) };
        let authenticator = store.authenticator(named.id, &code)?;
        // Whether they may log in is asked last: see `Attempt::user`.
        Ok((store.user(named.id)?, authenticator))
    })
    .await
}

type Settled = (Result<Claims, Refusal>, WriteBatch);

/// What the conclusion means for the caller, and everything that must be written first, in one batch: a proof that
/// cannot be recorded issues nothing.
fn settle(
    call: &Call,
    grant: &Password<'_>,
    attempt: &Attempt<'_>,
    conclusion: Conclusion,
) -> Result<Settled, Stop> {
    match conclusion {
        Conclusion::Failed { reason, writes } => {
            Ok((Err(refusal(grant, &attempt.policy.code, reason)), writes))
        }
        Conclusion::Proven { evidence, mut writes } => {
            let user = attempt.user.ok_or(Fault::Invariant("a proof without a user"))?;
            let settings = &call.facts.tenant.settings;
            let authorized = password::resolve(
                grant.client,
                grant.request,
                user,
                evidence,
                attempt.channel.cloned(),
                settings,
            )?;
            let issued = grant.issuing.fresh(grant.client, grant.request, &authorized)?;
            writes.writes.extend(issued.batch.writes);
            Ok((Ok(issued.answer), writes))
        }
    }
}

/// In `hid` the reason and the vendor's words; under the standards one text for all.
fn refusal(grant: &Password<'_>, policy: &PolicyCode, reason: FailureReason) -> Refusal {
    let label = reason.label();
    if !grant.profile.hid_members {
        return Refusal::new(
            OAuthErrorCode::InvalidGrant,
            label,
            "Resource owner username or password is invalid",
        );
    }
    Refusal::new(OAuthErrorCode::InvalidGrant, label, description(reason))
        .with(Detail::HidFailure { reason, auth_type: policy.clone() })
}
