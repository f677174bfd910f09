//! The form of a slow hash that an export carries: Argon2id in PHC text, within the bounds that log-in accepts.

use domain::port::PasswordHash;

/// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`; `None` for anything else. It hashes nothing.
pub(super) fn read(text: &str) -> Option<PasswordHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "argon2id", "v=19", params, salt, hash] = parts.as_slice() else {
        return None;
    };
    let costs: Vec<&str> = params.split(',').collect();
    let [memory, passes, lanes] = costs.as_slice() else {
        return None;
    };
    let number = |text: &str, name: &str| text.strip_prefix(name).and_then(|n| n.parse::<u32>().ok());
    let lanes = number(lanes, "p=").filter(|lanes| (1..=16).contains(lanes))?;
    number(passes, "t=").filter(|passes| (1..=64).contains(passes))?;
    number(memory, "m=").filter(|memory| (8 * lanes..=1 << 20).contains(memory))?;
    let b64 = |text: &str, least, most| {
        let symbols = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        symbols && (least..=most).contains(&text.len()) && text.len() % 4 != 1
    };
    (b64(salt, 11, 64) && b64(hash, 14, 86)).then(|| PasswordHash::from_phc(text.to_owned()))
}
