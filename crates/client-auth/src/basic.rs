//! HTTP Basic credentials (RFC 7617; both halves form-url-encoded, RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::{ClientId, Secret, encoding::form_url_decoded};
use zeroize::Zeroizing;

use crate::Reason;
use crate::present::secret_fits;

/// The standard alphabet, strict, with or without padding: some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads what follows `Basic`. Each half is form-url-decoded when `url_decoded` is set.
pub(crate) fn credentials(encoded: &[u8], url_decoded: bool) -> Result<(ClientId, Secret), Reason> {
    let pair = BASE64.decode(encoded).map(Zeroizing::new).ok().ok_or(Reason::MalformedBasic)?;
    let colon = pair.iter().position(|byte| *byte == b':').ok_or(Reason::MalformedBasic)?;
    let (id, rest) = pair.split_at_checked(colon).ok_or(Reason::MalformedBasic)?;
    let secret = rest.split_first().map_or(rest, |(_, secret)| secret);
    let half = |bytes: &[u8]| {
        let bytes = if url_decoded { form_url_decoded(bytes)? } else { Zeroizing::new(bytes.to_vec()) };
        std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
    };
    let id = half(id).and_then(|id| ClientId::parse(&id)).ok_or(Reason::MalformedBasic)?;
    let secret = half(secret).ok_or(Reason::MalformedBasic)?;
    if !secret_fits(&secret) {
        return Err(Reason::MalformedSecret);
    }
    Ok((id, Secret::new(secret.as_str().to_owned())))
}
