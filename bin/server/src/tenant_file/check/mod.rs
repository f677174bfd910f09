//! The file's meaning: every rule about its values, with all problems told at once. Nothing is written here.

mod authenticators;
mod certificates;
mod clients;
mod keys;
mod policies;
mod secrets;
mod settings;
mod users;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use domain::{
    AuthenticationPolicy, AuthenticatorStatus, Client, ClientSecrets, PolicyCode, Secret, SigningKeyRecord,
    SubjectId, TenantName, TenantSettings, Timestamp, UserStatus, port::PasswordHash,
};
use jose::MasterKey;

use super::{
    document::TenantDocument,
    problem::{Place, Problem, Problems},
    stored::Stored,
};

/// What a file asks for.
#[derive(Debug)]
pub(super) struct Desired {
    pub(super) name: TenantName,
    pub(super) settings: TenantSettings,
    pub(super) policies: Vec<AuthenticationPolicy>,
    pub(super) clients: Vec<DesiredClient>,
    pub(super) users: Vec<DesiredUser>,
    pub(super) keys: Vec<SigningKeyRecord>,
}

/// A client, and the secret that it gets if it has none.
#[derive(Debug)]
pub(super) struct DesiredClient {
    pub(super) client: Client,
    pub(super) secret: NewSecret,
}

/// Where a client's first secret comes from.
#[derive(Debug)]
pub(super) enum NewSecret {
    /// There is none.
    None,
    /// A person chose it.
    Chosen(Secret),
    /// The server made it some time ago.
    Made(Secret),
    /// The server makes one now, and it is shown once.
    Generate,
    /// An export carried what was stored.
    Stored(ClientSecrets),
}

/// A user as the file has them.
#[derive(Debug)]
pub(super) struct DesiredUser {
    pub(super) user_name: String,
    pub(super) external_id: Option<String>,
    pub(super) subject_id: Option<SubjectId>,
    /// `None` leaves what is stored: silence must not let anybody in again.
    pub(super) status: Option<UserStatus>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) roles: BTreeSet<String>,
    pub(super) authenticators: Vec<DesiredAuthenticator>,
}

/// An authenticator, and the password that it gets when it is made.
#[derive(Debug)]
pub(super) struct DesiredAuthenticator {
    pub(super) policy: AuthenticationPolicy,
    /// `None` leaves what is stored.
    pub(super) status: Option<AuthenticatorStatus>,
    pub(super) valid_from: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) password: Option<NewPassword>,
}

/// Where a user's first password comes from.
#[derive(Debug)]
pub(super) enum NewPassword {
    /// Chosen.
    Chosen(Secret),
    /// An export carried the hash.
    Hash(PasswordHash),
}

/// What rules may look at besides the file.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// What is stored now.
    pub(super) stored: &'a Stored,
    /// Where relative `…_file` paths begin.
    pub(super) base_dir: Option<&'a Path>,
    /// Whether what the file does not name goes away.
    pub(super) prune: bool,
    /// Opens what an export sealed.
    pub(super) master: &'a MasterKey,
    /// Now.
    pub(super) now: Timestamp,
}

/// Reads a file's meaning.
///
/// # Errors
/// Every problem that was found.
pub(super) fn check(
    text: &str,
    file: TenantDocument,
    around: Surroundings<'_>,
) -> Result<Desired, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let settings = settings::check(file.settings, file.profile, around, &mut problems);
    let known = policies::check(file.policies, &settings, around, &mut problems);
    let scene = Scene { name: &file.name, settings: &settings, known: &known.all, around };
    let clients = clients::check(file.clients, scene, &mut problems);
    let users = users::check(file.users, scene, &clients, &mut problems);
    let keys = keys::check(file.keys, &mut problems);
    let policies = known.wanted;
    let found = problems.into_found();
    if found.is_empty() {
        Ok(Desired { name: file.name, settings, policies, clients, users, keys })
    } else {
        Err(found)
    }
}

/// What the rules for clients and users look at.
#[derive(Clone, Copy)]
struct Scene<'a> {
    name: &'a TenantName,
    settings: &'a TenantSettings,
    known: &'a BTreeMap<PolicyCode, AuthenticationPolicy>,
    around: Surroundings<'a>,
}

impl<'a> Scene<'a> {
    /// A policy that the file names.
    fn policy(
        self,
        code: &str,
        place: &Place,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<&'a AuthenticationPolicy> {
        let known = PolicyCode::parse(code).and_then(|code| self.known.get(&code));
        if known.is_none() {
            // Enough to find a typing error by; a long list for each of many would be a very long text.
            let codes: Vec<&str> = self.known.keys().take(20).map(PolicyCode::as_str).collect();
            problems.add(place, key, format!("there is no policy {code:?}; there are {}", codes.join(", ")));
        }
        known
    }
}

/// Whether a text is worth storing: 1 to 255 bytes without control characters.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Checks lists of codes such as roles.
fn names(texts: &BTreeSet<String>, place: &Place, key: &'static str, problems: &mut Problems<'_>) {
    for text in texts.iter().filter(|text| !is_name(text)) {
        problems.add(place, key, format!("{text:?} must have 1 to 255 bytes and no control characters"));
    }
}

/// Checks attributes: names like codes, values of at most 4096 bytes.
fn attributes(attributes: &BTreeMap<String, String>, place: &Place, problems: &mut Problems<'_>) {
    names(&attributes.keys().cloned().collect(), place, "attributes", problems);
    for (name, _) in attributes.iter().filter(|(_, value)| value.len() > 4096) {
        problems.add(place, "attributes", format!("{name:?} must have at most 4096 bytes"));
    }
}
