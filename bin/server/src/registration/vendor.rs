//! The vendor's members (CONTRACT 4.16), in `hid` only.

use std::net::IpAddr;

use domain::{ChannelCode, Client, PolicyCode, Refusal, Scopes, Ttl};
use ipnet::IpNet;
use serde_json::Value;

use super::{
    Registrar, bad,
    members::{Members, malformed},
    metadata::Bounds,
};

/// What they say.
#[derive(Debug, Default)]
pub(super) struct Vendor {
    pub(super) client_pwd_policy: Option<PolicyCode>,
    pub(super) client_pki_policy: Option<PolicyCode>,
    pub(super) user_authn_policy: Option<PolicyCode>,
    pub(super) user_channel: Option<ChannelCode>,
    pub(super) allowed_sources: Vec<IpNet>,
    pub(super) refresh_token_validity: Option<Ttl>,
    pub(super) consent_prompt: bool,
    pub(super) scopes: Option<Scopes>,
}

/// Ten years, seconds.
const LONGEST: i64 = 315_360_000;

/// Reads them; nothing where the tenant's profile has none.
///
/// # Errors
/// `invalid_client_metadata`.
pub(super) fn read(members: Members<'_>, bounds: Bounds<'_>) -> Result<Vendor, Refusal> {
    if !bounds.profile.hid_members {
        return Ok(Vendor::default());
    }
    let policy = |name| {
        let problem = bad(
            "unknown_policy",
            "hid_client_pwd_policy, hid_client_pki_policy and hid_user_authn_policy must name policies",
        );
        let Some(text) = members.text(name, problem.clone())? else { return Ok(None) };
        let code = PolicyCode::parse(text).filter(|code| bounds.policies.contains_key(code));
        code.map(Some).ok_or(problem)
    };
    let asked = Vendor {
        client_pwd_policy: policy("hid_client_pwd_policy")?,
        client_pki_policy: policy("hid_client_pki_policy")?,
        user_authn_policy: policy("hid_user_authn_policy")?,
        user_channel: channel(members, bounds)?,
        allowed_sources: sources(members)?,
        refresh_token_validity: validity(members)?,
        consent_prompt: consent(members)?,
        scopes: scopes(members)?,
    };
    match bounds.registrar {
        Registrar::Administrator { .. } => Ok(asked),
        Registrar::Itself | Registrar::Holder(_) | Registrar::Anyone => kept(asked, bounds.existing),
    }
}

/// What is an administrator's to give: a client that registers itself has none of it, and keeps what it was given.
fn kept(asked: Vendor, existing: Option<&Client>) -> Result<Vendor, Refusal> {
    let own = existing.map_or_else(Vendor::default, |client| Vendor {
        client_pwd_policy: Some(client.client_pwd_policy.clone()),
        client_pki_policy: client.client_pki_policy.clone(),
        user_authn_policy: client.user_authn_policy.clone(),
        user_channel: client.user_channel.clone(),
        allowed_sources: client.allowed_sources.clone(),
        refresh_token_validity: client.refresh_token_validity,
        consent_prompt: client.consent_prompt,
        scopes: None,
    });
    let same = asked.client_pwd_policy.as_ref().is_none_or(|it| own.client_pwd_policy.as_ref() == Some(it))
        && asked.client_pki_policy.as_ref().is_none_or(|it| own.client_pki_policy.as_ref() == Some(it))
        && asked.user_authn_policy.as_ref().is_none_or(|it| own.user_authn_policy.as_ref() == Some(it))
        && asked.user_channel.as_ref().is_none_or(|it| own.user_channel.as_ref() == Some(it))
        && (asked.allowed_sources.is_empty() || asked.allowed_sources == own.allowed_sources)
        && asked.refresh_token_validity.is_none_or(|it| own.refresh_token_validity == Some(it));
    if !same {
        return Err(bad(
            "vendor_member_not_granted",
            "Policies, channel, constraints and hid_refresh_token_validity are for an administrator to set",
        ));
    }
    // More consent is anyone's to ask for.
    let consent_prompt = own.consent_prompt || asked.consent_prompt;
    Ok(Vendor { consent_prompt, scopes: asked.scopes, ..own })
}

