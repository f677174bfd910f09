//! The vendor's parameters of a token request (CONTRACT 4.1.2).

use domain::{ChannelCode, Detail, OAuthErrorCode, PolicyCode, Refusal, WireProfile};

use crate::{Params, params::missing};

/// `mode`: the authentication mode of the credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `SYNCHRONOUS`, and when absent.
    #[default]
    Synchronous,
    /// `ASYNCHRONOUS`.
    Asynchronous,
    /// `SIGNING`.
    Signing,
    /// `CHALLENGE`.
    Challenge,
    /// `SIGN_SYNCHRONOUS`.
    SignSynchronous,
}

/// The device that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceRef {
    /// `device_id`: the internal id.
    Id(i64),
    /// `device_externalid`: the serial number.
    External(String),
}

/// The vendor's parameters, checked. All empty outside `hid`, where they are unknown and so ignored (RFC 6749 §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HidParameters {
    /// `authType`.
    pub auth_type: Option<PolicyCode>,
    /// `channel`.
    pub channel: Option<ChannelCode>,
    /// `noToken=1`.
    pub no_token: bool,
    /// `mode`.
    pub mode: Mode,
    /// `device_id` or `device_externalid`.
    pub device: Option<DeviceRef>,
    /// `deviceCentric=1`.
    pub device_centric: bool,
    /// `context`: name, value, flag.
    pub context: Vec<(String, String, bool)>,
}

impl HidParameters {
    /// Reads them.
    ///
    /// # Errors
    /// `hid_error` 1009 for an unsupported value, 1006 for one of the wrong format; `invalid_request` for
    /// `deviceCentric` without a device, and for both kinds of device at once.
    pub fn parse(params: &Params, profile: &WireProfile) -> Result<Self, Refusal> {
        if !profile.hid_members {
            return Ok(Self::default());
        }
        let device = device(params)?;
        let device_centric = params.value("deviceCentric") == Some("1");
        if device_centric && device.is_none() {
            return Err(missing!(profile, "device_id"));
        }
        Ok(Self {
            auth_type: code(params.value("authType"), PolicyCode::parse)?,
            channel: code(params.value("channel"), ChannelCode::parse)?,
            no_token: no_token(params)?,
            mode: mode(params)?,
            device,
            device_centric,
            context: params.value("context").map_or_else(|| Ok(Vec::new()), context)?,
        })
    }
}

fn code<T>(value: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    value.map(|text| parse(text).ok_or_else(|| unsupported("hid_code_format"))).transpose()
}

fn no_token(params: &Params) -> Result<bool, Refusal> {
    match params.value("noToken") {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(unsupported("hid_no_token_value")),
    }
}

fn mode(params: &Params) -> Result<Mode, Refusal> {
    match params.value("mode") {
        None | Some("SYNCHRONOUS") => Ok(Mode::Synchronous),
        Some("ASYNCHRONOUS") => Ok(Mode::Asynchronous),
        Some("SIGNING") => Ok(Mode::Signing),
        Some("CHALLENGE") => Ok(Mode::Challenge),
        Some("SIGN_SYNCHRONOUS") => Ok(Mode::SignSynchronous),
        Some(_) => Err(unsupported("hid_mode_value")),
    }
}

fn device(params: &Params) -> Result<Option<DeviceRef>, Refusal> {
    match (params.value("device_id"), params.value("device_externalid")) {
        (None, None) => Ok(None),
        (Some(id), None) => {
            let number = id.parse::<i64>().ok().filter(|n| *n > 0 && id.len() <= 18);
            number.map(DeviceRef::Id).map(Some).ok_or_else(|| format("hid_device_id_format"))
        }
        (None, Some(external)) if external.len() <= 255 => Ok(Some(DeviceRef::External(external.to_owned()))),
        (None, Some(_)) => Err(format("hid_device_externalid_format")),
        (Some(_), Some(_)) => Err(Refusal::new(
            OAuthErrorCode::InvalidRequest,
            "hid_two_devices",
            ":Give either \"device_id\" or \"device_externalid\", not both",
        )),
    }
}

/// `name:value:flag` triplets separated by spaces, at most 32; a value may itself hold colons.
fn context(text: &str) -> Result<Vec<(String, String, bool)>, Refusal> {
    let triplet = |part: &str| {
        let (name, rest) = part.split_once(':')?;
        let (value, flag) = rest.rsplit_once(':')?;
        let flag = match flag {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        let fits = !name.is_empty()
            && name.len() <= 128
            && value.len() <= 1024
            && !part.chars().any(char::is_control);
        fits.then(|| (name.to_owned(), value.to_owned(), flag))
    };
    let parts: Option<Vec<_>> = text.split(' ').filter(|part| !part.is_empty()).map(triplet).collect();
    parts.filter(|parts| parts.len() <= 32).ok_or_else(|| format("hid_context_format"))
}

/// `hid_error` 1009: unsupported value (CONTRACT 10.2, DECISIONS 4.3).
pub(crate) fn unsupported(reason: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::HidError, reason, "Exception occured: :Unsupported value")
        .with(Detail::HidError("1009"))
}

/// `hid_error` 1006: invalid format (CONTRACT 10.2).
fn format(reason: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::HidError, reason, "Exception occured: :Invalid format")
        .with(Detail::HidError("1006"))
}

#[cfg(test)]
mod tests {
    use domain::ProfileName;

    use super::*;

    fn parse(list: &[(&str, &str)], profile: ProfileName) -> Result<HidParameters, Refusal> {
        let pairs = list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        HidParameters::parse(&Params::collect(pairs, false).unwrap(), &WireProfile::named(profile))
    }

    #[test]
    fn context_is_triplets() {
        let hid = parse(&[("context", "sign1:12:false url:http://x:true ")], ProfileName::Hid).unwrap();
        assert_eq!(hid.context[0], ("sign1".into(), "12".into(), false));
        assert_eq!(hid.context[1], ("url".into(), "http://x".into(), true));
        for bad in ["x", "a:b", "a:b:maybe", ":v:true"] {
            assert_eq!(
                parse(&[("context", bad)], ProfileName::Hid).unwrap_err().detail,
                Detail::HidError("1006")
            );
        }
    }

    #[test]
    fn unsupported_values_are_1009() {
        for pair in [("mode", "x"), ("noToken", "2")] {
            assert_eq!(parse(&[pair], ProfileName::Hid).unwrap_err().detail, Detail::HidError("1009"));
        }
    }

    #[test]
    fn device_centric_needs_a_device() {
        assert_eq!(
            parse(&[("deviceCentric", "1")], ProfileName::Hid).unwrap_err().reason,
            "missing_device_id"
        );
        let hid = parse(&[("deviceCentric", "1"), ("device_id", "7")], ProfileName::Hid).unwrap();
        assert_eq!(hid.device, Some(DeviceRef::Id(7)));
        assert!(!parse(&[("deviceCentric", "yes")], ProfileName::Hid).unwrap().device_centric);
        assert!(parse(&[("device_id", "seven")], ProfileName::Hid).is_err());
    }

    #[test]
    fn openid_ignores_them() {
        let hid =
            parse(&[("mode", "x"), ("noToken", "1"), ("authType", "AT_X")], ProfileName::Openid).unwrap();
        assert_eq!(hid, HidParameters::default());
    }
}
