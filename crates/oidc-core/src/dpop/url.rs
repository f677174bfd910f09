//! `htu` against the URLs of an endpoint (RFC 9449 §4.3).

/// Whether `htu` names one of `urls`, both without query and fragment, after normalisation (RFC 3986 §6.2.2 and
/// §6.2.3): case of scheme and host, the default port, percent-encoding of unreserved characters, dot segments.
pub(super) fn same_as_one_of(htu: &str, urls: &[String]) -> bool {
    // The common case allocates nothing.
    urls.iter().any(|url| url == htu)
        || normal(htu).is_some_and(|htu| urls.iter().any(|url| normal(url).as_ref() == Some(&htu)))
}

/// `None`: no HTTP URL with a host, or one with user information.
fn normal(text: &str) -> Option<String> {
    let text = text.split(['?', '#']).next()?;
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let authority = authority.to_ascii_lowercase();
    let host = authority.strip_suffix(default).or_else(|| authority.strip_suffix(':')).unwrap_or(&authority);
    if host.is_empty() || host.contains('@') {
        return None;
    }
    Some(format!("{scheme}://{host}{}", without_dots(&decoded(path)?)))
}

/// Percent-encodings of unreserved characters undone, all others in upper case. `None` when one does not read.
fn decoded(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            out.push(next);
            continue;
        }
        let (high, low) = (rest.next()?.to_digit(16)?, rest.next()?.to_digit(16)?);
        let byte = char::from(u8::try_from(high * 16 + low).ok()?);
        if byte.is_ascii_alphanumeric() || matches!(byte, '-' | '.' | '_' | '~') {
            out.push(byte);
        } else {
            out.extend(['%', hex(high)?, hex(low)?]);
        }
    }
    Some(out)
}

fn hex(digit: u32) -> Option<char> {
    char::from_digit(digit, 16).map(|digit| digit.to_ascii_uppercase())
}

/// RFC 3986 §5.2.4 for an absolute path; an empty one is `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in path.split('/').skip(1) {
        last = segment;
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let slash = if matches!(last, "." | "..") && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::same_as_one_of;

    fn same(htu: &str) -> bool {
        same_as_one_of(htu, &["https://id.example/idp/a-b_c/authn/token".to_owned()])
    }

    #[test]
    fn spellings_of_the_same_url_are_the_same() {
        for htu in [
            "https://id.example/idp/a-b_c/authn/token",
            "HTTPS://ID.Example:443/idp/a-b_c/authn/token",
            "https://id.example/idp/a%2Db%5fc/authn/token",
            "https://id.example/idp/x/../a-b_c/./authn/token",
            "https://id.example/idp/a-b_c/authn/token?a=b",
            "https://id.example/idp/a-b_c/authn/token#f",
        ] {
            assert!(same(htu), "{htu}");
        }
    }

    #[test]
    fn another_url_is_another() {
        for htu in [
            "",
            "/idp/a-b_c/authn/token",
            "http://id.example/idp/a-b_c/authn/token",
            "https://id.example:444/idp/a-b_c/authn/token",
            "https://id.example:80/idp/a-b_c/authn/token",
            "https://evil.example/idp/a-b_c/authn/token",
            "https://user@id.example/idp/a-b_c/authn/token",
            "https://id.example.evil/idp/a-b_c/authn/token",
            "https://id.example/idp/A-b_c/authn/token",
            "https://id.example/idp/a-b_c/authn/token/",
            "https://id.example/idp/a-b_c/authn%2Ftoken",
            "https://id.example/idp/a-b_c/authn/token/..",
            "https://id.example/idp/a-b_c/authn/revoke",
            "https://id.example/idp/a-b_c/authn/%zz",
            "ftp://id.example/idp/a-b_c/authn/token",
            "https:///idp/a-b_c/authn/token",
        ] {
            assert!(!same(htu), "{htu}");
        }
    }
}
