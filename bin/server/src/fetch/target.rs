//! Where may be fetched from. A URI that a client names must not make the server a door to what only the server can
//! reach (server-side request forgery; RFC 9700 names it for `jwks_uri`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Longest URI, bytes.
const LONGEST: usize = 2048;

/// Whether a URI may be registered: https, with a host, without credentials and fragment. With `private`, plain http
/// to a loopback address will do, too. Addresses behind names are judged when they are known: see [`address`].
///
/// # Errors
/// What is wrong, and what would be right.
pub fn check(uri: &str, private: bool) -> Result<Url, &'static str> {
    let (url, literal) = parts(uri)?;
    let to_loopback = literal.is_some_and(|address| address.to_canonical().is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if private && to_loopback => {}
        "http" if to_loopback => {
            return Err("must be https (the tenant's fetch_private allows http to loopback)");
        }
        _ => return Err("must be https"),
    }
    if literal.is_some_and(|literal| !address(literal, private)) {
        return Err(
            "must not name a private, loopback or reserved address (the tenant's fetch_private allows private ones)",
        );
    }
    Ok(url)
}

/// The same for what is signed by itself and no secret, such as a revocation list: it comes by http as well. Authorities
/// publish it so, lest a certificate be needed to judge certificates (RFC 5280 §8).
///
/// # Errors
/// What is wrong, and what would be right.
pub fn check_signed(uri: &str, private: bool) -> Result<Url, &'static str> {
    let (url, literal) = parts(uri)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must be http or https");
    }
    if literal.is_some_and(|literal| !address(literal, private)) {
        return Err(
            "must not name a private, loopback or reserved address (mtls_fetch_private allows private ones)",
        );
    }
    Ok(url)
}

/// The host of a URI, as it is counted; nothing where there is none.
pub(super) fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    Some(name(&url).to_owned())
}

/// The host of what was judged. One name has one spelling: the parser's, without the dot that may end it.
pub(super) fn name(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host)
}

/// The URI, and the address that it names where it names one.
fn parts(uri: &str) -> Result<(Url, Option<IpAddr>), &'static str> {
    if uri.len() > LONGEST {
        return Err("must have at most 2048 bytes");
    }
    let Ok(url) = Url::parse(uri) else {
        return Err("must be an absolute URI such as https://client.example/jwks");
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must have neither credentials nor a fragment");
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err("must have a host"),
    };
    Ok((url, literal))
}

/// Whether an address may be connected to: a public one, or with `private` also one of the own networks. What is
/// neither, such as multicast or the documentation's, never is.
pub fn address(address: IpAddr, private: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4) || (private && is_own_v4(v4)),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6) || (private && is_own_v6(v6)),
        },
    }
}

/// Own networks: loopback, RFC 1918, and the shared space of RFC 6598. Link-local is not among them: there live the
/// metadata services of clouds.
fn is_own_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || is_shared(address)
}

fn is_shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && (64..128).contains(&b)
}

/// The IANA registry of special-purpose addresses (RFC 6890), turned round.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || is_own_v4(address)
        || address.is_link_local()
        || address.is_documentation()
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 224;
    !special
}

fn is_own_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local()
}

/// Global unicast is 2000::/3; of that, what is special is left out.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // IETF protocol assignments, Teredo among them, and the two of the documentation.
    let special = match a {
        0x2001 => b < 0x0200 || b == 0x0db8,
        0x3fff => b < 0x1000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !special
}

/// The IPv4 address that a translated one leads to: 6to4 (RFC 3056), NAT64 under its well-known prefix 64:ff9b::/96
/// (RFC 6052 §2.1), and the compatible form. Where the local-use prefixes of NAT64 have theirs (RFC 8215) is each network's
/// own affair: those are not public.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |from: usize| {
        let four: [u8; 4] = octets.get(from..from.saturating_add(4))?.try_into().ok()?;
        Some(Ipv4Addr::from(four))
    };
    let is_compatible = octets.iter().take(12).all(|octet| *octet == 0)
        && !address.is_loopback()
        && !address.is_unspecified();
    match octets {
        [0x20, 0x02, ..] => at(2),
        [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ..] => at(12),
        _ if is_compatible => at(12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(text: &str, private: bool) -> bool {
        address(text.parse().unwrap(), private)
    }

    #[test]
    fn public_addresses_may_be_fetched_from() {
        for text in ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(may(text, false) && may(text, true), "{text}");
        }
    }

    #[test]
    fn own_networks_only_where_the_tenant_allows_them() {
        let own = [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
        ];
        for text in own.into_iter().chain(["::ffff:127.0.0.1", "::ffff:10.0.0.1"]) {
            assert!(!may(text, false), "{text}");
            assert!(may(text, true), "{text}");
        }
    }

    #[test]
    fn a_host_counts_as_one_however_it_is_spelled() {
        for uri in ["https://a.example/jwks", "https://A.EXAMPLE.:8443/other?x", "http://a.example."] {
            assert_eq!(host(uri).as_deref(), Some("a.example"), "{uri}");
        }
        assert_eq!(host("https://0x7f000001/"), host("https://127.1/"));
        assert_eq!(host("/jwks"), None);
    }

    #[test]
    fn metadata_services_and_reserved_addresses_never() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            // 169.254.169.254 behind a local NAT64 of /48, and with a public address where /96 has its own.
            "64:ff9b:1:a9fe:a9:fe00:808:808",
            "64:ff9b:1::808:808",
            "64:ff9b:0:0:1::808:808",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!may(text, false) && !may(text, true), "{text}");
        }
    }

    #[test]
    fn a_uri_is_https_and_names_no_address_that_may_not_be_fetched_from() {
        assert!(check("https://client.example/jwks", false).is_ok());
        for uri in [
            "http://client.example/jwks",
            "ftp://client.example/jwks",
            "file:///etc/passwd",
            "https://user@client.example/jwks",
            "https://client.example/jwks#x",
            "/jwks",
            "https://169.254.169.254/latest",
            "https://127.1/jwks",
            "https://0x7f000001/jwks",
            "https://2130706433/jwks",
            "https://[::ffff:127.0.0.1]/jwks",
            "http://127.0.0.1/jwks",
        ] {
            assert!(check(uri, false).is_err(), "{uri}");
        }
        assert!(check("http://127.0.0.1:9/jwks", true).is_ok());
        assert!(check("https://10.0.0.1/jwks", true).is_ok());
        assert!(check("http://10.0.0.1/jwks", true).is_err());
        assert!(check("http://localhost/jwks", true).is_err());
    }

    #[test]
    fn what_is_signed_may_come_by_http_from_the_same_places() {
        for uri in ["http://ca.example/list.crl", "https://ca.example/list.crl"] {
            assert!(check_signed(uri, false).is_ok(), "{uri}");
        }
        for uri in ["http://10.0.0.1/list.crl", "http://127.0.0.1/list.crl"] {
            assert!(check_signed(uri, false).is_err(), "{uri}");
            assert!(check_signed(uri, true).is_ok(), "{uri}");
        }
        for uri in [
            "ldap://ca.example/list",
            "file:///list.crl",
            "http://user@ca.example/list.crl",
            "http://169.254.169.254/list.crl",
        ] {
            assert!(check_signed(uri, true).is_err(), "{uri}");
        }
    }
}
