//! Envoy's `X-Forwarded-Client-Cert`: elements separated by commas, each of `Key=value` pairs separated by semicolons;
//! a value may be quoted, with `\"` for a quote.

use super::{Lines, Told, Unreadable, nginx};

/// Its name.
pub(super) const HEADER: &str = "x-forwarded-client-cert";

/// Most certificates that are decoded of `Chain`.
const MOST: usize = 9;

pub(super) fn read(lines: &Lines<'_>) -> Result<Option<Told>, Unreadable> {
    let Some(value) = lines.only(0)? else { return Ok(None) };
    let (mut cert, mut chain) = (None, None);
    for (key, value) in pairs(value)? {
        let slot = match key.to_ascii_lowercase().as_str() {
            "cert" => &mut cert,
            "chain" => &mut chain,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(Unreadable("it has Cert or Chain twice"));
        }
    }
    let chain = chain.map(|pem| nginx::all_certificates(&pem, MOST)).transpose()?.unwrap_or_default();
    match cert {
        Some(pem) => {
            let leaf = nginx::one_certificate(&pem)?;
            // Envoy's chain begins with the certificate itself.
            Ok(Some((leaf.clone(), chain.into_iter().filter(|other| *other != leaf).collect())))
        }
        // Neither a hash nor a subject says enough.
        None => Err(Unreadable("it has no Cert: set_current_client_cert_details needs cert: true")),
    }
}

/// The pairs of the only element. Several elements come from several hops, or from a client whose own header was not
/// removed: then nobody can say whose certificate is meant.
fn pairs(value: &str) -> Result<Vec<(String, String)>, Unreadable> {
    let (mut pairs, mut key, mut text) = (Vec::new(), None, String::new());
    let mut quoted = false;
    let mut letters = value.chars();
    loop {
        let letter = letters.next();
        match letter {
            Some('\\') if quoted => text.extend(letters.next()),
            Some('"') => quoted = !quoted,
            Some(letter) if quoted => text.push(letter),
            Some(',') => return Err(Unreadable("it has several elements: Envoy must use SANITIZE_SET")),
            Some('=') if key.is_none() => key = Some(std::mem::take(&mut text)),
            Some(';') | None if quoted => return Err(Unreadable("a quote is not closed")),
            Some(';') | None => {
                let key = key.take().ok_or(Unreadable("a pair has no equals sign"))?;
                pairs.push((key.trim().to_owned(), std::mem::take(&mut text)));
                if letter.is_none() {
                    return Ok(pairs);
                }
            }
            Some(letter) => text.push(letter),
        }
    }
}
