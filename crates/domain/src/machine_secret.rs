//! Client secrets that the server generates: `csk_<base64url(256 random bits ‖ 32-bit checksum)>`.
//! Prefix and checksum tell them from secrets a person chose (DECISIONS 5.5).

use zeroize::Zeroizing;

use crate::{Env, Fault, Secret, encoding, token_text::checksum};

const PREFIX: &str = "csk_";
const RANDOM: usize = 32;
const TEXT: usize = PREFIX.len() + (RANDOM + 4) / 3 * 4;

/// Makes a secret.
///
/// # Errors
/// [`Fault::Entropy`] when no randomness can be had.
pub fn mint(env: &Env<'_>) -> Result<Secret, Fault> {
    let mut body = Zeroizing::new(vec![0_u8; RANDOM]);
    env.entropy.fill(&mut body)?;
    let sum = checksum(PREFIX, &body);
    body.extend_from_slice(&sum);
    Ok(Secret::new(format!("{PREFIX}{}", encoding::base64url(&body))))
}

/// Whether a text has the form of a generated secret. It says nothing of whose it is.
pub fn recognise(text: &str) -> bool {
    if text.len() != TEXT {
        return false;
    }
    let Some(bytes) = text.strip_prefix(PREFIX).and_then(encoding::from_base64url) else {
        return false;
    };
    bytes.split_last_chunk::<4>().is_some_and(|(body, sum)| checksum(PREFIX, body) == *sum)
}
