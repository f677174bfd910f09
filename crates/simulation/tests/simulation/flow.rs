//! What the server's flows do, with a stop between look-up, decision, commit and answer. The flows themselves are
//! bound to HTTP; what they call is the same.

use authenticators::password::{Attempt, Conclusion, conclude, hash_to_check};
use domain::port::{AuthenticatorLookup as _, SecretHasher as _, SessionLookup as _, UserLookup as _};
use domain::{
    Applied, AuditEvent, AuditKind, AuditOutcome, AuthenticatedClient, Claims, FailureReason, Secret,
    SessionLimits, TokenKind, Write, WriteBatch,
};
use oidc_core::grant::{client_credentials, password, refresh_token};
use oidc_core::introspect::{self, Target};
use oidc_core::issue::Policy;
use oidc_core::sender::Sender;
use oidc_core::token::{Issuing, Outcome, TokenRequest, embed};
use oidc_core::{Params, revoke};
use testkit::{PlainHasher, XorSealer};

use crate::call::{Call, ROUNDS};
use crate::oracle::{Asked, Expected, Purpose, Seen};
use crate::party::{Credentials, Known, name};
use crate::task::pause;
use crate::world::POLICY;

/// A refresh as a client asks for it.
pub(crate) struct Refresh {
    pub(crate) token: Known,
    pub(crate) scope: Option<&'static str>,
    pub(crate) no_token: bool,
}

impl Refresh {
    pub(crate) fn params(&self) -> Params {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", self.token.text.as_str())];
        pairs.extend(self.scope.map(|scope| ("scope", scope)));
        pairs.extend(self.no_token.then_some(("noToken", "1")));
        params(&pairs)
    }
}

pub(crate) fn params(pairs: &[(&str, &str)]) -> Params {
    Params::collect(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), false)
        .unwrap()
}

/// How the node issues to the client.
pub(crate) fn issuing<'a>(call: &'a Call, client: &AuthenticatedClient) -> Issuing<'a> {
    let policy = Policy {
        issuer: &call.world.issuer,
        profile: call.profile(),
        id_token_validity: call.facts.settings.id_token_validity,
        id_token_alg: client.client().id_token_signed_response_alg,
        client_generation: client.client().generation,
    };
    let (signer, origin) = (Some(&call.world.signer as _), &call.world.origin);
    Issuing {
        policy,
        signer,
        access_signer: None,
        settings: &call.facts.settings,
        sender: Sender::default(),
        sealer: &XorSealer,
        origin,
        env: call.env(),
    }
}

/// `client_credentials`.
pub(crate) async fn machine(call: Call, with: Credentials) {
    let Some(client) = call.authenticate(&with).await else { return };
    pause().await;
    let request =
        TokenRequest::parse(&params(&[("grant_type", "client_credentials")]), &call.profile()).unwrap();
    let policy = call.facts.policy(&client.client().client_pwd_policy).unwrap();
    let (profile, settings) = (call.profile(), &call.facts.settings);
    let grant =
        client_credentials::resolve(&client, &request, policy, settings, &profile, &call.env()).unwrap();
    let inactivity = if profile.machine_inactivity { policy.inactivity() } else { None };
    let limits = SessionLimits { inactivity, total: policy.total() };
    for _ in 0..ROUNDS {
        let issued = issuing(&call, &client).fresh(&client, &request, &grant).unwrap();
        pause().await;
        let purpose = Purpose::Machine { client: &client.client().client_id, limits, now: call.now };
        if call.apply(&purpose, &issued.batch) == Applied::Committed {
            call.remember(&client, &issued.answer);
            pause().await;
            return call.says("is told its token");
        }
    }
}

/// `password`.
pub(crate) async fn login(call: Call, with: Credentials, user_name: String, chosen: String) {
    let Some(client) = call.authenticate(&with).await else { return };
    pause().await;
    let form = [("grant_type", "password"), ("username", user_name.as_str()), ("password", chosen.as_str())];
    let request = TokenRequest::parse(&params(&form), &call.profile()).unwrap();
    let secret = Secret::new(chosen.clone());
    for _ in 0..ROUNDS {
        let named = call.store().user_by_name(&user_name).unwrap().unwrap();
        pause().await;
        let authenticator = call.store().authenticator(named.id, &testkit::policy_code(POLICY)).unwrap();
        let now_chosen = call.world.oracle.borrow().passwords[&named.id].chosen;
        let right = chosen == crate::world::password(&named, now_chosen);
        pause().await;
        // Last, as `Attempt::user` asks.
        let user = call.store().user(named.id).unwrap().unwrap();
        let attempt = Attempt {
            user_name: &user_name,
            user: Some(&user),
            authenticator: authenticator.as_ref(),
            policy: call.facts.policy(&testkit::policy_code(POLICY)).unwrap(),
            channel: None,
            password: &secret,
            client_id: &client.client().client_id,
            client_proved: !client.is_public(),
            origin: &call.world.origin,
        };
        let hash = hash_to_check(&attempt, &call.env());
        pause().await;
        let verified = PlainHasher::default().verify(&secret, hash.as_ref()).unwrap();
        pause().await;
        let conclusion = conclude(&attempt, verified, None, &call.env()).unwrap();
        let (answer, batch) = settle(&call, &client, &request, &attempt, conclusion);
        let purpose = Purpose::Login {
            client: &client.client().client_id,
            user: user.id,
            right,
            policy: attempt.policy,
            now: call.now,
        };
        pause().await;
        if batch.is_empty() || call.apply(&purpose, &batch) == Applied::Committed {
            return told(&call, &client, right, answer).await;
        }
    }
}

