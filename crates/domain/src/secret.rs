//! Text that must not be seen.

use serde::Deserialize;
use zeroize::Zeroizing;

/// A secret text: zeroised on drop, hidden in `Debug`, with [`Secret::expose`] as the only way out.
///
/// It cannot be compared, printed or serialised:
/// ```compile_fail
/// let a = domain::Secret::new("x".to_owned());
/// let same = a == domain::Secret::new("x".to_owned());
/// ```
/// ```compile_fail
/// println!("{}", domain::Secret::new("x".to_owned()));
/// ```
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Every use of it is found by searching for `expose`.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Bytes in the text.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
