//! Secrets in the file, and beside it.

use std::io::Read as _;

use authenticators::constraints::{self, UserFacts};
use domain::{AuthenticationPolicy, Secret};
use zeroize::Zeroizing;

use super::Surroundings;
use crate::tenant_file::problem::{Place, Problems};

/// Most bytes of a secret: what the hasher takes.
const LONGEST: usize = 1024;

/// Reads a secret from a file of its own: all of it but one last line end.
///
/// # Errors
/// Why that is not possible.
pub(super) fn from_file(name: &str, around: Surroundings<'_>) -> Result<Secret, String> {
    let path = around.base_dir.map_or_else(|| name.into(), |dir| dir.join(name));
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    let file = std::fs::File::open(&path).map_err(said)?;
    file.take(2 * LONGEST as u64).read_to_string(&mut text).map_err(said)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// Checks a secret that a person chose against its policy (CONTRACT 5.5).
pub(super) fn chosen(
    secret: &Secret,
    policy: &AuthenticationPolicy,
    facts: &UserFacts<'_>,
    (place, key): (&Place, &'static str),
    problems: &mut Problems<'_>,
) {
    if secret.is_empty() || secret.len() > LONGEST {
        problems.add(place, key, "must have 1 to 1024 bytes");
        return;
    }
    for violation in constraints::check(&policy.password_policy, facts, secret) {
        problems.add(place, key, format!("{} ({})", violation.message(), policy.code));
    }
}
