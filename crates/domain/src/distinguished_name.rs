//! Distinguished names: read from RFC 4514 text or from a certificate, compared by RFC 4517 §4.2.15.

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// The type's object identifier, dotted.
    oid: String,
    /// Its value, ready to compare.
    value: String,
}

/// Attribute types by their short names: those of RFC 4514 §3, and what certificates have besides. Their values are
/// compared without regard to case, and to how much space there is (RFC 4519, RFC 2985).
const TYPES: [(&str, &str); 24] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GIVENNAME", "2.5.4.42"),
    ("GN", "2.5.4.42"),
    ("INITIALS", "2.5.4.43"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("PSEUDONYM", "2.5.4.65"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
    ("JURISDICTIONST", "1.3.6.1.4.1.311.60.2.1.2"),
];

/// Longest text that is read, bytes.
const LONGEST: usize = 4096;

/// A distinguished name. Two are equal when they have the same attributes in the same order, where attributes of one
/// relative name know no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    /// Relative names, the most significant first, each sorted.
    relative: Vec<Vec<Attribute>>,
}

impl DistinguishedName {
    /// From a certificate: relative names in their order there (the most significant first), each a list of dotted
    /// object identifier and value.
    pub fn from_certificate(relative: Vec<Vec<(String, String)>>) -> Self {
        let attribute = |(oid, value): (String, String)| Attribute { value: comparable(&oid, &value), oid };
        let sorted = |names: Vec<(String, String)>| {
            let mut names: Vec<_> = names.into_iter().map(attribute).collect();
            names.sort();
            names
        };
        Self { relative: relative.into_iter().map(sorted).collect() }
    }

    /// Reads RFC 4514 text, such as `CN=client1,O=Bank,C=NO`: the most significant name comes *last*. Besides the
    /// RFC's short names those that certificate tools print are understood, and spaces around separators.
    /// `None` when it does not read, is empty or longer than 4096 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() || text.len() > LONGEST {
            return None;
        }
        let mut relative = Vec::new();
        let mut current = Vec::new();
        let mut rest = text;
        loop {
            let (attribute, separator, after) = attribute(rest)?;
            current.push(attribute);
            if separator != Some('+') {
                relative.push(std::mem::take(&mut current));
            }
            if separator.is_none() {
                break;
            }
            rest = after;
        }
        relative.reverse();
        Some(Self::from_certificate(relative))
    }

    /// Whether it has no attributes.
    pub const fn is_empty(&self) -> bool {
        self.relative.is_empty()
    }
}

