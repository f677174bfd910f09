//! Which redirect URIs may be registered (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.1).

use url::{Host, Url};

/// Longest redirect URI, bytes.
const LONGEST: usize = 2048;

/// What is wrong with `text`, or nothing.
///
/// # Errors
/// What to do about it.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must have at most 2048 bytes, without white space");
    }
    let url = Url::parse(text).map_err(|_relative_or_malformed| "must be an absolute URI")?;
    // The text, not the parsed URL: an empty fragment is one too.
    if text.contains('#') {
        return Err("must not have a fragment (RFC 6749 §3.1.2)");
    }
    if text.contains('*') {
        return Err("is compared exactly: wildcards do not work");
    }
    match url.scheme() {
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            Err("must not carry a user name or password")
        }
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("must begin with https:// unless it is on loopback (RFC 8252 §7.3)"),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("must be https, http on loopback, or a private-use scheme with a dot (RFC 8252 §7.1)"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn takes_what_the_standards_allow() {
        for fine in [
            "https://client.example.com/cb",
            "https://client.example.com/cb?tenant=a",
            "http://127.0.0.1:9000/cb",
            "http://[::1]/cb",
            "http://localhost:3000/",
            "com.example.app:/oauth2redirect",
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn refuses_what_they_forbid() {
        for bad in [
            "",
            "/cb",
            "client.example.com/cb",
            "https://client.example.com/cb#",
            "https://client.example.com/cb#top",
            "http://client.example.com/cb",
            "http://127.0.0.1.example.com/cb",
            "https://user@client.example.com/cb",
            "https://*.example.com/cb",
            "https://client.example.com/c b",
            "javascript:alert(1)",
            "myapp://cb",
            &format!("https://client.example.com/{}", "a".repeat(2048)),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
