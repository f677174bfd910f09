//! `POST …/token` (RFC 6749 §3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    AccessTokenFormat, Applied, AuthenticatedClient, ClientId, Detail, Fault, OAuthErrorCode, Refusal,
    WireProfile, port::Signer,
};
use oidc_core::{
    grant::{client_credentials, refresh_token},
    issue::Policy,
    token::{GrantRequest, Issuing, TokenRequest},
};

use crate::{
    extract::Call,
    flow::{ROUNDS, client, endpoint, password, refresh, sender},
    respond::{Reply, Stop},
};

/// Answers a token request.
pub async fn post(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("token", http, payload, |call| async move {
        answer(&call).await.map(Reply::Json).map_err(|stop| in_the_vendors_words(&call, stop))
    })
    .await
}

/// An internal authentication fault is `hid_error` 100 in `hid` (DECISIONS 4.3). The log has the fault itself.
fn in_the_vendors_words(call: &Call, stop: Stop) -> Stop {
    match stop {
        Stop::Fault(fault @ (Fault::Crypto(_) | Fault::Inconsistent(_)))
            if call.facts.profile.hid_members =>
        {
            tracing::error!(fault = %fault, "authentication failed internally");
            let refusal = Refusal::new(
                OAuthErrorCode::HidError,
                "internal_fault",
                "Exception occured: :Technical error",
            );
            refusal.with(Detail::HidError("100")).into()
        }
        other => other,
    }
}

async fn answer(call: &Call) -> Result<domain::Claims, Stop> {
    let named = named_by_refresh_token(call).await?;
    let client = client::authenticate(call, named.as_ref()).await?;
    let facts = &call.facts;
    let profile = call.profile(client.client());
    let request = TokenRequest::parse(&call.params, &profile)?;
    let alg = client.client().id_token_signed_response_alg;
    let policy = Policy {
        issuer: call.issuer(),
        profile,
        id_token_validity: facts.tenant.settings.id_token_validity,
        id_token_alg: alg,
        client_generation: client.client().generation,
    };
    let signer = match request.grant {
        GrantRequest::ClientCredentials | GrantRequest::ClientSecretPki => None,
        GrantRequest::Password { .. } | GrantRequest::RefreshToken { .. } => {
            Some(facts.signer(alg, call.now)?)
        }
    };
    let issuing = Issuing {
        policy,
        signer,
        access_signer: access_signer(call, &client)?,
        settings: &facts.tenant.settings,
        sender: sender::at_token(call, client.client())?,
        sealer: call.app.sealer(),
        origin: &call.origin,
        env: call.env(),
    };
    match &request.grant {
        GrantRequest::ClientCredentials | GrantRequest::ClientSecretPki => {
            machine(call, &client, &request, &issuing).await
        }
        GrantRequest::RefreshToken { refresh_token } => {
            refresh::answer(call, &client, &request, refresh_token.expose(), &issuing).await
        }
        GrantRequest::Password { username, password } => {
            let grant = password::Password {
                client: &client,
                request: &request,
                profile,
                username,
                password,
                issuing,
            };
            password::answer(call, grant).await
        }
    }
}

/// The key for access tokens, where they may be JWTs.
fn access_signer<'a>(call: &'a Call, client: &AuthenticatedClient) -> Result<Option<&'a dyn Signer>, Fault> {
    let never = client.client().access_token_format == AccessTokenFormat::Opaque
        && call.facts.tenant.settings.resources.is_empty();
    if never { Ok(None) } else { call.facts.access_signer(call.now).map(Some) }
}

/// The client that the refresh token names, when nothing else does and the client's profile allows it.
async fn named_by_refresh_token(call: &Call) -> Result<Option<ClientId>, Stop> {
    let silent = call.authorization.is_empty() && call.params.value("client_id").is_none();
    if !silent
        || call.params.value("client_secret").is_some()
        || call.params.value("client_assertion").is_some()
        || call.params.value("grant_type") != Some("refresh_token")
    {
        return Ok(None);
    }
    if !call.facts.profile.refresh_names_client {
        return Err(refresh_token::UNNAMED.into());
    }
    let Some(text) = call.params.value("refresh_token") else {
        return Ok(None);
    };
    let named = refresh::named_client(call, text).await?.ok_or_else(|| refresh_token::invalid("unknown"))?;
    let stored = client::client(call, &named).await?;
    let stricter = stored.and_then(|stored| stored.client.profile);
    if !WireProfile::effective(call.facts.profile.name, stricter).refresh_names_client {
        return Err(refresh_token::UNNAMED.into());
    }
    Ok(Some(named))
}

async fn machine(
    call: &Call,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    issuing: &Issuing<'_>,
) -> Result<domain::Claims, Stop> {
    let code = client.policy_code();
    let policy = call.facts.policies.get(code);
    let policy = policy
        .ok_or_else(|| Fault::Inconsistent(format!("a client names a policy that is not there: {code}")))?;
    let settings = &call.facts.tenant.settings;
    let env = call.env();
    let grant =
        client_credentials::resolve(client, request, policy, settings, &issuing.policy.profile, &env)?;
    for _ in 0..ROUNDS {
        let issued = issuing.fresh(client, request, &grant)?;
        if call.commit(issued.batch).await? == Applied::Committed {
            return Ok(issued.answer);
        }
        sender::unused(call, issuing.sender.spent()).await?;
    }
    Err(Fault::Contended(ROUNDS).into())
}
