//! Which redirect URIs may be registered (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.1).

use url::{Host, Url};

/// Longest redirect URI, bytes.
const LONGEST: usize = 2048;

/// What is wrong with `text`, or nothing.
///
/// # Errors
/// What to do about it.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must have at most 2048 bytes of ASCII, without white space");
    }
    // Browsers take it for a slash, other readers do not: they would not agree on the host.
    if text.contains('\\') {
        return Err("must not have a backslash (RFC 3986 §2)");
    }
    let url = Url::parse(text).map_err(|_relative_or_malformed| "must be an absolute URI")?;
    // The text, not the parsed URL: an empty fragment is one too.
    if text.contains('#') {
        return Err("must not have a fragment (RFC 6749 §3.1.2)");
    }
    if text.contains('*') {
        return Err("is compared exactly: wildcards do not work");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password");
    }
    match url.scheme() {
        "http" | "https" if !names_its_host(text, &url) => {
            Err("must name its host after // and in its plain form (no 127.1, no percent-encoding)")
        }
        _ if !keeps_its_path(text, &url) => Err(
            "must have its path in plain form: without dot segments, and a slash after a private-use scheme (RFC 8252 §7.1)",
        ),
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("must begin with https:// unless it is on loopback (RFC 8252 §7.3)"),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("must be https, http on loopback, or a private-use scheme with a dot (RFC 8252 §7.1)"),
    }
}

/// Whether the host that a browser goes to stands in the text as it is: what another reader takes for the host is then the
/// same.
fn names_its_host(text: &str, url: &Url) -> bool {
    let named = text.split_once("://").map(|(_, rest)| rest.to_ascii_lowercase());
    named.zip(url.host_str()).is_some_and(|(named, host)| {
        let rest = named.strip_prefix(host);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
    })
}

/// Whether the path is read as it is written: no dot segments (RFC 3986 §5.2.4), nothing that is encoded by the reader. A
/// private-use scheme has a path too, or it could hide a scheme of its own.
fn keeps_its_path(text: &str, url: &Url) -> bool {
    let Some((_, rest)) = text.split_once(':') else { return false };
    let rest = rest.split('?').next().unwrap_or_default();
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None if rest.starts_with('/') => rest,
        None => return false,
    };
    path == url.path() || path.is_empty() && url.path() == "/"
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
            "com.example.app://callback",
            "HTTPS://Client.Example.com/cb",
            "https://client.example.com",
            "https://client.example.com?a=b",
            "https://[2001:db8::1]:8443/cb",
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
            "data:text/html,x",
            "a.b:javascript",
            "vbscript.x:1",
            "com.example.app:/a/../cb",
            "https://client.example.com/../cb",
            "https://client.example.com/a/./cb",
            "https://client.example.com/a/%2e%2e/cb",
            "https://client.example.com/{id}",
            "https://client.example.com\\@evil.example/",
            "https:client.example.com/cb",
            "https:/client.example.com/cb",
            "https:///client.example.com/cb",
            "https://@client.example.com/cb",
            "https://:@client.example.com/cb",
            "https://cl%69ent.example.com/cb",
            "https://clıent.example.com/cb",
            "com.example.app://user:pw@host/cb",
            "http://localhost.evil.example/cb",
            "http://localhost./cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.0.0.1/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://[::]/cb",
            "http://0.0.0.0/cb",
            "http://10.0.0.1/cb",
            "https://client.example.com/cb\u{0}",
            &format!("https://client.example.com/{}", "a".repeat(2048)),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
