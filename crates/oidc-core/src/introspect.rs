//! Introspection (RFC 7662; DECISIONS 5.2).

use domain::{
    AuthenticatedClient, Claims, Client, ClientId, Confirmation, Env, Issuer, Permission, PresentedToken,
    Session, StoredRefresh, Timestamp, TokenKind, WireProfile, Write, encoding::base64url,
    session::TOUCH_INTERVAL, token_text,
};

use crate::{Params, answer::put_context, issue::subject, jwt_access};

/// What to look up for a presented text.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// An access token.
    Access(PresentedToken),
    /// A refresh token.
    Refresh(PresentedToken),
    /// Perhaps an access token that is a JWT: its signature must be checked.
    Jwt(&'a str),
    /// Nothing: it was never issued here.
    Nothing,
}

/// Reads the `token` parameter. Our tokens say themselves what they are, so that `token_type_hint` has nothing to
/// add, and an unknown one is ignored (RFC 7662 §2.1, RFC 7009 §2.1).
///
/// # Errors
/// `invalid_request` when there is none.
pub fn target<'a>(params: &'a Params, profile: &WireProfile) -> Result<Target<'a>, domain::Refusal> {
    let text = params.value("token").ok_or_else(|| crate::params::missing!(profile, "token"))?;
    let access = token_text::parse(TokenKind::Access, text).map(Target::Access);
    let refresh = || token_text::parse(TokenKind::Refresh, text).map(Target::Refresh);
    let jwt = || jwt_access::looks_like_one(text).then_some(Target::Jwt(text));
    Ok(access.or_else(refresh).or_else(jwt).unwrap_or(Target::Nothing))
}

/// What the caller learns, and the activity to note.
#[derive(Debug)]
pub struct Decision {
    /// The answer's members.
    pub answer: Claims,
    /// Activity, when it is worth a write.
    pub touch: Option<Write>,
}

impl Decision {
    /// `{"active":false}` and nothing else.
    pub fn inactive() -> Self {
        let mut answer = Claims::new();
        answer.insert("active".to_owned(), false.into());
        Self { answer, touch: None }
    }
}

/// A session that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The session.
    pub session: &'a Session,
    /// The client that [`owner`] asks for, if it is there.
    pub owner: Option<&'a Client>,
}

/// The client that must be looked up to decide about a session: whose it is. `None` where that is the caller itself,
/// which has proved just now that it may act, and where the caller learns nothing in any case.
pub fn owner<'a>(caller: &AuthenticatedClient, session: &'a Session) -> Option<&'a ClientId> {
    let own = session.client_id == caller.client().client_id;
    (!own && may_see(caller, session)).then_some(&session.client_id)
}

/// Decides about an access token. One whose client is disabled or gone is good for nothing, and so is told to be.
pub fn access(
    caller: &AuthenticatedClient,
    presented: &PresentedToken,
    found: Option<Found<'_>>,
    issuer: &Issuer,
    profile: &WireProfile,
    env: &Env<'_>,
) -> Decision {
    let seen = |found: &Found<'_>| {
        let session = found.session;
        let enabled = || owner(caller, session).is_none() || found.owner.is_some_and(|client| client.enabled);
        session.digest.matches(&presented.digest)
            && session.is_live(env.now)
            && may_see(caller, session)
            && enabled()
    };
    let Some(Found { session, .. }) = found.filter(seen) else {
        return Decision::inactive();
    };
    let touch =
        session.needs_touch(env.now).then_some(Write::TouchSession { locator: session.locator, at: env.now });
    Decision { answer: describe(session, issuer, profile, env.now), touch }
}

/// Decides about a JWT access token that still stands as `session` (see [`jwt_access::Read::standing`]). There is no
/// activity to note.
pub fn jwt(
    caller: &AuthenticatedClient,
    session: Option<&Session>,
    issuer: &Issuer,
    profile: &WireProfile,
    env: &Env<'_>,
) -> Decision {
    match session.filter(|session| session.is_live(env.now) && may_see(caller, session)) {
        Some(session) => {
            let mut answer = describe(session, issuer, profile, env.now);
            answer.insert("jti".to_owned(), base64url(session.locator.as_bytes()).into());
            Decision { answer, touch: None }
        }
        None => Decision::inactive(),
    }
}

