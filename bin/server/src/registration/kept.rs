//! Members of the vendor's for features to come (CONTRACT 4.16): checked, kept and told, so that a client that was
//! registered before those exist need not be registered again.

use std::collections::BTreeMap;

use domain::{ChannelCode, Refusal, TenantSettings};

use super::{Registrar, bad, members::Members, metadata::Bounds};

/// What a member may say, within the tenant.
type Rule = fn(&str, &TenantSettings) -> bool;

/// Longest text, bytes.
const LONGEST: usize = 255;

/// The members, each with its rule and what that is.
const MEMBERS: [(&str, Rule, &str); 8] = [
    ("backchannel_token_delivery_mode", is_mode, "backchannel_token_delivery_mode must be push or poll"),
    ("hid_client_channel", is_channel, "hid_client_channel must name a channel of the tenant"),
    ("hid_client_group", is_name, "hid_client_group must have 1 to 255 bytes without control characters"),
    (
        "hid_federation_atttype",
        is_name,
        "hid_federation_atttype must have 1 to 255 bytes without control characters",
    ),
    (
        "hid_federation_audiences",
        is_name,
        "hid_federation_audiences must have 1 to 255 bytes without control characters",
    ),
    (
        "hid_federation_channel",
        are_channels,
        "hid_federation_channel must name channels of the tenant, separated by |",
    ),
    (
        "hid_federation_roles",
        is_name,
        "hid_federation_roles must have 1 to 255 bytes without control characters",
    ),
    ("hid_sessiontransfer_type", is_transfer, "hid_sessiontransfer_type must be NUM001 or NUM002"),
];

/// The one that anybody may set: how it is told of what was asked of its users is a client's own affair.
const OWN: &str = "backchannel_token_delivery_mode";

/// Reads them; nothing where the tenant's profile has none. All but one are an administrator's to give: who registers
/// itself keeps what it was given.
///
/// # Errors
/// `invalid_client_metadata`.
pub(super) fn read(members: Members<'_>, bounds: Bounds<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut kept = BTreeMap::new();
    if !bounds.profile.hid_members {
        return Ok(kept);
    }
    let own = bounds.existing.map(|client| client.hid_members.clone()).unwrap_or_default();
    let gives = matches!(bounds.registrar, Registrar::Administrator { .. });
    for (name, rule, problem) in MEMBERS {
        let problem = bad("vendor_member", problem);
        let asked = members.text(name, problem.clone())?;
        if asked.is_some_and(|text| !rule(text, bounds.settings)) {
            return Err(problem);
        }
        let given = own.get(name).map(String::as_str);
        if !gives && name != OWN && asked.is_some() && asked != given {
            return Err(bad(
                "vendor_member_not_granted",
                "Groups, channels and federation are for an administrator to set",
            ));
        }
        let text = if gives || name == OWN { asked } else { given };
        kept.extend(text.map(|text| (name.to_owned(), text.to_owned())));
    }
    Ok(kept)
}

fn is_mode(text: &str, _settings: &TenantSettings) -> bool {
    matches!(text, "push" | "poll")
}

fn is_transfer(text: &str, _settings: &TenantSettings) -> bool {
    matches!(text, "NUM001" | "NUM002")
}

fn is_name(text: &str, _settings: &TenantSettings) -> bool {
    text.len() <= LONGEST && !text.chars().any(char::is_control)
}

fn is_channel(text: &str, settings: &TenantSettings) -> bool {
    ChannelCode::parse(text).is_some_and(|code| settings.channels.contains(&code))
}

fn are_channels(text: &str, settings: &TenantSettings) -> bool {
    text.len() <= LONGEST && text.split('|').all(|code| is_channel(code, settings))
}

/// Whether a tenant file may give it: a name that is known, and a text that fits.
///
/// # Errors
/// What is wrong.
pub fn check(name: &str, text: &str, settings: &TenantSettings) -> Result<(), &'static str> {
    match MEMBERS.iter().find(|(known, ..)| *known == name) {
        None => Err("is no member that is kept"),
        Some((_, rule, _)) if !text.is_empty() && rule(text, settings) => Ok(()),
        Some((_, _, problem)) => Err(problem),
    }
}