fn channel(members: Members<'_>, bounds: Bounds<'_>) -> Result<Option<ChannelCode>, Refusal> {
    let problem = bad("unknown_channel", "hid_user_channel must name a channel of the tenant");
    let Some(text) = members.text("hid_user_channel", problem.clone())? else { return Ok(None) };
    let known = |code: &ChannelCode| bounds.settings.channels.contains(code);
    ChannelCode::parse(text).filter(known).map(Some).ok_or(problem)
}

/// Addresses and networks, separated by commas.
fn sources(members: Members<'_>) -> Result<Vec<IpNet>, Refusal> {
    let name = "hid_client_authentication_constraints";
    let problem =
        malformed("hid_client_authentication_constraints must be addresses and networks, by commas");
    let Some(text) = members.text(name, problem.clone())? else { return Ok(Vec::new()) };
    let network = |part: &str| {
        let single = || part.parse::<IpAddr>().map(IpNet::from);
        part.parse::<IpNet>().or_else(|_no_network| single()).ok()
    };
    if text.split(',').count() > 64 {
        return Err(problem);
    }
    text.split(',').map(|part| network(part.trim())).collect::<Option<Vec<_>>>().ok_or(problem)
}

fn validity(members: Members<'_>) -> Result<Option<Ttl>, Refusal> {
    let problem = malformed("hid_refresh_token_validity must be a number of seconds, as text");
    let Some(text) = members.text("hid_refresh_token_validity", problem.clone())? else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.map(|seconds| Some(Ttl::from_secs(seconds))).ok_or(problem)
}

fn consent(members: Members<'_>) -> Result<bool, Refusal> {
    let problem = malformed("hid_client_consentprompt must be \"true\" or \"false\"");
    match members.text("hid_client_consentprompt", problem.clone())? {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(problem),
    }
}

/// Text that holds JSON: `{"scopes":["openid"]}`. Scopes with claims of their own are not taken.
fn scopes(members: Members<'_>) -> Result<Option<Scopes>, Refusal> {
    let problem = malformed("hid_client_scopes must be text that holds {\"scopes\":[names]}");
    let Some(text) = members.text("hid_client_scopes", problem.clone())? else { return Ok(None) };
    let value: Value = serde_json::from_str(text).map_err(|_error| problem.clone())?;
    let names = value.get("scopes").and_then(Value::as_array).ok_or_else(|| problem.clone())?;
    let names = names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    names.and_then(|names| Scopes::try_from(names).ok()).map(Some).ok_or(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Vendor {
        Vendor { refresh_token_validity: Some(Ttl::from_secs(60)), ..Vendor::default() }
    }

    #[test]
    fn nobody_gives_themselves_what_is_an_administrators_to_give() {
        let policy = || Vendor { user_authn_policy: PolicyCode::parse("AT_CUSTPW"), ..Vendor::default() };
        let near = || Vendor { allowed_sources: vec!["192.0.2.0/24".parse().unwrap()], ..Vendor::default() };
        for asked in [asked(), policy(), near()] {
            assert_eq!(kept(asked, None).unwrap_err().reason, "vendor_member_not_granted");
        }
        assert!(kept(Vendor { consent_prompt: true, ..Vendor::default() }, None).unwrap().consent_prompt);
        let given = testkit::a_client("c").with(|client| {
            client.refresh_token_validity = Some(Ttl::from_secs(60));
            client.allowed_sources = vec!["192.0.2.0/24".parse().unwrap()];
            client.consent_prompt = true;
        });
        let given = given.build();
        let after = kept(asked(), Some(&given)).unwrap();
        assert_eq!(after.refresh_token_validity, Some(Ttl::from_secs(60)));
        let after = kept(Vendor::default(), Some(&given)).unwrap();
        assert!(
            after.consent_prompt && after.allowed_sources == given.allowed_sources,
            "it cannot put it off"
        );
    }
}
