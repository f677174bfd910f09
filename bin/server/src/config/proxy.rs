//! `[proxy]`: what proxies in front tell of client certificates (docs/mtls-behind-a-proxy.md).

use domain::{Thumbprint, encoding};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// How a proxy that ends TLS hands a client's certificate on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateHeader {
    /// It does not.
    #[default]
    None,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    ClientCert,
    /// nginx's `$ssl_client_escaped_cert`, in the header that `certificate_header_name` names.
    Nginx,
    /// Envoy's `X-Forwarded-Client-Cert`, with `Cert` in it.
    Xfcc,
}

/// `[proxy]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxySection {
    /// How the proxies of `server.trusted_proxies`, and those that `certificates` authenticate, hand certificates on.
    pub certificate_header: CertificateHeader,
    /// The header that carries nginx's escaped PEM.
    pub certificate_header_name: String,
    /// SHA-256 thumbprints (base64url, or hex with or without colons) of certificates by which proxies authenticate on
    /// listeners that ask for one. Whoever shows one of them is trusted like an address of `server.trusted_proxies`.
    pub certificates: Vec<String>,
}

impl Default for ProxySection {
    fn default() -> Self {
        Self {
            certificate_header: CertificateHeader::None,
            certificate_header_name: "X-SSL-Client-Cert".to_owned(),
            certificates: Vec::new(),
        }
    }
}

impl ProxySection {
    /// `trusted`: whether `server.trusted_proxies` names someone.
    pub(super) fn check(&self, trusted: bool) -> Result<(), ConfigError> {
        self.thumbprints()?;
        if self.certificate_header != CertificateHeader::None && !trusted && self.certificates.is_empty() {
            return Err(ConfigError::value(
                "proxy.certificate_header",
                "is believed from nobody: name your proxies in server.trusted_proxies or proxy.certificates",
            ));
        }
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let name = &self.certificate_header_name;
        if name.is_empty() || name.len() > 64 || !name.bytes().all(token) {
            return Err(ConfigError::value(
                "proxy.certificate_header_name",
                "must be a header name of letters, digits and hyphens",
            ));
        }
        Ok(())
    }

    /// The thumbprints of `certificates`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that is none.
    pub fn thumbprints(&self) -> Result<Vec<Thumbprint>, ConfigError> {
        let read = |text: &String| {
            thumbprint(text).ok_or_else(|| {
                ConfigError::value(
                    "proxy.certificates",
                    format!("{text:?} is no SHA-256 thumbprint: 32 bytes as base64url, or as hex"),
                )
            })
        };
        self.certificates.iter().map(read).collect()
    }
}

fn thumbprint(text: &str) -> Option<Thumbprint> {
    Thumbprint::parse(text).or_else(|| {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        Thumbprint::parse(&encoding::base64url(&bytes))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_are_read_as_openssl_and_as_jose_write_them() {
        let jose = thumbprint("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        let hex =
            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";
        assert_eq!(thumbprint(hex), Some(jose));
        assert_eq!(thumbprint(&hex.replace(':', "").to_lowercase()), Some(jose));
        for wrong in ["", "00", "+1", &hex.replace("1F", ""), &hex.replace("1F", "1G"), &format!("{hex}:00")]
        {
            assert_eq!(thumbprint(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_header_that_nobody_may_send_is_a_mistake() {
        let section =
            ProxySection { certificate_header: CertificateHeader::Nginx, ..ProxySection::default() };
        assert!(section.check(false).unwrap_err().to_string().contains("server.trusted_proxies"));
        section.check(true).unwrap();
        let named = ProxySection {
            certificates: vec!["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned()],
            ..section.clone()
        };
        named.check(false).unwrap();
        let wrong = ProxySection { certificate_header_name: "X Y".to_owned(), ..section };
        assert!(wrong.check(true).is_err());
    }
}