fn may_see(caller: &AuthenticatedClient, session: &Session) -> bool {
    let id = &caller.client().client_id;
    !caller.is_public()
        && (session.client_id == *id
            || session.audience.iter().any(|audience| audience == id.as_str())
            || caller.client().may(Permission::INTROSPECT))
}

fn describe(session: &Session, issuer: &Issuer, profile: &WireProfile, now: Timestamp) -> Claims {
    let mut answer = common(issuer, session.scopes.to_text(), session.client_id.as_str());
    let bound = session.confirmation;
    answer.insert("token_type".to_owned(), Confirmation::token_type(bound.as_ref()).into());
    answer.insert("sub".to_owned(), subject(session.subject.as_ref(), &session.client_id, profile).into());
    if let Some(user) = &session.subject {
        answer.insert("username".to_owned(), user.user_name.as_str().into());
        answer.insert("auth_time".to_owned(), session.auth_time.as_numeric_date().into());
    }
    if !session.audience.is_empty() {
        answer.insert("aud".to_owned(), session.audience.clone().into());
    }
    answer.insert("iat".to_owned(), session.issued_at.as_numeric_date().into());
    answer.insert("exp".to_owned(), expiry(session, now).as_numeric_date().into());
    if let Some(acr) = &session.acr {
        answer.insert("acr".to_owned(), acr.as_str().into());
    }
    if !session.amr.is_empty() {
        answer.insert("amr".to_owned(), session.amr.clone().into());
    }
    if let Some(cnf) = bound.and_then(|bound| serde_json::to_value(bound).ok()) {
        answer.insert("cnf".to_owned(), cnf);
    }
    if profile.hid_members {
        put_context(&mut answer, &session.context);
    }
    answer
}

/// When the token ends at the latest: its total limit, or the inactivity limit counted from this very activity.
fn expiry(session: &Session, now: Timestamp) -> Timestamp {
    let touched = if session.needs_touch(now) { now } else { session.touched_at };
    let idle = session.inactivity.map(|limit| touched.plus(TOUCH_INTERVAL).plus(limit));
    idle.map_or(session.expires_at, |idle| idle.min(session.expires_at))
}

fn common(issuer: &Issuer, scope: String, client_id: &str) -> Claims {
    let mut answer = Claims::new();
    answer.insert("active".to_owned(), true.into());
    answer.insert("iss".to_owned(), issuer.as_str().into());
    answer.insert("client_id".to_owned(), client_id.into());
    answer.insert("scope".to_owned(), scope.into());
    answer
}

/// Decides about a refresh token: only its owner learns anything, and nothing is touched. A client that is disabled
/// does not come this far.
pub fn refresh(
    caller: &AuthenticatedClient,
    presented: &PresentedToken,
    stored: Option<&StoredRefresh>,
    issuer: &Issuer,
    profile: &WireProfile,
    env: &Env<'_>,
) -> Decision {
    let live = |stored: &&StoredRefresh| {
        let family = &stored.family;
        stored.token.digest.matches(&presented.digest)
            && !caller.is_public()
            && family.client_id == caller.client().client_id
            && !family.ended
            && family.current == stored.token.locator
            && !family.expires_at.has_passed(env.now)
    };
    let Some(stored) = stored.filter(live) else {
        return Decision::inactive();
    };
    let family = &stored.family;
    let mut answer = common(issuer, family.scopes.to_text(), family.client_id.as_str());
    answer.insert("sub".to_owned(), subject(Some(&family.subject), &family.client_id, profile).into());
    answer.insert("username".to_owned(), family.subject.user_name.as_str().into());
    answer.insert("exp".to_owned(), family.expires_at.as_numeric_date().into());
    Decision { answer, touch: None }
}

/// The claims of a signed answer (RFC 9701 §5).
pub fn signed(answer: Claims, caller: &AuthenticatedClient, issuer: &Issuer, env: &Env<'_>) -> Claims {
    let mut claims = Claims::new();
    claims.insert("iss".to_owned(), issuer.as_str().into());
    claims.insert("aud".to_owned(), caller.client().client_id.as_str().into());
    claims.insert("iat".to_owned(), env.now.as_numeric_date().into());
    claims.insert("token_introspection".to_owned(), answer.into());
    claims
}
