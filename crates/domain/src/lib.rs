//! The vocabulary that every Countersign crate shares: value types, records, decisions and ports.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Engines take facts of these types and give
//! back a [`WriteBatch`] and an outcome; adapters implement the [`port`]s.

pub mod admin;
pub mod audit;
pub mod authenticator;
pub mod certificate;
pub mod client;
pub mod client_keys;
pub mod confirmation;
pub mod digest;
pub mod distinguished_name;
pub mod encoding;
pub mod env;
pub mod failure;
pub mod fault;
pub mod grant;
pub mod id;
pub mod issuer;
pub mod key;
pub mod locator;
pub mod machine_secret;
pub mod method;
pub mod policy;
pub mod port;
pub mod profile;
pub mod refresh;
pub mod refusal;
pub mod registration_token;
pub mod remembered;
pub mod role;
pub mod scope;
pub mod secret;
pub mod session;
pub mod source;
pub mod tenant;
pub mod time;
pub mod token_text;
pub mod user;
pub mod witness;
pub mod write;

pub use admin::AdminWrite;
pub use audit::{AuditEvent, AuditKind, AuditOutcome, Origin};
pub use authenticator::{Authenticator, AuthenticatorStatus, PasswordCredential, Statistics};
pub use certificate::{
    AltName, CertificateName, ChainProblem, PeerCertificate, Thumbprint, UnreadableCertificate,
};
pub use client::{AccessTokenFormat, ApplicationType, Client, ClientSecrets, Registration, ResponseSigning};
pub use client_keys::ClientKeys;
pub use confirmation::Confirmation;
pub use digest::SecretDigest;
pub use distinguished_name::DistinguishedName;
pub use env::{Claims, Env};
pub use failure::FailureReason;
pub use fault::Fault;
pub use grant::{AuthorizedGrant, Evidence, GrantSubject, GrantType, RefreshPolicy, SessionLimits};
pub use id::{ChannelCode, ClientId, PolicyCode, RequestId, SubjectId, TenantId, TenantName, UserId};
pub use issuer::{Issuer, Layout};
pub use key::{KeyStage, SigningAlg, SigningKeyRecord};
pub use locator::Locator;
pub use method::AuthMethod;
pub use policy::{AuthenticationPolicy, PasswordConstraints};
pub use profile::{ProfileName, WireProfile};
pub use refresh::{FamilyEnd, RefreshFamily, RefreshToken, StoredRefresh};
pub use refusal::{Detail, OAuthErrorCode, Refusal};
pub use registration_token::RegistrationToken;
pub use remembered::{Remembered, RememberedFor, RememberedKey};
pub use role::Permission;
pub use scope::Scopes;
pub use secret::Secret;
pub use session::Session;
pub use source::{SourceAddr, SourceFailures};
pub use tenant::{OcspResponder, Tenant, TenantSettings};
pub use time::{SKEW, Timestamp, Ttl};
pub use token_text::{Minted, PresentedToken, TokenKind};
pub use user::{User, UserStatus};
pub use witness::AuthenticatedClient;
pub use write::{Applied, Write, WriteBatch};
