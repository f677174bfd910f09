//! The text of the server's opaque tokens (DECISIONS 3.1):
//! `<prefix><base64url(locator ‖ 256 random bits ‖ 32-bit checksum)>`, 68 characters in all.

use zeroize::Zeroizing;

use crate::{Env, Fault, Locator, Secret, SecretDigest, encoding};

/// What a token is for; each kind has a prefix of its own, so that scanners and people can tell them apart.
/// A prefix is never changed once it has been released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An access token, `cat_…`.
    Access,
    /// A refresh token, `crt_…`.
    Refresh,
    /// An authorization code, `cac_…`.
    Code,
    /// A registration access token, `crg_…` (RFC 7592).
    Registration,
    /// An initial access token, `cia_…` (RFC 7591 §1.2).
    InitialAccess,
}

impl TokenKind {
    /// The readable prefix.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "cat_",
            Self::Refresh => "crt_",
            Self::Code => "cac_",
            Self::Registration => "crg_",
            Self::InitialAccess => "cia_",
        }
    }
}

const SECRET: usize = 32;
const CHECKSUM: usize = 4;
const BODY: usize = Locator::LEN + SECRET + CHECKSUM;
/// Characters of base64url that [`BODY`] bytes take; a multiple of three bytes, so no padding arises.
const BODY_TEXT: usize = BODY / 3 * 4;

/// A token just made.
#[derive(Debug)]
pub struct Minted {
    /// The text that the client receives, once.
    pub text: Secret,
    /// The row's key.
    pub locator: Locator,
    /// What the row keeps of the secret part.
    pub digest: SecretDigest,
}

/// A token that someone presented, with a correct checksum: worth a look into storage.
#[derive(Clone, Copy, Debug)]
pub struct PresentedToken {
    /// The row's key.
    pub locator: Locator,
    /// To be compared with the row's digest.
    pub digest: SecretDigest,
}

/// Makes a token of `kind`.
///
/// # Errors
/// [`Fault::Entropy`] when no randomness can be had.
pub fn mint(kind: TokenKind, env: &Env<'_>) -> Result<Minted, Fault> {
    let locator = Locator::mint(env)?;
    let mut secret = Zeroizing::new([0_u8; SECRET]);
    env.entropy.fill(secret.as_mut_slice())?;
    let mut body = Zeroizing::new(Vec::with_capacity(BODY));
    body.extend_from_slice(locator.as_bytes());
    body.extend_from_slice(secret.as_slice());
    let sum = checksum(kind.prefix(), &body);
    body.extend_from_slice(&sum);
    let text = Secret::new(format!("{}{}", kind.prefix(), encoding::base64url(&body)));
    Ok(Minted { text, locator, digest: SecretDigest::of(secret.as_slice()) })
}

/// Reads a presented text as a token of `kind`. `None` when it has another form or its checksum is wrong: then
/// it was never issued here, and no read is needed to say so.
pub fn parse(kind: TokenKind, text: &str) -> Option<PresentedToken> {
    let body = text.strip_prefix(kind.prefix()).filter(|body| body.len() == BODY_TEXT)?;
    let bytes = Zeroizing::new(encoding::from_base64url(body)?);
    let (body, sum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let (locator, secret) = body.split_first_chunk::<{ Locator::LEN }>()?;
    (checksum(kind.prefix(), body) == *sum).then_some(PresentedToken {
        locator: Locator::from_slice(locator)?,
        digest: SecretDigest::of(secret),
    })
}

/// The first four bytes of SHA-256 over prefix and body. It finds typing errors; it protects nothing.
pub(crate) fn checksum(prefix: &str, body: &[u8]) -> [u8; CHECKSUM] {
    use sha2::{Digest, Sha256};
    let hash = Sha256::new().chain_update(prefix).chain_update(body).finalize();
    let mut sum = [0_u8; CHECKSUM];
    for (to, from) in sum.iter_mut().zip(hash) {
        *to = from;
    }
    sum
}
