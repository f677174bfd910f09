//! The form of a slow hash that an export carries: Argon2id in PHC text, within the bounds that log-in accepts.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use domain::port::PasswordHash;

/// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`; `None` for anything else. It hashes nothing. As strict as log-in: a
/// hash that is taken here and not there would lock its owner out.
pub(super) fn read(text: &str) -> Option<PasswordHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "argon2id", "v=19", params, salt, hash] = parts.as_slice() else {
        return None;
    };
    let costs: Vec<&str> = params.split(',').collect();
    let [memory, passes, lanes] = costs.as_slice() else {
        return None;
    };
    let lanes = number(lanes, "p=").filter(|lanes| (1..=16).contains(lanes))?;
    number(passes, "t=").filter(|passes| (1..=64).contains(passes))?;
    number(memory, "m=").filter(|memory| (8 * lanes..=1 << 20).contains(memory))?;
    (bytes(salt)?.len() <= 48 && salt.len() >= 11 && (10..=64).contains(&bytes(hash)?.len()))
        .then(|| PasswordHash::from_phc(text.to_owned()))
}

/// A decimal number in its one form: no sign, no leading zero.
fn number(text: &str, name: &str) -> Option<u32> {
    let digits = text.strip_prefix(name)?;
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// The standard alphabet without padding and without trailing bits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}
