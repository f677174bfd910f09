//! Token requests.

use domain::{GrantType, OAuthErrorCode, Refusal, Scopes, Secret, WireProfile};

use super::HidParameters;
use crate::{Params, params::missing};

/// What a token request asks for.
#[derive(Debug)]
pub enum GrantRequest {
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// The vendor's name for it where the client proved itself by `client_secret_pki`.
    ClientSecretPki,
    /// RFC 6749 §4.3.
    Password {
        /// `username`.
        username: String,
        /// `password`.
        password: Secret,
    },
    /// RFC 6749 §6.
    RefreshToken {
        /// `refresh_token`.
        refresh_token: Secret,
    },
}

impl GrantRequest {
    /// Its `grant_type`.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::ClientCredentials => GrantType::ClientCredentials,
            Self::ClientSecretPki => GrantType::ClientSecretPki,
            Self::Password { .. } => GrantType::Password,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
        }
    }
}

/// A token request, checked as far as it can be without facts.
#[derive(Debug)]
pub struct TokenRequest {
    /// The grant.
    pub grant: GrantRequest,
    /// `scope`; `None` when absent or empty.
    pub scope: Option<Scopes>,
    /// `resource`: for which resources the token is to be; empty values are no values.
    pub resources: Vec<String>,
    /// The vendor's parameters.
    pub hid: HidParameters,
}

impl TokenRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `invalid_request` for a missing or malformed parameter, `unsupported_grant_type`, `invalid_scope` for
    /// values that no scope can have, and those of [`HidParameters::parse`].
    pub fn parse(params: &Params, profile: &WireProfile) -> Result<Self, Refusal> {
        let grant = match params.value("grant_type").ok_or_else(|| missing!(profile, "grant_type"))? {
            "client_credentials" => GrantRequest::ClientCredentials,
            "urn:hid:oauth:grant-type:client-secret-pki" if profile.hid_members => {
                GrantRequest::ClientSecretPki
            }
            "password" => password(params, profile)?,
            "refresh_token" => {
                let token =
                    params.value("refresh_token").ok_or_else(|| missing!(profile, "refresh_token"))?;
                GrantRequest::RefreshToken { refresh_token: Secret::new(token.to_owned()) }
            }
            _ => return Err(UNSUPPORTED_GRANT),
        };
        let scope =
            params.value("scope").map(|text| Scopes::parse(text, profile.comma_separators).ok_or(BAD_SCOPE));
        let scope = scope.transpose()?.filter(|scopes| !scopes.is_empty());
        let resources = params.resources().iter().filter(|text| !text.is_empty()).cloned().collect();
        Ok(Self { grant, scope, resources, hid: HidParameters::parse(params, profile)? })
    }
}

fn password(params: &Params, profile: &WireProfile) -> Result<GrantRequest, Refusal> {
    let username = params.value("username").ok_or_else(|| missing!(profile, "username"))?;
    // "not null, empty, or blank", even where it is a placeholder (CONTRACT 4.1.2).
    if username.trim().is_empty() {
        return Err(missing!(profile, "username"));
    }
    if username.len() > 255 || username.chars().any(char::is_control) {
        return Err(BAD_USERNAME);
    }
    let password = params.value("password").ok_or_else(|| missing!(profile, "password"))?;
    Ok(GrantRequest::Password { username: username.to_owned(), password: Secret::new(password.to_owned()) })
}

const UNSUPPORTED_GRANT: Refusal = Refusal::new(
    OAuthErrorCode::UnsupportedGrantType,
    "unsupported_grant_type",
    "The authorization grant type is not supported",
);

const BAD_SCOPE: Refusal =
    Refusal::new(OAuthErrorCode::InvalidScope, "malformed_scope", "The requested scope is malformed");

const BAD_USERNAME: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "malformed_username",
    "The username is too long or contains control characters",
);

#[cfg(test)]
mod tests {
    use domain::ProfileName;

    use super::*;

    fn parse(list: &[(&str, &str)], profile: ProfileName) -> Result<TokenRequest, Refusal> {
        let pairs = list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        TokenRequest::parse(&Params::collect(pairs, false).unwrap(), &WireProfile::named(profile))
    }

    #[test]
    fn commas_separate_scopes_in_hid_only() {
        let hid =
            parse(&[("grant_type", "client_credentials"), ("scope", "a,b c")], ProfileName::Hid).unwrap();
        assert_eq!(hid.scope.unwrap().to_text(), "a b c");
        let openid =
            parse(&[("grant_type", "client_credentials"), ("scope", "a,b c")], ProfileName::Openid).unwrap();
        assert_eq!(openid.scope.unwrap().to_text(), "a,b c");
    }

    #[test]
    fn says_which_parameter_is_missing() {
        let cases = [
            (&[][..], "missing_grant_type"),
            (&[("grant_type", "password"), ("password", "x")], "missing_username"),
            (&[("grant_type", "password"), ("username", " "), ("password", "x")], "missing_username"),
            (&[("grant_type", "password"), ("username", "a"), ("password", "")], "missing_password"),
            (&[("grant_type", "refresh_token")], "missing_refresh_token"),
        ];
        for (params, reason) in cases {
            assert_eq!(parse(params, ProfileName::Hid).unwrap_err().reason, reason);
        }
        let refusal = parse(&[("grant_type", "refresh_token")], ProfileName::Hid).unwrap_err();
        assert_eq!(refusal.description, ":Missing or empty \"refresh_token\" parameter");
    }

    #[test]
    fn unknown_grants_are_unsupported() {
        for grant in
            ["authorization_code", "implicit", "PASSWORD", "urn:ietf:params:oauth:grant-type:device_code"]
        {
            let refusal = parse(&[("grant_type", grant)], ProfileName::Hid).unwrap_err();
            assert_eq!(refusal.code, OAuthErrorCode::UnsupportedGrantType);
        }
    }
}