fn settle(
    call: &Call,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    attempt: &Attempt<'_>,
    conclusion: Conclusion,
) -> (Result<Claims, FailureReason>, WriteBatch) {
    match conclusion {
        Conclusion::Failed { reason, writes } => (Err(reason), writes),
        Conclusion::Proven { evidence, mut writes } => {
            let (user, settings) = (attempt.user.unwrap(), &call.facts.settings);
            let grant = password::resolve(client, request, user, evidence, None, settings).unwrap();
            let issued = issuing(call, client).fresh(client, request, &grant).unwrap();
            writes.writes.extend(issued.batch.writes);
            (Ok(issued.answer), writes)
        }
    }
}

async fn told(call: &Call, client: &AuthenticatedClient, right: bool, answer: Result<Claims, FailureReason>) {
    match answer {
        Ok(answer) => {
            call.remember(client, &answer);
            pause().await;
            call.says("is told of a log-in");
        }
        Err(reason) => {
            let blamed = matches!(reason, FailureReason::PasswordMismatch | FailureReason::MaximumFailures);
            call.must(!(right && blamed), "a right password was called wrong");
            pause().await;
            call.says(reason.label());
        }
    }
}

/// `refresh_token`.
pub(crate) async fn refresh(call: Call, with: Credentials, refresh: Refresh) {
    let Some(client) = call.authenticate(&with).await else { return };
    pause().await;
    let profile = call.profile();
    let request = TokenRequest::parse(&refresh.params(), &profile).unwrap();
    let presented = refresh.token.presented();
    let asked = asked(&call, &client, &request, &refresh);
    for _ in 0..ROUNDS {
        let stored = call.world.refresh(&presented.locator);
        let family = call.world.oracle.borrow().family(&presented.locator);
        pause().await;
        let user =
            stored.as_ref().and_then(|stored| call.store().user(stored.family.subject.user_id).unwrap());
        let user_enabled = call.world.oracle.borrow().user_enabled(family.as_ref());
        let expected = Seen { family, user_enabled }.expected(&asked);
        pause().await;
        let policy = call.facts.policy(&testkit::policy_code(POLICY)).unwrap();
        let facts = refresh_token::Facts {
            stored: stored.as_ref(),
            user: user.as_ref(),
            policy: Some(policy),
            settings: &call.facts.settings,
            sender: &Sender::default(),
        };
        let (outcome, batch) =
            match refresh_token::resolve(&client, &request, &presented, facts, &profile, &call.env()) {
                Err(refusal) => (Outcome::Refused(refusal), WriteBatch::new()),
                Ok(decision) => {
                    let of = (stored.as_ref().unwrap(), refresh.token.text.as_str());
                    embed::conclude(decision, &client, &request, of, &issuing(&call, &client)).unwrap()
                }
            };
        judge(&call, &expected, &outcome, !batch.is_empty());
        pause().await;
        let limits = SessionLimits { inactivity: policy.inactivity(), total: policy.total() };
        let purpose = Purpose::Refresh { asked: &asked, expected: &expected, limits };
        if batch.is_empty() || call.apply(&purpose, &batch) == Applied::Committed {
            if let (Outcome::Issued(answer), Expected::Fresh) = (&outcome, &expected) {
                call.remember(&client, answer);
            }
            pause().await;
            return call.says(&format!("is told of {}: {expected:?}", name(&presented.locator)));
        }
    }
}

/// The request as the model needs it.
pub(crate) fn asked(
    call: &Call,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    refresh: &Refresh,
) -> Asked {
    Asked {
        token: refresh.token.locator,
        client: client.client().client_id.clone(),
        may: client.client().scopes.clone(),
        scope: request.scope.clone(),
        no_token: refresh.no_token,
        now: call.now,
    }
}

