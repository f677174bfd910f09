//! What a password must be like when it is set (CONTRACT 5.5).
//!
//! Lengths count Unicode characters, and bytes stay as they are: a client that wants normalised (NFC) passwords
//! normalises before it sends them, at log-in as well.

mod blacklist;
mod rules;
mod violation;

use std::collections::BTreeMap;

use domain::policy::CharacterRange;
use domain::port::{PasswordHash, SecretHasher};
use domain::{Fault, PasswordConstraints, Secret, User};

pub use violation::Violation;

/// What a password must not repeat of its user.
#[derive(Clone, Copy, Debug)]
pub struct UserFacts<'a> {
    /// The log-in name, or the client id.
    pub user_name: &'a str,
    /// The integrator's own id.
    pub external_id: Option<&'a str>,
    /// Attributes; their values count.
    pub attributes: &'a BTreeMap<String, String>,
}

impl<'a> UserFacts<'a> {
    /// Those of a user.
    pub fn of(user: &'a User) -> Self {
        Self {
            user_name: &user.user_name,
            external_id: user.external_id.as_deref(),
            attributes: &user.attributes,
        }
    }

    fn values(self) -> impl Iterator<Item = &'a str> {
        [Some(self.user_name), self.external_id]
            .into_iter()
            .flatten()
            .chain(self.attributes.values().map(String::as_str))
    }
}

/// Every constraint that `password` violates, but for earlier passwords: see [`was_used_before`].
pub fn check(c: &PasswordConstraints, facts: &UserFacts<'_>, password: &Secret) -> Vec<Violation> {
    let text = password.expose();
    let length = text.chars().count();
    let lacks = |wanted: bool, has: fn(char) -> bool| wanted && !text.chars().any(has);
    let rules = [
        (length < c.min_length, Violation::TooShort { min: c.min_length }),
        (length > c.max_length, Violation::TooLong { max: c.max_length }),
        (rules::different(text) < c.min_diff_chars, Violation::TooFewDifferent { min: c.min_diff_chars }),
        (!rules::in_range(c.character_range, text), range_violation(c.character_range)),
        (lacks(c.at_least_one_up, char::is_uppercase), Violation::NoUpperCase),
        (lacks(c.at_least_one_low, char::is_lowercase), Violation::NoLowerCase),
        (lacks(c.at_least_one_num, |char| char.is_ascii_digit()), Violation::NoDigit),
        (lacks(c.at_least_one_special, |char| !char.is_alphanumeric()), Violation::NoSpecial),
        (c.not_black_listed && blacklist::contains(text), Violation::BlackListed),
        (
            c.not_user_attribute && facts.values().any(|value| rules::repeats(text, value)),
            Violation::UserAttribute,
        ),
        (c.not_sequence && rules::has_sequence(text), Violation::Sequence),
    ];
    rules.into_iter().filter_map(|(violated, violation)| violated.then_some(violation)).collect()
}

/// Whether `password` is the present one or one of the remembered ones (`notOldPassword`). Up to nine slow
/// comparisons: call it in the hashing lane.
///
/// # Errors
/// [`Fault::Crypto`] when a stored hash does not read.
pub fn was_used_before(
    history: &[PasswordHash],
    current: Option<&PasswordHash>,
    password: &Secret,
    hasher: &dyn SecretHasher,
) -> Result<bool, Fault> {
    for hash in current.into_iter().chain(history) {
        if hasher.verify(password, Some(hash))?.matches {
            return Ok(true);
        }
    }
    Ok(false)
}

const fn range_violation(range: CharacterRange) -> Violation {
    match range {
        CharacterRange::OnlyNum => Violation::NotOnlyDigits,
        CharacterRange::NumOrAlpha | CharacterRange::Any => Violation::NotOnlyLettersAndDigits,
    }
}

#[cfg(test)]
mod tests;