impl std::fmt::Display for DistinguishedName {
    /// RFC 4514 text of what is compared: for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, names) in self.relative.iter().rev().enumerate() {
            for (inner, attribute) in names.iter().enumerate() {
                f.write_str(if inner > 0 {
                    "+"
                } else if index > 0 {
                    ","
                } else {
                    ""
                })?;
                let known = TYPES.iter().find(|(_, oid)| *oid == attribute.oid);
                f.write_str(known.map_or(attribute.oid.as_str(), |(name, _)| name))?;
                f.write_str("=")?;
                for character in attribute.value.chars() {
                    let special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#');
                    match character {
                        _ if special => write!(f, "\\{character}")?,
                        _ if character.is_control() => f.write_str("?")?,
                        _ => write!(f, "{character}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// A value as it is compared: types of [`TYPES`] without regard to case and to repeated or outer space
/// (RFC 4518 §2.2, §2.6.1), others as they are.
fn comparable(oid: &str, value: &str) -> String {
    if TYPES.iter().all(|(_, known)| *known != oid) {
        return value.to_owned();
    }
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The first attribute of `text`, the separator behind it, and what follows.
fn attribute(text: &str) -> Option<((String, String), Option<char>, &str)> {
    let (name, rest) = text.split_once('=')?;
    let oid = oid(name.trim())?;
    let rest = rest.trim_start_matches(' ');
    let (value, separator, after) = if rest.starts_with('#') { encoded(rest)? } else { plain(rest)? };
    Some(((oid, value), separator, after))
}

/// The object identifier of an attribute type: a short name, or dotted already (RFC 4512 §1.4).
fn oid(name: &str) -> Option<String> {
    let short = name.to_ascii_uppercase();
    if let Some((_, oid)) = TYPES.iter().find(|(known, _)| *known == short) {
        return Some((*oid).to_owned());
    }
    let dotted = name.strip_prefix("OID.").unwrap_or(name);
    let number = |part: &str| {
        let plain = part == "0" || !part.starts_with('0');
        plain && !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (dotted.contains('.') && dotted.split('.').all(number)).then(|| dotted.to_owned())
}

/// A value with escapes (RFC 4514 §2.4).
fn plain(text: &str) -> Option<(String, Option<char>, &str)> {
    let mut bytes: Vec<u8> = Vec::new();
    // Trailing space that is not escaped does not count.
    let mut kept = 0;
    let mut characters = text.char_indices();
    let mut separator = None;
    let mut after = "";
    while let Some((at, character)) = characters.next() {
        match character {
            ',' | '+' => {
                separator = Some(character);
                after = text.get(at.checked_add(1)?..)?;
                break;
            }
            '\\' => {
                let (_, escaped) = characters.next()?;
                if let Some(high) = escaped.to_digit(16) {
                    let low = characters.next()?.1.to_digit(16)?;
                    bytes.push(u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?);
                } else if matches!(escaped, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') {
                    bytes.push(u8::try_from(escaped).ok()?);
                } else {
                    return None;
                }
                kept = bytes.len();
            }
            '"' | ';' | '<' | '>' | '\0' => return None,
            _ => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                if character != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    Some((String::from_utf8(bytes).ok()?, separator, after))
}

/// `#` and the BER of a value in hexadecimal (RFC 4514 §2.4): texts of up to 127 bytes.
fn encoded(text: &str) -> Option<(String, Option<char>, &str)> {
    let body = text.strip_prefix('#')?;
    let end = body.find([',', '+']);
    let (hex, tail) = body.split_at_checked(end.unwrap_or(body.len()))?;
    let hex = hex.trim_end_matches(' ').as_bytes();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Vec<u8> = hex.chunks(2).map(byte).collect::<Option<_>>()?;
    let [tag, length, value @ ..] = bytes.as_slice() else { return None };
    if *length >= 0x80 || usize::from(*length) != value.len() {
        return None;
    }
    // UTF8String, PrintableString, IA5String.
    if !matches!(*tag, 0x0c | 0x13 | 0x16) {
        return None;
    }
    let value = std::str::from_utf8(value).ok()?.to_owned();
    let mut tail = tail.chars();
    let separator = tail.next();
    Some((value, separator, tail.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text} reads"))
    }

    fn certificate(relative: &[&[(&str, &str)]]) -> DistinguishedName {
        let owned = |(oid, value): &(&str, &str)| ((*oid).to_owned(), (*value).to_owned());
        DistinguishedName::from_certificate(
            relative.iter().map(|names| names.iter().map(owned).collect()).collect(),
        )
    }

    #[test]
    fn the_examples_of_rfc_4514_read() {
        let seen = certificate(&[
            &[("0.9.2342.19200300.100.1.25", "net")],
            &[("0.9.2342.19200300.100.1.25", "example")],
            &[("2.5.4.11", "Sales"), ("2.5.4.3", "J.  Smith")],
        ]);
        assert_eq!(name("OU=Sales+CN=J.  Smith,DC=example,DC=net"), seen);
        assert_eq!(name("cn=j. smith + ou=SALES, dc=Example, dc=NET"), seen);
        assert_eq!(
            name(r#"CN=James \"Jim\" Smith\, III,DC=net"#),
            certificate(&[
                &[("0.9.2342.19200300.100.1.25", "net")],
                &[("2.5.4.3", r#"James "Jim" Smith, III"#)]
            ])
        );
        assert_eq!(name("CN=Lu\\C4\\8Di\\C4\\87"), certificate(&[&[("2.5.4.3", "Lučić")]]));
        assert_eq!(name("1.3.6.1.4.1.1466.0=#0C024869"), certificate(&[&[("1.3.6.1.4.1.1466.0", "Hi")]]));
    }

    #[test]
    fn order_values_and_types_make_a_difference() {
        let one = name("CN=client1,O=Bank,C=NO");
        for other in [
            "C=NO,O=Bank,CN=client1",
            "CN=client1,O=Bank",
            "CN=client1,O=Bank,C=NO,C=NO",
            "CN=client2,O=Bank,C=NO",
            "OU=client1,O=Bank,C=NO",
            "CN=client1+O=Bank,C=NO",
            "CN=client1\\,O=Bank,C=NO",
        ] {
            assert_ne!(name(other), one, "{other}");
        }
        // Types that nobody told us how to compare are compared as they are.
        assert_ne!(name("1.2.3=a"), name("1.2.3=A"));
    }

    #[test]
    fn what_is_written_reads_again() {
        for text in ["cn=a\\,b\\+c\\\\,o=x", "cn=client1,o=bank", "ou=a+cn=b,dc=x", "2.5.4.99=plain"] {
            assert_eq!(name(&name(text).to_string()), name(text), "{text}");
        }
    }

    #[test]
    fn what_is_malformed_does_not_read() {
        for text in [
            "",
            " ",
            "CN",
            "=x",
            "CN=a,",
            "CN=a\\",
            "CN=a\\zz",
            "CN=\\ff",
            "XX=a",
            "1..2=a",
            "CN=#0c05aa",
            "CN=a;O=b",
            "CN=\"a\"",
            "1=a",
        ] {
            assert_eq!(DistinguishedName::parse(text), None, "{text:?}");
        }
        assert_eq!(DistinguishedName::parse(&format!("CN={}", "a".repeat(5000))), None);
    }
}
