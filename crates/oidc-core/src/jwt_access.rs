//! Access tokens as JWTs (RFC 9068): made from a session that is not stored, and read back as one.

use domain::{
    Claims, ClientId, Confirmation, Env, Fault, Issuer, Locator, RefreshFamily, Remembered, RememberedFor,
    RememberedKey, Scopes, SecretDigest, Session, SubjectId, Timestamp, Ttl, User, UserId, UserStatus,
    WireProfile, encoding, profile::SubjectForm,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::issue::{self, Policy};

/// `typ` of the header (RFC 9068 §2.1): what tells it from every other JWT of the same keys.
pub const TYP: &str = "at+jwt";
/// Longest life: a key stays published for at least as long after its last signature. What is denied is remembered for
/// longer, see [`Read::denial`].
pub const LONGEST_LIFE: Ttl = Ttl::from_days(1);

/// How long a denial is kept after the token has expired, on purpose: what is forgotten lives again, and a node whose clock
/// is days ahead must not make others forget (docs/decisions/0019, 0031).
const DENIED_FOR: Ttl = Ttl::from_days(7);

/// Ends a session that will have no row: at the latest after [`LONGEST_LIFE`], and with its family, whose row says
/// whether it still stands. Without a row nobody knows of activity, so it has no inactivity limit.
pub(crate) fn limit(session: &mut Session, family: Option<&RefreshFamily>) {
    session.inactivity = None;
    session.expires_at = session.expires_at.min(session.issued_at.plus(LONGEST_LIFE));
    if let Some(family) = family {
        session.expires_at = session.expires_at.min(family.expires_at);
    }
}

/// The claims (RFC 9068 §2.2). `jti` is the locator, `sid` the family's; without a resource the audience is the issuer
/// (§3: a default resource). `auth_time` says that there is a user. `gen` is of our own: see [`Read::standing`].
pub(crate) fn claims(session: &Session, policy: &Policy<'_>) -> Result<Claims, Fault> {
    let mut claims = Claims::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("iss", policy.issuer.as_str().into());
    put("sub", issue::subject(session.subject.as_ref(), &session.client_id, &policy.profile).into());
    put(
        "aud",
        match session.audience.as_slice() {
            [] => policy.issuer.as_str().into(),
            [one] => one.as_str().into(),
            several => several.to_vec().into(),
        },
    );
    put("client_id", session.client_id.as_str().into());
    put("iat", session.issued_at.as_numeric_date().into());
    put("exp", session.expires_at.as_numeric_date().into());
    put("jti", encoding::base64url(session.locator.as_bytes()).into());
    if !session.scopes.is_empty() {
        put("scope", session.scopes.to_text().into());
    }
    put(
        "gen",
        generation(policy.client_generation, session.subject.as_ref().map(|user| user.user_id)).into(),
    );
    if session.subject.is_some() {
        put("auth_time", session.auth_time.as_numeric_date().into());
    }
    if let Some(acr) = &session.acr {
        put("acr", acr.as_str().into());
    }
    if !session.amr.is_empty() {
        put("amr", session.amr.clone().into());
    }
    if let Some(family) = &session.family {
        put("sid", encoding::base64url(family.as_bytes()).into());
    }
    if let Some(bound) = session.confirmation {
        let cnf = serde_json::to_value(bound).or(Err(Fault::Invariant("a confirmation is JSON")))?;
        put("cnf", cnf);
    }
    Ok(claims)
}

/// `gen`: which client (by its `generation`) and which user of these names it is, as a digest of numbers that are never
/// used again; 12 characters of base64url.
pub fn generation(client: u64, user: Option<UserId>) -> String {
    let user = user.map_or(0, UserId::number);
    let digest = Sha256::digest([client.to_be_bytes(), user.to_be_bytes()].concat());
    encoding::base64url(digest.get(..9).unwrap_or_default())
}

/// Bytes of the longest JWT access token: longer ones are not issued, since they could not be revoked.
pub(crate) const LONGEST: usize = 32 * 1024;

/// Whether a text may be a JWT access token at all, so that a signature is worth checking.
pub fn looks_like_one(text: &str) -> bool {
    text.len() <= LONGEST && text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// A JWT access token of ours: header and claims of a JWS whose signature is by one of the tenant's own keys.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it stands for. Its subject is missing until [`Read::standing`]; its digest is of nothing.
    session: Session,
    /// `sub` of a user; `None`: a machine's.
    pub user: Option<String>,
    generation: String,
}

impl Read {
    /// Reads header and claims. `None`: it is no access token of `issuer` (an id_token of the same keys is none), or
    /// it has expired.
    pub fn new(header: &Claims, claims: &Claims, issuer: &Issuer, env: &Env<'_>) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let date = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_secs);
        let ours =
            header.get("typ").and_then(Value::as_str) == Some(TYP) && text("iss") == Some(issuer.as_str());
        if !ours || claims.contains_key("cnf") && confirmation(claims).is_none() {
            return None;
        }
        let auth_time = date("auth_time");
        let session = Session {
            locator: locator(text("jti")?)?,
            digest: SecretDigest::from_bytes([0; 32]),
            client_id: ClientId::parse(text("client_id")?)?,
            subject: None,
            scopes: Scopes::parse(text("scope").unwrap_or_default(), false)?,
            audience: audience(claims, issuer)?,
            issued_at: date("iat")?,
            expires_at: date("exp")?,
            inactivity: None,
            touched_at: date("iat")?,
            family: match text("sid") {
                Some(sid) => Some(locator(sid)?),
                None => None,
            },
            acr: text("acr").map(str::to_owned),
            amr: texts(claims.get("amr")),
            auth_time: auth_time.or_else(|| date("iat"))?,
            policy: None,
            channel: None,
            context: Vec::new(),
            confirmation: confirmation(claims),
        };
        let user = auth_time.is_some().then(|| text("sub").map(str::to_owned));
        let user = match user {
            Some(None) => return None,
            Some(sub) => sub,
            None => None,
        };
        let generation = text("gen")?.to_owned();
        let lives = session.expires_at.since(session.issued_at);
        (session.is_live(env.now) && lives <= LONGEST_LIFE).then_some(Self { session, user, generation })
    }

    /// Under which key its denial is remembered, and until when: a week longer than it lives.
    pub fn denial(&self) -> Remembered {
        let key = RememberedKey::of(&[b"jti", self.session.locator.as_bytes()]);
        let key = key.ordered_by(self.session.locator.minted_at());
        let expires_at = self.session.expires_at.plus(DENIED_FOR);
        Remembered { purpose: RememberedFor::DeniedToken, key, expires_at }
    }

    /// The client whose it is.
    pub const fn client_id(&self) -> &ClientId {
        &self.session.client_id
    }

    /// Its locator: `jti`.
    pub const fn locator(&self) -> &Locator {
        &self.session.locator
    }

    /// The family that it came from, if any.
    pub const fn family(&self) -> Option<&Locator> {
        self.session.family.as_ref()
    }

    /// The session that it stands for, once it is known that it still stands. `None` when it was denied, its family
    /// has ended or gone, its user is gone or disabled, or its client or its user is another one than when it was
    /// issued: no row went with them, so a name that is given anew must not bring their tokens back.
    pub fn standing(mut self, standing: &Standing) -> Option<Session> {
        let family = match (self.family(), &standing.family) {
            (None, _) => true,
            (Some(locator), Some(family)) => family.locator == *locator && !family.ended,
            (Some(_), None) => false,
        };
        if standing.denied || !family {
            return None;
        }
        if self.user.is_some() {
            let user = standing.user.as_ref().filter(|user| user.status == UserStatus::Enabled)?;
            if self.generation != generation(standing.client_generation, Some(user.id)) {
                return None;
            }
            self.session.subject = Some(domain::GrantSubject {
                user_id: user.id,
                user_name: user.user_name.clone(),
                subject_id: user.subject_id.clone(),
            });
        } else if self.generation != generation(standing.client_generation, None) {
            return None;
        }
        Some(self.session)
    }
}

/// What is stored that decides whether a JWT still stands: looked up by key, each time, on every node.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether it has been denied.
    pub denied: bool,
    /// Its family.
    pub family: Option<RefreshFamily>,
    /// Its user.
    pub user: Option<User>,
    /// The `generation` of its client.
    pub client_generation: u64,
}

/// How the user of a JWT is to be found, by its `sub` (DECISIONS 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserKey {
    /// By log-in name.
    Name(String),
    /// By opaque id.
    Subject(SubjectId),
}

impl UserKey {
    /// The user that `sub` names under a profile; `None` when it can name none.
    pub fn of(sub: &str, profile: &WireProfile) -> Option<Self> {
        match profile.subject {
            SubjectForm::UserName => Some(Self::Name(sub.to_owned())),
            SubjectForm::Opaque => SubjectId::parse(sub).map(Self::Subject),
        }
    }
}

fn locator(text: &str) -> Option<Locator> {
    Locator::from_slice(&encoding::from_base64url(text)?)
}

/// As it was granted: without a resource, nobody was named.
fn audience(claims: &Claims, issuer: &Issuer) -> Option<Vec<String>> {
    let audience = match claims.get("aud")? {
        Value::String(one) if one == issuer.as_str() => Vec::new(),
        Value::String(one) => vec![one.clone()],
        several => texts(Some(several)),
    };
    Some(audience)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn confirmation(claims: &Claims) -> Option<Confirmation> {
    serde_json::from_value(claims.get("cnf")?.clone()).ok()
}