/// Whether an outcome is the one that the model expects. `writes` says whether something is to be committed first.
pub(crate) fn judge(call: &Call, expected: &Expected, outcome: &Outcome, writes: bool) {
    let locators = |answer: &Claims| {
        let locator = |member, kind| {
            let text = answer.get(member)?.as_str()?;
            Some(domain::token_text::parse(kind, text)?.locator)
        };
        Some((locator("refresh_token", TokenKind::Refresh)?, locator("access_token", TokenKind::Access)?))
    };
    let as_expected = match (expected, outcome, writes) {
        (Expected::Refused, Outcome::Refused(_), false)
        | (Expected::Reuse, Outcome::Refused(_), true)
        | (Expected::Fresh, Outcome::Issued(_), true) => true,
        (Expected::Repeat(token, session), Outcome::Issued(answer), false) => {
            call.world.oracle.borrow_mut().done.repeats += 1;
            locators(answer) == Some((*token, *session))
        }
        _ => false,
    };
    call.must(
        as_expected,
        &format!("a refresh came to {outcome:?} (writes: {writes}), expected was {expected:?}"),
    );
}

/// Introspection, with the activity that it notes.
pub(crate) async fn introspect(call: Call, with: Credentials, token: Known) {
    let Some(caller) = call.authenticate(&with).await else { return };
    pause().await;
    let (profile, issuer) = (call.profile(), &call.world.issuer);
    let all = caller.client().may(domain::Permission::INTROSPECT);
    let own = caller.client().client_id == token.owner.client().client_id;
    let (decision, active) = match introspect::target(&params(&[("token", &token.text)]), &profile).unwrap() {
        Target::Access(presented) => {
            let session = call.store().session(&presented.locator).unwrap();
            let active = (all || own) && call.world.oracle.borrow().is_active(&presented.locator, call.now);
            pause().await;
            // Whether its client is enabled is not what the model knows of a session.
            let owner = Some(token.owner.client());
            let found = session.as_ref().map(|session| introspect::Found { session, owner });
            (introspect::access(&caller, &presented, found, issuer, &profile, &call.env()), active)
        }
        Target::Refresh(presented) => {
            let stored = call.world.refresh(&presented.locator);
            let active = own && call.world.oracle.borrow().is_current(&presented.locator, call.now);
            pause().await;
            let stored = stored.as_ref();
            (introspect::refresh(&caller, &presented, stored, issuer, &profile, &call.env()), active)
        }
        Target::Jwt(_) | Target::Nothing => return call.must(false, "one of our tokens was not recognised"),
    };
    pause().await;
    let said = decision.answer["active"] == true;
    let expected = active && !caller.is_public();
    call.must(said == expected, &format!("active: {said} was said of {}", name(&token.locator)));
    if let Some(touch) = decision.touch {
        call.apply(&Purpose::Touch, &WriteBatch { writes: vec![touch] });
    }
}

/// Revocation.
pub(crate) async fn revoke(call: Call, with: Credentials, token: Known) {
    let Some(caller) = call.authenticate(&with).await else { return };
    pause().await;
    let presented = token.presented();
    let mut family = None;
    let mut writes = match token.kind {
        TokenKind::Access => {
            let session = call.store().session(&presented.locator).unwrap();
            family = call.world.oracle.borrow().family_of(&presented.locator);
            pause().await;
            revoke::access(&caller, &presented, session.as_ref())
        }
        TokenKind::Refresh | TokenKind::Code | TokenKind::Registration | TokenKind::InitialAccess => {
            let stored = call.world.refresh(&presented.locator);
            pause().await;
            revoke::refresh(&caller, &presented, stored.as_ref())
        }
    };
    pause().await;
    if !writes.is_empty() {
        let (kind, outcome) = (AuditKind::Revocation, AuditOutcome::Success);
        let event = AuditEvent::new(&call.env(), &call.world.origin, kind, outcome, "").unwrap();
        writes.push(Write::Audit(Box::new(event)));
        let purpose = Purpose::Revoke { client: &caller.client().client_id };
        let batch = WriteBatch { writes };
        if !(0..ROUNDS).any(|_| call.apply(&purpose, &batch) == Applied::Committed) {
            return;
        }
    }
    if caller.client().client_id == token.owner.client().client_id {
        let oracle = call.world.oracle.borrow();
        let over = oracle.is_over(&token.locator) && family.is_none_or(|family| oracle.has_ended(&family));
        call.must(over, "a revocation was told and the grant lives");
    }
    pause().await;
    call.says(&format!("is told that {} is revoked", name(&token.locator)));
}
