//! What a registration says of certificates and of keys that tokens are bound to (RFC 8705 §2.1.2, §3.4; RFC 9449 §5.2).

use domain::{AuthMethod, CertificateName, Refusal};

use super::{
    bad,
    members::{Members, malformed},
};

/// The one name that the client's certificates are told by: needed by `tls_client_auth`, and nobody else's.
pub(super) fn name(members: Members<'_>, method: AuthMethod) -> Result<Option<CertificateName>, Refusal> {
    let problem = || {
        bad(
            "certificate_name",
            "tls_client_auth needs exactly one of tls_client_auth_subject_dn (RFC 4514), tls_client_auth_san_dns, _uri, _ip and _email",
        )
    };
    let text = |name: &str| members.text(name, problem());
    let names = [
        text("tls_client_auth_subject_dn")?.map(|text| CertificateName::SubjectDn(text.to_owned())),
        text("tls_client_auth_san_dns")?.map(|text| CertificateName::SanDns(text.to_owned())),
        text("tls_client_auth_san_uri")?.map(|text| CertificateName::SanUri(text.to_owned())),
        text("tls_client_auth_san_ip")?
            .map(|text| text.parse().map(CertificateName::SanIp).map_err(|_error| problem()))
            .transpose()?,
        text("tls_client_auth_san_email")?.map(|text| CertificateName::SanEmail(text.to_owned())),
    ];
    let mut names = names.into_iter().flatten();
    let (first, more) = (names.next(), names.next());
    let fits = first.as_ref().is_none_or(|name| name.problem().is_none()) && more.is_none();
    if !fits || first.is_some() != (method == AuthMethod::TlsClientAuth) {
        return Err(problem());
    }
    Ok(first)
}

/// A member that is true, false or absent; some of the vendor's clients send it as text.
pub(super) fn flag(members: Members<'_>, name: &str) -> Result<bool, Refusal> {
    match members.value(name) {
        None => Ok(false),
        Some(value) => value
            .as_bool()
            .or_else(|| value.as_str()?.parse().ok())
            .ok_or_else(|| malformed("*_bound_access_tokens must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn named(members: &Value, method: AuthMethod) -> Result<Option<CertificateName>, &'static str> {
        name(Members(members.as_object().unwrap()), method).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn exactly_one_name_goes_with_tls_client_auth() {
        let (tls, basic) = (AuthMethod::TlsClientAuth, AuthMethod::ClientSecretBasic);
        let dns = json!({ "tls_client_auth_san_dns": "a.example" });
        assert_eq!(named(&dns, tls), Ok(Some(CertificateName::SanDns("a.example".to_owned()))));
        assert_eq!(named(&dns, basic), Err("certificate_name"));
        assert_eq!(named(&json!({}), basic), Ok(None));
        assert_eq!(named(&json!({}), tls), Err("certificate_name"));
        for wrong in [
            json!({ "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_ip": "192.0.2.1" }),
            json!({ "tls_client_auth_san_dns": "*.example" }),
            json!({ "tls_client_auth_san_ip": "192.0.2.300" }),
            json!({ "tls_client_auth_san_email": "nobody" }),
            json!({ "tls_client_auth_san_uri": 7 }),
            json!({ "tls_client_auth_subject_dn": "no name" }),
        ] {
            assert_eq!(named(&wrong, tls), Err("certificate_name"), "{wrong}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let read = |value: Value| flag(Members(json!({ "x": value }).as_object().unwrap()), "x").ok();
        assert_eq!(read(json!(true)), Some(true));
        assert_eq!(read(json!("false")), Some(false));
        assert_eq!(read(Value::Null), Some(false));
        assert_eq!(read(json!(1)), None);
        assert_eq!(read(json!("yes")), None);
    }
}
