//! `Client-Cert` and `Client-Cert-Chain` (RFC 9440): structured fields of byte sequences (RFC 8941 §3.3.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Lines, Told, Unreadable};

/// The end-entity certificate, and what leads to its root, the trust anchor left out.
pub(super) const HEADERS: [&str; 2] = ["client-cert", "client-cert-chain"];

/// Most certificates that are decoded of a chain.
const MOST: usize = 8;

pub(super) fn read(lines: &Lines<'_>) -> Result<Option<Told>, Unreadable> {
    // A list may stand in several lines (RFC 8941 §4.2).
    let mut chain = lines.all(1).filter(|line| !line.is_empty()).peekable();
    let Some(leaf) = lines.only(0)? else {
        // RFC 9440 §2.3: there is no chain without a certificate.
        return match chain.peek() {
            None => Ok(None),
            Some(_) => Err(Unreadable("there is a chain without a certificate")),
        };
    };
    let items = chain.flat_map(|line| line.split(','));
    let chain = items.take(MOST).map(|item| bytes(item.trim())).collect::<Result<_, _>>()?;
    Ok(Some((bytes(leaf)?, chain)))
}

fn bytes(item: &str) -> Result<Vec<u8>, Unreadable> {
    let inner = item.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    inner
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or(Unreadable("it is no byte sequence such as :MIIB…:"))
}
