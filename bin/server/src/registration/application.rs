//! What a registration says of the application: its type, and where users come back to (OpenID Connect Dynamic Client
//! Registration 1.0 §2, RP-Initiated Logout 1.0 §3.1).

use domain::{ApplicationType, OAuthErrorCode, Refusal};

use super::{bad, members::Members};
use crate::tenant_file;

const REDIRECT: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRedirectUri,
    "invalid_redirect_uri",
    "redirect_uris must be absolute, exact and without fragment or user name: https, http on loopback, or a private-use scheme with a dot; https only where application_type is web",
);

const REDIRECTS: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRedirectUri,
    "redirect_uris",
    "redirect_uris must be a list of at most 32 texts",
);

const LOGOUT: Refusal = bad(
    "post_logout_redirect_uris",
    "post_logout_redirect_uris must be a list of at most 32 URIs under the rules of redirect_uris",
);

/// What is said of the application.
pub(super) struct Application {
    pub(super) kind: Option<ApplicationType>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) post_logout_redirect_uris: Vec<String>,
}

/// Reads it. `needed`: without a redirect URI it is of no use.
///
/// # Errors
/// `invalid_redirect_uri`, `invalid_client_metadata`.
pub(super) fn read(members: Members<'_>, needed: bool) -> Result<Application, Refusal> {
    let problem = bad("application_type", "application_type must be web or native");
    let kind = members.text("application_type", problem.clone())?;
    let kind = kind.map(|text| ApplicationType::parse(text).ok_or(problem)).transpose()?;
    let uris = |name, form: Refusal, wrong: Refusal| -> Result<Vec<String>, Refusal> {
        let uris = members.list(name, form)?.unwrap_or_default();
        let sound = |uri: &&str| {
            tenant_file::redirect_uri_problem(uri).is_none() && kind.is_none_or(|kind| kind.may_have(uri))
        };
        if uris.iter().all(sound) { Ok(uris.into_iter().map(str::to_owned).collect()) } else { Err(wrong) }
    };
    let redirect_uris = uris("redirect_uris", REDIRECTS, REDIRECT)?;
    if needed && redirect_uris.is_empty() {
        return Err(REDIRECT);
    }
    let post_logout_redirect_uris = uris("post_logout_redirect_uris", LOGOUT, LOGOUT)?;
    Ok(Application { kind, redirect_uris, post_logout_redirect_uris })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judged(members: &Value) -> Result<usize, &'static str> {
        let read = read(Members(members.as_object().unwrap()), false);
        read.map(|read| read.redirect_uris.len()).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn an_application_on_a_server_is_come_back_to_over_https_alone() {
        let with = |kind: Value, uri: &str| json!({ "application_type": kind, "redirect_uris": [uri] });
        for (kind, uri, expected) in [
            (json!("web"), "https://a.example/cb", Ok(1)),
            (json!("web"), "http://127.0.0.1/cb", Err("invalid_redirect_uri")),
            (json!("web"), "com.example.app:/cb", Err("invalid_redirect_uri")),
            (json!("native"), "http://127.0.0.1/cb", Ok(1)),
            (json!("native"), "com.example.app:/cb", Ok(1)),
            (json!("native"), "https://a.example/cb", Ok(1)),
            (json!("native"), "http://a.example/cb", Err("invalid_redirect_uri")),
            (Value::Null, "http://127.0.0.1/cb", Ok(1)),
            (json!("desktop"), "https://a.example/cb", Err("application_type")),
            (json!(1), "https://a.example/cb", Err("application_type")),
        ] {
            assert_eq!(judged(&with(kind.clone(), uri)), expected, "{kind} {uri}");
        }
    }

    #[test]
    fn where_users_are_sent_after_logging_out_is_under_the_same_rules() {
        for (members, expected) in [
            (json!({ "post_logout_redirect_uris": ["https://a.example/out"] }), Ok(0)),
            (
                json!({ "post_logout_redirect_uris": ["http://a.example/out"] }),
                Err("post_logout_redirect_uris"),
            ),
            (
                json!({ "post_logout_redirect_uris": ["https://a.example/#x"] }),
                Err("post_logout_redirect_uris"),
            ),
            (
                json!({ "post_logout_redirect_uris": "https://a.example/out" }),
                Err("post_logout_redirect_uris"),
            ),
            (
                json!({ "application_type": "web", "post_logout_redirect_uris": ["http://127.0.0.1/out"] }),
                Err("post_logout_redirect_uris"),
            ),
        ] {
            assert_eq!(judged(&members), expected, "{members}");
        }
    }
}
