//! The one serialiser of answers that carry tokens.

use domain::{Claims, Confirmation, Scopes, WireProfile};
use serde_json::Value;

use crate::{issue::TokenPlan, token::TokenRequest};

/// The answer to `noToken=1`: a placeholder that is never a bearer (DECISIONS 3.3).
pub fn placeholder(context: &[(String, String)]) -> Claims {
    let mut answer = Claims::new();
    answer.insert("access_token".to_owned(), "IA==".into());
    answer.insert("token_type".to_owned(), "Bearer".into());
    answer.insert("expires_in".to_owned(), 0.into());
    put_context(&mut answer, context);
    answer
}

/// The answer to a token request (RFC 6749 §5.1, CONTRACT 4.1.3). `refreshed` says that it is one to
/// `refresh_token`.
pub fn token(
    plan: &TokenPlan,
    id_token: Option<String>,
    request: &TokenRequest,
    profile: &WireProfile,
    refreshed: bool,
) -> Claims {
    let mut answer = Claims::new();
    answer.insert("access_token".to_owned(), plan.access.text.expose().into());
    if let Some(id_token) = id_token {
        answer.insert("id_token".to_owned(), id_token.into());
    }
    let token_type = Confirmation::token_type(plan.session.confirmation.as_ref());
    answer.insert("token_type".to_owned(), token_type.into());
    let left = plan.session.expires_at.since(plan.session.issued_at).secs();
    answer.insert("expires_in".to_owned(), left.into());
    if let Some((minted, _)) = &plan.refresh {
        answer.insert("refresh_token".to_owned(), minted.text.expose().into());
    }
    // There is no empty scope (RFC 6749 §3.3).
    let told = refreshed || request.scope.as_ref() != Some(&plan.session.scopes);
    if profile.scope_in_answer && told && !plan.session.scopes.is_empty() {
        answer.insert("scope".to_owned(), Scopes::to_text(&plan.session.scopes).into());
    }
    if profile.hid_members {
        put_context(&mut answer, &plan.session.context);
    }
    answer
}

/// `context`: an object of name → value pairs, when there are any (CONTRACT 3.4).
pub(crate) fn put_context(answer: &mut Claims, context: &[(String, String)]) {
    if !context.is_empty() {
        let pairs = context.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        answer.insert("context".to_owned(), Value::Object(pairs.collect()));
    }
}
