//! Parameters out of query, form and JSON (CONTRACT 1.3, DECISIONS 2).

use domain::{OAuthErrorCode, Refusal, WireProfile, encoding::form_url_decoded};
use oidc_core::Params;

/// The parts of a request that may hold parameters.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The raw query string.
    pub query: &'a str,
    /// The `Content-Type` header, if any.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Parameters that are credentials or tokens: never in a query under the standards' profile (RFC 6749 §2.3.1,
/// RFC 6750 §2.3, RFC 9700 §4.3.2).
const NOT_IN_QUERY: [&str; 10] = [
    "client_secret",
    "client_assertion",
    "password",
    "refresh_token",
    "access_token",
    "token",
    "code",
    "code_verifier",
    "assertion",
    "id_token_hint",
];

/// What the query says when the connection's certificate is to prove the client (seed 001): a word about the connection,
/// no parameter.
pub const BY_CERTIFICATE: &str = "_tlsclientauth=1";

/// Reads the parameters as the profile says.
///
/// # Errors
/// `invalid_request` for a broken encoding, a wrong media type, a credential in the query under `openid`, and
/// those of [`Params::collect`].
pub fn read(sources: Sources<'_>, profile: &WireProfile) -> Result<Params, Refusal> {
    if profile.merged_encodings { merged(sources) } else { form_only(sources) }
}

fn form_only(sources: Sources<'_>) -> Result<Params, Refusal> {
    let query = form(sources.query.as_bytes())?;
    if query.iter().any(|(name, _)| NOT_IN_QUERY.contains(&name.as_str())) {
        return Err(bad(
            "credential_in_query",
            "Credentials and tokens must not be sent in the query string",
        ));
    }
    if sources.body.is_empty() {
        return Params::collect([], false);
    }
    let media_type = sources.content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(bad("media_type", "The body must be application/x-www-form-urlencoded"));
    }
    Params::collect(form(sources.body)?, false)
}

fn merged(sources: Sources<'_>) -> Result<Params, Refusal> {
    let mut pairs = form(sources.query.as_bytes())?;
    pairs.retain(|(name, _)| name != "_tlsclientauth");
    let body = sources.body.trim_ascii();
    let json = body.first() == Some(&b'{');
    let elsewhere = json || !pairs.is_empty();
    pairs.extend(if json { self::json(body)? } else { form(body)? });
    Params::collect(pairs, elsewhere)
}

type Pairs = Vec<(String, String)>;

fn form(text: &[u8]) -> Result<Pairs, Refusal> {
    let decode = |part: &[u8]| {
        let bytes = form_url_decoded(part).ok_or(BROKEN)?;
        std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_not_utf8| BROKEN)
    };
    let mut pairs = Pairs::new();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        // More than any request needs; the engine's own limit counts again over all sources.
        if pairs.len() > 128 {
            return Err(bad("parameter_limit", "Too many parameters, or one that is too long"));
        }
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, rest) = pair.split_at_checked(at).unwrap_or((pair, &[]));
        pairs.push((decode(name)?, decode(rest.split_first().map_or(rest, |(_, value)| value))?));
    }
    Ok(pairs)
}

/// An object of texts, numbers, booleans and nulls; for `resource` also a list of texts.
fn json(text: &[u8]) -> Result<Pairs, Refusal> {
    let members: Members = serde_json::from_slice(text).map_err(|_error| {
        bad("broken_json", "The JSON body is malformed, or is not an object of simple values")
    })?;
    Ok(members.0)
}

/// A JSON object as pairs, so that a name that comes twice is seen.
struct Members(Pairs);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> serde::de::Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of simple values")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        use serde::de::Error as _;
        let mut pairs = Pairs::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::String(text) => pairs.push((name, text)),
                serde_json::Value::Bool(yes) => pairs.push((name, yes.to_string())),
                serde_json::Value::Number(number) => pairs.push((name, number.to_string())),
                serde_json::Value::Array(list) if name == "resource" => {
                    for item in list {
                        let text = item.as_str().ok_or_else(|| A::Error::custom("resource is text"))?;
                        pairs.push((name.clone(), text.to_owned()));
                    }
                }
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                    return Err(A::Error::custom("a member is not simple"));
                }
            }
        }
        Ok(Members(pairs))
    }
}

const BROKEN: Refusal = bad("broken_encoding", "A parameter is not percent-encoded UTF-8");

const fn bad(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidRequest, reason, description)
}

#[cfg(test)]
mod tests;
